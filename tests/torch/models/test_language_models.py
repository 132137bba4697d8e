"""Language models that are loaded in other ways: offloaded, quantized, adapted."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch import load_language_model, measure_information_plane
from sklearn_learnability.torch.models import _language_models
from sklearn_learnability.torch.models._checkpoints import is_finite
from sklearn_learnability.torch.models._digest import digest
from sklearn_learnability.torch.models._held_still import held_still

transformers = pytest.importorskip("transformers")

VOCABULARY = 24
IDS = np.random.RandomState(0).randint(VOCABULARY, size=(10, 12)).tolist()


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def measure(model, **given):
    given = {"widths": (1,), "n_points": 20, "progress": False} | given
    return measure_information_plane(model, IDS, **given).to_frame()


def load_to_disk(folder, away):
    pytest.importorskip("accelerate")
    parts = ["model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "lm_head"]
    places = {name: "disk" if name in away else "cpu" for name in [*parts, "model.rotary_emb"]}
    return load_language_model(folder, device_map=places, offload_folder=str(folder / "away"))[0]


@pytest.mark.parametrize("away", [["model.layers.1", "lm_head"], ["model.embed_tokens"]])
def test_a_model_on_the_disk_is_measured_there_and_known_by_its_weights(folder, tmp_path, away):
    whole, _ = load_language_model(folder)
    spread = load_to_disk(folder, away)
    held = list(spread.named_parameters())
    assert [name for name, p in held if p.is_meta] == [
        name for name, _ in held if any(name.startswith(part) for part in away)
    ]
    store = tmp_path / "plane.pt"
    expected = measure(whole, store=store)
    assert measure(spread, device="cpu", store=store).equals(expected)  # the same key
    assert measure(spread, device="cpu").equals(expected)
    now = list(spread.named_parameters())
    assert all(a is b and p == q for (p, a), (q, b) in zip(held, now, strict=True))
    with torch.no_grad():
        whole.lm_head.weight[0, 0] += 1
    assert digest(whole, "model") != digest(spread, "model")


def test_numbers_on_the_disk_are_checked(folder):
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    parameters = load_file(file)
    parameters["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(parameters, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"got others in 'model\.layers\.1\.mlp\.up_proj"):
        load_to_disk(folder, ["model.layers.1"])


def test_options_reach_transformers(folder):
    for name in ("eager", "sdpa"):
        model, _ = load_language_model(folder, attn_implementation=name)
        assert model.config._attn_implementation == name
    with pytest.raises(TypeError, match="colour"):
        load_language_model(folder, colour="red")
    for given in ({"attn_implementation": "none"}, {"device_map": "nowhere"}):
        with pytest.raises(ValueError, match=next(iter(given))) as caught:  # no damaged checkpoint
            load_language_model(folder, **given)
        assert not isinstance(caught.value, CheckpointError)


def test_an_option_does_not_cut_a_model(folder):
    with pytest.raises(
        ValueError, match="leave the model whole, got num_hidden_layers, with which"
    ):
        load_language_model(folder, num_hidden_layers=1)
    assert not load_language_model(folder, use_cache=False)[0].config.use_cache


@pytest.mark.parametrize("name", list(_language_models.DECIDED))
def test_options_decided_by_the_function_are_refused(folder, name):
    with pytest.raises(ValueError, match=f"not decided here, got '{name}'"):
        load_language_model(folder, **{name: True})


class Wrapped(torch.Tensor):
    """A quantized tensor as torchao has them: codes and a scale, and no operation but its own."""

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    def __tensor_flatten__(self):
        return ["codes", "scale"], None

    @staticmethod
    def __tensor_unflatten__(inner, context, size, stride):
        return Wrapped(inner["codes"], inner["scale"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.detach.default:
            return Wrapped(args[0].codes, args[0].scale)
        raise NotImplementedError(f"{func} of a quantized tensor")


def quantized(scale=0.1, shift=0):
    codes = (torch.arange(12).reshape(3, 4) + shift).to(torch.int8)
    return Wrapped(codes, torch.tensor(scale))


def test_quantized_tensors_are_judged_and_told_apart_by_what_they_are_made_of():
    assert is_finite(quantized())
    assert not is_finite(quantized(float("nan")))
    assert digest(quantized(), "tensor") == digest(quantized(), "tensor")
    others = [quantized(0.2), quantized(shift=1), quantized().codes]
    assert len({digest(value, "tensor") for value in [quantized(), *others]}) == 4

    class Linear(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = nn.Parameter(weight, requires_grad=False)

    with held_still(module := Linear(quantized())):
        assert not module.training
    assert digest(Linear(quantized()), "model") != digest(Linear(quantized(0.2)), "model")
    _language_models.check_weights(module, "here")
    with pytest.raises(CheckpointError, match="Expected finite parameters in here, got others in"):
        _language_models.check_weights(Linear(quantized(float("inf"))), "here")


class Packed(nn.Parameter):
    """A quantized weight that packs itself when it is first used, and notes it in its state."""

    def __new__(cls, data):
        return torch.Tensor._make_subclass(cls, data, False)

    def __init__(self, data):
        self.state = {"packed": False}


class PacksItself(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.weight = Packed(torch.randn(VOCABULARY, 16))

    def forward(self, ids):
        if not self.weight.state["packed"]:
            self.weight.data = self.weight.data.T.contiguous()
            self.weight.state["packed"] = True
        return self.embedding(ids) @ self.weight.data


def test_weights_that_pack_themselves_stay_packed():
    model = PacksItself()
    first, second = (measure(model, layers=["embedding"]) for _ in range(2))
    assert second["loss"].equals(first["loss"])


@pytest.mark.filterwarnings("ignore")  # quantization in torch itself is on its way out
def test_dynamically_quantized_models_are_measured(folder):
    model, _ = load_language_model(folder)
    small = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    numbers = ["complexity", "expressivity", "loss"]
    np.testing.assert_allclose(measure(small)[numbers], measure(model)[numbers], atol=0.02)


def test_an_adapter_without_its_package_is_named(folder, tmp_path, monkeypatch):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    settings = {"base_model_name_or_path": str(folder), "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    monkeypatch.setattr(_language_models, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"peft to be installed, which loads the adapter in .*"):
        load_language_model(adapter)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapted_model_comes_back_as_saved_with_its_numbers(folder, tmp_path):
    peft = pytest.importorskip("peft")
    base, _ = load_language_model(folder)
    settings = peft.LoraConfig(
        target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False
    )
    adapted = peft.get_peft_model(base, settings).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    loaded, _ = load_language_model(tmp_path / "adapter")
    assert measure(loaded).equals(measure(adapted))
