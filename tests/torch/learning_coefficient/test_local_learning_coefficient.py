import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    LostChainsWarning,
    NotAMinimumWarning,
    NotLocalWarning,
    SamplingError,
    UnconvergedChainsWarning,
)
from sklearn_learnability.torch import (
    FlagCode,
    LLCEstimate,
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_regression_model,
    self_divergence_loss,
)
from sklearn_learnability.torch.learning_coefficient._flag import WARNINGS

NORMAL = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")


def regression(d=5, n=2000):
    """A linear regression at its minimum, in float32: the coefficient is d / 2."""
    known = make_linear_regression_model(d, n_samples=n, noise=1.0, random_state=0)
    return known.model.float(), tuple(part.float() for part in known.data)


def classifier(seed=0, n=300):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.Linear(6, 3))
    return model, (torch.randn(n, 4), torch.randint(3, (n,)))


def langevin(loss=half_squared_error, **settings):
    defaults = {"sampler": "leimkuhler-matthews", "random_state": 0, "progress": False}
    return LocalLearningCoefficient(loss, **defaults | settings)


def quick(loss=half_squared_error, **settings):
    """Few steps, all settings given."""
    given = {"n_draws": 12, "n_chains": 2, "inverse_temperature": 20.0, "localization": 5.0}
    return langevin(loss, **given | {"step_size": 1e-3, "batch_size": 16} | settings)


# The value.


def test_regression_on_batches_with_automatic_settings():
    model, data = regression(d=20)
    found = langevin(n_draws=1200).estimate(model, data)
    assert found.value == pytest.approx(10.0, rel=0.1)
    assert found.trusted
    assert 0 < found.standard_error < 0.05 * found.value
    assert found.n_parameters == 20
    assert found.n_samples == 2000
    assert found.initial_loss == pytest.approx(
        float(half_squared_error(model, data).mean().detach())
    )


@NORMAL
def test_a_momentum_mixes_faster_and_lets_the_pull_be_weaker():
    known = make_linear_regression_model(20, n_samples=2000, condition=100.0, random_state=0)
    model, data = known.model.float(), tuple(part.float() for part in known.data)
    curvatures = torch.linalg.eigvalsh(data[0].T.double() @ data[0].double() / 2000)

    def estimate(sampler, **settings):
        llc = langevin(sampler=sampler, n_draws=500, batch_size=100, **settings)
        found = llc.estimate(model, data)
        scaled = found.settings.inverse_temperature * curvatures
        expected = float((scaled / (scaled + found.settings.localization)).sum() / 2)
        assert abs(found.value - expected) < 3 * found.standard_error + 0.05 * expected
        return found

    plain, fast = estimate("leimkuhler-matthews"), estimate("baoab")
    assert fast.settings.localization < 0.6 * plain.settings.localization
    assert abs(fast.value - 10) < abs(plain.value - 10)
    assert any("gradients are paired" in reason for reason in fast.settings.reasons)
    at_one_pull = estimate("baoab", localization=plain.settings.localization)
    assert at_one_pull.effective_sample_size > 1.3 * plain.effective_sample_size


DAMPED = pytest.mark.filterwarnings(
    "ignore:The pull towards w:sklearn_learnability.exceptions.NotLocalWarning"
)


@DAMPED
def test_regression_with_given_settings_is_damped_as_the_formula_says():
    model, (X, y) = regression(d=10, n=500)
    inverse_temperature, localization = 40.0, 30.0
    curvatures = torch.linalg.eigvalsh(X.double().T @ X.double() / len(X)).numpy()
    scaled = inverse_temperature * curvatures
    expected = 0.5 * np.sum(scaled / (scaled + localization))
    found = langevin(
        n_draws=3000,
        inverse_temperature=inverse_temperature,
        localization=localization,
        batch_size=500,
    ).estimate(model, (X, y))
    assert found.value == pytest.approx(expected, abs=3 * found.standard_error)
    taken = 0.5 * np.sum(scaled * localization / (scaled + localization) ** 2)
    assert -found.bias == pytest.approx(taken, rel=0.15)
    variance = 0.5 * np.sum((scaled / (scaled + localization)) ** 2)
    assert found.variance_based == pytest.approx(variance, abs=4 * found.variance_based_error)
    assert FlagCode.PULL_DAMPS in [flag.code for flag in found.flags]
    assert found.bracket[1] > found.value + taken
    assert found.standard_error < 0.05 * expected


