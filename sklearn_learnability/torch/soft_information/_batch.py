"""A batch of hidden states: its shape, its sequences, and what cannot be assigned."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import NotFiniteError, ZeroVectorWarning
from sklearn_learnability.torch.soft_information._ngrams import as_array
from sklearn_learnability.torch.soft_information._soft_entropy import (
    in_range,
    out_of_range,
    vector_lengths,
    working_dtype,
)

Ints = NDArray[np.int64]


def check_hidden(hidden: Any, n_layers: int, dim: int) -> tuple[list[Tensor], tuple[int, ...]]:
    """Return layers as (n, d) and their leading shape."""
    if isinstance(hidden, Sequence) and not isinstance(hidden, str):
        layers = [torch.as_tensor(z).detach() for z in hidden]
    else:
        tensor = torch.as_tensor(hidden).detach()
        layers = [tensor] if n_layers == 1 else list(tensor)
    if len(layers) != n_layers:
        raise ValueError(f"Expected hidden states of {n_layers} layer(s), got {len(layers)}.")
    shape = tuple(layers[0].shape)
    for index, z in enumerate(layers):
        if z.ndim < 2 or z.shape[-1] != dim or tuple(z.shape) != shape:
            raise ValueError(
                f"Expected hidden states of shape (..., {dim}), alike in all layers, "
                f"got {tuple(z.shape)} in layer {index}."
            )
        working_dtype(z.dtype)
    return [z.reshape(-1, dim) for z in layers], shape[:-1]


def finite_lengths(
    layers: list[Tensor], used: NDArray[np.bool_], shape: tuple[int, ...]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return vectors of each layer and their lengths, refusing NaN and infinity where counted.

    Vectors so long or short that their squares over- or underflow are scaled.
    """
    counted = on_devices(used, layers)
    norms = [vector_lengths(z) for z in layers]
    far = [(out_of_range(norm) & counted[norm.device]).any().to(norms[0].device) for norm in norms]
    if not torch.stack(far).any():  # the host waits for the device here, once for all layers
        return layers, norms
    layers, norms = map(list, zip(*map(in_range, layers, norms), strict=True))
    wrong = [~torch.isfinite(norm) & counted[norm.device] for norm in norms]
    zero = [(norm == 0) & counted[norm.device] for norm in norms]
    found = torch.stack([mask.sum().to(norms[0].device) for mask in (*wrong, *zero)])
    n_found = found.cpu().numpy()
    for index, n_wrong in enumerate(n_found[: len(layers)]):
        if n_wrong:
            raise NotFiniteError(
                f"Expected finite hidden states, got NaN or infinity in layer {index} at position "
                f"{first_position(wrong[index], shape)} ({n_wrong} position(s) of the batch)."
            )
    for index, n_zero in enumerate(n_found[len(layers) :]):
        if n_zero:
            warn(
                f"Layer {index} has {n_zero} zero vector(s), the first at position "
                f"{first_position(zero[index], shape)}: assigned equally to all points.",
                ZeroVectorWarning,
            )
    return layers, norms


def on_devices(values: NDArray, layers: list[Tensor]) -> dict[torch.device, Tensor]:
    """Return an array on each device that has a layer, copied to it once."""
    return {device: torch.from_numpy(values).to(device) for device in {z.device for z in layers}}


def first_position(found: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of the first true entry, in the leading shape."""
    return tuple(int(i) for i in np.unravel_index(int(found.nonzero()[0]), shape))


def positions(
    valid: NDArray[np.bool_], sequences: ArrayLike | None, first: int
) -> tuple[Ints, Ints]:
    """Return the id of the sequence of each position, and how many valid ones precede it there."""
    n = len(valid)
    if sequences is None:
        ids = np.arange(first, first + n)
    else:
        ids = as_array(sequences)
        if ids.shape != (n,) or ids.dtype.kind not in "iu":
            raise ValueError(
                f"Expected sequences to be {n} integers, got shape {ids.shape} of {ids.dtype}."
            )
        ids = ids.astype(np.int64)
    ids = np.repeat(ids, math.prod(valid.shape[1:]))
    order = np.argsort(ids, kind="stable")  # rows of one sequence may stand anywhere
    before: Ints = np.cumsum(valid.ravel()[order]) - valid.ravel()[order]
    within = np.empty(len(ids), dtype=np.int64)
    within[order] = before - before[np.searchsorted(ids[order], ids[order])]
    return ids, within
