"""Standard errors and intervals of weighted means and of ratios of means."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.utils import check_random_state

from sklearn_learnability._validation import Floats, check_weights


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and two-sided interval.

    Attributes
    ----------
    value : float
        The estimate; NaN where it is undefined.
    standard_error : float
        Its standard error.
    lower, upper : float
        Ends of the two-sided interval.
    confidence : float
        Level of the interval.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as a table of one row."""
        return pd.DataFrame([asdict(self)])

    def lower_limit(self, confidence: float = 0.95) -> float:
        """Return the one-sided lower limit at the given level."""
        return self.value - float(norm.ppf(check_confidence(confidence))) * self.standard_error


UNDEFINED_ENDS = {"standard_error": float("nan"), "lower": float("nan"), "upper": float("nan")}


def check_confidence(confidence: float) -> float:
    """Return the level of confidence, refusing what is not inside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"Got confidence={confidence!r}, but expected a number inside (0, 1).")
    return confidence


def mean_standard_error(
    values: Floats, weight: Floats, groups: ArrayLike | None = None
) -> tuple[float, float]:
    r"""Return the weighted mean and its standard error, clustered by `groups` where given.

    .. math:: \mathrm{se}^2 = \frac{G}{G-1}
              \frac{\sum_g \left(\sum_{i \in g} w_i (v_i - \bar v)\right)^2}{(\sum_i w_i)^2}

    Weights say how much a row counts, not how often it was seen. Rows of one group may depend on
    each other in any way; without groups every row is its own. NaN for a single group.
    """
    total = weight.sum()
    mean = float(weight @ values / total)
    deviation = weight * (values - mean)
    if groups is not None:
        _, group_codes = np.unique(np.asarray(groups), return_inverse=True)
        n_units = len(np.unique(group_codes[weight > 0]))
        deviation = np.bincount(group_codes, weights=deviation)
    else:
        n_units = int((weight > 0).sum())
    if n_units < 2:
        return mean, float("nan")
    correction = n_units / (n_units - 1)
    return mean, float(np.sqrt(correction * (deviation**2).sum()) / total)


def mean_estimate(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Weighted mean of per-row values with a normal interval, clustered by `groups`."""
    values = np.asarray(values, dtype=np.float64)
    weight = check_weights(sample_weight, len(values))
    mean, error = mean_standard_error(values, weight, groups)
    margin = float(norm.ppf(0.5 + check_confidence(confidence) / 2)) * error
    return Estimate(mean, error, mean - margin, mean + margin, confidence)


def ratio_estimate(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""Ratio of two weighted means over the same rows, with its delta-method interval.

    .. math:: \hat r = \bar a / \bar b, \qquad
              \mathrm{se}(\hat r) = \mathrm{se}(\overline{a - \hat r b}) / |\bar b|

    Both means are of the same rows, so what they share cancels. NaN where the denominator is 0.
    """
    numerator = np.asarray(numerator, dtype=np.float64)
    denominator = np.asarray(denominator, dtype=np.float64)
    weight = check_weights(sample_weight, len(numerator))
    bottom = float(np.average(denominator, weights=weight))
    if bottom == 0:
        return Estimate(float("nan"), **UNDEFINED_ENDS, confidence=check_confidence(confidence))
    ratio = float(np.average(numerator, weights=weight)) / bottom
    _, error = mean_standard_error(numerator - ratio * denominator, weight, groups)
    error /= abs(bottom)
    margin = float(norm.ppf(0.5 + check_confidence(confidence) / 2)) * error
    return Estimate(ratio, error, ratio - margin, ratio + margin, confidence)


def bootstrap_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_resamples: int = 999,
    random_state: int | np.random.RandomState | None = None,
) -> Floats:
    """Return the ratio of weighted means over `n_resamples` resamplings of rows or of groups."""
    numerator = np.asarray(numerator, dtype=np.float64)
    denominator = np.asarray(denominator, dtype=np.float64)
    weight = check_weights(sample_weight, len(numerator))
    codes = np.arange(len(weight))
    if groups is not None:
        _, codes = np.unique(np.asarray(groups), return_inverse=True)
    tops = np.bincount(codes, weights=weight * numerator)
    bottoms = np.bincount(codes, weights=weight * denominator)
    rng = check_random_state(random_state)
    ratios = np.empty(n_resamples)
    for b in range(n_resamples):
        drawn = rng.randint(len(tops), size=len(tops))
        ratios[b] = tops[drawn].sum() / bottoms[drawn].sum()
    return ratios
