"""Crosses: indicators of categories and of their pairs, and slopes within categories."""

from itertools import combinations
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._validation import Floats, Integers

#: Categories of fewer rows share an indicator.
FEWEST_ROWS = 5


class Crosses(TransformerMixin, BaseEstimator):
    """Sparse indicators of categories and of pairs of them, and numbers times indicators.

    The first columns hold numbers, scaled and without gaps; then come categories, as whole numbers
    from 0. What two columns say together is in the pairs, what a number says within a category in
    the slopes. `groups_` has the group of each output: a column, a pair, or the slopes of a number
    within a column.

    Parameters
    ----------
    n_numeric : int
        Columns of numbers, for the slopes.
    n_crossed : int
        Columns of categories that are crossed, the first ones; others have indicators alone.
    scale : float, default=4.0
        What an indicator counts beside a number of standard deviation 1, where all coefficients
        are held back alike.
    """

    def __init__(self, n_numeric: int, n_crossed: int, *, scale: float = 4.0) -> None:
        self.n_numeric = n_numeric
        self.n_crossed = n_crossed
        self.scale = scale

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn which categories and pairs of them are common enough."""
        codes = self._codes(X)
        self.n_codes_ = int(codes.max(initial=0)) + 1
        parts = (codes[:, : self.n_crossed], codes[:, self.n_crossed :], self._pairs(codes))
        self.encoders_ = [_encoder().fit(part) if part.shape[1] else None for part in parts]
        self.groups_ = self._groups()
        return self

    def transform(self, X: Floats) -> sparse.csr_matrix:
        """Return indicators and slopes, of shape (n_samples, n_columns)."""
        check_is_fitted(self)
        codes = self._codes(X)
        parts = (codes[:, : self.n_crossed], codes[:, self.n_crossed :], self._pairs(codes))
        found = [
            encoder.transform(part)
            for encoder, part in zip(self.encoders_, parts, strict=True)
            if encoder is not None
        ]
        if self.n_crossed:
            numbers = np.asarray(X)[:, : self.n_numeric].astype(np.float64)
            found += [found[0].multiply(column[:, None]) for column in numbers.T]
        return self.scale * sparse.hstack(found, format="csr")

    def _groups(self) -> Integers:
        encoders = [encoder for encoder in self.encoders_ if encoder is not None]
        sizes = [_sizes(encoder) for encoder in encoders]
        if self.n_crossed:
            sizes += self.n_numeric * [sizes[0]]
        all_sizes = np.concatenate(sizes)
        return np.repeat(np.arange(len(all_sizes)), all_sizes)

    def _codes(self, X: Floats) -> Integers:
        return np.asarray(X)[:, self.n_numeric :].astype(np.int64)

    def _pairs(self, codes: Integers) -> Integers:
        """Return one code for each pair of crossed columns; new codes make new pairs."""
        pairs = [
            codes[:, a] * self.n_codes_ + np.minimum(codes[:, b], self.n_codes_ - 1)
            for a, b in combinations(range(self.n_crossed), 2)
        ]
        return np.column_stack(pairs) if pairs else np.empty((len(codes), 0), dtype=np.int64)


def _encoder() -> OneHotEncoder:
    return OneHotEncoder(min_frequency=FEWEST_ROWS, handle_unknown="infrequent_if_exist")


def _sizes(encoder: OneHotEncoder) -> Integers:
    """Return how many indicators each column has."""
    names = encoder.get_feature_names_out([str(i) for i in range(encoder.n_features_in_)])
    return np.bincount([int(name.split("_")[0]) for name in names])
