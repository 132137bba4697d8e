"""Per-segment report: where a model leaves information, and where there is none to take."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._probabilities import check_labels_and_probabilities
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Units,
    check_count,
    check_groups,
    check_weights,
    is_finite_number,
    nats_per_unit,
)
from sklearn_learnability.metrics._calibration import cross_fit_calibration
from sklearn_learnability.metrics._calibrators import CalibrationMethod
from sklearn_learnability.metrics._efficiency import efficiency_of_losses, warn_of_efficiency
from sklearn_learnability.metrics._information import log_loss_per_sample, prior_surprisal
from sklearn_learnability.metrics._information_estimate import effective_rows, unseen_variance
from sklearn_learnability.metrics._reference import (
    Reference,
    groups_beside,
    reference_losses,
)
from sklearn_learnability.metrics._resampling import check_confidence, mean_estimate
from sklearn_learnability.metrics._segment_status import (
    SMALLEST_EXCESS,
    SegmentAssessment,
    adjust,
    judge,
    p_value_of_zero,
    warn_small_segments,
)

#: Names of the rows of a report that are not segments of the data, or have no name in them.
MISSING, WITHIN, WHOLE = "(missing)", "(within segments)", "(all rows)"


@dataclass(frozen=True, eq=False)
class SegmentReport(Result):
    """What can be learned in every segment of a data set, and what the model makes of it.

    Attributes
    ----------
    segments : tuple of SegmentAssessment
        The segments, in the order of their categories or values; missing ones last.
    within : SegmentAssessment
        All rows, with the class frequencies of each segment taken as known.
    whole : SegmentAssessment
        All rows.
    between_information : float
        H(Y) less the mean H(Y) of the segments: what the segment alone says about the label.
    units : str
        Unit of information; that of entropies and losses.
    """

    segments: tuple[SegmentAssessment, ...]
    within: SegmentAssessment
    whole: SegmentAssessment
    between_information: float
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row a segment, then one within segments and one for all rows."""
        rows = [*self.segments, self.within, self.whole]
        return pd.concat([row.to_frame() for row in rows], ignore_index=True)


