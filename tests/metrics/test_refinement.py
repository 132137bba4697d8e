"""Refinements of a posterior: their mean, their entropy and their ends."""

import numpy as np
import pytest
from scipy.special import softmax

from sklearn_learnability.metrics._refinement import (
    mean_entropy,
    scatter,
    scattered_entropy,
    sharpen,
)

Q = softmax(np.random.default_rng(0).normal([1, 0, 0], size=(400, 3)), axis=1)
WEIGHT = np.random.default_rng(1).random(400)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_what_is_scattered_keeps_every_rows_mean_and_has_the_entropy(share):
    entropy = share * mean_entropy(Q, WEIGHT)
    found = scatter(Q, WEIGHT, entropy, 400, np.random.RandomState(0))
    mean = found.reshape(400, 400, 3).mean(axis=1)
    assert np.abs(mean - Q).max() < 5 * 0.5 / np.sqrt(400)
    assert mean_entropy(found, np.repeat(WEIGHT, 400)) == pytest.approx(entropy, abs=0.003)


def test_the_entropy_of_what_is_scattered_has_a_closed_form():
    """Around (1/2, 1/2) at concentration 2 the draws are uniform, of mean entropy 1/2 nat."""
    assert scattered_entropy(np.full((1, 2), 0.5), np.ones(1), 2.0) == pytest.approx(0.5)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_what_is_sharpened_keeps_frequencies_and_has_the_entropy(share):
    entropy = share * mean_entropy(Q, WEIGHT)
    found = sharpen(Q, WEIGHT, entropy)
    assert mean_entropy(found, WEIGHT) == pytest.approx(entropy, rel=1e-3)
    mean = [np.average(p, axis=0, weights=WEIGHT) for p in (found, Q)]
    np.testing.assert_allclose(*mean, atol=1e-4)


def test_two_classes_keep_their_order_where_they_are_sharpened():
    q = Q[:, :2] / Q[:, :2].sum(axis=1, keepdims=True)
    found = sharpen(q, WEIGHT, 0.5 * mean_entropy(q, WEIGHT))
    np.testing.assert_array_equal(np.argsort(found[:, 1]), np.argsort(q[:, 1]))


def test_nothing_is_done_where_no_entropy_is_to_go():
    entropy = mean_entropy(Q, WEIGHT)
    np.testing.assert_array_equal(sharpen(Q, WEIGHT, 1.1 * entropy), Q)
    found = scatter(Q, WEIGHT, 1.1 * entropy, 1, np.random.RandomState(0))
    np.testing.assert_array_equal(found, Q)


def test_without_entropy_labels_are_certain():
    for found in (scatter(Q, WEIGHT, 0.0, 50, np.random.RandomState(0)), sharpen(Q, WEIGHT, 0.0)):
        assert mean_entropy(found, np.ones(len(found))) < 0.01
        assert np.isfinite(found).all()
