"""From a table whose target is a number, and models, to a report."""

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from sklearn_learnability._validation import Integers, Units, nats_per_unit
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.report._default_models import default_regressors
from sklearn_learnability.report._forecast_rows import ForecastRows
from sklearn_learnability.report._measured_report import (
    N_FOLDS,
    N_FORWARD_FOLDS,
    check_groups,
    is_told_of_copies,
    order_of,
    settings_of,
    texts_of,
    versions_now,
)
from sklearn_learnability.report._named_models import as_regressor, models_beside
from sklearn_learnability.report._progress import steps
from sklearn_learnability.report._regression_report import RegressionReport
from sklearn_learnability.report._scored import TableRows, segmentations


def regression_report(
    X: Any,
    y: ArrayLike,
    models: Any = None,
    *,
    predictions: Mapping[str, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    time: ArrayLike | None = None,
    segment_columns: Sequence[str] | None = None,
    candidates: Any = "fast",
    units: Units = "bits",
    memory: str | PathLike[str] | Memory | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    verbose: int = 0,
) -> RegressionReport:
    """Measure what can be learned of a number and what models make of it, to hand on.

    The sibling of :func:`learnability_report` for a target of numbers. A model is judged by what
    its forecasts tell of the number: a location with the distribution of other rows' residuals
    around it, or its own distribution where it has one; and by R². Nothing bounds the learnability
    from above here, and more rows are not looked at.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs. A table of pandas, polars or pyarrow, or an array.
    y : array-like of shape (n_samples,)
        Numbers to predict.
    models : estimator, sequence or dict of str to estimator, default=None
        Regressors: one, several, or several by name. The first is the one that sentences are about.
        None takes a ridge regression and boosted trees, unless there are `predictions`.
    predictions : mapping of str to array-like of shape (n_samples,), default=None
        Held-out forecasts by name of the model, one row a row of X.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. They stay in one fold, unless rows have a time.
    time : array-like of shape (n_samples,), optional
        Numbers or dates that put the rows in order. Every fold is then predicted from earlier rows.
    segment_columns : sequence of str, default=None
        Columns of a table whose levels are looked at one by one. None takes the first three that
        have 2 to 10 levels.
    candidates : {"fast", "default"} or list of str and (str, regressor), default="fast"
        The family. That of a :class:`~sklearn_learnability.GoldenModelCeilingRegressor`.
    units : {"bits", "nats"}, default="bits"
        Unit of information.
    memory : str, path-like or joblib.Memory, default=None
        Where finished fits are kept. An interrupted ceiling resumes.
    n_jobs : int, default=None
        Fits to run side by side. Those of the ceiling.
    random_state : int, default=0
        Source of randomness.
    verbose : int, default=0
        Whether progress is shown. The step at hand, and the time that is left.

    Returns
    -------
    RegressionReport
        With `sentences`, `findings` and `to_html()`.

    Raises
    ------
    TypeError
        If a model is no regressor, or predictions have no names.
    ValueError
        If two models have one name, rows of predictions are missing, there are fewer than five
        groups, a column to segment by is not there, or for the reasons of the ceiling.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_learnability.datasets import make_learnability_regression
    >>> from sklearn_learnability.report import regression_report
    >>> X, y = make_learnability_regression(1000, learnability=0.5, random_state=0)
    >>> report = regression_report(X, y, Ridge(), candidates=["marginal", "linear"])
    >>> report.models[0].standing
    'level with the ceiling'
    >>> page = report.to_html()  # doctest: +SKIP
    """
    order, has_time = order_of(time, len(np.asarray(y))), time is not None
    data = TableRows.of(X, y, sample_weight, groups, order)
    check_groups(data.groups)
    named = models_beside(
        models, predictions, lambda: default_regressors(random_state), as_regressor
    )
    ceiling = GoldenModelCeilingRegressor(
        candidates,
        cv=TimeSeriesSplit(N_FORWARD_FOLDS) if has_time else N_FOLDS,
        units=units,
        memory=memory,
        n_jobs=n_jobs,
        random_state=random_state,
    )
    prices = {"ceiling": 1.0, "models": 0.3 * (len(named) or 1)}
    with steps(prices, shown=verbose > 0) as step, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        step.begin("ceiling")
        ceiling.fit(*data)
        step.begin("models")
        rows = ForecastRows.of(ceiling, data, folds_of(data, has_time, random_state))
        forecasts = dict(rows.of_models(named))
        forecasts |= rows.of_predictions(predictions or {}, order)
        assessed = tuple(rows.assess(name, found) for name, found in forecasts.items())
        first = next(iter(forecasts.values()))
        segments = tuple(rows.segments(first, segmentations(data.X, segment_columns)))
    return RegressionReport(
        target=str(getattr(y, "name", None) or "the target"),
        n_samples=len(data.y),
        n_features=data.X.shape[1],
        **found_by(ceiling),
        r2=rows.r2(ceiling.oof_prediction_[rows.places]),
        models=assessed,
        segments=segments,
        forecasts=rows.shown(first),
        surprises=rows.surprises(first, order),
        has_copies=is_told_of_copies(told),
        warnings=texts_of(told),
        settings=settings_of(ceiling, data, time),
        versions=versions_now(),
    )


def folds_of(data: TableRows, has_time: bool, random_state: int) -> list[tuple[Integers, Integers]]:
    """Return the folds that models are predicted on."""
    if has_time:
        return list(TimeSeriesSplit(N_FORWARD_FOLDS).split(data.X))
    if data.groups is not None:
        return list(GroupKFold(N_FOLDS).split(data.X, groups=data.groups))
    return list(KFold(N_FOLDS, shuffle=True, random_state=random_state).split(data.X))


def found_by(ceiling: GoldenModelCeilingRegressor) -> dict[str, Any]:
    """Return what a report takes from the ceiling as it is."""
    of_share = 2 * (1 - ceiling.learnability_) * nats_per_unit(ceiling.units_)
    error = ceiling.learnability_standard_error_
    told, ends = ceiling.mutual_information_, ceiling.mutual_information_interval_
    share = (ceiling.learnability_, error, *ceiling.learnability_interval_)
    return {
        "units": ceiling.units_,
        "information": Estimate(told, error / of_share, *ends, confidence=0.95),
        "learnability": Estimate(*share, confidence=0.95),
        "lower_limit": ceiling.learnability_lower_limit_,
        "most_learnability": ceiling.most_learnability_,
        "candidates": ceiling.candidates_,
        "duplicate_share": float(ceiling.duplicate_share_),
    }
