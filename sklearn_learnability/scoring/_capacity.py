"""Choosing a capacity from a search: the smallest that is as good as the best."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

Parameters = Mapping[str, Any]
Capacity = str | Callable[[Parameters], float]


def select_capacity(
    capacity: Capacity, *, metric: str = "score"
) -> Callable[[Mapping[str, Any]], int]:
    r"""Return a refit rule that picks the smallest capacity within one standard error of the best.

    .. math:: \min \{c : \bar\eta_c \ge \bar\eta_{best} - \mathrm{se}(\bar\eta_{best})\}, \qquad
              \mathrm{se} = s / \sqrt{n_{splits}}

    with s the standard deviation of the best candidate's scores over the splits. Among candidates
    of equal capacity the one with the best score is taken. Pass it as ``refit=`` to GridSearchCV,
    RandomizedSearchCV or a halving search, with an efficiency scorer as ``scoring=``.

    Parameters
    ----------
    capacity : str or callable
        Name of the searched parameter that is the capacity (a number, or a sequence of numbers
        such as layer widths, which are summed), or a function of a candidate's dict of parameters
        that returns a number.
    metric : str, default="score"
        Name of the metric where several are scored.

    Returns
    -------
    callable
        A function of ``cv_results_`` that returns ``best_index_``.

    Raises
    ------
    KeyError
        When the rule is applied and the search has no such parameter or metric.
    ValueError
        When the rule is applied and every score is NaN, or there is one split only.

    References
    ----------
    L. Breiman, J. Friedman, R. Olshen and C. Stone. Classification and Regression Trees, 1984.
    https://doi.org/10.1201/9781315139470

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_learnability import EfficiencyScorer, select_capacity
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y = make_learnability_classification(1000, learnability=0.3, random_state=0)
    >>> search = GridSearchCV(
    ...     DecisionTreeClassifier(min_samples_leaf=50, random_state=0),
    ...     {"max_leaf_nodes": [2, 4, 8, 16, 32]},
    ...     scoring=EfficiencyScorer(ceiling=0.3),
    ...     refit=select_capacity("max_leaf_nodes"),
    ... ).fit(X, y)
    >>> search.best_params_["max_leaf_nodes"] in (2, 4, 8, 16, 32)
    True
    """
    return partial(_smallest_within_one_standard_error, capacity=capacity, metric=metric)


def _smallest_within_one_standard_error(
    cv_results: Mapping[str, Any], *, capacity: Capacity, metric: str
) -> int:
    """Return the index of the chosen candidate in `cv_results`."""
    if f"mean_test_{metric}" not in cv_results:
        known = [key[10:] for key in cv_results if key.startswith("mean_test_")]
        raise KeyError(f"Got metric={metric!r}, but the search has {known}.")
    splits = [key for key in cv_results if re.fullmatch(rf"split\d+_test_{metric}", key)]
    if len(splits) < 2:
        raise ValueError(
            f"Got {len(splits)} split, but expected at least 2: without a second one there is no "
            "standard error."
        )
    scores = np.column_stack([cv_results[key] for key in splits])
    means = scores.mean(axis=1)
    if np.isnan(means).all():
        raise ValueError(
            "Every candidate has a NaN score: the efficiency is undefined where the ceiling's "
            "lower limit is not above 0, or every fit failed."
        )
    best = np.nanargmax(means)
    standard_error = scores[best].std(ddof=1) / np.sqrt(len(splits))
    good = np.flatnonzero(means >= means[best] - standard_error)
    sizes = np.array([_size_of(cv_results["params"][index], capacity) for index in good])
    smallest = good[sizes == sizes.min()]
    return int(smallest[means[smallest].argmax()])


def _size_of(params: Parameters, capacity: Capacity) -> float:
    """Return a candidate's capacity as a number."""
    if callable(capacity):
        return float(capacity(params))
    if capacity not in params:
        raise KeyError(f"Got capacity={capacity!r}, but the search varies {sorted(params)}.")
    value = params[capacity]
    return float(value) if isinstance(value, Real) else float(np.sum(value))
