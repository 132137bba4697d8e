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


@pytest.mark.parametrize("allow_pickle", [False, True])
def test_no_changed_bit_is_loaded_in_silence(parameters, tmp_path, allow_pickle):
    path = write(parameters, tmp_path / "model.pt")
    whole = path.read_bytes()
    loaded = {}
    for at in range(0, len(whole), 29):
        changed = bytearray(whole)
        changed[at] ^= 4
        path.write_bytes(changed)
        try:
            loaded = load_parameters(path, allow_pickle=allow_pickle)
        except (CheckpointError, MemoryError):
            continue
        assert all(torch.equal(loaded[name], value) for name, value in parameters.items())
    assert loaded  # what lies between the parts counts for nothing


def test_a_file_without_check_sums_is_read(parameters, tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        path = write(parameters, tmp_path / "model.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert load_parameters(path).keys() == parameters.keys()


@pytest.mark.filterwarnings("ignore")  # that layouts are in beta
def test_parameters_of_every_type_and_layout_are_read_and_judged(tmp_path):
    numbers = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    kinds = [numbers.to_sparse(), numbers.to_sparse_csr(), numbers.to(torch.float8_e4m3fn)]
    kinds += [numbers.to(torch.complex64), torch.nested.nested_tensor([numbers, numbers[:, :1]])]
    for kind in kinds:
        torch.save({"weight": kind}, tmp_path / "model.pt")
        assert load_parameters(tmp_path / "model.pt")["weight"].dtype == kind.dtype
    numbers[1, 0] = torch.nan
    kinds = [numbers.to_sparse(), numbers.to_sparse_csr(), numbers.to(torch.float8_e4m3fn)]
    kinds += [numbers.to(torch.complex64), torch.nested.nested_tensor([numbers, numbers[:, :1]])]
    for kind in kinds:
        torch.save({"weight": kind}, tmp_path / "model.pt")
        with pytest.raises(CheckpointError, match="Expected finite parameters"):
            load_parameters(tmp_path / "model.pt")


def test_a_tensor_alone_and_a_shape_alone_are_no_parameters(tmp_path):
    for value, got in ((torch.ones(2), "got Tensor"), ({"w": torch.ones(2, device="meta")}, "sh")):
        torch.save(value, tmp_path / "model.pt")
        with pytest.raises(CheckpointError, match=got):
            load_parameters(tmp_path / "model.pt")


def test_a_wrong_call_is_not_blamed_on_the_checkpoint(parameters, tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(TypeError, match=r"Expected dtype such as torch\.float32, got 'half'"):
        load_language_model(tmp_path, dtype="half")
    with pytest.raises(ValueError, match=r"Expected a revision of a model.*, got 'step1' of"):
        load_language_model(tmp_path, revision="step1")
    path = write(parameters, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"got the file .* Pass its folder"):
        load_language_model(path)


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


SMALL = torch.float8_e4m3fn


@pytest.mark.parametrize("value", [torch.ones(3).to(SMALL), torch.eye(3).to_sparse()])
def test_parameters_of_any_layout_and_type(tmp_path, value):
    loaded = load_parameters(write({"weight": value}, tmp_path / "model.pt"))["weight"]
    assert loaded.dtype == value.dtype
    assert torch.equal(loaded.to_dense().float(), value.to_dense().float())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight": torch.tensor([torch.nan]).to(SMALL)}, "finite parameters .* in 'weight'"),
        ({"weight": torch.tensor([[0, torch.inf]]).to_sparse()}, "finite parameters"),
        ({"weight": torch.tensor([complex(0, torch.nan)])}, "finite parameters"),
        ({"weight": torch.empty(3, device="meta")}, "numbers in .* a shape alone in 'weight'"),
        ({7: torch.ones(3)}, "parameters by name .* the key 7"),
    ],
)
def test_parameters_without_a_name_or_numbers_are_refused(tmp_path, parameters, message):
    path = tmp_path / "model.pt"
    torch.save(parameters, path)
    with pytest.raises(CheckpointError, match=f"Expected {message}"):
        load_parameters(path)


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


SIZES = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}


