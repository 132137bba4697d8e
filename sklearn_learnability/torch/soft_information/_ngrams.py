"""Labels of positions: n-grams of tokens, and the table of those that repeat."""

import zlib
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._results import Result

IGNORED = -1
ONCE = -2
IGNORE_INDEX = -100  # what losses of torch leave out
LARGEST = np.iinfo(np.int64).max

Ints = NDArray[np.int64]


def ngram_labels(
    input_ids: ArrayLike,
    width: int,
    direction: str = "past",
    mask: ArrayLike | None = None,
    documents: ArrayLike | None = None,
) -> Ints:
    """Return a code of the n-gram of tokens that ends at, or begins after, each position.

    The codes are exact: two positions share one if and only if all their tokens agree, whatever
    the size of the vocabulary and the width. They hold within one call, so pass all sequences at
    once; tokens are small beside hidden states.

    Parameters
    ----------
    input_ids : array-like of int of shape (n_sequences, length) or (length,)
        Token ids, not negative where `mask` is true.
    width : int
        Number of tokens n, at least 1.
    direction : {"past", "future"}, default="past"
        "past": tokens t-n+1 to t, what a causal model has just read at position t. "future":
        tokens t+1 to t+n, what it has to predict.
    mask : array-like of bool of the shape of `input_ids`, default=None
        False for padding, which is passed over wherever it stands. None: all are tokens.
    documents : array-like of int of the shape of `input_ids`, default=None
        Document of each token, where sequences are packed with several. No n-gram crosses from
        one to the next, or from a sequence to another.

    Returns
    -------
    labels : ndarray of int64 of the shape of `input_ids`
        Codes 0, 1, ... without gaps; -1 at positions that lack a full n-gram.

    Raises
    ------
    ValueError
        If shapes differ, the width is below 1 or the direction unknown.

    Examples
    --------
    >>> from sklearn_learnability.torch import ngram_labels
    >>> ngram_labels([[5, 7, 5, 7, 5]], width=2)
    array([[-1,  0,  1,  0,  1]])
    >>> ngram_labels([[5, 7, 5, 7, 5]], width=1, direction="future")
    array([[ 1,  0,  1,  0, -1]])
    """
    ids, valid, shape = check_tokens(input_ids, mask)
    if width < 1:
        raise ValueError(f"Expected width to be at least 1, got {width}.")
    if direction not in ("past", "future"):
        raise ValueError(f"Expected direction to be 'past' or 'future', got {direction!r}.")
    tokens, pieces = dense_codes(ids, valid), np.zeros_like(ids)
    if documents is not None:
        pieces = dense_codes(check_shape("documents", documents, shape).reshape(ids.shape), valid)
    # what a mask takes out is not read: tokens move together, and their labels back
    order = np.argsort(~valid, axis=1, kind="stable")
    tokens, pieces = (np.take_along_axis(codes, order, axis=1) for codes in (tokens, pieces))
    labels = tokens
    n_tokens = int(tokens.max(initial=0)) + 1
    for _ in range(width - 1):
        # the n-gram that ends one position before, and the token here
        before = shifted(labels, 1)
        unbroken = (before != IGNORED) & (tokens != IGNORED) & (pieces == shifted(pieces, 1))
        labels = dense_codes(before * n_tokens + tokens, unbroken)
    if direction == "future":
        # the n-gram that ends `width` positions later, where it continues this token's document
        ahead = shifted(labels, -width)
        unbroken = (ahead != IGNORED) & (tokens != IGNORED) & (pieces == shifted(pieces, -width))
        labels = dense_codes(ahead, unbroken)
    back = np.argsort(order, axis=1, kind="stable")
    return np.take_along_axis(labels, back, axis=1).reshape(shape)


