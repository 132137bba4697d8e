"""Sums of soft assignments by layer, set of labels and label."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._label_rows import PendingRows, SetCounts
from sklearn_learnability.torch.soft_information._label_sums import LabelSums
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, ONCE
from sklearn_learnability.torch.soft_information._sequence_groups import SequenceGroups
from sklearn_learnability.torch.soft_information._soft_entropy import Assignment
from sklearn_learnability.torch.soft_information._sums_of_columns import (
    sum_of_columns,
    summing_device,
)

Ints = NDArray[np.int64]


class AssignmentSums:
    """Sums over the positions of a label, over those of a set, and over labels that occur once.

    They live on the device of the last batch, or on the CPU where that has no float64.
    """

    def __init__(self, n_layers: int, n_sets: int, n_rows: int, n_points: int, dtype: torch.dtype):
        # the last columns: sums over sequences of |sum of p|^2, and for totals of H(p)
        self.totals = torch.zeros((n_layers, n_sets, n_points + 2), dtype=torch.float64)
        self.once_entropy = torch.zeros((n_layers, n_sets), dtype=torch.float64)
        self.rows = torch.zeros((n_layers, n_rows, n_points + 1), dtype=dtype)

    def make_room(self, n_rows: int, device: torch.device) -> None:
        """Move to a device, and lengthen for new labels."""
        device = summing_device(device)
        self.totals, self.once_entropy = self.totals.to(device), self.once_entropy.to(device)
        self.rows = self.rows.to(device)
        n_layers, there, n_columns = self.rows.shape
        if n_rows > there:
            empty = self.rows.new_zeros((n_layers, max(n_rows, 2 * there) - there, n_columns))
            self.rows = torch.cat([self.rows, empty], dim=1)

    def add(self, assigned: list[Assignment], pending: PendingRows, groups: SequenceGroups) -> None:
        """Add the assignments of all layers; on an error none, on whatever devices layers are."""
        self.make_room(groups.n_rows, assigned[0].proba.device)
        device, dtype = self.rows.device, torch.float64  # a batch in float32 would lose digits
        rows = pending.rows
        marks = torch.from_numpy(np.concatenate([rows != IGNORED, rows == ONCE])).to(device, dtype)
        unused = torch.from_numpy(np.flatnonzero((rows == IGNORED).all(axis=0))).to(device)
        labels, starts = np.unique(pending.row, return_index=True)
        sum_of = sum_of_columns(starts, pending.position, rows.shape[1], device)
        products_of = groups.products(device)
        of_sets, of_labels, of_sequences = [], [], []
        for proba, entropy in assigned:
            square = (proba * proba).sum(dim=1)
            columns = torch.cat([proba, square[:, None], entropy[:, None]], dim=1)
            columns = columns.to(device, dtype)  # layers may be on several
            if len(unused):
                columns[unused] = 0  # they may be NaN
            of_sets.append(marks @ columns)
            of_labels.append(sum_of(columns[:, :-1]).to(self.rows.dtype))
            of_sequences.append(products_of(columns[:, :-1]))
        sums = torch.stack(of_sets)
        n_sets, labels_here = len(rows), torch.from_numpy(labels).to(device)
        self.totals += sums[:, :n_sets]
        self.once_entropy += sums[:, n_sets:, -1]
        for layer, of_layer in enumerate(of_labels):
            self.rows[layer, labels_here] += of_layer
        self.add_products(torch.stack(of_sequences), products_of.kinds, groups)

    def add_products(self, products: Tensor, kinds: Ints, groups: SequenceGroups) -> None:
        """Add to sums of |p|^2 the products (layers, kinds) of different positions of a sequence.

        Together they are the sums over sequences of |sum of p|^2.
        """
        n_labels = int(np.searchsorted(kinds, groups.n_rows))
        labels = torch.from_numpy(kinds[:n_labels]).to(products.device)
        self.rows[:, labels, -1] += products[:, :n_labels].to(self.rows.dtype)
        for index, kind in enumerate(groups.kind_of_set):
            place = np.searchsorted(kinds, kind)
            if place < len(kinds) and kinds[place] == kind:
                self.totals[:, index, -2] += products[:, int(place)]

    def merge(self, other: "AssignmentSums", row_here: Ints, n_rows: int) -> None:
        """Add the sums of another, whose rows stand here at `row_here`."""
        device = self.rows.device
        self.make_room(n_rows, device)
        at = torch.from_numpy(row_here).to(device)
        self.rows[:, at] += other.rows[:, : len(row_here)].to(device)
        self.totals += other.totals.to(device)
        self.once_entropy += other.once_entropy.to(device)

    def of_set(self, layer: int, index: int, chosen: Ints, counts: SetCounts) -> LabelSums:
        """Return the sums of one layer and set, of the chosen rows."""
        device = self.rows.device
        rows, total = self.rows[layer, torch.from_numpy(chosen).to(device)], self.totals[layer]
        return LabelSums(
            total=total[index, :-2],
            total_square=float(total[index, -2]),
            total_entropy=float(total[index, -1]),
            once_entropy=float(self.once_entropy[layer, index]),
            rows=rows[:, :-1],
            row_squares=rows[:, -1],
            counts=torch.from_numpy(counts.counts).to(device),
            pairs=torch.from_numpy(counts.pairs).to(device),
            n_once=counts.n_once,
            n_pairs=counts.n_pairs,
            n_sequences=counts.n_sequences,
        )

    def state_dict(self, n_rows: int) -> dict[str, Any]:
        """Return the sums, on the CPU."""
        return {
            "totals": self.totals.cpu().clone(),
            "once_entropy": self.once_entropy.cpu().clone(),
            "rows": self.rows[:, :n_rows].cpu().clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the sums over."""
        self.totals = state["totals"].clone()
        self.once_entropy = state["once_entropy"].clone()
        self.rows = state["rows"].clone()
