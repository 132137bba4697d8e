"""PurgedKFold: test blocks of neighbouring rows, with a gap to the training rows on both sides."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_numeric_dtype, is_string_dtype
from sklearn.model_selection import BaseCrossValidator

from sklearn_learnability._validation import Integers, check_count, check_number, is_finite_number


class PurgedKFold(BaseCrossValidator):
    r"""Blocks of neighbouring rows, predicted from what lies before and after them, less a gap.

    .. math:: \text{train}_k = \{i : t_i < \min t_{B_k} - p\} \cup
                               \{i : t_i > \max t_{B_k} + p + e\}

    with the purge p, the embargo e and t the row's number, or its time. The blocks have as many
    rows as each other, or one more. Rows just outside of a block resemble those inside: the gap
    should be as long as they do. Where rows are dense in time this is how well a gap in the records
    could be filled; how well the future is predicted, where the law drifts, is
    :class:`~sklearn.model_selection.TimeSeriesSplit`'s to say.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds. Blocks of rows, in their order.
    purge : int, float, timedelta or str, default=0
        Gap on both sides of a block. A number of rows or, where `time` is given, a span of it.
    embargo : int, float, timedelta or str, default=0
        What the gap after a block is longer than that before it.
    time : array-like of shape (n_samples,), default=None
        Numbers or dates in rising order, one a row. Dates may be texts such as "2013-01-31". Rows
        of equal time never stand on both sides.

    Raises
    ------
    ValueError
        When rows are split and there are fewer than folds, `time` is not in rising order or has no
        value for some row, a gap is negative, or nothing is left to train on.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Trains on earlier rows alone, with a gap too.

    References
    ----------
    M. López de Prado. Advances in Financial Machine Learning, chapter 7. Wiley, 2018.
    J. Racine. Consistent cross-validatory model-selection for dependent data: hv-block
    cross-validation. Journal of Econometrics, 2000. https://doi.org/10.1016/S0304-4076(00)00030-0

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability import PurgedKFold
    >>> for train, test in PurgedKFold(3, purge=1).split(np.zeros((9, 1))):
    ...     print(train, test)
    [4 5 6 7 8] [0 1 2]
    [0 1 7 8] [3 4 5]
    [0 1 2 3 4] [6 7 8]
    """

    def __init__(
        self, n_splits: int = 5, *, purge: Any = 0, embargo: Any = 0, time: ArrayLike | None = None
    ) -> None:
        self.n_splits = n_splits
        self.purge = purge
        self.embargo = embargo
        self.time = time

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, optional
            Ignored. They exist for compatibility.

        Returns
        -------
        int
            The number of folds.
        """
        return check_count("n_splits", self.n_splits, 2)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[Integers, Integers]]:
        """Generate the positions of the rows to train on and to test.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Rows in the order of time.
        y, groups : object, optional
            Ignored. They exist for compatibility.

        Yields
        ------
        train, test : ndarray
            Positions of the rows to train on, and of the block.
        """
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        n_splits = check_count("n_splits", self.n_splits, 2)
        if n_samples < n_splits:
            raise ValueError(f"Expected {n_splits} rows or more, one a fold, got {n_samples}.")
        time = times_of_rows(self.time, n_samples)
        before = as_gap("purge", self.purge, time)
        after = sum_of_gaps(before, as_gap("embargo", self.embargo, time))
        for test in np.array_split(np.arange(n_samples), n_splits):
            earlier, later = time[: test[0]], time[test[-1] + 1 :]
            n_before = np.count_nonzero(time[test[0]] - earlier > before)
            n_after = np.count_nonzero(later - time[test[-1]] > after)
            train = np.r_[:n_before, n_samples - n_after : n_samples]
            if not len(train):
                raise ValueError(
                    f"Expected gaps that leave rows to train on, got purge={self.purge!r} and "
                    f"embargo={self.embargo!r} beside rows {test[0]} to {test[-1]} of {n_samples}."
                )
            yield train, test


def times_of_rows(time: Any, n_samples: int) -> Any:
    """Return an index of the rows: their numbers, where no times are given, numbers or dates.

    Whole numbers stay whole: a float would take some that differ for equal. Texts are read as
    ISO 8601 has them, since 01/02/2013 is a day here and another one there.
    """
    if time is None:
        return pd.RangeIndex(n_samples)
    if np.shape(time) != (n_samples,):
        raise ValueError(f"Expected time of shape ({n_samples},), got {np.shape(time)}.")
    index: Any = pd.Index(time)
    if isinstance(index, pd.CategoricalIndex):
        index = index.astype(index.categories.dtype)
    index = index.infer_objects()
    if not index.hasnans:
        index = as_numbers_or_dates(index)
    if index.hasnans or not index.is_monotonic_increasing:
        what = f"{index.isna().sum()} without a value" if index.hasnans else "an earlier one later"
        raise ValueError(f"Expected a time of every row, in rising order, got {what}.")
    return index


def as_numbers_or_dates(index: Any) -> Any:
    """Return an index of 64-bit numbers, infinite ones as gaps, or of dates."""
    kind = getattr(index.dtype, "kind", "O")
    if kind == "c":
        raise ValueError(f"Expected time as numbers that have an order, got {index.dtype}.")
    if is_numeric_dtype(index.dtype):
        numbers = index.to_numpy({"i": np.int64, "u": np.uint64}.get(kind, np.float64))
        return pd.Index(numbers).where(np.isfinite(numbers))
    is_text = index.dtype == object or is_string_dtype(index.dtype)
    try:
        return pd.to_datetime(index, format="ISO8601") if is_text else pd.DatetimeIndex(index)
    except (TypeError, ValueError) as error:
        reason = str(error).partition(".")[0]
        raise ValueError(
            "Expected time as numbers or dates, those in text as 2013-01-31, "
            f"got {index.dtype}: {reason}."
        ) from None


def as_gap(name: str, value: Any, time: Any) -> Any:
    """Return a gap in the unit of the times: rows, numbers or spans of time."""
    if isinstance(time, pd.RangeIndex):
        return check_count(name, value, 0)
    if not isinstance(time, pd.DatetimeIndex):
        return check_number(name, value, 0, np.inf)
    is_number = not isinstance(value, np.timedelta64) and is_finite_number(value)
    gap: Any = pd.NaT
    if not is_number or value == 0:
        with suppress(TypeError, ValueError):
            gap = pd.Timedelta(value)
    if not gap >= pd.Timedelta(0):
        raise ValueError(f"Expected {name} as a span of time such as '2D', got {value!r}.")
    return gap


def sum_of_gaps(before: Any, embargo: Any) -> Any:
    """Return the gap after a block; one too long for a span of time is the longest there is."""
    try:
        return before + embargo
    except (OverflowError, ValueError):
        return max(before, embargo)
