"""Logistic regression on grouped columns: which groups it keeps, and what belongs together."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings import _grouped_logistic
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._crosses import Crosses
from sklearn_learnability.ceilings._curves import Curves
from sklearn_learnability.ceilings._golden_candidates import named_candidate
from sklearn_learnability.ceilings._grouped_logistic import (
    LEAST_VARIANCE,
    GroupedLogistic,
    find_variances,
)
from sklearn_learnability.ceilings._wide_columns import WideColumns


def sparse_task(n_samples, rng):
    """Return ten columns, of which a curve and a product matter, and the probability of class 1."""
    X = rng.standard_normal((n_samples, 10))
    return X, expit(2 * np.sin(2 * X[:, 0]) + 1.5 * X[:, 1] * X[:, 2])


def loss(proba, predicted):
    return -np.mean(proba * np.log(predicted[:, 1]) + (1 - proba) * np.log(predicted[:, 0]))


def test_the_variance_of_the_coefficients_is_recovered():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 60)
    Z = rng.standard_normal((8000, 180))
    drawn = rng.standard_normal(180) * np.array([0.3, 0.1, 0.0])[group]
    y = rng.random(8000) < expit(Z @ drawn)
    variance = find_variances(Z, y, np.ones(8000), group)
    of_drawn = [np.mean(drawn[group == g] ** 2) for g in range(2)]
    np.testing.assert_allclose(variance[:2], of_drawn, rtol=0.3)
    assert variance[2] < 0.1 * variance[1]


def test_dense_and_sparse_columns_and_repeated_rows_agree():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], 5)
    Z = rng.standard_normal((300, 10))
    y = rng.random(300) < expit(Z[:, 0] - Z[:, 1])
    weight = rng.integers(1, 3, 300)
    dense = find_variances(Z, y, weight.astype(float), group)
    compressed = find_variances(sparse.csr_array(Z), y, weight.astype(float), group)
    np.testing.assert_allclose(compressed, dense, rtol=0.02)
    rows = np.repeat(np.arange(300), weight)
    repeated = find_variances(Z[rows], y[rows], np.ones(len(rows)), group)
    np.testing.assert_allclose(repeated, dense, rtol=0.02)


def test_a_part_of_many_rows_tells_the_curvature(monkeypatch):
    rng = np.random.default_rng(7)
    group = np.repeat([0, 1], 20)
    Z = rng.standard_normal((8000, 40))
    y = rng.random(8000) < expit(Z @ (rng.standard_normal(40) * np.array([0.3, 0.05])[group]))
    whole = find_variances(Z, y, np.ones(8000), group)
    monkeypatch.setattr(_grouped_logistic, "MOST_PRODUCTS", 1000 * 40**2)
    part = find_variances(Z, y, np.ones(8000), group)
    assert (part != whole).any()
    np.testing.assert_allclose(part, whole, rtol=0.1)


def test_a_few_of_many_groups_are_kept():
    rng = np.random.default_rng(2)
    X, proba = sparse_task(4000, rng)
    y = rng.random(4000) < proba
    model = GroupedLogistic(WideColumns(make_union(Curves()))).fit(X, y)
    groups = model.columns_.groups_
    kept = {int(g) for g in groups[model.scale_**2 > 100 * LEAST_VARIANCE]}
    curve_of_first, product = 1, 11 + 9  # products are (0, 1), .., (0, 9), (1, 2), ..
    assert {curve_of_first, product} <= kept
    assert len(kept) < 15
    fresh, proba = sparse_task(5000, rng)
    Z, fresh_Z = model.columns_.transform(X), model.columns_.transform(fresh)
    ridge = LogisticRegression(C=0.02, max_iter=300).fit(Z, y)
    floor = loss(proba, np.column_stack([1 - proba, proba]))
    missed = loss(proba, model.predict_proba(fresh)) - floor
    assert missed < 0.7 * (loss(proba, ridge.predict_proba(fresh_Z)) - floor)


def test_a_group_of_curves_answers_to_its_own_numbers_alone():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((100, 3))
    curves = Curves(n_knots=5).fit(X)
    groups = curves.groups_
    assert groups.tolist() == sorted(groups)
    assert len(groups) == curves.transform(X).shape[1]
    moved = X.copy()
    moved[:, 2] = rng.permutation(moved[:, 2])
    changed = np.unique(groups[(curves.transform(X) != curves.transform(moved)).any(axis=0)])
    # the lines, the curve of the third number, and its two products
    assert changed.tolist() == [0, 3, 5, 6]


def test_a_group_of_crosses_answers_to_its_own_columns_alone():
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.standard_normal(500), rng.integers(3, size=(500, 3))])
    crosses = Crosses(1, 2).fit(X)
    before = crosses.transform(X).toarray()
    assert len(crosses.groups_) == before.shape[1]
    # groups: columns 1, 2, 3, the pair (1, 2), slopes within 1, within 2
    for column, expected in [(0, [4, 5]), (1, [0, 3, 4]), (2, [1, 3, 5]), (3, [2])]:
        moved = X.copy()
        moved[:, column] = rng.permutation(moved[:, column])
        changed = (crosses.transform(moved).toarray() != before).any(axis=0)
        assert np.unique(crosses.groups_[changed]).tolist() == expected


@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_that_say_nothing_are_taken(n_classes):
    rng = np.random.default_rng(5)
    n_samples = 120
    X = pd.DataFrame(
        {
            "constant": 1.0,
            "two values": rng.integers(2, size=n_samples).astype(float),
            "mostly zero": np.where(rng.random(n_samples) < 0.9, 0.0, 1e6),
            "gaps": np.where(rng.random(n_samples) < 0.3, np.nan, 1.0),
            "empty": np.nan,
            "category": rng.choice(list("abc"), n_samples),
        }
    )
    y = rng.integers(n_classes, size=n_samples)
    for columns in (list(X), ["constant"], ["category"], ["empty"]):
        model = named_candidate("sparse_splines", Table.of(X[columns], n_classes))
        proba = model.fit(X[columns], y).predict_proba(X[columns])
        np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_that_a_value_is_missing_may_be_what_matters():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((600, 2))
    gap = rng.random(600) < 0.5
    y = rng.random(600) < np.where(gap, 0.9, 0.1)
    X[gap, 0] = np.nan
    ceiling = GoldenModelCeiling(["prior", "sparse_splines"], cv=3, random_state=0).fit(X, y)
    assert ceiling.learnability_ > 0.35  # of 0.53
