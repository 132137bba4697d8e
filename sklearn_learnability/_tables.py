"""Tables of inputs: rows taken and compared, columns read as numbers or categories."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype
from pandas.util import hash_pandas_object
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, validate_data

from sklearn_learnability._validation import Integers, names_of_columns, warn
from sklearn_learnability.exceptions import ConvertedColumnsWarning

DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
    pd.Period,
)


def take_rows(X: Any, rows: Integers) -> Any:
    """Return the rows of an array, a list, a sparse matrix or a data frame of any library."""
    return _safe_indexing(X, rows)


def row_blocks(X: Any, most_rows: int) -> Iterator[tuple[slice, Any]]:
    """Yield the places and the rows of blocks of at most `most_rows` rows, one at least."""
    n_rows = _num_samples(X)
    if n_rows <= most_rows:
        yield slice(0, n_rows), X
        return
    for start in range(0, n_rows, most_rows):
        place = slice(start, min(start + most_rows, n_rows))
        yield place, take_rows(X, np.arange(place.start, place.stop))


def is_sparse(X: Any) -> bool:
    """Return whether X is a sparse matrix or array of scipy."""
    return bool(issparse(X))


def pass_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return X as it is, whatever it is, so long as its rows can be taken.

    Sets or checks the number and names of its features, where it has any.
    """
    if is_sparse(X):
        X = X.tocsr()
    elif not (hasattr(X, "shape") or isinstance(X, Sequence)):
        X = np.asarray(X)
    if hasattr(X, "columns") or np.ndim(X) > 1:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) > 1 and shape[1] == 0:
        raise ValueError(
            f"Expected features, got 0 feature(s) (shape={shape}) while a minimum of 1 is required."
        )
    return X


