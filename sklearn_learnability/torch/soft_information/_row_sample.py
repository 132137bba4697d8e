"""A uniform sample of assignments, kept in one pass, that merges into the sample of the union."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._ngrams import IGNORED, mixed
from sklearn_learnability.torch.soft_information._sequence_groups import (
    OwnProducts,
    SequenceGroups,
)
from sklearn_learnability.torch.soft_information._soft_entropy import Assignment

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def position_keys(seed: int, sequence: Ints, within: Ints) -> Ints:
    """Return pseudo-random keys of positions, which depend on nothing else."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + sequence.astype(np.uint64)
        x = mixed(x) + within.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
        return (mixed(x) >> np.uint64(1)).astype(np.int64)


class NewRows(NamedTuple):
    """Positions that enter a sample."""

    keys: Ints  # (k,)
    sequences: Ints  # (k,)
    rows: Ints  # (sets, k), rows of their labels
    own_counts: Ints  # (2, sets, k), positions of their sequence with their label, and with any
    proba: Tensor  # (L, k, m), their assignments in every layer
    own_products: Floats  # (L, 2, sets, k), products with the sums of assignments of these


class RowSample:
    """The positions of the smallest keys, with their assignments in every layer.

    Keys are random, so the sample is uniform; they are a function of the position, so the sample
    of two parts together is the smallest of both.
    """

    def __init__(self, size: int, n_layers: int, n_points: int, n_sets: int, dtype: torch.dtype):
        self.size = size
        self.proba = torch.zeros((n_layers, 0, n_points), dtype=dtype)  # (L, R, m)
        self.keys = np.zeros(0, dtype=np.int64)
        self.sequences = np.zeros(0, dtype=np.int64)
        self.rows = np.zeros((n_sets, 0), dtype=np.int64)
        self.own_counts = np.zeros((2, n_sets, 0), dtype=np.int64)
        self.own_products = np.zeros((n_layers, 2, n_sets, 0))

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

    def replace(self, stays: Ints, new: NewRows) -> None:
        """Keep the rows that stay and take new ones in."""
        n_new = len(new.keys)
        if n_new == 0:
            return
        proba = new.proba.to(self.proba.dtype)
        order = np.concatenate([stays, len(self.keys) + np.arange(n_new)])
        if len(order) > len(self.keys):
            self.proba = torch.cat([self.proba[:, torch.from_numpy(stays)], proba], dim=1)
        else:  # in the place of those that leave
            left = np.setdiff1d(np.arange(len(self.keys)), stays)
            self.proba[:, torch.from_numpy(left)] = proba
            order = np.arange(len(self.keys))
            order[left] = len(self.keys) + np.arange(n_new)

        def both(kept: NDArray[Any], entering: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([kept, entering], axis=-1)[..., order]

        self.keys = both(self.keys, new.keys)
        self.sequences = both(self.sequences, new.sequences)
        self.rows = both(self.rows, new.rows)
        self.own_counts = both(self.own_counts, new.own_counts)
        self.own_products = both(self.own_products, new.own_products)

    def in_order(self) -> "RowSample":
        """Return the same sample in the order of its keys."""
        order = np.argsort(self.keys, kind="stable")
        result = copy(self)
        result.proba = self.proba[:, torch.from_numpy(order)]
        result.keys, result.sequences = self.keys[order], self.sequences[order]
        result.rows, result.own_counts = self.rows[:, order], self.own_counts[..., order]
        result.own_products = self.own_products[..., order]
        return result

    def labelled(self, label_set: int) -> Ints:
        """Return which rows have a label of the set."""
        return np.flatnonzero(self.rows[label_set] != IGNORED)

    def state_dict(self) -> dict[str, Any]:
        """Return the contents as tensors."""
        of_rows = {
            "keys": self.keys,
            "sequences": self.sequences,
            "rows": self.rows,
            "own_counts": self.own_counts,
            "own_products": self.own_products,
        }
        return {
            "proba": self.proba.clone(),
            **{name: torch.from_numpy(values.copy()) for name, values in of_rows.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the contents over."""
        self.proba = state["proba"].clone()
        self.keys = state["keys"].numpy().copy()
        self.sequences = state["sequences"].numpy().copy()
        self.rows = state["rows"].numpy().copy()
        self.own_counts = state["own_counts"].numpy().copy()
        self.own_products = state["own_products"].numpy().copy()


class PositionSample:
    """A sample of the positions seen."""

    def __init__(self, seed: int, kept: RowSample):
        self.seed, self.kept = seed, kept

    def drawn(
        self, assigned: list[Assignment], groups: SequenceGroups, keys: Ints
    ) -> tuple[Ints, NewRows]:
        """Return which kept rows stay, and the positions of a batch that enter."""
        at = np.flatnonzero((groups.rows != IGNORED).any(axis=0))
        stays, enters = self.kept.choose(keys[at])
        chosen = at[enters]
        devices = {a.proba.device for a in assigned}
        of_device = {device: OwnProducts(groups, chosen, device) for device in devices}
        found = [of_device[a.proba.device](a.proba) for a in assigned]
        on_host = torch.stack([of_layer.to(found[0].device) for of_layer in found]).cpu()
        proba, products = on_host.split([assigned[0].proba.shape[1], 2 * len(groups.rows)], dim=2)
        new = NewRows(
            keys[chosen],
            groups.ids[chosen],
            groups.rows[:, chosen],
            next(iter(of_device.values())).counts,
            proba,
            products.mT.numpy().reshape(len(found), 2, len(groups.rows), len(chosen)),
        )
        return stays, new

    def merge(self, other: "PositionSample", row_here: Ints, shift: int) -> None:
        """Take in another, whose rows stand here at `row_here`, its sequences `shift` later."""
        kept = other.kept
        stays, enters = self.kept.choose(kept.keys)
        rows = kept.rows[:, enters]
        chosen = torch.from_numpy(enters)
        new = NewRows(
            kept.keys[enters],
            kept.sequences[enters] + shift,
            np.where(rows >= 0, np.append(row_here, 0)[rows], rows),
            kept.own_counts[..., enters],
            kept.proba[:, chosen],
            kept.own_products[..., enters],
        )
        self.kept.replace(stays, new)

    def state_dict(self) -> dict[str, Any]:
        """Return the contents as tensors."""
        return self.kept.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the contents over."""
        self.kept.load_state_dict(state)
