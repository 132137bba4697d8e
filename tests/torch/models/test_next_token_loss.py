"""The loss of the next token: wherever padding stands, however logits come, what is refused."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import next_token_loss, self_divergence_loss

ROWS = [
    torch.randint(1, 20, (n,), generator=torch.Generator().manual_seed(n)) for n in (7, 4, 9, 1)
]


def padded(side, length=11):
    """Return the rows in one batch, padded on a side or, "between", in the middle."""
    ids = torch.full((len(ROWS), length), 19)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(ROWS):
        first = {"left": length - len(row), "right": 0, "between": 0}[side]
        places = first + torch.arange(len(row))
        if side == "between":
            places[len(row) // 2 :] += length - len(row)
        ids[i, places], mask[i, places] = row, 1
    return {"input_ids": ids, "attention_mask": mask}


class Recurrent(nn.Module):
    """Takes no mask, and reads whatever it is given."""

    def __init__(self, pack=lambda logits: logits):
        super().__init__()
        self.embedding, self.output = nn.Embedding(20, 8), nn.Linear(8, 20)
        self.recurrent, self.pack = nn.GRU(8, 8, batch_first=True), pack

    def forward(self, ids):
        return self.pack(self.output(self.recurrent(self.embedding(ids))[0]))


def transformer(kind):
    transformers = pytest.importorskip("transformers")
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "gpt2":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=20, n_embd=16, n_layer=2, n_head=4, **special)
        )
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=20, num_attention_heads=4, **sizes, **special)
    )


@pytest.mark.parametrize("side", ["left", "right", "between"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "recurrent"])
def test_padding_is_as_if_it_were_not_there(kind, side):
    torch.manual_seed(0)
    model = (Recurrent() if kind == "recurrent" else transformer(kind)).eval()
    loss_of_divergence = self_divergence_loss(model)
    with torch.no_grad():
        alone = torch.cat([next_token_loss(model, row[None]) for row in ROWS[:3]])
        found = next_token_loss(model, padded(side))
        torch.testing.assert_close(found[:3], alone)
        assert found[3].isnan()  # of a single token
        list(model.parameters())[-1].mul_(1.5)
        total, count = loss_of_divergence.sums(model, padded(side))
        expected = [loss_of_divergence.sums(model, row[None])[0] for row in ROWS[:3]]
    torch.testing.assert_close(total[:3], torch.cat(expected))
    assert count.tolist() == [6, 3, 8, 0]


def test_labels_move_with_their_tokens():
    torch.manual_seed(0)
    model, batch = Recurrent(), padded("left")
    labels = batch["input_ids"].clone()
    labels[:, -1] = -100
    alone = torch.cat([next_token_loss(model, row[None, :-1]) for row in ROWS[:3]])
    found = next_token_loss(model, batch | {"labels": labels})
    torch.testing.assert_close(found[:3], alone)


@pytest.mark.parametrize(
    "pack",
    [
        lambda logits: (logits, None),
        lambda logits: {"loss": None, "logits": logits},
        lambda logits: SimpleNamespace(logits=logits),
    ],
)
@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_logits_however_they_come_and_tokens_of_any_integers(pack, dtype):
    torch.manual_seed(0)
    plain, packed = Recurrent(), Recurrent(pack)
    packed.load_state_dict(plain.state_dict())
    ids = ROWS[0][None]
    expected = next_token_loss(plain, ids)
    torch.testing.assert_close(next_token_loss(packed, ids.to(dtype)), expected)
    divergence = self_divergence_loss(plain)(packed, {"input_ids": ids.to(dtype)})
    assert divergence.abs().max() < 1e-6


def test_a_class_that_never_comes_adds_nothing_to_the_divergence():
    def never(logits):
        return logits.index_fill(-1, torch.tensor([3]), -torch.inf)

    torch.manual_seed(0)
    model = Recurrent(never)
    loss = self_divergence_loss(model)
    model.output.bias.data += torch.arange(20) / 10
    rest = [i for i in range(20) if i != 3]
    with torch.no_grad():
        ids = ROWS[0][None]
        before = loss.reference(ids[:, :-1])[..., rest].log_softmax(-1)
        now = model(ids[:, :-1])[..., rest].log_softmax(-1)
    found = loss(model, ids)
    torch.testing.assert_close(found, (before.exp() * (before - now)).sum(-1).mean(1))
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((torch.ones(2, 4, dtype=torch.long),), TypeError, "got tuple. Of a TensorDataset"),
        ({"tokens": torch.ones(2, 4)}, TypeError, 'with "input_ids", as a batch, got NoneType'),
        (torch.ones(2, 4), ValueError, r"got shape \(2, 4\) of torch.float32"),
        (torch.ones(4, dtype=torch.long), ValueError, r"got shape \(4,\)"),
        (torch.ones(2, 1, dtype=torch.long), ValueError, r"at least two positions, got .*\(2, 1\)"),
        (
            {
                "input_ids": torch.ones(2, 4, dtype=torch.long),
                "attention_mask": torch.ones(2, 1, 4, 4),
            },
            ValueError,
            r"of the shape of input_ids, \(2, 4\), got \(2, 1, 4, 4\)",
        ),
    ],
)
def test_batches_that_hold_no_sequences(batch, error, message):
    with pytest.raises(error, match=message):
        next_token_loss(Recurrent(), batch)


def test_outputs_that_are_no_logits():
    with pytest.raises(ValueError, match=r"Expected the model to return logits .* got dict"):
        next_token_loss(Recurrent(lambda logits: {"scores": logits}), ROWS[0][None])
