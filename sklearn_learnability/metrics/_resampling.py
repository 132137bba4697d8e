"""Standard errors and intervals of weighted means and of ratios of means."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtrit

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
        Ends of the two-sided interval; the one-sided lower limit at 95 % is `lower` at a
        `confidence` of 0.9.
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


#: In units of the numerator; a ratio to a smaller one has no square that a float holds.
SMALLEST_DENOMINATOR = 1e-100
UNDEFINED_ENDS = {"standard_error": float("nan"), "lower": float("nan"), "upper": float("nan")}


def check_confidence(confidence: float) -> float:
    """Return the level of confidence, refusing what is not inside (0, 1)."""
    if not is_finite_number(confidence) or not 0 < confidence < 1:
        raise ValueError(f"Expected confidence inside (0, 1), got {confidence!r}.")
    return confidence


def two_sided_quantile(confidence: float, degrees_of_freedom: float = np.inf) -> float:
    """Return the quantile of a two-sided interval, Student's or by default the normal one."""
    return -float(stdtrit(degrees_of_freedom, (1 - check_confidence(confidence)) / 2))


def unit_deviations(
    values: Floats, weight: Floats, groups: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    r"""Return the weighted means of the columns and every unit's share in their deviation.

    .. math:: d_g = \sum_{i \in g} w_i (v_i - \bar v) \Big/ \sum_i w_i

    A unit is a group, or a row where there are no groups; those without weight are left out.
    """
    total = weight.sum()
    mean = weight @ values / total
    deviation = weight[:, None] * (values - mean) / total
    if groups is None:
        return mean, deviation[weight > 0]
    codes = check_groups(groups, len(weight))
    sums: Floats = np.column_stack(
        [np.bincount(codes, weights=column).astype(np.float64) for column in deviation.T]
    )
    return mean, sums[np.bincount(codes, weights=weight) > 0]


def covariance_of_means(
    values: Floats, weight: Floats, groups: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    r"""Return the weighted means of the columns and the covariance of these means.

    .. math:: \mathrm{cov} = \frac{G}{G-1} \sum_g d_g d_g^T, \qquad
              d_g = \sum_{i \in g} w_i (v_i - \bar v) \Big/ \sum_i w_i

    Weights say how much a row counts, not how often it was seen. Rows of one group may depend on
    each other in any way; without groups every row is its own. NaN for a single group.
    """
    mean, deviation = unit_deviations(values, weight, groups)
    return mean, covariance_of_units(deviation)


def covariance_of_units(deviation: Floats) -> Floats:
    """Return the covariance of means from every unit's share in their deviation."""
    n_units, n_columns = deviation.shape
    if n_units < 2:
        return np.full((n_columns, n_columns), np.nan)
    covariance: Floats = n_units / (n_units - 1) * (deviation.T @ deviation)
    return covariance


def degrees_of_freedom(deviation: Floats) -> float:
    r"""Return how many degrees of freedom the variance of a mean has.

    .. math:: \nu = \min\!\left(G - 1,\; \frac{2 G}{\kappa - 1}\right), \qquad
              \kappa = G \sum_g d_g^4 \Big/ \Big(\sum_g d_g^2\Big)^2

    Satterthwaite's: twice the squared mean of the estimated variance over its own variance. Where
    a few units carry the spread, such as the few rows of a rare class, they are what counts.

    References
    ----------
    F. E. Satterthwaite. An approximate distribution of estimates of variance components. Biometrics
    Bulletin, 1946. https://doi.org/10.2307/3002019
    """
    n_units, largest = len(deviation), np.abs(deviation).max(initial=0.0)
    if n_units < 2 or largest == 0:
        return max(n_units - 1.0, 1.0)
    squares = (deviation / largest) ** 2  # so that no fourth power is too small for a float
    total = squares.sum()
    excess = n_units * (squares @ squares) / total**2 - 1
    return float(max(1.0, min(n_units - 1.0, 2 * n_units / max(excess, 1e-12))))


def mean_estimate(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Weighted mean of per-row values with Student's interval, clustered by `groups`."""
    values = np.asarray(values, dtype=np.float64)
    weight = check_weights(sample_weight, len(values))
    means, deviation = unit_deviations(values[:, None], weight, groups)
    mean, error = float(means[0]), float(np.sqrt(covariance_of_units(deviation)[0, 0]))
    margin = two_sided_quantile(confidence, degrees_of_freedom(deviation[:, 0])) * error
    return Estimate(mean, error, mean - margin, mean + margin, confidence)


def fieller_set(
    top: float, bottom: float, covariance: Floats, quantile: float
) -> tuple[float, float]:
    r"""Return the ratios r at which top - r bottom is within its own margin of 0.

    .. math:: (a - r b)^2 \le q^2 (\sigma_{aa} - 2 r \sigma_{ab} + r^2 \sigma_{bb})

    An interval where the bottom can be told from 0. Elsewhere all numbers, -inf to inf; or, where
    the top can be told from 0, all numbers but those between the ends: lower is then above upper.

    References
    ----------
    E. C. Fieller. Some problems in interval estimation. Journal of the Royal Statistical Society
    B, 1954. https://doi.org/10.1111/j.2517-6161.1954.tb00159.x
    """
    slack = quantile**2 * covariance
    a, b, c = bottom**2 - slack[1, 1], top * bottom - slack[0, 1], top**2 - slack[0, 0]
    if np.isnan(a):
        return float("nan"), float("nan")
    squared = b**2 - a * c
    if a > 0:
        half_width = np.sqrt(max(squared, 0.0))
        return float((b - half_width) / a), float((b + half_width) / a)
    if a == 0 or squared <= 0:
        return -np.inf, np.inf
    half_width = np.sqrt(squared)
    return float((b - half_width) / a), float((b + half_width) / a)


def ratio_estimate(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    unseen_variance: tuple[float, float] = (0.0, 0.0),
) -> Estimate:
    r"""Ratio of two weighted means over the same rows, with its interval.

    .. math:: \hat r = \bar a / \bar b, \qquad
              \mathrm{se}(\hat r) = \mathrm{se}(\overline{a - \hat r b}) / |\bar b|

    The standard error is the delta method's. The interval is Fieller's, :func:`fieller_set`, which
    may be unbounded, with Student's quantile. Where the denominator is far from 0 it is the delta
    method's; where it is not, the delta method's covers too rarely. `unseen_variance` is a
    variance of the two means that the spread of the rows does not show; it widens the interval.
    """
    pair = np.column_stack([numerator, denominator]).astype(np.float64, copy=False)
    weight = check_weights(sample_weight, len(pair))
    check_confidence(confidence)
    (top, bottom), deviation = unit_deviations(pair, weight, groups)
    if abs(bottom) <= SMALLEST_DENOMINATOR * abs(top):
        return Estimate(float("nan"), **UNDEFINED_ENDS, confidence=confidence)
    ratio = top / bottom
    covariance = covariance_of_units(deviation)
    contrast = np.array([1.0, -ratio])
    error = np.sqrt(max(contrast @ covariance @ contrast, 0.0)) / abs(bottom)
    quantile = two_sided_quantile(confidence, degrees_of_freedom(deviation @ contrast))
    ends = fieller_set(top, bottom, covariance + np.diag(unseen_variance), quantile)
    return Estimate(float(ratio), float(error), *ends, confidence)


def jackknife_estimate(value: float, left_out: ArrayLike, confidence: float = 0.95) -> Estimate:
    r"""Return an estimate with Student's interval from its values without one block each.

    .. math:: \mathrm{se}^2 = \frac{G - 1}{G} \sum_g (\hat\theta_{-g} - \bar\theta)^2

    The delete-a-group jackknife: right for smooth functions of means over blocks of about equal
    size that do not depend on each other. NaN for a single block.

    References
    ----------
    P. S. Kott. The delete-a-group jackknife. Journal of Official Statistics, 2001.
    """
    values = np.asarray(left_out, dtype=np.float64)
    n_blocks = len(values)
    quantile = two_sided_quantile(confidence, max(n_blocks - 1, 1))
    if n_blocks < 2:
        return Estimate(value, **UNDEFINED_ENDS, confidence=confidence)
    error = float(np.sqrt((n_blocks - 1) * values.var()))
    return Estimate(value, error, value - quantile * error, value + quantile * error, confidence)


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