def test_coordinates_that_do_nothing_do_not_count():
    model, (X, y) = regression(d=4, n=1000)
    X = torch.cat([X, torch.zeros(1000, 8)], dim=1)
    wider = nn.Linear(12, 1, bias=False)
    wider.weight.data = torch.cat([model.weight.data, torch.zeros(1, 8)], dim=1)
    found = langevin(n_draws=600).estimate(wider, (X, y))
    assert found.value == pytest.approx(2.0, rel=0.15)


@NORMAL
def test_parameters_can_be_named_or_masked():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    data = regression(d=3)[1]
    named = quick(parameters=["0"]).estimate(model, data)
    assert named.n_parameters == 8
    mask = torch.zeros(2, 3, dtype=torch.bool)
    mask[0] = True
    masked = quick(parameters={"0.weight": mask}).estimate(model, data)
    assert masked.n_parameters == 3


def test_a_mask_is_as_good_as_a_smaller_model():
    model, (X, y) = regression(d=8, n=1000)
    mask = torch.zeros(1, 8, dtype=torch.bool)
    mask[0, :4] = True
    found = langevin(n_draws=600, parameters={"weight": mask}).estimate(model, (X, y))
    assert found.value == pytest.approx(2.0, rel=0.15)


@NORMAL
def test_vectorised_chains_are_those_of_a_loop(monkeypatch):
    model, data = classifier()
    estimates = []
    for most in (10**9, 0):
        monkeypatch.setattr(
            "sklearn_learnability.torch.models._flat_loss.MOST_PARAMETERS_VECTORISED", most
        )
        estimates.append(quick(nn.CrossEntropyLoss()).estimate(model, data))
    np.testing.assert_allclose(
        estimates[0].loss_trace, estimates[1].loss_trace, rtol=1e-3, atol=1e-5
    )


class Branches(nn.Module):
    """Looks at a value on the way, which no vectorised form allows."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        hidden = x[:, :3] * self.weight
        return hidden if hidden.mean().item() > -1e6 else -hidden


@NORMAL
def test_a_model_without_a_vectorised_form_goes_through_a_loop():
    found = quick(nn.CrossEntropyLoss()).estimate(Branches(), classifier()[1])
    assert math.isfinite(found.value)


@NORMAL
@pytest.mark.parametrize("sampler", ["leimkuhler-matthews", "sgld", "rmsprop-sgld"])
def test_the_same_seed_gives_the_same_result(sampler):
    model, data = classifier()
    first, again, other = (
        quick(nn.CrossEntropyLoss(), sampler=sampler, random_state=seed).estimate(model, data)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.loss_trace, again.loss_trace)
    assert not np.array_equal(first.loss_trace, other.loss_trace)


@NORMAL
def test_data_sets_and_loaders_are_tensors():
    model, (X, y) = classifier()
    llc = quick(nn.CrossEntropyLoss())
    expected = llc.estimate(model, (X, y)).loss_trace
    dataset = TensorDataset(X, y)
    np.testing.assert_array_equal(llc.estimate(model, dataset).loss_trace, expected)
    loader = DataLoader(dataset, batch_size=16, shuffle=True)
    found = quick(nn.CrossEntropyLoss(), batch_size=None).estimate(model, loader)
    np.testing.assert_array_equal(found.loss_trace, expected)
    assert found.settings.batch_size == 16


class Unused(nn.Module):
    """Its parameter changes nothing, as that of a dead unit."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x[:, :1] + 0 * self.weight.sum()


