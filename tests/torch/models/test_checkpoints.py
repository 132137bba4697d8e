"""Loading: what is whole is loaded as it was saved, what is not is refused by name."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from sklearn_learnability.exceptions import CheckpointError  # noqa: E402
from sklearn_learnability.torch import load_language_model, load_parameters  # noqa: E402


class Payload:
    """What a pickle could run when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def parameters():
    return {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2, dtype=torch.bfloat16)}


def write(parameters, path):
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(parameters, path)
    return path


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "pytorch_model.bin"])
def test_parameters_come_back_as_saved(parameters, tmp_path, name):
    loaded = load_parameters(write(parameters, tmp_path / name))
    assert loaded.keys() == parameters.keys()
    for key, value in parameters.items():
        assert loaded[key].dtype == value.dtype
        assert torch.equal(loaded[key], value)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_refused(parameters, tmp_path, name, kept):
    parameters["large"] = torch.zeros(1000)
    path = write(parameters, tmp_path / name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match="got one that cannot be read"):
        load_parameters(path)


def test_pickle_is_refused_and_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    path = tmp_path / "model.pt"
    torch.save({"weight": Payload(str(trace))}, path)
    with pytest.raises(CheckpointError, match="pass allow_pickle=True"):
        load_parameters(path)
    assert not trace.exists()


def test_pickle_is_loaded_when_allowed(parameters, tmp_path):
    class_of_torch = torch.nn.Linear(2, 1)
    path = tmp_path / "model.pt"
    torch.save(class_of_torch, path)
    with pytest.raises(CheckpointError, match="got a pickle"):
        load_parameters(path)
    with pytest.raises(CheckpointError, match="got Linear"):
        load_parameters(path, allow_pickle=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_named(parameters, tmp_path, value):
    parameters["weight"][1, 2] = value
    with pytest.raises(CheckpointError, match=r"Expected finite parameters.*'weight'"):
        load_parameters(write(parameters, tmp_path / "model.safetensors"))


def test_what_holds_no_parameters_is_refused(parameters, tmp_path):
    with pytest.raises(CheckpointError, match="which is not there"):
        load_parameters(tmp_path / "model.safetensors")
    (tmp_path / "notes.txt").write_text("loss 3.2")
    with pytest.raises(CheckpointError, match=r"ending in \.safetensors.*got notes\.txt"):
        load_parameters(tmp_path / "notes.txt")
    with pytest.raises(CheckpointError, match="got dict under 'model'"):
        load_parameters(write({"model": parameters}, tmp_path / "model.pt"))


@pytest.fixture
def folder(tmp_path):
    """A tiny language model of transformers, saved."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_language_model_comes_back_as_saved(folder):
    saved = load_parameters(folder / "model.safetensors")
    model, tokenizer = load_language_model(folder)
    assert tokenizer is None
    assert not model.training
    loaded = model.state_dict()
    for name, value in saved.items():
        assert torch.equal(loaded[name], value)


def test_truncated_language_model_is_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="got one that cannot be read"):
        load_language_model(folder)


def test_pickled_language_model_is_refused_and_does_not_run(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    trace = tmp_path / "trace"
    torch.save({"lm_head.weight": Payload(str(trace))}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pass allow_pickle=True"):
        load_language_model(folder)
    assert not trace.exists()


def test_missing_language_model_is_refused_without_a_download(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(CheckpointError, match="got one that cannot be read"):
        load_language_model(tmp_path / "nothing")


def write_gguf(path, n_vocabulary=32, dim=32):
    """Write a network of one layer in llama's shape, and return its tensors."""
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(dim)
    writer.add_feed_forward_length(2 * dim)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(dim // 2)
    writer.add_vocab_size(n_vocabulary)
    shapes = {"token_embd": (n_vocabulary, dim), "output_norm": (dim,)}
    shapes |= {"output": (n_vocabulary, dim), "blk.0.attn_norm": (dim,), "blk.0.ffn_norm": (dim,)}
    shapes |= {f"blk.0.attn_{part}": (dim, dim) for part in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{part}": (2 * dim, dim) for part in ("gate", "up")}
    shapes["blk.0.ffn_down"] = (dim, 2 * dim)
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name, tensor in tensors.items():
        writer.add_tensor(f"{name}.weight", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def test_gguf_file_is_loaded_and_a_cut_one_refused(tmp_path):
    pytest.importorskip("transformers")
    path = tmp_path / "model.gguf"
    tensors = write_gguf(path)
    model, tokenizer = load_language_model(path)
    assert tokenizer is None
    assert torch.equal(model.get_input_embeddings().weight, tensors["token_embd"])
    assert torch.equal(model.lm_head.weight, tensors["output"])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(CheckpointError, match="got one that cannot be read"):
        load_language_model(path)
