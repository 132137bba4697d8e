"""The coefficient with a weight decay, on ridge regressions: their posterior is Gaussian."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from sklearn_learnability.torch import (
    FlagCode,
    LocalLearningCoefficient,
    draw_losses,
    estimate_llc,
    half_squared_error,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._held_still import held_still

NORMAL = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
DECAY, T, GAMMA = 0.5, 50.0, 10.0
SAMPLERS = ["hamiltonian", "leimkuhler-matthews"]
LENGTHS = {
    "hamiltonian": {"n_chains": 64, "n_draws": 20},
    "leimkuhler-matthews": {"n_chains": 16, "n_draws": 2000, "step_size": 0.005, "batch_size": 300},
}


def ridge(penalised=True, d=6, n=300):
    """A regression at the minimum with the penalty or without; the Hessian of its rows."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.linspace(0.0, 1.5, d).double()  # the data say nothing of the first direction
    X = torch.randn(n, d, generator=generator, dtype=torch.float64) * scales
    y = X.sum(1, keepdim=True) + torch.randn(n, 1, generator=generator, dtype=torch.float64)
    hessian = X.T @ X / n
    model = nn.Linear(d, 1, bias=False, dtype=torch.float64)
    added = DECAY * torch.eye(d) if penalised else torch.zeros(d, d)
    model.weight.data = (torch.linalg.pinv(hessian + added) @ (X.T @ y / n)).T.contiguous()
    return model, (X, y), hessian


def estimator(sampler="hamiltonian", **settings):
    given = {"inverse_temperature": T, "localization": GAMMA, "weight_decay": DECAY}
    given |= {"random_state": 0, "progress": False, "sampler": sampler}
    return LocalLearningCoefficient(half_squared_error, **given | LENGTHS[sampler] | settings)


def quick(**settings):
    given = {"n_chains": 2, "n_draws": 20, "step_size": 1e-3, "batch_size": 16}
    return estimator("leimkuhler-matthews", **given | settings)


# The value.


@NORMAL
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("penalised", [True, False])
def test_energy_and_variance_of_a_gaussian_posterior(sampler, penalised):
    """Also where w* is the minimum without the penalty: the chains' mean then lies elsewhere."""
    model, data, hessian = ridge(penalised)
    found = estimator(sampler).estimate(model, data)
    of_loss = T * (hessian + DECAY * torch.eye(6))
    w = model.weight.detach()[0]
    X, y = data
    slope = T * (X.T @ (X @ w - y[:, 0]) / len(X) + DECAY * w)
    cov = torch.linalg.inv(of_loss + GAMMA * torch.eye(6))
    away = -cov @ slope
    energy = float((of_loss @ cov).trace() / 2 + slope @ away + away @ of_loss @ away / 2)
    push = slope + of_loss @ away
    variance = float((of_loss @ cov @ of_loss @ cov).trace() / 2 + push @ cov @ push)
    assert abs(found.value - energy) < 4 * found.standard_error
    assert found.standard_error < 0.05 * abs(energy)
    assert abs(found.variance_based - variance) < 4 * found.variance_based_error
    assert found.variance_based_error < 0.15 * variance
    assert found.settings.weight_decay == DECAY
    penalty = DECAY / 2 * float(w @ w)
    assert found.initial_loss == pytest.approx(
        float(half_squared_error(model, data).detach().mean()) + penalty
    )
    assert found.gradient_norm == pytest.approx(float(slope.norm()) / T, abs=1e-9)


@NORMAL
def test_a_direction_without_data_counts_half_where_the_penalty_is_strong():
    model, data, _ = ridge()
    few = {"n_chains": 32, "n_draws": 20, "localization": 1.0, "inverse_temperature": "auto"}
    found = estimator(**few).estimate(model, data)
    assert found.value == pytest.approx(3.0, abs=0.2)
    without = estimator(**few, weight_decay=0.0).estimate(ridge(penalised=False)[0], data)
    assert without.value == pytest.approx(2.5, abs=0.2)


@NORMAL
def test_batches_that_are_chosen_automatically():
    model, data, hessian = ridge()
    data = tuple(part.float() for part in data)
    llc = LocalLearningCoefficient(
        half_squared_error,
        sampler="leimkuhler-matthews",
        n_draws=800,
        weight_decay=DECAY,
        random_state=0,
        progress=False,
    )
    found = llc.estimate(model.float(), data)
    t, gamma = found.settings.inverse_temperature, found.settings.localization
    stiff = t * (torch.linalg.eigvalsh(hessian) + DECAY)
    assert found.value == pytest.approx(float((stiff / (stiff + gamma)).sum() / 2), rel=0.1)


@NORMAL
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_whether_parameters_are_a_minimum_is_asked_of_the_loss_with_the_penalty(sampler):
    codes = {}
    for penalised in (True, False):
        model, data, _ = ridge(penalised)
        found = estimator(sampler, n_chains=4, n_draws=20).estimate(model, data)
        codes[penalised] = {flag.code for flag in found.flags}
    assert FlagCode.NOT_A_MINIMUM in codes[False] - codes[True]
    assert FlagCode.NOT_A_MINIMUM not in codes[True]


@NORMAL
def test_labels_without_noise_are_noisy_to_a_model_that_a_penalty_holds_back():
    """No row has its minimum there, so that none may stand for all."""
    model, (X, _), hessian = ridge()
    y = X.sum(1, keepdim=True)
    cross = X.T @ y / len(X)
    reasons = {}
    for decay in (0.0, DECAY):
        exact = torch.linalg.pinv(hessian + decay * torch.eye(6)) @ cross
        model.weight.data = exact.T.contiguous()
        few = {"n_chains": 4, "n_draws": 20, "inverse_temperature": "auto", "weight_decay": decay}
        reasons[decay] = " ".join(estimator(**few).estimate(model, (X, y)).settings.reasons)
    assert "no noise in the labels" in reasons[0.0]
    assert "the labels' noise" in reasons[DECAY]


