"""scikit-learn's boosted trees on tables they refuse: columns without a value, lone rows."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_learnability._validation import Floats

#: Iterations where too few rows are left to stop early on.
ITERATIONS_WITHOUT_STOPPING = 100


class BoostedTrees(ClassifierMixin, BaseEstimator):
    """HistGradientBoostingClassifier that takes empty columns and classes of a single row.

    A column without a value says nothing and is read as 0. The row of a class that has no other is
    given twice, at half its weight, so that one can stand among the rows to stop on; where those
    are fewer than the classes, nothing is stopped early.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        The model to fit, which stops early.
    """

    def __init__(self, trees: HistGradientBoostingClassifier) -> None:
        self.trees = trees

    def fit(self, X: Floats, y: Any, sample_weight: Floats | None = None) -> Self:
        """Fit the trees on numbers with NaN for what is missing."""
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
        self.is_empty_ = np.isnan(X).all(axis=0)
        self.classes_, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        lone = np.flatnonzero(counts[codes] == 1)
        rows = np.concatenate([np.arange(len(y)), lone])
        if len(lone):
            weight = np.ones(len(y)) if sample_weight is None else np.array(sample_weight)
            weight[lone] /= 2
            sample_weight = weight[rows]
        trees = clone(self.trees)
        n_stopping = int(np.ceil(trees.validation_fraction * len(rows)))
        if not len(counts) <= n_stopping <= len(rows) - len(counts):
            trees.set_params(early_stopping=False, max_iter=ITERATIONS_WITHOUT_STOPPING)
        self.trees_ = trees.fit(self._filled(X)[rows], y[rows], sample_weight=sample_weight)
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return the probabilities in the order of `classes_`."""
        return self.trees_.predict_proba(self._filled(np.asarray(X, dtype=np.float64)))

    def _filled(self, X: Floats) -> Floats:
        return np.where(self.is_empty_, 0.0, X)
