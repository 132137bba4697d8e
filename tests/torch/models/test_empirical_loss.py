"""The mean loss of a model as a function of its parameters."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from sklearn_learnability.torch import next_token_loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._held_still import held_still

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
