"""Sums of soft assignments by layer and permuted label, and the information of these labels."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_learnability.torch.soft_information._ngrams import IGNORED
from sklearn_learnability.torch.soft_information._permuted_labels import PermutedLabels
from sklearn_learnability.torch.soft_information._soft_entropy import Assignment, entropy_of
from sklearn_learnability.torch.soft_information._sums_of_columns import (
    sum_of_columns,
    summing_device,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PermutedSums:
    """What the plug-in information of permuted labels needs, and nothing for brackets or intervals.

    For each layer, permutation and label with several positions m + 1 numbers of float64. They live
    on the device of the last batch, or on the CPU where that has no float64.
    """

    def __init__(self, labels: PermutedLabels, n_layers: int, n_points: int) -> None:
        self.labels = labels
        # the last column: sums of H(p), of use in the rows of labels with one position
        self.sums = torch.zeros((n_layers, labels.n_rows, n_points + 1), dtype=torch.float64)

    def add(self, assigned: list[Assignment], places: Ints) -> None:
        """Add the assignments of all layers at positions of places, -1 for none."""
        if not self.labels.n_permutations:
            return
        places = places.ravel()
        device = summing_device(assigned[0].proba.device)
        self.sums = self.sums.to(device)
        at = np.flatnonzero(places != IGNORED)
        at = at[np.argsort(places[at], kind="stable")]
        here, starts = np.unique(places[at], return_index=True)
        by_place = sum_of_columns(starts, at, len(places), device)
        rows = self.labels.rows_of(here)
        order = np.argsort(rows, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1).ravel()
        starts = np.flatnonzero(np.diff(rows, prepend=-1))  # no two permutations have a row alike
        by_row = sum_of_columns(starts, order.ravel(), len(here), device)
        rows_here = torch.from_numpy(rows[starts]).to(device)
        for layer, (proba, entropy) in enumerate(assigned):
            columns = torch.cat([proba, entropy[:, None]], dim=1).to(device, torch.float64)
            self.sums[layer].index_add_(0, rows_here, by_row(by_place(columns)))

    def information(self) -> Floats:
        """Return the plug-in information (n_layers, n_permutations), in units of ln m nats."""
        return np.stack([self._of_layer(layer) for layer in range(len(self.sums))])

    def _of_layer(self, layer: int, chunk: int = 1024) -> Floats:
        """Return the information of the labels of each permutation in one layer."""
        device, n_repeated = self.sums.device, len(self.labels.counts)
        counts = torch.from_numpy(self.labels.counts).to(device)
        permutation = torch.from_numpy(self.labels.permutation).to(device)
        proba, entropy = self.sums[layer, :, :-1], self.sums[layer, :, -1]
        within = entropy[n_repeated:].clone()  # of each permutation, n H(Z | X)
        for start in range(0, n_repeated, chunk):
            part = slice(start, min(start + chunk, n_repeated))
            by_label = counts[part] * entropy_of(proba[part] / counts[part, None])
            within.index_add_(0, permutation[part], by_label)
        mean = proba.sum(dim=0) / (self.labels.n_positions * self.labels.n_permutations)
        information = entropy_of(mean) - within / self.labels.n_positions
        return (information / math.log(len(mean))).cpu().numpy()
