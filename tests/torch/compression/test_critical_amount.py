"""The critical amount: crossings of curves known beforehand, caching, and what stays as it was."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from sklearn_learnability.exceptions import UndefinedLossWarning
from sklearn_learnability.torch import (
    CompressionCurve,
    Quantization,
    critical_amount,
    make_linear_network_model,
)

MSE = nn.MSELoss()


def regression():
    """A linear model of two layers at a minimum without loss, in float32."""
    known = make_linear_network_model([12, 4, 3], 3, n_samples=150, random_state=1)
    return known.model.float(), tuple(part.float() for part in known.data)


class Dial(nn.Module):
    """A model of one number, which is its loss."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.level.expand(len(x))


class Known:
    """A scheme whose loss is a known function of the amount; it counts its calls."""

    def __init__(self, increase):
        self.increase = increase
        self.calls = []

    @contextmanager
    def __call__(self, model, amount):
        self.calls.append(amount)
        try:
            model.level.data.fill_(1 + self.increase(amount))
            yield
        finally:
            model.level.data.fill_(1)


def level_loss(model, batch):
    return model(batch)


def measure(increase, amounts, tolerance=0.5, **options):
    scheme = Known(increase)
    found = critical_amount(
        Dial(),
        level_loss,
        torch.zeros(3, 1),
        scheme,
        tolerance=tolerance,
        amounts=amounts,
        progress=False,
        **options,
    )
    return found, scheme


def test_interpolated_crossing_of_a_known_curve():
    found, _ = measure(lambda sigma: sigma**2, [0.1, 0.3, 1.0, 3.0])
    assert found.status == "crossed"
    assert found.value == pytest.approx(0.5**0.5, rel=2e-3)
    assert found.bracket[0] <= 0.5**0.5 <= found.bracket[1] < 1.03 * found.bracket[0]
    assert found.standard_error == 0
    assert found.curve.baseline == 1
    assert found.curve.critical(0.02).value == pytest.approx(0.02**0.5, rel=0.3)


def test_whole_amounts_are_refined_to_neighbours():
    found, scheme = measure(lambda rank: 3 / rank, [64, 32, 16, 8, 4, 2])
    assert found.bracket == (6, 5)
    assert found.value == pytest.approx(6)
    assert all(isinstance(amount, int) for amount in scheme.calls)
    assert len(scheme.calls) < 11


def test_the_first_stable_crossing_not_a_bump():
    """A bump of one point is passed over; where the curve comes back later is not the answer."""
    bumps = {64: 0.0, 32: 0.9, 16: 0.1, 8: 0.6, 4: 1.0, 2: 0.0}
    found, _ = measure(
        lambda n: np.interp(n, sorted(bumps), [bumps[k] for k in sorted(bumps)]), [*bumps]
    )
    assert found.bracket[0] <= 16
    assert found.bracket[1] >= 8
    assert found.value == pytest.approx(16 - 8 * 0.4 / 0.5, abs=0.3)
    assert len(found.crossings) == 4


def test_a_bump_at_the_crossing_itself():
    """Refinement that lands on a point that exceeds by chance goes on to where it stays."""

    def increase(n):
        return 1.0 if n <= 11 or n == 20 else 0.0

    found, _ = measure(increase, [64, 32, 16, 8, 4])
    assert found.bracket == (12, 11)


def test_never_and_at_once():
    never, _ = measure(lambda n: 0.1, [8, 4, 2])
    assert never.status == "never crossed"
    assert np.isnan(never.value)
    assert never.bracket[0] == 2
    assert np.isnan(never.bracket[1])
    at_once, scheme = measure(lambda n: 2.0, [8, 4, 2])
    assert at_once.status == "crossed at once"
    assert np.isnan(at_once.value)
    assert at_once.bracket[1] == 8
    assert scheme.calls == [8, 4, 2]
    assert at_once.to_frame()["status"].tolist() == ["crossed at once"]


def test_undefined_losses_are_beyond_the_tolerance():
    with pytest.warns(UndefinedLossWarning, match="amount = 4, 3, 2"):
        found, _ = measure(lambda n: float("nan") if n <= 4 else 0.0, [16, 8, 4, 2])
    assert found.status == "crossed"
    assert found.bracket == (5, 4)
    assert 4 <= found.value <= 5


def test_knee():
    amounts = np.array([64.0, 32, 16, 8, 4, 2])
    increases = np.array([0.0, 0.01, 0.02, 0.3, 2.0, 4.0])
    nothing = np.full(6, np.nan)
    curve = CompressionCurve("n_q", 2.0, amounts, 2 + increases, 0 * amounts, nothing, nothing, 7)
    assert curve.knee == pytest.approx(0.3)
    flat = CompressionCurve("n_q", 2.0, amounts, 0 * amounts + 2, nothing, nothing, nothing, 7)
    assert np.isnan(flat.knee)
    assert curve.to_frame()["increase"].tolist() == pytest.approx(increases.tolist())


