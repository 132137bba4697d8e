"""Numbers as lines, curves and products, with the groups that these belong to."""

from itertools import combinations
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._tables import row_blocks
from sklearn_learnability._validation import Floats

#: Rows whose columns are made at once in `fit`.
ROWS_OF_A_BLOCK = 8192

#: The least standard deviation that a column is divided by.
LEAST_SPREAD = 0.02


class Curves(TransformerMixin, BaseEstimator):
    """Numbers without gaps as lines, curves and products of two, centred and scaled.

    All lines are one group, the curve of each number is one, and so is each product. `groups_` has
    the group of each column.

    Parameters
    ----------
    n_knots : int, default=10
        Knots of the cubic splines, at quantiles.
    has_products : bool, default=True
        Whether there are products.
    """

    def __init__(self, *, n_knots: int = 10, has_products: bool = True) -> None:
        self.n_knots = n_knots
        self.has_products = has_products

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn knots, centres and scales."""
        X = np.asarray(X, dtype=np.float64)
        n_features = X.shape[1]
        self.lines_ = StandardScaler().fit(X)
        splines = SplineTransformer(n_knots=self.n_knots, knots="quantile", include_bias=False)
        self.splines_ = splines.fit(X)
        pairs = list(combinations(range(n_features), 2)) if self.has_products else []
        self.pairs_ = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        scaler = StandardScaler()
        for _, rows in row_blocks(X, ROWS_OF_A_BLOCK):
            scaler.partial_fit(self._columns(rows))
        self.centre_ = scaler.mean_
        self.spread_ = np.maximum(np.sqrt(scaler.var_), LEAST_SPREAD)
        n_curved = len(self.centre_) - n_features - len(pairs)
        curves = 1 + np.arange(n_curved) // max(n_curved // n_features, 1)
        products = 1 + n_features + np.arange(len(pairs))
        self.groups_ = np.concatenate([np.zeros(n_features, dtype=np.int64), curves, products])
        return self

    def transform(self, X: Floats) -> Floats:
        """Return lines, curves and products, of shape (n_samples, n_columns)."""
        check_is_fitted(self)
        return (self._columns(np.asarray(X, dtype=np.float64)) - self.centre_) / self.spread_

    def _columns(self, X: Floats) -> Floats:
        lines = self.lines_.transform(X)
        products = lines[:, self.pairs_[:, 0]] * lines[:, self.pairs_[:, 1]]
        return np.hstack([lines, self.splines_.transform(X), products])
