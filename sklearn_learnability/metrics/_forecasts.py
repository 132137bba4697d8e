"""What regressors forecast: a location and a scale, or a distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import is_regressor

from sklearn_learnability._validation import Floats, as_numbers

#: Scores of a certain forecast, and how small a scale is, in that of the target.
MOST_SCORE, SMALLEST_SCALE = 30.0, 1e-9

#: Methods that answer with an object that has a cdf.
DISTRIBUTIONS = ("pred_dist", "predict_dist")


def has_distributions(estimator: Any) -> bool:
    """Return whether a regressor forecasts distributions."""
    return any(hasattr(estimator, method) for method in DISTRIBUTIONS)


def check_regressor(name: str, estimator: Any) -> None:
    """Refuse what is no regressor."""
    try:
        is_one = not isinstance(estimator, type) and is_regressor(estimator)
    except AttributeError:  # nothing of scikit-learn's kind
        is_one = False
    forecasts = hasattr(estimator, "predict") or has_distributions(estimator)
    if not is_one or not forecasts:
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


def check_forecast(y_pred: ArrayLike, y_std: ArrayLike | None, n_rows: int) -> Floats:
    """Return locations, with their log-scales where there are any, of given shape."""
    columns = [as_numbers("y_pred", y_pred)]
    if y_std is not None:
        columns.append(as_numbers("y_std", y_std))
    for name, column in zip(("y_pred", "y_std"), columns, strict=False):
        if column.shape != (n_rows,):
            raise ValueError(
                f"Expected {name} of shape ({n_rows},), one number a row, got {column.shape}."
            )
        if not np.isfinite(column).all():
            raise ValueError(f"Expected finite numbers in {name}, got NaN or infinity.")
    if y_std is not None and not (columns[1] > 0).all():
        raise ValueError(f"Expected standard deviations above 0, got {columns[1].min():g}.")
    return np.column_stack(columns)
