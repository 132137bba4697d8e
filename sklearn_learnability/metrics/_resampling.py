"""Standard errors and intervals of weighted means and of ratios of means."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    check_groups,
    check_random_state,
    check_weights,
    is_finite_number,
)


@dataclass(frozen=True, eq=False)
class Estimate(Result):
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
    if not is_finite_number(confidence) or not 0 < confidence < 1:
        raise ValueError(f"Expected confidence inside (0, 1), got {confidence!r}.")
    return confidence


def two_sided_quantile(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval."""
    return float(norm.isf((1 - check_confidence(confidence)) / 2))


def covariance_of_means(
    values: Floats, weight: Floats, groups: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    r"""Return the weighted means of the columns and the covariance of these means.

    .. math:: \mathrm{cov} = \frac{G}{G-1} \frac{\sum_g d_g d_g^T}{(\sum_i w_i)^2}, \qquad
              d_g = \sum_{i \in g} w_i (v_i - \bar v)

    Weights say how much a row counts, not how often it was seen. Rows of one group may depend on
    each other in any way; without groups every row is its own. NaN for a single group.
    """
    total = weight.sum()
    mean = weight @ values / total
    deviation = weight[:, None] * (values - mean)
    n_units = int((weight > 0).sum())
    if groups is not None:
        group_codes = check_groups(groups, len(weight))
        n_units = len(np.unique(group_codes[weight > 0]))
        deviation = np.column_stack([np.bincount(group_codes, weights=d) for d in deviation.T])
    if n_units < 2:
        return mean, np.full((values.shape[1], values.shape[1]), np.nan)
    correction = n_units / (n_units - 1)
    return mean, correction * (deviation.T @ deviation) / total**2


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
    means, covariance = covariance_of_means(values[:, None], weight, groups)
    mean, error = float(means[0]), float(np.sqrt(covariance[0, 0]))
    margin = two_sided_quantile(confidence) * error
    return Estimate(mean, error, mean - margin, mean + margin, confidence)


def ratio_estimate(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""Ratio of two weighted means over the same rows, with its interval.

    .. math:: \hat r = \bar a / \bar b, \qquad
              \mathrm{se}(\hat r) = \mathrm{se}(\overline{a - \hat r b}) / |\bar b|

    The standard error is the delta method's. The interval is Fieller's: all r at which
    :math:`\overline{a - r b}` is within its own margin of 0. Where the denominator is far from 0
    it is the delta method's; where it is not, the delta method's covers too rarely. It is bounded
    only where the denominator differs from 0 at the same level: its ends are NaN otherwise.

    References
    ----------
    E. C. Fieller. Some problems in interval estimation. Journal of the Royal Statistical Society
    B, 1954. https://doi.org/10.1111/j.2517-6161.1954.tb00159.x
    """
    pair = np.column_stack([numerator, denominator]).astype(np.float64, copy=False)
    weight = check_weights(sample_weight, len(pair))
    quantile = two_sided_quantile(confidence)
    (top, bottom), covariance = covariance_of_means(pair, weight, groups)
    if bottom == 0:
        return Estimate(float("nan"), **UNDEFINED_ENDS, confidence=confidence)
    ratio = top / bottom
    contrast = np.array([1.0, -ratio])
    error = np.sqrt(max(contrast @ covariance @ contrast, 0.0)) / abs(bottom)
    # the interval solves a r^2 - 2 b r + c <= 0
    slack = quantile**2 * covariance
    a, b, c = bottom**2 - slack[1, 1], top * bottom - slack[0, 1], top**2 - slack[0, 0]
    lower = upper = float("nan")
    if a > 0:
        half_width = np.sqrt(max(b**2 - a * c, 0.0))
        lower, upper = (b - half_width) / a, (b + half_width) / a
    return Estimate(float(ratio), float(error), float(lower), float(upper), confidence)


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
    codes = np.arange(len(weight)) if groups is None else check_groups(groups, len(weight))
    tops = np.bincount(codes, weights=weight * numerator)
    bottoms = np.bincount(codes, weights=weight * denominator)
    rng = check_random_state(random_state)
    ratios = np.empty(n_resamples)
    for b in range(n_resamples):
        drawn = rng.randint(len(tops), size=len(tops))
        ratios[b] = tops[drawn].sum() / bottoms[drawn].sum()
    return ratios
