"""The local learning coefficient of parts of a model, the rest of it held as it is."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone
from torch import nn

from sklearn_learnability._results import Result, table_of_named
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.models._empirical_loss import Selection
from sklearn_learnability.torch.models._named_checkpoints import file_name

ALL = "all"


@dataclass(frozen=True, eq=False)
class LLCByPart(Result):
    """The local learning coefficient of all of a model, and of its parts.

    Attributes
    ----------
    names : tuple of str
        "all", and the names of the parts.
    estimates : tuple of LLCEstimate
        The estimate of each, with its standard error and flags.
    """

    names: tuple[str, ...]
    estimates: tuple[LLCEstimate, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a part, its name in the first column."""
        return table_of_named("part", self.names, self.estimates)


def llc_by_part(
    estimator: LocalLearningCoefficient,
    model: nn.Module,
    data: Any,
    parts: Sequence[str] | Mapping[str, Selection] | None = None,
    *,
    chance_loss: float | None = None,
    store: str | os.PathLike[str] | None = None,
) -> LLCByPart:
    """Estimate the local learning coefficient of parts of a model, the rest held at w*.

    Also known as weight-restricted. It counts the directions in which a part alone raises the loss:
    lower is simpler. First all that may vary is measured; its inverse temperature, pull and sampler
    are those of the parts too, so that the numbers compare. They need not add up to that of all,
    as parts may stand in for each other. What speaks against an estimate is in its row, not in a
    warning.

    Parameters
    ----------
    estimator : LocalLearningCoefficient
        All other settings.
    model : Module
        The model. Its parameters are at w*.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them.
    parts : sequence of str, or dict of str to object, default=None
        Names of modules or parameters, or what else `parameters` of the estimator takes, by name,
        such as :func:`attention_head_parameters` returns. None takes every module that has
        parameters of its own that may vary.
    chance_loss : float, default=None
        Loss of a prediction that ignores its input: as in
        :meth:`LocalLearningCoefficient.estimate`.
    store : path-like, default=None
        Where to keep what is done: a folder of the chains of each part. A killed run goes on from
        it. Give the estimator a `random_state` as a number.

    Returns
    -------
    LLCByPart
        The estimates, of all first.

    Raises
    ------
    ValueError
        If no part is named, a part is called "all", a name is unknown, or as in
        :meth:`LocalLearningCoefficient.estimate`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import LocalLearningCoefficient, llc_by_part
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(500, 3)
    >>> y = X.sum(1, keepdim=True) + torch.randn(500, 1)
    >>> model = torch.nn.Linear(3, 1)
    >>> solution = torch.linalg.lstsq(torch.cat([X, torch.ones(500, 1)], 1), y).solution
    >>> model.weight.data, model.bias.data = solution[:3].T, solution[3]
    >>> llc = LocalLearningCoefficient(
    ...     torch.nn.MSELoss(),
    ...     sampler="leimkuhler-matthews",
    ...     n_draws=1000,
    ...     random_state=0,
    ...     progress=False,
    ... )
    >>> found = llc_by_part(llc, model, (X, y), ["weight", "bias"])
    >>> for name, estimate in zip(found.names, found.estimates):
    ...     print(name, round(2 * estimate.value) / 2, estimate.n_parameters)
    all 2.0 4
    weight 1.5 3
    bias 0.5 1
    """
    named = named_parts(model, parts)
    folder = None if store is None else Path(store)

    def estimate(name: str, settings: Mapping[str, Any]) -> LLCEstimate:
        one = clone(estimator).set_params(**settings)
        path = None if folder is None else folder / f"{file_name(name)}.pt"
        return one.estimate(model, data, chance_loss=chance_loss, store=path)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        whole = estimate(ALL, {})
        shared = {
            "sampler": whole.settings.sampler,
            "inverse_temperature": whole.settings.inverse_temperature,
            "localization": whole.settings.localization,
        }
        of_parts = [estimate(name, {**shared, "parameters": part}) for name, part in named.items()]
    return LLCByPart((ALL, *named), (whole, *of_parts))


def named_parts(
    model: nn.Module, parts: Sequence[str] | Mapping[str, Selection] | None
) -> dict[str, Selection]:
    """Return what may vary of each part, by name."""
    named: dict[str, Selection]
    if parts is None:
        of_modules: dict[str, list[str]] = {}
        for name, p in model.named_parameters():
            if p.requires_grad and p.is_floating_point():
                of_modules.setdefault(name.rpartition(".")[0] or name, []).append(name)
        named = dict(of_modules)
    elif isinstance(parts, Mapping):
        named = {str(name): part for name, part in parts.items()}
    else:
        named = {name: [name] for name in parts}
    if not named or ALL in named:
        raise ValueError(
            f"Expected at least one part of a model, none called {ALL!r}, got {list(named)}."
        )
    return named
