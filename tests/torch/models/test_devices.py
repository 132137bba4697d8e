"""Models that are somewhere else: offloaded, spread over devices, or where float64 is not."""

import math

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import (
    Factorization,
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    Retraining,
    critical_amount,
    fold_norms,
    measure_information_plane,
)
from sklearn_learnability.torch.compression import _factorization
from sklearn_learnability.torch.compression._retraining import retrain
from sklearn_learnability.torch.models import _devices, _empirical_loss
from sklearn_learnability.torch.models._held_still import held_still

QUIET = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
TOKENS = torch.randint(12, (20, 9), generator=torch.Generator().manual_seed(0))


def coefficient(loss, **settings):
    given = {
        "sampler": "sgld",
        "n_chains": 2,
        "n_draws": 6,
        "inverse_temperature": 5.0,
        "localization": 1.0,
        "step_size": 1e-3,
        "random_state": 0,
        "progress": False,
    }
    return LocalLearningCoefficient(loss, **given | settings)


def language_model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Embedding(12, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 12)
    )


def by_token(model, batch):
    logits = model(batch[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def plane(model, layer="2"):
    found = measure_information_plane(
        model, TOKENS.tolist(), layers=[layer], widths=(1,), device="cpu", progress=False
    )
    return found.to_frame().drop(columns="layer")


@pytest.fixture(params=["memory", "disk"])
def offloaded(request, tmp_path):
    accelerate = pytest.importorskip("accelerate")
    model = language_model().eval()
    cpu = torch.device("cpu")
    if request.param == "memory":
        return accelerate.cpu_offload(model, execution_device=cpu)
    return accelerate.disk_offload(model, str(tmp_path), execution_device=cpu)


@pytest.mark.parametrize(
    "measure",
    [
        lambda model: critical_amount(model, by_token, TOKENS, Quantization("max"), progress=False),
        lambda model: GaussianNoise().measure(model, 0.1, lambda: 0.0),
        lambda model: coefficient(by_token).estimate(model, TOKENS),
        lambda model: fold_norms(model, TOKENS),
    ],
)
def test_offloaded_weights_are_refused_where_they_would_be_changed(offloaded, measure):
    with pytest.raises(ValueError, match="Expected a model whose weights are in memory"):
        measure(offloaded)


def test_offloaded_weights_are_read_where_they_are(offloaded):
    places = [(p.device, id(p)) for p in offloaded.parameters()]
    assert plane(offloaded).equals(plane(language_model()))
    assert [(p.device, id(p)) for p in offloaded.parameters()] == places


def test_a_model_spread_over_devices_is_never_moved():
    class Spread(nn.Module):
        hf_device_map = {"net": 0, "net.4": 1}

        def __init__(self):
            super().__init__()
            self.net = language_model()
            for number, part in enumerate(self.net):
                self.add_module(str(number), part)

        def forward(self, ids):
            return self.net(ids)

        def to(self, *args, **kwargs):
            raise AssertionError("moved")

    assert plane(Spread(), "net.2").equals(plane(language_model()))
    assert critical_amount(
        Spread(), by_token, TOKENS, Quantization("max"), progress=False
    ).value == pytest.approx(
        critical_amount(
            language_model(), by_token, TOKENS, Quantization("max"), progress=False
        ).value,
        nan_ok=True,
    )


def test_a_model_that_is_moved_comes_back():
    model = language_model()
    where = [(id(p), p.data_ptr(), p.device) for p in model.parameters()]
    with held_still(model):
        model.to(torch.float64)  # for want of another device
        assert model[2].weight.data_ptr() != where[3][1]
    assert [(id(p), p.data_ptr(), p.device) for p in model.parameters()] == where


class WithoutCudnn(nn.Module):
    """A recurrent net that gradients can be taken of without cuDNN alone."""

    def __init__(self):
        super().__init__()
        self.net, self.out, self.seen = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 1), []

    def forward(self, x):
        if torch.is_grad_enabled():
            self.seen.append(torch.backends.cudnn.enabled)
        return self.out(self.net(x)[0][:, -1])


@QUIET
def test_recurrent_nets_take_gradients_without_cudnn():
    model, data = WithoutCudnn(), (torch.randn(20, 5, 3), torch.randn(20, 1))
    assert torch.backends.cudnn.enabled
    coefficient(nn.MSELoss()).estimate(model, data)
    assert model.seen
    assert not any(model.seen)
    model.seen.clear()
    how = Retraining(nn.MSELoss(), data, learning_rate=0.1, n_steps=2, n_checks=1)
    assert len(list(retrain(model, [], how, lambda: 0.0))) == 1
    assert model.seen == [False, False]
    assert torch.backends.cudnn.enabled


@QUIET
@pytest.mark.parametrize("sampler", ["hamiltonian", "sgld"])
def test_the_tensors_of_a_criterion_go_with_the_model(sampler):
    """As for another device, so for another type: weights in float32, a model in float64."""
    X = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, model = torch.arange(30) % 3, nn.Linear(3, 3).double()
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    truth = nn.CrossEntropyLoss(weight=criterion.weight.double())(model(X), y).item()
    found = critical_amount(model, criterion, (X, y), Quantization("max"), progress=False)
    assert found.curve.baseline == pytest.approx(truth)
    llc = coefficient(criterion, sampler=sampler, step_size=0.02)
    assert llc.estimate(model, (X, y)).initial_loss == pytest.approx(truth)
    assert criterion.weight.dtype == torch.float32


def test_a_device_without_float64_is_named(monkeypatch):
    monkeypatch.setattr(_empirical_loss, "has_float64", lambda device: False)
    with pytest.raises(ValueError, match=r"computes in float64, got cpu. Pass device='cpu'"):
        coefficient(by_token).estimate(language_model(), TOKENS)


def test_matrices_are_factorized_on_the_host_where_a_device_has_no_float64(monkeypatch):
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(9, 9) for _ in range(3)))
    with Factorization()(model, 0.3):
        wanted = model[1].weight.detach().clone()
    monkeypatch.setattr(_factorization, "has_float64", lambda device: False)
    with Factorization()(model, 0.3):
        assert torch.equal(model[1].weight, wanted)


def test_whether_a_device_has_float64_is_found_by_trying():
    assert _devices.has_float64(torch.device("cpu"))
    assert not _devices.has_float64(torch.device("mps"))  # here there is none at all


@QUIET
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_are_taken_whatever_the_caller_has_turned_off(context):
    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(20, 3, generator=generator), torch.randn(20, 1, generator=generator)
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    wanted = coefficient(nn.MSELoss()).estimate(model, (X, y)).value
    with context():
        assert coefficient(nn.MSELoss()).estimate(model, (X, y)).value == wanted
        made_here = nn.Linear(3, 1)
        found = coefficient(nn.MSELoss()).estimate(made_here, (X.clone(), y.clone()))
        compressed = critical_amount(
            made_here, nn.MSELoss(), (X, y), Quantization("max"), progress=False
        )
    assert math.isfinite(found.value)
    assert math.isfinite(compressed.curve.baseline)
