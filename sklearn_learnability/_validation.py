"""Input checks shared by the package."""

import math
import os
import sys
import warnings
from numbers import Real
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils import check_random_state as random_state_of
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_memory

Units = Literal["bits", "nats"]
Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
RandomState = int | np.random.RandomState | None

#: Where the package's own code lies.
PACKAGE = f"{Path(__file__).parent}{os.sep}"


#: No array has as many rows or columns.
MOST_OF_ANYTHING = 10**15
#: Weights up to this one, where all are whole numbers, count equal rows.
LARGEST_COUNT = 1e9
#: Weights below this share of the largest change no sum that has it.
LOST_WEIGHT = float(np.finfo(np.float64).eps) ** 2


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
    if not isinstance(units, str) or units not in ("bits", "nats"):
        raise ValueError(f"Expected units as 'bits' or 'nats', got {units!r}.")
    return float(np.log(2.0)) if units == "bits" else 1.0


def as_numbers(name: str, values: Any) -> Floats:
    """Return values as a float64 array, refusing what holds others than real numbers."""
    values = readable(name, values)
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "cmMSUV":
            return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"Expected numbers as {name}, got {type(values).__name__}.")


def readable(name: str, values: Any) -> Any:
    """Return values that an array can be made of: no masks, and NaN among strings of a list kept.

    numpy passes over masks, and writes such a NaN as the string 'nan'.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"Expected {name} without masked entries, got {np.ma.count_masked(values)} of "
            f"{values.size} masked. Fill them in, or leave their rows out."
        )
    if isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        has_gaps = any(isinstance(value, float) and value != value for value in values)
        return np.fromiter(values, dtype=object) if has_gaps else values
    return values


def names_of_columns(X: Any) -> list[Any] | None:
    """Return the names of the columns of a table of any library, None where there are none."""
    if not hasattr(X, "columns"):
        return None
    has_arrays = hasattr(X, "column_names") and not isinstance(X, pd.DataFrame)  # pyarrow
    return list(X.column_names if has_arrays else X.columns)


def check_weights(sample_weight: ArrayLike | None, n_samples: int) -> Floats:
    """Return float64 weights of shape (n_samples,), ones by default.

    Whole numbers are counts of equal rows, and stay. Other weights are relative: they are scaled to
    a mean of 1 over the rows that have weight, so that their scale does not matter.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    weight = as_numbers("sample_weight", sample_weight)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"Expected sample_weight of shape ({n_samples},), one weight per row, got shape "
            f"{weight.shape}."
        )
    if not np.isfinite(weight).all():
        raise ValueError("Expected finite weights, got NaN or infinity in sample_weight.")
    if (weight < 0).any():
        raise ValueError(f"Expected weights >= 0, got a negative sample_weight ({weight.min():g}).")
    if not (weight > 0).any():
        raise ValueError("Expected a weight above 0, got sample_weight of zero in every row.")
    if weight.max() <= LARGEST_COUNT and (weight == np.floor(weight)).all():
        return weight
    return relative_weights(weight)


def relative_weights(weight: Floats) -> Floats:
    """Return weights with a mean of 1 over the rows that have weight.

    What any sum over all rows loses in rounding is no weight: nor is it one within a part of them.
    """
    scaled = weight / weight.max()  # first, so that no sum or mean overflows
    scaled[scaled < LOST_WEIGHT] = 0
    return scaled / scaled[scaled > 0].mean()


def check_groups(groups: ArrayLike, n_samples: int, name: str = "groups") -> Integers:
    """Return the number of every row's group, refusing rows without a group."""
    groups = readable(name, groups)
    try:
        groups = np.asarray(groups)
    except ValueError:
        raise ValueError("Expected one group a row, got rows of several lengths.") from None
    if groups.shape != (n_samples,):
        raise ValueError(f"Expected {name} of shape ({n_samples},), got {groups.shape}.")
    codes, _ = pd.factorize(groups)
    if (codes < 0).any():
        raise ValueError(
            f"Expected {name} for every row, got {(codes < 0).sum()} of {n_samples} rows without "
            "one (NaN or None). Give a row that stands alone one of its own."
        )
    return codes


def check_several_classes(
    classes: NDArray[Any], codes: Integers, weight: Floats | None = None
) -> None:
    """Refuse labels of which only one class has weight; shares lost in rounding are none."""
    mass = np.bincount(codes, None if weight is None else weight / weight.max(), len(classes))
    weighty = classes[mass > np.finfo(np.float64).eps * mass.sum()]
    if len(weighty) < 2:
        raise ValueError(
            "Expected at least 2 classes, got y with one class that has weight "
            f"({weighty.tolist()[0]!r}): with one there is nothing to learn."
        )


def _vector(name: str, values: Any) -> NDArray[Any]:
    """Return values as an array of one dimension; a column counts as one."""
    values = readable(name, values)
    try:
        return np.asarray(column_or_1d(values))
    except (TypeError, ValueError):
        raise ValueError(
            f"Expected {name} as a 1d array, one value per row, got {type(values).__name__} of "
            f"{'another shape' if hasattr(values, '__len__') else 'no rows'}."
        ) from None


