import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import entr, expit, softmax

from sklearn_learnability.datasets import (
    make_learnability_classification,
    make_mixture_classification,
    make_network_classification,
)

GENERATORS = [make_network_classification, make_mixture_classification]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("frequencies", [(1 / 3, 1 / 3, 1 / 3), (0.9, 0.08, 0.02)])
def test_entropies_and_frequencies_against_many_rows(generator, frequencies):
    X, y, truth = generator(
        200_000,
        6,
        n_classes=3,
        class_frequencies=frequencies,
        random_state=0,
        return_truth=True,
    )
    proba = truth.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    entropies = entr(proba).sum(axis=1)
    error = np.hypot(entropies.std() / np.sqrt(len(X)), truth.conditional_entropy_error_nats)
    assert truth.conditional_entropy("nats") == pytest.approx(entropies.mean(), abs=3.5 * error)
    np.testing.assert_allclose(np.bincount(y) / len(y), frequencies, atol=0.006)
    np.testing.assert_allclose(proba.mean(axis=0), frequencies, atol=0.006)


@pytest.mark.parametrize("strength", [0.5, 2.0, 6.0])
def test_two_single_clusters_against_quadrature(strength):
    """The log-odds between two Gaussians are N(±δ²/2, δ²)."""
    truth = make_mixture_classification(
        2, 3, n_clusters=1, signal_strength=strength, random_state=0, return_truth=True
    )[2]
    distance = strength * np.linalg.norm(truth.centres[0, 0] - truth.centres[1, 0])
    log_odds = stats.norm(distance**2 / 2, distance).pdf

    def integrand(t):
        return (entr(expit(t)) + entr(expit(-t))) * log_odds(t)

    reach = distance**2 / 2 + 12 * distance
    expected = integrate.quad(integrand, -reach, reach, points=[0], limit=500)[0]
    error = 4 * truth.conditional_entropy_error_nats + 1e-9
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=error)


def test_mixture_posterior_is_bayes_rule():
    X, _, truth = make_mixture_classification(
        50, 2, n_classes=3, n_clusters=2, random_state=1, return_truth=True
    )
    density = np.array(
        [
            [
                np.mean(
                    [
                        stats.multivariate_normal(truth.signal_strength * centre).pdf(row)
                        for centre in clusters
                    ]
                )
                for clusters in truth.centres
            ]
            for row in X
        ]
    )
    np.testing.assert_allclose(
        truth.predict_proba(X), density / density.sum(axis=1, keepdims=True), rtol=1e-9
    )


def test_network_posterior_is_the_network():
    X, _, truth = make_network_classification(20, 4, random_state=0, return_truth=True)
    hidden = np.tanh(X @ truth.hidden_weights + truth.hidden_bias)
    logits = truth.intercepts + truth.signal_strength * hidden @ truth.output_weights
    np.testing.assert_allclose(truth.predict_proba(X), softmax(logits, axis=1))


def test_standard_error_covers_other_integration_points():
    """Entropies of the same clusters over new points scatter as the standard error says."""
    truth = make_mixture_classification(2, 4, n_clusters=2, random_state=0, return_truth=True)[2]
    rows, _ = truth.sample(1_000_000, random_state=1)
    entropies = entr(truth.predict_proba(rows)).sum(axis=1)
    error = np.hypot(entropies.std() / 1000, truth.conditional_entropy_error_nats)
    assert 0 < truth.conditional_entropy_error_nats < 0.003
    assert truth.conditional_entropy("nats") == pytest.approx(entropies.mean(), abs=3.5 * error)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("wish", [0.0, 0.005, 0.5, 0.95])
def test_a_wished_learnability_is_hit(generator, wish):
    truth = generator(2, 5, learnability=wish, random_state=0, return_truth=True)[2]
    assert truth.learnability == pytest.approx(wish, abs=1e-6)


def test_a_class_order_is_only_a_name():
    X, _, truth = make_network_classification(500, random_state=0, return_truth=True)
    model = np.random.default_rng(0).dirichlet(np.ones(5), size=500)
    shuffled = np.array([3, 0, 4, 1, 2])
    assert truth.gap(model[:, shuffled], X, labels=shuffled) == truth.gap(model, X)


def test_an_estimator_without_a_rare_class_is_charged():
    class Narrow:
        classes_ = np.array([0, 2])

        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    X, _, truth = make_network_classification(50, n_classes=3, random_state=0, return_truth=True)
    with pytest.warns(UserWarning, match="probability 0"):
        assert truth.gap(Narrow(), X) > 1


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("frequencies", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0)])
def test_bad_frequencies_are_refused(generator, frequencies):
    with pytest.raises(ValueError, match="class_frequencies"):
        generator(10, n_classes=3, class_frequencies=frequencies)


def test_two_classes_of_a_rate_of_one_in_a_thousand():
    y, truth = make_network_classification(
        100_000,
        n_classes=2,
        class_frequencies=(0.999, 0.001),
        learnability=0.2,
        random_state=0,
        return_truth=True,
    )[1:]
    assert y.mean() == pytest.approx(0.001, abs=4e-4)
    linear = make_learnability_classification(
        2, learnability=0.2, positive_rate=0.001, random_state=0, return_truth=True
    )[2]
    assert truth.conditional_entropy() == pytest.approx(linear.conditional_entropy(), rel=1e-6)


def test_a_network_that_fixes_its_classes_says_what_it_reaches():
    with pytest.raises(ValueError, match=r"Expected learnability in \[0.000, 0.99"):
        make_network_classification(10, 1, learnability=1.0, random_state=0)
