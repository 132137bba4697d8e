"""The losses of rows at every draw of chains, and what they tell."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result
from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import NotFiniteError, UnconvergedChainsWarning
from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    effective_sample_size,
)
from sklearn_learnability.torch.learning_coefficient._influence import Influence
from sklearn_learnability.torch.learning_coefficient._information_criteria import (
    InformationCriteria,
    information_criteria,
)
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._posterior_moments import (
    covariance_over_draws,
    mean_over_draws,
)
from sklearn_learnability.torch.learning_coefficient._row_contributions import RowContributions
from sklearn_learnability.torch.learning_coefficient._susceptibility import Susceptibility

Draws = NDArray[np.floating]
Floats = NDArray[np.float64]
FEWEST_EFFECTIVE_DRAWS = 50  # a correlation is known to .14 then


@dataclass(frozen=True, eq=False)
class RowLosses(Result):
    """The losses of some rows, or of their tokens, at every draw that was kept.

    Attributes
    ----------
    losses : ndarray of shape (n_chains, n_draws, n_rows)
        The mean loss of each; mapped into memory where it is on disk.
    initial : ndarray of shape (n_rows,)
        The same at w*.
    weights : ndarray of shape (n_rows,)
        How many targets each counts for: 1 for most losses. What counts for none is left out.
    row, position : ndarray of shape (n_rows,)
        Number of the row, and the token's position in it, 0 where all of the row counts at once.
    """

    losses: Draws
    initial: Floats
    weights: Floats
    row: NDArray[np.integer]
    position: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class PosteriorLosses(Result):
    """The losses of rows at every draw of chains around w*, and what they tell.

    Where no name is given, the first rows are taken. Each number comes with its standard error, of
    finite chains alone, and its drift: that of the second half of the chains less that of the
    first. Chains that the estimate leaves out are left out.

    Attributes
    ----------
    estimate : LLCEstimate
        The local learning coefficient from the same chains, its settings and flags.
    rows : dict of str to RowLosses
        The losses, by the names given.
    observables : dict of str to ndarray of shape (n_chains, n_draws)
        Functions of the model at every draw, by name.
    n_targets : float
        Number of targets of the data, rows or tokens, counted as those of the losses kept.
    every : int
        One draw of so many was kept.
    """

    estimate: LLCEstimate
    rows: Mapping[str, RowLosses]
    observables: Mapping[str, Draws]
    n_targets: float
    every: int

    @property
    def inverse_temperature(self) -> float:
        """The inverse temperature of one target: 1 is that of Bayes' posterior."""
        return self.estimate.settings.inverse_temperature / self.n_targets

    def contributions(self, of: str | None = None) -> RowContributions:
        """Return what each of some rows adds to the local learning coefficient."""
        rows = self._rows(of)
        self._check_draws()
        t = self.estimate.settings.inverse_temperature
        draws = self._used(rows.losses)
        each = mean_over_draws(draws)
        total = mean_over_draws(t * (mean_loss(rows, draws) - mean_loss(rows, rows.initial)))
        return RowContributions(
            t * (each.value - rows.initial),
            t * each.standard_error,
            t * each.drift,
            rows.row,
            rows.position,
            *map(float, total),
        )

    def influence(self, on: str, of: str | None = None, *, average: bool = False) -> Influence:
        """Return the influence of rows on each loss of others, their mean, or an observable."""
        rows = self._rows(of)
        self._check_draws()
        alone = average or on in self.observables
        value = self._quantity(on) if alone else self._used(self._rows(on).losses)
        found = covariance_over_draws(self._used(rows.losses), value)
        scale = self.inverse_temperature * rows.weights[:, None]
        none = np.array([-1])
        return Influence(
            scale * found.value,
            scale * found.standard_error,
            scale * found.drift,
            rows.row,
            rows.position,
            none if alone else self._rows(on).row,
            none if alone else self._rows(on).position,
        )

    def susceptibility(
        self, to: str, observable: str | None = None, base: str | None = None
    ) -> Susceptibility:
        """Return how an observable, or a mean loss, answers to more rows like some."""
        rows = self._rows(to)
        self._check_draws()
        of_base = mean_loss(self._rows(base), self._used(self._rows(base).losses))
        quantity = self._quantity(observable)
        t = self.estimate.settings.inverse_temperature
        draws = self._used(rows.losses)
        each = covariance_over_draws(quantity, draws - of_base[:, :, None])
        changed = (mean_loss(rows, draws) - of_base)[:, :, None]
        total = covariance_over_draws(quantity, changed)
        return Susceptibility(
            -t * each.value[0],
            t * each.standard_error[0],
            -t * each.drift[0],
            rows.row,
            rows.position,
            float(-t * total.value[0, 0]),
            float(t * total.standard_error[0, 0]),
            float(-t * total.drift[0, 0]),
        )

    def information_criteria(self, of: str | None = None) -> InformationCriteria:
        """Return singular fluctuation, WAIC and WBIC from the losses of some rows."""
        rows = self._rows(of)
        self._check_draws()
        return information_criteria(
            self._used(rows.losses),
            rows.initial,
            rows.weights,
            self.inverse_temperature,
            self.n_targets,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a draw of a chain: mean losses of all rows, and the observables."""
        names = [*self.rows, *self.observables]
        values = {name: self._mean_of(name) for name in names}
        n_chains, n_draws = next(iter(values.values())).shape
        chains = np.flatnonzero(self.estimate.used)
        table = {
            "chain": np.repeat(chains, n_draws),
            "draw": np.tile(self.every * np.arange(n_draws), n_chains),
        }
        return pd.DataFrame(table | {name: value.ravel() for name, value in values.items()})

    def _rows(self, name: str | None) -> RowLosses:
        """Return the losses of rows of a name, the first by default."""
        name = next(iter(self.rows)) if name is None else name
        if name not in self.rows:
            raise ValueError(f"Expected rows named one of {list(self.rows)}, got {name!r}.")
        return self.rows[name]

    def _quantity(self, name: str | None) -> Floats:
        """Return what covariances are of, (n_chains, n_draws, 1): finite at every draw."""
        values = self._mean_of(name)
        n_bad = int((~np.isfinite(values)).sum())
        if n_bad:
            raise NotFiniteError(
                f"Expected finite values of {name!r} at every draw, got others at {n_bad} of "
                f"{values.size}. `to_frame` lists them."
            )
        return values[:, :, None]

    def _mean_of(self, name: str | None) -> Floats:
        """Return an observable, or the mean loss of rows, at every draw of chains that count."""
        if name is not None and name in self.observables:
            return np.asarray(self._used(self.observables[name]), dtype=np.float64)
        rows = self._rows(name)
        return mean_loss(rows, self._used(rows.losses))

    def _used(self, draws: Draws) -> Draws:
        """Return the draws of the chains that count."""
        return draws if self.estimate.used.all() else draws[self.estimate.used]

    def _check_draws(self) -> None:
        """Warn where the mean loss has too few effective draws."""
        found = effective_sample_size(self._mean_of(None))
        if not found >= FEWEST_EFFECTIVE_DRAWS:
            warn(
                f"The draws kept are worth {found:.0f} independent ones, fewer than "
                f"{FEWEST_EFFECTIVE_DRAWS}: covariances are noise. Draw more.",
                UnconvergedChainsWarning,
            )


def mean_loss(rows: RowLosses, losses: Draws) -> Floats:
    """Return the mean of losses (..., n_rows), weighted as the rows count."""
    return np.asarray(losses @ (rows.weights / rows.weights.sum()), dtype=np.float64)
