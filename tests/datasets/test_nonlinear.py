import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import entr, expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures

from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_parity_classification,
)


def binary_entropy(p):
    return entr(p) + entr(1 - p)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("strength", [0.0, 0.7, 3.0])
def test_parity_is_two_biased_coins(order, strength):
    X, _, truth = make_parity_classification(
        100, order=order, signal_strength=strength, random_state=0, return_truth=True
    )
    expected = binary_entropy(expit(strength))
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-12)
    parity = np.sign(X[:, truth.law.active]).prod(axis=1)
    np.testing.assert_allclose(truth.predict_proba(X)[:, 1], expit(strength * parity))


def test_parity_with_noise_and_imbalance():
    truth = make_parity_classification(
        2,
        signal_strength=1.2,
        label_noise=(0.05, 0.2),
        positive_rate=0.3,
        random_state=0,
        return_truth=True,
    )[2]
    clean = expit(truth.intercept + np.array([-1.2, 1.2]))
    noisy = 0.05 * (1 - clean) + 0.8 * clean
    assert noisy.mean() == pytest.approx(0.3, abs=1e-10)
    assert truth.conditional_entropy("nats") == pytest.approx(
        binary_entropy(noisy).mean(), abs=1e-12
    )


def test_parity_hides_from_a_model_without_the_product():
    X, y, truth = make_parity_classification(
        5000, 4, learnability=0.6, random_state=0, return_truth=True
    )
    linear = LogisticRegression().fit(X, y)
    assert truth.gap(linear, X) == pytest.approx(truth.learnability, abs=0.02)
    signs = PolynomialFeatures(2, interaction_only=True).fit_transform(np.sign(X))
    product = LogisticRegression().fit(signs, y)
    assert truth.gap(product.predict_proba(signs), X) < 0.02


@pytest.mark.parametrize("frequency", [0.1, 1.0, 3.0, 12.0])
def test_law_of_one_block_against_quadrature(frequency):
    law = make_interaction_classification(2, 5, n_blocks=1, return_truth=True)[2].law

    def mean(function):
        density = stats.norm.pdf
        return integrate.quad(lambda x: function(x) * density(x), -9, 9, points=[0], limit=600)[0]

    sine = mean(lambda x: np.cos(frequency * np.sin(2 * x)))
    product = mean(lambda x: np.exp(-((frequency * x) ** 2) / 2))
    cosine_part = mean(lambda x: np.cos(frequency * abs(x)))
    sine_part = mean(lambda x: np.sin(frequency * abs(x)))
    expected = sine * product * (cosine_part**2 + sine_part**2)
    value = law.characteristic_function(np.array([frequency]))[0]
    assert value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("parameters", [{}, {"n_blocks": 4, "positive_rate": 0.1}], ids=str)
def test_interactions_against_many_rows(parameters):
    X, _, truth = make_interaction_classification(
        300_000, random_state=0, return_truth=True, **parameters
    )
    proba = truth.predict_proba(X)
    entropies = entr(proba).sum(axis=1)
    error = entropies.std() / np.sqrt(len(X))
    assert truth.conditional_entropy("nats") == pytest.approx(entropies.mean(), abs=3.5 * error)
    rate_error = proba[:, 1].std() / np.sqrt(len(X))
    assert truth.class_frequencies[1] == pytest.approx(proba[:, 1].mean(), abs=3.5 * rate_error)


def test_more_blocks_than_features_are_refused():
    with pytest.raises(ValueError, match="Expected n_blocks as an integer >= 1 and <= 2, got 3"):
        make_interaction_classification(10, 14, n_blocks=3)
    with pytest.raises(ValueError, match=r"order as .*got 11"):
        make_parity_classification(10, 10, order=11)


@pytest.mark.parametrize("noise", ["high", {}, [0.1, [0.2]], float("nan"), None])
def test_label_noise_that_is_no_rate_is_refused(noise):
    with pytest.raises(ValueError, match=r"^Expected label_noise as a rate below 0\.5"):
        make_interaction_classification(20, label_noise=noise)
