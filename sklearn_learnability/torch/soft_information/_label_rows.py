"""Where the sums of each label stand."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_learnability.torch.soft_information._ngrams import (
    IGNORED,
    ONCE,
    LabelTable,
    check_labels,
)

Ints = NDArray[np.int64]

COUNTS_OF_ROWS = ("share", "counts", "squares")
COUNTS_OF_SETS = ("n_once", "set_squares", "n_sequences")


class PendingRows(NamedTuple):
    """Rows of a batch, looked up and not yet counted."""

    rows: Ints  # (sets, n)
    row: Ints  # (k,), each row and position in it once, ordered by row
    position: Ints  # (k,)
    new: list[tuple[int, Any]]  # (set, label) of rows that are to be added, in order


class SetCounts(NamedTuple):
    """Counts of one set of labels: of its rows, and of all its positions."""

    counts: Ints  # (K,)
    pairs: Ints  # (K,), of a label, ordered, in different sequences
    n_once: int
    n_pairs: int  # of any two labelled positions
    n_sequences: int


class LabelRows:
    """Rows of all sets of labels in one common numbering, with their counts.

    Labels of several tables that stand at the same positions have one row together.
    """

    def __init__(self, labels: str | Sequence[str] | Mapping[str, LabelTable | None]):
        if isinstance(labels, str):
            labels = {labels: None}
        elif not isinstance(labels, Mapping):
            labels = dict.fromkeys(labels)
        if not labels:
            raise ValueError("Expected at least one set of labels, got none.")
        self.names = list(labels)
        self.tables = list(labels.values())
        none = np.zeros(0, dtype=np.uint64)
        places = [none if table is None else table.places for table in self.tables]
        unique, code, share = np.unique(
            np.concatenate(places), return_inverse=True, return_counts=True
        )
        ends = np.cumsum([len(part) for part in places])
        self.row_of = np.split(code.astype(np.int64), ends[:-1])  # by set, of its table's rows
        self.share = share.astype(np.int64)  # number of sets a row belongs to
        self.counts = np.zeros(len(unique), dtype=np.int64)
        self.squares = self.counts.copy()  # of the counts in single sequences, summed over these
        self.n_once = np.zeros(len(self.names), dtype=np.int64)
        self.set_squares, self.n_sequences = self.n_once.copy(), self.n_once.copy()
        self.found: list[dict[Any, int]] = [{} for _ in self.names]

    @property
    def n_rows(self) -> int:
        """Number of rows of all sets."""
        return len(self.counts)

    def rows_of_set(self, index: int) -> Ints:
        """Return the rows of a set that have been counted."""
        if self.tables[index] is not None:
            rows = self.row_of[index]
        else:
            rows = np.fromiter(self.found[index].values(), dtype=np.int64)
        return rows[self.counts[rows] > 0]

    def of_set(self, index: int) -> SetCounts:
        """Return the counts of a set, of the rows that have been counted."""
        rows, n_once = self.rows_of_set(index), int(self.n_once[index])
        counts = self.counts[rows]
        return SetCounts(
            counts=counts,
            pairs=counts**2 - self.squares[rows],
            n_once=n_once,
            n_pairs=int((counts.sum() + n_once) ** 2 - self.set_squares[index]),
            n_sequences=int(self.n_sequences[index]),
        )

    def n_labels(self, index: int) -> int:
        """Return the number of different labels of a set that have been counted."""
        return len(self.rows_of_set(index)) + int(self.n_once[index])

    def look_up(self, labels: Any, mask: NDArray[np.bool_]) -> PendingRows:
        """Return the rows of a batch without counting them."""
        if not isinstance(labels, Mapping):
            if len(self.names) != 1:
                raise ValueError(f"Expected labels to be a dict with {self.names}, got one array.")
            labels = {self.names[0]: labels}
        if set(labels) != set(self.names):
            raise ValueError(f"Expected labels of {self.names}, got {list(labels)}.")
        rows = np.full((len(self.names), mask.size), IGNORED, dtype=np.int64)
        new: list[tuple[int, Any]] = []
        for index, name in enumerate(self.names):
            values, valid = check_labels(f"labels {name!r}", labels[name])
            if values.shape != mask.shape:
                raise ValueError(
                    f"Expected labels {name!r} of the shape {mask.shape} of the hidden states, "
                    f"got {values.shape}."
                )
            valid = (valid & mask).ravel()
            rows[index, valid] = self._rows_of(index, values.ravel()[valid], new)
        return PendingRows(rows, *self._pairs(rows, len(new)), new)

    def _pairs(self, rows: Ints, n_new: int) -> tuple[Ints, Ints]:
        """Return each row and position in it once, checking that sets agree on shared rows."""
        at_set, at = np.nonzero(rows >= 0)
        n = max(rows.shape[1], 1)
        pairs, times = np.unique(rows[at_set, at] * n + at, return_counts=True)
        row, position = np.divmod(pairs, n)
        share = np.append(self.share, np.ones(n_new, dtype=np.int64))
        if (times != share[row]).any():
            raise ValueError(
                f"Expected the tables of {self.names} to be counted over the same positions in "
                "the same order, got labels that do not stand where their table has them."
            )
        return row, position

    def _rows_of(self, index: int, values: NDArray, new: list[tuple[int, Any]]) -> Ints:
        """Return rows of labels of one set; append labels that have none yet to `new`."""
        table = self.tables[index]
        if table is not None:
            try:
                rows = table.rows(values)
            except ValueError as error:
                raise ValueError(
                    f"Expected labels {self.names[index]!r} of their table, got others: {error}"
                ) from None
            n_once = self.n_once[index] + (rows == ONCE).sum()
            if n_once > len(table.once):
                raise ValueError(
                    f"Expected at most {len(table.once)} positions of labels {self.names[index]!r} "
                    f"that occur once, got {n_once}: the table was counted on other data."
                )
            known = rows != ONCE
            rows[known] = self.row_of[index][rows[known]]
            return rows
        found = self.found[index]
        unique, inverse = np.unique(values, return_inverse=True)
        rows_of_unique = np.empty(len(unique), dtype=np.int64)
        if found and len(unique) and type(next(iter(found))) is not type(unique[0].item()):
            raise ValueError(
                f"Expected labels {self.names[index]!r} of the type seen before, got "
                f"{unique.dtype}."
            )
        for i, value in enumerate(unique.tolist()):
            row = found.get(value)
            if row is None:
                row = self.n_rows + len(new)
                new.append((index, value))
            rows_of_unique[i] = row
        return rows_of_unique[inverse]

    def commit(self, pending: PendingRows, of_sequences: tuple[Ints, Ints, Ints]) -> None:
        """Count the rows of a batch, and their squared counts in sequences by row and by set."""
        self._append(pending.new)
        squares, set_squares, n_sequences = of_sequences
        self.squares += squares
        self.set_squares += set_squares
        self.n_sequences += n_sequences
        self.counts += np.bincount(pending.row, minlength=self.n_rows)
        self.n_once += (pending.rows == ONCE).sum(axis=1)

    def _append(self, new: list[tuple[int, Any]]) -> None:
        """Add rows for new labels."""
        for i, (index, value) in enumerate(new):
            self.found[index][value] = self.n_rows + i
        self.share = np.append(self.share, np.ones(len(new), dtype=np.int64))
        self.counts = np.append(self.counts, np.zeros(len(new), dtype=np.int64))
        self.squares = np.append(self.squares, np.zeros(len(new), dtype=np.int64))

    def merge(self, other: "LabelRows") -> Ints:
        """Count what another has counted, and return the row here of each row there."""
        self._check_once(other)
        mapping = np.arange(other.n_rows)
        new: list[tuple[int, Any]] = []
        for index, found in enumerate(other.found):
            mine = self.found[index]
            for value in found:
                if value not in mine:
                    new.append((index, value))
        self._append(new)
        for index, found in enumerate(other.found):
            for value, row in found.items():
                mapping[row] = self.found[index][value]
        np.add.at(self.counts, mapping, other.counts)
        np.add.at(self.squares, mapping, other.squares)
        self.n_once += other.n_once
        self.set_squares += other.set_squares
        self.n_sequences += other.n_sequences
        return mapping

    def _check_once(self, other: "LabelRows") -> None:
        """Refuse more positions of labels that occur once than there are such labels."""
        for index, table in enumerate(self.tables):
            once = self.n_once[index] + other.n_once[index]
            if table is not None and once > len(table.once):
                raise ValueError(
                    f"Expected at most {len(table.once)} positions of labels {self.names[index]!r} "
                    f"that occur once, got {once}: the parts overlap."
                )

    def fingerprints(self) -> list[int | None]:
        """Return a checksum of each table, None for sets without one."""
        return [None if table is None else table.fingerprint() for table in self.tables]

    def state_dict(self) -> dict[str, Any]:
        """Return counts and found labels as tensors and plain values."""
        names = (*COUNTS_OF_ROWS, *COUNTS_OF_SETS)
        counts = {name: torch.from_numpy(getattr(self, name).copy()) for name in names}
        return {**counts, "found": [dict(found) for found in self.found]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take counts and found labels over."""
        self.share = state["share"].numpy().copy()
        self.counts = state["counts"].numpy().copy()
        self.squares = state["squares"].numpy().copy()
        self.n_once = state["n_once"].numpy().copy()
        self.set_squares = state["set_squares"].numpy().copy()
        self.n_sequences = state["n_sequences"].numpy().copy()
        self.found = [dict(found) for found in state["found"]]
