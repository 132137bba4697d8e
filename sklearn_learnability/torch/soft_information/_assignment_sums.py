"""Sums of soft assignments by layer, set of labels and label."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from sklearn_learnability.torch.soft_information._information_estimates import LabelSums
from sklearn_learnability.torch.soft_information._label_rows import PendingRows
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, ONCE
from sklearn_learnability.torch.soft_information._soft_entropy import Assignment

Ints = NDArray[np.int64]


class AssignmentSums:
    """Sums over the positions of a label, over those of a set, and over labels that occur once.

    They live on the device of the last batch.
    """

    def __init__(self, n_layers: int, n_sets: int, n_rows: int, n_points: int, dtype: torch.dtype):
        # the last columns: sums of |p|^2, and for totals of H(p)
        self.totals = torch.zeros((n_layers, n_sets, n_points + 2), dtype=torch.float64)
        self.once_entropy = torch.zeros((n_layers, n_sets), dtype=torch.float64)
        self.rows = torch.zeros((n_layers, n_rows, n_points + 1), dtype=dtype)

    def make_room(self, n_rows: int, device: torch.device) -> None:
        """Move to a device, and lengthen for new labels."""
        self.totals, self.once_entropy = self.totals.to(device), self.once_entropy.to(device)
        self.rows = self.rows.to(device)
        n_layers, there, n_columns = self.rows.shape
        if n_rows > there:
            empty = self.rows.new_zeros((n_layers, max(n_rows, 2 * there) - there, n_columns))
            self.rows = torch.cat([self.rows, empty], dim=1)

    def add(self, assigned: list[Assignment], pending: PendingRows) -> None:
        """Add the assignments of all layers."""
        rows = pending.rows
        device = self.rows.device
        dtype = torch.promote_types(self.rows.dtype, assigned[0].proba.dtype)
        marks = torch.from_numpy(np.concatenate([rows != IGNORED, rows == ONCE])).to(device, dtype)
        unused = torch.from_numpy(np.flatnonzero((rows == IGNORED).all(axis=0))).to(device)
        n_sets = len(rows)
        scatter = LabelScatter(pending, device, dtype)
        for layer, (proba, entropy) in enumerate(assigned):
            square = (proba * proba).sum(dim=1)
            columns = torch.cat([proba, square[:, None], entropy[:, None]], dim=1)
            columns = columns.to(device, dtype)  # layers may be on several
            if len(unused):
                columns[unused] = 0  # they may be NaN
            sums = marks @ columns
            self.totals[layer] += sums[:n_sets]
            self.once_entropy[layer] += sums[n_sets:, -1]
            scatter.add(self.rows[layer], columns[:, :-1])

    def merge(self, other: "AssignmentSums", row_here: Ints, n_rows: int) -> None:
        """Add the sums of another, whose rows stand here at `row_here`."""
        device = self.rows.device
        self.make_room(n_rows, device)
        at = torch.from_numpy(row_here).to(device)
        self.rows[:, at] += other.rows[:, : len(row_here)].to(device)
        self.totals += other.totals.to(device)
        self.once_entropy += other.once_entropy.to(device)

    def of_set(self, layer: int, index: int, chosen: Ints, counts: Ints, n_once: int) -> LabelSums:
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
            counts=torch.from_numpy(counts).to(device),
            n_once=n_once,
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
        for name in ("totals", "once_entropy", "rows"):
            setattr(self, name, state[name].clone())


class LabelScatter:
    """Adds columns of positions to the rows of their labels: built once a batch for all layers."""

    def __init__(self, pending: PendingRows, device: torch.device, dtype: torch.dtype):
        row, position = pending.row, pending.position
        self.on_cpu = device.type == "cpu"
        if not self.on_cpu:
            self.row = torch.from_numpy(row).to(device)
            self.position = torch.from_numpy(position).to(device)
            return
        self.unique, starts = np.unique(row, return_index=True)
        ones = np.ones(len(row), dtype=np.float64 if dtype == torch.float64 else np.float32)
        self.matrix = sparse.csr_array(
            (ones, position, np.append(starts, len(row))),
            shape=(len(self.unique), pending.rows.shape[1]),
        )

    def add(self, sums: Tensor, columns: Tensor) -> None:
        """Add columns (n, c) of positions to sums (rows, c)."""
        if self.on_cpu:
            sums.numpy()[self.unique] += self.matrix @ columns.numpy()
        else:
            sums.index_add_(0, self.row, columns[self.position].to(sums.dtype))
