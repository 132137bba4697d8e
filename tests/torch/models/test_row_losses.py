import pytest
import torch
from torch import nn

from sklearn_learnability.torch import half_squared_error, next_token_loss
from sklearn_learnability.torch.models._batch_loss import batch_loss
from sklearn_learnability.torch.models._row_losses import row_losses, token_losses


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 5), nn.Linear(5, 7)

    def forward(self, ids):
        return self.out(self.embed(ids).cumsum(1))


def scalar(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def pair(model, batch):
    return (model(batch[0]) - batch[1]).square().sum(1), torch.full((len(batch[1]),), 2)


def pair_of_scalars(model, batch):
    return (model(batch[0]) - batch[1]).square().sum(), batch[1].numel()


torch.manual_seed(0)
INPUTS, NUMBERS = torch.randn(6, 4), torch.randn(6, 2)
CLASSES = torch.tensor([0, 1, -100, 1, 0, 1])
WORDS = torch.randint(7, (6, 9))
MASK = (torch.arange(9) < torch.tensor([9, 4, 2, 9, 1, 7])[:, None]).long()
CASES = {
    "classes": (nn.Linear(4, 2), nn.CrossEntropyLoss(), (INPUTS, CLASSES)),
    "weighted classes": (
        nn.Linear(4, 2),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0])),
        (INPUTS, CLASSES),
    ),
    "numbers": (nn.Linear(4, 2), nn.MSELoss(), (INPUTS, NUMBERS)),
    "rows": (nn.Linear(4, 2), half_squared_error, (INPUTS, NUMBERS)),
    "mean": (nn.Linear(4, 2), scalar, (INPUTS, NUMBERS)),
    "sums and counts": (nn.Linear(4, 2), pair, (INPUTS, NUMBERS)),
    "sum and count": (nn.Linear(4, 2), pair_of_scalars, (INPUTS, NUMBERS)),
    "tokens": (Language(), next_token_loss, WORDS),
    "padded tokens": (Language(), next_token_loss, {"input_ids": WORDS, "attention_mask": MASK}),
    "a criterion without a reduction": (
        nn.Linear(4, 2),
        type("Own", (nn.Module,), {"forward": lambda self, a, b: (a - b).abs().mean()})(),
        (INPUTS, NUMBERS),
    ),
}


def row(batch, i):
    if isinstance(batch, dict):
        return {name: part[i : i + 1] for name, part in batch.items()}
    return (
        tuple(part[i : i + 1] for part in batch) if isinstance(batch, tuple) else batch[i : i + 1]
    )


@pytest.mark.parametrize("name", CASES)
def test_each_row_has_the_loss_of_the_row_alone(name):
    model, loss, batch = CASES[name]
    losses, weights = row_losses(model, loss, batch)
    alone = [batch_loss(model, loss, row(batch, i)) for i in range(6)]
    torch.testing.assert_close(losses, torch.stack([part.mean for part in alone]))
    assert weights.tolist() == [float(part.weight) for part in alone]
    whole = batch_loss(model, loss, batch).mean
    torch.testing.assert_close((losses * weights).sum() / weights.sum(), whole)


@pytest.mark.parametrize("name", ["tokens", "padded tokens"])
def test_a_row_has_the_mean_loss_of_its_tokens(name):
    model, loss, batch = CASES[name]
    losses, weights = token_losses(model, loss, batch)
    assert losses.shape == (6, 8)
    of_rows, counts = row_losses(model, loss, batch)
    torch.testing.assert_close(weights.sum(1), counts)
    torch.testing.assert_close((losses * weights).sum(1), of_rows * counts)


def test_a_criterion_of_sequences_tells_tokens_apart():
    model = nn.Conv1d(4, 2, 2)
    batch = (torch.randn(6, 4, 3), torch.randint(2, (6, 2)))
    losses, _ = token_losses(model, nn.CrossEntropyLoss(), batch)
    expected = -model(batch[0]).log_softmax(1).gather(1, batch[1][:, None])[:, 0]
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("name", ["classes", "rows"])
def test_one_target_a_row_has_no_tokens(name):
    with pytest.raises(ValueError, match="Expected next_token_loss, or a criterion that has"):
        token_losses(*CASES[name])
