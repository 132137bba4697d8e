"""What Langevin chains note of every step, and what follows from it besides the value."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    standard_error_between,
    standard_error_within,
)

Floats = NDArray[np.float64]
STEPS_BETWEEN_SECONDS = 5  # steps of which one is looked at on a second batch


class Figure(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


UNKNOWN = Figure(math.nan, math.nan)


@dataclass(frozen=True)
class ChainTraces:
    """What was noted of each chain at each step, (n_chains, n_steps), NaN where nothing was.

    `excess` is L(w) - L(w*) on the batch of the step, `second` the same on another batch, now and
    then, and `distance` is |w - w*|^2.
    """

    excess: Floats
    second: Floats
    distance: Floats

    @classmethod
    def empty(cls, n_chains: int, n_steps: int) -> Self:
        """Return traces without a step."""
        return cls(*(np.full((n_chains, n_steps), np.nan) for _ in range(3)))

    def whole_draws(self, n_discarded: int) -> "ChainTraces":
        """Return the draws kept, of the chains that are finite throughout."""
        kept = ChainTraces(*(part[:, n_discarded:] for part in vars(self).values()))
        whole = np.isfinite(kept.excess).all(axis=1)
        return ChainTraces(*(part[whole] for part in vars(kept).values()))


def pull_takes(draws: ChainTraces, inverse_temperature: float, localization: float) -> Figure:
    r"""Return what the pull takes from the value, to first order.

    .. math:: -\frac{d \, t E[K]}{d \log \gamma}
              = \frac{\gamma}{2} \operatorname{Cov}(t K, |w - w^*|^2)

    With a curvature h it is t h gamma / 2 (t h + gamma)^2: what a weak pull takes, and less than
    a strong one does.
    """
    if draws.excess.shape[0] < 2 or not np.isfinite(draws.distance).all():
        return UNKNOWN
    energy = inverse_temperature * draws.excess
    away = draws.distance - draws.distance.mean()
    products = localization / 2 * (energy - energy.mean()) * away
    return figure_of(products)


def variance_by_two_batches(draws: ChainTraces, inverse_temperature: float) -> Figure:
    """Return the variance of t K: the covariance of two batches, whose noise is not the same."""
    seen = np.isfinite(draws.second).all(axis=0)
    if draws.second.shape[0] < 2 or seen.sum() < 2:
        return UNKNOWN
    one, other = (
        inverse_temperature * (part[:, seen] - part[:, seen].mean())
        for part in (draws.excess, draws.second)
    )
    return figure_of(one * other)


def figure_of(draws: Floats) -> Figure:
    """Return the mean of draws and the larger of its standard errors."""
    errors = standard_error_between(draws), standard_error_within(draws)
    return Figure(float(draws.mean()), float(np.fmax(*errors)))
