"""Tokens that a model reads and that do not count, such as those that begin a text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.representations._token_sequences import Tokens
from sklearn_learnability.torch.soft_information._ngrams import as_array

Marks = NDArray[np.bool_]  # of the tokens of a text: which do not count
ExcludedTokens = str | Sequence[int] | Sequence[Sequence[bool]] | None


def excluded_rows(
    excluded_tokens: ExcludedTokens, tokenizer_or_ids: Any, rows: Sequence[Tokens]
) -> list[Tokens]:
    """Return, for each token of each row, 1 where it does not count and 0 where it does."""
    excluded = read_excluded(excluded_tokens, tokenizer_or_ids)
    if not isinstance(excluded, list):
        return [np.isin(row, excluded).astype(np.int64) for row in rows]
    if [len(marks) for marks in excluded] != list(map(len, rows)):
        raise ValueError(
            f"Expected excluded_tokens to mark each token of {len(rows)} texts, padding left out, "
            f"got marks of {len(excluded)} texts, {sum(map(len, excluded))} tokens instead of "
            f"{sum(map(len, rows))}."
        )
    return [marks.astype(np.int64) for marks in excluded]


def read_excluded(excluded_tokens: ExcludedTokens, tokenizer_or_ids: Any) -> Tokens | list[Marks]:
    """Return the ids of the tokens that do not count, or the marks of each text."""
    kinds = Sequence | np.ndarray | Tensor
    given: Any = excluded_tokens
    if isinstance(given, str) or not isinstance(given, kinds) or not len(given):
        return excluded_ids(excluded_tokens, tokenizer_or_ids)
    if np.ndim(given[0]) != 1:
        return excluded_ids(excluded_tokens, tokenizer_or_ids)
    marks = [as_array(row) for row in given]
    if any(row.ndim != 1 or not np.isin(row, (0, 1)).all() for row in marks):
        raise ValueError("Expected excluded_tokens to mark tokens by true or false, got others.")
    padding = isinstance(tokenizer_or_ids, Mapping) and tokenizer_or_ids.get("attention_mask")
    if isinstance(padding, kinds) and list(map(len, padding)) == list(map(len, marks)):
        marks = [row[as_array(read).astype(bool)] for row, read in zip(marks, padding, strict=True)]
    return [row.astype(bool) for row in marks]


def excluded_ids(excluded_tokens: ExcludedTokens, tokenizer: Any) -> Tokens:
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
    positions: NDArray[np.bool_], excluded: NDArray[np.bool_], past: int = 1, future: int = 0
) -> NDArray[np.bool_]:
    """Return those of some positions (N, T) without excluded tokens (N, T) near.

    Near are the last `past` tokens up to a position, and the next `future` ones.
    """
    so_far = np.pad(excluded.cumsum(axis=1), ((0, 0), (1, 0)))
    t = np.arange(excluded.shape[1])
    ends, starts = np.minimum(t + 1 + future, len(t)), np.maximum(t + 1 - past, 0)
    counted = positions & (so_far[:, ends] == so_far[:, starts])
    if not counted.any():
        raise ValueError(
            "Expected positions whose contexts hold none of the excluded_tokens, got none among "
            f"{int(positions.sum())}."
        )
    return counted
