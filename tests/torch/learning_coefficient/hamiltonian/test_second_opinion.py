"""What an estimate says of its own error: the bias of a finite temperature, and the variance."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.torch import (  # noqa: E402
    FlagCode,
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_regression_model,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import (  # noqa: E402
    extrapolate,
)


def estimate(known, **settings):
    llc = LocalLearningCoefficient(
        half_squared_error, sampler="hamiltonian", random_state=0, progress=False, **settings
    )
    return llc.estimate(known.model, known.data)


def value_of_a_quadratic(known, inverse_temperature, localization=1.0):
    """Return the sum of t h / (t h + gamma) / 2 over the curvatures h of half the squared error."""
    X = known.data[0].numpy()
    curvatures = np.linalg.eigvalsh(X.T @ X / len(X))
    stiffness = inverse_temperature * curvatures
    return float((stiffness / (stiffness + localization)).sum() / 2)


def test_the_bias_is_that_of_the_pull_where_the_loss_is_quadratic():
    known = make_linear_regression_model(
        10, n_samples=2000, condition=3.0, noise=1.0, random_state=0
    )
    found = estimate(known)
    exact = value_of_a_quadratic(known, found.settings.inverse_temperature) - known.truth.value
    assert exact < -0.01
    assert found.bias == pytest.approx(exact, rel=0.35)  # of its first order
    assert abs(found.value - known.truth.value) < 2 * found.total_error
    assert abs(found.value - known.truth.value) > 5 * found.standard_error


def test_the_variance_of_a_gaussian_posterior_is_the_value():
    known = make_linear_regression_model(20, n_samples=200, random_state=0)
    found = estimate(known, n_chains=64, n_draws=100)
    exact = 10.0  # half of a chi-square of 20 has the mean 10 and the variance 10
    assert found.variance_based == pytest.approx(exact, abs=4 * found.variance_based_error)
    assert 0 < found.variance_based_error < 0.1 * exact


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.NotAMinimumWarning")
def test_the_variance_needs_no_minimum():
    known = make_linear_regression_model(20, n_samples=200, random_state=0)
    with torch.no_grad():
        known.model.weight += 0.3
    found = estimate(known, n_chains=64, n_draws=100, localization=1e-3)
    assert FlagCode.NOT_A_MINIMUM in [flag.code for flag in found.flags]
    assert abs(found.value - 10) > 20
    assert found.variance_based == pytest.approx(10, abs=4 * found.variance_based_error)


def test_one_inverse_temperature_has_no_bias_and_its_error_is_that_of_sampling():
    known = make_linear_regression_model(5, n_samples=100, random_state=0)
    found = estimate(known, inverse_temperature=1e4)
    assert math.isnan(found.bias)
    assert found.total_error == found.standard_error


def test_errors_and_second_opinion_are_in_words_and_in_the_table():
    known = make_linear_regression_model(5, n_samples=200, noise=1.0, random_state=0)
    found = estimate(known)
    assert "finite n beta and pull add" in found.summary()
    assert "by the variance" in found.summary()
    row = found.to_frame().iloc[0]
    assert row["total_error"] == found.total_error
    assert row["variance_based"] == found.variance_based


def test_higher_values_at_lower_temperatures_are_in_the_bracket():
    rising = np.array([3e4, 7.5e3, 1875.0])
    found = extrapolate(rising, np.array([9.0, 10.0, 10.2]), np.array([0.1, 0.1, 0.1]))
    assert found.bracket[1] == pytest.approx(10.4)
    assert found.bracket[0] == pytest.approx(9.0 - 1 / 3 - 0.2)  # they may fall on


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.NotLocalWarning")
@pytest.mark.parametrize(("localization", "codes"), [(10.0, ["pull_damps"]), (0.01, [])])
def test_a_pull_that_is_given_with_the_temperature_is_what_is_flagged(localization, codes):
    """The variance is below the value by what the pull takes: the chains have converged."""
    known = make_linear_regression_model(8, n_samples=200, noise=1.0, random_state=0)
    found = estimate(
        known, inverse_temperature=10.0, localization=localization, n_chains=64, n_draws=100
    )
    exact = value_of_a_quadratic(known, 10.0, localization)
    assert abs(found.value - exact) < 4 * found.standard_error
    assert [flag.code for flag in found.flags] == codes
    for flag in found.flags:
        X = known.data[0].numpy()
        stiffness = 10.0 * np.linalg.eigvalsh(X.T @ X / len(X))
        taken = float((stiffness * localization / (stiffness + localization) ** 2).sum() / 2)
        told = float(flag.message.split("takes ")[1].split()[0])
        assert told == pytest.approx(taken, rel=0.1)
