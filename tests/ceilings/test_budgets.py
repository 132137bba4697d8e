"""Named budgets: who is in them, and what they find."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings._logistic_on_cells import LogisticOnCells
from sklearn_learnability.datasets import load_military, make_learnability_classification

NEEDS_CATBOOST = pytest.mark.skipif(not find_spec("catboost"), reason="needs catboost")


def crossed_categories(n_samples, rng):
    """Return two categories whose pair alone decides, and the probability of class 1."""
    first, second = rng.integers(8, size=(2, n_samples))
    odds = np.where((first + second) % 2, 1.5, -1.5)
    frame = pd.DataFrame({"first": first.astype(str), "second": second.astype(str)})
    return frame, 1 / (1 + np.exp(-odds))


@NEEDS_CATBOOST
def test_fast_has_few_trees_and_no_network():
    X, y = make_learnability_classification(300, learnability=0.4, random_state=0)
    ceiling = GoldenModelCeiling("fast", cv=2, random_state=0).fit(X, y)
    names = ["prior", "logistic", "splines", "small_catboost"]
    assert ceiling.candidates_["candidate"].tolist() == names


@pytest.mark.parametrize(
    ("budget", "more"), [("default", []), ("best", ["large_network"])], ids=["default", "best"]
)
def test_dearer_budgets_hold_more(budget, more):
    for module in ("catboost", "torch", "skorch"):
        pytest.importorskip(module)
    X, y = make_learnability_classification(60, learnability=0.4, random_state=0)
    ceiling = GoldenModelCeiling(budget, cv=2, random_state=0).fit(X, y)
    names = ["prior", "logistic", "splines", "sparse_splines", "catboost", "network", *more]
    assert ceiling.candidates_["candidate"].tolist() == names
    assert np.isfinite(ceiling.oof_nll_).all()


def test_fast_finds_what_only_pairs_of_categories_say():
    rng = np.random.default_rng(0)
    X, proba = crossed_categories(3000, rng)
    ceiling = GoldenModelCeiling("fast", random_state=0).fit(X, rng.random(3000) < proba)
    fresh, proba = crossed_categories(2000, rng)
    divergence = np.log(np.stack([1 - proba, proba], 1) / ceiling.predict_proba(fresh))
    gap = np.mean(np.sum(np.stack([1 - proba, proba], 1) * divergence, axis=1)) / np.log(2)
    assert gap < 0.03


@NEEDS_CATBOOST
def test_small_trees_do_not_depend_on_units():
    """Trees see the order of a column alone."""
    X, y = make_learnability_classification(500, learnability=0.4, random_state=0)
    family = ["prior", "small_catboost"]
    plain = GoldenModelCeiling(family, cv=3, random_state=0).fit(X, y)
    scaled = GoldenModelCeiling(family, cv=3, random_state=0).fit(X * 8.0, y)
    np.testing.assert_allclose(scaled.oof_nll_, plain.oof_nll_, atol=1e-6)


@pytest.mark.parametrize("budget", ["fast", "best"])
def test_cells_are_given_neither_networks_nor_catboost(budget):
    X, y, truth = load_military(3000, random_state=0, return_truth=True)
    ceiling = GoldenModelCeiling(budget, random_state=0).fit(X, y)
    names = ["prior", "logistic", "splines", "hist_gradient_boosting"]
    assert ceiling.candidates_["candidate"].tolist() == names
    assert 0.5 * truth.learnability < ceiling.learnability_ < truth.learnability
    assert ceiling.learnability_lower_limit_ > 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_logistic_regression_on_cells_is_logistic_regression(container, is_weighted):
    rng = np.random.default_rng(0)
    X = rng.integers(3, size=(2000, 2)).astype(float)
    y = rng.binomial(2, 1 / (1 + np.exp(X[:, 0] - X[:, 1])))
    weight = rng.uniform(0.5, 2, len(y)) if is_weighted else None
    options = {"C": 0.1, "tol": 1e-8, "max_iter": 1000}
    plain = LogisticRegression(**options).fit(X, y, weight)
    merged = LogisticOnCells(**options).fit(container(X), y, weight)
    np.testing.assert_allclose(
        merged.predict_proba(container(X)), plain.predict_proba(X), atol=1e-5
    )
