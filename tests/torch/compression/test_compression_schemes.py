"""Noise, factorization and pruning, against closed forms; all schemes give the model back."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from sklearn_learnability.torch import (
    Factorization,
    GaussianNoise,
    HeadPruning,
    Quantization,
    Retraining,
    critical_amount,
)
from sklearn_learnability.torch.models._digest import digest

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(400, 30, generator=GENERATOR)


class TiedModel(nn.Module):
    """Embedding tied to the output, attention, a counter."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.blocks = nn.ModuleList(nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(3))
        self.output = nn.Linear(8, 7, bias=False)
        self.output.weight = self.embedding.weight
        self.register_buffer("counts", torch.arange(3))

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = x + block(x, x, x, need_weights=False)[0]
        return self.output(x)


def tokens_loss(model, batch):
    return F.cross_entropy(model(batch).flatten(0, 1), batch.flatten())


TOKENS = torch.randint(0, 7, (12, 5), generator=GENERATOR)


def tied_model():
    torch.manual_seed(0)
    return TiedModel()


SCHEMES = {
    "quantization": (Quantization(clamp="max"), 4),
    "noise": (GaussianNoise(), 0.3),
    "relative noise": (GaussianNoise(relative=True), 0.3),
    "factorization": (Factorization(), 0.25),
    "pruning": (HeadPruning(), 0.5),
    "retraining": (
        HeadPruning(retraining=Retraining(tokens_loss, TOKENS, 0.01, n_steps=4, n_checks=2)),
        0.5,
    ),
}


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("how", ["context", "measure"])
@pytest.mark.parametrize("fails", [False, True])
def test_undone_exactly(name, how, fails):
    scheme, amount = SCHEMES[name]
    model = tied_model()
    tokens_loss(model, TOKENS).backward()
    model.output.eval()
    before = {n: value.clone() for n, value in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    inside = []

    def look():
        inside.append({n: value.clone() for n, value in model.state_dict().items()})
        assert model.output.weight is model.embedding.weight
        assert torch.equal(model.counts, before["counts"])
        if fails:
            raise KeyboardInterrupt
        with torch.no_grad():
            return float(tokens_loss(model, TOKENS))

    def compress():
        if how == "measure":
            scheme.measure(model, amount, look)
        else:
            with scheme(model, amount):
                look()

    if fails:
        with pytest.raises(KeyboardInterrupt):
            compress()
    else:
        compress()
    assert not all(torch.equal(v, before[n]) for n, v in inside[0].items())
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert model.training
    assert not model.output.training


def test_noise_of_a_linear_model_has_its_closed_form():
    """E|x.(w + sigma z) - x.w|^2 = sigma^2 E|x|^2; relative: sigma^2 sum w_i^2 E x_i^2."""
    model = nn.Linear(30, 1, bias=False)
    model.weight.data = torch.linspace(-1, 2, 30)[None]
    data = (X, model(X).detach())
    for relative in (False, True):
        scale = model.weight.data.flatten() if relative else torch.ones(30)
        expected = float(((X * scale) ** 2).sum(1).mean())
        with torch.no_grad():
            found = GaussianNoise(relative, n_draws=60).measure(
                model, 0.1, lambda: float(F.mse_loss(model(data[0]), data[1]))
            )
        assert found.value == pytest.approx(0.01 * expected, abs=4 * found.standard_error)
        assert 0 < found.standard_error < 0.2 * found.value
        critical = critical_amount(
            model,
            nn.MSELoss(),
            data,
            GaussianNoise(relative, n_draws=20),
            tolerance=1.0,
            progress=False,
        )
        truth = expected**-0.5
        assert critical.value == pytest.approx(truth, abs=4 * critical.standard_error)
        assert 0 < critical.standard_error < 0.2 * truth


def test_draws_are_seeded_and_shared_by_all_sigmas():
    assert GaussianNoise(random_state=1) == GaussianNoise(random_state=1)
    assert GaussianNoise(random_state=1).seeds != GaussianNoise(random_state=2).seeds
    assert len(set(GaussianNoise(n_draws=8).seeds)) == 8
    model = nn.Linear(30, 1)
    w = model.weight.detach().clone()
    state = torch.random.get_rng_state()
    steps = []
    for sigma in (0.01, 0.02):
        with GaussianNoise()(model, sigma):
            steps.append(model.weight.detach() - w)
    torch.testing.assert_close(steps[1], 2 * steps[0], rtol=1e-3, atol=1e-6)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (9, 9)])
