"""A classifier that is fitted on so many rows at most, and asked for blocks of rows."""

from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._tables import row_blocks, take_rows
from sklearn_learnability._thinning import thin_rows
from sklearn_learnability._validation import Floats, check_random_state, encode_labels
from sklearn_learnability.ceilings._out_of_fold import weight_parameter

#: Rows predicted at once.
ROWS_OF_A_BLOCK = 65_536


class ThinnedRows(ClassifierMixin, BaseEstimator):
    """A classifier on at most so many rows, which keeps the price of a dear one within bounds.

    Of more rows those of :func:`~sklearn_learnability._thinning.thin_rows` are fitted, with their
    weights: so many of every class, heavy ones first. `n_train_` says how many there were.

    Parameters
    ----------
    estimator : estimator
        The classifier, which takes weights.
    most_rows : int
        The rows that it is fitted on at most.
    random_state : int, RandomState instance or None, default=None
        Chooses the rows.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        most_rows: int,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.most_rows = most_rows
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Floats | None = None) -> Self:
        """Fit the classifier on all rows, or on some with weights that make up for the others."""
        y = np.asarray(y)
        if len(y) > self.most_rows:
            codes = encode_labels(y)[1]
            weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
            rng = check_random_state(self.random_state)
            rows, sample_weight = thin_rows(codes, weight, self.most_rows, rng)
            # a class without weight is one that the classifier knows of all the same
            lost = np.setdiff1d(np.unique(codes, return_index=True)[1], rows)
            lost = lost[~np.isin(codes[lost], codes[rows])]
            rows = np.concatenate([rows, lost])
            sample_weight = np.concatenate([sample_weight, np.zeros(len(lost))])
            X, y = take_rows(X, rows), y[rows]
        self.n_train_ = len(y)
        fit_params = (
            {} if sample_weight is None else weight_parameter(self.estimator, sample_weight)
        )
        with config_context(transform_output="default"):
            self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities in the order of `classes_`."""
        check_is_fitted(self)
        blocks = row_blocks(X, ROWS_OF_A_BLOCK)
        with config_context(transform_output="default"):
            return np.concatenate([self.estimator_.predict_proba(rows) for _, rows in blocks])
