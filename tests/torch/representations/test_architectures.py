"""Models of transformers: states as the blocks gave them, and none that depends on padding."""

import warnings
from contextlib import suppress

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from sklearn_learnability.exceptions import LearnabilityWarning  # noqa: E402
from sklearn_learnability.torch import measure_information_plane  # noqa: E402

ARCHITECTURES = [
    "bert",
    "bloom",
    "ctrl",
    "electra",
    "falcon",
    "gemma2",
    "gpt2",
    "gpt_neo",
    "gpt_neox",
    "gptj",
    "llama",
    "mistral",
    "mixtral",
    "mpt",
    "olmo2",
    "opt",
    "phi3",
    "qwen3",
    "roberta",
    "xglm",
]
N_BLOCKS = 2
SIZES = {
    "vocab_size": 32,
    **dict.fromkeys(["hidden_size", "n_embd", "d_model", "word_embed_proj_dim"], 16),
    **dict.fromkeys(["embedding_size", "emb_dim"], 16),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "d_inner", "dff", "n_inner"], 32),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "n_layers", "num_layers"], N_BLOCKS),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads", "num_heads"], 2),
    **dict.fromkeys(["num_key_value_heads", "attention_heads", "num_local_experts"], 2),
    **dict.fromkeys(["head_dim", "d_head"], 8),
    "max_position_embeddings": 64,
    "rotary_dim": 4,
    "attention_types": [[["global"], N_BLOCKS]],
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ROWS = [np.random.RandomState(i).randint(3, 32, size=6 + i % 5).tolist() for i in range(12)]


def small_model(name):
    transformers.logging.set_verbosity_error()
    config = transformers.AutoConfig.for_model(name)
    for size, value in SIZES.items():
        if hasattr(config, size):
            with suppress(AttributeError):  # some follow from others
                setattr(config, size, value)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:N_BLOCKS]
    torch.manual_seed(0)
    kind = transformers.AutoModelForCausalLM
    if name in ("bert", "electra", "roberta"):
        kind = transformers.AutoModelForMaskedLM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind.from_config(config).eval()


def measure(model, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        plane = measure_information_plane(model, ROWS, widths=(1, 2), progress=False, **given)
    return plane.to_frame().drop(columns="layer")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_padding_and_hooks_change_nothing(name):
    model = small_model(name)
    alone = measure(model, batch_size=1)
    np.testing.assert_allclose(measure(model, batch_size=12), alone, rtol=1e-3, atol=1e-4)
    blocks = next(
        f"{path}.0"
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == N_BLOCKS
    )
    hooked, returned = measure(model, layers=[blocks]), measure(model, layers=[1])
    np.testing.assert_allclose(hooked, returned, rtol=1e-9, atol=1e-12)
