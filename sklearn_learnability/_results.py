"""Results that can be compared, and shown in notebooks."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS_SHOWN = 12


class Result:
    """Equal to another result of its class if all fields hold the same; cannot be hashed.

    NaN is the same as NaN. Arrays, tensors and tables are the same if their shapes and all their
    values are. For dataclasses with ``eq=False``, whose own comparison raises where a field holds
    an array.
    """

    __hash__ = None  # type: ignore[assignment]  # as of lists: arrays have no hash

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        this: Any = self
        names = [field.name for field in fields(this) if field.compare]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    def _repr_html_(self) -> str:
        """Return the name of the class and the first rows of its table, for notebooks."""
        this: Any = self
        shown = this.to_frame() if hasattr(this, "to_frame") else pd.Series(vars(this)).to_frame()
        table = shown.to_html(
            max_rows=MOST_ROWS_SHOWN, index=False, border=0, float_format="{:.4g}".format
        )
        return f"<div><p><strong>{type(self).__name__}</strong></p>{table}</div>"


def same(one: Any, other: Any) -> bool:
    """Return whether two values of a field are the same, whatever holds them."""
    if one is other:
        return True
    if isinstance(one, pd.DataFrame):
        return isinstance(other, pd.DataFrame) and one.equals(other)
    if hasattr(one, "nnz"):  # sparse
        return type(one) is type(other) and one.shape == other.shape and (one != other).nnz == 0
    if isinstance(one, np.ndarray) or hasattr(one, "detach"):
        if type(one) is not type(other) or one.shape != other.shape:
            return False
        return bool(((one == other) | ((one != one) & (other != other))).all())
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and not isinstance(one, str | bytes):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same(*pair) for pair in zip(one, other, strict=True))
        )
    if isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return bool(one == other)


def table_of_named(column: str, names: Sequence[Any], results: Sequence[Any]) -> pd.DataFrame:
    """Return the tables of results below each other, the name of each in the first column."""
    tables = [result.to_frame() for result in results]
    for name, table in zip(names, tables, strict=True):
        table.insert(0, column, name)
    return pd.concat(tables, ignore_index=True)
