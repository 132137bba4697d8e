"""What each part of the scale of probabilities costs in bits for being miscalibrated."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import rel_entr
from scipy.stats import chi2

from sklearn_learnability._probabilities import (
    SMALLEST_PROBABILITY,
    check_labels_and_probabilities,
    log_of_probabilities,
)
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    Units,
    check_count,
    check_groups,
    check_weights,
    nats_per_unit,
)
from sklearn_learnability.metrics._calibration_loss import GainOfMap, gain_of_a_map
from sklearn_learnability.metrics._calibrators import CalibrationMethod
from sklearn_learnability.metrics._nll_decomposition import nll_decomposition
from sklearn_learnability.metrics._resampling import Estimate

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class ReliabilityBin(Result):
    """Rows of neighbouring probabilities: what was said, what happened, and what that costs.

    Attributes
    ----------
    n_samples : int
        Number of rows that have weight.
    share : float
        Their share of the weight.
    predicted : float
        Mean probability of the class.
    observed : float
        Share of the rows that are of the class.
    band_lower, band_upper : float
        Shares that chance alone explains. `observed` is outside where `cost.lower` is above 0.
    cost : Estimate
        What the bin adds to the mean loss of all rows; negative by chance only.
    """

    n_samples: int
    share: float
    predicted: float
    observed: float
    band_lower: float
    band_upper: float
    cost: Estimate


@dataclass(frozen=True, eq=False)
class Reliability(Result):
    """A calibration loss, split over the scale of probabilities.

    Attributes
    ----------
    bins : tuple of ReliabilityBin
        The bins, the smallest probabilities first.
    binned_loss : Estimate
        Sum of their costs, with an interval of its own.
    calibration_loss : Estimate
        What the best map of a family takes off, as of :func:`nll_decomposition`.
    remainder : float
        `calibration_loss` - `binned_loss`. Above 0, what is wrong within bins; below 0, what no map
        of the family repairs, or what fitting the map costs.
    n_samples : int
        Number of rows.
    units : str
        Unit of the costs and losses.
    """

    bins: tuple[ReliabilityBin, ...]
    binned_loss: Estimate
    calibration_loss: Estimate
    remainder: float
    n_samples: int
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a bin."""
        rows = [
            {name: value for name, value in vars(part).items() if name != "cost"}
            | {"cost": part.cost.value, "lower": part.cost.lower, "upper": part.cost.upper}
            for part in self.bins
        ]
        return pd.DataFrame(rows)


def reliability(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    pos_label: Any = None,
    n_bins: int = 10,
    calibration: CalibrationMethod = "affine",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    random_state: RandomState = None,
) -> Reliability:
    r"""Split a calibration loss into what each part of the scale of probabilities costs.

    .. math:: \text{calibration loss} = \sum_b c_b + \text{remainder}, \qquad
              c_b = w_b\, \mathrm{KL}(\bar y_b \,\|\, \bar q_b) - h_b

    The bins hold about equal shares of the rows; :math:`w_b` is that share, :math:`\bar q_b` the
    mean probability of the class in the bin and :math:`\bar y_b` how often it happened. Chance
    makes the divergence positive where nothing is wrong; :math:`h_b` is what it adds, 1/2n nats for
    n independent rows. Lower costs are better. An interval from above 0 on says that the
    probabilities of a bin are wrong. The intervals are of 95 %, by noncentral chi-square with one
    degree of freedom a bin, and hold for each bin alone: with ten bins, up to one
    calibrated model in five has one that stands out.

    A bin sees the mean of its rows only. What cancels within one is in the remainder, as is what
    the map of the calibration loss cannot follow.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels. Of rows that the model was not fitted on.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    pos_label : label, optional
        The class that is looked at, against all others. By default the second of two.
    n_bins : int, default=10
        Bins, as far as the probabilities take as many values.
    calibration : str, default="affine"
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. Intervals are clustered by group.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.
    random_state : int, RandomState instance or None, optional
        Source of randomness. Shuffles the rows into folds.

    Returns
    -------
    Reliability
        The bins, their sum and the calibration loss.

    Raises
    ------
    ValueError
        If there are more than two classes and no `pos_label`, or as for :func:`nll_decomposition`.

    Warns
    -----
    ZeroProbabilityWarning
        If a true label has probability below 2.2e-16; the loss is then 52 bits.
    UndefinedInformationWarning
        If no row, or each, is of the class.

    References
    ----------
    J. Bröcker. Reliability, sufficiency, and the decomposition of proper scores. Quarterly Journal
    of the Royal Meteorological Society, 2009. https://doi.org/10.1002/qj.456
    J. Bröcker and L. A. Smith. Increasing the reliability of reliability diagrams. Weather and
    Forecasting, 2007. https://doi.org/10.1175/WAF993.1

    Examples
    --------
    Right below one half, far too sure above:

    >>> import numpy as np
    >>> from sklearn_learnability.metrics import reliability
    >>> y_true = np.tile([0, 0, 0, 1, 0, 1, 1, 1], 100)
    >>> y_proba = np.tile([0.25] * 4 + [0.99] * 4, 100)
    >>> found = reliability(y_true, y_proba, random_state=0)
    >>> for part in found.bins:
    ...     print(f"said {part.predicted:.2f}, was {part.observed:.2f}: {part.cost.value:.2f} bits")
    said 0.25, was 0.25: -0.00 bits
    said 0.99, was 0.75: 0.43 bits
    """
    nats = nats_per_unit(units)
    n_bins = check_count("n_bins", n_bins)
    classes, codes, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    column = column_of(pos_label, classes)
    hits, said = (codes == column).astype(int), proba[:, column]
    weight = check_weights(sample_weight, len(codes))
    whole = nll_decomposition(
        hits,
        said,
        calibration=calibration,
        sample_weight=sample_weight,
        groups=groups,
        labels=[0, 1],
        units=units,
        random_state=random_state,
    ).calibration_loss
    rows = np.flatnonzero(weight > 0)
    units_of_rows = None if groups is None else check_groups(groups, len(codes))[rows]
    bins, binned = cost_of_bins(
        hits[rows], said[rows], weight[rows], units_of_rows, n_bins, nats=nats
    )
    return Reliability(
        bins=bins,
        binned_loss=binned,
        calibration_loss=whole,
        remainder=whole.value - binned.value,
        n_samples=len(codes),
        units=units,
    )


