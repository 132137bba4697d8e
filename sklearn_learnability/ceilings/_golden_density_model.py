"""The golden model of a number: what it predicts, and what it reaches on new rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_learnability._validation import (
    Floats,
    Units,
    as_numbers,
    check_weights,
    nats_per_unit,
)
from sklearn_learnability.ceilings._family import Member
from sklearn_learnability.ceilings._forecasts import ForecastModel, scores_of
from sklearn_learnability.ceilings._out_of_fold import one_thread
from sklearn_learnability.ceilings._table_reader import TableReader
from sklearn_learnability.metrics._density_pool import DensityPool
from sklearn_learnability.metrics._mutual_information import information_of_rows, share_of_nats
from sklearn_learnability.metrics._target_bins import TargetBins, check_target


class GoldenDensityModel(RegressorMixin, TableReader, BaseEstimator):
    """A pool of fitted forecasts as one regressor."""

    candidates: str | Sequence[Member]
    bins_: TargetBins
    models_: list[list[ForecastModel]]
    pool_: DensityPool
    log_margin_: Floats
    units_: Units

    def predict(self, X: Any) -> Floats:
        """Return the mean of y given x.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Means.
        """
        proba = np.exp(self._log_proba(X))
        return np.asarray(proba @ self.bins_.means)

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> Floats:
        """Return quantiles of y given x.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        quantiles : array-like of shape (n_quantiles,)
            Levels inside (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles)
            Quantiles.

        Raises
        ------
        ValueError
            If a level is not inside (0, 1).
        """
        levels = np.atleast_1d(as_numbers("quantiles", quantiles))
        if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"Expected quantiles inside (0, 1), got {quantiles!r}.")
        cumulative = np.cumsum(np.exp(self._log_proba(X)), axis=1)[:, :-1]
        return np.stack([self.bins_.quantiles(row, levels) for row in cumulative])

    def log_density(self, X: Any, y: ArrayLike) -> Floats:
        r"""Return :math:`\log p(y \mid x)` of every row, in `units_`; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Targets; a density is finite for any of them.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities, which depend on the unit of y.
        """
        log_proba, target = self._log_proba(X), check_target(y)
        check_consistent_length(log_proba, target)
        codes = self.bins_.codes(target)
        nats = log_proba[np.arange(len(codes)), codes] + self.bins_.log_density_within(target)
        return np.asarray(nats / nats_per_unit(self.units_))

    def information(self, X: Any, y: ArrayLike) -> Floats:
        r"""Return :math:`\log p(y \mid x) - \log p(y)` of new rows, in `units_`; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Of rows that are new to the ceiling.
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        ndarray of shape (n_samples,)
            What the inputs tell of each target; the unit of y does not matter.
        """
        log_proba, target = self._log_proba(X), check_target(y)
        check_consistent_length(log_proba, target)
        codes = self.bins_.codes(target)
        nats = log_proba[np.arange(len(codes)), codes] - self.log_margin_[codes]
        return np.asarray(nats / nats_per_unit(self.units_))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the learnability 1 - exp(-2 I) that is found in new rows; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            Share of the variance that so much information explains between Gaussians.
        """
        log_proba, target = self._log_proba(X), check_target(y)
        check_consistent_length(log_proba, target)
        weight = check_weights(sample_weight, len(target))
        rows = information_of_rows(self.bins_.codes(target), log_proba, weight)
        return share_of_nats(float(np.average(rows.information, weights=weight)))

    def _log_proba(self, X: Any) -> Floats:
        """Return the pooled log-probabilities of the bins (n, G)."""
        check_is_fitted(self)
        table = self._check_table(X, reset=False)
        evidence: Any = 0.0
        for member, models in enumerate(self.models_):
            with one_thread():
                forecast = np.mean([one.forecast(table, self.bins_) for one in models], axis=0)
            scores = scores_of(models[0].reading, forecast, self.bins_)
            evidence = evidence + self.pool_.weights[member] * self.pool_.evidence(member, scores)
        return self.pool_.log_proba(evidence)
