"""The calibration loss with an interval of what the best map of a family takes off."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import ncx2

from sklearn_learnability._validation import Floats
from sklearn_learnability.metrics._calibrators import count_parameters, fit_calibration_map
from sklearn_learnability.metrics._resampling import (
    Estimate,
    covariance_of_units,
    degrees_of_freedom,
    mean_estimate,
    two_sided_quantile,
    unit_deviations,
)

#: A gain of no more than this is rounding.
ROUNDING = 1e-12
#: Draws of labels that say how many parameters a family seems to have.
N_DRAWS = 5


def calibration_loss_estimate(
    loss: Floats,
    calibrated_loss: Floats,
    mapped_loss: Floats,
    *,
    n_parameters: float,
    nats: float,
    sample_weight: Floats,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""Mean loss that cross-fitted calibration takes off, with the interval of the best map's.

    .. math:: \hat D = \overline{\ell - \tilde\ell}

    The best map of the family takes off :math:`D \ge 0`, and the map fitted to these rows seems to
    take off :math:`g`. By Wilks' theorem for maps near the best,

    .. math:: g / h \sim \chi'^2_p(D / h), \qquad h = \operatorname{var}(\bar g) / 4 g,

    noncentral chi-square with as many degrees of freedom p as the family has parameters. The scale
    h is 1/2n where the rows are independent and the best map is right, and gives g the delta
    method's variance where D is large. The interval holds each D under which g is within its two
    tails. A margin around the mean, in contrast, is far too short where D is near 0: the losses of
    a map near the identity hardly differ from those it is compared with.

    Parameters
    ----------
    loss, calibrated_loss, mapped_loss : ndarray of shape (n_samples,)
        Losses as given, cross-fitted, and by the map that was fitted to these rows.
    n_parameters : float
        Free parameters of the family, :func:`effective_parameters`.
    nats : float
        Nats in a unit of the losses.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other.
    confidence : float, default=0.95
        Level of the interval.

    Returns
    -------
    Estimate
        Its standard error is that of the paired differences, the fitted maps taken as given.

    References
    ----------
    S. S. Wilks. The large-sample distribution of the likelihood ratio for testing composite
    hypotheses. Annals of Mathematical Statistics, 1938. https://doi.org/10.1214/aoms/1177732360
    J. T. Kent. Robust properties of likelihood ratio tests. Biometrika, 1982.
    https://doi.org/10.1093/biomet/69.1.19
    """
    estimate = mean_estimate(
        loss - calibrated_loss, sample_weight=sample_weight, groups=groups, confidence=confidence
    )
    found = gain_of_a_map(
        (loss - mapped_loss) * nats, sample_weight, groups, n_parameters, confidence
    )
    return replace(estimate, lower=found.lower / nats, upper=found.upper / nats)


class GainOfMap(NamedTuple):
    """What a map takes off the rows it was fitted to, in nats, and what the best one may.

    `mean` / `scale` is noncentral chi-square; `widened` is the scale, by Student's quantile where
    few units tell it. `lower` and `upper` are the ends of what the best map takes off.
    """

    mean: float
    scale: float
    widened: float
    lower: float
    upper: float


def gain_of_a_map(
    gains: Floats, weight: Floats, groups: ArrayLike | None, n_parameters: float, confidence: float
) -> GainOfMap:
    """Return the mean of the rows' gains by a map with these parameters, fitted to the rows."""
    gain, scale, deviation = gain_and_scale(gains, weight, groups)
    student = two_sided_quantile(confidence, degrees_of_freedom(deviation[:, 0]))
    widened = scale * (student / two_sided_quantile(confidence)) ** 2
    ends = noncentralities(max(gain, 0.0) / widened, n_parameters, confidence)
    return GainOfMap(gain, scale, widened, *(widened * end for end in ends))


def effective_parameters(method: str, log_proba: Floats, weight: Floats) -> float:
    """Return the free parameters of a family of maps.

    Where a ridge or the rows decide ("isotonic", and "matrix" of more than two classes), as many as
    would gain what the family gains on labels drawn from the probabilities themselves.
    """
    n_classes = log_proba.shape[1]
    counted = count_parameters(method, n_classes)
    if counted is not None:
        return counted
    rng, proba = np.random.RandomState(0), np.exp(log_proba)
    rows = np.arange(len(proba))
    gains = []
    for _ in range(N_DRAWS):
        codes = (proba.cumsum(axis=1) < rng.uniform(size=(len(proba), 1))).sum(axis=1)
        codes = np.minimum(codes, n_classes - 1)
        mapped = fit_calibration_map(codes, log_proba, weight, method).log_proba(log_proba)
        gains.append((mapped - log_proba)[rows, codes] @ weight / weight.sum())
    return max(1.0, float(np.mean(gains)) / smallest_scale(weight))


def smallest_scale(weight: Floats) -> float:
    """Return 1/2n, n the effective number of independent rows."""
    return 0.5 * float(weight @ weight) / float(weight.sum()) ** 2


def gain_and_scale(
    gains: Floats, weight: Floats, groups: ArrayLike | None
) -> tuple[float, float, Floats]:
    """Return the mean gain, the scale of its distribution in nats, and the shares of units in it.

    The scale is at least that of independent rows and a right map, times how much the rows of a
    group agree: a map with many parameters gains more than its spread shows.
    """
    (gain,), deviation = unit_deviations(gains[:, None], weight, groups)
    scale = smallest_scale(weight)
    if gain <= ROUNDING:
        return float(gain), scale, deviation
    of_rows = float((unit_deviations(gains[:, None], weight)[1] ** 2).sum())
    if of_rows > 0:  # else all rows gain the same
        scale *= max(1.0, float((deviation**2).sum()) / of_rows)
    spread = float(covariance_of_units(deviation)[0, 0])
    return float(gain), max(scale, spread / (4 * gain)), deviation


def noncentralities(
    statistic: float, degrees_of_freedom: float, confidence: float
) -> tuple[float, float]:
    """Return the noncentralities of a chi-square under which the statistic is in neither tail.

    A statistic below its mean under no noncentrality has the upper end of that mean: a smaller one
    is luck and tells no more.
    """
    tail = (1 - confidence) / 2

    def under(statistic: float, level: float) -> float:
        """Return the noncentrality under which the statistic is the quantile of this level."""
        farthest = statistic + 20 * np.sqrt(statistic + degrees_of_freedom) + 100

        def excess(noncentrality: float) -> float:
            return float(ncx2.cdf(statistic, degrees_of_freedom, noncentrality)) - level

        return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, farthest, xtol=1e-8))

    return under(statistic, 1 - tail), under(max(statistic, degrees_of_freedom), tail)
