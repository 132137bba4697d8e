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
from sklearn.utils import _safe_indexing, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

from sklearn_learnability.exceptions import ZeroProbabilityWarning

Units = Literal["bits", "nats"]
Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

#: Smallest probability a true label is charged for: 52 bits, whatever the dtype of the input.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


#: Where the package's own code lies.
PACKAGE = f"{Path(__file__).parent}{os.sep}"


def warn(message: str, category: type[Warning]) -> None:
    """Warn with the line that called the package, however deep below it the reason was found."""
    frame: FrameType | None = sys._getframe(1)
    level = outermost = 2
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            outermost = level
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=outermost + 1)


def nats_per_unit(units: str) -> float:
    """Return how many nats one unit holds: ln 2 for bits, 1 for nats."""
    if units == "bits":
        return float(np.log(2.0))
    if units == "nats":
        return 1.0
    raise ValueError(f"Got units={units!r}, but expected 'bits' or 'nats'.")


def check_weights(sample_weight: ArrayLike | None, n_samples: int) -> Floats:
    """Return non-negative finite float64 weights of shape (n_samples,), ones by default."""
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
    with np.errstate(over="ignore"):
        total = weight.sum()
    if np.isinf(total):
        raise ValueError("Got sample_weight whose sum overflows: divide the weights by a constant.")
    if total == 0:
        raise ValueError("Got sample_weight of zero in every row, but expected a positive total.")
    return weight


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


def check_probabilities(y_proba: ArrayLike, n_samples: int, n_classes: int) -> Floats:
    """Return probabilities as float64 of shape (n_samples, n_classes), rows summing to one.

    One column, or a vector, is read as the probability of the second of two classes.
    """
    raw = np.asarray(y_proba)
    if raw.ndim == 1:
        raw = raw[:, None]
    proba = check_array(raw, dtype=[np.float64, np.float32, np.float16], input_name="y_proba")
    tolerance = float(np.sqrt(np.finfo(proba.dtype).eps))
    proba = proba.astype(np.float64, copy=False)
    if len(proba) != n_samples:
        raise ValueError(f"Got {len(proba)} rows of probabilities, but {n_samples} labels.")
    low, high = proba.min(), proba.max()
    if low < 0 or high > 1 + tolerance:
        raise ValueError(
            f"Got probabilities between {low:g} and {high:g}, but expected values in [0, 1]. "
            "Pass predict_proba's output, not scores, logits or log-probabilities."
        )
    if proba.shape[1] == 1 and n_classes <= 2:
        proba = np.column_stack([1 - proba[:, 0], proba[:, 0]])
    if proba.shape[1] != n_classes:
        raise ValueError(
            f"Got {proba.shape[1]} columns of probabilities for {n_classes} classes. Pass "
            "labels= with the classes in the order of the columns (an estimator's classes_)."
        )
    total = proba.sum(axis=1)
    worst = np.abs(total - 1).argmax()
    if abs(total[worst] - 1) > tolerance:
        raise ValueError(
            f"Got probabilities that sum to {total[worst]:.6g} in row {worst}, but expected 1."
        )
    return proba


def check_labels_and_probabilities(
    y_true: ArrayLike, y_proba: ArrayLike, labels: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray, Floats]:
    """Return classes in column order, the column of every row's label, and the probabilities."""
    n_columns = np.shape(y_proba)[1] if np.ndim(y_proba) == 2 else 1
    classes, codes = encode_labels(y_true, labels)
    if labels is None and len(classes) < max(2, n_columns):
        raise ValueError(
            f"Got y_true with {len(classes)} distinct label(s) and {n_columns} column(s) of "
            "probabilities. Pass labels= with the classes in the order of the columns (an "
            "estimator's classes_)."
        )
    check_consistent_length(y_true, y_proba)
    return classes, codes, check_probabilities(y_proba, len(codes), len(classes))


def clip_true_probability(probability: Floats) -> Floats:
    """Return the probabilities of the true labels, raised to the smallest one, with a warning."""
    too_small = probability < SMALLEST_PROBABILITY
    if too_small.any():
        warn(
            f"{too_small.sum()} of {len(probability)} rows have probability 0 on their true label; "
            f"each is charged {-np.log2(SMALLEST_PROBABILITY):.0f} bits. A model that says 0 "
            "to what happens has an infinite log-loss: smooth or calibrate its probabilities.",
            ZeroProbabilityWarning,
        )
    return np.maximum(probability, SMALLEST_PROBABILITY)


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
