"""One pass of a model over tokens: all layers into one accumulator, and the loss."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn
from tqdm.auto import tqdm

from sklearn_learnability.torch.models._store import fingerprint
from sklearn_learnability.torch.representations._hidden_states import (
    HiddenStates,
    next_token_loss,
)
from sklearn_learnability.torch.representations._token_sequences import TokenSequences
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, LabelTable
from sklearn_learnability.torch.soft_information._soft_information import SoftInformation

SECONDS_BETWEEN_SAVES = 60


@dataclass(frozen=True)
class PassSettings:
    """What the functions that measure a model have in common."""

    layers: Any
    batch_size: int
    n_points: int
    device: Any
    random_state: int
    progress: bool


@dataclass(frozen=True, eq=False)
class PassResult:
    """What a pass found: the layers' names in the accumulator's order, and the mean loss."""

    layers: list[Any]
    information: SoftInformation
    loss: float


class RepresentationPass:
    """Sums over the batches seen so far, of this process and then of all.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    sequences : TokenSequences
        All sequences.
    labels : dict of str to ndarray of int of shape (N, T)
        Sets of labels; -1 where there is none.
    settings : PassSettings
        The settings.
    """

    def __init__(
        self,
        model: nn.Module,
        sequences: TokenSequences,
        labels: Mapping[str, NDArray[np.int64]],
        settings: PassSettings,
    ) -> None:
        self.model, self.sequences, self.labels = model, sequences, labels
        self.settings = settings
        self.states = HiddenStates(model, settings.layers)
        self.device = torch.device(settings.device) if settings.device else device_of(model)
        self.tables = {name: LabelTable.from_labels(values) for name, values in labels.items()}
        self.information: SoftInformation | None = None
        self.layers: list[Any] = []
        self.loss = np.zeros(2)  # nats, tokens
        self.n_done = 0

    def run(self, path: Path | None) -> PassResult:
        """See all batches of this process, and merge what the others have seen."""
        rank, world = process_rank()
        padded = self.states.takes_mask  # what takes no mask may read the padding
        batches = self.sequences.batches(self.settings.batch_size, padded=padded)[rank::world]
        if path is not None:
            path = path.with_name(f"{path.name}.{rank}") if world > 1 else path
            self._load(path)
        was_training = self.model.training
        self.model.eval().to(self.device)
        saved = time.monotonic()
        bar = tqdm(
            total=len(batches),
            initial=self.n_done,
            unit="batch",
            disable=not self.settings.progress or rank > 0,
        )
        try:
            for rows in batches[self.n_done :]:
                self._add(rows)
                bar.update()
                if path is not None and time.monotonic() - saved >= SECONDS_BETWEEN_SAVES:
                    self._save(path)
                    saved = time.monotonic()
        finally:
            bar.close()
            self.model.train(was_training)
        if path is not None:
            self._save(path)
        self._merge_processes()
        assert self.information is not None
        return PassResult(self.layers, self.information, self.loss[0] / self.loss[1])

    def _add(self, rows: NDArray[np.int64]) -> None:
        batch = self.sequences.take(rows)
        states, logits = self.states(batch, self.device)
        if self.information is None:
            self._start(list(states), next(iter(states.values())).shape[-1])
        if list(states) != self.layers:
            raise ValueError(
                f"Expected every batch to call the same layers, {self.layers}, got {list(states)}."
            )
        assert self.information is not None
        length = batch.input_ids.shape[1]
        labels = {name: values[rows, :length] for name, values in self.labels.items()}
        try:
            if any((values != IGNORED).any() for values in labels.values()):
                self.information.update(list(states.values()), labels, sequences=rows)
        except ValueError as error:
            error.add_note(f"The layers, from 0: {self.layers}. The batch: sequences {rows}.")
            raise
        self.loss += next_token_loss(logits, batch)
        self.n_done += 1

    def _start(self, layers: list[Any], dim: int) -> None:
        self.layers = layers
        self.information = SoftInformation(
            dim,
            self.settings.n_points,
            labels=self.tables,
            n_layers=len(layers),
            random_state=self.settings.random_state,
        )

    def _state(self) -> dict[str, Any]:
        information = self.information
        return {
            "fingerprint": self._fingerprint(),
            "layers": self.layers,
            "dim": information.dim if information else 0,
            "information": information.state_dict() if information else None,
            "loss": self.loss.tolist(),
            "n_done": self.n_done,
        }

    def _take(self, state: Mapping[str, Any]) -> None:
        if state["information"] is not None:
            self._start(state["layers"], state["dim"])
            assert self.information is not None
            self.information.load_state_dict(state["information"])
        self.loss = np.array(state["loss"])
        self.n_done = state["n_done"]

    def _save(self, path: Path) -> None:
        beside = path.with_name(path.name + ".part")
        torch.save(self._state(), beside)
        os.replace(beside, path)

    def _load(self, path: Path) -> None:
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["fingerprint"] != self._fingerprint():
            raise ValueError(
                f"Expected {path} to hold a run of the same settings and tokens, got another's. "
                "Name another file, or remove it."
            )
        self._take(state)

    def _fingerprint(self) -> str:
        settings = self.settings
        text = f"{settings.layers} {settings.batch_size} {settings.n_points}"
        text += f" {settings.random_state} {process_rank()}"
        arrays = [self.sequences.input_ids, self.sequences.mask, *self.labels.values()]
        return fingerprint(text, arrays)

    def _merge_processes(self) -> None:
        """Replace the sums by those of all processes, the same in each."""
        _, world = process_rank()
        if world == 1:
            return
        states: list[Any] = [None] * world
        distributed.all_gather_object(states, self._state())
        held = [state for state in states if state["information"] is not None]
        self._take(held[0])
        for state in held[1:]:
            other = SoftInformation(
                state["dim"],
                self.settings.n_points,
                labels=self.tables,
                n_layers=len(self.layers),
                random_state=self.settings.random_state,
            )
            other.load_state_dict(state["information"])
            assert self.information is not None
            self.information.merge(other)
            self.loss += state["loss"]


def process_rank() -> tuple[int, int]:
    """Return the number of this process and how many there are, 0 and 1 outside torchrun."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
