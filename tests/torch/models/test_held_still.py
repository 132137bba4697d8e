"""A model comes back exactly as it was, whatever was measured of it and however that ended."""

import copy
from contextlib import contextmanager, suppress

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from sklearn_learnability.torch import (
    GaussianNoise,
    HeadPruning,
    LocalLearningCoefficient,
    Quantization,
    Retraining,
    complexity_against_compressibility,
    critical_amount,
    label_information,
    measure_information_plane,
    preference_information,
)
from sklearn_learnability.torch.models import _held_still
from sklearn_learnability.torch.models._held_still import held_still

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning",
    "ignore::FutureWarning",
    "ignore:dropout option:UserWarning",
)
VOCABULARY, DIM = 11, 6
TOKENS = torch.randint(VOCABULARY, (12, 7), generator=torch.Generator().manual_seed(0))
IDS = TOKENS.tolist()
NEXT = (TOKENS[:, :-1], TOKENS[:, 1:])


class Stop(Exception):
    """What a user's function raises."""


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.net = kind(DIM, DIM, batch_first=True, num_layers=2, dropout=0.3)

    def forward(self, x):
        return self.net(x)[0]


class Batched(nn.Module):
    """Normalised over batches, of positions."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(DIM)

    def forward(self, x):
        return self.norm(x.flatten(0, 1)).view(x.shape)


class Counting(nn.Module):
    """Writes to buffers, and keeps tensors in attributes, whenever it is called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(DIM), persistent=False)
        self.plain, self.seen, self.last = torch.zeros(1), [torch.zeros(1)], None
        self.cache = {"key": torch.zeros(1), "layers": [(torch.zeros(1), torch.zeros(1))]}

    def forward(self, x):
        self.cache["key"].add_(1)
        self.cache["layers"][0][1].add_(1)
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.detach().float().mean((0, 1)).to(self.mean)
        self.plain.add_(1)
        self.seen.append(x)
        self.last = x
        return x * 1.5


