"""What Langevin chains keep, so that they can be resumed."""

import time
from dataclasses import asdict, replace
from typing import Any

from torch import Tensor

from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import LangevinState
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.learning_coefficient.langevin._traces import ChainTraces
from sklearn_learnability.torch.models._store import Store

SECONDS_BETWEEN_WRITES = 20.0


class ChainStore:
    """The settings, what is known of w*, and the chains of a seed, in a store."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.content: dict[str, Any] = store.read() or {"seed": seed}
        self.written = time.monotonic()

    def read_prepared(self, start: Tensor) -> tuple[ChainSettings, Neighbourhood] | None:
        """Return the settings chosen and what was known of w*, the start; None if not stored."""
        if "settings" not in self.content:
            return None
        around = Neighbourhood(**self.content["around"])
        around = replace(around, gradient=around.gradient.to(start.device))
        return ChainSettings(**self.content["settings"]), around

    def write_prepared(self, settings: ChainSettings, around: Neighbourhood) -> None:
        """Store the settings chosen and what is known of w*."""
        self.content |= {"settings": asdict(settings), "around": vars(around)}
        self._write()

    def read_chains(self, traces: ChainTraces, start: Tensor) -> tuple[LangevinState | None, int]:
        """Fill the traces; return the state, where the start is, and the number of steps done."""
        if not {"position", *vars(traces)} <= self.content.keys():
            return None, 0
        for name, trace in vars(traces).items():
            trace[:] = self.content[name].numpy()
        state = LangevinState(
            self.content["position"].to(start.device), self.content["memory"].to(start.device)
        )
        return state, self.content["done"]

    def write_chains(
        self, state: LangevinState, traces: ChainTraces, done: int, now: bool = False
    ) -> None:
        """Store the chains if they went on, and some time has passed or it must be now."""
        if done == self.content.get("done", 0):
            return
        if not now and time.monotonic() - self.written <= SECONDS_BETWEEN_WRITES:
            return
        self.content |= {
            "position": state.position,
            "memory": state.memory,
            "done": done,
            **vars(traces),
        }
        self._write()

    def _write(self) -> None:
        self.store.write(self.content)
        self.written = time.monotonic()