def information_by_segment(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    segments: Any,
    *,
    reference_nll: Reference,
    X: Any = None,
    calibration: CalibrationMethod | None = None,
    negligible: float = 0.05,
    min_samples: int = 50,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> SegmentReport:
    r"""Report in which segments a model leaves information, and where there is none to take.

    .. math:: I_s = 1 - \frac{\mathrm{NLL}_{F,s}}{H(Y \mid s)}, \qquad
              L_s = 1 - \frac{\mathrm{NLL}_{G,s}}{H(Y \mid s)}, \qquad
              \Delta_s = \mathrm{NLL}_{F,s} - \mathrm{NLL}_{G,s}

    Information score and learnability are those of the rows of the segment alone: they start from
    its own class frequencies, so that knowing its base rate is worth nothing in it. Higher is
    better for :math:`I_s`. The excess loss :math:`\Delta_s`, of which lower is better, does not
    depend on that choice. What the segments say about the label is
    ``between_information``; with it the parts add up to the whole,

    .. math:: H(Y) - \mathrm{NLL} = I(S; Y) + \sum_s w_s \left(H(Y \mid s) - \mathrm{NLL}_s\right).

    The status of a segment is the first of these that holds:

    - ``"too few rows"``: fewer than `min_samples` rows, or groups where they are given; untested.
    - ``"one class"``: no row is of another class, so that H(Y) = 0.
    - ``"leaves information"``: the excess loss is above 0 and so is the learnability.
    - ``"loses bits"``: the excess loss is above 0 where the learnability cannot be told from 0.
    - ``"nothing to learn"``: the learnability is not above 0, its interval lies within `negligible`
      of 0, and that of the model's score below `negligible`.
    - ``"ceiling too low"``: the excess loss or the learnability is below 0, so that the model or
      the class frequencies are better than what was taken for the ceiling.
    - ``"at its ceiling"``: the interval of the efficiency is above 1 - `negligible`, or the
      learnability is above 0 and the losses are those of the ceiling.
    - ``"undecided"``: the rows do not tell.

    Above and below mean by more than noise: by a paired t test, with the degrees of freedom that
    the spread of the rows has. Its p-values are adjusted over the segments by Benjamini and
    Hochberg's method. Of the segments told apart from 0, the expected share of false ones is then
    at most 1 - `confidence`; where no segment differs, that is the probability of any such claim.
    The intervals are not adjusted.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels. Of rows that neither model nor ceiling was fitted on.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; the model's on held-out rows.
    segments : array-like of shape (n_samples,)
        Segment of every row: strings, numbers, categories or intervals. Cut a continuous feature
        into bins first, with ``pandas.cut`` or ``pandas.qcut``. Missing values are a segment.
    reference_nll : array-like of shape (n_samples,) or fitted GoldenModelCeiling
        The ceiling's held-out losses of the same rows, in `units`. A ceiling itself is taken as by
        :func:`efficiency`.
    X : array-like of shape (n_samples, n_features), optional
        Inputs. Only for a ceiling that is to predict rows new to it.
    calibration : str, optional
        Family of maps: by it the model is calibrated first, cross-fitted over all rows; what is
        then missed is missing knowledge. By default the probabilities are taken as they are.
    negligible : float, default=0.05
        Share that counts as nothing: of the ceiling for "at its ceiling", of the label entropy for
        "nothing to learn".
    min_samples : int, default=50
        Rows, or groups where they are given, from which on a segment is tested.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights; rows of weight 0 are left out.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other: intervals and tests are clustered by group. By
        default those of a ceiling in `reference_nll`, where X is not given.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of entropies and losses.
    confidence : float, default=0.95
        Level of the intervals. Less from 1 it is that of the tests.
    random_state : int, RandomState instance or None, default=0
        Source of randomness. Shuffles the rows into the folds of the calibration.

    Returns
    -------
    SegmentReport
        With `to_frame()`, one row a segment, one within segments and one for all rows.

    Raises
    ------
    ValueError
        If segments do not match the rows or are not told apart by their names, if an option is out
        of range, or for the reasons of :func:`log_loss_per_sample`.

    Warns
    -----
    SmallSegmentWarning
        If segments have fewer than `min_samples` rows or groups.
    InSampleWarning
        If the model's efficiency over all rows lies above 1.2 by more than noise.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.
    Y. Benjamini and Y. Hochberg. Controlling the false discovery rate. Journal of the Royal
    Statistical Society B, 1995. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability.datasets import make_segmented_classification
    >>> from sklearn_learnability.metrics import information_by_segment, log_loss_per_sample
    >>> X, y, truth = make_segmented_classification(6000, random_state=0, return_truth=True)
    >>> model = LogisticRegression().fit(X[:3000], y[:3000])  # one strength for all segments
    >>> report = information_by_segment(
    ...     y[3000:],
    ...     model.predict_proba(X[3000:]),
    ...     X[3000:, 0],
    ...     reference_nll=log_loss_per_sample(y[3000:], truth.predict_proba(X[3000:])),
    ... )
    >>> for part in report.segments:
    ...     print(part.segment, f"{part.efficiency.learnability.value:.2f}", part.status)
    0.0 0.05 leaves information
    1.0 0.30 at its ceiling
    2.0 0.81 leaves information
    """
    check_confidence(confidence)
    check_options(negligible, min_samples)
    classes, labels_of_rows, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    weight = check_weights(sample_weight, len(proba))
    reference = reference_losses(reference_nll, y_true, X, units=units)
    groups = groups_beside(reference_nll, X, groups)
    names, codes = encode_segments(segments, len(proba))
    if calibration is not None:
        proba = cross_fit_calibration(
            y_true,
            proba,
            calibration=calibration,
            sample_weight=weight,
            groups=groups,
            labels=classes,
            random_state=random_state,
        )
    rows = Rows(
        y=labels_of_rows,
        loss=log_loss_per_sample(y_true, proba, labels=classes, units=units),
        reference=reference,
        weight=weight / weight.sum(),
        groups=None if groups is None else check_groups(groups, len(weight)),
        units=units,
        confidence=confidence,
    ).take(weight > 0)
    parts, surprisal = rows.assess_segments(names, codes[weight > 0], min_samples)
    warn_small_segments(parts, min_samples)
    within = rows.assess(WITHIN, surprisal, min_samples)
    whole = rows.assess(WHOLE, rows.surprisal(), min_samples)
    if not whole.efficiency.reason:
        warn_of_efficiency(whole.efficiency)
    return SegmentReport(
        segments=tuple(judge(part, negligible) for part in adjust(parts)),
        within=judge(within, negligible),
        whole=judge(whole, negligible),
        between_information=max(whole.label_entropy - within.label_entropy, 0.0),
        units=units,
    )


@dataclass(frozen=True)
class Rows:
    """Per-row ingredients of a report; the weights of all rows sum to 1."""

    y: NDArray[Any]
    loss: Floats
    reference: Floats
    weight: Floats
    groups: NDArray[np.integer] | None
    units: Units
    confidence: float

    def take(self, inside: NDArray[np.bool_]) -> "Rows":
        """Return the rows of a segment."""
        columns = ("y", "loss", "reference", "weight")
        taken: dict[str, Any] = {name: getattr(self, name)[inside] for name in columns}
        groups = None if self.groups is None else self.groups[inside]
        return replace(self, **taken, groups=groups)

    def surprisal(self) -> Floats:
        """Return -log of the frequency of every row's class among these rows."""
        return prior_surprisal(self.y, sample_weight=self.weight, units=self.units)

    def assess_segments(
        self, names: list[str], codes: NDArray[np.integer], min_samples: int
    ) -> tuple[list[SegmentAssessment], Floats]:
        """Return every segment for itself, and the surprisals within the segments."""
        surprisal = np.empty(len(codes))
        parts = []
        for code in np.unique(codes):
            inside = codes == code
            part = self.take(inside)
            surprisal[inside] = part.surprisal()
            parts.append(part.assess(names[code], surprisal[inside], min_samples))
        return parts, surprisal

    def assess(self, name: str, surprisal: Floats, min_samples: int) -> SegmentAssessment:
        """Return estimates and unadjusted tests for these rows, still without a verdict."""
        options: dict[str, Any] = {
            "sample_weight": self.weight,
            "groups": self.groups,
            "confidence": self.confidence,
        }
        n_units = len(self.y if self.groups is None else np.unique(self.groups))
        small = n_units < min_samples
        p_excess, p_ceiling = (float("nan"),) * 2 if small else self.p_values(surprisal)
        return SegmentAssessment(
            segment=name,
            n_samples=len(self.y),
            share=float(self.weight.sum()),
            label_entropy=float(np.average(surprisal, weights=self.weight)),
            efficiency=efficiency_of_losses(
                surprisal, self.loss, units=self.units, reference_nll=self.reference, **options
            ),
            excess_loss=mean_estimate(self.loss - self.reference, **options),
            p_excess_loss=p_excess,
            p_learnability=p_ceiling,
            adjusted_p_excess_loss=p_excess,
            adjusted_p_learnability=p_ceiling,
            status="too few rows" if small else "undecided",
        )

    def p_values(self, surprisal: Floats) -> tuple[float, float]:
        """Return the unadjusted p-values of an excess loss of 0 and of a learnability of 0.

        The frequencies that the learnability starts from are those of these rows.
        """
        nats = nats_per_unit(self.units)
        n_rows = effective_rows(surprisal, self.reference, self.weight, self.groups)
        unseen = unseen_variance(surprisal * nats, self.weight, n_rows) / nats**2
        clusters = (self.weight, self.groups, SMALLEST_EXCESS / nats)
        return (
            p_value_of_zero(self.loss - self.reference, *clusters),
            p_value_of_zero(surprisal - self.reference, *clusters, unseen),
        )


def check_options(negligible: float, min_samples: int) -> None:
    """Refuse shares outside of [0, 1) and segments of a single row."""
    if not is_finite_number(negligible) or not 0 <= negligible < 1:
        raise ValueError(f"Expected negligible in [0, 1), got {negligible!r}.")
    check_count("min_samples", min_samples, smallest=2)


def encode_segments(segments: Any, n_samples: int) -> tuple[list[str], NDArray[np.integer]]:
    """Return the names of the segments, missing ones last, and the segment of every row."""
    if np.shape(segments) != (n_samples,):
        raise ValueError(
            f"Expected segments of shape ({n_samples},), the segment of every row, got shape "
            f"{np.shape(segments)}."
        )
    codes, values = pd.factorize(pd.Series(segments), sort=True)
    names = [str(value) for value in values]
    missing = codes < 0
    if missing.any():
        names.append(MISSING)
        codes = np.where(missing, len(names) - 1, codes)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or {WITHIN, WHOLE} & set(names):
        raise ValueError(
            "Expected a name of its own for each segment, got different ones that read "
            f"{twice or [WITHIN, WHOLE]}."
        )
    return names, codes
