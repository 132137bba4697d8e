"""Quantization: its grid, what it leaves alone, and that it is undone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_learnability.torch import CompressedLoss, Quantization, critical_amount

N_Q = st.integers(2, 40).map(lambda half: 2 * half)
WEIGHTS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30)


def vector_model(weights):
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight.data = torch.tensor([weights], dtype=torch.float32)
    return model


def quantized(weights, n_q, **settings):
    model = vector_model(weights)
    with Quantization(**settings)(model, n_q):
        return model.weight.data.flatten().clone()


@settings(max_examples=60, deadline=None)
@given(N_Q)
def test_there_are_n_q_minus_1_values_with_0_and_both_ends(n_q):
    values = torch.linspace(-2, 2, 4001)
    found = quantized(values.tolist(), n_q, clamp="max").unique()
    assert len(found) == n_q - 1
    torch.testing.assert_close(found, torch.linspace(-2, 2, n_q - 1), rtol=1e-5, atol=1e-6)
    assert 0 in found


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, N_Q)
def test_symmetric_idempotent_and_within_half_a_step(weights, n_q):
    found = quantized(weights, n_q, clamp="max")
    negated = quantized([-w for w in weights], n_q, clamp="max")
    assert torch.equal(found, -negated)
    again = quantized(found.tolist(), n_q, clamp="max")
    torch.testing.assert_close(again, found, rtol=1e-6, atol=0)
    largest = max(abs(w) for w in weights)
    error = (found - torch.tensor(weights)).abs().max()
    assert error <= largest / (n_q - 2) * (1 + 1e-5) + 1e-30


def test_formula_with_a_clamp():
    # m = 2, Delta = 2 / (8 / 2 - 1) = 2 / 3
    found = quantized([4.0, -0.9, 0.3, -3.0, 1.1], 8, clamp=0.5)
    torch.testing.assert_close(found, torch.tensor([2, -2 / 3, 0, -2, 4 / 3]))


def test_values_of_torch():
    """With the same step, torch's own rounding gives the same values."""
    weights = torch.randn(500, generator=torch.Generator().manual_seed(0))
    delta = float(weights.abs().max()) / 7
    peer = torch.fake_quantize_per_tensor_affine(weights, delta, 0, -7, 7)
    torch.testing.assert_close(quantized(weights.tolist(), 16, clamp="max"), peer)


def test_scopes():
    model = nn.Linear(2, 2)
    model.weight.data = torch.tensor([[1.0, 0.4], [10.0, 4.0]])
    model.bias.data = torch.tensor([100.0, 40.0])
    by_scope = {}
    for scope in ("model", "tensor", "channel"):
        with Quantization(clamp="max", scope=scope)(model, 4):  # -m, 0, m
            by_scope[scope] = (model.weight.data.tolist(), model.bias.data.tolist())
    assert by_scope == {
        "model": ([[0.0, 0.0], [0.0, 0.0]], [100.0, 0.0]),
        "tensor": ([[0.0, 0.0], [10.0, 0.0]], [100.0, 0.0]),
        "channel": ([[1.0, 0.0], [10.0, 0.0]], [100.0, 0.0]),
    }


