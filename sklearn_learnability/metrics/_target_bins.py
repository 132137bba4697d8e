"""Bins of a number that is to be predicted: where its densities are compared."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from sklearn.utils import column_or_1d

from sklearn_learnability._validation import Floats, Integers, as_numbers, readable, warn
from sklearn_learnability.exceptions import FewValuesWarning, ResolutionWarning
from sklearn_learnability.metrics._forecasts import LARGEST_TARGET

#: Bins, as far as there are values. A bivariate Gaussian loses at most .0004 of L to them.
N_BINS = 100
#: The outermost levels, in standard deviations of a Gaussian.
OUTERMOST = 3.2
#: Bins at either end that say nothing of the size of the middle, and how far that reaches.
OUTER_SHARE, REACH = 0.1, 12.0
#: A learnability that values cannot come near, and a share of the bins' entropy that is all.
NEAR_ALL, MOST_OF_BINS = 0.95, 0.8
#: Loss of a value that is as far off as any, in nats.
MOST_LOSS = 1e300


@dataclass(frozen=True, eq=False)
class TargetBins:
    """Neighbouring intervals of the target, each of which holds a row.

    Attributes
    ----------
    edges : ndarray of shape (G - 1,)
        Inner ends, rising. A value on an edge belongs to the upper bin.
    mass : ndarray of shape (G,)
        Share of the weight in every bin.
    means : ndarray of shape (G,)
        Mean of the rows of every bin.
    tails : tuple of float
        Mean distance from the first and from the last edge, in the outermost bins.
    values, levels : ndarray
        Distinct values, rising, and the share of the weight below each and half of its own.
    """

    edges: Floats
    mass: Floats
    means: Floats
    tails: tuple[float, float]
    values: Floats
    levels: Floats

    @classmethod
    def of(cls, y: Floats, weight: Floats, n_bins: int = N_BINS) -> Self:
        """Return the bins of the rows that have weight, finer in the tails than equal shares."""
        values, inverse = np.unique(y[weight > 0], return_inverse=True)
        share = as_floats(np.bincount(inverse, weights=weight[weight > 0]) / weight.sum())
        below = np.cumsum(share)
        last = np.searchsorted(below, edge_levels(n_bins))
        last = np.unique(last[last < len(values) - 1])
        edges = values[last] / 2 + values[last + 1] / 2
        edges = np.where(edges > values[last], edges, values[last + 1])
        codes = np.searchsorted(edges, values, side="right")
        mass = as_floats(np.bincount(codes, weights=share))
        means = np.bincount(codes, weights=share * values) / mass
        tails = (edges[0] - means[0], means[-1] - edges[-1]) if len(edges) else (0.0, 0.0)
        return cls(edges, mass, means, tails, values, below - share / 2)

    @property
    def entropy(self) -> float:
        """Return the entropy of the bins in nats: no inputs can tell more."""
        return float(-self.mass @ np.log(self.mass))

    @property
    def edge_ranks(self) -> Floats:
        """Return the Gaussian scores of the edges: they split it into the bins' shares."""
        return ndtri(np.cumsum(self.mass)[:-1])

    @property
    def scale(self) -> float:
        """Return the distance from a bin to the next, the median over the rows.

        An outlier, or whole bins of them, leave it as it is.
        """
        gaps = np.diff(self.means)
        if not len(gaps):
            return 1.0
        nearest = np.minimum(np.append(gaps, np.inf), np.append(np.inf, gaps))
        order = np.argsort(nearest)
        middle = np.searchsorted(np.cumsum(self.mass[order]), 0.5)
        return float(nearest[order][min(middle, len(order) - 1)])

    def without_outliers(self, y: Floats) -> Floats:
        """Return values, those far beyond the inner bins as at the end of what these reach."""
        n_outer = int(np.ceil(OUTER_SHARE * len(self.means)))
        inner = self.means[n_outer:-n_outer]
        if len(inner) < 2:
            return y
        middle, reach = inner[0] / 2 + inner[-1] / 2, REACH * (inner[-1] / 2 - inner[0] / 2)
        return np.clip(y, middle - reach, middle + reach)

    def codes(self, y: Floats) -> Integers:
        """Return the bin of every value."""
        return np.searchsorted(self.edges, y, side="right")

    def ranks(self, y: Floats) -> Floats:
        """Return the Gaussian scores of values, by their rank."""
        return ndtri(np.interp(y, self.values, self.levels))

    def log_density_within(self, y: Floats) -> Floats:
        """Return the log-density of every value inside its bin, in nats.

        Even between two edges, exponential beyond the outermost; finite for every float.
        """
        widths = np.concatenate([[np.nan], np.diff(self.edges), [np.nan]])
        codes = self.codes(y)
        inside = -np.log(widths)[codes]
        low, high = (max(tail, np.finfo(np.float64).tiny) for tail in self.tails)
        with np.errstate(over="ignore"):
            below = -np.log(low) - np.minimum((self.edges[0] - y) / low, MOST_LOSS)
            above = -np.log(high) - np.minimum((y - self.edges[-1]) / high, MOST_LOSS)
        return np.where(codes == 0, below, np.where(codes == len(self.edges), above, inside))

    def quantiles(self, cumulative: Floats, levels: Floats) -> Floats:
        """Return the quantiles of a distribution given by its shares below the edges."""
        inner = np.interp(levels, cumulative, self.edges)
        low, high = (max(tail, np.finfo(np.float64).tiny) for tail in self.tails)
        below = self.edges[0] + low * np.log(np.minimum(levels / cumulative[0], 1))
        rest = (1 - levels) / max(1 - cumulative[-1], np.finfo(np.float64).tiny)
        above = self.edges[-1] - high * np.log(np.minimum(rest, 1))
        return np.where(
            levels < cumulative[0], below, np.where(levels > cumulative[-1], above, inner)
        )

    def merged(self, n_bins: int) -> Integers:
        """Return for every bin which of fewer, of about equal shares, it belongs to."""
        middle = np.cumsum(self.mass) - self.mass / 2
        coarse = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
        return np.unique(coarse, return_inverse=True)[1]


