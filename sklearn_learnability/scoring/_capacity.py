"""Choosing a capacity from a search: the smallest that is as good as the best."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

Parameters = Mapping[str, Any]
Capacity = str | Callable[[Parameters], float]


def select_capacity(
    capacity: Capacity, *, metric: str = "score"
) -> Callable[[Mapping[str, Any]], int]:
    r"""Return a refit rule that picks the smallest capacity within one standard error of the best.

    .. math:: \min \{c : \bar d_c \le \mathrm{se}(\bar d_c)\}, \qquad
              d_c = \eta_{best} - \eta_c, \qquad \mathrm{se} = s_{d_c} / \sqrt{n_{splits}}

    with the difference taken split by split, so that what makes a split hard for every candidate
    cancels. Any score does: a ceiling shifts and stretches the scores of a split alike for all
    candidates, and leaves the pick as it is. Among candidates of equal capacity the one with the
    best score is taken. Pass it as ``refit=`` to GridSearchCV or RandomizedSearchCV.

    scikit-learn's halving searches take a function as ``refit=`` and never call it. Apply the rule
    to their results yourself: it then chooses among the candidates of the last iteration, which
    alone were scored on all the rows the search came to.

    Parameters
    ----------
    capacity : str or callable
        Name of the searched parameter that is the capacity: a number, a sequence of numbers such
        as layer widths, which are summed, or None for no limit, the largest of all. Or a function
        of a candidate's dict of parameters that returns one of these.
    metric : str, default="score"
        Name of the metric where several are scored.

    Returns
    -------
    callable
        A function of ``cv_results_`` that returns ``best_index_``.

    Raises
    ------
    ValueError
        When the rule is applied and the search has no such parameter or metric, a capacity is not
        a number, every score is NaN, or there is one split only.

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

    After a halving search:

    >>> from sklearn.experimental import enable_halving_search_cv
    >>> from sklearn.model_selection import HalvingGridSearchCV
    >>> halving = HalvingGridSearchCV(
    ...     DecisionTreeClassifier(min_samples_leaf=50, random_state=0),
    ...     {"max_leaf_nodes": [2, 4, 8, 16, 32]},
    ...     scoring=EfficiencyScorer(ceiling=0.3),
    ...     min_resources=500,
    ...     factor=2,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> index = select_capacity("max_leaf_nodes")(halving.cv_results_)
    >>> chosen = halving.cv_results_["params"][index]
    >>> model = DecisionTreeClassifier(min_samples_leaf=50, random_state=0).set_params(**chosen)
    >>> model = model.fit(X, y)
    """
    return partial(_smallest_within_one_standard_error, capacity=capacity, metric=metric)


def _smallest_within_one_standard_error(
    cv_results: Mapping[str, Any], *, capacity: Capacity, metric: str
) -> int:
    """Return the index of the chosen candidate in `cv_results`."""
    known = [key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_")]
    if metric not in known:
        raise ValueError(f"Expected a metric of the search, one of {known}, got metric={metric!r}.")
    split_key = re.compile(rf"split\d+_test_{re.escape(metric)}")
    splits = [key for key in cv_results if split_key.fullmatch(key)]
    if len(splits) < 2:
        raise ValueError(
            f"Expected at least 2 splits, got {len(splits)}: without a second one there is no "
            "standard error."
        )
    scores = np.column_stack([cv_results[key] for key in splits])
    means = scores.mean(axis=1)
    if "iter" in cv_results:  # of a halving search: earlier iterations saw fewer rows
        iteration = np.asarray(cv_results["iter"])
        means = np.where(iteration == iteration.max(), means, np.nan)
    if np.isnan(means).all():
        raise ValueError(
            "Expected a score of at least one candidate, got NaN for every one: the efficiency is "
            "undefined where the ceiling's lower limit is not above 0, or every fit failed."
        )
    best = np.nanargmax(means)
    error = (scores[best] - scores).std(axis=1, ddof=1) / np.sqrt(len(splits))
    good = np.flatnonzero(means[best] - means <= error)
    sizes = np.array([_size_of(cv_results["params"][index], capacity) for index in good])
    smallest = good[sizes == sizes.min()]
    return int(smallest[means[smallest].argmax()])


def _size_of(params: Parameters, capacity: Capacity) -> float:
    """Return a candidate's capacity as a number; None, no limit, is infinite."""
    if callable(capacity):
        value = capacity(params)
    elif capacity in params:
        value = params[capacity]
    else:
        raise ValueError(
            f"Expected a parameter that the search varies, one of {sorted(params)}, "
            f"got capacity={capacity!r}."
        )
    if value is None:
        return np.inf
    try:
        size = float(np.sum(value))
    except (TypeError, ValueError):
        size = np.nan
    if np.isnan(size):
        raise ValueError(
            f"Expected a number, numbers or None as capacity, got {value!r} in {params}. Pass a "
            "function of the parameters that returns a number."
        )
    return size
