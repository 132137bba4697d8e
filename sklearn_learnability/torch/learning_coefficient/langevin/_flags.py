"""What speaks against the value of Langevin chains."""

import math

import numpy as np

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import relative_error
from sklearn_learnability.torch.learning_coefficient._flag import Flag, FlagCode, large_error
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    NOISE_TOLERANCE,
    ChainSettings,
    gradient_bias,
    local_limit,
    noise_share,
)
from sklearn_learnability.torch.learning_coefficient.langevin._traces import Figure

LARGEST_DRIFT, LARGEST_R_HAT, LARGEST_ERROR, LARGEST_BIAS = 0.05, 1.1, 0.1, 0.05
LARGEST_GAP, SURE = 0.25, 3.0
FLOAT32_ROUNDING = float(np.finfo(np.float32).eps)


def flags_of_chains(found: LLCEstimate) -> list[Flag]:
    """Return what speaks against the chains themselves."""
    flags = []
    lost = int(np.isnan(found.per_chain).sum())
    if lost:
        text = f"{lost} of {len(found.per_chain)} chains met a loss that is not finite."
        flags.append(Flag(FlagCode.LOST_CHAINS, text))
    if found.r_hat > LARGEST_R_HAT:
        text = f"The chains disagree: split R-hat {found.r_hat:.3g} is above {LARGEST_R_HAT:g}."
        flags.append(Flag(FlagCode.CHAINS_DISAGREE, text))
    relative = relative_error(found.standard_error, found.value)
    # the halves' difference has twice the error of the value
    if abs(found.half_chain_drift) > max(LARGEST_DRIFT, 3 * 2 * relative):
        text = f"The halves of the chains differ by {found.half_chain_drift:.1%} of the value."
        flags.append(Flag(FlagCode.DRIFT, text))
    if not relative < LARGEST_ERROR:
        flags.append(large_error(relative))
    return flags


def flags_of_start(
    found: LLCEstimate, settings: ChainSettings, around: Neighbourhood
) -> list[Flag]:
    """Return what speaks against w*."""
    bias = gradient_bias(settings, around)
    if abs(bias) > LARGEST_BIAS * abs(found.value - bias):
        text = (
            f"w* is not a minimum: the gradient's norm is {found.gradient_norm:.3g}, which adds "
            f"about {bias:.4g} to the value."
        )
        return [Flag(FlagCode.NOT_A_MINIMUM, text)]
    rounding = settings.inverse_temperature * abs(found.initial_loss) * FLOAT32_ROUNDING
    if found.value < -rounding:
        text = f"The value is negative, {found.value:.4g}: there are lower losses near w*."
        return [Flag(FlagCode.NEGATIVE_VALUE, text)]
    return []


def flags_of_neighbourhood(
    found: LLCEstimate, settings: ChainSettings, around: Neighbourhood
) -> list[Flag]:
    """Return what speaks against having stayed near w*."""
    flags = []
    limit = 2 * local_limit(found.chance_loss)
    if abs(found.excess_loss) > limit:
        text = (
            f"The chains left the neighbourhood of w*: their loss is {found.excess_loss:.3g} above "
            f"the {found.initial_loss:.3g} there, expected at most {limit:.3g}. Raise localization "
            "or inverse_temperature."
        )
        flags.append(Flag(FlagCode.LEFT_NEIGHBOURHOOD, text))
    reached = found.initial_loss + found.excess_loss
    if found.initial_loss < found.chance_loss < reached:
        text = (
            f"The chains predict no better than chance: a loss of {reached:.3g} against "
            f"{found.chance_loss:.3g}."
        )
        flags.append(Flag(FlagCode.NO_BETTER_THAN_CHANCE, text))
    stiffest = settings.inverse_temperature * around.curvature
    if 0 < stiffest < settings.localization:  # a flat loss has nothing to scale
        text = (
            f"The pull towards w*, {settings.localization:.3g}, is stronger than the loss in every "
            f"direction, at most {stiffest:.3g}: the value is near a scaled trace of the Hessian. "
            "Compare it only with values of the same settings."
        )
        flags.append(Flag(FlagCode.PULL_DECIDES, text))
    return flags


def flags_of_pull(found: LLCEstimate, taken: Figure) -> list[Flag]:
    """Return whether the pull takes much of the value, and not by chance.

    Directions in which nothing changes the loss add noise to what it takes, and nothing else.
    """
    if not taken.value > max(LARGEST_BIAS * abs(found.value), 2 * taken.error):
        return []
    text = (
        f"The pull towards w* takes {taken.value:.3g} or more from the value: twice the pull, "
        f"about {math.log(2) * taken.value:.3g} less. Draw more, which weakens it, lower "
        "localization, or take the Hamiltonian sampler."
    )
    return [Flag(FlagCode.PULL_DAMPS, text)]


def flags_of_variance(
    found: LLCEstimate, settings: ChainSettings, around: Neighbourhood, taken: Figure
) -> list[Flag]:
    """Return whether the variance of t K speaks against the value, less what a slope at w* adds.

    It is expected below by d E[tK] / d log t, which is what the pull takes where the loss is
    quadratic.
    """
    expected = found.value - gradient_bias(settings, around)
    expected -= 0.0 if math.isnan(taken.value) else taken.value
    chance = math.hypot(found.variance_based_error, found.standard_error)
    gap = abs(found.variance_based - expected)
    if not gap > max(LARGEST_GAP * abs(found.value), SURE * chance):
        return []
    text = (
        f"By the variance of t K the value is {found.variance_based:.4g} ± "
        f"{found.variance_based_error:.2g}, expected about {expected:.4g}."
    )
    return [Flag(FlagCode.VARIANCE, text)]


def flags_of_noise(
    found: LLCEstimate, settings: ChainSettings, around: Neighbourhood
) -> list[Flag]:
    """Return whether the noise of batches shows in the value."""
    if settings.batch_size >= found.n_samples or settings.paired_gradients:
        return []
    share = noise_share(settings, around, around.noise)
    bias = gradient_bias(settings, around) / settings.inverse_temperature
    if share <= 2 * NOISE_TOLERANCE * abs(found.excess_loss - bias):
        return []
    text = (
        f"The noise of gradients adds up to {share:.3g} to an excess loss of "
        f"{found.excess_loss:.3g}. Lower step_size or inverse_temperature, or raise batch_size."
    )
    return [Flag(FlagCode.GRADIENT_NOISE, text)]
