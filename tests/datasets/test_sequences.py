from itertools import product

import numpy as np
import pytest
from scipy.special import entr

from sklearn_learnability.datasets import make_hidden_markov_chain, make_markov_chain


def make_markov_truth(**parameters):
    return make_markov_chain(2, random_state=0, **parameters, return_truth=True)[2]


def make_hidden_truth(**parameters):
    return make_hidden_markov_chain(2, random_state=0, **parameters, return_truth=True)[2]


@pytest.mark.parametrize(("n_states", "order"), [(2, 1), (3, 2), (2, 4), (5, 1)])
def test_entropy_rate_from_the_transition_matrix(n_states, order):
    truth = make_markov_truth(n_states=n_states, order=order)
    n_contexts = n_states**order
    matrix = np.zeros((n_contexts, n_contexts))
    for context in range(n_contexts):
        for symbol in range(n_states):
            successor = (context * n_states + symbol) % n_contexts
            matrix[context, successor] = truth.transition[context, symbol]
    values, vectors = np.linalg.eig(matrix.T)
    stationary = np.real(vectors[:, np.argmin(abs(values - 1))])
    stationary /= stationary.sum()
    expected = stationary @ entr(truth.transition).sum(axis=1)
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-10)
    marginal = np.bincount(np.arange(n_contexts) % n_states, weights=stationary)
    np.testing.assert_allclose(truth.class_frequencies, marginal, atol=1e-10)


def test_markov_entropy_of_every_step_by_enumeration():
    truth = make_markov_truth(n_states=2, order=2)
    block = []
    for length in range(1, 6):
        probability = np.full(2**length, 0.5 ** min(length, 2))
        for code, symbols in enumerate(product(range(2), repeat=length)):
            for t in range(2, length):
                context = symbols[t - 2] * 2 + symbols[t - 1]
                probability[code] *= truth.transition[context, symbols[t]]
        block.append(entr(probability).sum())
    expected = np.diff([0.0, *block])
    np.testing.assert_allclose(truth.conditional_entropy_per_step(5, "nats"), expected, atol=1e-12)


def test_markov_rows_follow_each_other():
    X, y, truth = make_markov_chain(2000, order=3, random_state=0, return_truth=True)
    np.testing.assert_array_equal(X[1:, :-1], X[:-1, 1:])
    np.testing.assert_array_equal(X[1:, -1], y[:-1])
    fresh, symbols = truth.sample(100_000, random_state=1)
    loss = -np.log2(truth.predict_proba(fresh)[np.arange(len(symbols)), symbols])
    error = loss.std() / np.sqrt(len(loss))
    assert truth.conditional_entropy() == pytest.approx(loss.mean(), abs=3.5 * error)


def test_markov_needs_its_oldest_symbol():
    X, y, _ = make_markov_chain(
        60_000, order=2, n_states=2, learnability=0.5, random_state=0, return_truth=True
    )
    for latest in (0, 1):
        assert y[X[:, 1] == latest].mean() == pytest.approx(0.5, abs=0.02)


@pytest.fixture(scope="module")
def hidden():
    return make_hidden_markov_chain(
        4000, n_lags=4, persistence=0.7, random_state=0, return_truth=True
    )


def sequence_probability(truth, symbols):
    """Sum over all hidden paths."""
    n_hidden = len(truth.emission)
    total = 0.0
    for path in product(range(n_hidden), repeat=len(symbols)):
        p = 1 / n_hidden
        for t, (state, symbol) in enumerate(zip(path, symbols, strict=True)):
            p *= truth.emission[state, symbol]
            if t:
                p *= truth.hidden_transition[path[t - 1], state]
        total += p
    return total


def test_hidden_posterior_and_entropy_by_enumeration_of_hidden_paths(hidden):
    truth = hidden[2]
    windows = np.array(list(product(range(2), repeat=4)))
    joint = np.array([[sequence_probability(truth, (*w, k)) for k in (0, 1)] for w in windows])
    assert joint.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        truth.predict_proba(windows), joint / joint.sum(axis=1, keepdims=True), rtol=1e-10
    )
    expected = entr(joint).sum() - entr(joint.sum(axis=1)).sum()
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-12)
    assert truth.conditional_entropy_per_step(5, "nats")[-1] == pytest.approx(expected, abs=1e-12)


def test_hidden_rate_is_below_every_window_and_above_the_known_state(hidden):
    """H(Y_t | past, first hidden state) <= rate <= H(Y_t | past)."""
    truth = hidden[2]
    upper = truth.conditional_entropy_per_step(14, "nats")
    assert (np.diff(upper) <= 1e-12).all()
    n_hidden = len(truth.emission)
    lower = 0.0
    for state in range(n_hidden):
        joint = np.eye(n_hidden)[[state]]
        for _ in range(13):
            seen = joint[:, :, None] * truth.emission
            joint = np.moveaxis(seen, 2, 0).reshape(-1, n_hidden) @ truth.hidden_transition
        lower += (entr(joint @ truth.emission).sum() - entr(joint.sum(axis=1)).sum()) / n_hidden
    margin = 4 * truth.entropy_rate_error_nats
    assert lower - margin < truth.entropy_rate("nats") < upper[-1] + margin
    assert upper[-1] - lower < 0.01


def test_hidden_sequence_prediction_reaches_the_rate(hidden):
    truth = hidden[2]
    _, y = truth.sample(20_000, random_state=3)
    proba = truth.predict_sequence(y)
    loss = -np.log2(proba[np.arange(len(y)), y])
    blocks = loss.reshape(100, -1).mean(axis=1)
    error = blocks.std() / 10
    assert truth.entropy_rate() == pytest.approx(loss.mean(), abs=3.5 * error)
    windows = np.array([y[10:14]])
    np.testing.assert_allclose(
        truth.predict_sequence(y[10:15])[-1], truth.predict_proba(windows)[0], rtol=1e-10
    )


def test_hidden_oracle_loss_converges(hidden):
    X, y = hidden[2].sample(100_000, random_state=5)
    loss = -np.log2(hidden[2].predict_proba(X)[np.arange(len(y)), y])
    blocks = loss.reshape(200, -1).mean(axis=1)
    error = blocks.std() / np.sqrt(200)
    assert hidden[2].conditional_entropy() == pytest.approx(loss.mean(), abs=3.5 * error)


def test_one_state_a_symbol_without_noise_is_a_markov_chain():
    truth = make_hidden_truth(states_per_symbol=1, signal_strength=60.0, persistence=0.8)
    expected = entr([0.8, 0.2]).sum()
    assert truth.entropy_rate("nats") == pytest.approx(expected, abs=1e-9)
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("wish", [0.0, 0.05, 0.4])
def test_wished_learnabilities_are_hit(wish):
    for make in (make_markov_truth, make_hidden_truth):
        assert make(learnability=wish).learnability == pytest.approx(wish, abs=1e-8)


def test_bad_sequences_are_refused(hidden):
    with pytest.raises(ValueError, match="symbols 0 to 1"):
        hidden[2].predict_proba([[0, 1, 2, 0]])
    with pytest.raises(ValueError, match=r"order as .*got 21"):
        make_markov_chain(10, n_states=2, order=21)
    with pytest.raises(ValueError, match=r"Expected learnability in \[0.000, 0.\d+\]"):
        make_hidden_truth(learnability=0.9)
