"""The complexity of a model while it is trained: each step kept as it is measured."""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from torch import nn

from sklearn_learnability._results import Result, table_of_named
from sklearn_learnability.exceptions import NotFiniteError, SamplingError
from sklearn_learnability.torch.compression._critical_amount import Scheme, critical_amount
from sklearn_learnability.torch.compression._quantization import Quantization
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._step_callback import StepCallback
from sklearn_learnability.torch.models._store import Store

SETTINGS = ("inverse_temperature", "localization")


@dataclass(frozen=True, eq=False)
class ComplexityStep(Result):
    """How complex a model was at a step of its training.

    Attributes
    ----------
    loss : float
        Its loss, on the rows that compression is measured on.
    llc, llc_standard_error : float
        The local learning coefficient and its standard error.
    excess_loss : float
        How far above the model its chains went.
    flags : tuple of str
        Codes of what speaks against the coefficient.
    critical, size : float
        The critical amount of the scheme, and the size of the model there, in the scheme's unit:
        bits a coordinate for quantization. NaN where the loss never rose by the tolerance.
    status : {"crossed", "never crossed", "crossed at once"}
        Whether it did.
    """

    loss: float
    llc: float
    llc_standard_error: float
    excess_loss: float
    flags: tuple[str, ...]
    critical: float
    size: float
    status: str

    def to_frame(self) -> pd.DataFrame:
        """Return the step as a table of one row."""
        return pd.DataFrame([asdict(self) | {"flags": ", ".join(self.flags)}])


