"""Folding of normalisation weights: same outputs, fewer parameters, and what is left alone."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import fold_norms
from sklearn_learnability.torch.compression import _fold_norms

TOKENS = torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(0))


def randomized(model):
    """Give every vector random values, so that folding it wrongly shows."""
    generator = torch.Generator().manual_seed(1)
    for p in model.parameters():
        if p.ndim == 1:
            p.data = 0.5 + torch.rand(p.shape, generator=generator)
    return model


def outputs(model, inputs=TOKENS):
    with torch.no_grad():
        found = model(inputs)
    return getattr(found, "logits", found)


def transformer(kind, **settings):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    if kind == "llama":
        config = transformers.LlamaConfig(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            **settings,
        )
        return randomized(transformers.LlamaForCausalLM(config).eval())
    if kind == "neox":
        config = transformers.GPTNeoXConfig(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=4,
            **settings,
        )
        return randomized(transformers.GPTNeoXForCausalLM(config).eval())
    config = transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=4, **settings)
    return randomized(transformers.GPT2LMHeadModel(config).eval())


@pytest.mark.parametrize(("kind", "n_norms"), [("llama", 5), ("gpt2", 5), ("neox", 5)])
def test_same_outputs_of_transformers(kind, n_norms):
    model = transformer(kind, tie_word_embeddings=False)
    before, n_before = outputs(model), sum(p.numel() for p in model.parameters())
    found = fold_norms(model, TOKENS)
    assert len(found.folded) == n_norms
    assert found.left == {}
    torch.testing.assert_close(outputs(model), before, rtol=1e-4, atol=1e-5)
    n_vectors = 1 if kind == "llama" else 2
    kept = 0 if kind == "llama" else 16  # the last bias: the output layer has none to take it
    assert sum(p.numel() for p in model.parameters()) == n_before - n_norms * n_vectors * 16 + kept
    norms = [m for name, m in model.named_modules() if name in found.folded]
    assert all(bool((norm.weight == 1).all()) for norm in norms)
    assert not any("norm.weight" in name for name, _ in model.named_parameters())


def test_names_of_what_reads_a_norm():
    found = fold_norms(transformer("llama", tie_word_embeddings=False), TOKENS)
    layer = "model.layers.1"
    assert found.folded[f"{layer}.input_layernorm"] == tuple(
        f"{layer}.self_attn.{part}_proj" for part in "qkv"
    )
    assert found.folded[f"{layer}.post_attention_layernorm"] == tuple(
        f"{layer}.mlp.{part}_proj" for part in ("gate", "up")
    )
    assert found.folded["model.norm"] == ("lm_head",)


@pytest.mark.parametrize(("kind", "last"), [("llama", "model.norm"), ("gpt2", "transformer.ln_f")])
def test_a_tied_matrix_is_left(kind, last):
    model = transformer(kind, tie_word_embeddings=True)
    before = outputs(model)
    found = fold_norms(model, TOKENS)
    assert found.left == {last: "the matrix of lm_head is used elsewhere"}
    assert len(found.folded) == 4
    torch.testing.assert_close(outputs(model), before, rtol=1e-4, atol=1e-5)
    assert model.lm_head.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize(("kind", "last"), [("llama", "model.norm"), ("gpt2", "transformer.ln_f")])
def test_a_matrix_that_was_untied_takes_the_last_norm(kind, last):
    model = transformer(kind, tie_word_embeddings=True)
    before = outputs(model)
    embedding = model.get_input_embeddings().weight.detach().clone()
    model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    assert fold_norms(model, TOKENS).folded[last] == ("lm_head",)
    torch.testing.assert_close(outputs(model), before, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.get_input_embeddings().weight, embedding)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrices_that_share_memory_are_tied(dtype):
    """A copy in float32, in which halves are judged, has two matrices of them."""
    parts = nn.Embedding(9, 6), nn.LayerNorm(6, bias=False), nn.Linear(6, 9, bias=False)
    model = randomized(nn.Sequential(*parts)).to(dtype)
    model[2].weight.data = model[0].weight.data
    before = outputs(model, torch.arange(9))
    assert fold_norms(model, torch.arange(9)).left == {"1": "the matrix of 2 is used elsewhere"}
    assert torch.equal(outputs(model, torch.arange(9)), before)


class Residual(nn.Module):
    """The normalised input is also added to the output."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = self.norm(x)
        return x + self.linear(x)


def test_a_norm_read_by_more_than_linear_layers_is_left_exactly():
    model = randomized(Residual())
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert fold_norms(model, x).left == {"norm": "more than linear layers read it"}
    assert [name for name, _ in model.named_parameters()] == list(before)
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())


