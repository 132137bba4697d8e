"""Rows of data by their number: tensors, data sets and data loaders alike."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

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


def data_rows(data: Any, device: Any = None) -> DataRows:
    """Return the rows of data, on a device.

    Parameters
    ----------
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Tensors of equal length, or a data set with a length. Of a data loader its data set and
        its way to collate are used, not the order of its batches.
    device : torch.device or str, default=None
        Where the batches go.

    Raises
    ------
    TypeError
        If the data is of unknown length or kind.
    ValueError
        If it is empty, or its tensors are of different lengths.
    """
    if isinstance(data, DataLoader):
        rows = data_rows(data.dataset, device)
        take = rows.take
        if data.collate_fn is not default_collate:
            take = _taker(data.dataset, data.collate_fn, device)
        return DataRows(rows.n, take, take is rows.take and rows.in_memory, data.batch_size)
    if isinstance(data, TensorDataset):
        data = data.tensors
    if isinstance(data, Tensor | np.ndarray):
        tensor = torch.as_tensor(data).to(device)
        return DataRows(_length([tensor]), lambda rows: tensor[rows], True)
    if isinstance(data, Mapping):
        table = {name: torch.as_tensor(value).to(device) for name, value in data.items()}
        return DataRows(
            _length(list(table.values())),
            lambda rows: {name: value[rows] for name, value in table.items()},
            True,
        )
    if isinstance(data, tuple | list) and all(isinstance(x, Tensor | np.ndarray) for x in data):
        tensors = tuple(torch.as_tensor(x).to(device) for x in data)
        return DataRows(_length(list(tensors)), lambda rows: tuple(x[rows] for x in tensors), True)
    sized = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if isinstance(data, IterableDataset) or not sized:
        raise TypeError(
            "Expected data of known length (tensors, a Dataset with a length, or a DataLoader of "
            f"one), got {type(data).__name__}. Pass the rows to use as tensors."
        )
    return DataRows(_positive(len(data)), _taker(data, default_collate, device), False)


def move(batch: Batch, device: Any) -> Batch:
    """Return a batch on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {name: move(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(move(value, device) for value in batch)
    return batch


def tensors_of(batch: Batch) -> list[Tensor]:
    """Return the tensors of a batch."""
    if isinstance(batch, Tensor):
        return [batch]
    parts = batch.values() if isinstance(batch, Mapping) else batch
    return [t for part in parts for t in tensors_of(part)] if isinstance(parts, Iterable) else []


def _taker(dataset: Any, collate: Callable[[list[Any]], Batch], device: Any) -> Callable:
    return lambda rows: move(collate([dataset[int(row)] for row in rows]), device)


def _length(tensors: list[Tensor]) -> int:
    lengths = [len(tensor) for tensor in tensors]
    if len(set(lengths)) != 1:
        raise ValueError(f"Expected tensors of equal length, got lengths {lengths}.")
    return _positive(lengths[0])


def _positive(n: int) -> int:
    if n < 1:
        raise ValueError("Expected at least one row of data, got none.")
    return n