def column_of(pos_label: Any, classes: np.ndarray) -> int:
    """Return the column of the class that is looked at."""
    if pos_label is None and len(classes) == 2:
        return 1
    found = np.flatnonzero(classes == pos_label)
    if len(found) != 1:
        raise ValueError(
            f"Expected pos_label as one of the classes {classes.tolist()}, got {pos_label!r}."
        )
    return int(found[0])


def bins_of_equal_weight(values: Floats, weight: Floats, n_bins: int) -> Integers:
    """Return the bin of each row, equal values in one; empty bins are left out."""
    _, place = np.unique(values, return_inverse=True)
    share = np.bincount(place, weights=weight) / weight.sum()
    middle = np.cumsum(share) - share / 2
    filled = np.minimum((middle * n_bins).astype(int), n_bins - 1)
    return np.unique(filled, return_inverse=True)[1][place]


def cost_of_bins(
    hits: Integers,
    said: Floats,
    weight: Floats,
    groups: Integers | None,
    n_bins: int,
    *,
    nats: float,
) -> tuple[tuple[ReliabilityBin, ...], Estimate]:
    """Return the bins, and the sum of their costs with its interval."""
    code = bins_of_equal_weight(said, weight, n_bins)
    mass = np.bincount(code, weights=weight)
    predicted, observed = (np.bincount(code, weights=weight * part) / mass for part in (said, hits))
    # of a map that says in each bin what happened there, against the mean of what was said
    gains = log_of(observed)[code, hits] - log_of(predicted)[code, hits]
    bins = []
    for b, share in enumerate(mass / mass.sum()):
        own = code == b
        gain = gain_of_a_map(
            gains[own], weight[own], None if groups is None else groups[own], 1, CONFIDENCE
        )
        least = chi2.ppf((1 + CONFIDENCE) / 2, 1) * gain.widened
        bins.append(
            ReliabilityBin(
                int(own.sum()),
                float(share),
                float(predicted[b]),
                float(observed[b]),
                *shares_within(float(predicted[b]), least),
                cost=cost_of_gain(gain, 1, share / nats),
            )
        )
    whole = gain_of_a_map(gains, weight, groups, len(bins), CONFIDENCE)
    binned = cost_of_gain(whole, len(bins), 1 / nats)
    return tuple(bins), replace(binned, value=sum(part.cost.value for part in bins))


def log_of(probability: Floats) -> Floats:
    """Return the logarithms of both outcomes, of shape (n, 2)."""
    return log_of_probabilities(np.column_stack([1 - probability, probability]))


def cost_of_gain(gain: GainOfMap, n_parameters: int, unit: float) -> Estimate:
    """Return what is to be gained, without what chance adds, in units of so many nats."""
    value = gain.mean - n_parameters * gain.scale
    error = gain.scale * np.sqrt(2 * n_parameters + 4 * max(value, 0.0) / gain.scale)
    value, error, lower, upper = (
        float(unit * part) for part in (value, error, gain.lower, gain.upper)
    )
    return Estimate(value, error, lower, upper, CONFIDENCE)


def shares_within(predicted: float, divergence: float) -> tuple[float, float]:
    """Return the least and the largest share within a divergence, in nats, from a probability."""
    said = float(np.clip(predicted, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))

    def excess(share: float) -> float:
        return float(rel_entr(share, said) + rel_entr(1 - share, 1 - said)) - divergence

    low = 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, said))
    high = 1.0 if excess(1.0) <= 0 else float(brentq(excess, said, 1.0))
    return low, high
