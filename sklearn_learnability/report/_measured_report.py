"""From a table and models to a report."""

import platform
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils.validation import has_fit_parameter

from sklearn_learnability._validation import Floats, Integers, Units, warn
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve, learnability_curve
from sklearn_learnability.ceilings._random_versus_forward import (
    RandomVersusForward,
    random_versus_forward,
)
from sklearn_learnability.exceptions import DuplicateRowsWarning, UnpredictedRowsWarning
from sklearn_learnability.metrics._comparison import ModelComparison
from sklearn_learnability.report._default_models import default_models
from sklearn_learnability.report._finding import AssessedModel, Evidence, findings_of
from sklearn_learnability.report._learnability_report import LearnabilityReport
from sklearn_learnability.report._named_models import as_classifier, models_beside
from sklearn_learnability.report._progress import steps
from sklearn_learnability.report._read_table import in_order
from sklearn_learnability.report._scored import Scored, TableRows, not_fitted
from sklearn_learnability.scoring._out_of_fold_probabilities import out_of_fold_probabilities

N_FOLDS = N_FORWARD_FOLDS = 5
PACKAGES = ("sklearn-learnability", "scikit-learn", "numpy", "pandas")


def learnability_report(
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
    curve: bool = True,
    units: Units = "bits",
    memory: str | PathLike[str] | Memory | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    verbose: int = 0,
) -> LearnabilityReport:
    """Measure what can be learned from a table and what models make of it, to hand on.

    The ceiling is fitted with its bracket; models are predicted on its folds; a learning curve says
    whether more rows or other columns are needed. What is found has stable codes. Where rows have a
    time they are put in its order, every fold is predicted from earlier rows, and a random split is
    measured beside.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs. A table of pandas, polars or pyarrow, or an array.
    y : array-like of shape (n_samples,)
        Class labels.
    models : estimator, str, sequence or dict of str to estimator, default=None
        Classifiers with ``predict_proba``: one, several, or several by name. A string is the
        dotted path of a classifier, or of a class or function that makes one without arguments.
        The first is the one that sentences are about. None takes a logistic regression and
        boosted trees, unless there are `predictions`.
    predictions : mapping of str to array-like of shape (n_samples, n_classes), default=None
        Held-out probabilities by name of the model, one row a row of X, classes in sorted order
        unless the columns of a table of pandas bear their names. Rows of NaN were not predicted:
        models are scored on the others.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. They stay in one fold, unless rows have a time.
    time : array-like of shape (n_samples,), optional
        Numbers or dates that put the rows in order.
    segment_columns : sequence of str, default=None
        Columns of a table whose levels are looked at one by one. None takes the first three that
        have 2 to 10 levels.
    candidates : {"fast", "default", "best"} or list of str and (str, classifier), default="fast"
        The family. That of the ceiling (:class:`~sklearn_learnability.GoldenModelCeiling`).
    curve : bool, default=True
        Whether to measure what more rows may bring, which costs about as much as the ceiling.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of entropies and losses.
    memory : str, path-like or joblib.Memory, default=None
        Where finished fits are kept. An interrupted ceiling resumes.
    n_jobs : int, default=None
        Fits to run side by side.
    random_state : int, default=0
        Source of randomness.
    verbose : int, default=0
        Whether progress is shown. The step at hand, and the time that is left.

    Returns
    -------
    LearnabilityReport
        With `sentences`, `findings` and `to_html()`.

    Raises
    ------
    TypeError
        If a model has no ``predict_proba``, or predictions have no names.
    ValueError
        If two models have one name, rows of predictions are missing, there are fewer than five
        groups, a column to segment by is not there, or for the reasons of the ceiling.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> from sklearn_learnability.report import learnability_report
    >>> X, y = make_learnability_classification(2000, learnability=0.3, random_state=0)
    >>> family = [("logistic", LogisticRegression())]
    >>> report = learnability_report(X, y, LogisticRegression(), candidates=family)
    >>> [str(found.code) for found in report.findings]
    ['SLL003']
    >>> page = report.to_html()  # doctest: +SKIP
    """
    order, has_time = order_of(time, len(np.asarray(y))), time is not None
    data = TableRows.of(X, y, sample_weight, groups, order)
    check_groups(data.groups)
    named = models_beside(models, predictions, lambda: default_models(random_state), as_classifier)
    ceiling = GoldenModelCeiling(
        candidates,
        cv=TimeSeriesSplit(N_FORWARD_FOLDS) if has_time else N_FOLDS,
        bracket=True,
        units=units,
        memory=memory,
        n_jobs=n_jobs,
        random_state=random_state,
    )
    prices = prices_of(len(named), curve, has_time)
    with steps(prices, shown=verbose > 0) as step, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        step.begin("ceiling")
        ceiling.fit(*data)
        step.begin("models")
        probas = predicted(named, ceiling, data, n_jobs)
        probas |= given_predictions(predictions, order, ceiling.classes_)
        scored = Scored.of(ceiling, data, probas)
        assessed = tuple(scored.assess(name) for name in probas)
        step.begin("curve")
        found_curve = learnability_curve(ceiling, *data) if curve else None
        step.begin("random and forward split")
        split = random_versus_forward(ceiling, *data) if has_time else None
        step.begin("segments")
        parts, compared = tuple(scored.segments(segment_columns)), scored.compare()
        surprises = scored.surprises(order)
    return report_of(
        evidence_of(ceiling, assessed, found_curve, split, told),
        ceiling,
        compared,
        target=str(getattr(y, "name", None) or "the labels"),
        n_samples=len(data.y),
        n_features=data.X.shape[1],
        segments=parts,
        surprises=surprises,
        warnings=texts_of(told),
        settings=settings_of(ceiling, data, time),
    )


