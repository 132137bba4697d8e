"""Mutual information of inputs and a number, from predicted densities, with its interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import logsumexp

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.metrics._resampling import (
    Estimate,
    degrees_of_freedom,
    mean_estimate,
    two_sided_quantile,
    unit_deviations,
)

#: Nats that are none.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class InformationOfRows:
    """What predicted densities tell of every row's target, in nats.

    Attributes
    ----------
    information : ndarray of shape (n,)
        Log-density of the row's target given its inputs, less that given none.
    influence : ndarray of shape (n,)
        The same mean, with each row's share in it: the row enters the margin as well.
    log_margin : ndarray of shape (G,)
        Log-probabilities of the bins given no inputs: the mean of the densities over the rows.
    """

    information: Floats
    influence: Floats
    log_margin: Floats


def information_of_rows(codes: Integers, log_proba: Floats, weight: Floats) -> InformationOfRows:
    r"""Return the information of rows from densities that had not seen them.

    .. math:: \hat I = \frac 1n \sum_i \log \frac{p(y_i \mid x_i)}{\bar p(y_i)}, \qquad
              \bar p(y) = \frac 1n \sum_j p(y \mid x_j)

    Whatever p is, the expectation is at most I(X; Y): :math:`p(y|x) p(x) / \bar p(y)` is a
    distribution of x for every y, and none is better than the true one. It needs no density of y
    of its own, so that no bad estimate of one can pass for information.

    References
    ----------
    D. Barber, F. Agakov. The IM algorithm: a variational approach to information maximization.
    NeurIPS, 2003.
    B. Poole et al. On variational bounds of mutual information. ICML, 2019.
    https://proceedings.mlr.press/v97/poole19a.html
    """
    share = weight / weight.sum()
    log_margin = np.asarray(logsumexp(log_proba, axis=0, b=share[:, None]))
    information = log_proba[np.arange(len(codes)), codes] - log_margin[codes]
    seen = np.bincount(codes, weights=share, minlength=len(log_margin))
    as_other = np.exp(log_proba - log_margin) @ seen
    return InformationOfRows(information, information - as_other + 1, log_margin)


def mutual_information_estimate(
    rows: InformationOfRows,
    *,
    sample_weight: Floats,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""Return the mean information in nats, with an interval that holds also where it is small.

    Between Gaussians the information of a row has the variance :math:`1 - e^{-2I}`. At every I the
    variance is taken as at least that, as in Wilson's interval of a share: an estimate that came
    out low comes with rows that hardly vary, and would be too sure of itself. A pool that leaves
    all candidates out is exactly 0: there the interval reaches as far below, to what fitting costs.
    """
    found = mean_estimate(
        rows.influence, sample_weight=sample_weight, groups=groups, confidence=confidence
    )
    value, lower, upper = found.value, found.lower, found.upper
    if np.isnan(found.standard_error):
        return found
    _, deviation = unit_deviations(rows.influence[:, None], sample_weight, groups)
    quantile = two_sided_quantile(confidence, degrees_of_freedom(deviation[:, 0]))
    per_row = quantile * np.sqrt(sample_weight @ sample_weight) / sample_weight.sum()

    def margin(nats: float) -> float:
        return float(per_row * np.sqrt(-np.expm1(-2 * nats)))

    if value > 0:
        lower = min(lower, brentq(lambda nats: nats + margin(nats) - value, 0.0, value))
    start = max(value, 0.0)
    # at 0 the margin is 0 as well: the end is the root beyond
    low, high = start + 1e-3 * min(per_row, per_row**2), start + 2 * per_row
    end = brentq(lambda nats: nats - margin(nats) - start, low, high)
    upper = max(upper, end)
    if value <= ROUNDING:
        lower = min(lower, value - end)
    return Estimate(value, found.standard_error, lower, upper, confidence)


def share_of_nats(nats: float) -> float:
    """Return 1 - exp(-2 I), the share of variance that so much information explains."""
    return float(-np.expm1(-2 * nats))
