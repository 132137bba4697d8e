"""What candidates know of a table before they see it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from sklearn_learnability._tables import number_rows

#: Categories kept apart by one-hot encoding; rarer ones share a column.
MOST_ONE_HOT_CATEGORIES = 30

#: A table of at least this many rows for each distinct one is a table of cells.
ROWS_A_CELL = 5

Columns = Sequence[str] | Sequence[int]


@dataclass(frozen=True)
class Table:
    """What candidates know of a table before they see it.

    Attributes
    ----------
    numeric, few, many : sequence of column names or positions
        The numeric columns, which may have missing values, and the categorical ones with few and
        with many categories.
    n_rows, n_classes : int
        Its rows, and the classes of their labels.
    is_cells : bool
        Whether few of its rows differ.
    """

    numeric: Columns
    few: Columns
    many: Columns
    n_rows: int
    n_classes: int
    is_cells: bool

    @classmethod
    def of(cls, table: np.ndarray | pd.DataFrame, n_classes: int) -> Self:
        """Return what is known of a clean table."""
        n_rows = table.shape[0]
        is_cells = ROWS_A_CELL * (number_rows(table).max() + 1) <= n_rows
        if isinstance(table, np.ndarray):
            return cls(range(table.shape[1]), [], [], n_rows, n_classes, is_cells)
        numeric = [name for name in table.columns if is_numeric_dtype(table[name].dtype)]
        categorical = [name for name in table.columns if name not in numeric]
        few = [name for name in categorical if table[name].nunique() <= MOST_ONE_HOT_CATEGORIES]
        many = [name for name in categorical if name not in few]
        return cls(numeric, few, many, n_rows, n_classes, is_cells)

    @property
    def numbers(self) -> Self:
        """Return the table of the numeric columns alone."""
        return replace(self, few=[], many=[])

    @property
    def positions_of_categories(self) -> range:
        """Return where the categorical columns stand once the numeric ones come first."""
        first = len(self.numeric)
        return range(first, first + self.n_categorical)

    @property
    def n_categorical(self) -> int:
        """Number of categorical columns."""
        return len(self.few) + len(self.many)