def prices_of(n_models: int, has_curve: bool, has_time: bool) -> dict[str, float]:
    """Return what the steps cost, relative to a ceiling without a bracket."""
    return {
        "ceiling": 1.5,
        "models": 0.3 * n_models,
        "curve": 0.9 * has_curve,
        "random and forward split": 1.5 * has_time,
        "segments": 0.2,
    }


def evidence_of(
    ceiling: GoldenModelCeiling,
    models: tuple[AssessedModel, ...],
    curve: LearnabilityCurve | None,
    split: RandomVersusForward | None,
    told: Sequence[warnings.WarningMessage],
) -> Evidence:
    """Return what findings are decided from."""
    return Evidence(
        shortfall=ceiling.shortfall_,
        models=models,
        curve=curve,
        split=split,
        duplicate_share=float(ceiling.duplicate_share_),
        has_copies=is_told_of_copies(told),
    )


def report_of(
    evidence: Evidence, ceiling: GoldenModelCeiling, compared: ModelComparison, **rest: Any
) -> LearnabilityReport:
    """Return the report of what was measured."""
    return LearnabilityReport(
        n_classes=len(ceiling.classes_),
        units=ceiling.units_,
        label_entropy=float(ceiling.label_entropy_),
        learnability=compared.learnability,
        shortfall=evidence.shortfall,
        candidates=ceiling.candidates_,
        comparison=compared,
        models=evidence.models,
        curve=evidence.curve,
        split=evidence.split,
        findings=findings_of(evidence),
        versions=versions_now(),
        **rest,
    )


