"""Intervals of rank correlations, and the size from which on one would be found."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtrit

from sklearn_learnability.metrics._resampling import jackknife_estimate, two_sided_quantile

#: Share of cases in which an association of the detectable size is found.
POWER = 0.8


def fisher_interval(
    rho: float, degrees_of_freedom: int, n_points: int, confidence: float
) -> tuple[float, float]:
    r"""Return the interval of a rank correlation of independent points.

    .. math:: \tanh\Bigl(\operatorname{artanh} \hat\rho \pm t_\nu
              \sqrt{\tfrac{1 + \hat\rho^2 / 2}{\nu - 1}}\Bigr)

    Ranks that agree wholly count as if they were half a step of the correlation from doing so.

    References
    ----------
    D. G. Bonett and T. A. Wright. Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations. Psychometrika, 2000. https://doi.org/10.1007/BF02294183
    """
    most = 1 - 6 / (n_points * (n_points**2 - 1))
    near = float(np.clip(rho, -most, most))
    margin = two_sided_quantile(confidence, degrees_of_freedom) * standard_error(
        near, degrees_of_freedom
    )
    lower, upper = np.tanh(np.arctanh(near) + np.array([-margin, margin]))
    return min(float(lower), rho), max(float(upper), rho)


def standard_error(rho: float, degrees_of_freedom: int) -> float:
    """Return Bonett and Wright's standard error of Fisher's transform."""
    return float(np.sqrt((1 + rho**2 / 2) / (degrees_of_freedom - 1)))


def detectable_size(degrees_of_freedom: int, level: float) -> float:
    """Return the size that a test of independent points at a level finds in 8 of 10 cases."""
    needed = quantiles(degrees_of_freedom, level)

    def missing(rho: float) -> float:
        return float(np.arctanh(rho)) / standard_error(rho, degrees_of_freedom) - needed

    most = 1 - 1e-12
    return float(brentq(missing, 0, most)) if missing(most) > 0 else 1.0


def jackknife_interval(
    rho: float, left_out: ArrayLike, confidence: float, level: float
) -> tuple[float, float, float]:
    """Return the interval from leaving out single runs, and the size found in 8 of 10 cases."""
    values = np.append(np.asarray(left_out, dtype=np.float64), rho)
    if not (np.abs(values) < 1 - 1e-12).all():  # NaN too
        return float("nan"), float("nan"), float("nan")
    fisher = np.arctanh(values)
    estimate = jackknife_estimate(fisher[-1], fisher[:-1], confidence)
    needed = quantiles(len(fisher) - 2, level) * estimate.standard_error
    lower, upper, size = np.tanh([estimate.lower, estimate.upper, needed])
    return float(lower), float(upper), float(size)


def quantiles(degrees_of_freedom: int, level: float) -> float:
    """Return how many standard errors from 0 a test at a level finds in 8 of 10 cases."""
    return float(stdtrit(degrees_of_freedom, POWER) - stdtrit(degrees_of_freedom, level / 2))
