"""Which positions of a batch are of one sequence and of one label."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._label_rows import PendingRows
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, ONCE
from sklearn_learnability.torch.soft_information._sums_of_columns import (
    sum_of_columns,
    summing_device,
)

Ints = NDArray[np.int64]


class SequenceGroups:
    """Groups of the positions of one sequence that have one label, or any label of one set.

    Sets that label the same positions share their groups. Sequences stand whole in a batch, so
    that the sums of its groups are those of all the data.

    Parameters
    ----------
    pending : PendingRows
        Rows of the labels of the batch.
    ids : ndarray of int64 of shape (n,)
        Sequence of each position.
    n_rows : int
        Number of rows of labels, new ones included. A group's kind is its row, or `n_rows` and on
        for what a set labels.
    """

    def __init__(self, pending: PendingRows, ids: Ints, n_rows: int) -> None:
        self.rows, self.n_rows, self.ids = pending.rows, n_rows, ids
        masks, of_set = np.unique(pending.rows != IGNORED, axis=0, return_inverse=True)
        self.kind_of_set = n_rows + of_set.ravel()
        mask, at = np.nonzero(masks)
        sequences, self.sequence = np.unique(ids, return_inverse=True)
        self.n_sequences = len(sequences)
        kind = np.concatenate([pending.row, n_rows + mask])
        position = np.concatenate([pending.position, at])
        keys = self.key(kind, position)
        order = np.argsort(keys, kind="stable")
        self.keys, self.starts, self.sizes = np.unique(
            keys[order], return_index=True, return_counts=True
        )
        self.position = position[order]
        self.kind = self.keys // self.n_sequences

    def key(self, kind: Ints, position: Ints) -> Ints:
        """Return the number of the group of each kind and position."""
        return kind * self.n_sequences + self.sequence[position]

    def counts(self) -> tuple[Ints, Ints, Ints]:
        """Return sums of squared sizes by row and by set, and the sequences of each set."""
        squares = np.zeros(self.kind_of_set.max() + 1, dtype=np.int64)
        np.add.at(squares, self.kind, self.sizes**2)
        groups = np.bincount(self.kind, minlength=len(squares))
        return squares[: self.n_rows], squares[self.kind_of_set], groups[self.kind_of_set]

    def products(self, device: torch.device) -> "GroupProducts":
        """Return what sums the products of different positions of one group."""
        return GroupProducts(self, device)

    def of_positions(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Return groups (2, sets, k) of positions, by label and by set, and their sizes.

        Positions without a label, and those of labels that occur once, are in no group (-1); of
        the latter the size is 1.
        """
        rows = self.rows[:, chosen]
        kinds = np.stack([rows, np.broadcast_to(self.kind_of_set[:, None], rows.shape)])
        none = (rows == IGNORED) | (kinds == ONCE)
        found = np.searchsorted(self.keys, self.key(kinds, chosen))
        groups = np.where(none, -1, found)
        sizes = np.where(none, rows == ONCE, self.sizes[np.where(none, 0, found)])
        return groups, sizes

    def columns_of(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Return the positions of chosen groups in one row, and where each group starts."""
        sizes = self.sizes[chosen]
        ends = np.cumsum(sizes)
        within = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)
        return ends - sizes, self.position[np.repeat(self.starts[chosen], sizes) + within]


class GroupProducts:
    """Products of different positions of one group, summed by kind of group."""

    def __init__(self, groups: SequenceGroups, device: torch.device) -> None:
        several = np.flatnonzero(groups.sizes > 1)
        self.sum_of = sum_of_columns(*groups.columns_of(several), len(groups.ids), device)
        self.kinds, code = np.unique(groups.kind[several], return_inverse=True)
        self.code = torch.from_numpy(code).to(device)

    def __call__(self, columns: Tensor) -> Tensor:
        """Return sums by kind, of assignments with their squared lengths in the last column."""
        sums = self.sum_of(columns)
        products = (sums[:, :-1] ** 2).sum(dim=1) - sums[:, -1]
        return products.new_zeros(len(self.kinds)).index_add_(0, self.code, products)


class OwnProducts:
    """Chosen positions, with their inner products with the sums of their groups."""

    def __init__(self, groups: SequenceGroups, chosen: Ints, device: torch.device) -> None:
        self.device = summing_device(device)
        of_positions, self.counts = groups.of_positions(chosen)
        needed = np.unique(of_positions[of_positions >= 0])
        needed = needed[groups.sizes[needed] > 1]
        place = np.full(of_positions.shape, -1)
        if len(needed):
            found = np.searchsorted(needed, of_positions).clip(max=len(needed) - 1)
            place = np.where(needed[found] == of_positions, found, -1)
        self.any_several = len(needed) > 0
        self.sum_of = sum_of_columns(*groups.columns_of(needed), len(groups.ids), self.device)
        packed = np.concatenate([chosen[None], np.concatenate(place)])
        self.chosen, *self.places = torch.from_numpy(packed).to(self.device)

    def __call__(self, proba: Tensor) -> Tensor:
        """Return chosen rows of assignments (n, m), then products by label and by set, (k, c)."""
        proba = proba.to(self.device).double()
        own = proba[self.chosen]
        alone = (own * own).sum(dim=1)
        products = [alone for _ in self.places]
        if self.any_several:
            sums = self.sum_of(proba)
            of_groups = [(own * sums[place.clamp_min(0)]).sum(dim=1) for place in self.places]
            both = zip(self.places, of_groups, strict=True)
            products = [torch.where(place < 0, alone, of_group) for place, of_group in both]
        return torch.cat([own, torch.stack(products, dim=1)], dim=1)