def test_truncation_is_the_best_of_its_rank(shape):
    model = nn.Sequential(*(nn.Linear(*shape[::-1]) for _ in range(3)))
    matrix = model[1].weight.detach().clone()
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    for rank in (1, 4, 8):
        with Factorization()(model, rank / min(shape)):
            found = model[1].weight.detach().clone()
        torch.testing.assert_close(found, (u[:, :rank] * s[:rank]) @ v[:rank], atol=1e-5, rtol=1e-5)
        assert float((found - matrix).norm()) == pytest.approx(float(s[rank:].norm()), rel=1e-4)
    with Factorization()(model, 1.0):
        assert torch.equal(model[1].weight, matrix)


def test_which_layers_and_true_counts():
    model = nn.Sequential(*(m for _ in range(6) for m in (nn.Linear(10, 10), nn.ReLU())))
    before = [model[i].weight.detach().clone() for i in range(0, 12, 2)]
    scheme = Factorization()
    with scheme(model, 0.3):
        changed = [not torch.equal(model[2 * i].weight, w) for i, w in enumerate(before)]
    assert changed == [False, True, False, True, False, False]
    n_factors = 2 * (10 * 3 + 3 + 3 * 10)
    assert scheme.size(model, 0.3) == pytest.approx((6 * 110 - 200 + n_factors) / (6 * 110))
    assert scheme.size(model, 1.0) > 1
    named = Factorization(layers=["0"])
    with named(model, 0.3):
        assert torch.linalg.matrix_rank(model[0].weight) == 3
        assert torch.equal(model[2].weight, before[1])


def test_embeddings_are_not_factorized():
    model = tied_model()
    embedding = model.embedding.weight.detach().clone()
    with Factorization(layers=["*"])(model, 0.2):
        assert torch.equal(model.embedding.weight, embedding)
        assert torch.linalg.matrix_rank(model.blocks[1].in_proj_weight) == 2
    with pytest.raises(ValueError, match=r"no embedding, .* got 'output', which has none"):
        Factorization(layers=["blocks.1", "output"])(model, 0.2)


def test_layers_too_thin_or_unknown():
    thin = nn.Sequential(*(nn.Linear(1, 1) for _ in range(4)))
    with pytest.raises(ValueError, match=r"factors of rank 1 are smaller than, got \[\(1, 1\)\]"):
        Factorization()(thin, 0.5)
    with pytest.raises(ValueError, match="at least three blocks, got 2"):
        Factorization()(nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9)), 0.5)
    with pytest.raises(ValueError, match="names of modules of the model, got 'two'"):
        Factorization(layers=["two"])(thin, 0.5)


def test_critical_rank_of_a_matrix_of_known_rank():
    """Of a product of rank 4, no more than 4 of 16 singular values are needed."""
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(*(nn.Linear(16, 16, bias=False) for _ in range(3)))
    factors = torch.randn(2, 16, 4, generator=generator)
    model[1].weight.data = factors[0] @ factors[1].T
    inputs = torch.randn(200, 16, generator=generator)
    found = critical_amount(
        model,
        nn.MSELoss(),
        (inputs, model(inputs).detach()),
        Factorization(),
        tolerance=0.01,
        progress=False,
    )
    assert round(16 * found.bracket[0]) == 4
    assert round(16 * found.bracket[1]) == 3
    assert found.size == pytest.approx(Factorization().size(model, 4 / 16), abs=0.05)


def test_pruned_heads_say_nothing_and_are_nested():
    torch.manual_seed(0)
    model = nn.MultiheadAttention(12, 6, batch_first=True)
    x = torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(0))
    scheme = HeadPruning()
    zeros = []
    for kept in (1.0, 0.7, 0.3, 0.0):
        with scheme(model, kept):
            zeros.append({h for h in range(6) if not model.out_proj.weight[:, 2 * h].any()})
            assert all(
                not model.in_proj_weight[p * 12 + 2 * h].any() for h in zeros[-1] for p in range(3)
            )
            if kept == 0:
                out = model(x, x, x)[0]
                torch.testing.assert_close(out, model.out_proj.bias.expand_as(out))
    assert [len(z) for z in zeros] == [0, 1, 4, 6]  # floor((1 - p) 6)
    assert zeros[1] < zeros[2]
    n = sum(p.numel() for p in model.parameters())
    assert scheme.size(model, 0.3) == pytest.approx(1 - 4 * 4 * 2 * 12 / n)


SMALL = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
SMALL |= {"num_attention_heads": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GPT = {"vocab_size": 20, "n_embd": 16, "n_layer": 1, "n_head": 4}
FALCON = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4}
KINDS = {  # settings, and where the output projection is
    "Llama": (SMALL | {"num_key_value_heads": 2}, "model.layers.0.self_attn.o_proj"),
    "Phi": (SMALL, "model.layers.0.self_attn.dense"),
    "Olmo2": (SMALL, "model.layers.0.self_attn.o_proj"),  # normalises all queries together
    "GPT2": (GPT, "transformer.h.0.attn.c_proj"),
    "GPTNeoX": (SMALL, "gpt_neox.layers.0.attention.dense"),
    "Persimmon": (SMALL, "model.layers.0.self_attn.dense"),
    "Bloom": (
        {"vocab_size": 20, "hidden_size": 16, "n_layer": 1, "n_head": 4},
        "transformer.h.0.self_attention.dense",
    ),
    "Falcon": (FALCON | {"multi_query": False}, "transformer.h.0.self_attention.dense"),
}


