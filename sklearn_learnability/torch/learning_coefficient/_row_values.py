"""A value of every row of the data, with its error and drift, and that of all of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowValues(Result):
    """A value of every row, or token.

    Attributes
    ----------
    value, standard_error, drift : ndarray of shape (n_rows,)
        The value of each, its standard error, and that of the second half of the chains less that
        of the first.
    row, position : ndarray of shape (n_rows,)
        Number of the row, and the token's position in it, 0 where all of the row counts at once.
    total, total_error, total_drift : float
        That of all of them, weighted as they count; its standard error and drift.
    """

    value: Floats
    standard_error: Floats
    drift: Floats
    row: NDArray[np.integer]
    position: NDArray[np.integer]
    total: float
    total_error: float
    total_drift: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row a row, or token, of the data."""
        names = ("row", "position", "value", "standard_error", "drift")
        return pd.DataFrame({name: getattr(self, name) for name in names})