def clean_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return X as a float64 array or, where it has columns, as a clean data frame of pandas.

    There numbers and booleans are float64 with NaN for what is missing, everything else is a string
    or NaN, and names are strings. What `fit` saw decides: its names are kept as `_column_names`,
    None without any, and those of its columns that are numbers as `_numeric_columns`.
    """
    names = names_of_columns(X)
    if names is None:
        if isinstance(X, np.ma.MaskedArray):
            X = np.ma.filled(X.astype(object), np.nan)
        _refuse_dates_in_array(X)
        if reset:
            estimator._column_names = None
        if estimator._column_names is None:
            return _array_of_numbers(estimator, X, reset=reset)
        validate_data(estimator, X, reset=False, skip_check_array=True)
        X = pd.DataFrame(X if hasattr(X, "dtype") else list(X), columns=estimator._column_names)
        names = estimator._column_names
    else:
        _check_names(X, names)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    if len(X) == 0:
        raise ValueError("Expected at least one row, got 0 rows.")
    columns = {str(name): _as_series(X[name], name) for name in names}
    if reset:
        estimator._column_names = list(columns)
        estimator._numeric_columns = {n for n, column in columns.items() if _is_numeric(column)}
        _warn_of_numbers_in_objects(columns, estimator._numeric_columns)
        _warn_of_numbers_in_texts(columns)
    elif estimator._column_names is None:  # of an array of numbers
        return np.column_stack([_numbers(column, name) for name, column in columns.items()])
    elif list(columns) != estimator._column_names:
        raise ValueError(
            f"Expected the columns {estimator._column_names} in this order, as in fit, got "
            f"{list(columns)}."
        )
    return pd.DataFrame(
        {
            name: _numbers(column, name)
            if name in estimator._numeric_columns
            else _categories(column)
            for name, column in columns.items()
        }
    )


def _array_of_numbers(estimator: Any, X: Any, *, reset: bool) -> NDArray[np.float64]:
    try:
        return validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"Expected an array of numbers, got strings: {error}. Pass a data frame, whose columns "
            "may hold categories."
        ) from None


def _check_names(X: Any, names: list[Any]) -> None:
    """Refuse tables whose columns cannot be told apart or whose rows are not at hand."""
    if len({str(name) for name in names}) < len(names):
        raise ValueError(f"Expected unique column names, got {names}.")
    if not hasattr(X, "__len__"):
        raise TypeError(
            f"Expected a table whose rows are at hand, got {type(X).__name__}. Collect it first."
        )


def _warn_of_numbers_in_objects(columns: dict[str, pd.Series], numeric: set[str]) -> None:
    objects = [
        name
        for name in sorted(numeric)
        if columns[name].dtype == object
        and not all(isinstance(value, bool | np.bool_) for value in _present(columns[name]))
    ]
    if objects:
        warn(
            f"The columns {objects} hold numbers as objects, and are read as numbers.",
            ConvertedColumnsWarning,
        )


def _warn_of_numbers_in_texts(columns: dict[str, pd.Series]) -> None:
    """Tell of amounts held as texts, which say little as categories; codes are whole numbers."""
    texts = [name for name, column in columns.items() if _holds_fractions_as_texts(column)]
    if texts:
        warn(
            f"The columns {texts} hold numbers with fractions as texts, and are read as "
            "categories. Convert them to numbers, as by astype(float), if they are amounts.",
            ConvertedColumnsWarning,
        )


def _holds_fractions_as_texts(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):  # somebody has said what they are
        return False
    for part in (column.iloc[:100], column):  # most are settled by the first rows
        values = _present(part)
        if not all(isinstance(value, str) for value in values):
            return False
        numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        if numbers.isna().any():
            return False
    return bool((numbers % 1 != 0).any())


def _as_series(column: Any, name: Any) -> pd.Series:
    """Return a column of any library as a series of pandas, refusing dates and complex numbers."""
    if not isinstance(column, pd.Series):  # of polars and its kin, or of pyarrow
        values = column.to_list() if hasattr(column, "to_list") else column.to_pylist()
        column = pd.Series(values, name=name)
    if is_complex_dtype(column.dtype) or (
        column.dtype == object and any(np.iscomplexobj(value) for value in _present(column))
    ):
        raise TypeError(f"Expected real numbers, got complex ones in column {name!r}.")
    if not (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
        _refuse_dates(_present(column), f"column {name!r}")
    return column


def _present(column: pd.Series) -> NDArray[Any]:
    return column[column.notna()].astype(object).to_numpy()


def _refuse_dates(values: Iterable[Any], where: str) -> None:
    for value in values:
        if isinstance(value, DATES):
            raise TypeError(
                f"Expected numbers or categories, got dates or times in {where} (such as "
                f"{value!r}). Split them into what matters (hour, weekday, days since) or leave "
                "them out."
            )


def _refuse_dates_in_array(X: Any) -> None:
    dtype = getattr(X, "dtype", np.dtype(object))
    if issparse(X) or getattr(dtype, "kind", "f") not in "OMm":
        return
    try:
        values = np.asarray(X)
    except ValueError:  # ragged rows: refused with the other malformed arrays
        return
    if values.dtype.kind in "Mm":
        values = np.array(list(values.ravel()[:1]), dtype=object)  # nanoseconds would be ints
    if values.dtype.kind == "O":
        _refuse_dates(values.ravel(), "X")


def _is_numeric(column: pd.Series) -> bool:
    """Return whether a column holds numbers, as its type or as objects."""
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return True
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return all(isinstance(value, Real | Decimal | np.bool_) for value in _present(column))


def _numbers(column: pd.Series, name: Any) -> NDArray[np.float64]:
    try:
        if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = column.astype(object).where(column.notna(), np.nan).to_numpy(np.float64)
    except OverflowError:
        raise ValueError(f"Expected numbers below 1.8e308 in column {name!r}, got more.") from None
    except (TypeError, ValueError):
        first = next(v for v in _present(column) if not isinstance(v, Real | Decimal | np.bool_))
        raise ValueError(
            f"Expected numbers in column {name!r}, as in fit, got {first!r}."
        ) from None
    if np.isinf(values).any():
        raise ValueError(f"Expected finite numbers or NaN, got infinity in column {name!r}.")
    return values


def _categories(column: pd.Series) -> NDArray[Any]:
    """Return strings; whole numbers read alike whatever type holds them."""
    values, missing = column.astype(object).to_numpy(), column.isna().to_numpy()
    return np.array(
        [np.nan if gap else _name(v) for v, gap in zip(values, missing, strict=True)], dtype=object
    )


def _name(value: Any) -> str:
    if isinstance(value, Real) and not isinstance(value, Integral) and float(value).is_integer():
        return str(int(float(value)))
    return str(value)


def comparable_rows(X: Any) -> pd.DataFrame | None:
    """Return X as a data frame whose rows can be compared, or None where that has no meaning."""
    if isinstance(X, pd.DataFrame):
        return X
    names = names_of_columns(X)
    if names is not None:
        return pd.DataFrame({name: _as_series(X[name], name) for name in names})
    if is_sparse(X):
        rows = X.tocsr(copy=True)
        rows.sum_duplicates()
        ends = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
        parts = [(rows.indices[a:b].tobytes(), rows.data[a:b].tobytes()) for a, b in ends]
        return pd.DataFrame({"row": [hash(part) for part in parts]})
    try:
        values = np.asarray(X)
    except ValueError:
        return None
    return pd.DataFrame(values.reshape(len(values), -1)) if values.ndim else None


def number_rows(X: Any) -> Integers:
    """Return a number for every row, equal for equal rows, from 0 in the order they appear."""
    frame = comparable_rows(X)
    hashes = None if frame is None else hash_rows(frame)
    if hashes is None:
        raise TypeError(f"Expected rows that can be compared, got {type(X).__name__}.")
    return pd.factorize(hashes)[0]


def hash_rows(frame: pd.DataFrame) -> NDArray[np.uint64] | None:
    """Return a hash of every row, equal for equal rows; None where a cell cannot be compared."""
    try:
        return np.asarray(hash_pandas_object(frame, index=False), dtype=np.uint64)
    except TypeError:
        return None
