"""Input checks shared by the package; the only file that touches scikit-learn's private names."""

import os
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)
from pandas.util import hash_pandas_object
from sklearn.utils import _safe_indexing, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

Units = Literal["bits", "nats"]
Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
RandomState = int | np.random.RandomState | None

#: Where the package's own code lies.
PACKAGE = f"{Path(__file__).parent}{os.sep}"


#: Weights up to this one, where all are whole numbers, count equal rows.
LARGEST_COUNT = 1e9


def warn(message: str, category: type[Warning]) -> None:
    """Warn with the line that called the package, however deep below it the reason was found."""
    frame: FrameType | None = sys._getframe(1)
    level = outermost = 2
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            outermost = level
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=outermost + 1)


def missing_package(names: str, extra: str, use: str) -> ImportError:
    """Return the error for packages that are not installed, which says how to install them."""
    return ImportError(
        f"Expected {names} to be installed, which {use}; got none. Install the extra {extra!r}, "
        f"from a clone of the repository: pip install -e '.[{extra}]'"
    )


def nats_per_unit(units: str) -> float:
    """Return how many nats one unit holds: ln 2 for bits, 1 for nats."""
    if units == "bits":
        return float(np.log(2.0))
    if units == "nats":
        return 1.0
    raise ValueError(f"Got units={units!r}, but expected 'bits' or 'nats'.")


def check_weights(sample_weight: ArrayLike | None, n_samples: int) -> Floats:
    """Return float64 weights of shape (n_samples,), ones by default.

    Whole numbers are counts of equal rows, and stay. Other weights are relative: they are scaled to
    a mean of 1 over the rows that have weight, so that their scale does not matter.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"Got sample_weight of shape {weight.shape}, but expected ({n_samples},): one weight "
            "per row."
        )
    if not np.isfinite(weight).all():
        raise ValueError("Got NaN or infinity in sample_weight, but expected finite weights.")
    if (weight < 0).any():
        raise ValueError(
            f"Got a negative sample_weight ({weight.min():g}), but expected weights >= 0."
        )
    if not (weight > 0).any():
        raise ValueError("Got sample_weight of zero in every row, but expected a positive total.")
    if weight.max() <= LARGEST_COUNT and (weight == np.floor(weight)).all():
        return weight
    return relative_weights(weight)


def relative_weights(weight: Floats) -> Floats:
    """Return weights with a mean of 1 over the rows that have weight."""
    scaled = weight / weight.max()  # first, so that no sum or mean overflows
    return scaled / scaled[scaled > 0].mean()


def check_groups(groups: ArrayLike, n_samples: int) -> Integers:
    """Return the number of every row's group, refusing rows without a group."""
    groups = np.asarray(groups)
    if groups.shape != (n_samples,):
        raise ValueError(f"Got groups of shape {groups.shape}, but expected ({n_samples},).")
    codes, _ = pd.factorize(groups)
    if (codes < 0).any():
        raise ValueError(
            f"Got {(codes < 0).sum()} of {n_samples} rows without a group (NaN or None), but "
            "expected one for each. Give a row that stands alone a group of its own."
        )
    return codes


def check_several_classes(
    classes: NDArray[Any], codes: Integers, weight: Floats | None = None
) -> None:
    """Refuse labels of which only one class, or none, has weight."""
    weighty = classes[np.unique(codes if weight is None else codes[weight > 0])]
    if len(weighty) < 2:
        raise ValueError(
            f"Got y with one class that has weight ({weighty[0]!r}), but expected at least 2 "
            "classes: with one there is nothing to learn."
        )


def encode_labels(y: ArrayLike, labels: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray]:
    """Return the classes and, for every row, the position of its label among them.

    Without `labels` the classes are the sorted distinct values of `y`; with them, `labels` in the
    order given.
    """
    y = np.asarray(column_or_1d(y))
    if len(y) == 0:
        raise ValueError("Got no labels, but expected at least one row.")
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(f"Input y contains infinity or a value too large for {y.dtype!r}.")
    missing = np.asarray(pd.isna(y))
    if missing.any():
        raise ValueError(
            f"Input y contains NaN or None: got {missing.sum()} missing labels of {len(y)}."
        )
    target_type = type_of_target(y, input_name="y")
    if target_type not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: got a {target_type} target, but expected class labels. "
            "Information about a continuous target is not measured by label entropy."
        )
    if y.dtype.kind in "biu":
        codes, present = pd.factorize(y, sort=True)  # hashes where np.unique sorts
    else:
        present, codes = np.unique(y, return_inverse=True)
    if labels is None:
        return present, codes
    classes = np.asarray(column_or_1d(labels))
    distinct, order = np.unique(classes, return_index=True)
    if len(distinct) != len(classes):
        raise ValueError(
            f"Got labels with repetitions ({classes.tolist()}), but expected each once."
        )
    position = np.searchsorted(distinct, present)
    known = distinct[np.minimum(position, len(distinct) - 1)] == present
    if not known.all():
        raise ValueError(
            f"Got labels {classes.tolist()}, but y_true also holds {present[~known].tolist()}."
        )
    return classes, order[position][codes]


def check_count(name: str, value: int, smallest: int = 1, largest: int | None = None) -> int:
    """Return an integer inside its range."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < smallest or (largest is not None and value > largest):
        upper = "" if largest is None else f" and <= {largest}"
        raise ValueError(f"Got {name}={value!r}, but expected an integer >= {smallest}{upper}.")
    return int(value)


def check_number(name: str, value: float, low: float, high: float) -> float:
    """Return a finite number between `low` and `high`, both included."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not low <= value <= high or not np.isfinite(value):
        raise ValueError(f"Got {name}={value!r}, but expected a number in [{low:g}, {high:g}].")
    return float(value)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return a name that is among the choices."""
    if value not in choices:
        raise ValueError(f"Got {name}={value!r}, but expected one of {', '.join(choices)}.")
    return value


def take_rows(X: Any, rows: NDArray[np.integer]) -> Any:
    """Return the rows of an array or a data frame of any library."""
    return _safe_indexing(X, rows)


def check_table(estimator: Any, X: Any, *, reset: bool, clean: bool) -> Any:
    """Return X as a float64 array or, where it has columns, as a data frame.

    A clean frame is of pandas, its numbers and booleans are float64 with NaN for what is missing,
    and everything else is a string or NaN. Sets or checks `n_features_in_` and
    `feature_names_in_`.
    """
    if not hasattr(X, "columns"):
        return validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if len(X) == 0:
        raise ValueError("Got 0 rows, but expected at least 1.")
    if not clean:
        return X
    return pd.DataFrame({name: _clean_column(X[name], name) for name in X.columns})


def _clean_column(column: Any, name: str) -> NDArray[Any]:
    if not isinstance(column, pd.Series):
        column = pd.Series(column.to_list(), name=name)  # polars and its kin
    if is_datetime64_any_dtype(column.dtype) or is_timedelta64_dtype(column.dtype):
        raise TypeError(
            f"Got the date column {name!r}, but expected numbers or categories. Split it into "
            "what matters (hour, weekday) or leave it out."
        )
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            raise ValueError(
                f"Got infinity in column {name!r}, but expected finite numbers or NaN."
            )
        return numbers
    values = column.astype(object).to_numpy()
    missing = column.isna().to_numpy()
    return np.array(
        [np.nan if gap else str(value) for value, gap in zip(values, missing, strict=True)],
        dtype=object,
    )


def hash_rows(X: Any) -> NDArray[np.uint64]:
    """Return a hash of every row; equal rows have equal hashes."""
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    return np.asarray(hash_pandas_object(frame, index=False), dtype=np.uint64)
