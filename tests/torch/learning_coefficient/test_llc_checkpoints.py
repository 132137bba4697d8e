"""Many checkpoints at one setting, and one model at many."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import (
    CheckpointError,
    DamagedCheckpointWarning,
    LearnabilityWarning,
)
from sklearn_learnability.torch import LocalLearningCoefficient, llc_sensitivity

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)
X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))


def quick(**settings):
    defaults = {"sampler": "leimkuhler-matthews", "n_draws": 20, "n_chains": 2, "batch_size": 32}
    return LocalLearningCoefficient(
        nn.CrossEntropyLoss(), **defaults | {"random_state": 0, "progress": False} | settings
    )


def load(source):
    if source == "damaged":
        raise OSError("the file ends too early")
    return network(source)


def test_all_checkpoints_are_measured_at_one_setting():
    found = quick().estimate_checkpoints({"first": 0, "middle": 1, "last": 2}, (X, Y), load=load)
    table = found.to_frame()
    assert list(table["checkpoint"]) == ["first", "middle", "last"]
    assert table["inverse_temperature"].nunique() == table["localization"].nunique() == 1
    assert found.skipped == ()


def test_a_checkpoint_measured_alone_at_that_setting_is_the_same():
    found = quick(inverse_temperature=30.0, localization=10.0).estimate_checkpoints(
        {"a": 0, "b": 1}, (X, Y), load=load
    )
    alone = quick(inverse_temperature=30.0, localization=10.0).estimate(network(1), (X, Y))
    np.testing.assert_array_equal(found.estimates[1].loss_trace, alone.loss_trace)


def test_a_damaged_checkpoint_is_left_out_with_a_warning():
    with pytest.warns(DamagedCheckpointWarning, match="Skipped the checkpoint b. the file ends"):
        found = quick().estimate_checkpoints({"a": 0, "b": "damaged", "c": 2}, (X, Y), load=load)
    assert found.names == ("a", "c")
    assert found.skipped == (("b", "OSError: the file ends too early"),)


@pytest.mark.parametrize("inverse_temperature", ["auto", 20.0])
def test_a_checkpoint_whose_loss_is_not_finite_is_skipped(inverse_temperature):
    def load_large(source):
        model = load(source)
        if source == 1:
            model[0].weight.data.fill_(float("nan"))
        return model

    llc = quick(inverse_temperature=inverse_temperature)
    with pytest.warns(DamagedCheckpointWarning, match="Skipped the checkpoint b. .* finite loss"):
        found = llc.estimate_checkpoints({"a": 0, "b": 1, "c": 2}, (X, Y), load=load_large)
    assert found.names == ("a", "c")
    assert [name for name, _ in found.skipped] == ["b"]


def test_no_whole_checkpoint_is_an_error():
    with pytest.raises(CheckpointError, match="the file ends too early"):
        quick().estimate_checkpoints({"a": "damaged"}, (X, Y), load=load)


def test_names_that_repeat_are_refused():
    with pytest.raises(ValueError, match="different names"):
        quick().estimate_checkpoints(["run/a.pt", "other/a.pt"], (X, Y), load=load)


def test_a_study_goes_on_from_its_store(tmp_path):
    llc = quick()
    checkpoints = {"a": 0, "b/1": 1}
    whole = llc.estimate_checkpoints(checkpoints, (X, Y), load=load)
    calls = []

    def interrupted(source):
        calls.append(source)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return load(source)

    with pytest.raises(KeyboardInterrupt):
        llc.estimate_checkpoints(checkpoints, (X, Y), load=interrupted, store=tmp_path)
    resumed = llc.estimate_checkpoints(checkpoints, (X, Y), load=load, store=tmp_path)
    assert (tmp_path / "b%2F1.pt").exists()
    for one, other in zip(whole.estimates, resumed.estimates, strict=True):
        np.testing.assert_array_equal(one.loss_trace, other.loss_trace)


def test_sensitivity_has_a_row_for_every_setting_and_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", LearnabilityWarning)
        found = llc_sensitivity(
            quick(),
            network(0),
            (X, Y),
            inverse_temperatures=(20, 40),
            localizations=(5,),
            seeds=(0, 1),
            store=tmp_path,
        )
    table = found.to_frame()
    assert len(table) == 4
    assert sorted(table["seed"]) == [0, 0, 1, 1]
    assert set(table["inverse_temperature"]) == {20, 40}
    assert len(list(tmp_path.iterdir())) == 4
    two = table[table["inverse_temperature"] == 20]
    assert two["value"].nunique() == 2  # seeds differ
