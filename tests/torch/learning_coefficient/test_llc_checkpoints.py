"""Many checkpoints, many settings, skorch networks; and the parts that settings are chosen by."""

import math
import warnings

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_learnability.exceptions import (
    CheckpointError,
    DamagedCheckpointWarning,
    LearnabilityWarning,
)
from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    estimate_llc,
    llc_sensitivity,
)
from sklearn_learnability.torch.learning_coefficient._llc_options import sampler_for
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import look_around
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    ChainSettings,
    gradient_bias,
    noise_share,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._recorded import CALLS_BEFORE, Recorded

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


def test_settings_of_the_paper_by_size():
    small = LocalLearningCoefficient.paper(nn.CrossEntropyLoss(), n_parameters=14e6)
    assert (small.inverse_temperature, small.localization, small.step_size) == (30.0, 300.0, 1e-3)
    assert (small.sampler, small.n_chains, small.batch_size) == ("rmsprop-sgld", 4, 32)
    published = {31e6: 3e-4, 70e6: 3e-4, 160e6: 1e-4, 410e6: 1e-4, 1e9: 3e-5, 1.4e9: 3e-5}
    for size, step in (published | {2.8e9: 1e-5, 6.9e9: 3e-6}).items():
        llc = LocalLearningCoefficient.paper(nn.CrossEntropyLoss(), n_parameters=size)
        assert llc.step_size == step
        assert llc.n_draws == (120 if size < 1e9 else 60)  # 200 or 100 steps in all


# skorch


def fitted(**settings):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2), nn.Softmax(dim=1))
    net = NeuralNetClassifier(module, max_epochs=3, lr=0.5, train_split=None, verbose=0, **settings)
    return net.fit(X.numpy(), Y.numpy())


def test_skorch_loss_is_that_of_its_criterion():
    net = fitted()
    found = estimate_llc(
        net, X.numpy(), Y.numpy(), sampler="sgld", n_draws=10, random_state=0, progress=False
    )
    probabilities = net.predict_proba(X.numpy())[np.arange(200), Y.numpy()]
    assert found.initial_loss == pytest.approx(-np.log(probabilities).mean(), rel=1e-4)
    share = Y.double().mean()
    assert found.chance_loss == pytest.approx(
        float(-(share * share.log() + (1 - share) * (1 - share).log()))
    )


def test_skorch_inputs_in_double_precision_are_taken():
    inputs = X.numpy().astype(np.float64)
    found = estimate_llc(
        fitted(), inputs, Y.numpy(), sampler="sgld", n_draws=10, random_state=0, progress=False
    )
    assert math.isfinite(found.value)


def test_skorch_network_that_is_not_fitted():
    from sklearn.exceptions import NotFittedError

    net = NeuralNetClassifier(nn.Linear(4, 2))
    with pytest.raises(NotFittedError):
        estimate_llc(net, X.numpy(), Y.numpy())


# What settings are chosen by, on a quadratic of known curvature.


class Quadratic(nn.Module):
    """A parameter whose loss on row x is (w - x)' H (w - x) / 2."""

    def __init__(self, position):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(position))


CURVATURES = torch.linspace(4.0, 0.1, 40)
ROWS = torch.randn(4000, 40, generator=torch.Generator().manual_seed(1))


def quadratic_loss(model, batch):
    return (CURVATURES * (model.weight - batch).square()).sum(1) / 2


SHIFT = torch.zeros(40)
SHIFT[0] = 0.5


def around(position, batch_size=50):
    model = Quadratic(position)
    with held_still(model):
        flat = FlatLoss(EmpiricalLoss(model, quadratic_loss, ROWS))
        return look_around(flat, batch_size, 400, torch.Generator().manual_seed(0))


def test_curvature_gradient_and_noise_of_a_quadratic():
    position = ROWS.mean(0) + SHIFT
    found = around(position)
    assert found.curvature == pytest.approx(4.0, rel=0.02)
    assert found.curvature_along_gradient == pytest.approx(4.0, rel=0.1)
    assert found.squared_gradient == pytest.approx((4 * 0.5) ** 2, rel=0.3)
    trace = float((CURVATURES**2 * ROWS.var(0)).sum()) / 50
    assert found.noise == pytest.approx(trace, rel=0.2)


def settings(**changes):
    values = {"inverse_temperature": 100.0, "localization": 10.0, "step_size": 1e-3}
    fixed = {"sampler": "sgld", "n_chains": 1, "n_draws": 1, "n_discarded": 0, "batch_size": 50}
    return ChainSettings(**fixed | values | changes)


def test_bias_of_a_slope_is_that_of_the_quadratic():
    found = around(ROWS.mean(0) + SHIFT, batch_size=250)  # all rows are seen
    t, gamma, h = 100.0, 10.0, 4.0
    mean = gamma / (t * h + gamma) * 0.5  # of the posterior, from the minimum
    expected = t * h / 2 * (mean**2 - 0.5**2)
    assert gradient_bias(settings(), found) == pytest.approx(expected, rel=0.05)


def test_noise_adds_no_more_than_the_bound_and_not_much_less():
    found = around(ROWS.mean(0))
    t, gamma, step = 100.0, 10.0, 1e-3
    variances = step * t**2 * (CURVATURES**2 * ROWS.var(0) / 50) / (4 * (t * CURVATURES + gamma))
    truth = float((CURVATURES * variances).sum() / 2)
    share = noise_share(settings(), found, found.noise)
    assert 0.8 * truth < share < 1.6 * truth


# Recorded graphs


def test_a_recorded_graph_gives_what_the_function_gives():
    def function(positions, batch):
        return (positions * batch[0]).sum(1), positions.sin()

    recorded = Recorded()
    generator = torch.Generator().manual_seed(0)
    for _ in range(CALLS_BEFORE + 10):
        arguments = torch.randn(2, 3, generator=generator), (torch.randn(3, generator=generator),)
        for found, expected in zip(
            recorded(function, *arguments), function(*arguments), strict=True
        ):
            torch.testing.assert_close(found, expected)
    (graph,) = recorded.graphs.values()
    assert graph is not None


def test_a_function_that_branches_on_values_is_not_taken_for_its_first_branch():
    def function(positions, batch):
        scale = 1.0 if float(batch.sum()) > 0 else -1.0
        return positions.sum(1) * scale, positions * scale

    recorded = Recorded()
    for call in range(CALLS_BEFORE + 6):
        batch = torch.ones(2) if call < CALLS_BEFORE + 2 else -torch.ones(2)
        found = recorded(function, torch.ones(1, 2), batch)
    assert float(found[0]) == -2.0


def test_the_exact_sampler_is_taken_where_it_is_affordable():
    wide = nn.Linear(4, 2000)
    many = torch.zeros(5000, 4), torch.zeros(5000, dtype=torch.long)
    rows = torch.utils.data.TensorDataset(X, Y)
    listed = [rows[i] for i in range(len(rows))]  # rows that are not tensors of all
    for model, data, expected in (
        (network(0), (X, Y), "hamiltonian"),
        (network(0), listed, "leimkuhler-matthews"),
        (wide, many, "leimkuhler-matthews"),
    ):
        with held_still(model):
            assert sampler_for(EmpiricalLoss(model, nn.CrossEntropyLoss(), data)) == expected
