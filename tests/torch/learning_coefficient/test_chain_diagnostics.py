"""Against autoregressive chains, whose effective sample size is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    effective_sample_size,
    half_chain_drift,
    split_r_hat,
    standard_error_between,
    standard_error_within,
)
from sklearn_learnability.torch.learning_coefficient._flag import FlagCode
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import extrapolate
from sklearn_learnability.torch.learning_coefficient.hamiltonian._flags import Evidence, flags_of


def autoregressive(phi, n_chains=4, n_draws=4000, seed=0):
    """Chains of unit variance with correlation phi between neighbours."""
    rng = np.random.default_rng(seed)
    noise = np.sqrt(1 - phi**2) * rng.normal(size=(n_chains, n_draws))
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return lfilter([1], [1, -phi], noise, axis=1)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_effective_sample_size_of_an_autoregression(phi):
    expected = 16_000 * (1 - phi) / (1 + phi)
    assert effective_sample_size(autoregressive(phi)) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_standard_error_within_is_that_of_the_mean(phi):
    means = [autoregressive(phi, 2, 1000, seed).mean() for seed in range(300)]
    errors = [standard_error_within(autoregressive(phi, 2, 1000, seed)) for seed in range(30)]
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


def test_standard_error_between_is_that_of_independent_chains():
    draws = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert standard_error_between(draws) == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(standard_error_between(draws[:1]))


def test_r_hat_is_one_where_chains_agree_and_large_where_they_do_not():
    draws = autoregressive(0.5)
    assert split_r_hat(draws) == pytest.approx(1.0, abs=0.01)
    apart = draws + np.array([[0.0], [0.0], [2.0], [2.0]])
    # eight half chains, four of them 2 higher: their means vary by 8/7, draws within them by 1
    assert split_r_hat(apart) == pytest.approx(np.sqrt(1 + 8 / 7), abs=0.05)


def test_drift_of_a_line():
    draws = np.tile(np.linspace(1.0, 3.0, 101), (2, 1))
    assert half_chain_drift(draws) == pytest.approx(0.51, abs=0.01)
    assert half_chain_drift(draws[:, ::-1]) == pytest.approx(-0.51, abs=0.01)


def test_chains_that_stopped_are_left_out():
    draws = autoregressive(0.5)
    stopped = draws.copy()
    stopped[1, 2000:] = np.nan
    for diagnostic in (split_r_hat, effective_sample_size, standard_error_within):
        assert diagnostic(stopped) == diagnostic(draws[[0, 2, 3]])


@pytest.mark.parametrize("draws", [np.ones((2, 50)), np.full((2, 50), np.nan), np.ones((4, 2))])
def test_undefined_is_nan_without_a_warning(draws):
    assert np.isnan(split_r_hat(draws))
    assert np.isnan(effective_sample_size(draws))
    assert np.isnan(standard_error_within(draws))


def test_shape_is_checked():
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        split_r_hat([1.0, 2.0, 3.0])


def test_an_error_that_is_not_known_is_flagged():
    """Of two chains one never moved, and the other has too few draws for an error."""
    draws = np.array([[np.nan, np.nan], [3.0, 3.1]])
    error = np.fmax(standard_error_between(draws), standard_error_within(draws))
    ts, values = np.array([20.0, 5.0, 1.25]), np.array([3.0, 3.0, 3.0])
    limit = extrapolate(ts, values, np.array([0.1, 0.1, 0.1]))
    used = np.array([False, True])
    chains = (np.nan, np.nan, np.nan, 0.0, 20.0, np.inf, 0.0, 0.0)
    found = Evidence(draws, used, 0.0, 3.05, error, *chains, limit, 0.0, 0.0)
    told = {flag.code: flag.message for flag in flags_of(found)}
    assert told[FlagCode.LARGE_ERROR] == "The standard error is not known. Draw more."