def small_transformer(kind, settings):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_heads_of_transformers(kind):
    """Pruning one head equals silencing its part of what the output projection reads."""
    settings, name = KINDS[kind]
    model = small_transformer(kind, settings)
    out = model.get_submodule(name)
    tokens = torch.arange(3, 13)[None]
    scheme = HeadPruning(random_state=3)
    with torch.no_grad():
        with scheme(model, 0.75):  # one of four
            pruned = model(tokens).logits
            columns = out.weight.T if kind == "GPT2" else out.weight
            silent = [h for h in range(4) if not columns[:, 4 * h : 4 * h + 4].any()]
        assert len(silent) == 1
        part = slice(4 * silent[0], 4 * silent[0] + 4)

        def silence(module, given):
            given[0][..., part] = 0

        hook = out.register_forward_pre_hook(silence)
        torch.testing.assert_close(pruned, model(tokens).logits, rtol=1e-4, atol=1e-5)
        hook.remove()
        assert not torch.allclose(pruned, model(tokens).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("GPTBigCode", GPT), ("GPTBigCode", GPT | {"multi_query": False}), ("Falcon", FALCON)],
)
def test_attention_of_which_no_head_is_known_is_refused(kind, settings):
    model = small_transformer(kind, settings)
    with pytest.raises(ValueError, match=rf"Expected attention of a known kind, got {kind}Att"):
        HeadPruning()(model, 0.5).__enter__()


def test_heads_given_by_the_user():
    model = nn.ModuleDict({"query": nn.Linear(4, 4), "out": nn.Linear(4, 4)})

    def heads(model):
        return [
            [("query.weight", 0, 2 * h, 2 * h + 2), ("out.weight", 1, 2 * h, 2 * h + 2)]
            for h in range(2)
        ]

    with HeadPruning(heads)(model, 0.5):
        rows = model["query"].weight.any(1).tolist()
        assert sorted(rows) == [False, False, True, True]
        assert model["out"].weight.any(0).tolist() == rows
        assert model["query"].bias.any()
    with pytest.raises(ValueError, match="attention of a known kind"):
        HeadPruning()(model, 0.5)
    unknown = HeadPruning(lambda model: [[("value.weight", 0, 0, 1)]])
    with pytest.raises(ValueError, match=r"name of a parameter of the model, got 'value.weight'"):
        unknown(model, 0.0)


