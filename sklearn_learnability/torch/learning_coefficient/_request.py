"""What chains are asked for, of either engine."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._store import Store

#: What is told of every draw kept at the highest inverse temperature: the loss as a function of
#: positions, the number of the draw, and the positions (n_chains, d). After a run was killed, draws
#: may be told again, from an earlier one on.
Observer = Callable[[FlatLoss, int, Tensor], None]


def ignore(flat: FlatLoss, draw: int, positions: Tensor) -> None:
    """Do nothing with a draw."""


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
    weight_decay: float = 0.0
    micro_batch_size: int | None = None
    max_seconds: float = math.inf
    observe: Observer = ignore

    def flat(self, surface: EmpiricalLoss) -> FlatLoss:
        """Return the loss that is sampled, as a function of positions."""
        return FlatLoss(surface, float(self.weight_decay), self.micro_batch_size)
