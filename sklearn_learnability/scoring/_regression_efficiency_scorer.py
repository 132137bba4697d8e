"""RegressionEfficiencyScorer: a regressor's share of what can be learned, as a scorer."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNCHANGED, MetadataRequest
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._validation import Units, check_weights, nats_per_unit, warn
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics._forecasts import (
    check_regressor,
    forecast_of,
    has_distributions,
    scores_of_location,
)
from sklearn_learnability.metrics._regression_efficiency import (
    check_regression_ceiling,
    efficiency_of_information,
    forecast_information,
    nats_of_learnability,
    warn_of_regression_efficiency,
)
from sklearn_learnability.metrics._target_bins import TargetBins, check_target
from sklearn_learnability.scoring._score_requests import ScoreRequests


class RegressionEfficiencyScorer(ScoreRequests):
    r"""Scorer of regressors by efficiency: the share of the learnable information they hold.

    .. math:: \eta = I_F / I_G

    Higher is better; 1 is all that the ceiling finds, 0 nothing. :math:`I_F` is what the forecasts
    tell of the scored rows, :func:`~sklearn_learnability.metrics.regression_efficiency`: those of
    ``pred_dist`` or ``predict_dist``, of ``predict(X, return_std=True)``, or the points of
    ``predict`` with the distribution of their residuals. Use it wherever scikit-learn takes
    ``scoring=``. :math:`I_G` is known in one of three ways.

    - `ceiling` alone, a learnability or a fitted ceiling.
    - `reference_information` alone, routed as metadata: what the ceiling tells of every scored row.
    - both: :math:`\eta = 1 - (I_{G,\text{rows}} - I_F) / I_G` with :math:`I_G` of the ceiling as a
      whole: paired, and defined in small folds. Best for selection.

    Parameters
    ----------
    ceiling : float or fitted GoldenModelCeilingRegressor, default=None
        Learnability of the data. A scorer keeps the ceiling's numbers, not the model.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of `reference_information`.

    Warns
    -----
    UndefinedInformationWarning
        If the score is NaN, because the ceiling's lower limit is not above 0, or rows are too few.
    InSampleWarning
        If the score is above 1.2 by more than noise: the model has most likely seen the rows.

    See Also
    --------
    GoldenModelCeilingRegressor : Estimates the ceiling.
    EfficiencyScorer : Scores classifiers.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_learnability import RegressionEfficiencyScorer
    >>> from sklearn_learnability.datasets import make_learnability_regression
    >>> X, y = make_learnability_regression(2000, learnability=0.5, random_state=0)
    >>> scorer = RegressionEfficiencyScorer(ceiling=0.5)
    >>> scores = cross_val_score(LinearRegression(), X, y, scoring=scorer)
    >>> bool((scores > 0.7).all())
    True
    """

    def __init__(
        self,
        ceiling: GoldenModelCeilingRegressor | float | None = None,
        *,
        units: Units = "bits",
    ) -> None:
        nats_per_unit(units)
        self.units = units
        self.learnability: float | None = None
        self._nats: float | None = None
        self._lower_limit: float | None = None
        if isinstance(ceiling, GoldenModelCeilingRegressor):
            check_is_fitted(
                ceiling, msg="Expected a fitted GoldenModelCeilingRegressor: call fit first."
            )
            if ceiling.units_ != units:
                raise ValueError(
                    f"Expected a ceiling and a scorer in one unit, got a ceiling in "
                    f"{ceiling.units_} and units={units!r}."
                )
            self.learnability = ceiling.learnability_
            self._nats = ceiling.mutual_information_ * nats_per_unit(units)
            self._lower_limit = ceiling.learnability_lower_limit_
        elif isinstance(ceiling, Real):
            self._nats = nats_of_learnability(ceiling)
            self.learnability = self._lower_limit = float(ceiling)
        elif ceiling is not None:
            raise TypeError(
                "Expected a number or a fitted GoldenModelCeilingRegressor as ceiling, got "
                f"{type(ceiling).__name__}."
            )
        self._request = MetadataRequest(owner="RegressionEfficiencyScorer")
        self.set_score_request(sample_weight=None, reference_information=None)

    def __repr__(self) -> str:
        """Return the settings."""
        ceiling = "None" if self.learnability is None else f"{self.learnability:.4g}"
        return f"RegressionEfficiencyScorer({ceiling})"

    def __call__(
        self,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        reference_information: ArrayLike | None = None,
    ) -> float:
        """Return the efficiency of a fitted regressor on the given rows.

        Parameters
        ----------
        estimator : regressor
            Fitted, with predict.
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.
        reference_information : array-like of shape (n_samples,), optional
            What the ceiling tells of these rows.

        Returns
        -------
        float
            The efficiency, NaN where undefined.
        """
        if self._nats is None and reference_information is None:
            raise ValueError(
                "Expected a ceiling, got none: pass RegressionEfficiencyScorer(ceiling=...), or "
                "route reference_information= as metadata "
                "(scorer.set_score_request(reference_information=True))."
            )
        check_regressor("estimator", estimator)
        target = check_target(y)
        weight = check_weights(sample_weight, len(target))
        if self._lower_limit is not None and not self._lower_limit > 0:
            warn(
                "The efficiency is undefined (NaN): the ceiling's learnability has the lower limit "
                f"{self._lower_limit:.4g}.",
                UndefinedInformationWarning,
            )
            return float("nan")
        bins = TargetBins.of(target, weight)
        rows = None
        if len(bins.edges):
            scores = forecast_of(estimator, X, bins.edges, bins.scale)
            if not has_distributions(estimator):
                scores = scores_of_location(scores, bins.edges)
            rows = forecast_information(target, scores, bins, weight, None)
        known: Any = self._nats
        if reference_information is not None:
            known = check_regression_ceiling(None, reference_information, target, None, self.units)
            if self._nats is not None and rows is not None:
                lost = float(np.average(known - rows.information, weights=weight))
                return 1 - lost / self._nats
        found = efficiency_of_information(
            rows, known, weight, None, units=self.units, confidence=0.95
        )
        warn_of_regression_efficiency(found)
        return found.value

    def set_score_request(
        self,
        *,
        sample_weight: bool | str | None = UNCHANGED,
        reference_information: bool | str | None = UNCHANGED,
    ) -> Self:
        """Say which metadata the scorer asks for, where metadata routing is enabled.

        Parameters
        ----------
        sample_weight : bool, None or str, default=UNCHANGED
            True to receive it, a name to receive it under that name.
        reference_information : bool, None or str, default=UNCHANGED
            True to receive it, a name to receive it under that name.

        Returns
        -------
        RegressionEfficiencyScorer
            The scorer itself.
        """
        self._ask_for(sample_weight=sample_weight, reference_information=reference_information)
        return self
