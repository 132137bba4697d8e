"""Which states are measured: those that left a module, of each of its calls, whatever follows."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.torch import measure_information_plane  # noqa: E402

VOCABULARY = 12


class Block(nn.Module):
    """An embedding, an activation and a residual step, with or without writing in place."""

    def __init__(self, *, inplace, add_in_place):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.linear = nn.Linear(16, 16)
        self.activation = nn.ReLU(inplace=inplace)
        self.step = nn.Linear(16, 16)
        self.logits = nn.Linear(16, VOCABULARY)
        self.add_in_place = add_in_place

    def forward(self, ids):
        x = self.activation(self.linear(self.embedding(ids)))
        if self.add_in_place:
            x += self.step(x)
        else:
            x = x + self.step(x)
        return self.logits(x)


class Repeated(nn.Module):
    """One block applied three times, as networks that share their layers do."""

    def __init__(self, n_calls=3):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.block = nn.Linear(16, 16)
        self.logits = nn.Linear(16, VOCABULARY)
        self.n_calls = n_calls

    def steps(self, ids):
        x = self.embedding(ids)
        for _ in range(self.n_calls):
            x = self.block(torch.tanh(x))
            yield x

    def forward(self, ids):
        *_, last = self.steps(ids)
        return self.logits(last)


@pytest.fixture(scope="module")
def ids():
    return np.random.RandomState(0).randint(VOCABULARY, size=(40, 24)).tolist()


def measure(model, ids, layers):
    plane = measure_information_plane(model, ids, layers=layers, widths=(1,), progress=False)
    return plane.to_frame().set_index("layer")["complexity"]


@pytest.mark.parametrize(("inplace", "add_in_place"), [(True, False), (False, True), (True, True)])
def test_what_follows_may_write_into_the_states(ids, inplace, add_in_place):
    layers = ["linear", "activation"]
    plain = measure(Block(inplace=False, add_in_place=False), ids, layers)
    assert plain["linear"] > plain["activation"] + 0.05
    written = measure(Block(inplace=inplace, add_in_place=add_in_place), ids, layers)
    np.testing.assert_allclose(written, plain, rtol=1e-12)


def test_each_call_of_a_module_is_a_layer(ids):
    from sklearn_learnability.torch import ngram_labels, soft_mutual_information

    model = Repeated().eval()
    found = measure(model, ids, ["embedding", "block"])
    assert list(found.index) == ["embedding", "block#1", "block#2", "block#3", "mean"]
    tokens = torch.tensor(ids)
    labels = ngram_labels(tokens, 1)
    labels[:, -1] = -1  # the last position has no future
    with torch.inference_mode():
        for call, states in enumerate(model.steps(tokens), 1):
            expected = soft_mutual_information(states, labels).information
            assert found[f"block#{call}"] == pytest.approx(expected, rel=1e-4)


def test_calls_must_be_alike_in_all_batches(ids):
    class Growing(Repeated):
        def forward(self, ids):
            self.n_calls += 1
            return super().forward(ids)

    with pytest.raises(ValueError, match=r"same layers, .*'block#4'\], got \['block#1', .*#5'\]"):
        measure(Growing(1).eval(), [*ids, *ids], ["block"])


def test_modules_that_give_no_states_are_named(ids):
    class Pooling(Repeated):
        def forward(self, ids):
            return self.logits(self.block(self.embedding(ids).mean(dim=1, keepdim=True)))

    class Skipping(Repeated):
        def forward(self, ids):
            return self.logits(self.embedding(ids))

    with pytest.raises(ValueError, match=r"'block' to return states .*got \(8, 1, 16\)"):
        measure(Pooling().eval(), ids, ["block"])
    with pytest.raises(ValueError, match="call layer 'block', got no call"):
        measure(Skipping().eval(), ids, ["block"])


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=16,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config).eval()


def test_a_context_beyond_the_positions_is_told_from_an_unknown_token(gpt2, ids):
    with pytest.raises(ValueError, match=r"at most 16 tokens.*got 24. Pass context=16"):
        measure(gpt2, ids, "all")
    with pytest.raises(ValueError, match=r"below 12, those that the model knows, got 12"):
        measure(gpt2, [[*row[:10], VOCABULARY] for row in ids], "all")

    class Positions(Repeated):
        def __init__(self):
            super().__init__()
            self.positions = nn.Embedding(10, 16)

        def steps(self, ids):
            self.positions(torch.arange(ids.shape[1]))
            yield from super().steps(ids)

    with pytest.raises(ValueError, match=r"got 24 tokens with ids up to 11.*shorter context"):
        measure(Positions().eval(), ids, ["block"])
