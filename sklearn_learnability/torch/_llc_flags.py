"""What Langevin chains found, and what speaks against it."""

import math
import warnings
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    LostChainsWarning,
    NotAMinimumWarning,
    NotLocalWarning,
    UnconvergedChainsWarning,
)
from sklearn_learnability.torch._chain_diagnostics import (
    effective_sample_size,
    half_chain_drift,
    split_r_hat,
    standard_error_between,
    standard_error_within,
    whole_chains,
)
from sklearn_learnability.torch._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch._langevin_settings import (
    NOISE_TOLERANCE,
    ChainSettings,
    gradient_bias,
    local_limit,
    noise_share,
)
from sklearn_learnability.torch._llc_estimate import LLCEstimate, LLCSettings
from sklearn_learnability.torch._neighbourhood import Neighbourhood

LARGEST_DRIFT, LARGEST_R_HAT, LARGEST_ERROR, LARGEST_BIAS = 0.05, 1.1, 0.1, 0.05
Flags = list[tuple[str, type[LearnabilityWarning]]]


def estimate_from_chains(
    trace: NDArray[np.float64],
    settings: ChainSettings,
    around: Neighbourhood,
    surface: EmpiricalLoss,
    chance_loss: float,
) -> LLCEstimate:
    """Return the estimate, with a warning for everything that speaks against it."""
    kept = trace[:, settings.n_discarded :]
    whole = whole_chains(kept)
    t = settings.temperature
    excess = float(whole.mean()) if len(whole) else float("nan")
    between = t * standard_error_between(kept)
    # all chains see the same batches, so the error is that of their mean's trace
    within = t * standard_error_within(whole.mean(axis=0, keepdims=True)) if len(whole) else between
    error = float(np.nanmax([between, within])) if np.isfinite([between, within]).any() else np.nan
    value = t * excess
    found = LLCEstimate(
        value=value,
        standard_error=error,
        standard_error_between=between,
        standard_error_within=within,
        bracket=(value - 2 * error, value + 2 * error),
        multiplicity_corrected=float("nan"),
        per_chain=t * kept.mean(axis=1),
        r_hat=split_r_hat(kept),
        effective_sample_size=effective_sample_size(kept),
        half_chain_drift=half_chain_drift(kept),
        acceptance=float("nan"),
        initial_loss=around.initial_loss,
        excess_loss=excess,
        chance_loss=chance_loss,
        gradient_norm=math.sqrt(around.squared_gradient),
        n_samples=surface.rows.n,
        dim=surface.dim,
        settings=public_settings(settings),
        flags=(),
        loss_trace=kept,
        by_temperature=pd.DataFrame(
            {"temperature": [t], "value": [value], "standard_error": [error]}
        ),
    )
    flags = [*flags_of_chains(found), *flags_of_neighbourhood(found, settings, around)]
    for text, category in flags:
        warnings.warn(text, category, stacklevel=5)
    return replace(found, flags=tuple(text for text, _ in flags))


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


def public_settings(settings: ChainSettings) -> LLCSettings:
    """Return what a user is told of the settings."""
    shown = asdict(settings)
    del shown["paired_gradients"], shown["resolution"]
    return LLCSettings(**shown | {"reasons": settings.reasons})