class Hooked(nn.Module):
    """Replaces its own hooks and turns itself to training whenever it is called."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(DIM, DIM)

    def forward(self, x):
        self.linear.register_forward_hook(lambda *_: None)
        self.linear.train()
        self.linear.weight.requires_grad_(False)
        return self.linear(x)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(DIM, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def shared_twice(module):
    """Return a module that is reached by two paths and called twice."""
    return nn.Sequential(module, nn.Sequential(nn.Tanh(), module))


def frozen():
    part = nn.Sequential(nn.Linear(DIM, DIM), nn.Dropout(0.5))
    part[1].eval()
    part[0].weight.requires_grad_(False)
    return part


MIDDLES = {
    "plain": lambda: nn.Linear(DIM, DIM),
    "shared PReLU": lambda: shared_twice(nn.PReLU()),
    "shared Linear": lambda: shared_twice(nn.Linear(DIM, DIM)),
    "batch norm": Batched,
    "shared batch norm": lambda: shared_twice(Batched()),
    "LSTM": lambda: Recurrent(nn.LSTM),
    "GRU": lambda: Recurrent(nn.GRU),
    "spectral norm by hook": lambda: spectral_norm(nn.Linear(DIM, DIM)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(DIM, DIM)),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(DIM, DIM)),
    "counting": Counting,
    "hooked": Hooked,
    "frozen": frozen,
    "attention": Attention,
}


def language_model(middle, tied, seed=0, dtype=torch.float32):
    """Return a model of tokens with a given part in its middle, in training, with gradients."""
    torch.manual_seed(seed)
    head = nn.Linear(DIM, VOCABULARY, bias=False)
    model = nn.Sequential(
        nn.Embedding(VOCABULARY, DIM), nn.Dropout(0.2), MIDDLES[middle](), nn.LayerNorm(DIM), head
    )
    if tied:
        model[0].weight = head.weight
    state = [(m, m.training) for m in model.modules()]
    for part, training in state:
        part.training = training
    model[3].eval()
    for number, p in enumerate(model.parameters()):
        if number % 2 and p.requires_grad:
            p.grad = torch.full_like(p, float(number))
    model[3].register_forward_hook(lambda *_: None)
    return model.to(dtype)


def bits(tensor):
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()


def picture(model):
    """Return all that can be seen of a model, objects and the bits of tensors."""

    def shown(value):
        if isinstance(value, torch.Tensor):
            grad = value.grad if value.is_leaf else None
            given = None if grad is None else (id(grad), bits(grad))
            return (
                id(value),
                type(value),
                bits(value),
                value.requires_grad,
                str(value.device),
                given,
            )
        if isinstance(value, dict):
            return id(value), [(key, shown(part)) for key, part in value.items()]
        if isinstance(value, list | tuple | set):
            return id(value), [shown(part) for part in value]
        return id(value) if not isinstance(value, bool | int | float | str | None) else value

    paths = [(name, id(m)) for name, m in model.named_modules(remove_duplicate=False)]
    return paths, [(id(m), shown(dict(sorted(vars(m).items())))[1]) for m in model.modules()]


def mean_error(model, batch):
    inputs, targets = batch
    return nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def coefficient(sampler, loss):
    return LocalLearningCoefficient(
        loss,
        sampler=sampler,
        n_chains=2,
        n_draws=6,
        inverse_temperature=5.0,
        localization=1.0,
        step_size=1e-3,
        random_state=0,
        progress=False,
    )


def complexity(model, loss):
    complexity_against_compressibility(
        {"a": model},
        NEXT,
        llc=coefficient("sgld", loss),
        loss=loss,
        schemes={"n_q": Quantization("max")},
        load=lambda model: model,
        progress=False,
    )


def prune(model, loss):
    retraining = Retraining(loss, NEXT, learning_rate=0.1, n_steps=3, n_checks=1)
    heads = HeadPruning(lambda model: [[("0.weight", 0, 0, 2)]] * 3, retraining)
    critical_amount(model, loss, NEXT, heads, amounts=(1.0, 0.3), progress=False)


def prune_once(model, loss):
    retraining = Retraining(loss, NEXT, learning_rate=0.1, n_steps=3, n_checks=1)
    heads = HeadPruning(lambda model: [[("0.weight", 0, 0, 2)]] * 3, retraining)
    heads.measure(model, 0.3, lambda: loss(model, NEXT).item())


MEASUREMENTS = {
    "hamiltonian": lambda model, loss: coefficient("hamiltonian", loss).estimate(model, NEXT),
    "langevin": lambda model, loss: coefficient("rmsprop-sgld", loss).estimate(model, NEXT),
    "checkpoints": lambda model, loss: coefficient("sgld", loss).estimate_checkpoints(
        {"a": model, "b": model}, NEXT, load=lambda model: model
    ),
    "quantization": lambda model, loss: critical_amount(
        model, loss, NEXT, Quantization(), amounts=(64, 4), progress=False
    ),
    "noise": lambda model, loss: critical_amount(
        model, loss, NEXT, GaussianNoise(n_draws=2), amounts=(0.01, 1.0), progress=False
    ),
    "pruning": prune,
    "one pruning": prune_once,
    "complexity": complexity,
    "plane": lambda model, loss: measure_information_plane(
        model, IDS, layers=["2"], widths=(1,), n_points=5, progress=False
    ),
    "labels": lambda model, loss: label_information(
        model, IDS, labels=[0, 1] * 6, layers=["2"], n_permutations=1, n_points=5, progress=False
    ),
    "preferences": lambda model, loss: preference_information(
        model,
        None,
        [(row[:2], row[2:4], row[4:]) for row in IDS],
        layers=["2"],
        n_permutations=1,
        n_points=5,
        progress=False,
    ),
}


CASES = {
    "middle": st.sampled_from(sorted(MIDDLES)),
    "tied": st.booleans(),
    "measurement": st.sampled_from(sorted(MEASUREMENTS)),
    "ending": st.sampled_from(["success", Stop, KeyboardInterrupt]),
    "calls": st.integers(1, 12),
}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(**CASES)
def test_a_model_comes_back_exactly_as_it_was(middle, tied, measurement, ending, calls):
    assume(measurement != "hamiltonian")
    check_that_it_comes_back(middle, tied, measurement, ending, calls)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(**CASES)
def test_many_models_come_back_exactly_as_they_were(middle, tied, measurement, ending, calls):
    check_that_it_comes_back(middle, tied, measurement, ending, calls)


def check_that_it_comes_back(middle, tied, measurement, ending, calls):
    model = language_model(middle, tied)
    before, drawn = picture(model), torch.get_rng_state()
    left = calls

    def loss(model, batch):
        nonlocal left
        left -= 1
        if ending != "success" and left < 0:
            raise ending
        return mean_error(model, batch)

    # some parts can be measured in some ways only: what is not measured comes back as well
    with suppress(Stop, KeyboardInterrupt, RuntimeError, ValueError):
        MEASUREMENTS[measurement](model, loss)
    assert picture(model) == before
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("middle", sorted(set(MIDDLES) - {"hooked"}))
@pytest.mark.parametrize("sampler", [pytest.param("hamiltonian", marks=pytest.mark.slow), "sgld"])
def test_every_kind_of_part_is_measured(middle, sampler):
    model = language_model(middle, tied=True)
    before = picture(model)
    found = coefficient(sampler, mean_error).estimate(model, NEXT)
    with torch.no_grad():
        assert (
            found.initial_loss
            == pytest.approx(float(mean_error(copy.deepcopy(model).eval(), NEXT)), rel=1e-5)
            or middle == "counting"
        )
    assert picture(model) == before


@pytest.mark.parametrize("ending", [Stop, KeyboardInterrupt])
def test_an_interrupt_while_everything_is_written_back_leaves_nothing_half_done(
    ending, monkeypatch
):
    model = language_model("counting", tied=True)
    before = picture(model)
    genuine, left = _held_still._same_bits, [1]

    def interrupted(*tensors):
        if left[0]:
            left[0] -= 1
            raise ending
        return genuine(*tensors)

    monkeypatch.setattr(_held_still, "_same_bits", interrupted)

    def change():
        with held_still(model, weights=True), torch.no_grad():
            for p in [*model.parameters(), *model.buffers()]:
                p.add_(1)
            model.requires_grad_(False)
            del model[2].seen

    with pytest.raises(ending):
        change()
    assert picture(model) == before


def test_evaluations_do_not_depend_on_how_many_there_were_before():
    class Fading(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.linear = nn.Linear(3, 1)

        def forward(self, x):
            self.calls += 1
            return self.linear(x) / self.calls

    model = Fading()
    X, y = torch.randn(40, 3), torch.zeros(40, 1)
    once = nn.functional.mse_loss(copy.deepcopy(model)(X), y).item()
    found = critical_amount(
        model, nn.MSELoss(), (X, y), Quantization("max"), batch_size=40, progress=False
    )
    assert found.curve.baseline == pytest.approx(once, rel=1e-6)
    assert found.curve.losses[0] == pytest.approx(once, rel=1e-2)
    assert coefficient("sgld", nn.MSELoss()).estimate(model, (X, y)).initial_loss == pytest.approx(
        once, rel=1e-6
    )


def test_a_scheme_that_gives_nothing_back_is_refused_and_undone():
    @contextmanager
    def forgetful(model, amount):
        model.weight.data.mul_(amount)
        yield

    model = nn.Linear(3, 1)
    before = picture(model)
    with pytest.raises(ValueError, match="gives parameters back"):
        critical_amount(
            model,
            nn.MSELoss(),
            (torch.randn(20, 3), torch.randn(20, 1)),
            forgetful,
            amounts=(0.9, 0.1),
            progress=False,
        )
    assert picture(model) == before
