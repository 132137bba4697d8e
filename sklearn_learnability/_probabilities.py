"""Columns of probabilities, checked and aligned with labels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

from sklearn_learnability._validation import Floats, encode_labels, warn
from sklearn_learnability.exceptions import ZeroProbabilityWarning

#: Smallest probability a true label is charged for: 52 bits, whatever the dtype of the input.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


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


def log_of_probabilities(proba: Floats) -> Floats:
    """Return the logarithms of probabilities raised to the smallest one, hence finite."""
    return np.log(np.maximum(proba, SMALLEST_PROBABILITY))


def align_probabilities(y_proba: ArrayLike, columns: NDArray[Any], classes: NDArray[Any]) -> Floats:
    """Return normalised probabilities in the order of `classes`, 0 for a class without a column.

    `columns` are the labels of the columns of `y_proba`.
    """
    proba = check_probabilities(y_proba, len(np.asarray(y_proba)), len(columns))
    if not np.isin(columns, classes).all() or len(np.unique(columns)) != len(columns):
        raise ValueError(
            f"Got labels {columns.tolist()}, but expected distinct ones of {classes.tolist()}."
        )
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
            f"Got labels such as {present[0]!r}, but expected labels of the same type as the "
            f"classes {classes.tolist()}."
        )
    return np.concatenate([classes, present[~np.isin(present, classes)]])
