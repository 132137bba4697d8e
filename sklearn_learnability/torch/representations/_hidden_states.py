"""The hidden states of a model on batches of tokens, and its loss there."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.models._batch_loss import find_logits, next_token_sums
from sklearn_learnability.torch.representations._token_sequences import TokenSequences


class HiddenStates:
    """The hidden states of chosen layers, by hooks or as a transformers model returns them.

    Parameters
    ----------
    model : torch.nn.Module
        Takes token ids (B, T). A model of transformers is given the attention mask too.
    layers : "all", "encoder", "decoder", or sequence of int or of str
        Indices of a transformers model's hidden states, 0 the embedding; or names of modules, whose
        outputs (B, T, C) are the states. "all" is every hidden state of a transformers model,
        "encoder" and "decoder" are those of one side of a model that has both. The encoder reads
        the text, and where the decoder is asked for, it reads the text too.
    """

    def __init__(self, model: nn.Module, layers: Any) -> None:
        self.takes_mask = hasattr(getattr(model, "config", None), "output_hidden_states")
        self.has_decoder = self.takes_mask and has_encoder_and_decoder(model)
        if self.has_decoder and isinstance(layers, str) and layers == "encoder":
            encoded: Any = model  # of transformers
            model, layers, self.has_decoder = encoded.get_encoder(), "all", False
        self.model = model
        self.names = self._find_layers(layers)
        self.n_positions = learned_positions(model) - self.has_decoder  # its start takes one

    def _find_layers(self, layers: Any) -> list[int] | list[str] | None:
        modules = dict(self.model.named_modules())
        if self.has_decoder:
            if isinstance(layers, str) and layers == "decoder":
                return None
            if isinstance(layers, str) or not all(isinstance(name, str) for name in layers):
                raise ValueError(
                    "Expected layers='encoder', layers='decoder' or names of modules, as the model "
                    f"has an encoder and a decoder, got {layers!r}."
                )
        if isinstance(layers, str):
            if layers != "all" or not self.takes_mask:
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
        if unknown or (numbers and (not self.takes_mask or len(numbers) < len(names))):
            raise ValueError(
                f"Expected names of modules of the model, got {(unknown or numbers)[0]!r}."
            )
        return names

    @torch.no_grad()  # a model in training may keep what it makes here, and go on with it
    def __call__(
        self, batch: TokenSequences, device: torch.device
    ) -> tuple[dict[Any, Tensor], Tensor | None]:
        """Return the states (B, T, C) of each layer, and the logits (B, T, V) if there are any."""
        length = batch.input_ids.shape[1]
        if length > self.n_positions:
            raise ValueError(
                f"Expected sequences of at most {self.n_positions} tokens, the positions of the "
                f"model, got {length}. Pass context={self.n_positions}."
            )
        input_ids = torch.from_numpy(batch.input_ids).to(device)
        highest = int(batch.input_ids.max())
        try:
            with known_tokens(self.model, input_ids, highest):
                if self.names is not None and isinstance(self.names[0], str):
                    return self._hooked(input_ids, batch)
                return self._returned(input_ids, batch)
        except IndexError as error:
            raise ValueError(
                f"Expected sequences that the model can read, got {length} tokens with ids up to "
                f"{highest} ({error}). A shorter context may be needed."
            ) from error

    def _inputs(self, input_ids: Tensor, batch: TokenSequences) -> dict[str, Tensor]:
        """Return what a model of transformers is given beside the tokens."""
        if not self.takes_mask:
            return {}
        inputs = {"attention_mask": torch.from_numpy(batch.mask).to(input_ids.device).long()}
        if self.has_decoder:
            start = torch.full_like(input_ids[:, :1], start_of_decoder(self.model))
            inputs["decoder_input_ids"] = torch.cat([start, input_ids], dim=1)
        return inputs

    def _returned(
        self, input_ids: Tensor, batch: TokenSequences
    ) -> tuple[dict[Any, Tensor], Tensor | None]:
        """Return the hidden states that a model of transformers returns."""
        inputs = self._inputs(input_ids, batch)
        output = self.model(input_ids=input_ids, output_hidden_states=True, **inputs)
        name = "decoder_hidden_states" if self.has_decoder else "hidden_states"
        states: dict[Any, Any] = dict(enumerate(getattr(output, name, None) or ()))
        if not states:
            raise ValueError(
                f"Expected {name} of the model, got a {type(output).__name__} without. Pass layers "
                "as names of modules."
            )
        chosen = list(states) if self.names is None else self.names
        if any(name not in states for name in chosen):
            raise ValueError(f"Expected layers among 0 to {len(states) - 1}, got {self.names}.")
        found = {name: self._of_tokens(states[name], name, input_ids) for name in chosen}
        return found, self._logits(output, input_ids)

    def _of_tokens(self, state: Any, name: Any, input_ids: Tensor) -> Tensor:
        """Return the states (B, T, C) of a layer, less that of the token a decoder starts with."""
        size, length = input_ids.shape
        if isinstance(state, Tensor) and state.ndim == 3 and len(state) == size:
            if self.has_decoder and state.shape[1] == length + 1:
                return state[:, 1:]
            if state.shape[1] == length:
                return state
        got = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
        raise ValueError(
            f"Expected layer {name!r} to return states of shape (batch, positions, size) for "
            f"tokens of shape {(size, length)}, got {got}."
        )

    def _logits(self, output: Any, input_ids: Tensor) -> Tensor | None:
        """Return the logits of next tokens; None of models without, or with those of classes."""
        try:
            logits = self._of_tokens(find_logits(output), "logits", input_ids)
        except ValueError:
            return None
        config: Any = getattr(self.model, "config", None)
        text = config.get_text_config() if self.takes_mask else config
        return logits if logits.shape[2] >= getattr(text, "vocab_size", 0) else None

    def _hooked(
        self, input_ids: Tensor, batch: TokenSequences
    ) -> tuple[dict[Any, Tensor], Tensor | None]:
        """Return the outputs of the modules; of one that is called again, of each of its calls."""
        caught: dict[str, list[Tensor]] = {name: [] for name in map(str, self.names or [])}
        modules = dict(self.model.named_modules())

        def keep(name: str, output: Any) -> None:
            state = output[0] if isinstance(output, tuple) else output
            state = self._of_tokens(state, name, input_ids)
            caught[name].append(state.clone())  # what follows may write into the output

        hooks = [
            modules[name].register_forward_hook(lambda _m, _i, out, name=name: keep(name, out))
            for name in caught
        ]
        try:
            output = self.model(input_ids, **self._inputs(input_ids, batch))
        finally:
            for hook in hooks:
                hook.remove()
        states: dict[Any, Tensor] = {}
        for name, calls in caught.items():
            if not calls:
                raise ValueError(f"Expected the model to call layer {name!r}, got no call.")
            numbered = {f"{name}#{i}": state for i, state in enumerate(calls, 1)}
            states |= numbered if len(calls) > 1 else {name: calls[0]}
        return states, self._logits(output, input_ids)


def has_encoder_and_decoder(model: nn.Module) -> bool:
    """Return whether a model of transformers is given tokens for a decoder beside the encoder."""
    adapted: Any = getattr(model, "get_base_model", None)  # of peft
    forward = (adapted() if adapted else model).forward
    return "decoder_input_ids" in inspect.signature(forward).parameters


def start_of_decoder(model: nn.Module) -> int:
    """Return the token that a decoder begins with."""
    for name in ("config", "generation_config"):
        start = getattr(getattr(model, name, None), "decoder_start_token_id", None)
        if start is not None:
            return int(start)
    raise ValueError("Expected config.decoder_start_token_id of the model, got none.")


@contextmanager
def known_tokens(model: nn.Module, input_ids: Tensor, highest: int) -> Iterator[None]:
    """Refuse tokens that an embedding of the model lacks, before a device meets them."""

    def check(module: nn.Embedding, args: tuple[Any, ...]) -> None:
        same = args and isinstance(args[0], Tensor) and args[0].data_ptr() == input_ids.data_ptr()
        if same and highest >= module.num_embeddings:
            raise ValueError(
                f"Expected token ids below {module.num_embeddings}, those that the model knows, "
                f"got {highest}. Does the tokenizer belong to the model?"
            )

    hooks = [
        module.register_forward_pre_hook(check)
        for module in model.modules()
        if type(module).forward is nn.Embedding.forward  # another may count positions from tokens
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def learned_positions(model: nn.Module) -> float:
    """Return how many positions a transformers model has learned, infinity if it counts on."""
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if not isinstance(positions, int):
        return float("inf")
    find_tokens: Any = getattr(model, "get_input_embeddings", None)
    tokens = find_tokens() if find_tokens else None
    learned = [
        module.num_embeddings - positions
        for module in model.modules()
        if isinstance(module, nn.Embedding) and module is not tokens
    ]
    return positions if any(0 <= offset <= 2 for offset in learned) else float("inf")


def next_token_nats(logits: Tensor, batch: TokenSequences) -> tuple[float, int]:
    """Return the summed nats and the number of the next tokens of a batch."""
    highest = int(batch.input_ids.max(initial=0))
    if highest >= logits.shape[2]:
        raise ValueError(
            f"Expected token ids below {logits.shape[2]}, the logits of the model, got {highest}."
        )
    targets = torch.from_numpy(batch.input_ids).to(logits.device)
    lengths = batch.lengths
    sums = [  # a row at a time: all logits in float32 may not fit beside the model
        next_token_sums(row[None, : n - 1], ids[None, 1:n])[0].sum()
        for row, ids, n in zip(logits, targets, lengths.tolist(), strict=True)
    ]
    return float(torch.stack(sums).cpu().double().sum()), int((lengths - 1).sum())
