"""Means and covariances over the draws of chains, with standard errors and drifts.

All take draws (n_chains, n_draws, ...), of chains that count. A standard error is the larger of
two: from the spread of the chains' values, and from that of blocks of time, which is right where
chains are autocorrelated or share their batches. The drift is the value of the second half of all
chains less that of the first.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_BLOCKS = 10  # of time; even, for halves
COLUMNS_AT_ONCE = 512


class Moment(NamedTuple):
    """A mean over draws, its standard error, and its drift; NaN where there are too few draws."""

    value: Floats
    standard_error: Floats
    drift: Floats


def mean_over_draws(draws: NDArray[np.floating]) -> Moment:
    """Return the mean of draws (n_chains, n_draws, ...) for each of what follows."""
    columns = draws.reshape(*draws.shape[:2], -1)
    parts = []
    for start in range(0, columns.shape[2], COLUMNS_AT_ONCE):
        part = np.asarray(columns[:, :, start : start + COLUMNS_AT_ONCE], dtype=np.float64)
        chains = part.mean(axis=1)
        blocks = [part[:, block].mean(axis=(0, 1)) for block in blocks_of(part.shape[1])]
        parts.append(moment_of(list(chains), blocks))
    return Moment(*(np.concatenate(of).reshape(draws.shape[2:]) for of in zip(*parts, strict=True)))


def covariance_over_draws(x: NDArray[np.floating], y: NDArray[np.floating]) -> Moment:
    """Return the covariances (n_x, n_y) of draws (n_chains, n_draws, n_x) and (..., n_y)."""
    shape = (x.shape[2], y.shape[2])
    found = Moment(*(np.empty(shape) for _ in range(3)))
    for columns in columns_of(shape[1]):
        of_y = centred(y[:, :, columns])
        for rows in columns_of(shape[0]):
            of_x = centred(x[:, :, rows])
            chains = (products(a, b) for a, b in zip(of_x, of_y, strict=True))
            blocks = [products(of_x[:, b], of_y[:, b]) for b in blocks_of(x.shape[1])]
            for whole, part in zip(found, moment_of(list(chains), blocks), strict=True):
                whole[rows, columns] = part
    return found


def moment_of(chains: list[Floats], blocks: list[Floats]) -> Moment:
    """Return the moment of what every chain says, and every block of time over all chains."""
    value = np.mean(chains, axis=0)
    unknown = np.full_like(value, np.nan)
    between = np.std(chains, axis=0, ddof=1) / np.sqrt(len(chains)) if len(chains) > 1 else unknown
    if len(blocks) < N_BLOCKS:
        return Moment(value, between, unknown)
    within = np.std(blocks, axis=0, ddof=1) / np.sqrt(len(blocks))
    half = len(blocks) // 2
    drift = np.mean(blocks[half:], axis=0) - np.mean(blocks[:half], axis=0)
    return Moment(value, np.fmax(between, within), drift)


def blocks_of(n_draws: int) -> list[slice]:
    """Return blocks of time of nearly equal length; none for chains too short to have them."""
    if n_draws < 2 * N_BLOCKS:
        return []
    edges = np.linspace(0, n_draws, N_BLOCKS + 1).round().astype(int)
    return [slice(start, stop) for start, stop in pairwise(edges)]


def columns_of(n: int) -> Iterator[slice]:
    """Yield the columns to be held in memory at once."""
    for start in range(0, n, COLUMNS_AT_ONCE):
        yield slice(start, min(start + COLUMNS_AT_ONCE, n))


def centred(draws: NDArray[np.floating]) -> Floats:
    """Return draws less their mean over all chains, in float64."""
    held = np.asarray(draws, dtype=np.float64)
    return held - held.mean(axis=(0, 1))


def products(x: Floats, y: Floats) -> Floats:
    """Return the mean products (n_x, n_y) of draws (..., n_x) and (..., n_y)."""
    flat_x, flat_y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    return flat_x.T @ flat_y / len(flat_x)
