"""Losses and gradients summed over pieces of a batch: the same, in the memory of one piece."""

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    draw_losses,
    half_squared_error,
    make_linear_regression_model,
    next_token_loss,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._held_still import held_still

NORMAL = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
N, T, VOCABULARY = 22, 6, 7  # pieces of 5 rows leave one of 2
SEEN = []  # how many rows went through a model at once


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(VOCABULARY, 8), nn.Linear(8, VOCABULARY)

    def forward(self, ids):
        SEEN.append(len(ids))
        return self.out(self.embed(ids).cumsum(1).tanh())


def tokens(masked):
    """Sequences of unequal length; with labels too, the first piece has none that count."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(VOCABULARY, (N, T), generator=generator)
    lengths = torch.randint(2, T + 1, (N,), generator=generator)
    mask = (torch.arange(T) < lengths[:, None]).long()
    if masked == "padding":
        return {"input_ids": ids, "attention_mask": mask}
    labels = ids.masked_fill(mask == 0, -100)
    labels[:5] = -100
    return {"input_ids": ids, "labels": labels}


class TokenCriterion(nn.CrossEntropyLoss):
    """A criterion of all tokens, that ignores some and weighs the classes."""

    def forward(self, outputs, targets):
        return super().forward(outputs.flatten(0, 1), targets.flatten())


def cases(name):
    torch.manual_seed(0)
    model = LanguageModel().double()
    if name in ("padding", "labels"):
        return model, next_token_loss, tokens(name)
    labels = tokens("labels")["labels"]
    weights = torch.linspace(0.5, 2.0, VOCABULARY).double()
    inputs = tokens("labels")["input_ids"]
    return model, TokenCriterion(weight=weights if name == "weights" else None), (inputs, labels)


@pytest.mark.parametrize("vectorised", [True, False])
@pytest.mark.parametrize("name", ["padding", "labels", "ignored", "weights"])
def test_masked_tokens_and_a_ragged_piece_weigh_as_in_the_whole_batch(name, vectorised):
    model, loss, data = cases(name)
    rows = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    with held_still(model):
        surface = EmpiricalLoss(model, loss, data)
        whole, pieces = FlatLoss(surface), FlatLoss(surface, micro_batch_size=5)
        whole.vectorised = pieces.vectorised = vectorised
        positions = whole.start + 0.1 * torch.randn(3, len(whole.start)).double()
        expected = whole.values_and_gradients(positions, whole.batch(rows))
        SEEN.clear()
        found = pieces.values_and_gradients(positions, pieces.batch(rows))
        assert max(SEEN) == 5
        assert min(SEEN) == 2
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(pieces.values(positions, pieces.batch(rows)), expected[0])
        torch.testing.assert_close(pieces.value(positions[0], pieces.all_rows()), expected[0][0])
        curvature = pieces.curvature(pieces.start, pieces.all_rows())[0]
        assert curvature == pytest.approx(whole.curvature(whole.start, whole.all_rows())[0])


class Held:
    """Counts the bytes that autograd holds, and the most it ever held."""

    now = most = 0

    def __init__(self, tensor):
        self.tensor, self.bytes = tensor, tensor.numel() * tensor.element_size()
        Held.now += self.bytes
        Held.most = max(Held.most, Held.now)

    def __del__(self):
        Held.now -= self.bytes


def most_held(flat, rows):
    """Return the bytes that autograd holds at most, during one gradient of two chains."""
    Held.now = Held.most = 0
    batch = flat.batch(rows)
    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        flat.values_and_gradients(flat.start.repeat(2, 1), batch)
    return Held.most


def test_what_autograd_holds_is_of_one_piece():
    model = nn.Sequential(
        nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
    )
    data = torch.randn(2048, 4), torch.zeros(2048, 1)
    with held_still(model):
        surface = EmpiricalLoss(model, half_squared_error, data)
        held = {}
        for size in (None, 256, 128):
            flat = FlatLoss(surface, micro_batch_size=size)
            flat.vectorised = False
            held[size] = most_held(flat, torch.arange(2048))
    parameters = 4 * flat.start.numel()
    assert held[256] - parameters < held[None] / 6
    assert held[128] < held[256]


@NORMAL
@pytest.mark.parametrize(("sampler", "size"), [("hamiltonian", 30), ("leimkuhler-matthews", 7)])
def test_estimates_are_the_same_but_for_rounding(sampler, size):
    known = make_linear_regression_model(4, n_samples=50, noise=1.0, random_state=0)
    llc = LocalLearningCoefficient(
        half_squared_error, sampler=sampler, batch_size=16, weight_decay=0.1, **GIVEN
    )
    whole = draw_losses(llc, known.model, known.data)
    pieces = draw_losses(llc.set_params(micro_batch_size=size), known.model, known.data)
    assert pieces.estimate.loss_trace == pytest.approx(whole.estimate.loss_trace, rel=1e-6)
    assert pieces.estimate.initial_loss == pytest.approx(whole.estimate.initial_loss)
    assert pieces.rows["data"].losses == pytest.approx(whole.rows["data"].losses, rel=1e-6)


GIVEN = {"n_chains": 2, "n_draws": 10, "inverse_temperature": 20.0, "localization": 5.0}
GIVEN |= {"step_size": 0.01, "random_state": 0, "progress": False}


@NORMAL
def test_no_more_rows_go_through_the_model_at_once():
    model, loss, data = cases("padding")
    SEEN.clear()
    llc = LocalLearningCoefficient(loss, sampler="leimkuhler-matthews", micro_batch_size=4, **GIVEN)
    llc.estimate(model, data)
    assert sorted(size for size in SEEN if size > 4) == [8, 8, 16]  # whether it is a mean


@NORMAL
def test_a_store_goes_on_with_smaller_pieces(tmp_path):
    known = make_linear_regression_model(4, n_samples=50, noise=1.0, random_state=0)
    llc = LocalLearningCoefficient(half_squared_error, sampler="leimkuhler-matthews", **GIVEN)
    first = llc.estimate(known.model, known.data, store=tmp_path / "chains.pt")
    llc.set_params(micro_batch_size=3)
    again = llc.estimate(known.model, known.data, store=tmp_path / "chains.pt")
    assert (again.loss_trace == first.loss_trace).all()


@pytest.mark.parametrize("size", [0, 2.5, "auto"])
def test_a_size_that_is_none_is_refused(size):
    llc = LocalLearningCoefficient(half_squared_error, micro_batch_size=size)
    known = make_linear_regression_model(4, n_samples=50, random_state=0)
    with pytest.raises(ValueError, match="Expected micro_batch_size to be a positive integer, got"):
        llc.estimate(known.model, known.data)