def texts_of(told: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return the texts of warnings, each once."""
    return tuple(dict.fromkeys(f"{one.category.__name__}: {one.message}" for one in told))


def is_told_of_copies(told: Sequence[warnings.WarningMessage]) -> bool:
    """Return whether copies of rows were warned of."""
    return any(issubclass(one.category, DuplicateRowsWarning) for one in told)


def versions_now() -> dict[str, str]:
    """Return the versions that a report is made with."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


def check_groups(groups: NDArray[Any] | None) -> None:
    """Refuse fewer groups than folds."""
    n_groups = N_FOLDS if groups is None else pd.Series(groups).nunique()
    if n_groups < N_FOLDS:
        raise ValueError(
            f"Expected at least {N_FOLDS} groups, one for each fold, got {n_groups}. Leave groups "
            "out, or take finer ones."
        )


def order_of(time: ArrayLike | None, n_samples: int) -> Integers:
    """Return the positions of the rows in the order of their time, or as they are."""
    if time is None:
        return np.arange(n_samples)
    values = pd.Series(np.asarray(time))
    if len(values) != n_samples or values.isna().any():
        raise ValueError(
            f"Expected a time of each of {n_samples} rows, got {values.notna().sum()} in "
            f"{len(values)}."
        )
    if any(isinstance(value, str) for value in values):
        values = in_order(values.rename("time"))
    return np.asarray(values.argsort(kind="stable"))


def predicted(
    named: Mapping[str, BaseEstimator], ceiling: GoldenModelCeiling, data: TableRows, n_jobs: Any
) -> dict[str, Floats]:
    """Return the probabilities of each model by the folds of the ceiling.

    One that fails is left out with a warning, unless all do.
    """
    weights = {} if data.fit_weight is None else {"sample_weight": data.fit_weight}
    folds, found = ceiling._record.folds, {}
    for train, _ in folds.splits:
        alone = np.unique(data.y[train])
        if len(alone) < 2:
            raise ValueError(
                "Expected several classes among the rows that train each fold, got one whose "
                f"{len(train)} rows are all of {alone.tolist()[0]!r}: no model learns from these."
            )
    for name, model in named.items():
        params = weights if has_fit_parameter(model, "sample_weight") else {}
        try:
            found[name] = out_of_fold_probabilities(
                model, data.X, data.y, params, folds, ceiling.classes_, n_jobs=n_jobs
            )
        except Exception as error:
            if not found and name == list(named)[-1]:
                raise not_fitted(name, error) from error
            warn(f"{name} failed and is left out: {error}", FitFailedWarning)
    return found


def given_predictions(
    predictions: Mapping[str, ArrayLike] | None, order: Integers, classes: NDArray[Any]
) -> dict[str, Floats]:
    """Return the predictions that were given, in the order of the rows."""
    found = {}
    for name, proba in (predictions or {}).items():
        if isinstance(proba, pd.DataFrame):  # by the names of its columns, where they are classes
            by_name = proba.rename(columns=str)
            names = [str(label) for label in classes]
            proba = by_name[names] if set(by_name) == set(names) else by_name
        try:
            values = np.asarray(proba, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Expected predictions of {name} as numbers, got {error}.") from error
        if values.ndim == 1 and len(classes) == 2:
            values = np.column_stack([1 - values, values])
        if values.shape != (len(order), len(classes)):
            raise ValueError(
                f"Expected predictions of {name} of shape ({len(order)}, {len(classes)}), got "
                f"{values.shape}."
            )
        check_predicted(str(name), values)
        found[str(name)] = values[order]
    return found


def check_predicted(name: str, proba: Floats) -> None:
    """Refuse rows that are predicted in part; tell of those that are NaN, and so not predicted."""
    left_out = np.isnan(proba).all(axis=1)
    n_wrong = int((~np.isfinite(proba[~left_out]).all(axis=1)).sum())
    if n_wrong or left_out.all():
        raise ValueError(
            f"Expected finite predictions of {name}, or NaN of every class in rows without any, "
            f"got NaN or infinity in {n_wrong or len(proba)} of {len(proba)} rows."
        )
    if left_out.any():
        warn(
            f"{name} predicts {(~left_out).sum()} of {len(proba)} rows, which are all that models "
            "are scored on.",
            UnpredictedRowsWarning,
        )


def settings_of(
    ceiling: GoldenModelCeiling | GoldenModelCeilingRegressor, data: TableRows, time: Any
) -> dict[str, str]:
    """Return what the report was made with, in words."""
    return {
        "ceiling": str(ceiling.candidates),
        "folds": f"{N_FOLDS}, shuffled"
        if time is None
        else f"{N_FORWARD_FOLDS}, each from earlier rows",
        "groups": "no" if data.groups is None else f"{len(np.unique(data.groups))}",
        "weights": "no" if data.sample_weight is None else "yes",
        "random state": str(ceiling.random_state),
    }
