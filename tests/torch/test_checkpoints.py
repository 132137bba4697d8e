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
    with pytest.raises(CheckpointError, match="got one that cannot be read"):
        load_language_model(tmp_path / "nothing")
