"""What follows from the traces of chains besides the value: the pull's part, and the variance."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.torch.learning_coefficient.langevin._flags import (  # noqa: E402
    flags_of_pull,
)
from sklearn_learnability.torch.learning_coefficient.langevin._traces import (  # noqa: E402
    ChainTraces,
    Figure,
    pull_takes,
    variance_by_two_batches,
)

CURVATURES, T, GAMMA = np.array([0.2, 1.0, 5.0]), 50.0, 20.0


def independent_draws(noise=0.0, n_chains=16, n_draws=4000):
    """Draw from the posterior of a quadratic loss; two batches see it with noise of their own."""
    rng = np.random.default_rng(0)
    stiffness = T * CURVATURES + GAMMA
    w = rng.normal(size=(n_chains, n_draws, 3)) / np.sqrt(stiffness)
    loss = (w**2 @ CURVATURES) / 2
    one, other = loss + noise * rng.normal(size=(2, *loss.shape))
    second = np.where(np.arange(n_draws) % 5 == 0, other, np.nan)
    return ChainTraces(one, second, (w**2).sum(axis=-1))


def test_what_the_pull_takes_is_the_derivative_of_the_value():
    found = pull_takes(independent_draws(noise=0.05), T, GAMMA)
    exact = float((T * CURVATURES * GAMMA / (T * CURVATURES + GAMMA) ** 2).sum() / 2)
    assert found.value == pytest.approx(exact, abs=4 * found.error)
    assert found.error < 0.1 * exact


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_variance_is_free_of_the_noise_of_batches(noise):
    found = variance_by_two_batches(independent_draws(noise), T)
    exact = float(((T * CURVATURES / (T * CURVATURES + GAMMA)) ** 2).sum() / 2)
    assert found.value == pytest.approx(exact, abs=4 * found.error)
    if noise:
        assert (T * independent_draws(noise).excess).var() > 20 * exact


def test_chains_that_stopped_are_left_out_and_nothing_noted_is_not_known():
    draws = independent_draws(n_chains=3, n_draws=50)
    draws.excess[1, 20:] = np.nan
    assert len(draws.whole_draws(10).excess) == 2
    assert np.isnan(pull_takes(ChainTraces.empty(2, 50), T, GAMMA).value)
    assert np.isnan(variance_by_two_batches(ChainTraces.empty(2, 50), T).value)


@pytest.mark.parametrize(
    ("taken", "flagged"),
    [
        (Figure(0.6, 0.1), True),
        (Figure(0.4, 0.1), False),  # a small share
        (Figure(0.6, 0.4), False),  # by chance, as exactly flat directions give it
        (Figure(float("nan"), float("nan")), False),
    ],
)
def test_what_the_pull_takes_by_chance_is_no_flag(taken, flagged):
    assert bool(flags_of_pull(SimpleNamespace(value=10.0), taken)) == flagged
