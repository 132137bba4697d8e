"""Sums of the rows of a matrix, over groups of them."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

Ints = NDArray[np.int64]
NO_FLOAT64 = ("mps",)  # kinds of devices


def summing_device(device: torch.device) -> torch.device:
    """Return the device itself, or the CPU where it has no float64."""
    return torch.device("cpu") if device.type in NO_FLOAT64 else device


def sum_of_columns(
    starts: Ints, position: Ints, n_positions: int, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """Return a function from columns (n, c) to their sums (k, c) over the positions of groups.

    The columns are float64. Group i holds `position[starts[i] : starts[i + 1]]`.
    """
    kind = SumOnHost if device.type == "cpu" else SumOnDevice
    return kind(starts, position, n_positions, device)


class SumOnHost:
    """Sums of columns over the positions of each group, on the CPU."""

    def __init__(self, starts: Ints, position: Ints, n_positions: int, device: torch.device):
        ones, ends = np.ones(len(position)), np.append(starts, len(position))
        self.matrix = sparse.csr_array((ones, position, ends), shape=(len(starts), n_positions))

    def __call__(self, columns: Tensor) -> Tensor:
        """Return the sums (k, c) of columns (n, c)."""
        return torch.from_numpy(self.matrix @ columns.numpy())


class SumOnDevice:
    """Sums of columns over the positions of each group, on a graphics card."""

    def __init__(self, starts: Ints, position: Ints, n_positions: int, device: torch.device):
        sizes = np.diff(np.append(starts, len(position)))
        group = np.repeat(np.arange(len(starts)), sizes)
        self.n_groups = len(starts)
        self.group, self.position = torch.from_numpy(np.stack([group, position])).to(device)

    def __call__(self, columns: Tensor) -> Tensor:
        """Return the sums (k, c) of columns (n, c)."""
        sums = columns.new_zeros((self.n_groups, columns.shape[1]))
        return sums.index_add_(0, self.group, columns[self.position])
