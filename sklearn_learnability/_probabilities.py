"""Columns of probabilities, checked and aligned with labels."""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._validation import (
    Floats,
    encode_labels,
    names_of_columns,
    readable,
    warn,
)
from sklearn_learnability.exceptions import HardLabelsWarning, ZeroProbabilityWarning

#: Smallest probability a true label is charged for: 52 bits, whatever the dtype of the input.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


def check_probabilities(y_proba: ArrayLike, n_samples: int, classes: NDArray[Any]) -> Floats:
    """Return probabilities as float64 of shape (n_samples, n_classes), rows summing to one.

    Columns that are named by the classes are put in their order; others are in it already. One
    column, or a vector, is the probability of the class it is named by, or of the second of two.
    """
    order = order_of_columns(column_names(y_proba), classes)
    raw = as_array(y_proba)
    if raw.dtype.kind in "USOMmc" and not _holds_numbers(raw):
        raise ValueError(
            f"Expected probabilities, got {_example(raw)!r}. Pass predict_proba's output, not "
            "predicted labels."
        )
    if raw.ndim not in (1, 2) or raw.size == 0:
        raise ValueError(
            f"Expected probabilities of shape (n_samples, n_classes), got shape {raw.shape}."
        )
    proba = raw[:, None] if raw.ndim == 1 else raw
    if len(proba) != n_samples:
        raise ValueError(f"Expected probabilities of {n_samples} rows, got {len(proba)}.")
    is_float = proba.dtype in (np.float64, np.float32, np.float16)
    proba = proba if is_float else proba.astype(np.float64)
    tolerance = float(np.sqrt(np.finfo(proba.dtype).eps))
    proba = proba.astype(np.float64, copy=False)
    low, high = proba.min(), proba.max()
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN is passed on by both
        raise ValueError(
            "Expected finite probabilities, got NaN or infinity in "
            f"{(~np.isfinite(proba).all(axis=1)).sum()} of {n_samples} rows."
        )
    if low < 0 or high > 1 + tolerance:
        raise ValueError(
            f"Expected probabilities in [0, 1], got values between {low:g} and {high:g}. Pass "
            "predict_proba's output, not labels, scores, logits or log-probabilities."
        )
    n_classes = len(classes)
    if proba.shape[1] == 1 and n_classes == 2:
        proba = np.column_stack([1 - proba[:, 0], proba[:, 0]])
    if proba.shape[1] != n_classes:
        raise ValueError(
            f"Expected {n_classes} columns of probabilities, one for each of the classes "
            f"{classes.tolist()}, got {proba.shape[1]}. Pass labels= with the classes in the "
            "order of the columns (an estimator's classes_)."
        )
    total = proba @ np.ones(n_classes)
    worst = np.abs(total - 1).argmax()
    if abs(total[worst] - 1) > tolerance:
        raise ValueError(
            f"Expected probabilities that sum to 1, got a sum of {total[worst]:.6g} in row {worst}."
        )
    return proba if order is None else proba[:, order]


def as_array(y_proba: Any) -> NDArray[Any]:
    y_proba = readable("probabilities", y_proba)
    try:
        return np.asarray(y_proba)
    except ValueError:
        raise ValueError(
            "Expected probabilities of shape (n_samples, n_classes), got rows of several lengths."
        ) from None


def _holds_numbers(raw: NDArray[Any]) -> bool:
    """Return whether an array of objects holds numbers alone, which may be missing."""
    return raw.dtype.kind == "O" and all(
        value is None or isinstance(value, Real | Decimal) for value in raw.ravel()
    )


def _example(raw: NDArray[Any]) -> Any:
    """Return the first value of an array that is no number."""
    values = raw.ravel().tolist()
    return next((v for v in values if not isinstance(v, Real | Decimal | None)), None)


def column_names(y_proba: Any) -> list[Any] | None:
    """Return the names of the columns of a data frame or a series, None without any."""
    names = names_of_columns(y_proba)
    if names is not None:
        return None if names == list(range(len(names))) and len(names) == 1 else names
    name = getattr(y_proba, "name", None)
    return None if name is None or np.ndim(y_proba) != 1 else [name]


def order_of_columns(names: list[Any] | None, classes: NDArray[Any]) -> NDArray | None:
    """Return the position of every class among named columns, None where names say nothing.

    One name of two classes stands for its own class and the other; names are compared as numbers
    where they read as such, since some tables know only names that are strings.
    """
    if names is None:
        return None
    keys, wanted = [_key(name) for name in names], [_key(label) for label in classes]
    known = [key in wanted for key in keys]
    if not any(known):
        return None  # such as "p0" and "p1"
    if len(keys) == 1 and len(wanted) == 2:
        return np.array([1, 0]) if keys[0] == wanted[0] else None
    if keys == list(range(len(keys))) and not all(known):
        return None  # the numbers that a table gives to columns without a name
    if sorted(map(str, keys)) != sorted(map(str, wanted)):
        raise ValueError(
            f"Expected columns named by the classes {classes.tolist()}, got {names}. Rename them, "
            "or pass an array with the columns in the order of the classes."
        )
    return np.array([keys.index(key) for key in wanted])


