"""A uniform sample of assignments, kept in one pass, that merges into the sample of the union."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._batch import on_devices
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, mixed
from sklearn_learnability.torch.soft_information._soft_entropy import Assignment

Ints = NDArray[np.int64]
N_BLOCKS = 64


def position_keys(seed: int, sequence: Ints, within: Ints) -> Ints:
    """Return pseudo-random keys of positions, which depend on nothing else."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + sequence.astype(np.uint64)
        x = mixed(x) + within.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
        return (mixed(x) >> np.uint64(1)).astype(np.int64)


def blocks_of(sequence: Ints, *, given: bool) -> Ints:
    """Return the block of each sequence, by the last bits of its number.

    Ids that were given are folded first, so that multiples of a power of two differ there.
    """
    if given:
        return np.bitwise_xor.reduce([sequence >> shift for shift in range(0, 30, 6)]) % N_BLOCKS
    return sequence % N_BLOCKS


class RowSample:
    """The positions of the smallest keys, with their assignments in every layer.

    Keys are random, so the sample is uniform; they are a function of the position, so the sample
    of two parts together is the smallest of both.
    """

    def __init__(self, size: int, n_layers: int, n_points: int, n_sets: int, dtype: torch.dtype):
        self.size = size
        self.proba = torch.zeros((n_layers, 0, n_points), dtype=dtype)  # (L, R, m)
        self.keys = np.zeros(0, dtype=np.int64)
        self.blocks = np.zeros(0, dtype=np.int64)
        self.rows = np.zeros((n_sets, 0), dtype=np.int64)

    def choose(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return which kept rows stay, and which of the new ones enter."""
        if len(self.keys) == self.size:
            entering = np.flatnonzero(keys < self.keys.max())
        else:
            entering = np.arange(len(keys))
        both = np.concatenate([self.keys, keys[entering]])
        if len(both) > self.size:
            chosen = np.sort(np.argpartition(both, self.size - 1)[: self.size])
        else:
            chosen = np.arange(len(both))
        stays = chosen[chosen < len(self.keys)]
        return stays, entering[chosen[chosen >= len(self.keys)] - len(self.keys)]

    def replace(self, stays: Ints, keys: Ints, blocks: Ints, rows: Ints, proba: Tensor) -> None:
        """Keep the rows that stay and take new ones in: keys and blocks (k,), rows (sets, k).

        `proba` (L, k, m) has their assignments in every layer.
        """
        if len(keys) == 0:
            return
        new = proba.cpu().to(self.proba.dtype)
        order = np.concatenate([stays, len(self.keys) + np.arange(len(keys))])
        if len(order) > len(self.keys):
            self.proba = torch.cat([self.proba[:, torch.from_numpy(stays)], new], dim=1)
        else:  # in the place of those that leave
            left = np.setdiff1d(np.arange(len(self.keys)), stays)
            self.proba[:, torch.from_numpy(left)] = new
            order = np.arange(len(self.keys))
            order[left] = len(self.keys) + np.arange(len(keys))
        self.keys = np.concatenate([self.keys, keys])[order]
        self.blocks = np.concatenate([self.blocks, blocks])[order]
        self.rows = np.concatenate([self.rows, rows], axis=1)[:, order]

    def in_order(self) -> "RowSample":
        """Return the same sample in the order of its keys."""
        order = np.argsort(self.keys, kind="stable")
        result = object.__new__(RowSample)
        result.size = self.size
        result.proba = self.proba[:, torch.from_numpy(order)]
        result.keys, result.blocks = self.keys[order], self.blocks[order]
        result.rows = self.rows[:, order]
        return result

    def labelled(self, label_set: int) -> Ints:
        """Return which rows have a label of the set."""
        return np.flatnonzero(self.rows[label_set] != IGNORED)

    def state_dict(self) -> dict[str, Any]:
        """Return the contents as tensors."""
        return {
            "proba": self.proba.clone(),
            "keys": torch.from_numpy(self.keys.copy()),
            "blocks": torch.from_numpy(self.blocks.copy()),
            "rows": torch.from_numpy(self.rows.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the contents over."""
        self.proba = state["proba"].clone()
        self.keys = state["keys"].numpy().copy()
        self.blocks = state["blocks"].numpy().copy()
        self.rows = state["rows"].numpy().copy()


class PositionSample:
    """A sample of the positions seen, and how many were seen in each block of sequences."""

    def __init__(self, seed: int, kept: RowSample):
        self.seed, self.kept = seed, kept
        self.block_counts = np.zeros((len(kept.rows), N_BLOCKS), dtype=np.int64)

    def draw(self, assigned: list[Assignment], rows: Ints, block: Ints, keys: Ints) -> None:
        """Count the positions of a batch, of rows (sets, n), and renew the sample."""
        at = np.flatnonzero((rows != IGNORED).any(axis=0))
        stays, enters = self.kept.choose(keys[at])
        if len(enters):
            chosen = at[enters]
            there = on_devices(chosen, [a.proba for a in assigned])
            home = assigned[0].proba.device
            proba = torch.stack([a.proba[there[a.proba.device]].to(home) for a in assigned])
            self.kept.replace(stays, keys[chosen], block[chosen], rows[:, chosen], proba)
        for counts, of_set in zip(self.block_counts, rows, strict=True):
            counts += np.bincount(block[of_set != IGNORED], minlength=N_BLOCKS)

    def merge(self, other: "PositionSample", row_here: Ints, shift: int) -> None:
        """Take in another, whose rows stand here at `row_here`, its sequences `shift` later."""
        self.block_counts += np.roll(other.block_counts, shift % N_BLOCKS, axis=1)
        kept = other.kept
        stays, enters = self.kept.choose(kept.keys)
        rows = kept.rows[:, enters]
        rows = np.where(rows >= 0, np.append(row_here, 0)[rows], rows)
        blocks = (kept.blocks[enters] + shift) % N_BLOCKS
        proba = kept.proba[:, torch.from_numpy(enters)]
        self.kept.replace(stays, kept.keys[enters], blocks, rows, proba)

    def state_dict(self) -> dict[str, Any]:
        """Return the contents as tensors."""
        counts = torch.from_numpy(self.block_counts.copy())
        return {"block_counts": counts, "kept": self.kept.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the contents over."""
        self.block_counts = state["block_counts"].numpy().copy()
        self.kept.load_state_dict(state["kept"])
