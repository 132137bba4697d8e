"""What regressors forecast: a location and a scale, or a distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn import config_context
from sklearn.base import is_regressor

from sklearn_learnability._validation import Floats, as_numbers

#: Scores of a certain forecast, and how small a scale is, in that of the bins.
MOST_SCORE, SMALLEST_SCALE = 30.0, 1e-4

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


def forecast_of(estimator: Any, X: Any, edges: Floats, unit: float) -> Floats:
    """Return a fitted regressor's forecasts, as much as it says.

    A distribution, by ``pred_dist`` or ``predict_dist`` with a ``cdf``, becomes scores of the edges
    (n, G - 1). A location, with its standard deviation by ``predict(X, return_std=True)`` or
    without, becomes location and log-scale (n, 2). The scale of a location alone is `unit`, that of
    the bins and the same in every fold.
    """
    for method in DISTRIBUTIONS:
        if hasattr(estimator, method):
            distribution = getattr(estimator, method)(X)
            levels = [one_a_row(estimator, X, distribution.cdf(edge)) for edge in edges]
            scores = ndtri(np.clip(np.column_stack(levels), 0, 1))
            return np.clip(np.maximum.accumulate(scores, axis=1), -MOST_SCORE, MOST_SCORE)
    given = predictions_of(estimator, X)
    location = one_a_row(estimator, X, given[0])
    if len(given) == 1:
        return np.column_stack([location, np.full(len(location), np.log(unit))])
    scale = one_a_row(estimator, X, given[1])
    if not (scale >= 0).all():
        raise ValueError(
            f"Expected standard deviations of at least 0 from {type(estimator).__name__}, got "
            f"{scale.min():g}."
        )
    return np.column_stack([location, np.log(np.maximum(scale, SMALLEST_SCALE * unit))])


def predictions_of(estimator: Any, X: Any) -> tuple[Any, ...]:
    """Return locations, and standard deviations where a regressor has them.

    What hands the question on to other regressors may choke on it, each in its own way.
    """
    try:
        with config_context(enable_metadata_routing=False):
            given = estimator.predict(X, return_std=True)
    except (AttributeError, TypeError, ValueError):
        given = estimator.predict(X)
    return given if isinstance(given, tuple) and len(given) == 2 else (given,)


def one_a_row(estimator: Any, X: Any, given: Any) -> Floats:
    """Return what a regressor says of the rows, refusing all but one finite number each."""
    values = np.asarray(given, dtype=np.float64)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if values.shape not in ((n_rows,), (n_rows, 1)):
        raise ValueError(
            f"Expected one forecast a row, shape ({n_rows},), from {type(estimator).__name__}, got "
            f"{values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"Expected finite forecasts from {type(estimator).__name__}, got NaN or infinity."
        )
    return values.reshape(n_rows)


def scores_of_location(forecast: Floats, edges: Floats) -> Floats:
    """Return the scores (n, G - 1) of edges by location and log-scale (n, 2)."""
    return (edges - forecast[:, :1]) * np.exp(-forecast[:, 1:])


def check_forecast(y_pred: ArrayLike, y_std: ArrayLike | None, y: Floats) -> Floats:
    """Return locations, and standard deviations where given, in units of the largest target."""
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
    columns = [np.clip(over(column, size), -LARGEST_SCORE, LARGEST_SCORE) for column in columns]
    return np.column_stack(columns)


def with_log_scale(forecast: Floats, unit: float) -> Floats:
    """Return locations and log-scales (n, 2); a location alone has the scale of the bins."""
    scale = forecast[:, 1] if forecast.shape[1] > 1 else np.full(len(forecast), unit)
    return np.column_stack([forecast[:, 0], np.log(np.maximum(scale, SMALLEST_SCALE * unit))])


def over(values: Floats, size: float) -> Floats:
    """Return values in units of a size, however small that is."""
    with np.errstate(over="ignore"):
        return np.asarray(values / size)
