"""What several labels a row say of the learnability, without any model."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Integers,
    Units,
    as_numbers,
    check_groups,
    check_weights,
    nats_per_unit,
    relative_weights,
    warn,
)
from sklearn_learnability.exceptions import (
    DependentLabelsWarning,
    SingleLabelWarning,
    UndefinedInformationWarning,
)
from sklearn_learnability.metrics._entropy_bounds import Side, degree_of, entropy_bound
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import (
    Estimate,
    check_confidence,
    mean_estimate,
    ratio_estimate,
    two_sided_quantile,
)

#: Above this many labels a row, a whole number is no longer exact in a float.
MOST_LABELS = 2**53
#: Of the entropy that is left; the learnability's are the other way round.
SIDES: tuple[Side, Side] = ("lower", "upper")
#: Level at which labels are said not to be independent.
ALARM = 0.9999


@dataclass(frozen=True, eq=False)
class AnnotatorLearnability(Result):
    r"""What several labels a row say of the learnability: no model of the inputs explains more.

    Attributes
    ----------
    lower, upper : float
        Ends of the learnability: what these moments leave open, and the noise of the rows. Each
        is a one-sided limit at the level with which a two-sided interval of `confidence` has its
        ends, 97.5 % by default.
    least, most : Estimate
        The least and the most learnability of any distribution of the rows' probabilities with
        these moments, each with its two-sided interval.
    quadratic : Estimate
        The learnability of the quadratic (Brier) loss, :math:`1 - E[G(p)]/G(E[p])` with the Gini
        impurity :math:`G(p) = 1 - \sum_k p_k^2`: free of bias from two labels on.
    plug_in : float
        The learnability if the shares of the labels of each row were its probabilities. Too high.
    label_entropy : float
        H(Y), in `units`.
    n_rows, n_left_out : int
        Rows with two labels or more, and rows with fewer.
    units : {"bits", "nats"}
        Unit of the entropy.
    """

    lower: float
    upper: float
    least: Estimate
    most: Estimate
    quadratic: Estimate
    plug_in: float
    label_entropy: float
    n_rows: int
    n_left_out: int
    units: Units

    @property
    def bracket(self) -> tuple[float, float]:
        """Return both ends, as `efficiency` takes them."""
        return self.lower, self.upper

    def to_frame(self) -> pd.DataFrame:
        """Return the estimates with their intervals, one row each, and the plug-in value."""
        estimates = {"least": self.least, "most": self.most, "quadratic": self.quadratic}
        rows = [{"learnability": name, **asdict(found)} for name, found in estimates.items()]
        return pd.DataFrame([*rows, {"learnability": "plug-in", "value": self.plug_in}])


def annotator_learnability(
    counts: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    units: Units = "bits",
    confidence: float = 0.95,
) -> AnnotatorLearnability:
    r"""Learnability from several labels a row: what a model that knew every row's odds would reach.

    .. math:: L = 1 - \frac{E\, H(p_i)}{H(E\, p_i)}, \qquad y_{i1}, \dots, y_{ik} \sim p_i

    1 is annotators who never differ, 0 is rows of the same odds. Nothing that is predicted from
    the inputs explains more. With k labels a row only k moments of the odds p can be known, so the
    entropy is bracketed: by the polynomials of degree k that lie above and below it. The quadratic
    learnability needs two moments only and is a number. It is Fleiss' kappa with the chance
    agreement taken over pairs of different rows.

    Parameters
    ----------
    counts : array-like of shape (n_samples, n_classes)
        How many labels of each class every row bears. Rows may differ in their number of labels;
        those with fewer than two are left out. Every row counts the same.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other; intervals are clustered by group.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.
    confidence : float, default=0.95
        Level of the intervals. Two-sided.

    Returns
    -------
    AnnotatorLearnability
        The bracket, the quadratic learnability and what the plug-in would say.

    Raises
    ------
    ValueError
        If counts are no matrix of whole numbers, none is below 0, or no row with weight has two
        labels.

    Warns
    -----
    SingleLabelWarning
        If rows with fewer than two labels are left out.
    DependentLabelsWarning
        If no probabilities can explain the labels of the rows.
    UndefinedInformationWarning
        If all labels are of one class: every learnability is NaN. If rows or groups are too few
        for an interval: its limits are NaN.

    References
    ----------
    J. L. Fleiss. Measuring nominal scale agreement among many raters. Psychological Bulletin,
    1971. https://doi.org/10.1037/h0031619
    Z. Zhang. Entropy estimation in Turing's perspective. Neural Computation, 2012.
    https://doi.org/10.1162/NECO_a_00266
    M. G. Kreĭn and A. A. Nudel'man. The Markov Moment Problem and Extremal Problems. American
    Mathematical Society, 1977. https://doi.org/10.1090/mmono/050

    Examples
    --------
    >>> from sklearn_learnability.metrics import annotator_learnability
    >>> counts = 40 * [[2, 0]] + 40 * [[0, 2]] + 20 * [[1, 1]]
    >>> found = annotator_learnability(counts)
    >>> print(f"{found.quadratic.value:.2f}, plug-in {found.plug_in:.2f}")
    0.60, plug-in 0.80
    >>> print(f"{found.least.value:.2f} to {found.most.value:.2f}")
    0.49 to 0.60
    """
    nats = nats_per_unit(units)
    check_confidence(confidence)
    table = _check_counts(counts)
    weight = check_weights(sample_weight, len(table))
    kept = _several_labels(table, weight)
    table, weight = table[kept], relative_weights(weight[kept])
    table = table[:, table.any(axis=0)]  # a class that no label is of has no entropy
    clusters = None if groups is None else check_groups(groups, len(kept))[kept]
    share = table / table.sum(axis=1, keepdims=True)
    entropy = float(entr(weight @ share / weight.sum()).sum())
    if not entropy > 0:
        warn("All labels are of one class: the learnability is NaN.", UndefinedInformationWarning)
    left = {side: _entropy_left(table, weight, side) for side in SIDES}
    most, least = (
        _share_explained(share, left[side], weight, clusters, confidence) for side in SIDES
    )
    quadratic = _quadratic(table, share, weight, clusters, confidence)
    _warn_of_repelling_labels(left, quadratic, weight, clusters)
    ends = min(least.lower, most.lower), max(least.upper, most.upper)
    if entropy > 0 and not np.isfinite([*ends, quadratic.lower, quadratic.upper]).all():
        warn(
            f"{len(table)} rows, or their groups, are too few for an interval: limits are NaN.",
            UndefinedInformationWarning,
        )
    return AnnotatorLearnability(
        lower=float(np.clip(ends[0], 0, 1)),
        upper=float(np.clip(ends[1], 0, 1)),
        least=least,
        most=most,
        quadratic=quadratic,
        plug_in=float(1 - weight @ entr(share).sum(axis=1) / weight.sum() / (entropy or np.nan)),
        label_entropy=entropy / nats,
        n_rows=len(table),
        n_left_out=int((~kept).sum()),
        units=units,
    )


def _check_counts(counts: ArrayLike) -> Integers:
    table = as_numbers("counts", counts)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table):
        raise ValueError(
            "Expected counts of shape (n_samples, n_classes), with rows and two classes or more, "
            f"got shape {table.shape}."
        )
    whole = (table == np.floor(table)) & (table >= 0) & (table < MOST_LABELS)
    if not whole.all():
        raise ValueError(
            "Expected counts as whole numbers from 0 on, how many labels of a class a row bears, "
            f"got {table[~whole][0]:g}."
        )
    return table.astype(np.int64)


def _several_labels(table: Integers, weight: Floats) -> NDArray[np.bool_]:
    """Return which rows bear two labels or more, telling of the others."""
    n_labels = table.sum(axis=1)
    kept: NDArray[np.bool_] = n_labels >= 2
    if not (kept & (weight > 0)).any():
        raise ValueError(
            "Expected rows with two labels or more, and with weight, got at most "
            f"{int(n_labels[weight > 0].max())} label(s) a row."
        )
    if not kept.all():
        warn(
            f"{int((~kept).sum())} of {len(kept)} rows bear fewer than two labels: they say "
            "nothing of how annotators differ and are left out.",
            SingleLabelWarning,
        )
    return kept


def _share_explained(
    share: Floats, left: Floats, weight: Floats, groups: Integers | None, confidence: float
) -> Estimate:
    """Return 1 less the share of the label entropy that is left."""
    frequency = weight @ share / weight.sum()
    surprisal = -share @ np.log(np.where(frequency > 0, frequency, 1.0))
    return information_estimate(
        surprisal, left, units="nats", sample_weight=weight, groups=groups, confidence=confidence
    )


def _entropy_left(table: Integers, weight: Floats, side: Side) -> Floats:
    """Return what every row says of a bound on its entropy in nats, all classes together."""
    n_labels = table.sum(axis=1)
    both = table.shape[1] == 2
    classes = table[:, 1:] if both else table
    degrees = degree_of(n_labels, weight.sum() ** 2 / (weight @ weight))
    bound = np.zeros(len(table))
    for degree in np.unique(degrees[weight > 0]):
        rows = degrees == degree
        for column in classes[rows].T:
            bound[rows] += entropy_bound(
                column, n_labels[rows], weight[rows], int(degree), side, both=both
            )
    return bound


def _warn_of_repelling_labels(
    left: dict[Side, Floats], quadratic: Estimate, weight: Floats, groups: Integers | None
) -> None:
    """Warn of what no probabilities do, beyond noise: bounds that cross, agreement below chance."""
    width = left["upper"] - left["lower"]
    found = mean_estimate(width, sample_weight=weight, groups=groups, confidence=ALARM)
    below = quadratic.value + two_sided_quantile(ALARM) * quadratic.standard_error < 0
    if found.upper < 0 or below:
        warn(
            "The counts of the labels vary less from row to row than independent labels make them, "
            "as if annotators knew of each other or rows were copies: the bracket need not hold.",
            DependentLabelsWarning,
        )


def _quadratic(
    table: Integers, share: Floats, weight: Floats, groups: Integers | None, confidence: float
) -> Estimate:
    r"""Return 1 less the disagreement of two labels of a row over that of labels of two rows.

    The impurity of the frequencies is a mean over pairs of rows. Its influence is twice that of a
    row, :math:`2 (1 - s_i \cdot \bar s_{-i}) - g`, with g the mean of :math:`1 - s_i \cdot
    \bar s_{-i}`.
    """
    n_labels = table.sum(axis=1)
    alike = (table * (table - 1.0)).sum(axis=1) / (n_labels * (n_labels - 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (weight @ share - weight[:, None] * share) / (weight.sum() - weight)[:, None]
    different = 1 - (share * others).sum(axis=1)
    impurity = 2 * different - weight @ different / weight.sum()
    found = ratio_estimate(
        1 - alike, impurity, sample_weight=weight, groups=groups, confidence=confidence
    )
    lower, upper = 1 - found.upper, 1 - found.lower
    if not -np.inf < lower <= upper < np.inf:  # two labels of two rows may never differ
        lower = upper = float("nan")
    return Estimate(1 - found.value, found.standard_error, lower, upper, confidence)