def test_retraining_keeps_heads_pruned_and_returns_the_least_loss():
    model = tied_model()
    retraining = Retraining(tokens_loss, TOKENS, learning_rate=0.2, n_steps=20, n_checks=5)
    scheme = HeadPruning(retraining=retraining)
    losses, zeros = [], []

    def look():
        weights = [block.out_proj.weight for block in model.blocks]
        zeros.append([bool(w[:, 4 * h].any()) for w in weights for h in range(2)])
        with torch.no_grad():
            losses.append(float(tokens_loss(model, TOKENS)))
        return losses[-1]

    found = scheme.measure(model, 0.5, look)
    assert len(losses) == found.n_evaluations == 6
    assert found.value == min(losses) < losses[0] - 0.1
    assert found.setting == 4 * losses.index(found.value)
    assert all(z == zeros[0] for z in zeros)
    assert zeros[0].count(False) == 3
    again = scheme.measure(model, 0.5, look)
    assert again == found


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(n_draws=1), "at least 2 draws"),
        (lambda: GaussianNoise().check(0), "standard deviation above 0, got 0"),
        (lambda: GaussianNoise().check(math.inf), "standard deviation above 0, got inf"),
        (lambda: Factorization().check(0), r"singular values in \(0, 1\], got 0"),
        (lambda: Factorization().check(1.5), r"singular values in \(0, 1\], got 1.5"),
        (lambda: Factorization("head"), "layers as a list of names, got 'head'"),
        (lambda: Quantization(layers="head"), "layers as a list of names, got 'head'"),
        (lambda: GaussianNoise(layers=5), "layers as a list of names, got 5"),
        (lambda: GaussianNoise(layers=[]), r"layers as a list of names, got \[\]"),
        (lambda: HeadPruning(layers=[1]), r"layers as a list of names, got \[1\]"),
        (lambda: Quantization(None), r"a share in \(0, 1\], got None"),
        (lambda: Quantization(True), r"a share in \(0, 1\], got True"),
        (lambda: Retraining(None, None, -0.1), "learning_rate above 0, got -0.1"),
        (lambda: Retraining(None, None, 0.1, batch_size=0), "batch_size as an integer >= 1"),
        (lambda: HeadPruning().check(-0.1), r"share of heads in \[0, 1\], got -0.1"),
        (lambda: Retraining(None, None, 0.1, n_steps=3), "n_checks=10 and n_steps=3"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_undefined_losses_of_noise_are_reported():
    model = nn.Linear(30, 1)
    found = GaussianNoise().measure(model, 0.1, lambda: math.nan)
    assert np.isnan(found.value)


def test_critical_share_of_heads_with_retraining(tmp_path):
    """Retraining tolerates fewer heads than pruning alone, and a killed run goes on."""
    model = tied_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    targets = TOKENS.roll(1, dims=1)  # the token before, which only attention can know

    def previous_loss(model, batch):
        tokens, wanted = batch
        return F.cross_entropy(model(tokens).flatten(0, 1), wanted.flatten())

    for _ in range(60):
        optimizer.zero_grad()
        previous_loss(model, (TOKENS, targets)).backward()
        optimizer.step()
    retraining = Retraining(
        previous_loss, (TOKENS, targets), learning_rate=0.01, n_steps=30, n_checks=3
    )
    settings = {"tolerance": 0.1, "amounts": [1.0, 0.8, 0.6, 0.4, 0.2, 0.0], "progress": False}
    data = (TOKENS, targets)
    alone = critical_amount(model, previous_loss, data, HeadPruning(), **settings)
    scheme = HeadPruning(retraining=retraining)
    store = tmp_path / "heads.json"
    retrained = critical_amount(model, previous_loss, data, scheme, store=store, **settings)
    shared = np.isin(alone.curve.amounts, settings["amounts"])
    kept = np.isin(retrained.curve.amounts, settings["amounts"])
    assert (retrained.curve.losses[kept] <= alone.curve.losses[shared]).all()
    assert (retrained.curve.losses[kept] < alone.curve.losses[shared]).any()
    again = critical_amount(model, previous_loss, data, scheme, store=store, **settings)
    assert again.to_frame().equals(retrained.to_frame())


def test_retraining_on_other_rows_is_another_scheme_to_a_store():
    rows = torch.zeros(8, 5, dtype=torch.long)
    schemes = [
        HeadPruning(retraining=Retraining(nn.CrossEntropyLoss(), data, learning_rate=1e-3))
        for data in (rows, rows.clone(), rows + 1, rows[:7])
    ]
    keys = [digest(scheme, "scheme") for scheme in schemes]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("tie", ["none", "parameter", "memory", "transposed memory", "part"])
@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_embeddings_are_never_factorized_however_they_are_shared(kind, tie):
    model = nn.ModuleDict({"tokens": kind(30, 30), "mlp": nn.Linear(30, 30)})
    model["head"] = nn.Linear(30, 30, bias=False)
    weight = model["tokens"].weight
    if tie == "parameter":
        model["head"].weight = weight
    elif tie != "none":
        part = weight.data[2:] if tie == "part" else weight.data
        model["head"].weight = nn.Parameter(part.T if "trans" in tie else part)
    with Factorization(layers=["*"])(model, 0.1):
        ranks = {n: int(torch.linalg.matrix_rank(m.weight)) for n, m in model.items()}
    assert ranks == {"tokens": 30, "mlp": 3, "head": {"none": 3, "part": 28}.get(tie, 30)}


@pytest.mark.parametrize(
    "computed",
    [
        torch.nn.utils.parametrizations.weight_norm,
        torch.nn.utils.parametrizations.spectral_norm,
        torch.nn.utils.parametrizations.orthogonal,
        torch.nn.utils.spectral_norm,
        lambda layer: prune.random_unstructured(layer, "weight", 0.3),
    ],
)
def test_matrices_computed_from_others_are_not_factorized(computed):
    torch.manual_seed(0)
    model = nn.Sequential(computed(nn.Linear(20, 20)), nn.Linear(20, 20)).eval()
    x = torch.randn(4, 20)
    before = model[0](x)
    scheme = Factorization(layers=["*"])
    with scheme(model, 0.25):
        assert torch.equal(model[0](x), before)
        assert torch.linalg.matrix_rank(model[1].weight) == 5
    n_all = sum(p.numel() for p in model.parameters())
    assert scheme.size(model, 0.25) == pytest.approx(1 - (400 - 5 * 41) / n_all)
    with pytest.raises(ValueError, match="got '0', which has none"):
        Factorization(layers=["0"])(model, 0.25)
