"""What counts in a loss: labelled targets, not rows, padding or the batches they come in."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
    next_token_loss,
    self_divergence_loss,
)
from sklearn_learnability.torch.learning_coefficient._chance_loss import loss_by_chance
from sklearn_learnability.torch.models._batch_loss import batch_loss, mean_loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss

QUIET = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
VOCABULARY = 9


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sparse_labels(n, n_classes=3):
    """Return labels of which most are ignored, unevenly."""
    labels = torch.randint(n_classes, (n,), generator=torch.Generator().manual_seed(0))
    labels[: n // 2] = -100
    labels[torch.arange(n) % 3 == 0] = -100
    return labels


def padded_tokens():
    tokens = torch.randint(1, VOCABULARY, (6, 9), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([3, 9, 5, 2, 9, 4])
    mask = (torch.arange(9) < lengths[:, None]).long()
    return {"input_ids": tokens * mask, "attention_mask": mask}, lengths


def embedding(seed=0):
    model = nn.Embedding(VOCABULARY, VOCABULARY)
    model.weight.data = drawn(VOCABULARY, VOCABULARY, seed=seed)
    return model


def by_hand(model, batch, lengths):
    """Return the nats of every next token that is no padding, a list for each sequence."""
    logits = model(batch["input_ids"]).log_softmax(-1)
    return [
        [-logits[i, t, batch["input_ids"][i, t + 1]].item() for t in range(int(n) - 1)]
        for i, n in enumerate(lengths)
    ]


CRITERIA = {
    "plain": nn.CrossEntropyLoss(),
    "weights": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.5])),
    "smoothing": nn.CrossEntropyLoss(label_smoothing=0.2),
    "another label": nn.CrossEntropyLoss(ignore_index=2),
}


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("size", [1, 7, 16, 64])
def test_the_loss_of_all_rows_does_not_depend_on_the_batches(name, size):
    X, y, criterion = drawn(64, 3), sparse_labels(64), CRITERIA[name]
    if name == "another label":
        y = y.clamp(min=2)
        y[5:9] = torch.tensor([0, 1, 1, 0])
    model = nn.Linear(3, 3)
    truth = criterion(model(X), y).item()
    batches = [(X[rows], y[rows]) for rows in torch.arange(64).split(size)]
    assert mean_loss(model, criterion, batches) == pytest.approx(truth, rel=1e-5)
    surface = EmpiricalLoss(model, criterion, (X, y))
    with torch.no_grad():
        losses = [
            len(rows) * surface(surface.start, surface.batch(rows)).item()
            for rows in torch.arange(64).split(size)
        ]
    assert sum(losses) / 64 == pytest.approx(truth, rel=1e-5)


@QUIET
@pytest.mark.parametrize("size", [8, 64])
def test_compression_is_measured_on_labelled_targets(size):
    X, y, model = drawn(64, 3), sparse_labels(64), nn.Linear(3, 3)
    found = critical_amount(
        model,
        nn.CrossEntropyLoss(),
        (X, y),
        Quantization("max"),
        batch_size=size,
        progress=False,
    )
    truth = F.cross_entropy(model(X), y).item()
    assert found.curve.baseline == pytest.approx(truth, rel=1e-5)


def test_a_batch_without_labels_has_no_loss_and_no_gradient():
    X, y = drawn(64, 3), sparse_labels(64)
    surface = EmpiricalLoss(nn.Linear(3, 3), nn.CrossEntropyLoss(), (X, y))
    flat = FlatLoss(surface)
    value, gradient = flat.values_and_gradients(
        flat.start.repeat(2, 1), flat.batch(torch.arange(8))
    )
    assert value.tolist() == [0.0, 0.0]
    assert not gradient.any()


def test_data_without_any_label_is_refused():
    with pytest.raises(ValueError, match="Expected targets that count"):
        EmpiricalLoss(nn.Linear(3, 3), nn.CrossEntropyLoss(), (drawn(9, 3), torch.full((9,), -100)))


def masked_error(model, batch):
    x, y, counted = batch
    return ((model(x) - y).square() * counted).sum() / counted.sum() / 2


def masked_pair(model, batch):
    x, y, counted = batch
    return (model(x) - y).square() * counted / 2, counted


def regression(n=100, d=8):
    """Return a regular model of 8 parameters at its minimum, and rows of which some count."""
    X, noise = drawn(n, d), drawn(n, 1, seed=1)
    y, counted = X.sum(1, keepdim=True) + noise, torch.ones(n, 1)
    counted[::9] = 0
    used = counted[:, 0] > 0
    model = nn.Linear(d, 1, bias=False)
    model.weight.data = torch.linalg.lstsq(X[used], y[used]).solution.T.contiguous()
    return model, (X, y, counted)


@QUIET
@pytest.mark.parametrize("loss", [masked_error, pytest.param(masked_pair, marks=pytest.mark.slow)])
def test_rows_that_do_not_count_do_not_hide_the_noise_of_the_labels(loss):
    model, data = regression()
    found = LocalLearningCoefficient(loss, random_state=0, progress=False).estimate(model, data)
    assert "the labels' noise" in found.settings.reasons[0]
    assert found.settings.inverse_temperature < 100
    assert abs(found.value - 4) < 0.3


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_pair_of_sum_and_count_weighs_batches(size):
    model, data = regression()
    batches = [tuple(part[rows] for part in data) for rows in torch.arange(100).split(size)]
    truth = masked_error(model, data).item()
    assert mean_loss(model, masked_pair, batches) == pytest.approx(truth, rel=1e-5)


def test_chance_ignores_what_the_loss_ignores_and_weighs_classes():
    y = torch.tensor([0, 1, 0, 1, -100, -100, -100])
    rows = data_rows((torch.zeros(7, 2), y))
    assert loss_by_chance(nn.CrossEntropyLoss(), rows) == pytest.approx(math.log(2))
    shares = np.array([0.2, 0.8])  # the best constant prediction with weights 1 and 4
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 4.0]))
    assert loss_by_chance(weighted, rows) == pytest.approx(-(shares * np.log(shares)).sum())
    best = torch.tensor(shares).log().float().expand(7, 2)
    assert loss_by_chance(weighted, rows) == pytest.approx(weighted(best, y).item(), rel=1e-6)


def test_padding_counts_for_nothing_in_the_next_token_loss():
    (batch, lengths), model = padded_tokens(), embedding()
    truth = by_hand(model, batch, lengths)
    found = next_token_loss(model, batch)
    assert found.tolist() == pytest.approx([np.mean(row) for row in truth], rel=1e-5)
    labelled = batch | {
        "labels": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    }
    del labelled["attention_mask"]
    torch.testing.assert_close(next_token_loss(model, labelled), found)
    every_token = float(np.mean(np.concatenate(truth)))
    assert batch_loss(model, next_token_loss, batch).mean.item() == pytest.approx(every_token)
    parts = [{name: value[i : i + 2] for name, value in batch.items()} for i in (0, 2, 4)]
    assert mean_loss(model, next_token_loss, parts) == pytest.approx(every_token)
    tokens = [int(t) for i, n in enumerate(lengths) for t in batch["input_ids"][i, 1:n]]
    shares = np.bincount(tokens)[np.unique(tokens)] / len(tokens)
    chance = loss_by_chance(next_token_loss, data_rows(batch))
    assert chance == pytest.approx(-(shares * np.log(shares)).sum())


def test_padding_counts_for_nothing_in_the_self_divergence():
    (batch, lengths), model, other = padded_tokens(), embedding(), embedding(seed=1)
    first, second = (m(batch["input_ids"]).log_softmax(-1) for m in (model, other))
    kl = (first.exp() * (first - second)).sum(-1)
    truth = [kl[i, : n - 1] for i, n in enumerate(lengths)]
    loss = self_divergence_loss(model)
    assert loss(other, batch).tolist() == pytest.approx([row.mean().item() for row in truth])
    every = torch.cat(truth).mean().item()
    assert batch_loss(other, loss, batch).mean.item() == pytest.approx(every)


class Halved(nn.Module):
    """Gives logits in bfloat16, as a tensor, in a tuple or by name."""

    def __init__(self, how):
        super().__init__()
        self.linear, self.how = nn.Linear(3, 4).bfloat16(), how

    def forward(self, x):
        logits = self.linear(x.bfloat16())
        if self.how == "name":
            return type("Output", (), {"logits": logits})()
        return (logits, None) if self.how == "tuple" else logits


@pytest.mark.parametrize("how", ["tensor", "tuple", "name"])
def test_logits_in_halves_are_compared_in_float32(how):
    model, X = Halved(how), drawn(32, 3)
    y = torch.arange(32) % 4
    truth = F.cross_entropy(model.linear(X.bfloat16()).float(), y).item()

    def loss(model, batch):
        out = model(batch[0])
        out = out[0] if isinstance(out, tuple) else getattr(out, "logits", out)
        return F.cross_entropy(out, batch[1])

    for given in [loss] + [nn.CrossEntropyLoss()] * (how != "tuple"):
        found = critical_amount(model, given, (X, y), Quantization("max"), progress=False)
        assert found.curve.baseline == pytest.approx(truth, rel=1e-6)
    assert not model._forward_hooks


@QUIET
def test_models_in_halves_are_taken_for_means():
    for seed in range(20):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 4)).bfloat16()
        found = critical_amount(
            model,
            nn.CrossEntropyLoss(),
            (drawn(32, 3).bfloat16(), torch.arange(32) % 4),
            Quantization("max"),
            amounts=(64, 4),
            progress=False,
        )
        assert math.isfinite(found.curve.baseline)


def test_targets_that_would_be_broadcast_are_refused():
    for criterion in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss()):
        with pytest.raises(ValueError, match=r"Expected targets of the shape of the outputs"):
            batch_loss(nn.Linear(3, 1), criterion, (drawn(8, 3), drawn(8)))


def test_criteria_take_inputs_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, first, second):
            return self.linear(first + second)

    model, X, y = Named(), drawn(8, 3), torch.arange(8) % 3
    truth = F.cross_entropy(model(X, X), y)
    named = {"first": X, "second": X, "labels": y}
    for batch in (named, ({"first": X, "second": X}, y), (X, X, y)):
        torch.testing.assert_close(batch_loss(model, nn.CrossEntropyLoss(), batch).mean, truth)
    with pytest.raises(ValueError, match=r'dicts with "labels"'):
        batch_loss(model, nn.CrossEntropyLoss(), {"first": X, "second": X})


@QUIET
def test_sums_are_refused_by_compression_too():
    def summed(model, batch):
        return (model(batch[0]) - batch[1]).square().sum()

    with pytest.raises(ValueError, match="Expected a loss that is a mean over rows"):
        critical_amount(
            nn.Linear(3, 1),
            summed,
            (drawn(20, 3), drawn(20, 1)),
            Quantization("max"),
            progress=False,
        )


def whole_pair(model, batch):
    total, counted = masked_pair(model, batch)
    return total.sum(), int(counted.sum())


@pytest.mark.parametrize("loss", [masked_pair, whole_pair])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_batches_of_pairs_have_the_loss_of_all_rows(loss, size):
    model, (X, y, counted) = regression()
    counted[:30] = False
    truth = masked_error(model, (X, y, counted)).item()
    surface = EmpiricalLoss(model, loss, (X, y, counted))
    with torch.no_grad():
        losses = [
            len(rows) * surface(surface.start, surface.batch(rows)).item()
            for rows in torch.arange(len(X)).split(size)
        ]
    assert sum(losses) / len(X) == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("mse", "as the loss, got str"),
        (lambda model, batch: 1.5, "Expected the loss to return a tensor, .* got float"),
        (lambda model, batch: (1.5, 2), "Expected the loss to return a tensor, .* got tuple"),
    ],
)
def test_what_is_no_loss(loss, message):
    model, data = regression()
    with pytest.raises(TypeError, match=message):
        critical_amount(model, loss, data, Quantization("max"), progress=False)
    with pytest.raises(TypeError, match=message):
        LocalLearningCoefficient(loss, progress=False).estimate(model, data)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_batches_of_no_whole_number_of_rows(size):
    with pytest.raises(ValueError, match=r"Expected batch_size as an integer >= 1, got"):
        critical_amount(*regression()[:1], masked_pair, None, Quantization(), batch_size=size)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 3.0, 0.5])])
def test_a_criterion_without_a_mean_of_its_own_counts_what_it_does_not_ignore(weight):
    X, y = drawn(12, 4), sparse_labels(12)
    model = nn.Linear(4, 3)
    found = batch_loss(model, nn.CrossEntropyLoss(weight=weight, reduction="none"), (X, y))
    expected = nn.CrossEntropyLoss(weight=weight)(model(X), y)
    torch.testing.assert_close(found.mean, expected)
