"""Token ids of texts, and sequences of them in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._ngrams import as_array, check_shape

Tokens = NDArray[np.int64]


def token_rows(tokenizer_or_ids: Any, texts: Sequence[str] | None) -> list[Tokens]:
    """Return the token ids of each text, encoded here or before, without padding."""
    if texts is not None:
        return encode_texts(tokenizer_or_ids, texts)
    if isinstance(tokenizer_or_ids, Mapping):  # what a tokenizer of transformers returns
        return unpadded_rows(tokenizer_or_ids)
    if isinstance(tokenizer_or_ids, str) or not isinstance(
        tokenizer_or_ids, Sequence | np.ndarray | Tensor
    ):
        raise TypeError(
            f"Expected token ids where no texts are given, got {type(tokenizer_or_ids).__name__}."
        )
    return [check_ids(row, f"sequence {i}") for i, row in enumerate(tokenizer_or_ids)]


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[Tokens]:
    """Return the token ids of each text, without padding.

    The tokenizer is one of transformers, one of tokenizers, or a function from a text to ids.
    """
    if isinstance(texts, str):
        raise TypeError("Expected a list of texts, got one string.")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"Expected texts as strings, got {type(text).__name__} in text {i}.")
    if hasattr(tokenizer, "encode_batch"):
        rows = [
            {"input_ids": found.ids, "attention_mask": found.attention_mask}
            for found in tokenizer.encode_batch(texts)
        ]
    elif hasattr(tokenizer, "convert_ids_to_tokens"):
        rows = tokenizer(texts, verbose=False)["input_ids"]
    elif callable(tokenizer):
        rows = [tokenizer(text) for text in texts]
    else:
        raise TypeError(
            f"Expected a tokenizer or token ids, got {type(tokenizer).__name__} with texts."
        )
    return [check_ids(row, f"text {i}") for i, row in enumerate(rows)]


def unpadded_rows(encoded: Mapping[str, Any]) -> list[Tokens]:
    """Return the rows of `input_ids` without what `attention_mask` takes out."""
    if "input_ids" not in encoded:
        raise ValueError(f"Expected input_ids, got {sorted(encoded)}.")
    masks = encoded.get("attention_mask")
    masks = [None] * len(encoded["input_ids"]) if masks is None else masks
    return [
        check_ids({"input_ids": row, "attention_mask": mask}, f"sequence {i}")
        for i, (row, mask) in enumerate(zip(encoded["input_ids"], masks, strict=True))
    ]


def check_ids(row: Any, where: str) -> Tokens:
    """Return the token ids of one text, where an attention mask is given those it lets through."""
    mask = None
    if isinstance(row, Mapping):
        row, mask = row["input_ids"], row.get("attention_mask")
    ids = as_array(row)
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
        raise ValueError(
            f"Expected sequences of integer token ids, got shape {ids.shape} of {ids.dtype} in "
            f"{where}."
        )
    if mask is not None:
        ids = ids[check_shape("attention_mask", mask, ids.shape).astype(bool)]
    if len(ids) and ids.min() < 0:
        raise ValueError(
            f"Expected token ids of 0 or more, got {ids.min()} in {where}. Leave padding out, or "
            "give input_ids with their attention_mask."
        )
    return ids.astype(np.int64)


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Sequences of tokens, padded on the right.

    Attributes
    ----------
    input_ids : ndarray of int64 of shape (N, T)
        Token ids; 0 where there is none.
    mask : ndarray of bool of shape (N, T)
        Whether there is a token.
    clusters : ndarray of int64 of shape (N,)
        Equal where sequences belong together, as the answers to one prompt do.
    """

    input_ids: Tokens
    mask: NDArray[np.bool_]
    clusters: NDArray[np.int64]

    @classmethod
    def from_rows(
        cls, rows: Sequence[Tokens], clusters: NDArray[np.int64] | None = None
    ) -> "TokenSequences":
        """Return rows of different lengths as sequences, each by itself without `clusters`."""
        mask = pad([np.ones(len(row), dtype=np.int64) for row in rows], 0)
        clusters = np.arange(len(rows)) if clusters is None else clusters
        return cls(pad(rows, 0), mask.astype(bool), clusters)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each sequence."""
        return self.mask.sum(axis=1)

    def batches(self, batch_size: int, *, padded: bool) -> list[NDArray[np.int64]]:
        """Return the rows of each batch, the longest first, with clusters whole.

        Without padding, clusters of a batch have the same lengths. A cluster larger than a batch
        is one.
        """
        lengths = self.lengths
        order = np.argsort(self.clusters, kind="stable")
        clusters = np.split(order, np.flatnonzero(np.diff(self.clusters[order])) + 1)

        def shape(rows: NDArray[np.int64]) -> tuple[int, ...]:
            return tuple(np.sort(-lengths[rows]))

        clusters.sort(key=shape)
        found: list[list[NDArray[np.int64]]] = []
        for rows in clusters:
            fits = bool(found) and sum(map(len, found[-1])) + len(rows) <= batch_size
            if fits and (padded or shape(found[-1][0]) == shape(rows)):
                found[-1].append(rows)
            else:
                found.append([rows])
        return [np.concatenate(batch) for batch in found]

    def of_one_length(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return rows in parts of one length each, the longest first."""
        lengths = self.mask[rows].sum(axis=1)
        return [rows[lengths == length] for length in np.unique(lengths)[::-1]]

    def take(self, rows: NDArray[np.int64]) -> "TokenSequences":
        """Return some of the sequences, without padding that all of them have."""
        length = int(self.mask[rows].sum(axis=1).max())
        return TokenSequences(
            self.input_ids[rows, :length], self.mask[rows, :length], self.clusters[rows]
        )


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
