"""What chains are asked for, of either engine."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any


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
    store: str | os.PathLike[str] | None

    def described(self) -> dict[str, Any]:
        """Return what the chains depend on."""
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names if name not in ("progress", "store")}
