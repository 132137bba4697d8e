"""What speaks against the value of Hamiltonian chains."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    half_chain_drift,
    relative_error,
    standard_error_between,
)
from sklearn_learnability.torch.learning_coefficient._flag import Flag, FlagCode, large_error
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import Extrapolation

LARGEST_DIFFERENCE = 0.05
LARGEST_R_HAT = 1.3  # with few draws, which noise alone takes to 1.2
SMALL_ERROR = 0.005  # of the value, below which chains that disagree say nothing more
WIDE = 0.08  # of the value, from it to the limit for multiplicity 2
LARGEST_SHARE_OF_DIVERGENCES = 0.01
LARGEST_GAP = 0.25  # of the value, between it and the variance of t K
SURE = 3.0  # standard errors beyond which a difference is not by chance


class Evidence(NamedTuple):
    """What flags are decided from."""

    draws: NDArray[np.float64]  # t K, (n_chains, n_draws), NaN for chains that never moved
    used: NDArray[np.bool_]  # which chains the value is of
    apart: float  # relative difference of the starts, 0 if small
    value: float
    error: float
    variance: float
    variance_error: float
    r_hat: float
    divergences: float
    inverse_temperature: float
    highest_inverse_temperature: float  # that the noise of the labels allows
    loss_below: float  # L(w*) less the lowest loss found near it
    gradient_norm: float
    limit: Extrapolation
    pull_takes: float  # from the value, to first order
    pull_takes_error: float


def flags_of(found: Evidence) -> tuple[Flag, ...]:
    """Return all that speaks against the value."""
    return (*_of_chains(found), *_of_draws(found), *_of_minimum(found), *_of_limit(found))


def difference_of_starts(means: NDArray[np.float64], cold: NDArray[np.bool_]) -> float:
    """Return how far chains from a hot start lie above those from w*, relative to their mean.

    Returns 0 where the difference is small, or may be chance. `means` are of the chains.
    """
    if min(cold.sum(), (~cold).sum()) < 2:
        return 0.0
    difference = means[~cold].mean() - means[cold].mean()
    if difference == 0.0:
        return 0.0
    rest = np.concatenate([means[group] - means[group].mean() for group in (cold, ~cold)])
    spread = math.sqrt((rest**2).sum() / (len(means) - 2))
    error = spread * math.sqrt(1 / cold.sum() + 1 / (~cold).sum())
    relative = float(difference / abs(means.mean()))
    small = abs(relative) < LARGEST_DIFFERENCE or abs(difference) < SURE * error
    return 0.0 if small else relative


def _of_chains(found: Evidence) -> list[Flag]:
    """Return whether chains were lost, disagree or drift."""
    flags, whole = [], found.draws[found.used]
    lost = int(np.isnan(found.draws).any(axis=1).sum())
    if lost:
        text = f"{lost} of {len(found.draws)} chains accepted no step, and were left out."
        flags.append(Flag(FlagCode.LOST_CHAINS, text))
    relative = relative_error(found.error, found.value)
    if found.r_hat > LARGEST_R_HAT and relative > SMALL_ERROR:
        text = f"The chains disagree: split R-hat {found.r_hat:.3g}."
        flags.append(Flag(FlagCode.CHAINS_DISAGREE, text))
    drift = half_chain_drift(whole)
    spread = 2 * standard_error_between(whole)
    if abs(drift) > max(LARGEST_DIFFERENCE, SURE * relative_error(spread, float(whole.mean()))):
        text = f"The halves of the chains differ by {drift:.1%} of the value."
        flags.append(Flag(FlagCode.DRIFT, text))
    if found.apart:
        text = (
            f"Chains from a hot start lie {found.apart:+.1%} from those started at w*, which were "
            "left out."
        )
        flags.append(Flag(FlagCode.STARTS_DISAGREE, text))
    return flags


def _of_draws(found: Evidence) -> list[Flag]:
    """Return whether the draws are too few, or not of the posterior."""
    flags = []
    relative = relative_error(found.error, found.value)
    if not relative <= LARGEST_DIFFERENCE / 2:
        flags.append(large_error(relative))
    if found.divergences > LARGEST_SHARE_OF_DIVERGENCES and relative > SMALL_ERROR:
        text = f"{found.divergences:.1%} of the trajectories diverged at short steps."
        flags.append(Flag(FlagCode.DIVERGENCES, text))
    expected, expected_error = expected_variance(found)
    gap = found.variance - expected
    chance = math.hypot(found.variance_error, expected_error)
    large = abs(gap) > max(LARGEST_GAP * abs(found.value), SURE * chance)
    if large and relative > SMALL_ERROR:
        text = (
            f"By the variance of t K the value is {found.variance:.4g} ± {found.variance_error:.2g}"
            f", expected about {expected:.4g}: the chains have not converged."
        )
        flags.append(Flag(FlagCode.VARIANCE, text))
    return flags


def expected_variance(found: Evidence) -> tuple[float, float]:
    """Return the variance of t K that goes with the value, by d E[tK] / d log t = E[tK] - Var.

    At one inverse temperature the derivative is what the pull takes, as of a quadratic loss.
    """
    slope, slope_error = found.limit.slope, found.limit.slope_error
    if math.isnan(slope):
        slope, slope_error = found.pull_takes, found.pull_takes_error
    if math.isnan(slope):
        return found.value, found.error
    return found.value - slope, math.hypot(found.error, slope_error)


def _of_minimum(found: Evidence) -> list[Flag]:
    """Return whether w* is no minimum."""
    bias = -found.inverse_temperature * found.loss_below
    flags = []
    if abs(bias) > LARGEST_DIFFERENCE * abs(found.value - bias):
        text = (
            f"w* is not a minimum: the gradient's norm is {found.gradient_norm:.3g}, and a loss "
            f"lower by {found.loss_below:.3g} near it adds {bias:.4g} to the value."
        )
        flags.append(Flag(FlagCode.NOT_A_MINIMUM, text))
    if found.value < 0:
        text = f"The value is negative, {found.value:.4g}: w* is not a minimum."
        flags.append(Flag(FlagCode.NEGATIVE_VALUE, text))
    limit = found.limit
    change = limit.line_limit - found.value
    falls = limit.slope < -SURE * limit.slope_error
    if falls and change > LARGEST_DIFFERENCE * abs(limit.line_limit):
        text = (
            f"The value falls with the inverse temperature, from about {limit.line_limit:.4g}: "
            "there are lower losses than that of w*."
        )
        flags.append(Flag(FlagCode.FALLS_WITH_INVERSE_TEMPERATURE, text))
    return flags


def _of_limit(found: Evidence) -> list[Flag]:
    """Return whether the value is far from its limit, or is no learning coefficient at all."""
    limit, flags = found.limit, []
    if found.inverse_temperature > 1.7 * found.highest_inverse_temperature:
        text = (
            f"The inverse temperature {found.inverse_temperature:.4g} is high for noisy labels, "
            f"expected at most {found.highest_inverse_temperature:.4g}: a singular model looks "
            "regular there."
        )
        flags.append(Flag(FlagCode.INVERSE_TEMPERATURE_TOO_HIGH, text))
    if math.isnan(limit.slope):
        return [*flags, *_of_pull(found)]
    if found.value <= 0:
        return flags
    sure = limit.slope > SURE * limit.slope_error
    if sure and limit.slope > 0.3 * found.value:
        text = (
            "The value grows almost in proportion to the inverse temperature: the pull towards w* "
            "decides it, and not the loss. Lower localization or raise inverse_temperature."
        )
        return [*flags, Flag(FlagCode.PULL_DECIDES, text)]
    if not limit.high <= (1 + WIDE) * found.value:  # also where it is not known
        text = (
            f"The limit may be as high as {limit.high:.4g}: the bracket is "
            f"{limit.bracket[0]:.4g} to {limit.bracket[1]:.4g}."
        )
        flags.append(Flag(FlagCode.WIDE_BRACKET, text))
    elif sure and limit.rises_to > (1 + LARGEST_DIFFERENCE) * found.value:
        text = f"The value still rises with the inverse temperature, to {limit.rises_to:.4g}."
        flags.append(Flag(FlagCode.STILL_RISES, text))
    drop = limit.line_limit - found.value
    noisy = limit.convex and found.inverse_temperature > 0.5 * found.highest_inverse_temperature
    if noisy and drop < -max(LARGEST_DIFFERENCE * found.value, SURE * limit.line_error):
        text = (
            "The value grows with the inverse temperature as if by noise in the labels, from "
            f"{limit.line_limit:.4g}: take more rows."
        )
        flags.append(Flag(FlagCode.NOISE_IN_LABELS, text))
    return flags


def _of_pull(found: Evidence) -> list[Flag]:
    """Return whether the pull takes much of a value that no other inverse temperature judges."""
    if not found.pull_takes > max(
        LARGEST_DIFFERENCE * abs(found.value), 2 * found.pull_takes_error
    ):
        return []
    text = (
        f"The pull towards w* takes {found.pull_takes:.3g} or more from the value. Lower "
        "localization, or raise inverse_temperature."
    )
    return [Flag(FlagCode.PULL_DAMPS, text)]