@pytest.mark.parametrize("sampler", ["hamiltonian", "leimkuhler-matthews", "rmsprop-sgld"])
def test_a_loss_that_no_parameter_changes_has_the_coefficient_0(sampler):
    data = regression(n=100)[1]
    found = langevin(sampler=sampler, n_draws=20).estimate(Unused(), data)
    assert found.value == pytest.approx(0.0, abs=1e-5)  # of float32 losses
    assert found.standard_error == pytest.approx(0.0, abs=1e-5)
    assert found.trusted


# What is left as it was.


def snapshot(model):
    tensors = [*model.parameters(), *model.buffers()]
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    modes = [module.training for module in model.modules()]
    return [t.detach().clone() for t in tensors], gradients, modes, torch.get_rng_state()


def assert_same(before, after):
    for old, new in zip(before[0], after[0], strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)
    for old, new in zip(before[1], after[1], strict=True):
        assert (old is None) == (new is None)
        assert old is None or torch.equal(old, new)
    assert before[2] == after[2]
    assert torch.equal(before[3], after[3])


class Interrupts:
    """A loss that raises at a call, the same one to a store whenever it does."""

    store_key = "cross-entropy"

    def __init__(self, at, error):
        self.at, self.error, self.calls = at, error, 0

    def __call__(self, model, batch):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return nn.functional.cross_entropy(model(batch[0]), batch[1])


@NORMAL
@pytest.mark.parametrize("error", [None, RuntimeError("broken"), KeyboardInterrupt()])
def test_the_model_is_left_as_it_was(error, monkeypatch):
    monkeypatch.setattr(
        "sklearn_learnability.torch.models._flat_loss.MOST_PARAMETERS_VECTORISED", 0
    )
    model, data = classifier()
    model[0].eval()
    model[3].weight.grad = torch.ones_like(model[3].weight)
    before = snapshot(model)
    llc = quick(Interrupts(math.inf if error is None else 60, error))
    if error is None:
        llc.estimate(model, data)
    else:
        with pytest.raises(type(error)):
            llc.estimate(model, data)
    assert_same(before, snapshot(model))


# Resuming.


