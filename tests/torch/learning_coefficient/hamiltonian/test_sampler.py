import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient.hamiltonian import _sampler as hamiltonian
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss, full_batch_loss

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(matrix):
    """Return the loss w' A w / 2 and its gradient."""

    def loss_and_gradient(position):
        gradient = position @ matrix
        return 0.5 * (position * gradient).sum(1), gradient

    return loss_and_gradient


def powers_of(exponents):
    """Return the loss prod |w_i|^p_i and its gradient."""

    def loss_and_gradient(position):
        leaf = position.detach().requires_grad_()
        loss = (leaf.abs() ** torch.tensor(exponents)).prod(1)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), gradient

    return loss_and_gradient


def run(loss_and_gradient, posterior, position, n_steps, step_size, seed=0, longest=10):
    generator = seeded(seed)
    state = hamiltonian.init(position, loss_and_gradient)
    losses, rates = [], []
    for _ in range(n_steps):
        n_leapfrogs = int(torch.randint(1, longest + 1, (), generator=generator))
        state, info = hamiltonian.step(
            state, loss_and_gradient, posterior, step_size, n_leapfrogs, generator
        )
        losses.append(state.loss)
        rates.append(float(info.acceptance.mean()))
    return state, torch.stack(losses, 1), np.mean(rates)


@pytest.mark.parametrize("step_size", [0.05, 0.25])
def test_gaussian_stays_itself(step_size):
    """Exact draws keep their covariance, also at a step size that rejects many."""
    matrix = torch.tensor([[3.0, 1.0], [1.0, 1.0]], dtype=DOUBLE)
    posterior = GibbsPosterior(10.0, 2.0, torch.zeros(2, dtype=DOUBLE))
    covariance = torch.linalg.inv(10 * matrix + 2 * torch.eye(2, dtype=DOUBLE))
    noise = torch.randn(10_000, 2, generator=seeded(1), dtype=DOUBLE)
    start = noise @ torch.linalg.cholesky(covariance).T
    state, _, rate = run(gaussian(matrix), posterior, start, 8, step_size)
    torch.testing.assert_close(torch.cov(state.position.T), covariance, rtol=0.08, atol=0.002)
    assert rate > 0.99 if step_size == 0.05 else rate < 0.97


def test_gaussian_is_reached_from_afar():
    matrix = torch.diag(torch.tensor([5.0, 1.0], dtype=DOUBLE))
    centre = torch.tensor([1.0, -2.0], dtype=DOUBLE)
    posterior = GibbsPosterior(4.0, 1.0, centre)
    state, *_ = run(gaussian(matrix), posterior, centre.repeat(8000, 1), 30, 0.2)
    precision = 4 * torch.diag(matrix) + 1
    torch.testing.assert_close(state.position.mean(0), centre / precision, atol=0.02, rtol=0)
    torch.testing.assert_close(state.position.var(0), 1 / precision, rtol=0.06, atol=0)


@pytest.mark.parametrize(
    ("exponents", "inverse_temperature"), [((4.0,), 50.0), ((2.0, 2.0), 30.0), ((2.0, 4.0), 30.0)]
)
def test_singular_posteriors_agree_with_quadrature(exponents, inverse_temperature):
    """t E[K] at the same inverse temperature and localization."""
    x = np.linspace(-12, 2.5, 1201)  # logarithms of |w|
    grids = np.meshgrid(*[x] * len(exponents), indexing="ij")
    log_loss = sum(p * g for p, g in zip(exponents, grids, strict=True))
    log_prior = sum(g - 0.5 * np.exp(2 * g) for g in grids)
    log_density = log_prior - inverse_temperature * np.exp(log_loss)
    density = np.exp(log_density - logsumexp(log_density))
    expected = float((density * inverse_temperature * np.exp(log_loss)).sum())
    start = torch.zeros(1000, len(exponents), dtype=DOUBLE)
    posterior = GibbsPosterior(inverse_temperature, 1.0, start[0])
    _, losses, _ = run(powers_of(exponents), posterior, start, 120, 0.12, longest=20)
    found = inverse_temperature * losses[:, 40:].mean(1)
    error = float(found.std()) / math.sqrt(len(found))
    assert error < 0.02 * expected
    assert float(found.mean()) == pytest.approx(expected, abs=3.5 * error)


