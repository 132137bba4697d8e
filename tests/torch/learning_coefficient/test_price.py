"""What sampling is expected to take, and what is done where that is too much."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import TimeLimitWarning
from sklearn_learnability.torch import (
    FlagCode,
    LocalLearningCoefficient,
    half_squared_error,
    llc_sensitivity,
    make_linear_network_model,
    make_linear_regression_model,
)
from sklearn_learnability.torch.learning_coefficient import _clock, _price
from sklearn_learnability.torch.learning_coefficient._price import Plan, strictest
from sklearn_learnability.torch.learning_coefficient.hamiltonian import _sampler

QUIET = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
MICROSECOND, OVER = 1e-6, 2e-4  # of a row; 2,000 rows are over the limit, 100 are not
FEW = {"n_chains": 8, "n_draws": 20, "inverse_temperature": 3e4}


@pytest.fixture
def rows_take(monkeypatch):
    """Let the gradient of a row take so long, and chains no time at all."""

    def take(seconds):
        def timed(all_rows, surface):
            return surface.rows.n * seconds

        monkeypatch.setattr(_price.AllRows, "timed", timed)
        monkeypatch.setattr(_price, "shortest", lambda call: seconds)
        monkeypatch.setattr(_clock.time, "monotonic", lambda: 0.0)

    return take


def llc(**settings):
    return LocalLearningCoefficient(
        half_squared_error, **{"random_state": 0, "progress": False} | settings
    )


def regression(n=2000, noise=0.0, dim=3):
    return make_linear_regression_model(dim, n_samples=n, noise=noise, random_state=0)


def estimate(known, **settings):
    return llc(**settings).estimate(known.model, known.data)


def test_a_run_within_the_limit_takes_all_rows(rows_take):
    rows_take(50 * MICROSECOND)
    found = estimate(regression(200), **FEW)
    assert (found.settings.sampler, found.settings.batch_size) == ("hamiltonian", 200)
    assert found.settings.reasons[-1] == "expected to take about 9.8 to 29 s"
    assert found.value == pytest.approx(1.5, rel=0.01)


def test_rows_that_w_is_a_minimum_of_are_thinned(rows_take):
    rows_take(OVER)
    found = estimate(regression(), **FEW)
    assert (found.settings.sampler, found.settings.batch_size) == ("hamiltonian", 100)
    assert found.settings.reasons[-2].startswith("100 of 2000 rows, drawn at random")
    assert found.n_samples == 2000
    assert found.value == pytest.approx(1.5, rel=0.01)
    assert found.trusted


@QUIET
def test_noisy_labels_go_to_batches(rows_take):
    rows_take(1e-2)
    found = estimate(regression(noise=1.0), n_chains=2, n_draws=50)
    assert found.settings.sampler == "leimkuhler-matthews"
    assert "on batches: gradients of all 2000 rows would take up to" in " ".join(
        found.settings.reasons
    )


@QUIET
def test_noisy_labels_without_flat_directions_are_not_taken_for_more_than_they_cost(rows_take):
    """Between the price with flat directions and that without, chains on few rows decide."""
    rows_take(5e-5)
    found = estimate(regression(noise=1.0, dim=10), n_chains=8, n_draws=20)
    assert (found.settings.sampler, found.settings.batch_size) == ("hamiltonian", 2000)


class Rare(nn.Module):
    """A line, and two parameters that only rows with a mark depend on."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, x):
        return x @ self.w[:, None]


@QUIET
def test_rows_that_some_parameters_matter_to_are_not_left_out(rows_take):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8000, 3, generator=generator, dtype=torch.float64)
    x[torch.arange(8000) % 100 != 0, 1:] = 0  # 80 of 8,000 rows have a mark
    model = Rare()
    rows_take(4e-5)
    found = llc(**FEW).estimate(model, (x, model(x).detach()))
    assert found.settings.sampler == "hamiltonian"
    assert found.settings.batch_size > 100
    assert found.value == pytest.approx(1.5, rel=0.05)


@QUIET
def test_rows_that_are_few_to_a_parameter_are_not_thinned(rows_take):
    rows_take(1e-1)
    found = estimate(regression(400, dim=60), n_chains=2, n_draws=20)
    assert found.settings.sampler == "leimkuhler-matthews"


@pytest.mark.slow
@QUIET
def test_the_coefficient_of_thinned_rows_is_that_of_all(rows_take):
    known = make_linear_network_model([3, 2, 3], 2, n_samples=2000, random_state=0)
    rows_take(1e-4)
    found = estimate(known, n_chains=16, n_draws=60, inverse_temperature=3e4)
    assert found.settings.batch_size == 100
    assert found.value == pytest.approx(known.truth.value, abs=3 * found.standard_error)


def test_without_a_limit_all_rows_are_taken(rows_take):
    rows_take(1.0)
    found = estimate(regression(300), **FEW, max_seconds=None)
    assert (found.settings.sampler, found.settings.batch_size) == ("hamiltonian", 300)


@QUIET
def test_draws_on_batches_become_fewer(rows_take):
    rows_take(0.1)
    found = estimate(regression(), sampler="leimkuhler-matthews", max_seconds=60.0, n_chains=2)
    assert found.settings.n_draws == 276
    assert found.settings.reasons[-2].startswith("276 draws: 2400 would take about 5.2e+02 s")


@QUIET
def test_draws_on_batches_that_were_asked_for_are_a_warning(rows_take):
    rows_take(1.0)
    with pytest.warns(TimeLimitWarning, match="expected to take about 1.1e\\+02 s, more than"):
        found = estimate(
            regression(),
            sampler="leimkuhler-matthews",
            max_seconds=60.0,
            n_chains=2,
            n_draws=50,
        )
    assert found.settings.n_draws == 50


