"""Complexity while a model is trained: nothing of the training changes, and nothing is lost."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
from sklearn.base import clone  # noqa: E402
from skorch import NeuralNetRegressor  # noqa: E402
from skorch.dataset import ValidSplit  # noqa: E402
from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import DamagedCheckpointWarning  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    ComplexityCallback,
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
)
from sklearn_learnability.torch.profile import _complexity_callback  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)
STEPS = 21


def rows():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(60, 3, generator=generator)
    return X, X.sum(1, keepdim=True) + 0.1 * torch.randn(60, 1, generator=generator)


def estimator(**changes):
    settings = {
        "sampler": "leimkuhler-matthews",
        "inverse_temperature": 30.0,
        "localization": 1.0,
        "n_chains": 2,
        "n_draws": 30,
        "batch_size": 20,
        "random_state": 0,
        "progress": False,
    }
    return LocalLearningCoefficient(nn.MSELoss(), **settings | changes)


def make_callback(folder, **changes):
    options = {"at_steps": 10, "tolerance": 0.2} | changes
    llc = options.pop("llc", None) or estimator()
    return ComplexityCallback(llc, rows(), store=folder, **options)


def model_of(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))


def train(callback=None, n_steps=STEPS, model=None):
    model = model_of() if model is None else model
    X, y = rows()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(n_steps):
        if callback is not None:
            callback(model, step)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(X), y).backward()
        optimizer.step()
    return model


def test_training_is_the_same_to_the_last_bit(tmp_path):
    with_it, without = train(make_callback(tmp_path)), train()
    for one, other in zip(with_it.parameters(), without.parameters(), strict=True):
        assert torch.equal(one, other)
    assert with_it.training


def test_each_step_is_what_its_parts_say_of_the_model_then(tmp_path):
    callback = make_callback(tmp_path, at_steps=[20])
    train(callback)
    trained = train(n_steps=20)
    estimate = estimator().estimate(trained, rows())
    critical = critical_amount(
        trained, nn.MSELoss(), rows(), Quantization(), tolerance=0.2, progress=False
    )
    (point,) = callback.trajectory().points
    assert point.llc == estimate.value
    assert point.llc_standard_error == estimate.standard_error
    assert set(point.flags) == {flag.code for flag in estimate.flags}
    assert point.critical == critical.value
    assert point.size == critical.size
    assert point.status == critical.status


def test_steps_are_kept_in_their_order_and_read_again(tmp_path, monkeypatch):
    first = make_callback(tmp_path)
    train(first)
    table = first.trajectory().to_frame()
    assert list(table["step"]) == [0, 10, 20]
    assert np.isfinite(table["llc"]).all()

    def never(*args, **kwargs):
        raise AssertionError("measured again")

    monkeypatch.setattr(_complexity_callback, "critical_amount", never)
    again = make_callback(tmp_path)
    train(again)
    assert again.trajectory() == first.trajectory()


def test_how_many_rows_go_through_the_model_at_once_is_no_other_setting(tmp_path):
    first = make_callback(tmp_path, at_steps=[0])
    train(first, n_steps=1)
    again = make_callback(tmp_path, at_steps=[0], llc=estimator(micro_batch_size=7))
    train(again, n_steps=1)
    assert again.trajectory() == first.trajectory()


def test_a_frozen_layer_makes_the_same_weights_another_model(tmp_path):
    model = model_of()
    whole = make_callback(tmp_path / "whole")(model, 0)
    model[0].requires_grad_(False)
    again = make_callback(tmp_path / "whole")(model, 0)
    alone = make_callback(tmp_path / "alone")(model, 0)
    assert again.llc == alone.llc
    assert again.llc != whole.llc


@pytest.mark.parametrize(
    "changes",
    [
        {"llc": estimator(localization=2.0)},
        {"llc": estimator(n_draws=31)},
        {"tolerance": 0.3},
        {"scheme": GaussianNoise()},
        {"compression_loss": nn.L1Loss()},
        {"compression_data": [part[:30] for part in rows()]},
    ],
)
def test_a_folder_of_another_setting_is_refused_before_training(tmp_path, changes):
    train(make_callback(tmp_path, at_steps=[0]), n_steps=1)
    with pytest.raises(ValueError, match="Expected"):
        make_callback(tmp_path, at_steps=[0], **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inverse_temperature", "auto"),
        ("localization", "auto"),
        ("sampler", "auto"),
        ("random_state", None),
    ],
)
def test_a_setting_that_would_be_chosen_at_every_step_is_refused(tmp_path, name, value):
    with pytest.raises(ValueError, match=name):
        make_callback(tmp_path, llc=estimator(**{name: value}))


def test_a_step_whose_loss_is_not_finite_is_skipped(tmp_path):
    callback = make_callback(tmp_path, at_steps=[0, 1])
    model = model_of()
    callback(model, 0)
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    with pytest.warns(DamagedCheckpointWarning, match="1"):
        assert callback(model, 1) is None
    assert callback.trajectory().steps == (0,)


@pytest.mark.parametrize("split", [None, ValidSplit(3)])
def test_skorch_measures_at_the_batches_it_trains_on(split, tmp_path):
    """A third of the rows are for validation: those batches are no steps."""
    callback = make_callback(tmp_path, at_steps=2)
    X, y = (part.numpy() for part in rows())
    net = NeuralNetRegressor(
        model_of(),
        max_epochs=2,
        batch_size=20 if split is None else 14,
        train_split=split,
        callbacks=[callback.for_skorch()],
        verbose=0,
    )
    clone(net).fit(X, y)
    assert callback.trajectory().steps == (0, 2, 4, 6)


def test_a_skorch_net_is_trained_as_without_it(tmp_path):
    X, y = (part.numpy() for part in rows())
    trained = []
    for callbacks in ([], [make_callback(tmp_path, at_steps=2).for_skorch()]):
        net = NeuralNetRegressor(model_of(), max_epochs=2, callbacks=callbacks, verbose=0)
        trained.append(net.fit(X, y).module_)
    for one, other in zip(*(module.parameters() for module in trained), strict=True):
        assert torch.equal(one, other)
