"""One pass of a model over tokens: the information of all layers, and the loss."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only
from tqdm.auto import tqdm

from sklearn_learnability.exceptions import NotFiniteError
from sklearn_learnability.torch.models._devices import device_of, move_model
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._processes import gathered, process_rank, together
from sklearn_learnability.torch.models._store import Store
from sklearn_learnability.torch.representations._causality import LOGITS, reading_ahead
from sklearn_learnability.torch.representations._hidden_states import (
    HiddenStates,
    next_token_nats,
)
from sklearn_learnability.torch.representations._layer_information import LayerInformation
from sklearn_learnability.torch.representations._pass_settings import PassSettings
from sklearn_learnability.torch.representations._token_sequences import TokenSequences
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, LabelTable
from sklearn_learnability.torch.soft_information._permuted_labels import PermutedLabels

SECONDS_BETWEEN_SAVES = 60


@dataclass(frozen=True, eq=False)
class PassResult:
    """What a pass found: the information, the mean loss, and which layers read tokens to come.

    The loss is NaN where a model returns no logits of tokens, or such as read those to come.
    """

    information: LayerInformation
    loss: float
    ahead: list[Any]


class PartOfBatch(NamedTuple):
    """States of the layers at some sequences of a batch, with their labels and clusters."""

    states: list[Tensor]  # (b, t, d), or (n, d) where parts are joined
    labels: dict[str, NDArray[np.int64]]
    places: NDArray[np.int64]  # of labels that are permuted
    clusters: NDArray[np.int64]


def joined(parts: list[PartOfBatch]) -> PartOfBatch:
    """Return the positions of parts of different lengths as rows."""
    states = zip(*(part.states for part in parts), strict=True)
    lengths = [part.states[0].shape[1] for part in parts]
    return PartOfBatch(
        [torch.cat([z.flatten(end_dim=1) for z in of_layer]) for of_layer in states],
        {
            name: np.concatenate([part.labels[name].ravel() for part in parts])
            for name in parts[0].labels
        },
        np.concatenate([part.places.ravel() for part in parts]),
        np.concatenate(
            [np.repeat(part.clusters, n) for part, n in zip(parts, lengths, strict=True)]
        ),
    )


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
    permuted : PermutedLabels, default=None
        Permutations of a set of labels.
    """

    def __init__(
        self,
        model: nn.Module,
        sequences: TokenSequences,
        labels: Mapping[str, NDArray[np.int64]],
        settings: PassSettings,
        permuted: PermutedLabels | None = None,
    ) -> None:
        self.model, self.sequences, self.labels = model, sequences, labels
        self.settings = settings
        self.states = HiddenStates(model, settings.layers)
        self.device = device_of(model)
        nowhere = np.full(sequences.mask.shape, IGNORED)
        self.permuted = permuted or PermutedLabels(nowhere, np.zeros((0, 0), dtype=np.int64))
        self.tables = {name: LabelTable.from_labels(values) for name, values in labels.items()}
        self.information: LayerInformation | None = None
        self.loss = np.zeros(2)  # nats, tokens
        self.ahead: list[Any] = []  # what depends on tokens to come
        self.n_done = 0

    def run(self, path: Path | None) -> PassResult:
        """See all batches of this process, and merge what the others have seen."""
        together(lambda: self._see_batches(path))
        self._merge_processes()
        assert self.information is not None
        nats, n_tokens = self.loss
        loss = float(nats / n_tokens) if n_tokens else math.nan  # no logits, or no next tokens
        if n_tokens and not math.isfinite(loss):
            raise NotFiniteError(f"Expected a finite loss of the model, got {loss}.")
        loss = math.nan if LOGITS in self.ahead else loss
        return PassResult(self.information, loss, [at for at in self.ahead if at is not LOGITS])

    def _see_batches(self, path: Path | None) -> None:
        """See the batches of this process, from where the file left off."""
        rank, world = process_rank()
        padded = self.states.takes_mask  # what takes no mask may read the padding
        batches = self.sequences.batches(self.settings.batch_size, padded=padded)[rank::world]
        store = self._store(path)
        content = store.read()
        if content is not None:
            self._take(content)
        saved = time.monotonic()
        bar = tqdm(
            total=len(batches),
            initial=self.n_done,
            unit="batch",
            disable=not self.settings.progress or rank > 0,
        )
        with held_still(self.model), bar:
            self.device = move_model(self.model, self.settings.device)
            if content is None and batches:
                first = self.sequences.take(batches[0])
                self.ahead = reading_ahead(self.states, first, self.device)
            for rows in batches[self.n_done :]:
                self._add(rows)
                bar.update()
                if path is not None and time.monotonic() - saved >= SECONDS_BETWEEN_SAVES:
                    store.write(self._state())
                    saved = time.monotonic()
        if path is not None and (content is None or content["n_done"] < self.n_done):
            store.write(self._state())

    def _store(self, path: Path | None) -> Store:
        """Return the file of this process."""
        rank, world = process_rank()
        if path is not None and world > 1:
            path = path.with_name(f"{path.name}.{rank}")
        settings = self.settings.key() | {"processes": (rank, world)}
        seen = [self.sequences.input_ids, self.sequences.mask]
        return Store(
            path,
            "a pass",
            settings,
            model=self.model,
            tokens=seen,
            labels=dict(self.labels),
            permuted=[self.permuted.places, self.permuted.codes],
        )

    def _add(self, rows: NDArray[np.int64]) -> None:
        parts = [rows] if self.states.takes_mask else self.sequences.of_one_length(rows)
        seen, loss = [], np.zeros(2)
        for part in parts:
            batch = self.sequences.take(part)
            states, logits = self.states(batch, self.device)
            if self.information is None:
                self._start(list(states), [z.shape[-1] for z in states.values()])
            assert self.information is not None
            if list(states) != self.information.layers:
                raise ValueError(
                    f"Expected every batch to call the same layers, {self.information.layers}, got "
                    f"{list(states)}."
                )
            length = batch.input_ids.shape[1]
            labels = {name: values[part, :length] for name, values in self.labels.items()}
            places = self.permuted.places[part, :length]
            seen.append(PartOfBatch(list(states.values()), labels, places, batch.clusters))
            loss += (0, 0) if logits is None else next_token_nats(logits, batch)
        whole = seen[0] if len(seen) == 1 else joined(seen)
        assert self.information is not None
        try:
            if any((values != IGNORED).any() for values in whole.labels.values()):
                self.information.update(*whole)
        except ValueError as error:
            error.add_note(f"The batch: sequences {rows}.")
            raise
        self.loss += loss
        self.n_done += 1

    def _start(self, layers: list[Any], sizes: list[int]) -> None:
        self.information = LayerInformation(
            layers, sizes, self.tables, self.permuted, self.settings.of_states
        )

    def _state(self) -> dict[str, Any]:
        information = self.information
        return {
            "information": information.state_dict() if information else None,
            "loss": self.loss.tolist(),
            "ahead": self.ahead,
            "n_done": self.n_done,
        }

    def _take(self, state: Mapping[str, Any]) -> None:
        if state["information"] is not None:
            self._start(state["information"]["layers"], state["information"]["sizes"])
            assert self.information is not None
            self.information.load_state_dict(state["information"])
        self.loss = np.array(state["loss"])
        self.ahead = state["ahead"]
        self.n_done = state["n_done"]

    def _merge_processes(self) -> None:
        """Replace the sums by those of all processes, the same in each."""
        _, world = process_rank()
        if world == 1:
            return
        states = gathered(tree_map_only(Tensor, Tensor.cpu, self._state()))
        held = [state for state in states if state["information"] is not None]
        self._take(held[0])
        total, loss, ahead = self.information, self.loss, self.ahead
        for state in held[1:]:
            self._take(state)
            assert total is not None
            assert self.information is not None
            total.merge(self.information)
            loss, ahead = loss + self.loss, ahead or self.ahead
        self.information, self.loss, self.ahead = total, loss, ahead
