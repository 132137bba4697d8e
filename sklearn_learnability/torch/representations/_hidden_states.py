"""Token sequences in batches, and the hidden states and loss of a model on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Tokens = NDArray[np.int64]
NOT_LOGITS = "Expected the model to return logits (batch, positions, vocabulary), got {}."


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[Tokens]:
    """Return the token ids of each text.

    The tokenizer is one of transformers, one of tokenizers, or a function from a text to ids.
    """
    if hasattr(tokenizer, "encode_batch"):
        rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    elif hasattr(tokenizer, "convert_ids_to_tokens"):
        rows = tokenizer(list(texts), verbose=False)["input_ids"]
    elif callable(tokenizer):
        rows = [tokenizer(text) for text in texts]
    else:
        raise TypeError(
            f"Expected a tokenizer or token ids, got {type(tokenizer).__name__} with texts."
        )
    return [np.asarray(row, dtype=np.int64) for row in rows]


def token_rows(tokenizer_or_ids: Any, texts: Sequence[str] | None) -> list[Tokens]:
    """Return the token ids of each text, encoded here or before."""
    if texts is None:
        if not isinstance(tokenizer_or_ids, Sequence | np.ndarray | Tensor):
            raise TypeError(
                f"Expected token ids where no texts are given, got "
                f"{type(tokenizer_or_ids).__name__}."
            )
        rows = [np.asarray(row) for row in tokenizer_or_ids]
        for i, row in enumerate(rows):
            if row.ndim != 1 or (len(row) and row.dtype.kind not in "iu"):
                raise ValueError(
                    f"Expected sequences of integer token ids, got shape {row.shape} of "
                    f"{row.dtype} in sequence {i}."
                )
        return [row.astype(np.int64) for row in rows]
    if isinstance(texts, str):
        raise TypeError("Expected a list of texts, got one string.")
    return encode_texts(tokenizer_or_ids, texts)


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Sequences of tokens, padded on the right.

    Attributes
    ----------
    input_ids : ndarray of int64 of shape (N, T)
        Token ids; 0 where there is none.
    mask : ndarray of bool of shape (N, T)
        Whether there is a token.
    """

    input_ids: Tokens
    mask: NDArray[np.bool_]

    @classmethod
    def from_rows(cls, rows: Sequence[Tokens]) -> "TokenSequences":
        """Return rows of different lengths as sequences."""
        mask = pad([np.ones(len(row), dtype=np.int64) for row in rows], 0)
        return cls(pad(rows, 0), mask.astype(bool))

    def batches(self, batch_size: int) -> list[NDArray[np.int64]]:
        """Return the rows of each batch; those of like length share one, the longest first."""
        order = np.argsort(-self.mask.sum(axis=1), kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

    def take(self, rows: NDArray[np.int64]) -> "TokenSequences":
        """Return some of the sequences, without padding that all of them have."""
        length = int(self.mask[rows].sum(axis=1).max())
        return TokenSequences(self.input_ids[rows, :length], self.mask[rows, :length])


def pad(rows: Sequence[NDArray[np.int64]], fill: int) -> Tokens:
    """Return rows of different lengths as one array, filled on the right."""
    padded = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded


def cut_rows(rows: Sequence[Tokens], context: int, shortest: int = 2) -> list[Tokens]:
    """Return the pieces of at most `context` tokens that rows are cut into, in order.

    The pieces follow each other without overlap; those below `shortest` are left out.
    """
    pieces = (row[at : at + context] for row in rows for at in range(0, len(row), context))
    return [piece for piece in pieces if len(piece) >= shortest]


class HiddenStates:
    """The hidden states of chosen layers, by hooks or as a transformers model returns them.

    Parameters
    ----------
    model : torch.nn.Module
        Takes token ids (B, T). A model of transformers is given the attention mask too.
    layers : "all", or sequence of int or of str
        Indices of a transformers model's hidden states, 0 the embedding; or names of modules, whose
        outputs (B, T, C) are the states. "all" is every hidden state of a transformers model.
    """

    def __init__(self, model: nn.Module, layers: Any) -> None:
        self.model = model
        self.returns_states = hasattr(getattr(model, "config", None), "output_hidden_states")
        self.names = self._find_layers(layers)

    def _find_layers(self, layers: Any) -> list[int] | list[str] | None:
        modules = dict(self.model.named_modules())
        if isinstance(layers, str):
            if layers != "all" or not self.returns_states:
                known = [name for name in modules if name]
                raise ValueError(
                    f"Expected layers as a list of module names, got {layers!r}. The model has "
                    f"{', '.join(known[:12])}{', ...' if len(known) > 12 else ''}."
                )
            return None
        names = list(layers)
        if not names:
            raise ValueError("Expected at least one layer, got none.")
        unknown = [name for name in names if isinstance(name, str) and name not in modules]
        numbers = [name for name in names if not isinstance(name, str)]
        if unknown or (numbers and (not self.returns_states or len(numbers) < len(names))):
            raise ValueError(
                f"Expected names of modules of the model, got {(unknown or numbers)[0]!r}."
            )
        return names

    @torch.inference_mode()
    def __call__(
        self, batch: TokenSequences, device: torch.device
    ) -> tuple[dict[Any, Tensor], Tensor]:
        """Return the states (B, T, C) of each layer and the logits (B, T, V)."""
        input_ids = torch.from_numpy(batch.input_ids).to(device)
        mask = torch.from_numpy(batch.mask).to(device)
        try:
            if self.names is not None and isinstance(self.names[0], str):
                return self._hooked(input_ids, mask)
            output = self.model(
                input_ids=input_ids, attention_mask=mask.long(), output_hidden_states=True
            )
        except IndexError as error:
            raise ValueError(
                f"Expected token ids that the model knows, got {int(input_ids.max())}. Does the "
                "tokenizer belong to the model?"
            ) from error
        states = dict(enumerate(output.hidden_states))
        chosen = list(states) if self.names is None else self.names
        if any(name not in states for name in chosen):
            raise ValueError(f"Expected layers among 0 to {len(states) - 1}, got {self.names}.")
        return {name: states[name] for name in chosen}, find_logits(output)

    def _hooked(self, input_ids: Tensor, mask: Tensor) -> tuple[dict[Any, Tensor], Tensor]:
        caught: dict[Any, Tensor] = {}
        modules = dict(self.model.named_modules())

        def catch(name: Any) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                caught[name] = output[0] if isinstance(output, tuple) else output

            return hook

        hooks = [modules[name].register_forward_hook(catch(name)) for name in self.names or []]
        try:
            extra = {"attention_mask": mask.long()} if self.returns_states else {}
            output = self.model(input_ids, **extra)
        finally:
            for hook in hooks:
                hook.remove()
        for name in self.names or []:
            state = caught.get(name)
            if state is None or state.shape[:2] != input_ids.shape or state.ndim != 3:
                got = "nothing" if state is None else f"shape {tuple(state.shape)}"
                raise ValueError(
                    f"Expected layer {name!r} to return states of shape (batch, positions, "
                    f"size) for tokens of shape {tuple(input_ids.shape)}, got {got}."
                )
        return {name: caught[name] for name in self.names or []}, find_logits(output)


def find_logits(output: Any) -> Tensor:
    """Return the logits (B, T, V) in what a model returned."""
    logits = getattr(output, "logits", output[0] if isinstance(output, tuple) else output)
    if not isinstance(logits, Tensor) or logits.ndim != 3:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(NOT_LOGITS.format(got))
    return logits


def next_token_loss(logits: Tensor, batch: TokenSequences) -> tuple[float, int]:
    """Return the summed nats and the number of the next tokens of a batch."""
    total, count = 0.0, 0
    for row, mask, ids in zip(logits, batch.mask, batch.input_ids, strict=True):
        length = int(mask.sum())
        targets = torch.from_numpy(ids[1:length]).to(row.device)
        if length > 1 and targets.max() >= row.shape[1]:
            raise ValueError(
                f"Expected token ids below {row.shape[1]}, the logits of the model, got "
                f"{int(targets.max())}."
            )
        losses = F.cross_entropy(row[: length - 1].float(), targets, reduction="none")
        total += float(losses.double().sum())
        count += length - 1
    return total, count
