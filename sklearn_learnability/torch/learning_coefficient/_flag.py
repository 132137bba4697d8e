"""What may speak against an estimate of the local learning coefficient."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    LostChainsWarning,
    NotAMinimumWarning,
    NotLocalWarning,
    TimeLimitWarning,
    UnconvergedChainsWarning,
)


class FlagCode(StrEnum):
    """What kind of thing speaks against an estimate; equal to its value, a string.

    Attributes
    ----------
    LOST_CHAINS
        Chains met a loss that is not finite, or accepted no step, and were left out.
    CHAINS_DISAGREE
        Split R-hat is large.
    STARTS_DISAGREE
        Chains from a hot start lie apart from those started at w*.
    DRIFT
        The halves of the chains differ.
    LARGE_ERROR
        The standard error is large: draw more.
    DIVERGENCES
        Short trajectories diverged: narrow valleys that not even short steps resolve.
    VARIANCE
        The variance of t K is not about its mean, as it is where chains have converged.
    GRADIENT_NOISE
        The noise of batches adds to the value.
    NOT_A_MINIMUM
        The loss has a slope at w*, or a lower loss was found near it; the bias is told.
    NEGATIVE_VALUE
        The value is negative: there are lower losses near w*.
    FALLS_WITH_INVERSE_TEMPERATURE
        There are lower losses than that of w*, seen by the chains.
    LEFT_NEIGHBOURHOOD
        The excess loss is too large to be local.
    NO_BETTER_THAN_CHANCE
        The loss along the chains is above that of a constant prediction.
    PULL_DAMPS
        The pull takes much of the value from directions in which the loss is nearly flat.
    PULL_DECIDES
        The value is that of the pull towards w*: a scaled trace of the Hessian.
    INVERSE_TEMPERATURE_TOO_HIGH
        For the number of noisy labels: a singular model looks regular.
    NOISE_IN_LABELS
        The value grows with the inverse temperature as if by noise in the labels: take more rows.
    WIDE_BRACKET
        With a multiplicity of 2 the limit could be far above the value: use the bracket.
    STILL_RISES
        The value still rises with the inverse temperature.
    TIME_LIMIT
        Chains stopped for want of time: there are fewer draws than were wanted.
    """

    LOST_CHAINS = "lost_chains"
    CHAINS_DISAGREE = "chains_disagree"
    STARTS_DISAGREE = "starts_disagree"
    DRIFT = "drift"
    LARGE_ERROR = "large_error"
    DIVERGENCES = "divergences"
    VARIANCE = "variance"
    GRADIENT_NOISE = "gradient_noise"
    NOT_A_MINIMUM = "not_a_minimum"
    NEGATIVE_VALUE = "negative_value"
    FALLS_WITH_INVERSE_TEMPERATURE = "falls_with_inverse_temperature"
    LEFT_NEIGHBOURHOOD = "left_neighbourhood"
    NO_BETTER_THAN_CHANCE = "no_better_than_chance"
    PULL_DAMPS = "pull_damps"
    PULL_DECIDES = "pull_decides"
    INVERSE_TEMPERATURE_TOO_HIGH = "inverse_temperature_too_high"
    NOISE_IN_LABELS = "noise_in_labels"
    WIDE_BRACKET = "wide_bracket"
    STILL_RISES = "still_rises"
    TIME_LIMIT = "time_limit"


#: The class of the warning that comes with each.
WARNINGS: dict[FlagCode, type[LearnabilityWarning]] = {
    FlagCode.LOST_CHAINS: LostChainsWarning,
    FlagCode.CHAINS_DISAGREE: UnconvergedChainsWarning,
    FlagCode.STARTS_DISAGREE: UnconvergedChainsWarning,
    FlagCode.DRIFT: UnconvergedChainsWarning,
    FlagCode.LARGE_ERROR: UnconvergedChainsWarning,
    FlagCode.DIVERGENCES: UnconvergedChainsWarning,
    FlagCode.VARIANCE: UnconvergedChainsWarning,
    FlagCode.GRADIENT_NOISE: UnconvergedChainsWarning,
    FlagCode.NOT_A_MINIMUM: NotAMinimumWarning,
    FlagCode.NEGATIVE_VALUE: NotAMinimumWarning,
    FlagCode.FALLS_WITH_INVERSE_TEMPERATURE: NotAMinimumWarning,
    FlagCode.LEFT_NEIGHBOURHOOD: NotLocalWarning,
    FlagCode.NO_BETTER_THAN_CHANCE: NotLocalWarning,
    FlagCode.PULL_DAMPS: NotLocalWarning,
    FlagCode.PULL_DECIDES: NotLocalWarning,
    FlagCode.INVERSE_TEMPERATURE_TOO_HIGH: NotLocalWarning,
    FlagCode.NOISE_IN_LABELS: NotLocalWarning,
    FlagCode.WIDE_BRACKET: NotLocalWarning,
    FlagCode.STILL_RISES: NotLocalWarning,
    FlagCode.TIME_LIMIT: TimeLimitWarning,
}


@dataclass(frozen=True)
class Flag:
    """One thing that speaks against an estimate; its string is the sentence.

    Attributes
    ----------
    code : FlagCode
        What kind of thing, to branch on.
    message : str
        The sentence, with the numbers.
    """

    code: FlagCode
    message: str

    def __str__(self) -> str:
        return self.message


def large_error(relative: float) -> Flag:
    """Return what is said of a standard error relative to its value, NaN where it is not known."""
    size = "not known" if math.isnan(relative) else f"{relative:.1%} of the value"
    return Flag(FlagCode.LARGE_ERROR, f"The standard error is {size}. Draw more.")


def warn_of(flags: Iterable[Flag]) -> None:
    """Warn of every flag, in the class of its kind."""
    for flag in flags:
        warn(flag.message, WARNINGS[flag.code])
