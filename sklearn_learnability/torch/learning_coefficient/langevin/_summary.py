"""The estimate that Langevin chains give."""

import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    effective_sample_size,
    half_chain_drift,
    split_r_hat,
    standard_error_between,
    standard_error_within,
    whole_chains,
)
from sklearn_learnability.torch.learning_coefficient._flag import warn_of
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate, LLCSettings
from sklearn_learnability.torch.learning_coefficient.langevin._flags import (
    flags_of_chains,
    flags_of_neighbourhood,
    flags_of_noise,
    flags_of_pull,
    flags_of_start,
    flags_of_variance,
)
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.learning_coefficient.langevin._traces import (
    ChainTraces,
    Figure,
    pull_takes,
    variance_by_two_batches,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss


def estimate_from_chains(
    traces: ChainTraces,
    settings: ChainSettings,
    around: Neighbourhood,
    surface: EmpiricalLoss,
    chance_loss: float,
) -> LLCEstimate:
    """Return the estimate, with a warning for everything that speaks against it."""
    kept = traces.excess[:, settings.n_discarded :]
    whole = whole_chains(kept)
    t = settings.inverse_temperature
    excess = float(whole.mean()) if len(whole) else float("nan")
    between = t * standard_error_between(kept)
    # all chains see the same batches, so the error is that of their mean's trace
    within = t * standard_error_within(whole.mean(axis=0, keepdims=True)) if len(whole) else between
    error = float(np.fmax(between, within))
    value = t * excess
    draws = traces.whole_draws(settings.n_discarded)
    second, taken = variance_by_two_batches(draws, t), pull_takes(draws, t, settings.localization)
    found = LLCEstimate(
        value=value,
        standard_error=error,
        standard_error_between=between,
        standard_error_within=within,
        bias=-taken.value,
        variance_based=second.value,
        variance_based_error=second.error,
        bracket=bracket_of(Figure(value, error), taken),
        multiplicity_corrected=float("nan"),
        per_chain=t * kept.mean(axis=1),
        used=np.asarray(np.isfinite(kept).all(axis=1)),
        r_hat=split_r_hat(kept),
        effective_sample_size=effective_sample_size(kept),
        half_chain_drift=half_chain_drift(kept),
        acceptance=float("nan"),
        initial_loss=around.initial_loss,
        excess_loss=excess,
        chance_loss=chance_loss,
        gradient_norm=math.sqrt(around.squared_gradient),
        n_samples=surface.rows.n,
        n_parameters=surface.n_parameters,
        settings=public_settings(settings),
        flags=(),
        loss_trace=kept,
        by_inverse_temperature=pd.DataFrame(
            {"inverse_temperature": [t], "value": [value], "standard_error": [error]}
        ),
    )
    flags = (
        *flags_of_chains(found),
        *flags_of_start(found, settings, around),
        *flags_of_neighbourhood(found, settings, around),
        *flags_of_pull(found, taken),
        *flags_of_variance(found, settings, around, taken),
        *flags_of_noise(found, settings, around),
    )
    warn_of(flags)
    return replace(found, flags=flags)


def bracket_of(found: Figure, taken: Figure) -> tuple[float, float]:
    """Return two standard errors around the value, and what the pull takes above it."""
    lower, upper = found.value - 2 * found.error, found.value + 2 * found.error
    if math.isnan(taken.value):
        return lower, upper
    return lower, max(upper, found.value + taken.value + 2 * math.hypot(found.error, taken.error))


def public_settings(settings: ChainSettings) -> LLCSettings:
    """Return what a user is told of the settings."""
    shown = asdict(settings)
    del shown["paired_gradients"], shown["resolution"]
    return LLCSettings(**shown | {"reasons": settings.reasons})
