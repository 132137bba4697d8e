"""Which parameters a scheme compresses: one grammar for all, frozen ones, stores."""

import re

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import (
    Factorization,
    GaussianNoise,
    HeadPruning,
    Quantization,
    Retraining,
    critical_amount,
)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))

    def forward(self, x):
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return x + self.mlp(x)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(4))
        self.head = nn.Linear(8, 8)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


X = torch.randn(6, 3, 8, generator=torch.Generator().manual_seed(0))
SCHEMES = {
    "quantization": (lambda layers=None: Quantization(clamp="max", layers=layers), 4),
    "noise": (lambda layers=None: GaussianNoise(layers=layers), 0.3),
    "factorization": (lambda layers=None: Factorization(layers), 0.25),
    "pruning": (lambda layers=None: HeadPruning(layers=layers), 0.0),
}
every = pytest.mark.parametrize("name", SCHEMES)


def network():
    torch.manual_seed(0)
    model = Network()
    for p in model.parameters():
        nn.init.normal_(p)
    return model


def touched(scheme, model, amount):
    """Return the names of the parameters that a scheme changes, and that it measures with."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    def changed():
        return {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}

    with scheme(model, amount):
        found = changed()
    seen = []
    scheme.measure(model, amount, lambda: seen.append(changed()) or 0.0)
    assert all(names == found for names in seen)
    assert not changed()
    return found


@every
def test_only_what_is_named(name):
    make, amount = SCHEMES[name]
    model = network()
    everything = touched(make(["*"]), model, amount)
    for layers, wanted in [
        (["blocks.1"], ("blocks.1.",)),
        (["blocks.[02].attention"], ("blocks.0.attention.", "blocks.2.attention.")),
        (["blocks.3", "blocks.0.attention"], ("blocks.3.", "blocks.0.attention.")),
        (["blocks.*"], ("blocks.",)),
        ([""], ("",)),
    ]:
        found = touched(make(layers), model, amount)
        assert found == {n for n in everything if n.startswith(wanted)} != set()
    if name in ("quantization", "noise"):
        assert everything == dict(model.named_parameters()).keys()


@every
def test_names_that_are_not_there_or_hold_nothing(name):
    make, amount = SCHEMES[name]
    for layers in (["blocks.1", "blocks.7"], ["blocks.1", "nothing.*"]):
        message = f"names of modules of the model, got '{layers[1]}"
        with pytest.raises(ValueError, match=re.escape(message)), make(layers)(network(), amount):
            pass
    scheme = make(["blocks.1", "blocks.1.mlp.1"])
    message = r"got 'blocks.1.mlp.1', which has none"
    with pytest.raises(ValueError, match=message), scheme(network(), amount):
        pass


def test_a_part_of_a_head_is_no_head():
    with pytest.raises(ValueError, match="whole attention heads, got 'blocks"):
        HeadPruning(layers=["blocks.1.attention.out_proj"])(network(), 0.5)


@every
def test_frozen_parameters(name):
    make, amount = SCHEMES[name]
    model = network()
    everything = touched(make(), model, amount)
    model.blocks[1].requires_grad_(False)
    kept = {n for n in everything if not n.startswith("blocks.1.")}
    if name == "factorization":  # block 1 is its only one of these four
        with pytest.raises(ValueError, match=r"a matrix that is trained .* Name the layers"):
            make()(model, amount)
    else:
        assert touched(make(), model, amount) == kept
    assert any(n.startswith("blocks.1.") for n in touched(make(["blocks.1"]), model, amount))
    model.requires_grad_(False)
    assert touched(make(), model, amount) == everything


def test_frozen_heads_beside_what_is_trained_are_no_silent_nothing():
    model = network().requires_grad_(False)
    model.head.requires_grad_(True)
    with pytest.raises(ValueError, match="all are frozen and other parameters are not"):
        HeadPruning()(model, 0.5)


def test_share_of_the_heads_that_are_named():
    model = network()
    scheme = HeadPruning(layers=["blocks.0", "blocks.1"])
    with scheme(model, 0.5):  # 2 of 4 heads of size 4, of 8 in the model
        zeros = [int((b.attention.out_proj.weight == 0).all(0).sum()) for b in model.blocks]
    assert sum(zeros[:2]) == 8
    assert zeros[2:] == [0, 0]
    n_all = sum(p.numel() for p in model.parameters())
    assert scheme.size(model, 0.5) == pytest.approx(1 - 2 * 4 * 8 * 4 / n_all)


def test_one_clamp_is_that_of_the_layers_named():
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[0].weight.data = torch.tensor([[0.5, 0.2]])
    model[1].weight.data = torch.tensor([[100.0]])
    with Quantization(clamp="max", layers=["0"])(model, 6):
        assert model[0].weight.tolist() == [[0.5, 0.25]]
        assert model[1].weight.item() == 100


def squared(model, batch):
    return model(batch).pow(2).mean()


@every
def test_a_store_of_other_layers_or_frozen_parameters_is_refused(name, tmp_path):
    make = SCHEMES[name][0]
    amounts = {"quantization": [64, 4], "noise": [0.01, 0.3]}.get(name, [1.0, 0.5])
    path = tmp_path / "store"

    def measure(model, layers, store=path):
        return critical_amount(
            model,
            squared,
            X,
            make(layers),
            tolerance=1e9,
            amounts=amounts,
            store=store,
            progress=False,
        )

    first = measure(network(), ["blocks.1"])
    assert measure(network(), ["blocks.1"]).to_frame().equals(first.to_frame())
    for layers in (None, ["blocks.2"], ["blocks.1", "blocks.2"], ["*"]):
        with pytest.raises(ValueError, match="it differs in scheme"):
            measure(network(), layers)
    frozen = network()
    frozen.blocks[0].requires_grad_(False)
    with pytest.raises(ValueError, match=r"it differs in .*parameters"):
        measure(frozen, ["blocks.1"])
    other = measure(network(), ["blocks.2"], None)
    assert not (other.curve.losses[1:] == first.curve.losses[1:]).any()


@every
def test_the_same_names_are_the_same_scheme(name, tmp_path):
    make = SCHEMES[name][0]
    names = ["blocks.2", "blocks.0"]
    first, *others = map(make, (names, tuple(names), names[::-1], [*names, "blocks.0"]))
    names.append("head")  # what becomes of the list is no matter
    amounts = {"quantization": [64, 4], "noise": [0.01, 0.3]}.get(name, [1.0, 0.5])
    settings = {"tolerance": 1e9, "amounts": amounts, "progress": False}
    wanted = critical_amount(network(), squared, X, first, store=tmp_path / "store", **settings)
    for scheme in others:
        assert scheme == first
        assert hash(scheme) == hash(first)
        again = critical_amount(network(), squared, X, scheme, store=tmp_path / "store", **settings)
        assert again.curve.losses.tolist() == wanted.curve.losses.tolist()
    assert make(["blocks.0"]) != first


@pytest.mark.parametrize("whole", [True, False])
def test_heads_of_shared_matrices_are_counted_once(whole):
    model = nn.ModuleDict({n: nn.MultiheadAttention(8, 4) for n in ("first", "second")})
    model["second"].in_proj_weight = model["first"].in_proj_weight
    if whole:
        model["second"].out_proj.weight = model["first"].out_proj.weight
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for layers in (None, ["second"]):
        scheme = HeadPruning(layers=layers)
        for share in (1.0, 0.75, 0.5, 0.0):
            size = scheme.size(model, share)
            with scheme(model, share):
                n_zeros = sum(
                    int((p == 0).sum() - (before[name] == 0).sum())
                    for name, p in model.named_parameters()
                )
            n_all = sum(p.numel() for p in model.parameters())
            assert size == pytest.approx(1 - n_zeros / n_all)
        assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    with HeadPruning()(model, 0.5):  # 2 of 4 heads if they are the same, 4 of 8 if not
        columns = (model["second"].out_proj.weight == 0).all(0)
    assert int(columns.sum()) == 4 or not whole


@pytest.mark.parametrize("name", ["quantization", "noise"])
def test_nothing_left_to_compress_is_no_silent_nothing(name):
    make, amount = SCHEMES[name]
    model = nn.Linear(3, 3).requires_grad_(False)
    model.phases = nn.Parameter(torch.randn(3, dtype=torch.complex64))
    with pytest.raises(ValueError, match="floating parameters that are trained"):
        make()(model, amount).__enter__()
    with make(["*"])(model, amount):
        pass


def test_retraining_needs_something_to_train():
    model = network().requires_grad_(False)
    retraining = Retraining(squared, X, learning_rate=0.1, n_steps=10)
    with pytest.raises(ValueError, match="parameters to train on, got one where all are frozen"):
        critical_amount(
            model, squared, X, HeadPruning(retraining=retraining), tolerance=1.0, progress=False
        )


class Child(nn.Module):
    """A block that knows the network it is in."""

    def __init__(self, parent):
        super().__init__()
        self.linear, self.parent = nn.Linear(3, 3), parent


@every
@pytest.mark.parametrize("layers", [None, ["inner.0"]])
def test_a_module_that_holds_its_parent_is_refused(name, layers):
    make, amount = SCHEMES[name]
    model = nn.ModuleDict({"inner": nn.ModuleList()})
    model["inner"].append(Child(model))
    message = "got one whose inner.0.parent is a module that it is in"
    with pytest.raises(ValueError, match=message):
        make(layers)(model, amount).__enter__()
    with pytest.raises(ValueError, match=message):
        critical_amount(model, squared, X, make(layers), progress=False)


def test_a_parent_in_a_tuple_is_no_matter():
    model = nn.ModuleDict({"inner": nn.ModuleList()})
    model["inner"].append(Child((model,)))
    shared = model["inner"][0].linear
    model["again"] = shared  # a module in two places is in no circle
    with Quantization(clamp="max", layers=["inner.*"])(model, 4):
        assert len(shared.weight.unique()) <= 3


@every
def test_layers_without_shapes_are_refused(name):
    make, amount = SCHEMES[name]
    for scheme in (make(), make(["0"])):
        model = nn.Sequential(nn.LazyLinear(3))
        with pytest.raises(ValueError, match=r"whose parameters have shapes, got one whose 0"):
            scheme(model, amount).__enter__()
        with pytest.raises(ValueError, match=r"whose parameters have shapes, got one whose 0"):
            critical_amount(model, squared, X, scheme, progress=False)