def clock_of_leapfrogs(monkeypatch, seconds):
    """Let a trajectory take so many seconds."""
    step, now = _sampler.step, [0.0]

    def stepped(*args):
        now[0] += seconds
        return step(*args)

    monkeypatch.setattr(_sampler, "step", stepped)
    monkeypatch.setattr(_clock.time, "monotonic", lambda: now[0])
    return now


def test_chains_stop_at_the_end_of_a_block(monkeypatch):
    """With 106 trajectories of warm-up and 3 x 20 draws at least, there is time for 3 x 40."""
    monkeypatch.setattr(_price.AllRows, "timed", lambda all_rows, surface: 0.0)
    now = clock_of_leapfrogs(monkeypatch, 1.0)
    settings = {"sampler": "hamiltonian", "n_draws": 100, "n_chains": 8}
    with pytest.warns(TimeLimitWarning, match="after .0 draws at the highest .* of max_seconds=24"):
        found = estimate(regression(100), max_seconds=240.0, **settings)
    assert [flag.code for flag in found.flags] == [FlagCode.TIME_LIMIT]
    draws = found.by_inverse_temperature["n_draws"]
    assert draws.tolist() == [60, 40, 20]  # the first is the highest inverse temperature
    assert now[0] <= 240.0
    assert found.value == pytest.approx(1.5, rel=0.02)


def test_chains_that_are_late_draw_one_block_at_each_inverse_temperature(monkeypatch):
    monkeypatch.setattr(_price.AllRows, "timed", lambda all_rows, surface: 0.0)
    clock_of_leapfrogs(monkeypatch, 1.0)
    with pytest.warns(TimeLimitWarning):
        found = estimate(
            regression(100), sampler="hamiltonian", n_draws=100, n_chains=8, max_seconds=5.0
        )
    assert found.by_inverse_temperature["n_draws"].tolist() == [20, 20, 20]


@QUIET
def test_chains_that_cannot_stop_within_the_limit_are_a_warning(rows_take):
    rows_take(1e-2)
    settings = FEW | {"sampler": "hamiltonian", "max_seconds": 60.0}
    with pytest.warns(TimeLimitWarning, match="at least 9.8e\\+02 s, more than max_seconds=60"):
        found = estimate(regression(100, noise=1.0), **settings)
    assert found.settings.batch_size == 100


@QUIET
def test_rows_of_which_few_have_labels_are_timed(monkeypatch):
    x = torch.randn(3000, 2, generator=torch.Generator().manual_seed(0))
    y = torch.full((3000,), -100)
    y[[5, 70, 100]] = torch.tensor([0, 1, 0])
    found = LocalLearningCoefficient(
        nn.CrossEntropyLoss(), random_state=0, progress=False, **FEW
    ).estimate(nn.Linear(2, 2), (x, y))
    assert np.isfinite(found.value)


def test_a_store_keeps_the_rows_that_were_drawn(rows_take, monkeypatch, tmp_path):
    known, path = regression(), tmp_path / "chains.pt"
    rows_take(OVER)
    whole = llc(**FEW).estimate(known.model, known.data)
    step, count = _sampler.step, iter(range(10_000))

    def interrupted(*args):
        if next(count) == 150:
            raise KeyboardInterrupt
        return step(*args)

    with monkeypatch.context() as patched:
        patched.setattr(_sampler, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            llc(**FEW).estimate(known.model, known.data, store=path)
    rows_take(MICROSECOND)  # another machine
    resumed = llc(**FEW).estimate(known.model, known.data, store=path)
    assert resumed.settings == whole.settings
    assert np.array_equal(resumed.loss_trace, whole.loss_trace)
    with pytest.raises(ValueError, match="differs in max_seconds"):
        llc(**FEW, max_seconds=None).estimate(known.model, known.data, store=path)


@QUIET
def test_checkpoints_are_measured_in_one_way(monkeypatch):
    """Though the machine becomes slower from one to the next."""
    known, slow = regression(1000), iter([1e-7] * 2 + [1e-2] * 100)
    monkeypatch.setattr(
        _price.AllRows, "timed", lambda all_rows, surface: surface.rows.n * next(slow)
    )
    study = llc(**FEW).estimate_checkpoints(
        {"a": known.model, "b": known.model}, known.data, load=lambda model: model
    )
    settings = [found.settings for found in study.estimates]
    assert {(s.sampler, s.batch_size) for s in settings} == {("hamiltonian", 1000)}


@QUIET
def test_settings_are_compared_in_one_way(monkeypatch):
    known, slow = regression(200), iter([1e-7] * 2 + [1.0] * 100)
    monkeypatch.setattr(
        _price.AllRows, "timed", lambda all_rows, surface: surface.rows.n * next(slow)
    )
    found = llc_sensitivity(
        llc(n_chains=8, n_draws=20),
        known.model,
        known.data,
        inverse_temperatures=(1e4, 3e4),
        seeds=(0,),
    )
    assert [one.settings.sampler for one in found.estimates] == ["hamiltonian"] * 2


def test_the_strictest_plan_is_that_of_all():
    wide, narrow = Plan("hamiltonian", 1000, 20.0), Plan("hamiltonian", 280, 10.0)
    batches = Plan("leimkuhler-matthews", 1000, 30.0, 400)
    assert strictest([]) is None
    assert strictest([narrow, wide]).n_rows == 1000
    assert strictest([narrow, wide]).seconds == 20.0
    of_all = strictest([wide, batches, narrow])
    assert (of_all.sampler, of_all.n_draws) == ("leimkuhler-matthews", 400)
