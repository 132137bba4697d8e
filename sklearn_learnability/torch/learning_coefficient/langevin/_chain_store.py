"""A file that chains can be resumed from."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import LangevinState
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.models._flat_loss import FlatLoss

SECONDS_BETWEEN_WRITES = 20.0


class ChainStore:
    """Keeps chains in a file, put in place only when whole; without a path it does nothing.

    Raises
    ------
    ValueError
        If the file holds chains of other settings, another model or other data.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        flat: FlatLoss,
        request: Mapping[str, Any],
    ) -> None:
        self.path = None if path is None else Path(path)
        self.content: dict[str, Any] = {}
        self.written = time.monotonic()
        if self.path is None:
            return
        self.key = fingerprint(flat, request)
        if self.path.exists():
            self.content = torch.load(self.path, weights_only=True)
            if self.content.pop("key", None) != self.key:
                raise ValueError(
                    f"Expected {self.path} to hold chains of the same model, data and settings, "
                    "got another's. Name another file, or remove it."
                )

    def read_prepared(self) -> tuple[ChainSettings, Neighbourhood] | None:
        """Return the settings chosen and what was known of w*, None if not stored."""
        if "settings" not in self.content:
            return None
        settings = dict(self.content["settings"])
        settings["reasons"] = tuple(settings["reasons"])
        return ChainSettings(**settings), Neighbourhood(**self.content["around"])

    def write_prepared(self, settings: ChainSettings, around: Neighbourhood) -> None:
        """Store the settings chosen and what is known of w*."""
        if self.path is not None:
            self.content |= {"settings": asdict(settings), "around": vars(around)}
            self._write()

    def read_chains(self, trace: NDArray[np.float64]) -> tuple[LangevinState | None, int]:
        """Fill the trace; return the state and the number of steps done."""
        if "position" not in self.content:
            return None, 0
        trace[:] = self.content["trace"].numpy()
        return LangevinState(self.content["position"], self.content["memory"]), self.content["done"]

    def write_chains(
        self, state: LangevinState, trace: NDArray[np.float64], done: int, now: bool = False
    ) -> None:
        """Store the chains, if some time has passed or it must be now."""
        due = now or time.monotonic() - self.written > SECONDS_BETWEEN_WRITES
        if self.path is None or not due:
            return
        self.content |= {
            "position": state.position,
            "memory": state.memory,
            "trace": torch.from_numpy(trace),
            "done": done,
        }
        self._write()

    def _write(self) -> None:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.part")
        torch.save({"key": self.key} | self.content, beside)
        os.replace(beside, self.path)
        self.written = time.monotonic()


def fingerprint(flat: FlatLoss, request: Mapping[str, Any]) -> str:
    """Return a digest of what chains depend on."""
    rows = flat.surface.rows
    first = flat.value(flat.start, flat.surface.batch(torch.arange(min(rows.n, 8))))
    told = [dict(request), rows.n, rows.batch_size, flat.surface.n_parameters, float(first)]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    digest.update(flat.start.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
