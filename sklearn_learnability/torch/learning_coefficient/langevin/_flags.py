"""What Langevin chains found, and what speaks against it."""

import numpy as np

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    LostChainsWarning,
    NotAMinimumWarning,
    NotLocalWarning,
    UnconvergedChainsWarning,
)
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    NOISE_TOLERANCE,
    ChainSettings,
    gradient_bias,
    local_limit,
    noise_share,
)

LARGEST_DRIFT, LARGEST_R_HAT, LARGEST_ERROR, LARGEST_BIAS = 0.05, 1.1, 0.1, 0.05
Flags = list[tuple[str, type[LearnabilityWarning]]]


def flags_of_chains(found: LLCEstimate) -> Flags:
    """Return what speaks against the chains themselves."""
    flags: Flags = []
    lost = int(np.isnan(found.per_chain).sum())
    if lost:
        text = f"{lost} of {len(found.per_chain)} chains met a loss that is not finite."
        flags.append((text, LostChainsWarning))
    if found.r_hat > LARGEST_R_HAT:
        text = f"The chains disagree: split R-hat {found.r_hat:.3g} is above {LARGEST_R_HAT:g}."
        flags.append((text, UnconvergedChainsWarning))
    relative = found.standard_error / abs(found.value)
    drift = abs(found.half_chain_drift)
    # the halves' difference has twice the error of the value
    if drift > max(LARGEST_DRIFT, 3 * 2 * relative):
        text = f"The halves of the chains differ by {found.half_chain_drift:.1%} of the value."
        flags.append((text, UnconvergedChainsWarning))
    if not relative < LARGEST_ERROR:
        text = f"The standard error is {relative:.1%} of the value. Draw more."
        flags.append((text, UnconvergedChainsWarning))
    return flags


def flags_of_neighbourhood(
    found: LLCEstimate, settings: ChainSettings, around: Neighbourhood
) -> Flags:
    """Return what speaks against w*, or against having stayed near it."""
    flags: Flags = []
    bias = gradient_bias(settings, around)
    if abs(bias) > LARGEST_BIAS * abs(found.value - bias):
        text = (
            f"w* is not a minimum: the gradient's norm is {found.gradient_norm:.3g}, which adds "
            f"about {bias:.4g} to the value."
        )
        flags.append((text, NotAMinimumWarning))
    elif found.value < 0:
        text = f"The value is negative, {found.value:.4g}: there are lower losses near w*."
        flags.append((text, NotAMinimumWarning))
    limit = 2 * local_limit(found.chance_loss)
    if abs(found.excess_loss) > limit:
        text = (
            f"The chains left the neighbourhood of w*: their loss is {found.excess_loss:.3g} above "
            f"the {found.initial_loss:.3g} there, expected at most {limit:.3g}. Raise localization "
            "or temperature."
        )
        flags.append((text, NotLocalWarning))
    if found.initial_loss < found.chance_loss < found.initial_loss + found.excess_loss:
        text = (
            f"The chains predict no better than chance: a loss of "
            f"{found.initial_loss + found.excess_loss:.3g} against {found.chance_loss:.3g}."
        )
        flags.append((text, NotLocalWarning))
    if settings.temperature * around.curvature < settings.localization:
        text = (
            f"The pull towards w*, {settings.localization:.3g}, is stronger than the loss in every "
            f"direction, at most {settings.temperature * around.curvature:.3g}: the value is near "
            "a scaled trace of the Hessian. Compare it only with values of the same settings."
        )
        flags.append((text, NotLocalWarning))
    noisy = settings.batch_size < found.n_samples and not settings.paired_gradients
    share = noise_share(settings, around, around.noise) if noisy else 0.0
    if share > 2 * NOISE_TOLERANCE * abs(found.excess_loss - bias / settings.temperature):
        text = (
            f"The noise of gradients adds up to {share:.3g} to an excess loss of "
            f"{found.excess_loss:.3g}. Lower step_size or temperature, or raise batch_size."
        )
        flags.append((text, UnconvergedChainsWarning))
    return flags