class Packed(nn.Module):
    """Adds a normalisation to what a linear layer reads of it, and packs the sum."""

    def __init__(self, pack):
        super().__init__()
        self.norm, self.linear, self.pack = nn.LayerNorm(8), nn.Linear(8, 8), pack

    def forward(self, x):
        hidden = self.norm(x)
        return self.pack(self.linear(hidden) + hidden)


PACKS = {
    "dict": lambda y: {"prediction": y},
    "nested": lambda y: ([y],),
    "object": lambda y: SimpleNamespace(prediction=y),
    "halves": lambda y: y.half(),
    "complex": lambda y: torch.complex(y, y),
}


@pytest.mark.parametrize("pack", PACKS)
def test_outputs_are_compared_however_they_are_packed(pack):
    model = randomized(Packed(PACKS[pack]))
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    assert fold_norms(model, x).left == {"norm": "more than linear layers read it"}


@pytest.mark.parametrize("pack", [lambda y: y.argmax(1), lambda y: None])
def test_a_model_without_numbers_to_judge_by_is_refused_and_left(pack):
    model = randomized(Packed(pack))
    before = model.linear.weight.detach().clone()
    with pytest.raises(ValueError, match="Expected inputs for which the model gives numbers"):
        fold_norms(model, torch.ones(5, 8))
    torch.testing.assert_close(model.linear.weight, before, rtol=0, atol=0)


def test_a_layer_that_reads_two_norms_is_left():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(4), nn.RMSNorm(4)
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(self.first(x)) + self.linear(self.second(x))

    found = fold_norms(randomized(Shared()), torch.ones(5, 4))
    assert set(found.left) == {"first", "second"}


def test_zero_weights():
    """A weight of 0 can be folded; a bias beside it cannot be kept without a layer to take it."""
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    for bias in (True, False):
        model = randomized(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 3, bias=bias)))
        model[0].weight.data[1] = 0
        before = outputs(model, x)
        found = fold_norms(model, x)
        assert found.left == ({} if bias else {"0": "its bias can be moved nowhere"})
        torch.testing.assert_close(outputs(model, x), before)


def test_keywords_tuples_and_modes():
    model = transformer("llama", tie_word_embeddings=False).train()
    fold_norms(model, {"input_ids": TOKENS})
    assert model.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert fold_norms(nn.Sequential(nn.RMSNorm(4), nn.Linear(4, 2)), (torch.ones(2, 4),)).folded


class Slightly(nn.Module):
    """The normalised input is also added to the output, by less than halves can tell."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        x = self.norm(x)
        return 30 * self.linear(x) + 0.1 * x


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_halves_do_not_hide_that_something_else_reads_a_norm(dtype):
    torch.manual_seed(0)
    model = randomized(Slightly()).to(dtype)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert fold_norms(model, torch.randn(5, 8, dtype=dtype)).left == {
        "norm": "more than linear layers read it"
    }
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    assert model.norm.weight.dtype == dtype
    chain = randomized(nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 4))).to(dtype)
    assert fold_norms(chain, torch.randn(5, 8, dtype=dtype)).folded == {"0": ("1",)}
    assert chain[1].weight.dtype == dtype


@pytest.mark.parametrize("call", range(1, 7))
def test_an_interrupt_while_folding_folds_nothing(call, monkeypatch):
    model = randomized(
        nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
    )
    model[1].weight.grad = gradient = torch.ones(4, 4)
    before = [(name, id(p), p.tolist()) for name, p in model.named_parameters()]
    genuine, left = _fold_norms._fold, [call]

    def interrupted(*args):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        genuine(*args)
        if left[0] == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(_fold_norms, "_fold", interrupted)
    if call <= 4:
        with pytest.raises(KeyboardInterrupt):
            fold_norms(model, torch.ones(2, 4))
        assert [(name, id(p), p.tolist()) for name, p in model.named_parameters()] == before
        assert not list(model.buffers())
    elif call == 6:
        fold_norms(model, torch.ones(2, 4))
        assert len(list(model.buffers())) == 4
    assert model[1].weight.grad is gradient


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_matrix_that_is_a_part_of_the_embedding_is_tied(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(22, 16), nn.LayerNorm(16), nn.Linear(16, 20, bias=False))
    nn.init.normal_(model[1].weight, 1, 0.3)
    model.to(dtype)
    model[2].weight = nn.Parameter(model[0].weight.data[2:])
    tokens = torch.arange(22)[None]
    before = model(tokens)
    assert fold_norms(model, tokens).left == {"1": "the matrix of 2 is used elsewhere"}
    assert torch.equal(model(tokens), before)


def test_matrices_beside_each_other_in_one_memory_are_not_tied():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
    flat = torch.randn(32)
    model[0].weight = nn.Parameter(flat[:16].view(4, 4))
    model[2].weight = nn.Parameter(flat[16:].view(4, 4))
    assert fold_norms(model, torch.randn(3, 4)).folded == {"1": ("2",)}
