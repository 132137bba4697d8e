"""Candidates that are fitted on so many rows at most."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings import _golden_candidates, _out_of_fold, _thinned_rows
from sklearn_learnability.ceilings._thinned_rows import ThinnedRows
from sklearn_learnability.datasets import make_learnability_classification


def logistic_rows(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 3))
    return X, (rng.random(n_rows) < expit(X[:, 0] - 3)).astype(int)


def test_few_rows_are_fitted_as_without_it():
    X, y = logistic_rows(500, 0)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    thinned = ThinnedRows(model, 500).fit(X, y)
    np.testing.assert_array_equal(thinned.predict_proba(X), model.fit(X, y).predict_proba(X))
    assert thinned.n_train_ == 500


def test_a_part_of_many_rows_finds_the_same_coefficients_of_a_rare_class():
    X, y = logistic_rows(60_000, 1)
    model = ThinnedRows(LogisticRegression(C=1e6), 12_000, random_state=0).fit(X, y)
    assert 11_900 < model.n_train_ <= 12_000
    np.testing.assert_allclose(model.estimator_.coef_[0], [1, 0, 0], atol=0.1)
    np.testing.assert_allclose(model.estimator_.intercept_, -3, atol=0.1)
    again = ThinnedRows(LogisticRegression(C=1e6), 12_000, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.estimator_.coef_, model.estimator_.coef_)


def test_weights_of_a_part_are_those_of_the_rows():
    X, y = logistic_rows(40_000, 2)
    weight = np.where(X[:, 1] > 0, 4.0, 0.0)
    y = np.where(X[:, 1] > 0, y, 1 - y)  # rows without weight say the opposite
    model = ThinnedRows(LogisticRegression(C=1e6), 8000, random_state=0).fit(X, y, weight)
    np.testing.assert_allclose(model.estimator_.coef_[0, 0], 1, atol=0.15)


def test_a_class_without_weight_is_known_to_the_model():
    X, y = logistic_rows(1000, 4)
    y[:5] = 2
    model = ThinnedRows(LogisticRegression(), 100, random_state=0)
    model.fit(X, y, np.where(y == 2, 0.0, 1.0))
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X)[:, 2].max() < 0.1


def test_blocks_of_rows_are_predicted_as_all_at_once(monkeypatch):
    X, y = logistic_rows(300, 3)
    model = ThinnedRows(LogisticRegression(), 300).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr(_thinned_rows, "ROWS_OF_A_BLOCK", 70)
    np.testing.assert_array_equal(model.predict_proba(X), whole)


def test_the_ceiling_says_how_many_rows_each_candidate_was_fitted_on(monkeypatch):
    X, y, truth = make_learnability_classification(
        3000, 4, learnability=0.3, random_state=0, return_truth=True
    )
    whole = GoldenModelCeiling(["logistic", "splines"], random_state=0).fit(X, y)
    assert whole.candidates_["n_train"].tolist() == [2400, 2400]
    monkeypatch.setattr(_golden_candidates, "MOST_ROWS_OF_SPLINES", 1000)
    thinned = GoldenModelCeiling(["logistic", "splines"], random_state=0).fit(X, y)
    n_train = thinned.candidates_["n_train"].tolist()
    assert n_train[0] == 2400
    assert 990 < n_train[1] <= 1000
    assert thinned.models_[1][0].n_train == n_train[1]
    gaps = [truth.gap(ceiling.oof_proba_, X) for ceiling in (whole, thinned)]
    assert gaps[0] != gaps[1]
    assert max(gaps) < 0.005


def test_splines_do_not_mind_that_transformers_return_data_frames():
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"number": rng.standard_normal(300), "letter": rng.choice(list("abc"), 300)})
    y = (X["number"] + (X["letter"] == "a") + rng.standard_normal(300) > 0).astype(int)
    family = ["splines", "sparse_splines"]
    plain = GoldenModelCeiling(family, cv=2, random_state=0).fit(X, y)
    with config_context(transform_output="pandas"):
        framed = GoldenModelCeiling(family, cv=2, random_state=0).fit(X, y)
        np.testing.assert_array_equal(framed.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(framed.oof_proba_, plain.oof_proba_)


def test_single_precision_out_of_fold_loses_nothing(monkeypatch):
    X, y = make_learnability_classification(1000, 4, learnability=0.3, random_state=0)
    family = ["prior", "logistic", "splines"]
    double = GoldenModelCeiling(family, random_state=0).fit(X, y)
    monkeypatch.setattr(_out_of_fold, "MOST_IN_DOUBLE_PRECISION", 0)
    single = GoldenModelCeiling(family, random_state=0).fit(X, y)
    assert single.oof_proba_.dtype == np.float64
    np.testing.assert_allclose(single.oof_proba_, double.oof_proba_, atol=1e-5)
    assert single.learnability_ == pytest.approx(double.learnability_, abs=1e-6)