def test_missing_parameters_are_named_and_not_made_up(folder):
    path = folder / "model.safetensors"
    parameters = load_parameters(path)
    lost = "model.layers.1.mlp.up_proj.weight"
    del parameters[lost]
    save_file(parameters, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=f"lacks 1 of them .*: {lost}"):
        load_language_model(folder)


def test_parameters_of_another_shape_are_named(folder):
    path = folder / "model.safetensors"
    parameters = load_parameters(path)
    parameters["lm_head.weight"] = torch.zeros(31, 16)
    save_file(parameters, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lm_head\.weight"):
        load_language_model(folder)


@pytest.mark.parametrize("kind", ["Bart", "T5"])
def test_half_of_an_encoder_decoder_is_not_loaded(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 32, "d_model": 16, "num_heads": 2, "num_layers": 1}
    if kind == "Bart":
        sizes = {"vocab_size": 32, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1}
        sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = getattr(transformers, f"{kind}Config")(**sizes)
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="got an encoder and a decoder"):
        load_language_model(tmp_path)


def test_a_model_that_sees_tokens_to_come_is_refused(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    transformers.BertForMaskedLM(transformers.BertConfig(**SIZES)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="depend on tokens to come"):
        load_language_model(tmp_path)


@pytest.mark.parametrize("kind", ["GPT2", "Bert"])
def test_no_tokenizer_is_made_up(tmp_path, kind):
    """Of a folder without one, transformers makes a tokenizer of five tokens or of one."""
    transformers = pytest.importorskip("transformers")
    if kind == "GPT2":
        config = transformers.GPT2Config(vocab_size=32, n_embd=16, n_layer=1, n_head=2)
        model = transformers.GPT2LMHeadModel(config)
    else:
        model = transformers.BertLMHeadModel(transformers.BertConfig(**SIZES, is_decoder=True))
    model.save_pretrained(tmp_path)
    assert load_language_model(tmp_path)[1] is None
    (tmp_path / "tokenizer_config.json").write_text(f'{{"tokenizer_class": "{kind}Tokenizer"}}')
    with pytest.raises(CheckpointError, match=r"Expected the vocabulary .* got no"):
        load_language_model(tmp_path)


@pytest.fixture
def with_tokenizer(folder):
    """The same folder, and a tokenizer of five words in it."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<unk>", "a", "b", "c", "d"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    fast.save_pretrained(folder)
    return folder


def test_a_tokenizer_comes_back_as_saved(with_tokenizer):
    assert load_language_model(with_tokenizer)[1]("a d e")["input_ids"] == [1, 4, 0]


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_cut_tokenizer_is_refused(with_tokenizer, kept):
    path = with_tokenizer / "tokenizer.json"
    whole = path.read_text()
    path.write_text(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"model.tokenizer, got one that cannot be read"):
        load_language_model(with_tokenizer)


def test_code_that_comes_with_a_model_is_not_run_and_nobody_is_asked(folder, monkeypatch):
    """Whoever answers a prompt with yes has run the code already."""
    trace = folder.parent / "trace"
    (folder / "code.py").write_text(f"open({str(trace)!r}, 'w')\n")
    told = '"auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"},'
    config = (folder / "config.json").read_text().replace('"llama"', '"unknown"')
    (folder / "config.json").write_text(config.replace("{", "{" + told, 1))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(CheckpointError, match=r"code of its own.* pass trust_remote_code=True"):
        load_language_model(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no room"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=["python", "card", "host", "mapping"],
)
def test_a_lack_of_memory_is_no_damage(folder, parameters, tmp_path, monkeypatch, error):
    transformers = pytest.importorskip("transformers")
    path = write(parameters, tmp_path / "model.pt")

    def lacking(*_args, **_options):
        raise error

    monkeypatch.setattr(torch, "load", lacking)
    monkeypatch.setattr("safetensors.torch.load_file", lacking)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lacking)
    for load, source in [
        (load_parameters, path),
        (load_parameters, folder / "model.safetensors"),
        (load_language_model, folder),
    ]:
        with pytest.raises(type(error)) as raised:
            load(source)
        assert raised.value is error