def _key(name: Any) -> Any:
    """Return a name as a number where it reads as one, else as a string."""
    try:
        number = float(name)
    except (TypeError, ValueError):
        return str(name)
    return str(name) if isinstance(name, bool | np.bool_) or not np.isfinite(number) else number


def check_labels_and_probabilities(
    y_true: ArrayLike, y_proba: ArrayLike, labels: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray, Floats]:
    """Return classes in column order, the column of every row's label, and the probabilities."""
    raw = as_array(y_proba)
    n_columns = raw.shape[1] if raw.ndim == 2 else 1
    classes, codes = encode_labels(y_true, labels)
    if labels is None and len(classes) < max(2, n_columns):
        classes = _classes_from_names(y_proba, classes, n_columns)
        classes, codes = encode_labels(y_true, classes)
    return classes, codes, check_probabilities(y_proba, len(codes), classes)


def _classes_from_names(y_proba: ArrayLike, present: NDArray[Any], n_columns: int) -> NDArray[Any]:
    """Return the classes that named columns tell, where the labels alone do not."""
    names = column_names(y_proba)
    keys = [_key(name) for name in names or []]
    own = {_key(label): label for label in present}
    if n_columns < 2 or not set(own) <= set(keys):
        raise ValueError(
            f"Expected labels=, the classes in the order of the columns (an estimator's "
            f"classes_), got {n_columns} column(s) of probabilities and a y_true with "
            f"{len(present)} distinct label(s)."
        )
    others = [name for name, key in zip(names or [], keys, strict=True) if key not in own]
    if present.dtype.kind in "biuf":
        others = [float(name) for name in others]
    return np.array(sorted([*present.tolist(), *others]), dtype=None)


def true_probability(proba: Floats, codes: NDArray) -> Floats:
    """Return the probabilities of the true labels, raised to the smallest one, with a warning."""
    probability = proba[np.arange(len(codes)), codes]
    too_small = probability < SMALLEST_PROBABILITY
    if too_small.any() and not warn_of_hard_labels(proba, codes):
        warn(
            f"{too_small.sum()} of {len(codes)} rows have probability 0 on their true label; "
            f"each is charged {-np.log2(SMALLEST_PROBABILITY):.0f} bits. A model that says 0 "
            "to what happens has an infinite log-loss: smooth or calibrate its probabilities.",
            ZeroProbabilityWarning,
        )
    return np.maximum(probability, SMALLEST_PROBABILITY)


def warn_of_hard_labels(proba: Floats, codes: NDArray) -> bool:
    """Warn, and return True, where every probability is 0 or 1 and some are wrong."""
    is_certain = ((proba[:1] == 0) | (proba[:1] == 1)).all() and ((proba == 0) | (proba == 1)).all()
    n_wrong = (proba[np.arange(len(codes)), codes] == 0).sum()
    if not (is_certain and n_wrong):
        return False
    warn(
        f"Every probability is 0 or 1, and {n_wrong} of {len(codes)} rows are wrong; an error is "
        f"charged {-np.log2(SMALLEST_PROBABILITY):.0f} bits. If these are predicted labels, pass "
        "predict_proba's output. If the model is always certain, fit it so that it is not, such as "
        "with more rows in a leaf: no calibration tells its right rows from its wrong ones.",
        HardLabelsWarning,
    )
    return True


def log_of_probabilities(proba: Floats) -> Floats:
    """Return the logarithms of probabilities raised to the smallest one, hence finite."""
    raised = np.maximum(proba, SMALLEST_PROBABILITY)
    return np.log(raised, out=raised)


def draw_labels(proba: Floats, rng: np.random.RandomState) -> NDArray[np.int64]:
    """Draw one class per row from its probabilities."""
    uniform = rng.random_sample(len(proba))
    if proba.shape[1] == 2:
        return (uniform < proba[:, 1]).astype(np.int64)
    passed = uniform[:, None] >= np.cumsum(proba[:, :-1], axis=1)
    return passed.sum(axis=1, dtype=np.int64)


def align_probabilities(y_proba: ArrayLike, columns: NDArray[Any], classes: NDArray[Any]) -> Floats:
    """Return normalised probabilities in the order of `classes`, 0 for a class without a column.

    `columns` are the labels of the columns of `y_proba`.
    """
    proba = check_probabilities(y_proba, len(np.asarray(y_proba)), columns)
    if not np.isin(columns, classes).all() or len(np.unique(columns)) != len(columns):
        raise ValueError(f"Expected distinct labels of {classes.tolist()}, got {columns.tolist()}.")
    order = np.argsort(classes)
    aligned = np.zeros((len(proba), len(classes)))
    aligned[:, order[np.searchsorted(classes, columns, sorter=order)]] = proba
    return aligned / aligned.sum(axis=1, keepdims=True)


def widen_classes(classes: NDArray[Any], y: ArrayLike) -> NDArray[Any]:
    """Return the classes, followed by the labels of `y` that are not among them."""
    present, _ = encode_labels(y)
    are_numbers = [labels.dtype.kind in "biuf" for labels in (classes, present)]
    if are_numbers[0] != are_numbers[1]:
        raise ValueError(
            f"Expected labels of the same type as the classes {classes.tolist()}, got such as "
            f"{present[0]!r}."
        )
    return np.concatenate([classes, present[~np.isin(present, classes)]])
