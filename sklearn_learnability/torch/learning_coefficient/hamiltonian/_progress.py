"""How far Hamiltonian chains are within a stage, and what is kept of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_learnability.torch.learning_coefficient.hamiltonian._sampler import StepSizeAdaptation
from sklearn_learnability.torch.models._store import Store

SECONDS_BETWEEN_WRITES = 20.0


@dataclass
class Progress:
    """What is done of a stage.

    Attributes
    ----------
    adaptation : StepSizeAdaptation
        That of the step size.
    n_warmed : int
        Trajectories of the warm-up.
    diverged : float
        Share of divergences in the second half of the warm-up.
    records : list of list of array
        Of every draw: what is noted of each chain, and means over chains.
    """

    adaptation: StepSizeAdaptation
    n_warmed: int = 0
    diverged: float = 0.0
    records: list[list[np.ndarray]] = field(default_factory=list)


def columns_of(records: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Return what was noted, draws last."""
    return [np.stack(column, axis=-1) for column in zip(*records, strict=True)]


def content_of(here: Progress) -> dict[str, Any]:
    """Return a progress as it stands now, for a store."""
    return vars(here) | {"adaptation": tuple(here.adaptation), "records": list(here.records)}


def progress_from(content: Mapping[str, Any] | None) -> Progress | None:
    """Return the progress that a store holds."""
    if content is None:
        return None
    records = [[value.numpy() for value in record] for record in content["records"]]
    adaptation = StepSizeAdaptation(*content["adaptation"])
    return Progress(**{**content, "adaptation": adaptation, "records": records})


class Saved:
    """A store that is written every now and then.

    Attributes
    ----------
    content : dict
        What it holds, or will hold when it is written next.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.content: dict[str, Any] = store.read() or {}
        self.is_written = True
        self.written = time.monotonic()

    def note(self, content: Mapping[str, Any]) -> None:
        """Take what to hold; write it if some time has passed."""
        self.content, self.is_written = {**self.content, **content}, False
        if time.monotonic() - self.written > SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write what was noted."""
        if not self.is_written:
            self.store.write(self.content)
            self.is_written, self.written = True, time.monotonic()
