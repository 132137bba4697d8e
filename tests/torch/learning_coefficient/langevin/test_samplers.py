"""Stationary variances against their closed forms on quadratics."""

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import KEPT, SAMPLERS

CURVATURES = torch.tensor([0.0, 0.5, 2.0, 10.0], dtype=torch.float64)
TEMPERATURE, LOCALIZATION = 20.0, 5.0


def chains(name, step_size, n_steps=1500, n_chains=4000, noise=0.0):
    """Positions (n_chains, 4) long after the start, of L = h w^2 / 2 around w* = 1."""
    generator = torch.Generator().manual_seed(0)
    start = torch.ones(4, dtype=torch.float64)
    posterior = GibbsPosterior(TEMPERATURE, LOCALIZATION, start)
    sampler = SAMPLERS[name]
    state = sampler.init(start.repeat(n_chains, 1), generator)
    for _ in range(n_steps):
        gradient = CURVATURES * (state.position - start)
        if noise:
            gradient = gradient + noise * torch.randn(
                gradient.shape, generator=generator, dtype=torch.float64
            )
        state, _ = sampler.step(state, gradient, posterior, step_size, generator)
    return state.position


def precision():
    return TEMPERATURE * CURVATURES + LOCALIZATION


@pytest.mark.parametrize("step_size", [0.002, 0.009])
def test_variance_of_sgld_is_the_euler_formula(step_size):
    expected = 1 / (precision() * (1 - step_size * precision() / 4))
    found = chains("sgld", step_size)
    torch.testing.assert_close(found.var(0), expected, rtol=0.08, atol=0)
    torch.testing.assert_close(found.mean(0), torch.ones(4).double(), rtol=0, atol=0.03)


def test_variance_of_leimkuhler_matthews_is_exact_at_a_large_step():
    found = chains("leimkuhler-matthews", 0.009)
    torch.testing.assert_close(found.var(0), 1 / precision(), rtol=0.08, atol=0)


def baoab_variances(step_size, noise=0.0):
    """The stationary variances of a linear recursion of position and momentum."""
    time, found = step_size**0.5, []
    drift, refresh = np.array([[1, time / 2], [0, 1]]), np.diag([1, KEPT])
    for precise in precision().numpy():
        after_kick = drift @ refresh @ drift
        kick = after_kick @ [0, -time * TEMPERATURE * noise]
        fresh = drift @ [0, (1 - KEPT**2) ** 0.5]
        step = after_kick @ [[1, 0], [-time * precise, 1]]
        added = np.outer(kick, kick) + np.outer(fresh, fresh)
        found.append(solve_discrete_lyapunov(step, added)[0, 0])
    return torch.tensor(found)


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_variance_of_baoab_is_exact_at_a_large_step_but_for_the_noise_of_gradients(noise):
    step_size = 0.004 if noise else 0.009
    found = chains("baoab", step_size, n_steps=700, noise=noise).var(0)
    torch.testing.assert_close(found, baoab_variances(step_size, noise), rtol=0.08, atol=0)
    torch.testing.assert_close(baoab_variances(step_size), 1 / precision())
    added = baoab_variances(step_size, noise) * precision() - 1
    expected = SAMPLERS["baoab"].speed * step_size * (TEMPERATURE * noise) ** 2 / 4
    assert (added >= 0.999 * expected - 1e-9).all()
    assert (added <= 1.3 * expected + 1e-9).all()


def test_a_momentum_moves_faster_along_slow_directions():
    """At one step size the mean of chains comes back sooner by the speed that is told."""
    start = torch.ones(1, dtype=torch.float64)
    posterior = GibbsPosterior(TEMPERATURE, LOCALIZATION, start)
    left = {}
    for name in ("leimkuhler-matthews", "baoab"):
        generator = torch.Generator().manual_seed(0)
        sampler = SAMPLERS[name]
        state = sampler.init(start.repeat(4000, 1) + 10.0, generator)
        for _ in range(80):
            flat = torch.zeros_like(state.position)
            state, _ = sampler.step(state, flat, posterior, 0.004, generator)
        left[name] = float((state.position - start).mean().log() - torch.tensor(10.0).log())
    assert left["baoab"] / left["leimkuhler-matthews"] == pytest.approx(3.0, rel=0.1)


def test_gradient_noise_adds_its_known_variance():
    step_size, noise = 0.004, 3.0
    plain = 1 / (precision() * (1 - step_size * precision() / 4))
    expected = plain * (1 + step_size * (TEMPERATURE * noise) ** 2 / 4)
    found = chains("sgld", step_size, noise=noise)
    torch.testing.assert_close(found.var(0), expected, rtol=0.08, atol=0)


def test_variance_of_the_preconditioned_sampler_where_noise_holds_its_scale_still():
    noise = 10.0
    step_size = 1e-4
    scaled = step_size * (noise + 0.1)  # so that the step with V = noise^2 is step_size
    plain = 1 / (precision() * (1 - step_size * precision() / 4))
    expected = plain * (1 + step_size * (TEMPERATURE * noise) ** 2 / 4)
    found = chains("rmsprop-sgld", scaled, n_steps=1500, noise=noise)
    torch.testing.assert_close(found.var(0)[2:], expected[2:], rtol=0.1, atol=0)


def test_first_preconditioned_step_by_hand():
    start, gradient = torch.zeros(1, 1), torch.tensor([[2.0]])
    posterior = GibbsPosterior(3.0, 7.0, start[0])
    generator = torch.Generator().manual_seed(1)
    sampler = SAMPLERS["rmsprop-sgld"]
    state = sampler.init(start + 0.5, generator)
    found, _ = sampler.step(state, gradient, posterior, 0.01, generator)
    noise = torch.randn(1, 1, generator=torch.Generator().manual_seed(1))
    scale = 1 / (0.2 + 0.1)  # V = .01 * 2^2, delta = .1
    expected = 0.5 - 0.005 * scale * (3 * 2 + 7 * 0.5) + (0.01 * scale) ** 0.5 * noise
    torch.testing.assert_close(found.position, expected)
    torch.testing.assert_close(found.memory, torch.tensor([[0.04]]))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_leaves_what_it_was_given(name):
    generator = torch.Generator().manual_seed(0)
    start = torch.zeros(3)
    state = SAMPLERS[name].init(torch.ones(2, 3), generator)
    before = [part.clone() for part in state]
    gradient = torch.ones(2, 3)
    SAMPLERS[name].step(state, gradient, GibbsPosterior(2.0, 1.0, start), 0.1, generator)
    for part, kept in zip(state, before, strict=True):
        torch.testing.assert_close(part, kept)
    torch.testing.assert_close(gradient, torch.ones(2, 3))
