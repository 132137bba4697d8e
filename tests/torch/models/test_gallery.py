"""Language models as clients bring them: measured in every way, each comes back bit for bit."""

import math
import warnings

import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import NotCausalWarning
from sklearn_learnability.torch import (
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
    fold_norms,
    label_information,
    measure_information_plane,
    next_token_loss,
    preference_information,
    self_divergence_loss,
)

transformers = pytest.importorskip("transformers")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]

VOCABULARY = 40
TOKENS = torch.randint(4, VOCABULARY, (8, 12), generator=torch.Generator().manual_seed(0))
IDS = TOKENS.tolist()
PADDED = {
    "input_ids": TOKENS,
    "attention_mask": (torch.arange(12) < torch.arange(5, 13)[:, None]).long(),
}
#: What makes a model small, under all the names that configurations have for it.
SMALL = {
    "vocab_size": VOCABULARY,
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim", "dim"), 16),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "n_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "d_ff", "ffn_hidden_size"), 24),
    **dict.fromkeys(("decoder_layers", "decoder_attention_heads"), 2),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 32),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 1),
    **dict.fromkeys(("head_dim", "kv_channels"), 8),
    **dict.fromkeys(("num_local_experts", "num_experts"), 2),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 1),
    "decoder_ffn_dim": 24,
    "num_experts_per_tok": 1,
    "rotary_dim": 4,
    "state_size": 4,
    "expand": 2,
}
#: What a kind needs beside it.
SPECIAL = {
    "bart": {"is_decoder": True},
    "bert-generation": {"is_decoder": True},
    "codegen": {"n_head": 4, "num_attention_heads": 4},
    "electra": {"is_decoder": True, "embedding_size": 16},
    "bert": {"is_decoder": True},
    "roberta": {"is_decoder": True},
    "gemma3_text": {"sliding_window": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
    "mamba2": {"num_heads": 4, "head_dim": 8, "n_groups": 1, "expand": 2, "chunk_size": 8},
    "marian": {"is_decoder": True},
}
KINDS = (
    *("bart", "bert", "bert-generation", "biogpt", "bloom", "codegen", "cohere", "ctrl"),
    *("electra", "falcon", "gemma", "gemma2", "gemma3_text", "glm", "gpt2", "gpt_bigcode"),
    *("gpt_neo", "gpt_neox", "gptj", "granite", "helium", "llama", "mamba", "mamba2", "marian"),
    *("mistral", "mixtral", "mpt", "nemotron", "olmo", "olmo2", "opt", "persimmon", "phi", "phi3"),
    *("qwen2", "qwen3", "qwen2_moe", "roberta", "smollm3", "stablelm", "starcoder2", "xglm"),
)


def client(kind, tied):
    """Return a small model of a kind, in training but for a part, with some gradients and hooks."""
    known = transformers.AutoConfig.for_model(kind)
    computed = {name for name in SMALL if isinstance(getattr(type(known), name, None), property)}
    settings = {n: v for n, v in SMALL.items() if hasattr(known, n) and n not in computed}
    settings |= {"tie_word_embeddings": tied} | SPECIAL.get(kind, {})
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config).train()
    modules = list(model.modules())
    modules[len(modules) // 2].eval()
    modules[-1].register_forward_hook(lambda *_: None)
    for number, p in enumerate(model.parameters()):
        p.requires_grad_(number % 5 != 1)
        if number % 3 == 0:
            p.grad = torch.ones_like(p)
    return model


def picture(model):
    """Return the tensors of a model bit for bit with where they are, its modes and its hooks."""

    def bits(tensor):
        return tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()

    tensors = [
        (
            name,
            id(t),
            bits(t),
            t.requires_grad,
            None if t.grad is None else (id(t.grad), bits(t.grad)),
        )
        for named in (model.named_parameters, model.named_buffers)
        for name, t in named(remove_duplicate=False)
    ]
    modules = [
        (name, id(m), m.training, list(m._forward_hooks.items()), list(m._forward_pre_hooks))
        for name, m in model.named_modules(remove_duplicate=False)
    ]
    return tensors, modules, torch.get_rng_state().tolist()


def coefficient(loss):
    return LocalLearningCoefficient(
        loss,
        sampler="leimkuhler-matthews",
        n_chains=2,
        n_draws=3,
        inverse_temperature=5.0,
        localization=1.0,
        step_size=1e-5,
        batch_size=4,
        random_state=0,
        progress=False,
    )


def by_criterion(model, batch):
    logits = model(batch[0]).logits
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())


FEW = {"n_points": 5, "progress": False}
MEASUREMENTS = {
    "coefficient": lambda model: coefficient(next_token_loss).estimate(model, TOKENS),
    "coefficient of padded rows": lambda model: coefficient(next_token_loss).estimate(
        model, PADDED
    ),
    "coefficient of a divergence": lambda model: coefficient(self_divergence_loss(model)).estimate(
        model, TOKENS
    ),
    "coefficient of a part": lambda model: (
        coefficient(by_criterion)
        .set_params(
            parameters=[next(name for name, p in model.named_parameters() if p.requires_grad)]
        )
        .estimate(model, (TOKENS[:, :-1], TOKENS[:, 1:]))
    ),
    "quantization": lambda model: critical_amount(
        model, next_token_loss, TOKENS, Quantization("max"), amounts=(64, 4), progress=False
    ),
    "noise": lambda model: critical_amount(
        model, next_token_loss, PADDED, GaussianNoise(n_draws=2), amounts=(0.01, 1), progress=False
    ),
    "plane": lambda model: measure_information_plane(model, IDS, widths=(1,), **FEW),
    "labels": lambda model: label_information(
        model, IDS, labels=[0, 1] * 4, n_permutations=1, **FEW
    ),
    "preferences": lambda model: preference_information(
        model, None, [(row[:4], row[4:8], row[8:]) for row in IDS], n_permutations=1, **FEW
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_comes_back_bit_for_bit(kind):
    model = client(kind, tied=True)
    before = picture(model)
    for measurement in MEASUREMENTS.values():
        measurement(model)
        assert picture(model) == before


@pytest.mark.parametrize("kind", KINDS)
def test_no_causal_client_is_said_to_read_ahead(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCausalWarning)
        plane = measure_information_plane(client(kind, tied=True), IDS, widths=(1,), **FEW)
    assert math.isfinite(plane.loss)


@pytest.mark.parametrize("kind", KINDS)
def test_folding_keeps_what_a_client_says(kind):
    model = client(kind, tied=False)
    modes = [m.training for m in model.modules()]
    with torch.no_grad():
        wanted = model.eval()(TOKENS).logits
        for module, training in zip(model.modules(), modes, strict=True):
            module.training = training
        fold_norms(model, TOKENS)
        assert [m.training for m in model.modules()] == modes
        found = model.eval()(TOKENS).logits
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