@NORMAL
def test_a_killed_run_goes_on_with_the_same_result(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sklearn_learnability.torch.models._flat_loss.MOST_PARAMETERS_VECTORISED", 0
    )
    model, data = classifier()
    whole = quick(Interrupts(math.inf, None), inverse_temperature="auto").estimate(model, data)
    path = tmp_path / "deep" / "chains.pt"
    killed = Interrupts(150, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        quick(killed, inverse_temperature="auto").estimate(model, data, store=path)
    counted = Interrupts(math.inf, None)
    resumed = quick(counted, inverse_temperature="auto").estimate(model, data, store=path)
    np.testing.assert_array_equal(resumed.loss_trace, whole.loss_trace)
    assert resumed.settings == whole.settings
    assert counted.calls < 80  # neither the settings nor the first steps were done again
    assert not list(path.parent.glob("*.part"))
    again = Interrupts(math.inf, None)
    assert (
        quick(again, inverse_temperature="auto").estimate(model, data, store=path).value
        == whole.value
    )
    assert again.calls < 5


@NORMAL
def test_a_store_of_something_else_is_refused(tmp_path):
    model, data = classifier()
    path = tmp_path / "chains.pt"
    quick(nn.CrossEntropyLoss()).estimate(model, data, store=path)
    with pytest.raises(ValueError, match="got another's"):
        quick(nn.CrossEntropyLoss(), inverse_temperature=21.0).estimate(model, data, store=path)
    model[0].weight.data += 0.01
    with pytest.raises(ValueError, match="got another's"):
        quick(nn.CrossEntropyLoss()).estimate(model, data, store=path)


# Warnings and flags.


def test_every_code_has_a_warning_of_its_kind():
    assert set(WARNINGS) == set(FlagCode)
    assert all(issubclass(category, LearnabilityWarning) for category in WARNINGS.values())


@NORMAL
def test_tables_hold_the_codes_of_flags():
    model, data = regression(n=500)
    found = quick(step_size=1e-5, batch_size=500).estimate(model, data)
    assert FlagCode.LARGE_ERROR in {flag.code for flag in found.flags}
    assert all(str(flag) == flag.message for flag in found.flags)
    assert found.to_frame()["flags"].item() == ", ".join(flag.code for flag in found.flags)


def test_a_slope_at_the_start_is_told_with_the_bias_it_implies():
    model, data = regression(n=4000)
    lowest = half_squared_error(model, data).mean()
    model.weight.data += 0.1
    above = float((half_squared_error(model, data).mean() - lowest).detach())
    llc = langevin(n_draws=2400, inverse_temperature=200.0, localization=1.0)
    with pytest.warns(NotAMinimumWarning, match=r"gradient's norm is 0\.2\d+, which adds"):
        found = llc.estimate(model, data)
    expected = -200 * above
    told = float(found.flags[-1].message.split("about ")[1].split(" ")[0])
    assert told == pytest.approx(expected, rel=0.1)
    assert found.standard_error < 0.1
    assert found.value == pytest.approx(2.5 + expected, abs=3 * found.standard_error)
    assert not found.trusted


@NORMAL
def test_chains_that_left_the_neighbourhood_are_told():
    model, data = regression(n=500)
    llc = quick(
        inverse_temperature=0.1, localization=0.1, step_size=5.0, batch_size=500, n_draws=200
    )
    with pytest.warns(NotLocalWarning, match="left the neighbourhood of w"):
        found = llc.estimate(model, data, chance_loss=1.0)
    assert FlagCode.NO_BETTER_THAN_CHANCE in {flag.code for flag in found.flags}


def test_too_few_draws_are_told():
    model, data = regression(n=500)
    with pytest.warns(UnconvergedChainsWarning):
        found = quick(step_size=1e-5, batch_size=500).estimate(model, data)
    assert not found.trusted


@DAMPED
def test_a_pull_that_outweighs_the_loss_is_told():
    model, data = regression(n=500)
    llc = langevin(inverse_temperature=10.0, localization=1000.0, n_draws=500)
    with pytest.warns(NotLocalWarning, match="stronger than the loss in every direction"):
        llc.estimate(model, data)


class BreaksFarAway(nn.Module):
    """Its output is NaN where its parameter has gone too far."""

    def __init__(self, limit):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.limit = limit

    def forward(self, x):
        return torch.where(self.weight > self.limit, torch.nan, x * self.weight)


def squares(model, batch):
    return model(batch[0]).square().mean() / 2


def test_a_chain_that_breaks_stops_and_the_others_go_on():
    data = (torch.ones(50, 1),)
    llc = quick(
        squares, inverse_temperature=1.0, localization=1.0, step_size=0.5, n_chains=6, n_draws=60
    )
    with pytest.warns(LearnabilityWarning) as told:
        found = llc.estimate(BreaksFarAway(1.5), data)
    assert any(issubclass(warning.category, LostChainsWarning) for warning in told)
    lost = np.isnan(found.per_chain)
    assert 0 < lost.sum() < 6
    assert np.isfinite(found.value)
    assert found.value == pytest.approx(np.nanmean(found.per_chain))


def test_all_chains_broken_is_an_error():
    data = (torch.ones(50, 1),)
    llc = quick(squares, inverse_temperature=1.0, localization=1.0, step_size=0.5, n_draws=60)
    with pytest.raises(SamplingError, match=r"got none finite at step \d+ in any of 2"):
        llc.estimate(BreaksFarAway(0.05), data)


class Root(nn.Module):
    """At the edge of where its output is defined: its slope is infinite, and NaN beyond."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 1e-12))

    def forward(self, x):
        return x * self.weight.sqrt()


def test_no_step_size_is_made_of_a_curvature_that_is_not_finite():
    data = (torch.ones(50, 1), torch.ones(50, 1))
    with pytest.raises(SamplingError, match="got a curvature of nan"):
        langevin().estimate(Root(), data)


class Alone(nn.Module):
    """Finite at one point only."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return torch.where(self.weight == 0, x * self.weight, torch.nan)


def test_hamiltonian_chains_that_find_no_finite_loss_say_so():
    data = (torch.ones(50, 1), torch.ones(50, 1))
    with pytest.raises(SamplingError, match="got none that accepted a step"):
        langevin(sampler="hamiltonian", n_draws=5).estimate(Alone(), data)


@NORMAL
@pytest.mark.parametrize(
    ("kind", "sampler"),
    [(nn.LSTM, "auto"), (nn.GRU, "leimkuhler-matthews"), (nn.RNN, "leimkuhler-matthews")],
)
def test_recurrent_networks_are_sampled_chain_by_chain(kind, sampler):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.out = kind(2, 2, batch_first=True), nn.Linear(2, 2)

        def forward(self, x):
            return self.out(self.cell(x)[0][:, -1])

    torch.manual_seed(0)
    data = torch.randn(20, 3, 2), torch.arange(20) % 2
    settings = {"n_chains": 2, "n_draws": 2, "inverse_temperature": 10.0, "localization": 1.0}
    llc = langevin(nn.CrossEntropyLoss(), sampler=sampler, **settings, step_size=0.01)
    assert math.isfinite(llc.estimate(Recurrent(), data).value)


@NORMAL
def test_automatic_settings_hold_a_wide_chain_close():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 2))
    data = (torch.randn(100, 20), torch.randint(2, (100,)))
    loss = self_divergence_loss(model)
    found = langevin(loss, n_draws=150).estimate(model, data, chance_loss=math.log(2))
    assert found.excess_loss < 0.1
    assert found.value > 0


