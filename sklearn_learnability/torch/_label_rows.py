"""Where the sums of each label stand."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_learnability.torch._ngrams import IGNORED, ONCE, LabelTable, check_labels

Ints = NDArray[np.int64]


class PendingRows(NamedTuple):
    """Rows of a batch, looked up and not yet counted."""

    rows: Ints  # (sets, n)
    new: list[tuple[int, Any]]  # (set, label) of rows that are to be added, in order


class LabelRows:
    """Rows of all sets of labels in one common numbering, with their counts."""

    def __init__(self, labels: str | Sequence[str] | Mapping[str, LabelTable | None]):
        if isinstance(labels, str):
            labels = {labels: None}
        elif not isinstance(labels, Mapping):
            labels = dict.fromkeys(labels)
        if not labels:
            raise ValueError("Expected at least one set of labels, got none.")
        self.names = list(labels)
        self.tables = list(labels.values())
        self.offsets, sets = [], []
        n_rows = 0
        for index, table in enumerate(self.tables):
            self.offsets.append(n_rows)
            n = 0 if table is None else len(table.values)
            sets.append(np.full(n, index))
            n_rows += n
        self.set_of_row = np.concatenate(sets).astype(np.int64)
        self.counts = np.zeros(n_rows, dtype=np.int64)
        self.n_once = np.zeros(len(self.names), dtype=np.int64)
        self.found: list[dict[Any, int]] = [{} for _ in self.names]

    @property
    def n_rows(self) -> int:
        """Number of rows of all sets."""
        return len(self.counts)

    def rows_of_set(self, index: int) -> Ints:
        """Return the rows of a set that have been counted."""
        return np.flatnonzero((self.set_of_row == index) & (self.counts > 0))

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
        return PendingRows(rows, new)

    def _rows_of(self, index: int, values: NDArray, new: list[tuple[int, Any]]) -> Ints:
        """Return rows of labels of one set; append labels that have none yet to `new`."""
        table = self.tables[index]
        if table is not None:
            try:
                rows = table.rows(values)
            except ValueError as error:
                raise ValueError(f"Labels {self.names[index]!r}: {error}") from None
            n_once = self.n_once[index] + (rows == ONCE).sum()
            if n_once > len(table.once):
                raise ValueError(
                    f"Expected at most {len(table.once)} positions of labels {self.names[index]!r} "
                    f"that occur once, got {n_once}: the table was counted on other data."
                )
            return np.where(rows == ONCE, ONCE, rows + self.offsets[index])
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

    def commit(self, pending: PendingRows) -> Ints:
        """Count the rows of a batch and return them, -1 and -2 as they are."""
        self._append(pending.new)
        rows = pending.rows
        self.counts += np.bincount(rows[rows >= 0], minlength=self.n_rows)
        self.n_once += (rows == ONCE).sum(axis=1)
        return rows

    def _append(self, new: list[tuple[int, Any]]) -> None:
        """Add rows for new labels."""
        for i, (index, value) in enumerate(new):
            self.found[index][value] = self.n_rows + i
        sets = np.array([index for index, _ in new], dtype=np.int64)
        self.set_of_row = np.concatenate([self.set_of_row, sets])
        self.counts = np.concatenate([self.counts, np.zeros(len(new), dtype=np.int64)])

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
        self.n_once += other.n_once
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
        return {
            "set_of_row": torch.from_numpy(self.set_of_row.copy()),
            "counts": torch.from_numpy(self.counts.copy()),
            "n_once": torch.from_numpy(self.n_once.copy()),
            "found": [dict(found) for found in self.found],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take counts and found labels over."""
        for name in ("set_of_row", "counts", "n_once"):
            setattr(self, name, state[name].numpy().copy())
        self.found = [dict(found) for found in state["found"]]
