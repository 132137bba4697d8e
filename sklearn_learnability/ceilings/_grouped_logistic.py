"""Logistic regression that finds out which groups of its columns matter, and how much."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.ceilings._wide_columns import WideColumns

#: Variance of the coefficients before anything is known, and the least and most it becomes.
FIRST_VARIANCE, LEAST_VARIANCE, MOST_VARIANCE = 0.02, 1e-6, 10.0

#: Rounds in which the variances are found, and the rows they are found on at most.
ROUNDS, MOST_ROWS = 6, 20_000

#: With more columns than this all keep the first variance.
MOST_COLUMNS = 2000

#: Products in the sum of outer products, beyond which rows are left out of it, though not more than
#: would leave as many as there are columns.
MOST_PRODUCTS = 8_000_000_000

#: Columns with fewer entries than this share of all are handled as sparse ones.
SPARSE_SHARE = 0.1

#: What a group, and one of a single column, must overcome to be held back less than wholly: degrees
#: of freedom added to its own. A single column stays at a z of more than 1 + sqrt(4) = 3.
PRICE_OF_GROUP, PRICE_OF_ONE = 1.0, 4.0


class GroupedLogistic(ClassifierMixin, BaseEstimator):
    r"""Logistic regression whose groups of columns have a normal prior each, of fitted variance.

    .. math:: s_g^2 = \frac{\sum_{j \in g} w_j^2}{\gamma_g + c}, \qquad
              \gamma_g = \sum_{j \in g} \left(1 - \Sigma_{jj} / s_g^2\right)

    A few rounds of this fixed point of the evidence (D. J. C. MacKay, Neural Computation 1992,
    https://doi.org/10.1162/neco.1992.4.3.415), with the posterior covariance of Laplace's
    approximation. The price c holds groups of no effect at zero.

    Parameters
    ----------
    columns : WideColumns
        Makes the columns, in float32, and says by its `groups_` which of them belong together.
    """

    def __init__(self, columns: WideColumns) -> None:
        self.columns = columns

    def fit(self, X: Any, y: Any, sample_weight: Floats | None = None) -> Self:
        """Fit the columns, the variances of their groups and the coefficients."""
        self.columns_ = clone(self.columns)
        Z = self.columns_.fit_transform(X)
        y = np.asarray(y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        group = self.columns_.groups_
        some = slice(None, None, -(-len(y) // MOST_ROWS))
        variance = np.full(group.max(initial=0) + 1, FIRST_VARIANCE)
        if len(group) <= MOST_COLUMNS and len(np.unique(y[some])) == len(np.unique(y)):
            variance = find_variances(Z[some].astype(np.float64), y[some], weight[some], group)
        self.scale_ = np.sqrt(variance)[group]
        self.model_ = _model().fit(self._scale(Z), y, weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities in the order of `classes_`."""
        return self.model_.predict_proba(self._scale(self.columns_.transform(X)))

    def _scale(self, Z: Any) -> Any:
        """Scale columns that nobody else holds, in place."""
        scale = self.scale_.astype(Z.dtype)
        if isinstance(Z, np.ndarray):
            Z *= scale
        else:
            Z.data *= scale[Z.indices]
        return Z


def find_variances(Z: Any, y: Any, weight: Floats, group: Integers) -> Floats:
    """Return the variance of the coefficients of each group."""
    size = np.bincount(group)
    price = np.where(size == 1, PRICE_OF_ONE, PRICE_OF_GROUP)
    variance = np.full(len(size), FIRST_VARIANCE)
    for _ in range(ROUNDS):
        # with columns times the scale of their group all coefficients have variance 1
        scaled = _scaled(Z, np.sqrt(variance)[group])
        model = _model().fit(scaled, y, weight)
        squares, freedom = np.zeros(len(size)), np.zeros(len(size))
        proba = model.predict_proba(scaled)[:, -len(model.coef_) :]
        for coef, p in zip(model.coef_, proba.T, strict=True):
            precision = _gram(scaled, weight * p * (1 - p)) + np.eye(len(group))
            spread = np.diag(np.linalg.inv(precision))
            freedom += np.bincount(group, 1 - spread, minlength=len(size))
            squares += np.bincount(group, coef**2, minlength=len(size))
        variance = (variance * squares / (freedom + price)).clip(LEAST_VARIANCE, MOST_VARIANCE)
    return variance


def _model() -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=300)


def _scaled(Z: Any, scale: Floats) -> Any:
    return Z * scale if isinstance(Z, np.ndarray) else Z @ sparse.diags_array(scale)


def _gram(Z: Any, weight: Floats) -> Floats:
    """Return the weighted sum of the rows' outer products; of every so manieth if they are many."""
    n_rows, n_columns = Z.shape
    step = max(1, min(-(-n_rows * n_columns**2 // MOST_PRODUCTS), n_rows // n_columns))
    Z, weight = Z[::step], step * weight[::step]
    if not isinstance(Z, np.ndarray):
        if Z.nnz < SPARSE_SHARE * n_columns * Z.shape[0]:
            return (Z.T @ (sparse.diags_array(weight) @ Z)).toarray()
        Z = Z.toarray()
    return (Z * weight[:, None]).T @ Z