def check_tokens(
    input_ids: ArrayLike, mask: ArrayLike | None
) -> tuple[Ints, NDArray[np.bool_], tuple[int, ...]]:
    """Return token ids and their mask as (sequences, length), and the shape given."""
    ids = as_array(input_ids)
    if ids.ndim not in (1, 2) or ids.dtype.kind not in "iu":
        raise ValueError(
            "Expected input_ids to be integers of shape (n_sequences, length) or (length,), "
            f"got shape {ids.shape} of {ids.dtype}. Pad sequences of unequal length and pass mask."
        )
    valid = np.ones(ids.shape, dtype=bool)
    if mask is not None:
        valid = check_shape("mask", mask, ids.shape).astype(bool)
    if ids[valid].min(initial=0) < 0:
        raise ValueError(
            f"Expected token ids of 0 or more, got {ids[valid].min()}. Mark padding in mask."
        )
    return np.atleast_2d(ids.astype(np.int64, copy=False)), np.atleast_2d(valid), ids.shape


def check_shape(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray:
    """Return an array of the given shape."""
    values = as_array(values)
    if values.shape != shape:
        raise ValueError(f"Expected {name} of shape {shape}, got {values.shape}.")
    return values


def shifted(values: Ints, by: int) -> Ints:
    """Return rows moved by some positions to the right, or left; -1 where nothing moved in."""
    result = np.full_like(values, IGNORED)
    if 0 < by < values.shape[1]:
        result[:, by:] = values[:, :-by]
    elif 0 < -by < values.shape[1]:
        result[:, :by] = values[:, -by:]
    return result


def dense_codes(values: Ints, valid: NDArray[np.bool_]) -> Ints:
    """Return codes 0, 1, ... of the valid values, -1 elsewhere."""
    codes = np.full(values.shape, IGNORED, dtype=np.int64)
    codes[valid] = np.unique(values[valid], return_inverse=True)[1]
    return codes


@dataclass(frozen=True, eq=False)
class LabelTable(Result):
    """Which labels occur more than once in all the data, counted before any hidden state is seen.

    A label that occurs once needs no row of statistics: its conditional entropy is that of its
    one assignment. In running text most wide n-grams occur once.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        The labels that repeat, sorted.
    once : ndarray of shape (n_once,)
        The labels that occur once, sorted.
    counts : ndarray of int64 of shape (n_rows,)
        How often each of `values` occurs.
    places : ndarray of uint64 of shape (n_rows,)
        Checksum of the positions of each of `values`. Labels of two tables that stand at the same
        positions, such as a trigram and the bigram in it that occurs nowhere else, share a row.

    Examples
    --------
    >>> from sklearn_learnability.torch import LabelTable
    >>> table = LabelTable.from_labels([4, 9, 4, 7, -1])
    >>> table.n_labels, table.n_positions, table.values
    (3, 4, array([4]))
    """

    values: NDArray
    once: NDArray
    counts: Ints
    places: NDArray[np.uint64]

    @classmethod
    def from_labels(cls, labels: ArrayLike, mask: ArrayLike | None = None) -> "LabelTable":
        """Return the table of labels, integers or strings; -1, -100, None and masked are ignored.

        Parameters
        ----------
        labels : array-like
            All labels, of any shape; those of several tables at the same positions in each.
        mask : array-like of bool of the shape of `labels`, default=None
            False where a position is not to be counted.

        Returns
        -------
        table : LabelTable
            The table, for `SoftInformation`.
        """
        values, valid = check_labels("labels", labels)
        if mask is not None:
            valid &= check_shape("mask", mask, values.shape).astype(bool)
        unique, code, counts = np.unique(values[valid], return_inverse=True, return_counts=True)
        places = np.zeros(len(unique), dtype=np.uint64)
        np.add.at(places, code, mixed(np.flatnonzero(valid).astype(np.uint64)))  # wraps around
        repeated = counts > 1
        return cls(
            unique[repeated],
            unique[~repeated],
            counts[repeated].astype(np.int64),
            places[repeated],
        )

    @property
    def n_labels(self) -> int:
        """Number of different labels."""
        return len(self.values) + len(self.once)

    @property
    def n_positions(self) -> int:
        """Number of labelled positions."""
        return int(self.counts.sum()) + len(self.once)

    def rows(self, labels: NDArray) -> Ints:
        """Return the row of each label, or -2 for labels that occur once.

        Parameters
        ----------
        labels : ndarray of shape (n,)
            Labels that are in the table.

        Returns
        -------
        rows : ndarray of int64 of shape (n,)
            Index into `values`, or -2.

        Raises
        ------
        ValueError
            If a label is not in the table.
        """
        labels = as_array(labels)
        rows = find(self.values, labels)
        rest = labels[rows == IGNORED]
        unknown = rest[find(self.once, rest) == IGNORED]
        if len(unknown):
            raise ValueError(
                f"Expected labels that the table has counted, got {unknown[0]!s} and "
                f"{len(unknown) - 1} other position(s) of labels it has not."
            )
        return np.where(rows == IGNORED, ONCE, rows)

    def fingerprint(self) -> int:
        """Return a checksum by which two tables can be told apart.

        Returns
        -------
        checksum : int
            CRC-32 of labels, counts and places.
        """
        checksum = 0
        for part in (self.values, self.once, self.counts, self.places):
            checksum = zlib.crc32(np.ascontiguousarray(part).tobytes(), checksum)
        return checksum


def find(sorted_values: NDArray, wanted: NDArray) -> Ints:
    """Return the index of each wanted value among sorted ones, -1 where it is not among them."""
    if len(sorted_values) == 0 or len(wanted) == 0:
        return np.full(len(wanted), IGNORED, dtype=np.int64)
    at = np.minimum(np.searchsorted(sorted_values, wanted), len(sorted_values) - 1)
    return np.where(sorted_values[at] == wanted, at, IGNORED)


def check_labels(name: str, labels: ArrayLike) -> tuple[NDArray, NDArray[np.bool_]]:
    """Return labels as int64 or strings, and which positions have one."""
    values = label_array(labels)
    if values.dtype.kind == "U":
        return values, np.ones(values.shape, dtype=bool)
    if values.dtype.kind in "bui" and values.max(initial=0) <= LARGEST:
        values = values.astype(np.int64)
        return values, is_label(values)
    if values.dtype.kind != "O":
        got = values.dtype if values.dtype.kind not in "bui" else values.max()
        raise ValueError(f"Expected {name} to be 64-bit integers or strings, got {got}.")
    return check_objects(name, values)


def check_objects(name: str, values: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
    """Return labels given as objects as int64 or strings, and which positions have one."""
    flat: list[Any] = values.ravel().tolist()
    marks = [v is None or (is_integer(v) and v in (IGNORED, IGNORE_INDEX)) for v in flat]
    valid = ~np.array(marks, dtype=bool).reshape(values.shape)
    given = values[valid].tolist()
    if all(isinstance(v, str) for v in given) and given:
        return np.where(valid, values, "").astype(str), valid
    if all(is_integer(v) and -LARGEST <= v <= LARGEST for v in given):
        return np.where(valid, values, IGNORED).astype(np.int64), valid
    others = [v for v in given if not isinstance(v, str)] or given
    wrong = next((v for v in others if not is_integer(v) or abs(v) > LARGEST), others[0])
    raise ValueError(
        f"Expected {name} to be all 64-bit integers or all strings, and None where there is none, "
        f"got {wrong!r}{' beside strings' if len(others) < len(given) else ''}."
    )


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer, truth values included."""
    return isinstance(value, Integral | np.bool_)


def is_label(labels: Ints) -> NDArray[np.bool_]:
    """Return which integers are labels: all but -1 and torch's `ignore_index`."""
    return (labels != IGNORED) & (labels != IGNORE_INDEX)


def label_array(labels: Any) -> NDArray:
    """Return labels as an array in which a number among strings is a number still."""
    values = as_array(labels)
    if values.dtype.kind == "U" and not isinstance(labels, np.ndarray):
        values = np.asarray(labels, dtype=object)  # or NumPy makes a string of the number
    return values


def as_array(values: Any) -> NDArray:
    """Return values as an array, tensors of any device included."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return pseudo-random numbers that are a function of those given (splitmix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