@pytest.mark.parametrize("scope", ["model", "tensor", "channel"])
def test_critical_n_q_is_that_of_every_n_q_and_every_clamp(scope):
    model, data = regression()
    found = critical_amount(
        model, MSE, data, Quantization(scope=scope), tolerance=0.05, progress=False
    )
    least = {}
    for n_q in range(4, 66, 2):
        for step in range(41):
            with torch.no_grad(), Quantization(2 ** (-step / 8), scope)(model, n_q):
                loss = float(F.mse_loss(model(data[0]), data[1]))
            least[n_q] = min(loss, least.get(n_q, np.inf))
    beyond = [n for n in range(64, 4, -2) if min(least[n], least[n - 2]) > 0.05]
    critical = beyond[0] + 2
    assert found.bracket == (critical, critical - 2)
    step = (0.05 - least[critical]) / (least[critical - 2] - least[critical])
    assert found.value == pytest.approx(critical - 2 * step, rel=1e-4)
    assert found.size == pytest.approx(np.log2(found.value), abs=0.02)
    assert found.curve.n_evaluations < 31 * 41 / 8


def test_an_already_quantized_model_loses_nothing_at_its_own_grid():
    model, (inputs, _) = regression()
    with Quantization(clamp="max")(model, 8):
        kept = [p.data.clone() for p in model.parameters()]
    for p, value in zip(model.parameters(), kept, strict=True):
        p.data.copy_(value)
    data = (inputs, model(inputs).detach())
    found = critical_amount(
        model,
        MSE,
        data,
        Quantization(clamp="max"),
        tolerance=1e-4,
        amounts=[14, 8, 6, 4],  # 8 has the values of 14, and twice as many between
        progress=False,
    )
    assert found.bracket == (8, 6)
    assert found.curve.increases[found.curve.amounts == 8] == pytest.approx(0, abs=1e-9)


def test_kinds_of_data_and_losses_agree():
    model, (inputs, targets) = regression()
    options = {"tolerance": 0.05, "amounts": [32, 16, 8, 4], "progress": False}
    kinds = [
        ((inputs, targets), MSE),
        (TensorDataset(inputs, targets), MSE),
        (DataLoader(TensorDataset(inputs, targets), batch_size=7, shuffle=True), MSE),
        ((inputs, targets), lambda m, batch: ((m(batch[0]) - batch[1]) ** 2).mean(1)),
        ({"x": inputs, "y": targets}, lambda m, batch: F.mse_loss(m(batch["x"]), batch["y"])),
    ]
    values = [critical_amount(model, loss, d, Quantization(), **options).value for d, loss in kinds]
    assert values == pytest.approx([values[0]] * 5, rel=1e-4)


def test_the_model_is_as_before_also_when_interrupted():
    model = nn.Sequential(nn.Linear(12, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    model.train()
    _, data = regression()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    calls = []

    def loss(m, batch):
        calls.append(m.training)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return F.mse_loss(m(batch[0]), batch[1])

    with pytest.raises(KeyboardInterrupt):
        critical_amount(model, loss, data, Quantization(), progress=False)
    assert not any(calls)
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_resumed_from_the_store(tmp_path, monkeypatch):
    path = tmp_path / "curve.pt"
    monkeypatch.setattr(Known, "store_key", "3 / n", raising=False)
    first, scheme = measure(lambda n: 3 / n, [64, 16, 4, 2])
    n_calls = len(scheme.calls)

    def interrupted(n):
        if n < 16:
            raise KeyboardInterrupt
        return 3 / n

    with pytest.raises(KeyboardInterrupt):
        measure(interrupted, [64, 16, 4, 2], store=path)
    again, scheme = measure(lambda n: 3 / n, [64, 16, 4, 2], store=path)
    assert len(scheme.calls) == n_calls - 2
    assert again.to_frame().equals(first.to_frame())
    _, scheme = measure(lambda n: 3 / n, [64, 16, 4, 2], store=path)
    assert scheme.calls == []
    _, scheme = measure(lambda n: 3 / n, [64, 16, 4, 2], tolerance=0.1, store=path)
    assert 0 < len(scheme.calls) < n_calls


def test_progress_is_shown(capsys):
    model, data = regression()
    critical_amount(model, MSE, data, Quantization(clamp="max"), amounts=[8, 4])
    assert "critical n_q" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0}, "Expected a tolerance above 0"),
        ({"amounts": [8]}, "at least two different amounts"),
        ({"amounts": [8, 4, 6]}, "in order"),
        ({"amounts": [8, 5]}, "even number of at least 4 quantization intervals, got 5"),
    ],
)
def test_bad_arguments(options, message):
    model, data = regression()
    with pytest.raises(ValueError, match=message):
        critical_amount(model, MSE, data, Quantization(), progress=False, **options)


def test_bad_schemes_and_losses():
    model, data = regression()
    with pytest.raises(TypeError, match="Expected a scheme"):
        critical_amount(model, MSE, data, "quantize", progress=False)
    with pytest.raises(ValueError, match='reduction="sum"'):
        critical_amount(model, nn.MSELoss(reduction="sum"), data, Quantization(), progress=False)
    with pytest.raises(ValueError, match="at least two different amounts"):
        critical_amount(model, MSE, data, lambda model, amount: None, progress=False)
    model[0].weight.data.fill_(float("inf"))
    with pytest.raises(ValueError, match="finite loss of the model itself"):
        critical_amount(model, MSE, data, Quantization(), progress=False)
