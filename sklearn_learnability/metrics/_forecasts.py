"""What regressors forecast: a location and a scale, or a distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import is_regressor

from sklearn_learnability._validation import Floats, as_numbers

#: Scores of a certain forecast, and how small a scale is, in that of the target.
MOST_SCORE, SMALLEST_SCALE = 30.0, 1e-9

#: Squares of larger numbers are no floats.
LARGEST_TARGET = 1e150
#: Locations so far from the targets, in their size, are as far as any.
LARGEST_SCORE = 1e8
#: Methods that answer with an object that has a cdf.
DISTRIBUTIONS = ("pred_dist", "predict_dist")


def has_distributions(estimator: Any) -> bool:
    """Return whether a regressor forecasts distributions."""
    return any(hasattr(estimator, method) for method in DISTRIBUTIONS)


def check_regressor(name: str, estimator: Any) -> None:
    """Refuse what neither is a regressor nor forecasts distributions."""
    try:
        is_one = not isinstance(estimator, type) and is_regressor(estimator)
    except AttributeError:  # nothing of scikit-learn's kind
        is_one = False
    if isinstance(estimator, type) or not (
        has_distributions(estimator) or (is_one and hasattr(estimator, "predict"))
    ):
        what = f"the class {estimator.__name__}" if isinstance(estimator, type) else None
        raise TypeError(
            f"Expected {name} as a regressor with predict, got {what or type(estimator).__name__}."
        )


def forecast_of(estimator: Any, X: Any, edges: Floats, spread: float) -> Floats:
    """Return a fitted regressor's forecasts, as much as it says.

    A distribution, by ``pred_dist`` or ``predict_dist`` with a ``cdf``, becomes scores of the edges
    (n, G - 1). A location, with its standard deviation by ``predict(X, return_std=True)`` or
    without, becomes location and log-scale (n, 2).
    """
    for method in DISTRIBUTIONS:
        if hasattr(estimator, method):
            distribution = getattr(estimator, method)(X)
            levels = [np.asarray(distribution.cdf(edge), dtype=np.float64) for edge in edges]
            scores = ndtri(np.clip(np.column_stack(levels), 0, 1))
            return np.clip(np.maximum.accumulate(scores, axis=1), -MOST_SCORE, MOST_SCORE)
    try:
        given = estimator.predict(X, return_std=True)
    except TypeError:
        given = estimator.predict(X)
    parts = given if isinstance(given, tuple) else (given, np.full(np.shape(X)[0], spread))
    location, scale = (np.asarray(part, dtype=np.float64).reshape(len(part)) for part in parts)
    return np.column_stack([location, np.log(np.maximum(scale, SMALLEST_SCALE * spread))])


def scores_of_location(forecast: Floats, edges: Floats) -> Floats:
    """Return the scores (n, G - 1) of edges by location and log-scale (n, 2)."""
    return (edges - forecast[:, :1]) * np.exp(-forecast[:, 1:])


def check_forecast(y_pred: ArrayLike, y_std: ArrayLike | None, y: Floats) -> Floats:
    """Return locations and log-scales (n, 2), in units of the largest target.

    Without standard deviations the scale is that of the targets.
    """
    columns = [as_numbers("y_pred", y_pred)]
    if y_std is not None:
        columns.append(as_numbers("y_std", y_std))
    for name, column in zip(("y_pred", "y_std"), columns, strict=False):
        if column.shape != y.shape:
            raise ValueError(f"Expected {name} of shape {y.shape}, as y_true, got {column.shape}.")
        if not (np.abs(column) <= LARGEST_TARGET).all():
            raise ValueError(
                f"Expected numbers of at most {LARGEST_TARGET:g} in size in {name}, got others, or "
                "NaN."
            )
    if y_std is not None and not (columns[1] > 0).all():
        raise ValueError(f"Expected y_std above 0 in every row, got {columns[1].min():g}.")
    size = float(np.abs(y).max()) or 1.0
    spread = float((y / size).std()) or 1.0
    location = np.clip(over(columns[0], size), -LARGEST_SCORE, LARGEST_SCORE)
    if y_std is None:
        return np.column_stack([location, np.full(len(y), np.log(spread))])
    scale = np.clip(over(columns[1], size), SMALLEST_SCALE * spread, LARGEST_SCORE)
    return np.column_stack([location, np.log(scale)])


def over(values: Floats, size: float) -> Floats:
    """Return values in units of a size, however small that is."""
    with np.errstate(over="ignore"):
        return np.asarray(values / size)
