import numpy as np
import pytest
from scipy import integrate, stats

from sklearn_learnability.datasets import make_learnability_regression


def make_truth(**parameters):
    parameters = {"n_samples": 2, "random_state": 0} | parameters
    return make_learnability_regression(**parameters, return_truth=True)[2]


@pytest.mark.parametrize("strength", [0.0, 0.1, 2.0])
def test_constant_noise_gives_r_squared(strength):
    truth = make_truth(n_active=4, signal_strength=strength)
    explained = 4 * strength**2
    assert truth.learnability == pytest.approx(explained / (1 + explained), abs=1e-12)


def test_r_squared_of_the_oracle_on_rows():
    X, y, truth = make_learnability_regression(
        100_000, learnability=0.4, random_state=0, return_truth=True
    )
    r_squared = 1 - np.mean((y - truth.predict(X)) ** 2) / y.var()
    assert r_squared == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("strength", "gamma"), [(0.0, 0.5), (1.0, 0.3), (2.0, 1.0)])
def test_marginal_entropy_against_nested_quadrature(strength, gamma):
    truth = make_truth(n_active=1, signal_strength=strength, heteroscedasticity=gamma)

    def density(y):
        def part(s):
            scale = np.hypot(strength, np.exp(gamma * s))
            return stats.norm.pdf(s) * np.exp(-((y / scale) ** 2) / 2) / scale

        return integrate.quad(part, -9, 9, points=[0])[0] / np.sqrt(2 * np.pi)

    def integrand(v):
        p = max(density(np.sinh(v)), 1e-300)
        return -2 * p * np.log(p) * np.cosh(v)

    expected = integrate.quad(integrand, 0, 12, limit=60, epsabs=1e-7)[0]
    assert truth.marginal_entropy("nats") == pytest.approx(expected, abs=1e-6)


def test_log_density_converges_to_the_conditional_entropy():
    X, y, truth = make_learnability_regression(
        100_000, heteroscedasticity=0.8, random_state=0, return_truth=True
    )
    loss = -truth.log_density(X, y)
    error = loss.std() / np.sqrt(len(y))
    assert truth.conditional_entropy() == pytest.approx(loss.mean(), abs=3.5 * error)


def test_changing_noise_tells_something_without_any_signal():
    truth = make_truth(signal_strength=0.0, heteroscedasticity=1.0)
    assert truth.predict(np.ones((1, 20))) == 0
    assert truth.learnability == pytest.approx(0.5786, abs=1e-4)
    with pytest.raises(ValueError, match=r"Expected learnability in \[0\.\d+, 1.0000\]"):
        make_truth(learnability=0.05, heteroscedasticity=1.0)


@pytest.mark.parametrize("gamma", [0.0, 0.4])
@pytest.mark.parametrize("wish", [0.3, 0.7, 0.99])
def test_a_wished_learnability_is_hit(gamma, wish):
    truth = make_truth(learnability=wish, heteroscedasticity=gamma)
    assert truth.learnability == pytest.approx(wish, abs=1e-9)


def test_divergence_of_gaussian_predictions():
    X, _, truth = make_learnability_regression(
        200, heteroscedasticity=0.5, random_state=0, return_truth=True
    )
    mean, deviation = truth.predict(X), truth.predict_standard_deviation(X)
    assert truth.kl_divergence(mean, deviation, X) == 0
    row = truth.kl_per_sample(mean + 0.3, 1.7, X, units="nats")[0]
    p, q = stats.norm(mean[0], deviation[0]), stats.norm(mean[0] + 0.3, 1.7)
    expected = integrate.quad(
        lambda y: p.pdf(y) * (p.logpdf(y) - q.logpdf(y)), *p.interval(1 - 1e-15)
    )[0]
    assert row == pytest.approx(expected, abs=1e-8)
    with pytest.raises(ValueError, match="positive"):
        truth.kl_divergence(mean, 0.0, X)
    with pytest.raises(ValueError, match="means"):
        truth.kl_divergence(mean[:5], 1.0, X)


def test_noise_needs_a_feature_of_its_own():
    with pytest.raises(ValueError, match=r"n_active as .*got 20"):
        make_truth(n_active="high", heteroscedasticity=0.5)
