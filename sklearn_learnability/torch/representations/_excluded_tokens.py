"""Tokens that a model reads and that do not count, such as those that begin a text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.representations._token_sequences import Tokens, TokenSequences
from sklearn_learnability.torch.soft_information._ngrams import as_array


def excluded_ids(excluded_tokens: str | Sequence[int] | None, tokenizer: Any) -> Tokens:
    """Return the ids of the tokens that do not count, sorted."""
    if isinstance(excluded_tokens, str):
        if excluded_tokens != "special":
            raise ValueError(
                f"Expected excluded_tokens as 'special' or token ids, got {excluded_tokens!r}."
            )
        return np.unique(np.array(special_ids(tokenizer), dtype=np.int64))
    ids = as_array([] if excluded_tokens is None else excluded_tokens)
    if ids.ndim != 1 or (len(ids) and (ids.dtype.kind not in "iu" or ids.min() < 0)):
        raise ValueError(
            "Expected excluded_tokens as 'special' or token ids of 0 or more, got "
            f"{excluded_tokens!r}."
        )
    return np.unique(ids.astype(np.int64))


def special_ids(tokenizer: Any) -> list[int]:
    """Return the ids of what a tokenizer of transformers or tokenizers calls special."""
    if hasattr(tokenizer, "all_special_ids"):
        return list(tokenizer.all_special_ids)
    if hasattr(tokenizer, "get_added_tokens_decoder"):
        added = tokenizer.get_added_tokens_decoder()
        return [number for number, token in added.items() if token.special]
    raise ValueError(
        "Expected a tokenizer of transformers or tokenizers for excluded_tokens='special', got "
        f"{type(tokenizer).__name__}. Give the ids of the tokens."
    )


def counted_positions(
    positions: NDArray[np.bool_],
    sequences: TokenSequences,
    excluded: Tokens,
    past: int = 1,
    future: int = 0,
) -> NDArray[np.bool_]:
    """Return those of some positions without excluded tokens near.

    Near are the last `past` tokens up to a position, and the next `future` ones.
    """
    found = np.isin(sequences.input_ids, excluded) & sequences.mask
    so_far = np.pad(found.cumsum(axis=1), ((0, 0), (1, 0)))
    t = np.arange(found.shape[1])
    ends, starts = np.minimum(t + 1 + future, len(t)), np.maximum(t + 1 - past, 0)
    counted = positions & (so_far[:, ends] == so_far[:, starts])
    if not counted.any():
        raise ValueError(
            f"Expected positions whose contexts hold none of the {len(excluded)} excluded_tokens, "
            "got none."
        )
    return counted
