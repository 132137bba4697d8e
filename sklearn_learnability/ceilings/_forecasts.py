"""Out-of-fold forecasts of a number: scores of the bins' edges, whatever model made them."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier

from sklearn_learnability._folds import Folds
from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.ceilings._out_of_fold import Rows, fit_seeded, one_thread, weights_at
from sklearn_learnability.ceilings._regression_candidates import N_CLASSES
from sklearn_learnability.metrics._forecasts import (
    forecast_of,
    has_distributions,
    scores_of_location,
)
from sklearn_learnability.metrics._target_bins import TargetBins

#: Scores of a certain forecast.
MOST_SCORE = 8.0


@dataclass(frozen=True, eq=False)
class NumberData(Rows):
    """Rows with their targets, the bins of these, and weights where there are any."""

    X: Any
    y: Floats
    bins: TargetBins
    weight: Floats | None


@dataclass(frozen=True, eq=False)
class ForecastModel:
    """A fitted candidate, and how its answers are read.

    Attributes
    ----------
    estimator : BaseEstimator
        The model.
    reading : str
        What it was fitted to: "target", "ranks" (Gaussian scores) or "classes"; an own one answers
        with a "location" or a "distribution".
    centre, spread : float
        Of the target in the training rows.
    """

    estimator: BaseEstimator
    reading: str
    centre: float
    spread: float

    def forecast(self, X: Any, bins: TargetBins) -> Floats:
        """Return location and log-scale of every row, or scores of edges."""
        if self.reading in ("location", "distribution"):
            return forecast_of(self.estimator, X, bins.edges, bins.scale)
        if self.reading == "classes":
            proba = np.zeros((np.shape(X)[0], bins.merged(N_CLASSES)[-1] + 1))
            proba[:, np.asarray(self.estimator.classes_)] = self.estimator.predict_proba(X)
            level = np.cumsum(proba, axis=1)[:, :-1]
            return np.clip(ndtri(np.clip(level, 0, 1)), -MOST_SCORE, MOST_SCORE)
        forecast = np.asarray(self.estimator.predict(X), dtype=np.float64)
        if self.reading == "target":
            forecast = forecast * [self.spread, 1] + [self.centre, np.log(self.spread)]
        return forecast


def scores_of(reading: str, forecast: Floats, bins: TargetBins) -> Floats:
    """Return the scores (n, G - 1) of the edges that a forecast says."""
    if reading == "distribution":
        return forecast
    if reading == "classes":
        last = np.flatnonzero(np.diff(bins.merged(N_CLASSES)))
        return interpolated(forecast, bins.edge_ranks[last], bins.edge_ranks)
    edges = bins.edge_ranks if reading == "ranks" else bins.edges
    return scores_of_location(forecast, edges)


def interpolated(scores: Floats, knots: Floats, points: Floats) -> Floats:
    """Return scores at points between knots, by lines; beyond them of slope 1."""
    if not len(knots):
        return np.tile(points, (len(scores), 1))
    inside = np.clip(points, knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, inside) - 1, 0, max(len(knots) - 2, 0))
    right = np.minimum(left + 1, len(knots) - 1)
    gap = np.where(right > left, knots[right] - knots[left], 1.0)
    part = (inside - knots[left]) / gap
    return scores[:, left] * (1 - part) + scores[:, right] * part + (points - inside)


@dataclass(frozen=True, eq=False)
class ForecastFit:
    """A candidate fitted on some rows, its forecasts of others, CPU seconds, any error."""

    model: ForecastModel | None
    forecast: Floats | None
    seconds: float
    error: Exception | None = None


def fit_forecast(
    estimator: BaseEstimator,
    data: NumberData,
    split: tuple[Integers, Integers],
    seed: int,
    *,
    reading: str,
) -> ForecastFit:
    """Fit a clone on the training rows of a split with one thread and forecast its test rows.

    `reading` is what it is fitted to: "target", "ranks", "classes" or, as an own one, "own".
    """
    started = time.thread_time()
    train, test = split
    with one_thread():
        model = _fit_model(estimator, data, train, seed, reading=reading)
        forecast = model.forecast(take_rows(data.X, test), data.bins) if len(test) else None
    if forecast is not None and not np.isfinite(forecast).all():
        raise ValueError("Expected finite forecasts, got NaN or infinity.")
    return ForecastFit(model, forecast, time.thread_time() - started)


def _fit_model(
    estimator: BaseEstimator, data: NumberData, train: Integers, seed: int, *, reading: str
) -> ForecastModel:
    y, weight = data.y[train], weights_at(data.weight, train)
    if reading == "target":
        y = data.bins.without_outliers(y)
    centre, spread = centre_and_spread(y, weight)
    target: Any = y
    if reading == "target":
        target = (y - centre) / spread
    elif reading == "ranks":
        target = data.bins.ranks(y)
    elif reading == "classes":
        target = data.bins.merged(N_CLASSES)[data.bins.codes(y)]
    model = clone(estimator)
    if reading == "classes" and len(np.unique(target)) < 2:
        model = DummyClassifier(strategy="prior")
    fit_seeded(model, take_rows(data.X, train), target, weight, seed)
    if reading == "own":
        reading = "distribution" if has_distributions(model) else "location"
    return ForecastModel(model, reading, centre, spread)


def centre_and_spread(y: Floats, weight: Floats | None) -> tuple[float, float]:
    """Return mean and standard deviation, 1 where all values are equal."""
    size = max(float(np.abs(y).max()), np.finfo(np.float64).tiny)
    centre = float(np.average(y / size, weights=weight))
    spread = float(np.sqrt(np.average((y / size - centre) ** 2, weights=weight)))
    return centre * size, spread * size or 1.0


def gather_forecasts(fits: list[ForecastFit], folds: Folds) -> Floats:
    """Return out-of-fold forecasts, the mean where a row is predicted repeatedly, NaN where not."""
    first = next(fit.forecast for fit in fits if fit.forecast is not None)
    total, counts = np.zeros((len(folds.fold_of), first.shape[1])), np.zeros(len(folds.fold_of))
    for (_, test), fit in zip(folds.splits, fits, strict=False):
        if fit.forecast is not None:
            total[test] += fit.forecast
            counts[test] += 1
    with np.errstate(invalid="ignore"):
        return total / counts[:, None]
