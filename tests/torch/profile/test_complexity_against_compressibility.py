"""Complexity against compressibility: every point accounted for, and nothing measured twice."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_learnability.exceptions import CheckpointError, DamagedCheckpointWarning
from sklearn_learnability.metrics import linear_association
from sklearn_learnability.torch import (
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    complexity_against_compressibility,
    critical_amount,
)

# The chains of these tests are short on purpose.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning",
    "error::sklearn_learnability.exceptions.DamagedCheckpointWarning",
)

DIM = 6
INPUTS = DIM**0.5 * torch.eye(DIM)
TARGETS = INPUTS @ torch.linspace(-2, 3, DIM)
DATA = (INPUTS, TARGETS)
SCALES = {"a": 0.0, "b": 0.5, "c": 0.8, "d": 0.9, "e": 0.95, "f": 1.0}
SCHEMES = {"quantization": Quantization(clamp="max"), "noise": GaussianNoise(n_draws=2)}


def squared_error(model, batch):
    inputs, targets = batch
    return 0.5 * (model(inputs).squeeze(1) - targets).square()


def load(scale):
    """A linear model on its way from 0 to the truth."""
    model = nn.Linear(DIM, 1, bias=False)
    model.weight.data = scale * torch.linspace(-2, 3, DIM)[None]
    return model


class CountingCoefficient(LocalLearningCoefficient):
    """Counts what it estimates, and stops at a given one."""

    calls = 0
    stop_at = None

    def estimate(self, model, data, **options):
        """Count, then estimate."""
        type(self).calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return super().estimate(model, data, **options)


@pytest.fixture
def counting():
    CountingCoefficient.calls, CountingCoefficient.stop_at = 0, None
    return coefficient(CountingCoefficient)


def coefficient(cls=LocalLearningCoefficient, **changes):
    settings = {
        "sampler": "leimkuhler-matthews",
        "n_chains": 2,
        "n_draws": 20,
        "inverse_temperature": 100.0,
        "localization": 1.0,
        "step_size": 5e-3,
        "random_state": 0,
        "progress": False,
    }
    return cls(squared_error, **settings | changes)


def measure(checkpoints=SCALES, **changes):
    options = {
        "llc": coefficient(),
        "loss": squared_error,
        "schemes": SCHEMES,
        "load": load,
        "progress": False,
    }
    return complexity_against_compressibility(checkpoints, DATA, **options | changes)


class TestPoints:
    def test_are_what_the_parts_give_alone(self):
        found = measure({"c": 0.8}, tolerances=(0.1, 0.5))
        table = found.to_frame().set_index(["scheme", "tolerance"])
        estimate = coefficient().estimate(load(0.8), DATA)
        assert_allclose(table["llc"], estimate.value)
        assert_allclose(table["excess_loss"], estimate.excess_loss)
        for name, scheme in SCHEMES.items():
            for tolerance in (0.1, 0.5):
                alone = critical_amount(
                    load(0.8), squared_error, DATA, scheme, tolerance=tolerance, progress=False
                )
                assert_allclose(table.loc[(name, tolerance), "critical"], alone.value, rtol=0.03)
                assert_allclose(table.loc[(name, tolerance), "loss"], alone.curve.baseline)

    def test_the_estimator_may_depend_on_the_model(self):
        def of_itself(model):
            reference = load(0.0)
            reference.load_state_dict(model.state_dict())

            def squared_change(changed, batch):
                return 0.5 * (changed(batch[0]) - reference(batch[0])).square().sum(1)

            return coefficient().set_params(loss=squared_change)

        table = measure(llc=of_itself).to_frame()
        half_the_parameters = table["llc"][table["scheme"] == "noise"]
        assert_allclose(half_the_parameters, DIM / 2, rtol=0.5)
        assert np.ptp(half_the_parameters) < 1e-3  # the same bowl everywhere, the same noise
        assert table["loss"].nunique() == len(SCALES)

    def test_none_is_missing_from_the_table(self):
        table = measure(tolerances=(0.1, 0.5)).to_frame()
        assert len(table) == len(SCALES) * len(SCHEMES) * 2
        at_zero = table[(table["checkpoint"] == "a") & (table["scheme"] == "quantization")]
        assert (at_zero["left_out"] == "never crossed").all()  # nothing to round
        assert at_zero["critical"].isna().all()

    def test_start_is_the_first_loss_below_the_share(self):
        losses = {name: (1 - scale) ** 2 for name, scale in SCALES.items()}
        table = measure(start_below=0.1).to_frame()
        early = {
            name
            for name, reason in zip(table["checkpoint"], table["left_out"], strict=True)
            if reason == "before the start"
        }
        assert early | {"a"} == {name for name, loss in losses.items() if loss >= 0.1}

    def test_start_is_of_each_run(self):
        runs = {name: "first" if name in "abc" else "second" for name in SCALES}
        table = measure(groups=runs, start_below=0.3).to_frame()
        noise = table[table["scheme"] == "noise"].set_index("checkpoint")["left_out"]
        # the second run starts at .01 of the loss at 0, and falls to a quarter of that at e
        assert noise[noise == ""].index.tolist() == ["b", "c", "e", "f"]

    def test_curves_hold_every_amount(self):
        found = measure({"d": 0.9})
        table = found.curves_to_frame()
        (point,) = found.checkpoints
        for name, (amount,) in point.critical.items():
            of_scheme = table[table["scheme"] == name]
            assert_allclose(of_scheme["amount"], amount.curve.amounts)
            assert_allclose(of_scheme["loss"], amount.curve.losses)


class TestLines:
    def test_are_through_the_points_used(self):
        found = measure(start_below=0.3)
        table = found.to_frame()
        used = table[(table["left_out"] == "") & (table["scheme"] == "noise")]
        expected = linear_association(used["llc"], used["critical"], given=used["loss"])
        assert found.fits()["noise", 0.5] == expected
        row = found.fits_to_frame().set_index("scheme").loc["noise"]
        assert row["n_points"] + row["n_left_out"] == len(SCALES)

    def test_compare_runs_at_the_same_step(self):
        places = {name: (f"run {i % 3}", 100.0 * (i // 3)) for i, name in enumerate(SCALES)}
        runs = {name: run for name, (run, _) in places.items()}
        steps = {name: step for name, (_, step) in places.items()}
        found = measure(groups=runs, steps=steps)
        assert found.to_frame()["step"].isin([0.0, 100.0]).all()
        used = found.to_frame().query("left_out == '' and scheme == 'noise'")
        columns = {"groups": used["group"], "steps": used["step"], "given": used["loss"]}
        line = found.fits()["noise", 0.5]
        assert line == linear_association(used["llc"], used["critical"], **columns)
        assert (line.n_groups, line.n_steps) == (3, 2 if len(used) == 6 else 1)

    def test_of_one_run_have_no_test_and_say_so(self):
        line = measure().fits()["noise", 0.5]
        assert line.reason.startswith("All points are of one run")
        assert measure().fits_to_frame()["p_value"].isna().all()

    def test_of_runs_without_steps_have_no_test(self):
        runs = {name: f"run {i % 3}" for i, name in enumerate(SCALES)}
        assert "no steps are given" in measure(groups=runs).fits()["noise", 0.5].reason

    def test_of_sizes_are_of_bits(self):
        found = measure()
        assert set(found.fits(of="size")) == {("quantization", 0.5)}  # noise has no size
        used = found.to_frame().query("left_out == '' and scheme == 'quantization'")
        assert_allclose(used["size"], np.log2(used["critical"]), atol=0.02)

    def test_few_points_have_none(self):
        found = measure({"e": 0.95, "f": 1.0})
        assert found.fits() == {}
        assert found.fits_to_frame().empty

    def test_start_can_be_changed_afterwards(self):
        assert replace(measure(), start_below=0.3).fits() == measure(start_below=0.3).fits()


class TestStore:
    def test_without_one_a_loss_need_not_be_told_from_others(self, tmp_path):
        lock = threading.Lock()

        def opaque(model, batch):
            with lock:
                return squared_error(model, batch)

        assert measure(loss=opaque).to_frame().equals(measure().to_frame())
        with pytest.raises(ValueError, match="that a store can tell from others"):
            measure(loss=opaque, store=tmp_path)

    def test_nothing_is_measured_twice(self, tmp_path, counting):
        first = measure(llc=counting, store=tmp_path)
        assert CountingCoefficient.calls == len(SCALES)
        again = measure(llc=counting, store=tmp_path)
        assert CountingCoefficient.calls == len(SCALES)
        assert first.to_frame().equals(again.to_frame())
        assert not list(tmp_path.glob("*.part"))

    def test_an_interrupted_study_goes_on(self, tmp_path, counting):
        CountingCoefficient.stop_at = 3
        with pytest.raises(KeyboardInterrupt):
            measure(llc=counting, store=tmp_path)
        CountingCoefficient.stop_at = None
        found = measure(llc=counting, store=tmp_path)
        assert CountingCoefficient.calls == len(SCALES) + 1
        assert found.to_frame().equals(measure().to_frame())


class TestBadInput:
    def test_a_checkpoint_whose_loss_is_not_finite_is_skipped(self):
        def load_large(scale):
            return load(float("inf") if scale == 0.8 else scale)

        with pytest.warns(DamagedCheckpointWarning, match="Skipped the checkpoint c. .* finite"):
            found = measure(load=load_large)
        assert [name for name, _ in found.skipped] == ["c"]
        assert "c" not in set(found.to_frame()["checkpoint"])

    def test_a_damaged_checkpoint_is_skipped(self):
        def load_some(scale):
            if scale == 0.8:
                raise OSError("file is truncated")
            return load(scale)

        with pytest.warns(DamagedCheckpointWarning, match="c. file is truncated"):
            found = measure(load=load_some)
        assert found.skipped == (("c", "OSError: file is truncated"),)
        assert "c" not in set(found.to_frame()["checkpoint"])

    def test_only_damaged_ones_are_an_error(self):
        def fail(scale):
            raise OSError("gone")

        with (
            pytest.warns(DamagedCheckpointWarning),
            pytest.raises(CheckpointError, match="none of 6"),
        ):
            measure(load=fail)

    def test_a_mistake_in_the_loader_is_not_damage(self):
        with pytest.raises(TypeError):
            measure(load=lambda: None)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schemes": {}}, "at least one scheme"),
            ({"tolerances": ()}, "tolerances above 0"),
            ({"tolerances": (0.5, -1)}, "tolerances above 0"),
            ({"tolerances": (0.5, np.nan)}, "tolerances above 0"),
            ({"start_below": 0}, "start_below in"),
            ({"start_below": 1.5}, "start_below in"),
            ({"groups": {"a": "run"}}, "group of every checkpoint, got none of 'b'"),
            ({"steps": {"a": 1}}, "step of every checkpoint, got none of 'b'"),
            ({"steps": dict.fromkeys(SCALES, 5)}, "got 'a' and 'b' of step 5"),
            ({"steps": dict.fromkeys(SCALES, np.inf)}, "finite steps, got inf of 'a'"),
        ],
    )
    def test_is_refused_before_anything_is_loaded(self, change, message):
        def never(scale):
            raise AssertionError

        with pytest.raises(ValueError, match=message):
            measure(load=never, **change)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schemes": Quantization()}, "schemes as a dict of names, got Quantization"),
            ({"llc": "auto"}, "llc as a LocalLearningCoefficient, .* got str"),
        ],
    )
    def test_what_is_of_another_kind_is_named(self, change, message):
        with pytest.raises(TypeError, match=f"Expected {message}"):
            measure(**change)

    def test_the_model_is_left_as_it_was(self):
        model = load(0.9)
        before = model.weight.detach().clone()
        measure({"d": model}, load=lambda model: model)
        assert torch.equal(model.weight, before)
        assert model.training
