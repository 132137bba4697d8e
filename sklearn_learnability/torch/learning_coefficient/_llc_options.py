"""Which settings of the local learning coefficient there are, and what they were in print."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from sklearn_learnability.torch.learning_coefficient.langevin._samplers import SAMPLERS
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss

ON_BATCHES = "leimkuhler-matthews"  # the sampler where all rows at every step are too dear
MOST_PARAMETERS_HAMILTONIAN = 100_000
# Of models up to so many parameters, between the sizes of the paper.
PAPER_STEPS = (
    (2.2e7, 1e-3),
    (1.1e8, 3e-4),
    (6e8, 1e-4),
    (2e9, 3e-5),
    (4.5e9, 1e-5),
    (math.inf, 3e-6),
)


def published_settings(n_parameters: float) -> dict[str, Any]:
    """Return the settings of published values, for a size of model."""
    return {
        "sampler": "rmsprop-sgld",
        "n_chains": 4,
        "n_draws": 120 if n_parameters < 1e9 else 60,
        "inverse_temperature": 30.0,
        "localization": 300.0,
        "step_size": next(step for most, step in PAPER_STEPS if n_parameters <= most),
        "batch_size": 32,
    }


def may_take_all_rows(surface: EmpiricalLoss) -> bool:
    """Return whether gradients of all rows at once can be had, whatever their price."""
    return surface.n_parameters <= MOST_PARAMETERS_HAMILTONIAN and surface.rows.in_memory


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise where a setting is out of range."""
    sampler, names = settings["sampler"], ("auto", "hamiltonian", *SAMPLERS)
    if sampler not in names:
        raise ValueError(f"Expected sampler to be one of {names}, got {sampler!r}.")
    for name in ("n_chains", "n_draws", "batch_size", "micro_batch_size"):
        value = settings[name]
        automatic = value is None if name.endswith("batch_size") else isinstance(value, str)
        automatic = automatic and value in (None, "auto")
        if not automatic and not (isinstance(value, Integral) and int(value) >= 1):
            raise ValueError(f"Expected {name} to be a positive integer, got {value!r}.")
    limit = settings["max_seconds"]
    number = isinstance(limit, Real) and not isinstance(limit, bool) and 0 < float(limit) < math.inf
    if not number and not (limit is None or (isinstance(limit, str) and limit == "auto")):
        raise ValueError(
            f'Expected max_seconds to be a positive number, "auto" or None, got {limit!r}.'
        )
    decay = settings["weight_decay"]
    number = isinstance(decay, Real) and not isinstance(decay, bool)
    if not (number and 0 <= float(decay) < math.inf):
        raise ValueError(f"Expected weight_decay to be a number of at least 0, got {decay!r}.")
    for name in ("inverse_temperature", "localization", "step_size"):
        value = settings[name]
        positive = isinstance(value, Real) and 0 < float(value) < math.inf
        if not positive and not (isinstance(value, str) and value == "auto"):
            raise ValueError(f'Expected {name} to be a positive number or "auto", got {value!r}.')
