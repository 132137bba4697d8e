"""Information scores with intervals that hold also where little was found."""

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability._validation import Floats, Units, check_weights, nats_per_unit
from sklearn_learnability.metrics._resampling import (
    Estimate,
    degrees_of_freedom,
    ratio_estimate,
    two_sided_quantile,
    unit_deviations,
)


def information_estimate(
    surprisal: Floats,
    loss: Floats,
    *,
    units: Units,
    calibrated: bool = False,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""Information score from per-row losses and surprisals of the class frequencies.

    .. math:: I_n = 1 - \overline{\ell} / \overline{h}

    The interval is that of the expected score on fresh rows: all values s at which the mean of
    :math:`\ell - (1 - s) h` is within its own margin of 0, :func:`ratio_estimate`, the variance
    :func:`unseen_variance` added. An end that is not bounded is NaN.

    A calibrated model that explains s H nats has losses whose spread is known, whatever it
    happened to find in these rows:

    .. math:: \operatorname{var}(\ell - (1 - s) h) \approx 2\, s\, (1 - s)\, H

    exact for small s, and at most a sixth too large at s = .6. With `calibrated` the variance at
    every s is at least that, as in Wilson's interval of a share: an estimate that came out low
    comes with losses that hardly vary, and would be too sure of itself.

    References
    ----------
    E. B. Wilson. Probable inference, the law of succession, and statistical inference. Journal of
    the American Statistical Association, 1927. https://doi.org/10.1080/01621459.1927.10502953
    S. Bates, T. Hastie, R. Tibshirani. Cross-validation: what does it estimate and how well does
    it do it? Journal of the American Statistical Association, 2023.
    https://doi.org/10.1080/01621459.2023.2197686
    """
    nats = nats_per_unit(units)
    weight = check_weights(sample_weight, len(loss))
    surprisal, loss = surprisal * nats, loss * nats
    n_rows = effective_rows(surprisal, loss, weight, groups)
    extra = unseen_variance(surprisal, weight, n_rows)
    unexplained = ratio_estimate(
        loss,
        surprisal,
        sample_weight=weight,
        groups=groups,
        confidence=confidence,
        unseen_variance=(extra, 0.0),
    )
    value, lower, upper = 1 - unexplained.value, 1 - unexplained.upper, 1 - unexplained.lower
    if not -np.inf < lower <= upper < np.inf:
        lower = upper = float("nan")
    elif calibrated:
        entropy = weight @ surprisal / weight.sum()
        contrast = (loss - unexplained.value * surprisal)[:, None]
        quantile = two_sided_quantile(
            confidence, degrees_of_freedom(unit_deviations(contrast, weight, groups)[1][:, 0])
        )
        ends = score_interval(value, entropy, n_rows, quantile, extra)
        lower, upper = min(lower, ends[0]), max(upper, ends[1])
    return Estimate(value, unexplained.standard_error, lower, upper, confidence)


def score_interval(
    value: float, entropy: float, n_rows: float, quantile: float, extra: float
) -> tuple[float, float]:
    r"""Return the ends of the scores s in [0, 1] at which the value is within its margin.

    .. math:: H^2 (v - s)^2 \le q^2 \left(\frac{2 s (1 - s) H}{n} + e\right)

    Without such an s both ends are the value.
    """
    spread = quantile**2 * entropy / n_rows
    a = entropy**2 + 2 * spread
    b = entropy**2 * value + spread
    c = (entropy * value) ** 2 - quantile**2 * extra
    if b**2 < a * c:
        return value, value
    half_width = np.sqrt(b**2 - a * c)
    lower, upper = (b - half_width) / a, (b + half_width) / a
    if upper < 0 or lower > 1:
        return value, value
    return float(max(lower, 0.0)), float(min(upper, 1.0))


def effective_rows(
    surprisal: Floats, loss: Floats, weight: Floats, groups: ArrayLike | None
) -> float:
    r"""Return how many independent rows of equal weight say as much as these.

    .. math:: n = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}
              \Big/ \max\!\left(1, \frac{\sum_g d_g^2}{\sum_i d_i^2}\right)

    with d the share of a row, or of a group, in the deviation of the mean loss per surprisal.
    """
    n_rows = float(weight.sum() ** 2 / (weight @ weight))
    entropy = weight @ surprisal
    if groups is None or entropy == 0:
        return n_rows
    contrast = (loss - (weight @ loss / entropy) * surprisal)[:, None]
    of_rows, of_groups = (unit_deviations(contrast, weight, units)[1] for units in (None, groups))
    spread = float((of_rows**2).sum())
    return n_rows / max(1.0, float((of_groups**2).sum()) / spread) if spread > 0 else n_rows


def unseen_variance(surprisal: Floats, weight: Floats, n_rows: float) -> float:
    r"""Return the variance of a mean information, in squared nats, that rows do not show.

    .. math:: e = \left(\frac{K - 1}{n}\right)^2 + \frac{K - 1}{n^2}

    Class frequencies, calibration and weights are fitted, some of them to the very rows: H(Y) is
    (K - 1) / 2n too low, folds stratified by class agree in frequencies where fresh rows do not,
    and training rows differ. Together they shift an out-of-fold score by about (K - 1) / n nats, a
    bias that is counted as spread, and scatter it as much as a class's frequency does. The mean of
    the reciprocal frequencies is K.
    """
    n_classes = float(weight @ np.exp(surprisal) / weight.sum())
    return n_classes * max(n_classes - 1, 0.0) / n_rows**2