def _check_target_type(y: NDArray[Any]) -> None:
    """Refuse labels that are no classes."""
    target_type = type_of_target(y, input_name="y")
    if target_type == "unknown":
        kinds = sorted({type(value).__name__ for value in y})
        raise ValueError(
            f"Expected labels that are numbers, strings or booleans of one type, got objects of "
            f"{' and '.join(kinds)}. Unknown label type: convert them, as by y.astype(int) or "
            "y.astype(str)."
        )
    if target_type not in ("binary", "multiclass"):
        raise ValueError(
            f"Expected class labels, got a {target_type} target. Unknown label type: information "
            "about a continuous target is not measured by label entropy. Numbers go to "
            "GoldenModelCeilingRegressor."
        )


def encode_labels(y: ArrayLike, labels: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray]:
    """Return the classes and, for every row, the position of its label among them.

    Without `labels` the classes are the sorted distinct values of `y`; with them, `labels` in the
    order given.
    """
    y = _vector("y", y)
    if len(y) == 0:
        raise ValueError("Expected at least one row, got no labels.")
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(
            "Expected finite labels, got infinity. Input y contains infinity or a value too large "
            f"for {y.dtype!r}."
        )
    missing = np.asarray(pd.isna(y)) if y.dtype.kind not in "biu" else np.zeros(0)
    if missing.any():
        raise ValueError(
            f"Expected a label of every row, got {missing.sum()} missing labels of {len(y)}. "
            "Input y contains NaN or None."
        )
    if y.dtype.kind in "biu":
        codes, present = pd.factorize(y, sort=True)  # hashes where np.unique sorts
    else:
        _check_target_type(y)
        present, codes = np.unique(y, return_inverse=True)
    if labels is None:
        return present, codes
    classes = _vector("labels", labels)
    if len(classes) == 0 or pd.isna(classes).any():
        raise ValueError(f"Expected labels that are classes, got {classes.tolist()}.")
    try:
        distinct, order = np.unique(classes, return_index=True)
        position = np.searchsorted(distinct, present)
        known = distinct[np.minimum(position, len(distinct) - 1)] == present
    except TypeError:  # types that have no common order
        raise ValueError(
            f"Expected labels of the type of the classes of y_true, such as {present[0]!r}, got "
            f"{classes.tolist()}."
        ) from None
    if len(distinct) != len(classes):
        raise ValueError(f"Expected each of the labels once, got {classes.tolist()}.")
    if not known.all():
        raise ValueError(
            f"Expected labels with every class of y_true, got {classes.tolist()} without "
            f"{present[~known].tolist()}."
        )
    return classes, order[position][codes]


def check_classifier(name: str, estimator: Any) -> None:
    """Refuse what is no classifier with probabilities."""
    try:
        is_one = not isinstance(estimator, type) and is_classifier(estimator)
    except AttributeError:  # nothing of scikit-learn's kind
        is_one = False
    if is_one and hasattr(estimator, "predict_proba"):
        return
    what, remedy = type(estimator).__name__, ""
    if isinstance(estimator, type):
        what, remedy = f"the class {estimator.__name__}", " Pass an instance of it."
    elif hasattr(estimator, "__array__") or isinstance(estimator, list):
        remedy = (
            " Probabilities that are at hand go to sklearn_learnability.metrics.nll_decomposition."
        )
    elif hasattr(estimator, "decision_function"):
        remedy = (
            " Information is carried by probabilities; calibrate a classifier that has only scores "
            "(sklearn.calibration.CalibratedClassifierCV)."
        )
    raise TypeError(f"Expected {name} as a classifier with predict_proba, got {what}.{remedy}")


def check_count(name: str, value: int, smallest: int = 1, largest: int | None = None) -> int:
    """Return an integer inside its range."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and largest is None and value > MOST_OF_ANYTHING:
        largest = MOST_OF_ANYTHING
    if not whole or value < smallest or (largest is not None and value > largest):
        upper = "" if largest is None else f" and <= {largest}"
        raise ValueError(f"Expected {name} as an integer >= {smallest}{upper}, got {value!r}.")
    return int(value)


def is_finite_number(value: Any) -> bool:
    """Return whether a value is a real number that a float can hold, and no boolean."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False


def check_number(name: str, value: float, low: float, high: float) -> float:
    """Return a finite number between `low` and `high`, both included."""
    if not is_finite_number(value) or not low <= value <= high:
        raise ValueError(f"Expected {name} in [{low:g}, {high:g}], got {value!r}.")
    return float(value)


def check_random_state(random_state: Any) -> np.random.RandomState:
    """Return a source of randomness, of a seed or as it is given."""
    try:
        return random_state_of(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            "Expected random_state as an integer from 0 to 2**32 - 1, a RandomState instance or "
            f"None, got {random_state!r}."
        ) from None


def check_store(memory: Any) -> Any:
    """Return the store that a folder or a joblib.Memory is; one that keeps nothing for None."""
    if not isinstance(memory, str | os.PathLike | None) and not hasattr(memory, "cache"):
        raise ValueError(f"Expected memory as a folder, a joblib.Memory or None, got {memory!r}.")
    return check_memory(os.fspath(memory) if isinstance(memory, os.PathLike) else memory)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return a name that is among the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"Expected {name} as one of {', '.join(choices)}, got {value!r}.")
    return value