class Tied(nn.Module):
    """An embedding that is the output layer too, with statistics and a counter."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.norm = nn.BatchNorm1d(4)
        self.output = nn.Linear(4, 6)
        self.output.weight = self.embedding.weight
        self.register_buffer("counts", torch.arange(5))

    def forward(self, tokens):
        return self.output(self.norm(self.embedding(tokens)))


@pytest.mark.parametrize("scope", ["model", "tensor", "channel"])
@pytest.mark.parametrize("fails", [False, True])
def test_undone_exactly(scope, fails):
    torch.manual_seed(0)
    model = Tied()
    model(torch.arange(6)).sum().backward()
    model.output.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    places = [p.data_ptr() for p in model.parameters()]

    def compress():
        with Quantization(clamp="max", scope=scope)(model, 4):
            assert not torch.equal(model.embedding.weight, before["embedding.weight"])
            assert model.output.weight is model.embedding.weight
            for name, buffer in model.named_buffers():
                assert torch.equal(buffer, before[name])
            if fails:
                raise RuntimeError("inside")

    if fails:
        with pytest.raises(RuntimeError, match="inside"):
            compress()
    else:
        compress()
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert [p.data_ptr() for p in model.parameters()] == places
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert model.training
    assert not model.output.training


def test_half_precision_is_rounded_on_a_fine_grid():
    model = vector_model(torch.linspace(-1, 1, 300).tolist()).to(torch.bfloat16)
    before = model.weight.data.clone()
    with Quantization(clamp="max")(model, 1024):
        assert model.weight.dtype == torch.bfloat16
        torch.testing.assert_close(model.weight.data, before, rtol=2**-7, atol=1 / 1022)
    assert torch.equal(model.weight.data, before)


def test_zeros_stay_zero():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for p in model[0].parameters():
        nn.init.zeros_(p)
    for scope in ("tensor", "channel"):
        with Quantization(clamp="max", scope=scope)(model, 4):
            assert not any(p.any() for p in model[0].parameters())


def test_search_finds_the_best_clamp():
    """Squared error of normal weights with one outlier, against every clamp tried in turn."""
    weights = torch.randn(400, generator=torch.Generator().manual_seed(0))
    weights[0] = 30
    model = vector_model(weights.tolist())

    def loss():
        return float(((model.weight.data.flatten() - weights)[1:] ** 2).mean())

    for n_q in (4, 8, 16, 64, 256):
        found = Quantization().measure(model, n_q, loss)
        every = []
        for step in range(97):
            with Quantization(clamp=2 ** (-step / 8))(model, n_q):
                every.append(loss())
        assert found.value == min(every)
        assert found.setting == 2 ** (-every.index(found.value) / 8)
        assert found.n_evaluations < 28
    beside = Quantization().measure(model, 128, loss, CompressedLoss(0.0, 0.0, found.setting))
    assert beside.n_evaluations < 12
    assert torch.equal(model.weight.data.flatten(), weights)


def test_search_passes_over_undefined_losses():
    model = vector_model([1.0, 2.0, 3.0])

    def loss():
        largest = float(model.weight.data.max())
        return math.nan if largest > 2.5 else 10 - largest

    found = Quantization().measure(model, 16, loss)
    assert math.isfinite(found.value)
    assert math.isnan(Quantization().measure(model, 16, lambda: math.nan).value)


@pytest.mark.parametrize("n_q", [2, 0, -4, 5, 7.5])
def test_odd_or_too_few_intervals(n_q):
    with pytest.raises(ValueError, match="Expected an even number of at least 4"):
        Quantization(clamp="max")(nn.Linear(2, 2), n_q)


def test_bad_settings():
    with pytest.raises(ValueError, match='Expected clamp="search"'):
        Quantization(clamp="best")
    with pytest.raises(ValueError, match=r"share in \(0, 1\], got 1.5"):
        Quantization(clamp=1.5)
    with pytest.raises(ValueError, match='Expected scope="model"'):
        Quantization(scope="layer")
    with pytest.raises(ValueError, match="needs a loss"):
        Quantization()(nn.Linear(2, 2), 4)
    with (
        pytest.raises(ValueError, match="floating parameters"),
        Quantization(clamp="max")(nn.Identity(), 4),
    ):
        pass


@pytest.mark.parametrize("clamp", [1, np.float32(1), np.int64(1)])
def test_the_same_share_is_the_same_scheme(clamp, tmp_path):
    scheme, other = Quantization(clamp=1.0), Quantization(clamp=clamp)
    assert repr(other) == repr(scheme)
    model, X = torch.nn.Linear(3, 1), torch.ones(4, 3)
    settings = {"amounts": [8, 4], "store": tmp_path / "store", "progress": False}
    found = [
        critical_amount(model, lambda m, x: m(x).square().mean(), X, one, **settings)
        for one in (scheme, other)
    ]
    assert found[0].curve.losses.tolist() == found[1].curve.losses.tolist()
