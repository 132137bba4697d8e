"""The losses of rows at every draw of chains."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_learnability._validation import check_count
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.learning_coefficient._posed import Run, draw_seed, posed
from sklearn_learnability.torch.learning_coefficient._posterior_losses import (
    PosteriorLosses,
    RowLosses,
)
from sklearn_learnability.torch.learning_coefficient._row_recorder import RowRecorder
from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._data_rows import Batch, DataRows, data_rows, some_rows
from sklearn_learnability.torch.models._devices import dtype_of
from sklearn_learnability.torch.models._empirical_loss import MOST_ROWS_WEIGHED, EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._growing_array import GrowingArray
from sklearn_learnability.torch.models._named_checkpoints import file_name
from sklearn_learnability.torch.models._store import Store

Observable = Callable[[nn.Module], Any]
ROWS_AT_ONCE, WORK_AT_ONCE = 256, 1e7  # rows to a batch, rows x parameters


def draw_losses(
    estimator: LocalLearningCoefficient,
    model: nn.Module,
    data: Any,
    *,
    rows: Mapping[str, Any] | None = None,
    row_loss: Loss | None = None,
    observables: Mapping[str, Observable] | None = None,
    every: int = 1,
    per_token: bool = False,
    chance_loss: float | None = None,
    store: str | os.PathLike[str] | None = None,
) -> PosteriorLosses:
    r"""Sample the posterior around a model; keep the losses of rows, in nats, at every draw.

    .. math::

       \ell_i(w_1), \ell_i(w_2), \ldots \quad w \sim p(w) \propto
       \exp(-n\beta L_n(w) - \tfrac{\gamma}{2} \lVert w - w^* \rVert^2)

    The chains are those of the local learning coefficient, whose estimate comes with them. What
    else they tell, each number with its error, are methods of the result: which rows the
    coefficient is made of, which rows a prediction rests on, how a quantity answers to other data,
    and information criteria.

    Parameters
    ----------
    estimator : LocalLearningCoefficient
        All other settings.
    model : Module
        The model. Its parameters are at w*.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them.
    rows : dict of str to object, default=None
        Rows whose losses are kept, by name, each as `data`. The first are those of `data`, or some
        of them: what methods take where no name is given. None keeps those of `data`, as "data".
    row_loss : Module or callable, default=None
        Loss that is kept of rows, where it is another than the chains run on: without a penalty of
        the weights that the loss adds itself, for one, which is no loss of a row. None takes that
        of the estimator, to which `weight_decay` adds nothing here.
    observables : dict of str to callable, default=None
        Functions of the model that return a number, kept at every draw too, by name. One may do
        whatever else is wanted at every draw. They see the model with the parameters of a draw.
    every : int, default=1
        Keep one draw of so many.
    per_token : bool, default=False
        Whether to keep the loss of every token, or other target, instead of the mean of each row.
    chance_loss : float, default=None
        Loss of a prediction that ignores its input: as in
        :meth:`LocalLearningCoefficient.estimate`.
    store : path-like, default=None
        Where to keep what is done: a folder of the chains and of an .npy file of losses (n_draws,
        n_chains, n_rows) for each name, written draw by draw. A killed run goes on from it.

    Returns
    -------
    PosteriorLosses
        The losses, and the estimate of the coefficient.

    Raises
    ------
    ValueError
        If a name stands for rows and an observable, no rows are named or none has a target that
        counts, tokens are asked of a loss that has none, an observable returns no number, or as in
        :meth:`LocalLearningCoefficient.estimate`.
    CheckpointError
        If `store` is damaged.

    References
    ----------
    .. [1] Watanabe, S. (2010). Asymptotic equivalence of Bayes cross validation and widely
       applicable information criterion in singular learning theory. Journal of Machine Learning
       Research, 11, 3571-3594.
    .. [2] Kreer, P. A., Wu, W., Adam, M., Furman, Z., & Hoogland, J. (2025). Bayesian influence
       functions for Hessian-free data attribution. arXiv:2509.26544.
    .. [3] Baker, G., Wang, G., Hoogland, J., & Murfet, D. (2025). Structural inference:
       interpreting small language models with susceptibilities. arXiv:2504.18274.

    Examples
    --------
    Of a linear regression, half as many as its parameters are shared out to the rows.

    >>> import torch
    >>> from sklearn_learnability.torch import LocalLearningCoefficient, draw_losses
    >>> from sklearn_learnability.torch import half_squared_error
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(500, 4)
    >>> y = X.sum(1, keepdim=True) + torch.randn(500, 1)
    >>> model = torch.nn.Linear(4, 1, bias=False)
    >>> model.weight.data = torch.linalg.lstsq(X, y).solution.T
    >>> llc = LocalLearningCoefficient(
    ...     half_squared_error,
    ...     sampler="leimkuhler-matthews",
    ...     n_draws=1000,
    ...     random_state=0,
    ...     progress=False,
    ... )
    >>> losses = draw_losses(llc, model, (X, y))
    >>> losses.rows["data"].losses.shape[2]
    500
    >>> print(f"{losses.contributions().total:.0f}")
    2
    """
    check_count("every", every)
    named, functions = _check_names({"data": data} if rows is None else rows, observables or {})
    folder = None if store is None else Path(store)
    any_seed = estimator.random_state is None and store is not None  # also that of a killed run
    seed = None if any_seed else draw_seed(estimator.random_state)
    with posed(estimator.get_params(deep=False), model, data) as loss:
        chains = None if folder is None else folder / "chains.pt"
        begun = loss.begin(Run(seed, chance_loss, chains, every_row=True))
        surface = loss.surface
        if loss.exact is not None and begun.plan.sampler == "hamiltonian":
            surface = loss.exact
        kept = estimator.loss if row_loss is None else row_loss
        settings = {**loss.settings, "loss": kept}
        recorder = DrawRecorder(surface, settings, named, functions, every, per_token, folder)
        return recorder.result(loss.estimate(begun, recorder))


class DrawRecorder:
    """Writes down the losses of rows, and observables, at every draw of chains that is kept."""

    def __init__(
        self,
        surface: EmpiricalLoss,
        settings: Mapping[str, Any],
        rows: Mapping[str, Any],
        observables: Mapping[str, Observable],
        every: int,
        per_token: bool,
        folder: Path | None,
    ) -> None:
        self.surface, self.every, self.folder = surface, every, folder
        self.observables = observables
        tables = {
            name: data_rows(table, self.surface.device, dtype_of(self.surface.module.model))
            for name, table in rows.items()
        }
        store = Store(
            None if folder is None else folder / "rows.pt",
            "losses of rows",
            {"every": every, "per_token": per_token},
            model=self.surface.module.model,
            loss=settings["loss"],
            rows=tables,
            observables=dict(observables),
        )
        if store.read() is None:
            store.write({}, keep=True)
        fit = round(min(max(WORK_AT_ONCE / self.surface.n_parameters, 16), ROWS_AT_ONCE))
        size = settings["batch_size"] or fit
        size = min(size, settings["micro_batch_size"] or size)

        def recorder_of(table: DataRows) -> RowRecorder:
            return RowRecorder(self.surface, table, settings["loss"], per_token, size)

        self.recorders = {name: recorder_of(table) for name, table in tables.items()}
        empty = [name for name, recorder in self.recorders.items() if not len(recorder.row)]
        if empty:
            raise ValueError(f"Expected targets that count in {empty[0]!r}, got none in all rows.")
        self.n_targets = (self.surface.weight_per_row or 1.0) * self.surface.rows.n
        if per_token or settings["loss"] is not self.surface.module.loss:
            self.n_targets = n_targets_of(self.surface.rows, recorder_of)
        in_double = any(t.dtype == torch.float64 for t in self.surface.start.values())
        self.dtype = np.float64 if in_double else np.float32
        self.arrays: dict[str, GrowingArray] = {}

    def __call__(self, flat: FlatLoss, draw: int, positions: Tensor) -> None:
        """Write a draw down, if it is one that is kept."""
        if draw % self.every:
            return
        n_chains, number = len(positions), draw // self.every
        for name, recorder in self.recorders.items():
            self._array(name, n_chains).write(number, recorder.at(flat, positions))
        for name, function in self.observables.items():
            values = [self._observed(name, function, flat, position) for position in positions]
            self._array(name, n_chains).write(number, np.array(values))

    def _array(self, name: str, n_chains: int) -> GrowingArray:
        """Return the array of some rows or an observable."""
        if name not in self.arrays:
            path = None if self.folder is None else self.folder / f"{file_name(name)}.npy"
            recorder = self.recorders.get(name)
            if recorder is None:
                self.arrays[name] = GrowingArray(path, (n_chains,), np.float64)
            else:
                shape = (n_chains, len(recorder.row))
                self.arrays[name] = GrowingArray(path, shape, self.dtype)
        return self.arrays[name]

    def _observed(self, name: str, function: Observable, flat: FlatLoss, position: Tensor) -> float:
        """Return a function of the model at a position."""

        def of_model(model: nn.Module, loss: Loss, batch: Batch) -> Any:
            return function(model)

        with torch.no_grad():
            value = self.surface.call(of_model, flat.unflatten(position), None)
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"Expected a number from the observable {name!r}, got {type(value).__name__}."
            ) from error

    def result(self, estimate: LLCEstimate) -> PosteriorLosses:
        """Return what was written down, of the draws that the estimate is of."""
        n_chains, n_draws = estimate.loss_trace.shape
        n_kept = -(-n_draws // self.every)
        kept = {
            name: self._array(name, n_chains).read(n_kept).swapaxes(0, 1)
            for name in [*self.recorders, *self.observables]
        }
        return PosteriorLosses(
            estimate=estimate,
            rows={
                name: RowLosses(kept[name], r.initial, r.weights, r.row, r.position)
                for name, r in self.recorders.items()
            },
            observables={name: kept[name] for name in self.observables},
            n_targets=self.n_targets,
            every=self.every,
        )


def n_targets_of(rows: DataRows, recorder_of: Callable[[DataRows], RowRecorder]) -> float:
    """Return how many targets the data have, counted as those of the losses that are kept.

    Of rows that are not in memory some stand for all.
    """
    seen = rows.n if rows.in_memory else min(rows.n, MOST_ROWS_WEIGHED)
    spread = torch.arange(seen) * rows.n // seen
    return float(recorder_of(some_rows(rows, spread)).weights.sum()) * rows.n / seen


def _check_names(
    rows: Mapping[str, Any], observables: Mapping[str, Observable]
) -> tuple[Mapping[str, Any], Mapping[str, Observable]]:
    """Refuse no rows, and one name for two things."""
    if not isinstance(rows, Mapping) or not rows:
        raise ValueError(f"Expected rows by name, as {{'train': data}}, got {type(rows).__name__}.")
    twice = [name for name in observables if name in rows]
    if twice:
        raise ValueError(f"Expected names of either rows or observables, got {twice[0]!r} of both.")
    return rows, observables
