import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    NotLocalWarning,
    SamplingError,
)
from sklearn_learnability.torch import (
    FlagCode,
    make_linear_network_model,
    make_linear_regression_model,
    make_normal_crossing_model,
    make_tanh_network_model,
)
from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.learning_coefficient.hamiltonian import (
    _chains as hamiltonian_chains,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian import (
    _progress as progress,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian import (
    _steep_directions as directions,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._chains import hamiltonian_estimate
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import extrapolate
from sklearn_learnability.torch.learning_coefficient.hamiltonian._flags import difference_of_starts
from sklearn_learnability.torch.learning_coefficient.hamiltonian._steep_directions import (
    steep_directions,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._summary import MeanOfDraws
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss, full_batch_loss
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._store import Store

DOUBLE = torch.float64
QUIET = "ignore::sklearn_learnability.exceptions.LearnabilityWarning"


def regression(dim=5, n=60, noise=0.0):
    """Return a linear model at its least-squares solution, and its data."""
    known = make_linear_regression_model(dim, n_samples=n, noise=noise, random_state=0)
    return known.model, known.data


def estimate(model, data, *, parameters=None, loss=None, path=None, **settings):
    given = {
        "n_chains": 16,
        "n_draws": "auto",
        "inverse_temperature": "auto",
        "localization": "auto",
        "step_size": "auto",
        "seed": 0,
        "progress": False,
    } | settings
    given["store"] = Store(path, "chains", given, model=model, data=data)
    with held_still(model):
        surface = EmpiricalLoss(model, loss or nn.MSELoss(), data, parameters=parameters)
        return hamiltonian_estimate(surface, ChainRequest(**given))


@pytest.mark.parametrize("dim", [2, 5, 20])
def test_regular_models_have_half_their_dimension(dim):
    found = estimate(*regression(dim))
    assert found.value == pytest.approx(dim / 2, rel=0.005)
    assert found.bracket[0] <= dim / 2 <= found.bracket[1]
    assert found.trusted
    assert found.n_parameters == dim
    assert found.n_samples == 60
    assert found.settings.inverse_temperature == 3e4
    assert found.by_inverse_temperature["inverse_temperature"].tolist() == [3e4, 3e4 / 4, 3e4 / 16]


def check_against(known, share=0.0, errors=0.0, **settings):
    found = estimate(known.model, known.data, **settings)
    truth = known.truth.value
    assert found.value == pytest.approx(truth, abs=share * truth + errors * found.standard_error)
    assert found.bracket[0] <= truth <= found.bracket[1]


def test_fourth_powers_count_a_quarter():
    terms = [[2], [2], [2], [1], [2], [2]]
    known = make_normal_crossing_model(terms, n_samples=60, random_state=0)
    check_against(known, share=0.01, errors=3)


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "rank"), [([5, 3, 5], 3), ([10, 10, 10], 10)])
def test_linear_networks(widths, rank):
    known = make_linear_network_model(widths, rank, n_samples=100, random_state=0)
    check_against(known, share=0.03, n_chains="auto")


@pytest.mark.slow
@pytest.mark.filterwarnings(QUIET)
def test_tanh_networks_agree_with_weighted_draws_from_the_prior():
    """At t = 3e4 the value is that of the posterior, 13 % above the limit of large t."""
    known = make_tanh_network_model(2, n_samples=50, random_state=0)
    x = known.data[0]
    found = estimate(known.model, known.data, n_chains="auto", inverse_temperature=3e4)
    generator = torch.Generator().manual_seed(0)
    total, mass = 0.0, 0.0
    for _ in range(60):
        a, b = torch.randn(2, 20_000, 2, 1, generator=generator, dtype=DOUBLE)
        energy = 3e4 * (a * torch.tanh(b * x.T)).sum(1).square().mean(1)
        total += float((energy * torch.exp(-energy)).sum())
        mass += float(torch.exp(-energy).sum())
    assert found.value == pytest.approx(total / mass, rel=0.05)
    assert found.value > 1.08 * known.truth.value


@pytest.mark.filterwarnings(QUIET)
def test_value_is_that_of_the_inverse_temperature():
    """Of a quadratic at finite n beta and localization: sum t h / (t h + gamma) / 2."""
    model, (inputs, targets) = regression(3)
    curvatures = torch.linalg.eigvalsh(2 * inputs.T @ inputs / len(inputs))
    t, gamma = 40.0, 20.0
    expected = 0.5 * float((t * curvatures / (t * curvatures + gamma)).sum())
    found = estimate(
        model,
        (inputs, targets),
        inverse_temperature=t,
        localization=gamma,
        n_draws=300,
        n_chains=64,
    )
    assert found.value == pytest.approx(expected, abs=3.5 * found.standard_error)
    assert found.standard_error < 0.03 * expected
    assert math.isnan(found.multiplicity_corrected)
    assert found.loss_trace.shape == (64, 300)
    assert found.per_chain.shape == (64,)


def test_masks_are_respected():
    model, data = regression(8)
    mask = torch.zeros(1, 8, dtype=torch.bool)
    mask[0, :3] = True
    found = estimate(model, data, parameters={"weight": mask})
    assert found.n_parameters == 3
    assert found.value == pytest.approx(1.5, rel=0.005)


def test_model_is_left_as_it_was():
    model, data = regression()
    before = model.weight.detach().clone()
    torch.manual_seed(5)
    estimate(model, data, n_draws=20)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(model.weight, before)
    assert model.weight.grad is None


@pytest.mark.filterwarnings(QUIET)
def test_seeds_reproduce():
    model, data = regression(noise=1.0)
    first, again, other = (estimate(model, data, n_draws=20, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.loss_trace, again.loss_trace)
    assert not np.array_equal(first.loss_trace, other.loss_trace)


@pytest.mark.filterwarnings(QUIET)
def test_interrupted_chains_resume(tmp_path, monkeypatch):
    model, data = regression()
    whole = estimate(model, data, n_draws=20)
    store = tmp_path / "chains" / "run.pt"
    draw = hamiltonian_chains.HamiltonianChains._draw

    def stop_at_the_second(self, stage):
        if self.drawn:
            raise KeyboardInterrupt
        draw(self, stage)

    with monkeypatch.context() as patched:
        patched.setattr(hamiltonian_chains.HamiltonianChains, "_draw", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            estimate(model, data, n_draws=20, path=store)
    killed = torch.load(store)
    resumed = estimate(model, data, n_draws=20, path=store)
    assert np.array_equal(resumed.loss_trace, whole.loss_trace)
    assert resumed.by_inverse_temperature.equals(whole.by_inverse_temperature)
    assert list(store.parent.iterdir()) == [store]
    with pytest.raises(ValueError, match="differs in seed"):
        estimate(model, data, n_draws=20, path=store, seed=1)
    killed["content"]["device"] = "cuda"  # whose generators are others
    torch.save(killed, store)
    elsewhere = estimate(model, data, n_draws=20, path=store)
    assert elsewhere.value == pytest.approx(whole.value, rel=0.1)
    assert elsewhere.by_inverse_temperature.index.equals(whole.by_inverse_temperature.index)


def interrupt_at(monkeypatch, number):
    """Let the trajectory of that number be interrupted after its random numbers were drawn."""
    step, count = hamiltonian_chains.hamiltonian.step, iter(range(10_000))

    def interrupted(*args):
        found = step(*args)
        if next(count) == number:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(hamiltonian_chains.hamiltonian, "step", interrupted)


@pytest.fixture(scope="module")
def of_two():
    model, data = regression(2, n=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        return model, data, estimate(model, data)


# one of a warm-up, the first draw, in a block, at its end, among joined ones
@pytest.mark.filterwarnings(QUIET)
@pytest.mark.parametrize("number", [9, 56, 65, 76, 150])
def test_chains_interrupted_within_a_stage_resume(number, of_two, tmp_path, monkeypatch):
    model, data, whole = of_two
    assert whole.settings.n_draws == 20
    store = tmp_path / "run.pt"
    with monkeypatch.context() as patched:
        interrupt_at(patched, number)
        with pytest.raises(KeyboardInterrupt):
            estimate(model, data, path=store)
    resumed = estimate(model, data, path=store)
    assert np.array_equal(resumed.loss_trace, whole.loss_trace)
    assert resumed.by_inverse_temperature.equals(whole.by_inverse_temperature)


@pytest.mark.filterwarnings(QUIET)
def test_chains_that_were_killed_resume_from_the_last_write(of_two, tmp_path, monkeypatch):
    model, data, whole = of_two
    written = []

    def killed(store, content):  # nothing is written at the end of a process that is killed
        if len(written) < 70:
            written.append(content)
            write(store, content)

    write = Store.write
    with monkeypatch.context() as patched:
        patched.setattr(progress, "SECONDS_BETWEEN_WRITES", -1.0)
        patched.setattr(Store, "write", killed)
        interrupt_at(patched, 90)
        with pytest.raises(KeyboardInterrupt):
            estimate(model, data, path=tmp_path / "run.pt")
    assert len(written[-1]["here"]["records"]) == 6
    resumed = estimate(model, data, path=tmp_path / "run.pt")
    assert np.array_equal(resumed.loss_trace, whole.loss_trace)


@pytest.mark.filterwarnings(QUIET)
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_inverse_temperature_follows_the_noise_of_the_labels(scale):
    """0.3 n in units of the negative log-likelihood, which is the loss over 2 sigma^2."""
    model, data = regression(5, n=500, noise=scale)
    found = estimate(model, data, n_draws=10)
    assert found.settings.inverse_temperature == pytest.approx(0.3 * 500 / (2 * scale**2), rel=0.6)
    assert found.value == pytest.approx(2.5, rel=0.03)


@pytest.mark.filterwarnings(QUIET)
def test_a_point_beside_the_minimum_is_flagged():
    """With the bias it implies: -t (L(w*) - min L)."""
    model, (inputs, targets) = regression(5, n=200)
    model.weight.data += 0.1
    lowered = float((model(inputs) - targets).square().mean().detach())
    found = estimate(model, (inputs, targets), inverse_temperature=1000.0, n_draws=40)
    assert found.value == pytest.approx(2.5 - 1000 * lowered, abs=0.5)
    assert found.gradient_norm > 0.1
    (flag,) = (flag for flag in found.flags if flag.code == FlagCode.NOT_A_MINIMUM)
    assert f"adds {-1000 * lowered:.4g} to" in flag.message


def test_an_inverse_temperature_above_the_rows_is_flagged():
    model, data = regression(5, n=100, noise=1.0)
    with pytest.warns(NotLocalWarning, match="high for noisy labels"):
        estimate(model, data, inverse_temperature=1000.0, n_draws=20)


@pytest.mark.filterwarnings(QUIET)
def test_a_pull_that_decides_is_flagged():
    model, data = regression()
    found = estimate(model, data, inverse_temperature=(100.0, 25.0), localization=1e5, n_draws=60)
    assert FlagCode.PULL_DECIDES in {flag.code for flag in found.flags}


def test_products_are_flagged_and_bracketed():
    """w1^2 w2^2: 0.42 at this inverse temperature, 1/2 in the limit."""

    known = make_normal_crossing_model([[1, 1]], n_samples=40, random_state=0)
    with pytest.warns(LearnabilityWarning) as warned:
        found = estimate(known.model, known.data, n_chains=128, n_draws=60)
    assert [str(w.message) for w in warned] == [str(flag) for flag in found.flags]
    assert found.value == pytest.approx(0.42, abs=0.05)
    assert found.bracket[0] < 0.45 < found.bracket[1]
    assert not found.trusted


@pytest.mark.filterwarnings(QUIET)
def test_few_draws_are_flagged():
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    model = nn.Sequential(nn.Linear(2, 2, dtype=DOUBLE), nn.Tanh(), nn.Linear(2, 1, dtype=DOUBLE))
    found = estimate(model, (x, model(x).detach()), n_chains=4, n_draws=6, inverse_temperature=1e3)
    assert FlagCode.LARGE_ERROR in {flag.code for flag in found.flags}


def test_chains_that_cannot_move_are_an_error():
    model, data = regression()
    with pytest.raises(SamplingError, match="none that accepted"):
        estimate(model, data, step_size=1e3, n_draws=5)


def test_losses_that_are_not_finite_do_not_end_the_others():
    """Beyond a wall the loss is NaN; no chain crosses it."""

    def loss(model, batch):
        wall = torch.where(model.weight[0, 0] > data_weight + 0.01, torch.nan, 0.0)
        return nn.functional.mse_loss(model(batch[0]), batch[1]) + wall

    model, data = regression(2)
    data_weight = float(model.weight[0, 0].detach())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        found = estimate(model, data, loss=loss, n_draws=40, inverse_temperature=1e4)
    assert np.isfinite(found.value)
    assert 0.3 < found.value < 1.2


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_chains": 1}, "at least 2 chains"),
        ({"inverse_temperature": -1.0}, "positive inverse temperatures"),
    ],
)
def test_settings_are_checked(settings, match):
    with pytest.raises(ValueError, match=match):
        estimate(*regression(), **settings)


def test_starts_that_differ():
    rng = np.random.default_rng(0)
    cold = np.arange(16) < 4
    same = 10 + rng.normal(size=16)
    assert difference_of_starts(same, cold) == 0.0
    assert difference_of_starts(np.where(cold, same - 5, same), cold) == pytest.approx(
        0.57, abs=0.2
    )
    assert difference_of_starts(same, np.arange(16) < 1) == 0.0


@pytest.mark.parametrize("top", [1e3, 3e4, 1e7])
def test_multiplicity_two_is_corrected(top):
    """t E[K] = lambda - 1/(log t + c)."""
    t = top / np.array([1.0, 4.0, 16.0])
    values = 0.5 - 1 / (np.log(t) + 2.4)
    limit = extrapolate(t, values, np.full(3, 1e-4))
    assert limit.multiplicity_corrected == pytest.approx(0.5, abs=0.02)
    assert limit.bracket[0] < 0.5 < limit.bracket[1]
    assert not limit.convex


def test_power_law_is_in_the_bracket():
    t = 3e4 / np.array([1.0, 4.0, 16.0])
    limit = extrapolate(t, 2 - 3 * t**-0.25, np.full(3, 1e-3))
    assert limit.bracket[0] < 2.0 < limit.bracket[1]


def test_noise_that_grows_with_the_inverse_temperature_is_a_line():
    t = np.array([400.0, 100.0, 25.0])
    limit = extrapolate(t, 7 + 0.01 * t, np.full(3, 1e-3))
    assert limit.convex
    assert limit.line_limit == pytest.approx(7.0)


def test_one_inverse_temperature_has_no_limit():
    limit = extrapolate(np.array([100.0]), np.array([2.0]), np.array([0.1]))
    assert math.isnan(limit.multiplicity_corrected)
    assert limit.bracket == (1.8, 2.2)


def test_an_error_that_too_few_draws_leave_unknown_is_nan_without_a_warning():
    def mean(between, within):
        return MeanOfDraws(1.0, between, within, np.ones(2)).error

    assert (mean(1.0, 2.0), mean(np.nan, 2.0), mean(3.0, np.nan)) == (2.0, 2.0, 3.0)
    assert np.isnan(mean(np.nan, np.nan))


class CopiedColumns(nn.Module):
    """A linear model whose inputs are there twice: half of its directions are flat."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.cat([weight, torch.zeros_like(weight)], 1))

    def forward(self, inputs):
        return torch.cat([inputs, inputs], 1) @ self.weight.T


def test_flat_directions_add_no_noise_where_the_others_are_quadratic():
    model, data = regression(6)
    found = estimate(CopiedColumns(model.weight.detach()), data)
    assert found.value == pytest.approx(3.0, rel=1e-3)
    assert found.standard_error < 1e-3
    assert found.settings.n_draws == 20
    assert found.trusted


def test_steep_directions_span_those_that_the_loss_holds():
    model, data = regression(6)
    model = CopiedColumns(model.weight.detach())
    with held_still(model):
        flat = FlatLoss(EmpiricalLoss(model, nn.MSELoss(), data))
        basis = steep_directions(flat, full_batch_loss(flat), 3e4, 1.0)
    assert basis.shape == (12, 6)
    assert torch.allclose(basis.T @ basis, torch.eye(6, dtype=DOUBLE), atol=1e-9)
    assert torch.allclose(basis[:6], basis[6:], atol=1e-6)  # a weight and its copy move together


def test_no_hessian_is_taken_of_a_large_model(monkeypatch):
    model, data = regression(6)
    monkeypatch.setattr(directions, "MOST_DIMENSIONS", 5)
    monkeypatch.setattr(torch, "eye", None)
    found = estimate(model, data)
    assert found.value == pytest.approx(3.0, rel=1e-3)
    assert found.standard_error < 1e-3  # all directions are steep here


@pytest.mark.filterwarnings(QUIET)
def test_long_steps_that_diverge_are_rejections_where_steps_vary():
    known = make_linear_network_model([3, 2, 3], 0, n_samples=60, random_state=0)
    found = estimate(known.model, known.data, n_draws=40, n_chains=32)
    assert FlagCode.DIVERGENCES not in [flag.code for flag in found.flags]
    assert found.value == pytest.approx(2.5, rel=0.15)
