"""The efficiency against both ends of a bracket of the learnability."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability._validation import (
    Floats,
    Units,
    check_weights,
    is_finite_number,
    nats_per_unit,
)
from sklearn_learnability.metrics._information_estimate import (
    effective_rows,
    information_estimate,
    unseen_variance,
)
from sklearn_learnability.metrics._resampling import Estimate, ratio_estimate

#: A learnability below which a share of it is rounding.
SMALLEST_LEARNABILITY = 1e-12
#: Level of each limit, one-sided: that of a bracket's ends.
LEVEL = 0.95
NAN = float("nan")


class MeasuredBracket(Protocol):
    """A bracket with the gap that carries it, such as a Shortfall."""

    @property
    def lower(self) -> float:
        """Lower end."""

    @property
    def upper(self) -> float:
        """Upper end."""

    @property
    def largest_gap(self) -> float:
        """The most that the ceiling may lie below the learnability."""


#: As the user gives it.
Bracket = tuple[float, float] | MeasuredBracket


@dataclass(frozen=True)
class LearnabilityEnds:
    """Ends of the learnability, and how far a ceiling's score may lie below, where measured."""

    lower: float
    upper: float
    largest_gap: float | None = None


@dataclass(frozen=True)
class EfficiencyEnds:
    """The most and the least that a model extracts; NaN with a reason where undefined."""

    of_lower: float = NAN
    of_upper: float = NAN
    reason: str = ""


def check_bracket(bracket: Bracket | None, reference_nll: Any) -> LearnabilityEnds | None:
    """Return the ends that were given, or those of a ceiling that has measured them."""
    given: Any = getattr(reference_nll, "shortfall_", None) if bracket is None else bracket
    if given is None:
        return None
    if hasattr(given, "largest_gap"):
        return LearnabilityEnds(given.lower, given.upper, given.largest_gap)
    ends = list(given) if isinstance(given, tuple | list | np.ndarray) else []
    if len(ends) != 2 or not all(is_finite_number(end) for end in ends):
        raise ValueError(
            "Expected bracket as a Shortfall, or as two numbers, lower and upper end of the "
            f"learnability, got {given!r}."
        )
    lower, upper = (float(end) for end in ends)
    if not (0 <= lower <= upper <= 1 and upper > SMALLEST_LEARNABILITY):
        raise ValueError(
            "Expected bracket with 0 <= lower <= upper <= 1 and upper > 0, got "
            f"({lower:g}, {upper:g})."
        )
    return LearnabilityEnds(lower, upper)


def efficiency_ends(
    surprisal: Floats,
    loss: Floats,
    reference_nll: Floats | None,
    ends: LearnabilityEnds,
    *,
    units: Units,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> EfficiencyEnds:
    r"""Return the one-sided limits of the efficiency against both ends.

    Where the ceiling's losses stand beside the model's and its largest gap g is known,

    .. math:: \frac{H(Y) - \mathrm{NLL}_F}{H(Y) - \mathrm{NLL}_G + g\,H(Y)}

    by Fieller's limits, with g = 0 for the lower end: what makes these rows easy cancels.
    Otherwise, and for an upper end of 1, it is the one-sided limit of the model's score over the
    end.

    A negative score is a larger share of the lower end: there the ends change places.
    """
    rows: dict[str, Any] = {"sample_weight": sample_weight, "groups": groups}
    score = information_estimate(surprisal, loss, units=units, confidence=2 * LEVEL - 1, **rows)
    if np.isnan(score.lower):
        return EfficiencyEnds(reason="the model's score has no limits")
    of_lower, of_upper = (share_of_number(score, end) for end in (ends.lower, ends.upper))
    if reference_nll is not None and ends.largest_gap is not None:
        losses = (surprisal, loss, reference_nll)
        if ends.lower > SMALLEST_LEARNABILITY:
            of_lower = paired_share(*losses, 0.0, units=units, **rows)
        if ends.upper < 1:
            of_upper = paired_share(*losses, ends.largest_gap, units=units, **rows)
    least = of_upper.lower if of_upper.lower >= 0 else of_lower.lower
    most = of_lower.upper if of_lower.upper >= 0 else of_upper.upper
    reason = ""
    if not ends.lower > SMALLEST_LEARNABILITY:
        reason = "the lower end of the learnability is 0, and any score is any share of it"
    elif not np.isfinite([least, most]).all():
        reason = "the ceiling's score cannot be told from 0 on these rows"
    least, most = (value if np.isfinite(value) else NAN for value in (least, most))
    return EfficiencyEnds(most, least, reason)


def share_of_number(score: Estimate, learnability: float) -> Estimate:
    """Return a score as a share of a learnability that is taken as exact; all numbers of none."""
    if not learnability > SMALLEST_LEARNABILITY:
        return Estimate(NAN, NAN, -np.inf, np.inf, score.confidence)
    return Estimate(
        score.value / learnability,
        score.standard_error / learnability,
        score.lower / learnability,
        score.upper / learnability,
        score.confidence,
    )


def paired_share(
    surprisal: Floats,
    loss: Floats,
    reference_nll: Floats,
    gap: float = 0.0,
    *,
    units: Units,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 2 * LEVEL - 1,
) -> Estimate:
    """Return a model's share of what the ceiling finds on the same rows, and `gap` of H(Y) more."""
    nats = nats_per_unit(units)
    weight = check_weights(sample_weight, len(loss))
    n_rows = effective_rows(surprisal, reference_nll, weight, groups)
    extra = unseen_variance(surprisal * nats, weight, n_rows) / nats**2
    return ratio_estimate(
        surprisal - loss,
        surprisal - reference_nll + gap * surprisal,
        sample_weight=weight,
        groups=groups,
        confidence=confidence,
        unseen_variance=(extra, extra),
    )
