"""Factorization machines and TabTransformers: scikit-learn's checks, and what they can learn."""

import os
import signal
import sys
import threading

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_learnability.torch.candidates._factorization_machine import FactorizationMachine
from sklearn_learnability.torch.candidates._tab_transformer import TabTransformer

MODELS = [FactorizationMachine, TabTransformer]

#: Training takes rows in batches: two copies fall into two steps, a row of weight 2 into one.
TAKES_BATCHES = "takes rows in batches: a weight is not the same as copies in different steps"


def expected_failed_checks(estimator):
    """Return the checks that cannot hold, with the reason."""
    return {"check_sample_weight_equivalence_on_dense_data": TAKES_BATCHES}


@pytest.mark.slow
@parametrize_with_checks(
    [FactorizationMachine(max_epochs=100), TabTransformer(max_epochs=100)],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def agreeing_levels(n_rows, rng):
    """Return two columns of ten levels that act together alone, and what they say."""
    codes = rng.integers(10, size=(n_rows, 2))
    is_likely = (codes[:, 0] < 5) == (codes[:, 1] < 5)
    y = np.where(rng.random(n_rows) < 0.9, is_likely, ~is_likely).astype(int)
    return codes.astype(float), y, is_likely


@pytest.mark.parametrize("model", MODELS)
def test_what_two_columns_say_together_is_found(model):
    rng = np.random.default_rng(0)
    X, y, _ = agreeing_levels(2000, rng)
    fresh, _, is_likely = agreeing_levels(2000, rng)
    proba = model(2, random_state=0).fit(X, y).predict_proba(fresh)[:, 1]
    assert np.abs(proba - np.where(is_likely, 0.9, 0.1)).mean() < 0.06


@pytest.mark.parametrize("model", MODELS)
def test_effects_of_numbers_and_of_levels_add_up_over_three_classes(model):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.standard_normal(3000), rng.integers(3, size=3000)])
    y = np.where(rng.random(3000) < 0.8, X[:, 1], rng.integers(3, size=3000)).astype(int)
    y[X[:, 0] > 1] = 2
    fitted = model(1, random_state=0).fit(X, np.array(["a", "b", "c"])[y])
    proba = fitted.predict_proba([[-1.0, 0], [-1.0, 1], [2.5, 0]])
    assert fitted.classes_[proba.argmax(axis=1)].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(proba[0], [13 / 15, 1 / 15, 1 / 15], atol=0.1)


@pytest.mark.parametrize("model", MODELS)
def test_levels_that_are_rare_or_new_are_alike(model):
    rng = np.random.default_rng(2)
    X = rng.integers(4, size=(600, 2)).astype(float)
    X[:10, 0] = np.arange(100, 110)
    y = (X[:, 1] > 1).astype(int)
    fitted = model(2, n_members=1, random_state=0).fit(X, y)
    strange = [[100.0, 0], [109.0, 0], [-1, 0], [4000, 0], [-2, 0]]
    proba = fitted.predict_proba(strange)
    np.testing.assert_allclose(proba, np.repeat(proba[:1], 5, axis=0), rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_fixes_the_model_and_leaves_torch_alone(model):
    X, y, _ = agreeing_levels(300, np.random.default_rng(3))
    before = torch.get_rng_state()
    first, again, other = (
        model(2, n_members=1, max_epochs=3, random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", MODELS)
def test_a_row_is_predicted_alike_whatever_stands_beside_it(model):
    X, y, _ = agreeing_levels(300, np.random.default_rng(4))
    fitted = model(2, max_epochs=3, random_state=0).fit(X, y)
    alone = np.vstack([fitted.predict_proba(row[None]) for row in X[:20]])
    np.testing.assert_allclose(fitted.predict_proba(X)[:20], alone, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_rows_without_weight_are_none(model):
    rng = np.random.default_rng(5)
    X, y, _ = agreeing_levels(500, rng)
    noise, none = rng.integers(2, size=500), np.zeros(500)
    both, labels = np.vstack([X, X]), np.concatenate([y, noise])
    weight = np.concatenate([none + 1, none])
    weighted = model(2, max_epochs=3, random_state=0).fit(both, labels, sample_weight=weight)
    plain = model(2, max_epochs=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("model", MODELS)
def test_weights_shift_the_frequencies(model):
    rng = np.random.default_rng(6)
    X, y = rng.integers(3, size=(2000, 2)).astype(float), np.arange(2000) % 2
    weight = np.where(y == 1, 4.0, 1.0)
    fitted = model(2, random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(fitted.predict_proba(X)[:, 1], 0.8, atol=0.06)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot interrupt itself")
@pytest.mark.parametrize("model", MODELS)
def test_an_interrupt_ends_the_training(model):
    X, y, _ = agreeing_levels(3000, np.random.default_rng(6))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model(2, n_members=10**6, random_state=0).fit(X, y)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n_rows", [2, 5, 21])
def test_few_rows_and_numbers_alone_are_taken(model, n_rows):
    X = np.random.default_rng(7).standard_normal((n_rows, 3))
    y = np.arange(n_rows) % 2
    proba = model(max_epochs=2, random_state=0).fit(X, y).predict_proba(X)
    assert np.isfinite(proba).all()
