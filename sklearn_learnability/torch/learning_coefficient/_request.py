"""What chains are asked for, of either engine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sklearn_learnability.torch.models._store import Store


@dataclass(frozen=True, kw_only=True)
class ChainRequest:
    """Settings as given to :class:`LocalLearningCoefficient`, "auto" where they are left to us.

    Hamiltonian chains take several inverse temperatures too, of which the highest is that of the
    value.
    """

    n_chains: int | str
    n_draws: int | str
    inverse_temperature: float | Sequence[float] | str
    localization: float | str
    step_size: float | str
    seed: int
    progress: bool
    store: Store
    max_seconds: float = math.inf
