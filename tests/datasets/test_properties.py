"""Properties that hold for every generator and any parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

from sklearn_learnability.datasets import (
    make_drifting_classification,
    make_hidden_markov_chain,
    make_identifier_classification,
    make_interaction_classification,
    make_learnability_classification,
    make_learnability_regression,
    make_markov_chain,
    make_mixture_classification,
    make_network_classification,
    make_parity_classification,
    make_segmented_classification,
)

CLASSIFICATION = [
    make_drifting_classification,
    make_hidden_markov_chain,
    make_identifier_classification,
    make_interaction_classification,
    make_learnability_classification,
    make_markov_chain,
    make_mixture_classification,
    make_network_classification,
    make_parity_classification,
    make_segmented_classification,
]
WITH_STRENGTH = [
    make_learnability_regression,
    *(generator for generator in CLASSIFICATION if generator is not make_segmented_classification),
]
seeds = st.integers(0, 2**32 - 1)


def name(generator):
    return generator.__name__


@pytest.mark.parametrize("generator", WITH_STRENGTH, ids=name)
@settings(max_examples=4, deadline=None)
@given(seed=seeds, strengths=st.lists(st.floats(0, 8), min_size=2, max_size=2))
def test_learnability_is_a_share_and_rises_with_the_strength(generator, seed, strengths):
    weak, strong = (
        generator(2, signal_strength=strength, random_state=seed, return_truth=True)[2].learnability
        for strength in sorted(strengths)
    )
    assert 0 <= weak <= strong + 1e-9
    assert strong <= 1


@pytest.mark.parametrize("generator", CLASSIFICATION, ids=name)
@settings(max_examples=3, deadline=None)
@given(seed=seeds)
def test_the_oracle_loses_the_conditional_entropy(generator, seed):
    truth = generator(2, random_state=seed, return_truth=True)[2]
    X, y = truth.sample(20_000, random_state=seed)
    loss = -np.log(truth.predict_proba(X)[np.arange(len(y)), y])
    blocks = loss.reshape(100, -1).mean(axis=1)
    error = np.hypot(blocks.std(ddof=1) / 10, truth.conditional_entropy_error_nats)
    assert truth.conditional_entropy("nats") == pytest.approx(loss.mean(), abs=5 * error)


@pytest.mark.parametrize("generator", CLASSIFICATION, ids=name)
def test_same_seed_same_data_and_fresh_rows_differ(generator):
    first = generator(60, random_state=7, return_truth=True)
    again = generator(60, random_state=7)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    one, two, other = (first[2].sample(60, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[1], two[1])
    assert not np.array_equal(one[1], other[1])
    assert not np.array_equal(one[1], first[1])


@pytest.mark.parametrize("generator", CLASSIFICATION, ids=name)
def test_a_shared_generator_goes_on_instead_of_starting_again(generator):
    rng = np.random.RandomState(0)
    first, second = generator(60, random_state=rng), generator(60, random_state=rng)
    assert not np.array_equal(first[1], second[1])


@settings(max_examples=15, deadline=None)
@given(seed=seeds, rate=st.floats(0.001, 0.999), wish=st.floats(0.005, 0.9))
def test_learnability_and_rate_can_be_wished_together(seed, rate, wish):
    truth = make_learnability_classification(
        2, learnability=wish, positive_rate=rate, random_state=seed, return_truth=True
    )[2]
    assert truth.learnability == pytest.approx(wish, abs=1e-6)
    assert truth.label_entropy("nats") == pytest.approx(entr([rate, 1 - rate]).sum())


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_which_features_are_active_changes_nothing(seed):
    """All draws of the mask in one part are permutations of the features."""
    truth, other = (
        make_learnability_classification(2, random_state=s, return_truth=True)[2] for s in (seed, 0)
    )
    assert truth.conditional_entropy_nats == other.conditional_entropy_nats
    X = np.random.RandomState(1).standard_normal((30, 20))
    permuted = np.empty_like(X)
    inactive = np.setdiff1d(np.arange(20), truth.law.active)
    permuted[:, other.law.active] = X[:, truth.law.active]
    permuted[:, np.setdiff1d(np.arange(20), other.law.active)] = X[:, inactive]
    np.testing.assert_allclose(truth.predict_proba(X), other.predict_proba(permuted), rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, negatives=st.floats(0, 0.4), positives=st.floats(0, 0.4))
def test_exchanging_the_classes_changes_nothing(seed, negatives, positives):
    truth = make_learnability_classification(
        2,
        label_noise=(negatives, positives),
        positive_rate=0.45,
        random_state=seed,
        return_truth=True,
    )[2]
    mirror = make_learnability_classification(
        2,
        label_noise=(positives, negatives),
        positive_rate=0.55,
        random_state=seed,
        return_truth=True,
    )[2]
    assert truth.conditional_entropy_nats == pytest.approx(
        mirror.conditional_entropy_nats, abs=1e-10
    )


@settings(max_examples=10, deadline=None)
@given(noise=st.lists(st.floats(0, 0.45), min_size=2, max_size=2), seed=seeds)
def test_more_label_noise_is_less_learnable(noise, seed):
    little, much = (
        make_learnability_classification(2, label_noise=rate, random_state=seed, return_truth=True)[
            2
        ].learnability
        for rate in sorted(noise)
    )
    assert much <= little + 1e-12
