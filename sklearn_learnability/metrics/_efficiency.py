"""Efficiency: the share of the learnable information that a model extracts."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Units,
    check_weights,
    warn,
)
from sklearn_learnability.exceptions import InSampleWarning, UndefinedInformationWarning
from sklearn_learnability.metrics._efficiency_ends import (
    SMALLEST_LEARNABILITY,
    Bracket,
    LearnabilityEnds,
    check_bracket,
    efficiency_ends,
    paired_share,
    share_of_number,
)
from sklearn_learnability.metrics._information import log_loss_per_sample, prior_surprisal
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._reference import (
    MOST_OF_A_CEILING,
    Reference,
    check_ceiling,
    groups_beside,
)
from sklearn_learnability.metrics._resampling import Estimate


@dataclass(frozen=True, eq=False)
class Efficiency(Result):
    """Efficiency of a model with its interval, the ceiling it is measured by, and any reason.

    Attributes
    ----------
    value : float
        Share of the ceiling's information that the model extracts; NaN where undefined.
    standard_error : float
        Standard error of `value` by the delta method.
    lower, upper : float
        Ends of Fieller's set for `value`. If `value` is undefined the set is not bounded: it is
        -inf to inf, or, with `lower` above `upper`, all numbers up to `upper` and all from `lower`
        on. NaN if nothing is known, as with a single group.
    confidence : float
        Level of every interval.
    information_score : Estimate
        The model's information score.
    learnability : Estimate
        The ceiling's information score.
    reason : str
        Why `value` is NaN; empty where it is defined.
    efficiency_of_lower, efficiency_of_upper : float
        The most and the least that the model extracts, by the lower and the upper end of the
        learnability: each a one-sided 95 % limit. NaN where undefined, and without a bracket.
    bracket_reason : str
        Why one of these two is NaN; None without a bracket.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    confidence: float
    information_score: Estimate
    learnability: Estimate
    reason: str
    efficiency_of_lower: float = float("nan")
    efficiency_of_upper: float = float("nan")
    bracket_reason: str | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table of one row; those of a bracket where there is one."""
        row = asdict(self)
        if self.bracket_reason is None:
            for name in ("efficiency_of_lower", "efficiency_of_upper", "bracket_reason"):
                del row[name]
        for name in ("information_score", "learnability"):
            part = row.pop(name)
            row |= {name: part["value"]}
            row |= {f"{name}_{end}": part[end] for end in ("lower", "upper")}
        return pd.DataFrame([row])


def efficiency_of_losses(
    surprisal: Floats,
    loss: Floats,
    *,
    units: Units,
    learnability: float | None = None,
    reference_nll: Floats | None = None,
    ends: LearnabilityEnds | None = None,
    sample_weight: Floats | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Efficiency:
    """Return the efficiency from per-row losses and the surprisals of the class frequencies."""
    options: dict[str, Any] = {
        "sample_weight": sample_weight,
        "groups": groups,
        "confidence": confidence,
    }
    score = information_estimate(surprisal, loss, units=units, **options)
    if reference_nll is None:
        assert learnability is not None
        ceiling = Estimate(learnability, 0.0, learnability, learnability, confidence)
        ratio = share_of_number(score, learnability)
    else:
        ceiling = information_estimate(
            surprisal, reference_nll, units=units, calibrated=True, **options
        )
        ratio = paired_share(surprisal, loss, reference_nll, units=units, **options)
    reason = undefined_reason(score, ceiling, ratio)
    if reason:
        ratio = replace(ratio, value=float("nan"), standard_error=float("nan"))
    found = Efficiency(
        **asdict(ratio), information_score=score, learnability=ceiling, reason=reason
    )
    if ends is None:
        return found
    del options["confidence"]
    between = efficiency_ends(surprisal, loss, reference_nll, ends, units=units, **options)
    return replace(
        found,
        efficiency_of_lower=between.of_lower,
        efficiency_of_upper=between.of_upper,
        bracket_reason=between.reason,
    )


def undefined_reason(score: Estimate, learnability: Estimate, share: Estimate) -> str:
    """Return why an efficiency is undefined, or nothing."""
    if np.isnan(score.value):
        return "one class holds all the weight, so that H(Y) = 0"
    # of a single row or group nothing is known about the spread, and nothing is claimed
    if np.isnan(learnability.lower):
        return f"the learnability {learnability.value:.4g} has no interval: rows are too few"
    if not learnability.lower > SMALLEST_LEARNABILITY:
        return (
            f"the learnability {learnability.value:.4g} cannot be told from 0: its "
            f"{learnability.confidence:.0%} interval starts at {learnability.lower:.4g}"
        )
    if np.isinf(share.lower) or share.lower > share.upper:
        return (
            f"the learnability {learnability.value:.4g} is too near 0 for a bounded interval of "
            "the model's share"
        )
    return ""


def efficiency(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    learnability: float | None = None,
    reference_nll: Reference | None = None,
    X: Any = None,
    bracket: Bracket | None = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    confidence: float = 0.95,
) -> Efficiency:
    r"""Efficiency of a model with its interval: its share of what can be learned.

    .. math:: \eta = \frac{1 - \mathrm{NLL}_F / H(Y)}{L}
              = \frac{H(Y) - \mathrm{NLL}_F}{H(Y) - \mathrm{NLL}_G}

    Higher is better: 1 is all that the ceiling finds, 0 no better than the class frequencies,
    below 0 worse than them. It can exceed 1, because a ceiling is only the best model known.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; the model's on held-out rows.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference_nll`.
    reference_nll : array-like of shape (n_samples,) or fitted GoldenModelCeiling, optional
        The ceiling's held-out losses of the same rows, in `units`. Model and ceiling are then
        paired row by row, which makes the interval shorter and counts the ceiling's own noise. The
        ceiling itself gives its out-of-fold losses of the rows it was fitted on, or, with `X`, its
        losses of rows that are new to it.
    X : array-like of shape (n_samples, n_features), optional
        Inputs. Only for a ceiling that is to predict rows new to it.
    bracket : Shortfall or tuple of float, optional
        Lower and upper end of the learnability, for the efficiency against both. By default those
        of a ceiling in `reference_nll` that was fitted with ``bracket=True``.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other; intervals are clustered by group. By default
        those of a ceiling in `reference_nll`, where X is not given.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of `reference_nll`. The efficiency itself has none.
    confidence : float, default=0.95
        Level of the intervals.

    Returns
    -------
    Efficiency
        Its value is NaN, with a reason, if the learnability's interval reaches 0: it would be a
        share of nothing. The set of shares that the rows allow is given nevertheless.

    Raises
    ------
    ValueError
        If not exactly one ceiling is given, if `learnability` is above 1, if the rows are not
        those of the ceiling, if `bracket` has no two ends in order within [0, 1], or for the
        reasons of :func:`log_loss_per_sample`.
    TypeError
        If `reference_nll` is neither losses nor a fitted ceiling.

    Warns
    -----
    UndefinedInformationWarning
        If the value is NaN, or its share of an end of the bracket.
    InSampleWarning
        If the interval lies above 1.2: the model was most likely fitted on these rows.
    LossUnitsWarning
        If the losses in `reference_nll` are calibrated in the other unit.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.
    E. C. Fieller. Some problems in interval estimation. Journal of the Royal Statistical Society
    B, 1954. https://doi.org/10.1111/j.2517-6161.1954.tb00159.x

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability.metrics import efficiency
    >>> y = np.tile([0, 0, 1, 1], 50)
    >>> golden = np.tile([0.1, 0.2, 0.8, 0.9], 50)
    >>> model = np.tile([0.2, 0.4, 0.6, 0.8], 50)
    >>> reference = -np.log2(np.where(y == 1, golden, 1 - golden))
    >>> found = efficiency(y, model, reference_nll=reference)
    >>> print(f"{found.value:.2f} of {found.learnability.value:.2f}")
    0.62 of 0.76

    A ceiling fitted on some rows, a model scored on others:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y = make_learnability_classification(4000, learnability=0.3, random_state=0)
    >>> old, new = slice(0, 2000), slice(2000, 4000)
    >>> ceiling = GoldenModelCeiling(["logistic", "splines"], random_state=0).fit(X[old], y[old])
    >>> model = LogisticRegression().fit(X[:200], y[:200])
    >>> found = efficiency(y[new], model.predict_proba(X[new]), reference_nll=ceiling, X=X[new])
    >>> print(f"{found.value:.2f}")
    0.52
    """
    loss = log_loss_per_sample(y_true, y_proba, labels=labels, units=units)
    weight = check_weights(sample_weight, len(loss))
    reference = check_ceiling(learnability, reference_nll, y_true, X, units)
    groups = groups_beside(reference_nll, X, groups)
    found = efficiency_of_losses(
        prior_surprisal(y_true, sample_weight=weight, units=units),
        loss,
        learnability=learnability,
        units=units,
        reference_nll=reference,
        ends=check_bracket(bracket, reference_nll),
        sample_weight=weight,
        groups=groups,
        confidence=confidence,
    )
    warn_of_efficiency(found)
    warn_of_ends(found)
    return found


def efficiency_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    learnability: float | None = None,
    reference_nll: Reference | None = None,
    X: Any = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
) -> float:
    r"""Efficiency of a model as a number: its share of what can be learned.

    .. math:: \eta = (1 - \mathrm{NLL}_F / H(Y)) / L

    Higher is better; 1 is all that the ceiling finds. :func:`efficiency` gives its interval.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; the model's on held-out rows.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference_nll`.
    reference_nll : array-like of shape (n_samples,) or fitted GoldenModelCeiling, optional
        The ceiling's held-out losses of the same rows, in `units`. A ceiling itself is taken as by
        :func:`efficiency`.
    X : array-like of shape (n_samples, n_features), optional
        Inputs. Only for a ceiling that is to predict rows new to it.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of `reference_nll`.

    Returns
    -------
    float
        The efficiency, NaN where the learnability cannot be told from 0 at the 95 % level.

    Raises
    ------
    ValueError
        As for :func:`efficiency`.

    Warns
    -----
    UndefinedInformationWarning
        If the value is NaN.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn_learnability.metrics import efficiency_score
    >>> efficiency_score([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75], learnability=0.8)
    0.731...
    """
    return efficiency(
        y_true,
        y_proba,
        learnability=learnability,
        reference_nll=reference_nll,
        X=X,
        sample_weight=sample_weight,
        labels=labels,
        units=units,
    ).value


def warn_of_efficiency(found: Efficiency, name: str = "The model") -> None:
    """Warn that an efficiency is NaN, or too high to be that of held-out rows, and why."""
    if found.reason:
        warn(f"The efficiency is undefined (NaN): {found.reason}.", UndefinedInformationWarning)
    elif found.lower > MOST_OF_A_CEILING:
        warn(
            f"{name} extracts {found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}] of what the "
            "ceiling finds: most likely it was fitted on these rows. Score predictions of held-out "
            "rows, such as those of cross_val_predict. If they are held out, the ceiling is weak: "
            "add the model to its family.",
            InSampleWarning,
        )


def warn_of_ends(found: Efficiency) -> None:
    """Warn that an efficiency is defined, but not against both ends of the learnability."""
    if found.bracket_reason and not found.reason:
        warn(
            f"The efficiency against the bracket is undefined (NaN): {found.bracket_reason}.",
            UndefinedInformationWarning,
        )
