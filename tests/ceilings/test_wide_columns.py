"""Columns made in blocks of rows are those made at once."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from sklearn_learnability.ceilings import _curves, _wide_columns
from sklearn_learnability.ceilings._curves import Curves
from sklearn_learnability.ceilings._wide_columns import ScaledColumns, WideColumns


@pytest.fixture
def numbers():
    return np.random.default_rng(0).integers(5, size=(230, 4)).astype(np.float64)


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (_wide_columns, _curves):
        monkeypatch.setattr(module, "ROWS_OF_A_BLOCK", 50)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_blocks_side_by_side_and_below_each_other(numbers, small_blocks, is_sparse):
    encoder = OneHotEncoder(sparse_output=is_sparse)
    union = make_union(PolynomialFeatures(include_bias=False), encoder)
    wide = WideColumns(union).fit(numbers)
    made = wide.transform(numbers)
    whole = union.fit_transform(numbers)
    assert made.dtype == np.float32
    assert sparse.issparse(made) == is_sparse
    if is_sparse:
        made, whole = made.toarray(), whole.toarray()
    np.testing.assert_array_equal(made, whole)
    n_products = 4 + 10
    assert wide.groups_.tolist() == [0] * n_products + [1] * (made.shape[1] - n_products)


def test_a_row_far_from_all_others_stays_finite(numbers):
    wide = WideColumns(make_union(PolynomialFeatures())).fit(numbers)
    made = wide.transform(np.full((1, 4), 1e100))
    assert np.isfinite(made).all()
    assert made.max() > 1e29


def test_groups_of_a_step_are_counted_on(numbers, small_blocks):
    curves = Curves(n_knots=4)
    wide = WideColumns(make_union(FunctionTransformer(), curves)).fit(numbers)
    own = curves.fit(numbers).groups_
    np.testing.assert_array_equal(wide.groups_, np.r_[np.zeros(4), 1 + own])


def test_scales_from_blocks_are_those_of_all_rows(numbers, small_blocks):
    numbers = np.column_stack([numbers, np.full(len(numbers), 3.0)])
    scaled = ScaledColumns(PolynomialFeatures(include_bias=False)).fit(numbers)
    whole = StandardScaler().fit_transform(PolynomialFeatures().fit_transform(numbers))
    varies = whole.std(axis=0) > 0
    assert not varies.all()
    np.testing.assert_allclose(scaled.transform(numbers), whole[:, varies], atol=1e-12)


def test_one_column_stays_where_none_varies(small_blocks):
    scaled = ScaledColumns(StandardScaler()).fit(np.ones((60, 3)))
    np.testing.assert_array_equal(scaled.transform(np.ones((60, 3))), np.zeros((60, 1)))


def test_curves_from_blocks_are_those_of_all_rows(numbers, monkeypatch):
    whole = Curves(n_knots=4).fit_transform(numbers)
    monkeypatch.setattr(_curves, "ROWS_OF_A_BLOCK", 50)
    np.testing.assert_allclose(Curves(n_knots=4).fit_transform(numbers), whole, atol=1e-12)
