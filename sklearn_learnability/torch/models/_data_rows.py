"""Rows of data by their number: tensors, data sets and data loaders alike."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)

Batch = Any  # a tensor, a tuple of tensors, or a dict of tensors


@dataclass(frozen=True)
class DataRows:
    """Data of known length, of which any rows can be had as one batch.

    Attributes
    ----------
    n : int
        Number of rows.
    take : callable
        Takes row numbers, a tensor (B,), and returns the batch of these rows.
    in_memory : bool
        Whether the rows are tensors already, so that taking all of them at once is cheap.
    batch_size : int or None
        The batch size of the data loader they came from.
    """

    n: int
    take: Callable[[Tensor], Batch]
    in_memory: bool
    batch_size: int | None = None


def data_rows(data: Any, device: Any = None, dtype: torch.dtype | None = None) -> DataRows:
    """Return the rows of data, on a device.

    Parameters
    ----------
    data : DataRows, Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Tensors of equal length, or a data set with a length. Of a data loader its data set, the
        rows that its sampler draws from and its way to collate are used, not the order of its
        batches.
    device : torch.device or str, default=None
        Where the batches go.
    dtype : torch.dtype, default=None
        The type of floats that come from NumPy, whose default is another than that of torch. The
        last of a tuple, the targets, are at least float32.

    Raises
    ------
    TypeError
        If the data is of unknown length or kind, or its rows make no tensors.
    ValueError
        If it is empty, its tensors are of different lengths, or a data loader draws its rows
        unevenly.
    """
    if isinstance(data, DataRows):
        return data
    if isinstance(data, DataLoader):
        return _loader_rows(data, device, dtype)
    if isinstance(data, TensorDataset):
        data = data.tensors
    if isinstance(data, Tensor | np.ndarray):
        tensor = as_tensor(data, device, dtype)
        return DataRows(_length([tensor]), lambda rows: tensor[rows], True)
    if isinstance(data, Mapping):
        table = {name: as_tensor(value, device, dtype) for name, value in data.items()}
        return DataRows(
            _length(list(table.values())),
            lambda rows: {name: value[rows] for name, value in table.items()},
            True,
        )
    if isinstance(data, tuple | list) and all(isinstance(x, Tensor | np.ndarray) for x in data):
        types = [dtype] * len(data)
        if dtype is not None and len(data) > 1:
            types[-1] = torch.promote_types(dtype, torch.float32)
        tensors = tuple(as_tensor(x, device, t) for x, t in zip(data, types, strict=True))
        return DataRows(_length(list(tensors)), lambda rows: tuple(x[rows] for x in tensors), True)
    sized = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if isinstance(data, IterableDataset) or not sized:
        raise TypeError(
            "Expected data of known length (tensors, a Dataset with a length, or a DataLoader of "
            f"one), got {type(data).__name__}. Pass the rows to use as tensors."
        )
    return DataRows(_positive(len(data)), _taker(data, default_collate, device), False)


def some_rows(rows: DataRows, chosen: Tensor) -> DataRows:
    """Return the data of some rows."""
    return DataRows(len(chosen), lambda of: rows.take(chosen[of]), rows.in_memory, rows.batch_size)


def n_rows(batch: Batch) -> int:
    """Return the number of rows of a batch."""
    return len(next(iter(tensors_of(batch))))


def move(batch: Batch, device: Any) -> Batch:
    """Return a batch on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {name: move(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(move(value, device) for value in batch)
    return batch


def map_floats(batch: Batch, cast: Callable[[Tensor], Tensor]) -> Batch:
    """Return a batch with its floating tensors cast."""
    if isinstance(batch, Tensor):
        return cast(batch) if batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {name: map_floats(value, cast) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(map_floats(value, cast) for value in batch)
    return batch


def tensors_of(batch: Batch) -> list[Tensor]:
    """Return the tensors of a batch."""
    if isinstance(batch, Tensor):
        return [batch]
    parts = batch.values() if isinstance(batch, Mapping) else batch
    return [t for part in parts for t in tensors_of(part)] if isinstance(parts, Iterable) else []


def _loader_rows(loader: DataLoader, device: Any, dtype: torch.dtype | None) -> DataRows:
    """Return the rows that a data loader draws from, each as likely as the others."""
    rows = data_rows(loader.dataset, device, dtype)
    take = rows.take
    if loader.collate_fn is not default_collate:
        take = _taker(loader.dataset, loader.collate_fn, device)
    in_memory = take is rows.take and rows.in_memory
    batches: Any = loader.batch_sampler
    own_batches = type(batches) is BatchSampler
    sampler = batches.sampler if own_batches else batches  # also of batches that were given
    known = isinstance(sampler, SequentialSampler | RandomSampler | SubsetRandomSampler)
    if not known or getattr(sampler, "replacement", False):
        odd = "batch_size=None" if sampler is None else type(sampler).__name__
        raise ValueError(
            "Expected a DataLoader that draws every row as often as the others, in batches of its "
            f"own, got one with {odd}. Pass the data set, or a Subset of it."
        )
    subset = isinstance(sampler, SubsetRandomSampler)
    drawn = sampler.indices if subset else range(len(sampler.data_source))  # as given to it
    if not subset and len(drawn) == rows.n:
        return DataRows(rows.n, take, in_memory, batches.batch_size)
    chosen = torch.as_tensor(drawn, dtype=torch.long)
    outside = chosen[(chosen < -rows.n) | (chosen >= rows.n)]
    if len(outside):
        raise ValueError(
            f"Expected a sampler of rows below {rows.n}, the length of the data set, got "
            f"{int(outside[0])}."
        )
    return DataRows(
        _positive(len(chosen)), lambda of: take(chosen[of]), in_memory, batches.batch_size
    )


def as_tensor(values: Any, device: Any = None, dtype: torch.dtype | None = None) -> Tensor:
    """Return values as a tensor on a device, floats of NumPy in a type."""
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"Expected tensors or arrays of numbers, got {type(values).__name__} ({error}). Pad "
            "sequences of unequal length."
        ) from error
    foreign = not isinstance(values, Tensor) and tensor.is_floating_point()
    return tensor.to(device, dtype if foreign and dtype is not None else tensor.dtype)


def _taker(dataset: Any, collate: Callable[[list[Any]], Batch], device: Any) -> Callable:
    def take(rows: Tensor) -> Batch:
        chosen = [dataset[int(row)] for row in rows]
        try:
            return move(collate(chosen), device)
        except (TypeError, ValueError, RuntimeError) as error:
            if collate is not default_collate:
                raise
            raise TypeError(
                f"Expected rows that make one batch of tensors, got {type(chosen[0]).__name__} in "
                f"{type(dataset).__name__} ({error}). Give tensors or arrays, or a DataLoader with "
                "a collate_fn of its own."
            ) from error

    return take


def _length(tensors: list[Tensor]) -> int:
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"Expected tensors of equal length, got lengths {lengths}.")
    return _positive(lengths[0])


def _positive(n: int) -> int:
    if n < 1:
        raise ValueError("Expected at least one row of data, got none.")
    return n
