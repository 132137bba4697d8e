"""Efficiency: the share of the learnable information that a model extracts."""

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Units, check_weights, warn
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics._information import log_loss_per_sample, prior_surprisal
from sklearn_learnability.metrics._resampling import Estimate, ratio_estimate


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
        Ends of Fieller's interval for `value`.
    confidence : float
        Level of every interval.
    information_score : Estimate
        The model's information score.
    learnability : Estimate
        The ceiling's information score.
    reason : str
        Why `value` is NaN; empty where it is defined.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    confidence: float
    information_score: Estimate
    learnability: Estimate
    reason: str

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table of one row."""
        row = asdict(self)
        for name in ("information_score", "learnability"):
            part = row.pop(name)
            row |= {name: part["value"]}
            row |= {f"{name}_{end}": part[end] for end in ("lower", "upper")}
        return pd.DataFrame([row])


def efficiency_of_losses(
    surprisal: Floats,
    loss: Floats,
    *,
    learnability: float | None = None,
    reference_nll: Floats | None = None,
    sample_weight: Floats | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Efficiency:
    """Return the efficiency from per-row losses and the surprisals of the class frequencies."""
    ratio_of = partial(
        ratio_estimate, sample_weight=sample_weight, groups=groups, confidence=confidence
    )
    score = ratio_of(surprisal - loss, surprisal)
    if reference_nll is None:
        assert learnability is not None
        ceiling = Estimate(learnability, 0.0, learnability, learnability, confidence)
        ratio = ratio_of(surprisal - loss, learnability * surprisal)
    else:
        ceiling = ratio_of(surprisal - reference_nll, surprisal)
        ratio = ratio_of(surprisal - loss, surprisal - reference_nll)
    reason = undefined_reason(score, ceiling)
    if reason:
        nan = float("nan")
        ratio = Estimate(nan, nan, nan, nan, confidence)
    return Efficiency(**asdict(ratio), information_score=score, learnability=ceiling, reason=reason)


def undefined_reason(score: Estimate, learnability: Estimate) -> str:
    """Return why an efficiency is undefined, or nothing."""
    if np.isnan(score.value):
        return "one class holds all the weight, so that H(Y) = 0"
    # of a single row or group nothing is known about the spread, and nothing is claimed
    if not learnability.lower > 0:
        return (
            f"the learnability {learnability.value:.4g} cannot be told from 0: its "
            f"{learnability.confidence:.0%} interval starts at {learnability.lower:.4g}"
        )
    return ""


def efficiency(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    learnability: float | None = None,
    reference_nll: ArrayLike | None = None,
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
        The model's predicted probabilities on held-out rows.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference_nll`.
    reference_nll : array-like of shape (n_samples,), optional
        The golden model's held-out losses of the same rows, in `units`. Model and ceiling are then
        paired row by row, which makes the interval shorter and counts the ceiling's own noise.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other; intervals are clustered by group.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of `reference_nll`. The efficiency itself has none.
    confidence : float, default=0.95
        Level of the intervals.

    Returns
    -------
    Efficiency
        Its value is NaN, with a reason, where the learnability's interval reaches 0: a share of
        nothing explodes.

    Raises
    ------
    ValueError
        If not exactly one ceiling is given, if `learnability` is above 1, or for the reasons of
        :func:`log_loss_per_sample`.

    Warns
    -----
    UndefinedInformationWarning
        If the value is NaN.

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
    """
    loss = log_loss_per_sample(y_true, y_proba, labels=labels, units=units)
    weight = check_weights(sample_weight, len(loss))
    reference = check_ceiling(learnability, reference_nll, len(loss))
    found = efficiency_of_losses(
        prior_surprisal(y_true, sample_weight=weight, units=units),
        loss,
        learnability=learnability,
        reference_nll=reference,
        sample_weight=weight,
        groups=groups,
        confidence=confidence,
    )
    if found.reason:
        warn_undefined_efficiency(found.reason)
    return found


def efficiency_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    learnability: float | None = None,
    reference_nll: ArrayLike | None = None,
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
        The model's predicted probabilities on held-out rows.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference_nll`.
    reference_nll : array-like of shape (n_samples,), optional
        The golden model's held-out losses of the same rows, in `units`.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of `reference_nll`.

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
        sample_weight=sample_weight,
        labels=labels,
        units=units,
    ).value


def check_ceiling(
    learnability: float | None, reference_nll: ArrayLike | None, n_samples: int
) -> Floats | None:
    """Return the ceiling's losses where it is given by them, refusing none and both."""
    if (learnability is None) == (reference_nll is None):
        raise ValueError("Expected exactly one of learnability= and reference_nll=.")
    if learnability is not None:
        check_learnability(learnability)
    return None if reference_nll is None else check_reference(reference_nll, n_samples)


def check_learnability(learnability: float) -> None:
    """Refuse a learnability that no labels can have."""
    if not learnability <= 1:
        raise ValueError(f"Got learnability={learnability!r}, but expected a number up to 1.")


def check_reference(reference_nll: ArrayLike, n_samples: int) -> Floats:
    """Return the ceiling's losses as float64, one a row, finite and not negative."""
    reference = np.asarray(reference_nll, dtype=np.float64)
    if reference.shape != (n_samples,):
        raise ValueError(
            f"Got reference_nll of shape {reference.shape}, but expected ({n_samples},): the "
            "ceiling's loss of every scored row."
        )
    if not np.isfinite(reference).all():
        raise ValueError(
            f"Got {np.sum(~np.isfinite(reference))} values of reference_nll that are not finite. "
            "Rows that the ceiling never predicted (NaN) cannot be paired: leave them out."
        )
    if (reference < 0).any():
        raise ValueError(
            f"Got a negative loss in reference_nll ({reference.min():g}), but expected "
            "-log q >= 0 in every row."
        )
    return reference


def warn_undefined_efficiency(reason: str) -> None:
    """Warn that an efficiency is NaN, and why."""
    warn(f"The efficiency is undefined (NaN): {reason}.", UndefinedInformationWarning)
