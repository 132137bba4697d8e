"""The mean loss of a model as a function of its parameters."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.torch import LocalLearningCoefficient, next_token_loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss, check_gradient
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._recorded import CALLS_BEFORE

X = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 3
CRITERION = nn.CrossEntropyLoss()


class Pairs(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        return X[row], Y[row]


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


def network():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X.numpy(), Y.numpy()],
        TensorDataset(X, Y),
        Pairs(),
        DataLoader(Pairs(), batch_size=7, shuffle=True),
        DataLoader(TensorDataset(X, Y), batch_size=7),
    ],
)
def test_every_kind_of_data_gives_the_rows_asked_for(data):
    rows = data_rows(data)
    inputs, targets = rows.take(torch.tensor([3, 1, 3]))
    assert rows.n == 20
    torch.testing.assert_close(inputs, X[[3, 1, 3]])
    torch.testing.assert_close(targets, Y[[3, 1, 3]])


def test_a_loader_keeps_its_way_to_collate_and_its_batch_size():
    loader = DataLoader(Pairs(), batch_size=7, collate_fn=lambda pairs: {"n": len(pairs)})
    rows = data_rows(loader)
    assert rows.batch_size == 7
    assert rows.take(torch.arange(4)) == {"n": 4}


def test_tensors_by_name():
    rows = data_rows({"x": X, "y": np.asarray(Y)})
    torch.testing.assert_close(rows.take(torch.tensor([2]))["y"], Y[[2]])


@pytest.mark.parametrize("data", [Stream(), DataLoader(Stream()), 3, (x for x in X)])
def test_data_of_unknown_length_is_refused(data):
    with pytest.raises(TypeError, match="known length"):
        data_rows(data)


def test_lengths_must_agree_and_not_be_zero():
    with pytest.raises(ValueError, match=r"equal length, got lengths \[20, 19\]"):
        data_rows((X, Y[:-1]))
    with pytest.raises(ValueError, match="at least one row"):
        data_rows(X[:0])


def test_loss_and_gradient_are_those_of_the_model():
    model = network().eval()
    with held_still(model):
        surface = EmpiricalLoss(model, CRITERION, (X, Y))
        batch = surface.batch(torch.arange(20))
        gradient = torch.func.grad(surface)(surface.start, batch)
    loss = CRITERION(model(X), Y)
    loss.backward()
    torch.testing.assert_close(surface(surface.start, batch), loss.detach())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradient[name], parameter.grad)
    assert surface.n_parameters == sum(p.numel() for p in model.parameters())


def test_the_model_is_left_as_it_was():
    model = network().train()
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()

    def interrupted():
        with held_still(model):
            surface = EmpiricalLoss(model, CRITERION, (X, Y))
            moved = {name: value + 1 for name, value in surface.start.items()}
            surface(moved, surface.batch(torch.arange(20)))
            torch.randn(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [m.training for m in model] == [False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_criterion_and_losses_by_row_agree():
    model = network()

    def by_row(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    with held_still(model):
        batch = (X, Y)
        first = EmpiricalLoss(model, CRITERION, (X, Y))
        other = EmpiricalLoss(model, by_row, (X, Y))
        torch.testing.assert_close(first(first.start, batch), other(other.start, batch))


def test_double_precision_leaves_the_model_in_single():
    model = network()
    with held_still(model):
        surface = EmpiricalLoss(model, CRITERION, (X, Y), dtype=torch.float64)
        assert surface(surface.start, surface.batch(torch.arange(5))).dtype == torch.float64
    assert model[0].weight.dtype == torch.float32


def test_parameters_by_module_by_name_and_by_mask():
    model = network()
    with held_still(model):
        assert EmpiricalLoss(model, CRITERION, (X, Y), parameters=["0"]).n_parameters == 48
        assert (
            EmpiricalLoss(model, CRITERION, (X, Y), parameters=["0.bias", "3"]).n_parameters == 35
        )
        mask = torch.zeros(8, 5, dtype=torch.bool)
        mask[0] = True
        surface = EmpiricalLoss(model, CRITERION, (X, Y), parameters={"0.weight": mask})
        assert surface.n_parameters == 5
        assert list(surface.start) == ["0.weight"]


def test_frozen_parameters_do_not_vary_and_tied_ones_vary_once():
    model = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3))
    model[1].weight = model[0].weight
    model[2].bias.requires_grad_(False)
    with held_still(model):
        surface = EmpiricalLoss(model, CRITERION, (X, Y))
        assert surface.n_parameters == 25 + 5 + 5 + 15
        moved = surface.start | {"0.weight": torch.zeros(5, 5)}
        value = surface(moved, (X, Y))
    with torch.no_grad():
        model[0].weight.zero_()
    torch.testing.assert_close(value, CRITERION(model(X), Y))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["4"], "got '4'"),
        ([], "at least one parameter"),
        ({"0.weight": torch.zeros(8, 5, dtype=torch.bool)}, "at least one parameter"),
        ({"0.weight": torch.ones(3, dtype=torch.bool)}, r"shape \(3,\)"),
    ],
)
def test_selections_that_select_nothing_are_refused(parameters, message):
    model = network()
    with held_still(model), pytest.raises(ValueError, match=message):
        EmpiricalLoss(model, CRITERION, (X, Y), parameters=parameters)


def test_losses_that_are_no_mean_not_finite_or_random_are_refused():
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(x) + torch.randn(len(x), 3)

    broken = network()
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    cases = [
        (network(), nn.CrossEntropyLoss(reduction="sum"), "mean over rows"),
        (broken, CRITERION, "finite loss"),
        (Noisy(5, 3), CRITERION, "random even in evaluation mode"),
    ]
    for model, loss, message in cases:
        with held_still(model), pytest.raises(ValueError, match=message):
            EmpiricalLoss(model, loss, (X, Y))


def test_next_token_loss_against_hand_computed_nats():
    table = torch.tensor([[0.0, 1.0], [2.0, 0.0]])  # logits of the next token, by token
    model = nn.Embedding.from_pretrained(table)
    tokens = torch.tensor([[0, 1, 1], [1, 0, 0]])
    log_p = torch.log_softmax(table, 1)
    expected = -torch.stack([(log_p[0, 1] + log_p[1, 1]) / 2, (log_p[1, 0] + log_p[0, 0]) / 2])
    torch.testing.assert_close(next_token_loss(model, tokens), expected)
    torch.testing.assert_close(next_token_loss(model, {"input_ids": tokens}), expected)


# Rows


@pytest.mark.parametrize("collate", [None, list])
def test_a_loader_of_some_rows_has_those_rows(collate):
    kept = [3, 17, 4]
    loader = DataLoader(
        Pairs(), batch_size=2, sampler=SubsetRandomSampler(kept), collate_fn=collate
    )
    rows = data_rows(loader)
    assert rows.n == 3
    batch = rows.take(torch.tensor([0, 2]))
    first = batch[0] if collate is None else torch.stack([x for x, _ in batch])
    torch.testing.assert_close(first, X[[3, 4]])


@pytest.mark.parametrize(
    "settings",
    [
        {"sampler": SequentialSampler(range(7))},
        {"sampler": RandomSampler(range(7))},
        {"batch_sampler": BatchSampler(SubsetRandomSampler(range(7)), 3, drop_last=False)},
    ],
)
def test_a_sampler_of_other_rows_than_those_of_its_data_set(settings):
    rows = data_rows(DataLoader(Pairs(), **settings))
    assert rows.n == 7
    torch.testing.assert_close(rows.take(torch.arange(7))[0], X[:7])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((pd.DataFrame(X.numpy()), Y), "rows that make one batch of tensors, got DataFrame"),
        ((X.tolist(), Y.tolist()), "rows that make one batch of tensors, got list in tuple"),
        ([[1, 2, 3], [4, 5]], "rows that make one batch of tensors, got list in list"),
        ({"input_ids": [[1, 2, 3], [4, 5]]}, "tensors or arrays of numbers, got list .* Pad"),
        ((np.array(["a", "b"]), np.zeros(2)), "tensors or arrays of numbers, got ndarray"),
    ],
)
def test_what_makes_no_tensors_is_named(data, message):
    with pytest.raises(TypeError, match=f"Expected {message}"):
        data_rows(data).take(torch.arange(2))


def test_a_sampler_of_rows_that_are_not_there():
    with pytest.raises(ValueError, match=r"Expected a sampler of rows below 20, .* got 20"):
        data_rows(DataLoader(Pairs(), sampler=SequentialSampler(range(25))))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (
            {"batch_sampler": BatchSampler(WeightedRandomSampler([1.0] * 20, 20), 5, False)},
            "WeightedRandomSampler",
        ),
        ({"sampler": WeightedRandomSampler([1.0] * 20, 20)}, "WeightedRandomSampler"),
        ({"sampler": RandomSampler(Pairs(), replacement=True)}, "RandomSampler"),
        ({"sampler": DistributedSampler(Pairs(), 2, 0)}, "DistributedSampler"),
        ({"batch_sampler": [[0, 1], [2]]}, "list"),
        ({"batch_size": None}, "batch_size=None"),
    ],
)
def test_loaders_that_draw_rows_unevenly_are_refused(settings, name):
    with pytest.raises(ValueError, match=f"Expected a DataLoader .* got one with {name}"):
        data_rows(DataLoader(Pairs(), **settings))


def test_arrays_that_may_not_be_written_are_copied():
    array = X.numpy().copy()
    array.flags.writeable = False
    torch.testing.assert_close(data_rows(array).take(torch.arange(20)), X)


def test_floats_of_numpy_come_in_the_type_of_the_model():
    inputs, targets = X.double().numpy(), X[:, :1].double().numpy()
    for dtype, of_targets in (
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.bfloat16, torch.float32),
    ):
        model = nn.Linear(5, 1).to(dtype)
        surface = EmpiricalLoss(model, nn.MSELoss(), (inputs, targets))
        batch = surface.batch(torch.arange(4))
        assert [part.dtype for part in batch] == [dtype, of_targets]
    batch = EmpiricalLoss(network().eval(), CRITERION, {"input": inputs, "labels": Y}).batch(
        torch.arange(4)
    )
    assert batch["input"].dtype == torch.float32
    assert batch["labels"].dtype == torch.long


# Models of every kind


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.net, self.out = kind(5, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.net(x[:, None])[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_nets_have_losses_and_gradients_of_many_chains(kind):
    model = Recurrent(kind)
    flat = FlatLoss(EmpiricalLoss(model, CRITERION, (X, Y)))
    batch = flat.all_rows()
    positions = flat.start + 0.1 * torch.arange(3.0)[:, None]
    values, gradients = flat.values_and_gradients(positions, batch)
    assert not flat.vectorised
    for number in range(3):
        moved = Recurrent(kind)
        moved.load_state_dict({name: p + 0.1 * number for name, p in model.state_dict().items()})
        loss = CRITERION(moved(X), Y)
        loss.backward()
        assert values[number].item() == pytest.approx(loss.item(), rel=1e-5)
        wanted = torch.cat([p.grad.flatten() for p in moved.parameters()])
        torch.testing.assert_close(gradients[number], wanted, rtol=1e-4, atol=1e-6)
    fresh = FlatLoss(EmpiricalLoss(model, CRITERION, (X, Y)))
    torch.testing.assert_close(fresh.values(positions, batch), values)


def test_a_gradient_that_is_not_finite_is_named():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.plain, self.rooted = nn.Linear(5, 3), nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.plain(x) + self.rooted.abs().sqrt()

    flat = FlatLoss(EmpiricalLoss(Root(), CRITERION, (X, Y)))
    _, gradients = flat.values_and_gradients(flat.start[None], flat.all_rows())
    with pytest.raises(ValueError, match=r"finite gradient .* got others in 'rooted'"):
        check_gradient(flat, gradients[0])
    for sampler in ("hamiltonian", "leimkuhler-matthews"):
        llc = LocalLearningCoefficient(CRITERION, sampler=sampler, random_state=0, progress=False)
        with pytest.raises(ValueError, match="finite gradient"):
            llc.estimate(Root(), (X, Y))


class Single(nn.Module):
    """Computes in float32 whatever it is given."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x):
        return self.linear(x.float())


