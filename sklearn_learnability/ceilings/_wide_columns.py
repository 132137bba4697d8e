"""Many columns made of few, a block of rows at a time and in single precision."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._tables import is_sparse, row_blocks, take_rows
from sklearn_learnability._validation import Floats

#: Rows whose columns are made at once, in double precision.
ROWS_OF_A_BLOCK = 8192

#: Entries are cut off here, so that those of rows far from all others stay finite in float32.
LARGEST_ENTRY = 1e30

#: Columns of less variance than this are left out.
LEAST_VARIANCE = 1e-8


class WideColumns(TransformerMixin, BaseEstimator):
    """The columns of several steps side by side in float32, dense or, where one is sparse, sparse.

    `groups_` has the group of each column: a step, or the last step of a pipeline, says by its own
    `groups_` which of its columns belong together; without one all do.

    Parameters
    ----------
    union : FeatureUnion
        Makes the columns. Its steps see no more than `ROWS_OF_A_BLOCK` rows at once, but in `fit`.
    """

    def __init__(self, union: FeatureUnion) -> None:
        self.union = union

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the steps, which make none of their columns in doing so."""
        self.union_ = clone(self.union).fit(X, y)
        first = take_rows(X, np.arange(1))
        groups, n_groups = [], 0
        for _, step in self.union_.transformer_list:
            last = step[-1] if isinstance(step, Pipeline) else step
            size = step.transform(first).shape[1]
            own = np.asarray(getattr(last, "groups_", np.zeros(size, dtype=np.int64)))
            groups.append(n_groups + own)
            n_groups += int(own.max(initial=-1)) + 1
        self.groups_ = np.concatenate(groups)
        return self

    def transform(self, X: Any) -> Any:
        """Return the columns, of shape (n_samples, n_columns)."""
        check_is_fitted(self)
        made = np.empty((0, len(self.groups_)), dtype=np.float32)
        compressed = []
        for place, rows in row_blocks(X, ROWS_OF_A_BLOCK):
            block = self.union_.transform(rows)
            if is_sparse(block):
                block.data.clip(-LARGEST_ENTRY, LARGEST_ENTRY, out=block.data)
                compressed.append(block.astype(np.float32).tocsr())
                continue
            if not len(made):
                made = np.empty((len(X), len(self.groups_)), dtype=np.float32)
            made[place] = np.clip(block, -LARGEST_ENTRY, LARGEST_ENTRY)
        return sparse.vstack(compressed, format="csr") if compressed else made


class ScaledColumns(TransformerMixin, BaseEstimator):
    """The columns of a transformer that vary, centred and scaled.

    Mean and variance are sums over blocks of rows in double precision.

    Parameters
    ----------
    columns : transformer
        Makes the columns, dense ones.
    """

    def __init__(self, columns: BaseEstimator) -> None:
        self.columns = columns

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer and learn which columns vary, and how much."""
        self.columns_ = clone(self.columns).fit(X, y)
        self.scaler_ = StandardScaler()
        for _, rows in row_blocks(X, ROWS_OF_A_BLOCK):
            self.scaler_.partial_fit(self.columns_.transform(rows))
        self.is_varying_ = self.scaler_.var_ > LEAST_VARIANCE
        if not self.is_varying_.any():
            self.is_varying_[0] = True
        return self

    def transform(self, X: Any) -> Floats:
        """Return the columns that vary, of shape (n_samples, n_columns)."""
        check_is_fitted(self)
        return self.scaler_.transform(self.columns_.transform(X))[:, self.is_varying_]