def edge_levels(n_bins: int) -> Floats:
    r"""Return the shares below the edges, :math:`\Phi(t)` with t from :math:`N(0, 2)`, cut off.

    Between bins of equal shares, which are wide in the tails, and of equal width, which are few in
    the middle.
    """
    root = np.sqrt(2.0)
    outside = ndtr(-OUTERMOST / root)
    steps = np.arange(1, n_bins) / n_bins
    return ndtr(root * ndtri(outside + (1 - 2 * outside) * steps))


def as_floats(values: Any) -> Floats:
    """Return values as float64."""
    return np.asarray(values, dtype=np.float64)


def check_target(y: ArrayLike) -> Floats:
    """Return targets as float64, refusing what is no finite number a row."""
    readable_y = readable("y", y)
    try:
        values = np.asarray(column_or_1d(readable_y, warn=True))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected y as a 1d array, one number a row, got {type(y).__name__}: {error}"
        ) from None
    if len(values) == 0:
        raise ValueError("Expected at least one row, got no targets.")
    try:
        target = as_numbers("y", values)
    except ValueError:
        raise ValueError(
            "Expected numbers as y, got others. Unknown label type: class labels go to "
            "GoldenModelCeiling."
        ) from None
    if not np.isfinite(target).all():
        raise ValueError(
            f"Expected finite targets, got {np.sum(~np.isfinite(target))} that are not. Input y "
            "contains NaN, infinity or a value too large for float64."
        )
    if np.abs(target).max() > LARGEST_TARGET:
        raise ValueError(
            f"Expected targets of at most {LARGEST_TARGET:g} in size, got {np.abs(target).max():g}."
        )
    return target


def warn_of_resolution(bins: TargetBins, nats: float) -> None:
    """Warn where y has few values, or the inputs tell nearly all that bins can hold."""
    most = -np.expm1(-2 * bins.entropy)
    if most < NEAR_ALL:
        warn(
            f"y has {len(bins.values)} distinct values that hold {bins.entropy:.2f} nats: the "
            f"learnability 1 - exp(-2 I) cannot exceed {most:.2f}. Pass them as classes to "
            "GoldenModelCeiling for a share of what they hold.",
            FewValuesWarning,
        )
    elif nats > MOST_OF_BINS * bins.entropy:
        warn(
            f"The inputs tell {nats:.2f} of the {bins.entropy:.2f} nats that {len(bins.mass)} bins "
            "of y can hold: they all but fix y, the information is more than that or has no bound, "
            "and the interval does not count it.",
            ResolutionWarning,
        )