def test_ends_that_are_not_finite_are_rejected():
    """A chain stays where it is, and the others go on."""

    def loss_and_gradient(position):
        loss = position.square().sum(1)
        return torch.where(position[:, 0] > 1.0, math.nan, loss), 2 * position

    start = torch.tensor([[0.999, 0.0], [-0.1, 0.0]], dtype=DOUBLE)
    posterior = GibbsPosterior(0.001, 0.0, torch.zeros(2, dtype=DOUBLE))
    state = hamiltonian.init(start, loss_and_gradient)
    generator = seeded(3)
    diverged = torch.zeros(2)
    for _ in range(20):
        state, info = hamiltonian.step(state, loss_and_gradient, posterior, 0.5, 3, generator)
        diverged += info.diverged
        assert not (info.accepted & info.diverged).any()
    assert torch.isfinite(state.loss).all()
    assert (state.position[:, 0] <= 1.0).all()
    assert diverged.sum() > 0


def test_step_does_not_change_what_it_was_given():
    loss_and_gradient = gaussian(torch.eye(2, dtype=DOUBLE))
    start = torch.ones(3, 2, dtype=DOUBLE)
    state = hamiltonian.init(start, loss_and_gradient)
    before = [part.clone() for part in state]
    posterior = GibbsPosterior(1.0, 1.0, torch.zeros(2, dtype=DOUBLE))
    hamiltonian.step(state, loss_and_gradient, posterior, 0.3, 4, seeded())
    assert all(torch.equal(a, b) for a, b in zip(state, before, strict=True))


@pytest.mark.parametrize("first", [1e-3, 10.0])
def test_step_size_adapts_to_the_acceptance(first):
    matrix = torch.eye(20, dtype=DOUBLE)
    loss_and_gradient = gaussian(matrix)
    posterior = GibbsPosterior(100.0, 1.0, torch.zeros(20, dtype=DOUBLE))
    state = hamiltonian.init(torch.zeros(30, 20, dtype=DOUBLE), loss_and_gradient)
    adaptation = hamiltonian.init_adaptation(first)
    generator = seeded()
    for _ in range(50):
        state, info = hamiltonian.step(
            state, loss_and_gradient, posterior, adaptation.step_size, 2, generator
        )
        adaptation = hamiltonian.adapt(adaptation, float(info.acceptance.mean()))
    rates = []
    for _ in range(20):
        state, info = hamiltonian.step(
            state, loss_and_gradient, posterior, adaptation.average, 2, generator
        )
        rates.append(float(info.acceptance.mean()))
    assert np.mean(rates) == pytest.approx(hamiltonian.TARGET_ACCEPTANCE, abs=0.08)


class Branching(nn.Module):
    """Cannot go through vmap: it looks at its parameter."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.3], dtype=DOUBLE))

    def forward(self, x):
        return x * (self.w if float(self.w.detach()) > 0 else 2 * self.w)


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x = torch.randn(30, 3, generator=seeded(), dtype=DOUBLE)
    return model, (x, model(x).detach() + 0.1)


def test_chains_together_are_chains_one_by_one():
    """With the same random numbers: recorded, vectorised and looped calls of the model."""
    model, data = network()
    ends = []
    for kind in ("recorded", "vectorised", "looped"):
        flat = FlatLoss(EmpiricalLoss(model, nn.MSELoss(), data))
        flat.vectorised = kind != "looped"
        batch = flat.batch(torch.arange(30))
        direct = flat.values_and_gradients
        call = full_batch_loss(flat) if kind == "recorded" else lambda p, f=direct, b=batch: f(p, b)
        posterior = GibbsPosterior(100.0, 1.0, flat.start)
        state, *_ = run(call, posterior, flat.start.repeat(5, 1), 10, 0.02)
        ends.append(state.position)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ends[1], ends[2], rtol=1e-9, atol=1e-12)


def test_models_that_cannot_be_vectorised_are_called_one_by_one():
    x = torch.randn(10, 1, generator=seeded(), dtype=DOUBLE)
    flat = FlatLoss(EmpiricalLoss(Branching(), nn.MSELoss(), (x, torch.zeros_like(x))))
    losses, gradients = full_batch_loss(flat)(torch.tensor([[0.5], [-0.5]], dtype=DOUBLE))
    square = float(x.square().mean())
    np.testing.assert_allclose(losses, [0.25 * square, square])
    np.testing.assert_allclose(gradients[:, 0], [square, -4 * square])