# Chance, and the result.


@NORMAL
def test_chance_loss_is_that_of_a_constant_prediction():
    model, (X, y) = classifier()
    shares = torch.bincount(y) / len(y)
    entropy = float(-(shares * shares.log()).sum())
    llc = quick(nn.CrossEntropyLoss())
    assert llc.estimate(model, (X, y)).chance_loss == pytest.approx(entropy)
    assert llc.estimate(model, (X, y), chance_loss=5.0).chance_loss == 5.0
    line, data = regression()
    found = quick(nn.MSELoss()).estimate(line, data)
    assert found.chance_loss == pytest.approx(float(data[1].var(correction=0)))
    unknown = quick().estimate(line, data)
    assert math.isnan(unknown.chance_loss)
    assert "nan" not in unknown.summary()
    assert "by chance" not in unknown.summary()


@NORMAL
def test_result_as_a_table_and_in_words():
    model, data = classifier()
    found = quick(nn.CrossEntropyLoss()).estimate(model, data)
    assert isinstance(found, LLCEstimate)
    row = found.to_frame().iloc[0]
    assert len(found.to_frame()) == 1
    assert row["value"] == found.value
    assert row["inverse_temperature"] == 20.0
    assert row["trusted"] == found.trusted
    text = found.summary()
    for told in (f"{found.value:.4g}", "R-hat", "2 x 12 draws of leimkuhler-matthews", "n beta 20"):
        assert told in text
    for flag in found.flags:
        assert flag.message in text
    assert found.loss_trace.shape == (2, 12)
    assert found.value == pytest.approx(20 * found.loss_trace.mean())
    np.testing.assert_allclose(found.per_chain, 20 * found.loss_trace.mean(axis=1))
