"""Logistic regression on tables whose rows repeat each other."""

from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_learnability._tables import number_rows, take_rows
from sklearn_learnability._validation import Floats


class LogisticOnCells(LogisticRegression):
    """Logistic regression that fits equal rows of one label as one row of their weight.

    The minimum is the same, and its price is that of the distinct rows.
    """

    def fit(self, X: Any, y: Any, sample_weight: Floats | None = None) -> Self:
        """Fit distinct rows of features, dense or sparse, with the sum of their weights."""
        cell = number_rows(np.column_stack([number_rows(X), number_rows(y)]))
        first = np.unique(cell, return_index=True)[1]
        weight = np.bincount(cell, weights=sample_weight)
        return super().fit(take_rows(X, first), np.asarray(y)[first], weight.astype(np.float64))
