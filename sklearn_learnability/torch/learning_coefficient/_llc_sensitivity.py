"""How far the local learning coefficient depends on what one chooses."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
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
from sklearn_learnability.torch.learning_coefficient._posed import Run, draw_seed, posed


@dataclass(frozen=True, eq=False)
class LLCSensitivity(Result):
    """Estimates of one coefficient at several settings.

    Attributes
    ----------
    seeds : tuple of int
        Seed of each estimate.
    estimates : tuple of LLCEstimate
        The estimates.
    """

    seeds: tuple[int, ...]
    estimates: tuple[LLCEstimate, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a setting and seed."""
        return table_of_named("seed", self.seeds, self.estimates)


def llc_sensitivity(
    estimator: LocalLearningCoefficient,
    model: nn.Module,
    data: Any,
    *,
    inverse_temperatures: Sequence[float | str] = ("auto",),
    localizations: Sequence[float | str] = ("auto",),
    seeds: Sequence[int] = (0, 1),
    chance_loss: float | None = None,
    store: str | os.PathLike[str] | None = None,
) -> LLCSensitivity:
    """Estimate the local learning coefficient at every combination of settings.

    What speaks against an estimate is in its row, not in a warning.

    Parameters
    ----------
    estimator : LocalLearningCoefficient
        All other settings.
    model : Module
        The model. Its parameters are at w*.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them.
    inverse_temperatures, localizations : sequence of float or "auto", default=("auto",)
        Inverse temperatures and pulls towards w*.
    seeds : sequence of int, default=(0, 1)
        Seeds of batches and noise.
    chance_loss : float, default=None
        Loss of a prediction that ignores its input: as in
        :meth:`LocalLearningCoefficient.estimate`.
    store : path-like, default=None
        Where to keep what is done: a folder of the chains. A killed run goes on from it.

    Returns
    -------
    LLCSensitivity
        The estimates.

    Raises
    ------
    ValueError
        As in :meth:`LocalLearningCoefficient.estimate`.

    See Also
    --------
    sklearn_learnability.displays.LLCSensitivityDisplay : A picture of it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import LocalLearningCoefficient, llc_sensitivity
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(200, 3)
    >>> y = torch.randn(200, 1)
    >>> model = torch.nn.Linear(3, 1, bias=False)
    >>> model.weight.data = torch.linalg.lstsq(X, y).solution.T
    >>> llc = LocalLearningCoefficient(
    ...     torch.nn.MSELoss(), sampler="leimkuhler-matthews", n_draws=400, progress=False
    ... )
    >>> found = llc_sensitivity(llc, model, (X, y), inverse_temperatures=(30, 60), seeds=(0,))
    >>> found.to_frame()[["inverse_temperature", "value"]].round(0)
       inverse_temperature  value
    0         30.0    1.0
    1         60.0    1.0
    """
    seeds_of_rows, found, plan = [], [], None
    for inverse_temperature, localization, seed in product(
        inverse_temperatures, localizations, seeds
    ):
        one = clone(estimator).set_params(
            inverse_temperature=inverse_temperature, localization=localization, random_state=seed
        )
        path = None
        if store is not None:
            path = (
                Path(store)
                / f"inverse_temperature_{inverse_temperature}_localization_{localization}_{seed}.pt"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearnabilityWarning)
            with posed(one.get_params(deep=False), model, data) as loss:
                begun = loss.begin(Run(draw_seed(seed), chance_loss, path, plan))
                found.append(loss.estimate(begun))
        plan = begun.plan  # that of the first for all
        seeds_of_rows.append(seed)
    return LLCSensitivity(tuple(seeds_of_rows), tuple(found))