def test_a_model_that_computes_in_single_precision_is_sampled_on_batches():
    settings = {"n_draws": 20, "random_state": 0, "progress": False}
    with pytest.warns(LearnabilityWarning):
        found = LocalLearningCoefficient(CRITERION, **settings).estimate(Single(), (X, Y))
    assert found.settings.sampler == "leimkuhler-matthews"
    with pytest.raises(ValueError, match="Expected a model and a loss that compute in float64"):
        LocalLearningCoefficient(CRITERION, sampler="hamiltonian", **settings).estimate(
            Single(), (X, Y)
        )


def test_a_flat_loss_keeps_nothing_alive():
    """Without the garbage collector, the model and its data go as soon as nobody uses them."""
    model, inputs = network(), X.clone()
    gone = [weakref.ref(model), weakref.ref(inputs)]
    gc.collect()
    gc.disable()
    try:
        with held_still(model):
            flat = FlatLoss(EmpiricalLoss(model, CRITERION, (inputs, Y)))
            for _ in range(CALLS_BEFORE + 5):
                flat.values_and_gradients(flat.start.repeat(2, 1), flat.all_rows())
        del flat, model, inputs
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def test_the_parameters_are_held_once():
    surface = EmpiricalLoss(network().eval(), CRITERION, (X, Y))
    flat = FlatLoss(surface)
    storages = {value.untyped_storage().data_ptr() for value in surface.start.values()}
    assert storages == {flat.start.untyped_storage().data_ptr()}
