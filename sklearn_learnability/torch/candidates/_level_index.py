"""Levels of categories, numbered over all columns: the rows of one table of embeddings."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Codes of levels lie between these; float32 holds them exactly.
LARGEST_CODE = 2**23


class LevelIndex(nn.Module):
    """Numbers of levels; those of a column that are rare or were not seen share one.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_columns)
        Whole numbers that stand for the levels of the training rows.
    fewest_rows : int
        Rows that a level needs for a number of its own.
    """

    def __init__(self, codes: NDArray[np.float32], fewest_rows: int) -> None:
        super().__init__()
        self.n_columns = codes.shape[1]
        keys = [np.array([np.inf])]  # what is looked up beyond the last level
        for column in reversed(range(self.n_columns)):
            levels, counts = np.unique(codes[:, column].astype(np.float64), return_counts=True)
            keys.insert(0, levels[counts >= fewest_rows] + 4 * LARGEST_CODE * column)
        self.keys: Tensor
        self.register_buffer("keys", torch.from_numpy(np.concatenate(keys)))

    @property
    def n_levels(self) -> int:
        """Number of levels, those that are shared included."""
        return len(self.keys) - 1 + self.n_columns

    @property
    def shared(self) -> Tensor:
        """Numbers (C,) of the levels that are shared."""
        return len(self.keys) - 1 + torch.arange(self.n_columns)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the numbers (B, C) of codes (B, C)."""
        bounded = codes.double().clamp(-LARGEST_CODE, LARGEST_CODE)
        keys = bounded + 4 * LARGEST_CODE * torch.arange(self.n_columns)
        number = torch.searchsorted(self.keys, keys)
        return torch.where(self.keys[number] == keys, number, self.shared)