@dataclass(frozen=True, eq=False)
class ComplexityTrajectory(Result):
    """How the complexity of a model went over its training.

    Attributes
    ----------
    steps : tuple of int
        The steps.
    points : tuple of ComplexityStep
        What was measured at each.
    skipped : tuple of (str, str)
        Each step whose loss was not finite, and why.
    """

    steps: tuple[int, ...]
    points: tuple[ComplexityStep, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a step."""
        return table_of_named("step", self.steps, self.points)


class ComplexityCallback(StepCallback[ComplexityStep]):
    """Measure how complex a model is while it is trained, and keep each step.

    The local learning coefficient and the critical amount of a compression, higher is more complex,
    all at one setting. One of the callbacks of transformers' `Trainer`, or called in a loop of
    one's own; a skorch net takes what `for_skorch()` returns. A model comes out of it as it went
    in, as of :class:`InformationPlaneCallback`.

    Parameters
    ----------
    llc : LocalLearningCoefficient
        How to measure the coefficient. Its sampler, inverse temperature and localization are given,
        and so is a `random_state`: steps are compared.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them. Those of the coefficient.
    store : path-like
        Where to keep what is done: a folder with a file for each step. A step that it holds of the
        same weights is not measured again.
    at_steps : int or collection of int, default=100
        When to measure: at all multiples of a number of steps, or at these steps.
    compression_loss : Module or callable, default=None
        The loss that compression raises; None takes that of `llc`.
    compression_data : object, default=None
        The rows that compression is measured on. None takes `data`.
    scheme : CompressionScheme or callable, default=None
        How to compress: None is :class:`Quantization` as it comes.
    tolerance : float, default=0.5
        The increase of the loss that is tolerated, in the units of the loss.

    Attributes
    ----------
    seconds_ : float
        What measuring has taken so far, in this process.

    Raises
    ------
    ValueError
        If a setting of `llc` is left to be chosen, `store` holds steps of other settings or rows,
        or a step is not a whole number.
    CheckpointError
        If a file of `store` is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> from sklearn_learnability.torch import ComplexityCallback, LocalLearningCoefficient
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(200, 4)
    >>> y = X @ torch.arange(1.0, 5.0)[:, None]
    >>> model = torch.nn.Linear(4, 1)
    >>> llc = LocalLearningCoefficient(
    ...     torch.nn.MSELoss(),
    ...     sampler="leimkuhler-matthews",
    ...     inverse_temperature=100.0,
    ...     localization=1.0,
    ...     n_draws=100,
    ...     batch_size=200,
    ...     random_state=0,
    ...     progress=False,
    ... )
    >>> callback = ComplexityCallback(
    ...     llc, (X, y), store=tempfile.mkdtemp(), at_steps=[60], tolerance=0.01
    ... )
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    >>> for step in range(61):
    ...     _ = callback(model, step)
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.mse_loss(model(X), y).backward()
    ...     optimizer.step()
    >>> callback.trajectory().to_frame()[["step", "llc", "critical"]].round(0)
       step  llc  critical
    0    60  2.0      56.0
    """

    faults: ClassVar[tuple[type[Exception], ...]] = (NotFiniteError, SamplingError)

    def __init__(
        self,
        llc: LocalLearningCoefficient,
        data: Any,
        *,
        store: str | os.PathLike[str],
        at_steps: int | Collection[int] = 100,
        compression_loss: Loss | None = None,
        compression_data: Any = None,
        scheme: Scheme | None = None,
        tolerance: float = 0.5,
    ) -> None:
        super().__init__(Path(store), at_steps)
        check_one_setting(llc)
        if not tolerance > 0:
            raise ValueError(f"Expected a tolerance above 0, got {tolerance}.")
        self.llc, self.tolerance = llc, tolerance
        self.compression_loss = llc.loss if compression_loss is None else compression_loss
        self.scheme = Quantization() if scheme is None else scheme
        self._rows = data_rows(data)
        self._compressed_rows = (
            self._rows if compression_data is None else data_rows(compression_data)
        )
        self._data = data
        self._compression_data = data if compression_data is None else compression_data
        self._check_store()

    def trajectory(self) -> ComplexityTrajectory:
        """Return what the store holds.

        Where a model was measured here, it is that of its steps, up to the last one met.

        Returns
        -------
        ComplexityTrajectory
            One point a step.

        Raises
        ------
        ValueError
            If there is none.
        """
        points = self._met()
        return ComplexityTrajectory(
            tuple(points), tuple(points.values()), tuple(self._skipped.items())
        )

    def _measure(self, model: nn.Module) -> ComplexityStep:
        estimate = self.llc.estimate(model, self._data)
        critical = critical_amount(
            model,
            self.compression_loss,
            self._compression_data,
            self.scheme,
            tolerance=self.tolerance,
            progress=False,
        )
        return ComplexityStep(
            loss=critical.curve.baseline,
            llc=estimate.value,
            llc_standard_error=estimate.standard_error,
            excess_loss=estimate.excess_loss,
            flags=tuple(str(flag.code) for flag in estimate.flags),
            critical=critical.value,
            size=critical.size,
            status=critical.status,
        )

    def _depends_on(self, model: nn.Module) -> dict[str, Any]:
        """Return the weights, and which of them may vary."""
        free = [name for name, p in model.named_parameters() if p.requires_grad]
        return super()._depends_on(model) | {"free parameters": free}

    def _to_store(self, result: ComplexityStep) -> dict[str, Any]:
        return asdict(result) | {"flags": list(result.flags)}

    def _from_store(self, stored: Mapping[str, Any]) -> ComplexityStep:
        return ComplexityStep(**{**stored, "flags": tuple(stored["flags"])})

    def _file(self, step: int) -> Store:
        own = {
            name: value
            for name, value in self.llc.get_params(deep=False).items()
            if name not in ("loss", "device", "progress", "max_seconds", "micro_batch_size")
        }
        return Store(
            self.store / f"{step}.pt",
            "a complexity",
            {"llc": own, "scheme": self.scheme, "tolerance": self.tolerance},
            loss=self.llc.loss,
            compression_loss=self.compression_loss,
            data=self._rows,
            compression_data=self._compressed_rows,
        )


def check_one_setting(llc: Any) -> None:
    """Refuse an estimator that would choose its setting anew at every step."""
    if not isinstance(llc, LocalLearningCoefficient):
        raise TypeError(f"Expected llc as a LocalLearningCoefficient, got {type(llc).__name__}.")
    for name in SETTINGS:
        value = getattr(llc, name)
        if isinstance(value, str) or not math.isfinite(value):
            raise ValueError(
                f"Expected a number as {name} of llc, so that all steps are measured at one "
                f"setting, got {value!r}. `estimate` tells one that suits the first step."
            )
    if llc.sampler == "auto":
        raise ValueError(
            "Expected the sampler of llc by its name, so that all steps are measured by one, got "
            "'auto'."
        )
    if llc.random_state is None:
        raise ValueError("Expected a random_state of llc, so that steps are compared, got None.")
