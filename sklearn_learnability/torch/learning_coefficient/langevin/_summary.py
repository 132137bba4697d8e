"""The estimate that Langevin chains give."""

import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    flags_of_start,
)
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss


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
    t = settings.inverse_temperature
    excess = float(whole.mean()) if len(whole) else float("nan")
    between = t * standard_error_between(kept)
    # all chains see the same batches, so the error is that of their mean's trace
    within = t * standard_error_within(whole.mean(axis=0, keepdims=True)) if len(whole) else between
    error = float(np.fmax(between, within))
    value = t * excess
    found = LLCEstimate(
        value=value,
        standard_error=error,
        standard_error_between=between,
        standard_error_within=within,
        bias=float("nan"),
        variance_based=float("nan"),
        variance_based_error=float("nan"),
        bracket=(value - 2 * error, value + 2 * error),
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
        *flags_of_noise(found, settings, around),
    )
    warn_of(flags)
    return replace(found, flags=flags)


def public_settings(settings: ChainSettings) -> LLCSettings:
    """Return what a user is told of the settings."""
    shown = asdict(settings)
    del shown["paired_gradients"], shown["resolution"]
    return LLCSettings(**shown | {"reasons": settings.reasons})
