import numpy as np
import pytest

from sklearn_learnability.torch.learning_coefficient._posterior_moments import (
    blocks_of,
    covariance_over_draws,
    mean_over_draws,
)


def autoregressive(rng, shape, memory):
    """Chains of variance 1 whose draws remember the last."""
    draws = rng.normal(size=shape)
    for t in range(1, shape[1]):
        fresh = np.sqrt(1 - memory**2) * draws[:, t]
        draws[:, t] = memory * draws[:, t - 1] + fresh
    return draws


def test_the_mean_and_covariance_are_those_of_all_draws():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 47, 600)), rng.normal(size=(3, 47, 530))
    assert np.allclose(mean_over_draws(x).value, x.mean(axis=(0, 1)))
    both = np.cov(np.r_[x.reshape(-1, 600).T, y.reshape(-1, 530).T], bias=True)
    assert np.allclose(covariance_over_draws(x, y).value, both[:600, 600:])


@pytest.mark.parametrize(("n_chains", "n_draws"), [(32, 40), (4, 400)])
def test_standard_errors_are_those_of_repeated_chains(n_chains, n_draws):
    rng = np.random.default_rng(0)
    x = autoregressive(rng, (n_chains, n_draws, 300), 0.7)
    y = autoregressive(rng, (n_chains, n_draws, 300), 0.7)
    mean = mean_over_draws(x)
    assert np.sqrt(np.mean(mean.value**2)) == pytest.approx(mean.standard_error.mean(), rel=0.3)
    covariance = covariance_over_draws(x, y)
    found = np.sqrt(np.mean(covariance.value**2))
    assert found == pytest.approx(covariance.standard_error.mean(), rel=0.3)


def test_noise_that_chains_share_is_in_the_error():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1, 400, 200))
    draws = np.repeat(shared, 4, axis=0) + 0.01 * rng.normal(size=(4, 400, 200))
    found = mean_over_draws(draws)
    assert found.standard_error.mean() == pytest.approx(1 / 20, rel=0.2)


def test_the_drift_is_the_second_half_less_the_first():
    draws = np.zeros((2, 40, 1))
    draws[:, 20:] = 3.0
    assert mean_over_draws(draws).drift == 3.0
    assert covariance_over_draws(draws, draws).drift == 0.0


def test_what_too_few_draws_say_of_errors_is_not_known():
    few = np.random.default_rng(0).normal(size=(1, 19, 1))
    found = mean_over_draws(few)
    assert np.isfinite(found.value).all()
    assert np.isnan(found.standard_error).all()
    assert np.isnan(found.drift).all()
    three = np.concatenate([few, few + 1, few + 2])
    assert mean_over_draws(three).standard_error == pytest.approx(1 / np.sqrt(3))


def test_blocks_of_time_cover_every_draw_once():
    blocks = blocks_of(47)
    assert len(blocks) == 10
    assert np.array_equal(np.concatenate([np.arange(47)[b] for b in blocks]), np.arange(47))
