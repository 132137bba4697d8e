"""Regressors that forecast a location and the logarithm of a scale, two columns."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from sklearn_learnability._validation import Floats

#: Penalties of the ridge regressions, per row.
PENALTIES = np.logspace(-4, 3, 11)
#: Mean of -log|e| for a standard Gaussian e.
LOG_OF_RESIDUAL = 0.635
#: Log-scales stay so near to their mean, and squared residuals of one row count so much.
LARGEST_LOG_SCALE, LARGEST_SQUARE = 2.5, 9.0
#: Rounds of the scale between two of the mean.
N_SCALE_ROUNDS = 3


class RidgePath:
    """Ridge regressions of weighted rows, for several targets and penalties."""

    def __init__(self, X: Floats, weight: Floats) -> None:
        share = weight / weight.sum()
        self.share, self.centre = share, share @ X
        self.columns = X - self.centre
        gram = (self.columns * share[:, None]).T @ self.columns
        values, self.axes = np.linalg.eigh(gram)
        self.values = np.maximum(values, 0)
        self.projected = self.columns @ self.axes
        self.squares = self.projected**2

    def fit(self, y: Floats) -> tuple[Floats, float, Floats]:
        """Return coefficients, intercept and predictions of every row that is left out."""
        mean = float(self.share @ y)
        along = self.projected.T @ (self.share * (y - mean))
        best: tuple[float, Floats, Floats] | None = None
        for penalty in PENALTIES * max(self.values.mean(), 1e-12):
            shrunk = along / (self.values + penalty)
            spread = self.squares @ (1 / (self.values + penalty))
            lever = np.minimum(self.share * (1 + spread), 1 - 1e-6)
            left_out = (y - mean - self.projected @ shrunk) / (1 - lever)
            loss = float(self.share @ left_out**2)
            if best is None or loss < best[0]:
                best = loss, shrunk, y - left_out
        assert best is not None
        coef = self.axes @ best[1]
        return coef, mean - float(self.centre @ coef), best[2]


class RidgeMeanAndScale(RegressorMixin, BaseEstimator):
    r"""Gaussian regression whose mean and log-scale are linear, both by ridge regression.

    The mean is fitted with weights :math:`1/s^2`, the scale by Fisher scoring on the residuals of
    rows left out, in turn.
    """

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit both on numbers without gaps."""
        X = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=np.float64)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        plain = RidgePath(X, weight)
        self.mean_, self.mean_intercept_, predicted = plain.fit(y)
        for _ in range(2):
            log_scale = self._fit_scale(plain, np.abs(y - predicted))
            path = RidgePath(X, weight * np.exp(-2 * (log_scale - log_scale.max())))
            self.mean_, self.mean_intercept_, predicted = path.fit(y)
        self._fit_scale(plain, np.abs(y - predicted))
        return self

    def _fit_scale(self, path: RidgePath, residual: Floats) -> Floats:
        floor = 1e-3 * float(np.sqrt(path.share @ residual**2)) + 1e-12
        residual = np.maximum(residual, floor)
        working = np.log(residual) + LOG_OF_RESIDUAL
        for _ in range(N_SCALE_ROUNDS):
            self.scale_, self.scale_intercept_, log_scale = path.fit(working)
            self.middle_ = float(path.share @ log_scale)
            log_scale = near(log_scale, self.middle_)
            square = np.minimum((residual * np.exp(-log_scale)) ** 2, LARGEST_SQUARE)
            working = log_scale + (square - 1) / 2
        return log_scale

    def predict(self, X: Any) -> Floats:
        """Return location and log-scale, (n_samples, 2)."""
        X = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=np.float64)
        log_scale = near(X @ self.scale_ + self.scale_intercept_, self.middle_)
        return np.column_stack([X @ self.mean_ + self.mean_intercept_, log_scale])


class BoostedMeanAndScale(RegressorMixin, BaseEstimator):
    """Boosted trees for the location, and for the logarithm of residuals of rows left out."""

    def __init__(self, trees: HistGradientBoostingRegressor, n_folds: int = 3) -> None:
        self.trees = trees
        self.n_folds = n_folds

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit both; without rows enough to leave out, a constant scale."""
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
        self.is_empty_ = np.isnan(X).all(axis=0)
        X = self._filled(X)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        residual = np.empty(len(y))
        for train, test in KFold(min(self.n_folds, len(y)), shuffle=True, random_state=0).split(X):
            model = clone(self.trees).fit(X[train], y[train], sample_weight=weight[train])
            residual[test] = np.abs(y[test] - model.predict(X[test]))
        floor = 1e-3 * float(np.sqrt(np.average(residual**2, weights=weight))) + 1e-12
        log_residual = np.log(np.maximum(residual, floor)) + LOG_OF_RESIDUAL
        self.mean_ = clone(self.trees).fit(X, y, sample_weight=weight)
        self.scale_ = clone(self.trees).fit(X, log_residual, sample_weight=weight)
        self.middle_ = float(np.average(log_residual, weights=weight))
        return self

    def predict(self, X: Any) -> Floats:
        """Return location and log-scale, (n_samples, 2)."""
        X = self._filled(np.asarray(X, dtype=np.float64))
        log_scale = near(self.scale_.predict(X), self.middle_)
        return np.column_stack([self.mean_.predict(X), log_scale])

    def _filled(self, X: Floats) -> Floats:
        return np.where(self.is_empty_, 0.0, X)


class RawCatBoost(RegressorMixin, BaseEstimator):
    """CatBoost's regression with uncertainty, which gives mean and log-scale."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit a copy of the model."""
        self.model_ = clone(self.model).fit(X, y, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> Floats:
        """Return location and log-scale, (n_samples, 2)."""
        raw = self.model_.predict(X, prediction_type="RawFormulaVal")
        return np.asarray(raw, dtype=np.float64).reshape(-1, 2)


def near(log_scale: Floats, middle: float) -> Floats:
    """Return log-scales, cut where they lie too far from the middle."""
    return np.clip(log_scale, middle - LARGEST_LOG_SCALE, middle + LARGEST_LOG_SCALE)