# What the penalty is of.


class TwoLayers(nn.Module):
    """Whose losses go through vmap, or, with a branch on a value, do not."""

    def __init__(self, branch):
        super().__init__()
        self.first, self.second, self.branch = nn.Linear(3, 4), nn.Linear(4, 1), branch

    def forward(self, x):
        hidden = self.first(x)
        return self.second(hidden.tanh() if self.branch and hidden.sum() > 0 else hidden.sin())


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("chosen", [None, ["second"], {"first.weight": torch.eye(4)[:, :3] > 0}])
def test_losses_and_gradients_are_those_of_autograd(branch, chosen):
    torch.manual_seed(0)
    model, data = TwoLayers(branch).double(), (torch.randn(20, 3).double(), torch.zeros(20, 1))
    with held_still(model):
        surface = EmpiricalLoss(model, half_squared_error, data, parameters=chosen)
        flat, bare = FlatLoss(surface, DECAY), FlatLoss(surface)
    positions = torch.randn(3, len(flat.start)).double().requires_grad_()
    penalty = DECAY / 2 * positions.square().sum(1)
    (slope,) = torch.autograd.grad(penalty.sum(), positions)
    batch, positions = flat.all_rows(), positions.detach()
    values, gradients = flat.values_and_gradients(positions, batch)
    bare_values, bare_gradients = bare.values_and_gradients(positions, batch)
    torch.testing.assert_close(values, bare_values + penalty.detach())
    torch.testing.assert_close(gradients, bare_gradients + slope)
    torch.testing.assert_close(flat.values(positions, batch), values)
    torch.testing.assert_close(flat.value(positions[1], batch), values[1])


def test_the_step_of_an_optimiser_with_that_weight_decay_follows_the_gradient():
    model, data, _ = ridge(penalised=False)
    with held_still(model):
        flat = FlatLoss(EmpiricalLoss(model, half_squared_error, data), DECAY)
        _, gradients = flat.values_and_gradients(flat.start[None], flat.all_rows())
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=DECAY)
    half_squared_error(model, data).mean().backward()
    optimiser.step()
    moved = parameters_to_vector(model.parameters()).detach() - flat.start
    torch.testing.assert_close(moved, -gradients[0])


@NORMAL
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_losses_of_rows_have_no_penalty_in_them(sampler):
    model, data, _ = ridge()
    few = estimator(sampler, n_chains=4, n_draws=40)
    squares = {"squares": lambda model: model.weight.square().sum()}
    losses = draw_losses(few, model, data, observables=squares)
    rows = losses.rows["data"]
    assert rows.initial == pytest.approx(half_squared_error(model, data).detach().numpy())
    of_rows = (rows.losses - rows.initial).mean(2)
    at_start = float(model.weight.detach().square().sum())
    of_penalty = DECAY / 2 * (losses.observables["squares"] - at_start)
    assert losses.estimate.loss_trace == pytest.approx(of_rows + of_penalty, abs=1e-12)
    assert abs(of_penalty).mean() > 0.01
    assert losses.contributions().total == pytest.approx(T * of_rows.mean())


# One setting among others.


@NORMAL
def test_no_decay_changes_nothing_and_needs_no_float():
    model, data, _ = ridge()
    plain = LocalLearningCoefficient(
        half_squared_error,
        sampler="leimkuhler-matthews",
        n_draws=50,
        random_state=0,
        progress=False,
    )
    expected = plain.estimate(model, data)
    found = plain.set_params(weight_decay=0).estimate(model, data)
    assert (found.loss_trace == expected.loss_trace).all()
    assert found.settings.weight_decay == expected.settings.weight_decay == 0.0


@NORMAL
def test_checkpoints_and_skorch_networks_take_it():
    skorch = pytest.importorskip("skorch")
    model, data, _ = ridge()
    X, y = (part.float() for part in data)
    trajectory = quick().estimate_checkpoints({"one": model.float()}, (X, y), load=lambda m: m)
    assert list(trajectory.to_frame()["weight_decay"]) == [DECAY]
    net = skorch.NeuralNetRegressor(model, max_epochs=0, train_split=None).initialize()
    given = {"n_draws": 20, "random_state": 0, "progress": False, "weight_decay": DECAY}
    found = estimate_llc(net, X, y, sampler="leimkuhler-matthews", **given)
    w = model.weight.detach()[0]
    bare = float((X @ w - y[:, 0]).square().mean())
    assert found.initial_loss == pytest.approx(bare + DECAY / 2 * float(w @ w), rel=1e-5)


@NORMAL
def test_a_store_refuses_another_weight_decay(tmp_path):
    model, data, _ = ridge()
    path = tmp_path / "chains.pt"
    quick().estimate(model, data, store=path)
    with pytest.raises(ValueError, match="differs in weight_decay"):
        quick(weight_decay=0.1).estimate(model, data, store=path)


@pytest.mark.parametrize("decay", [-0.1, math.nan, math.inf, "auto", None, True])
def test_a_weight_decay_that_is_none_is_refused(decay):
    model, data, _ = ridge()
    with pytest.raises(ValueError, match="Expected weight_decay to be a number of at least 0, got"):
        quick(weight_decay=decay).estimate(model, data)
