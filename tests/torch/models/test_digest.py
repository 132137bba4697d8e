"""What is told from what: everything that changes a result, and nothing else."""

import functools
import itertools
import os
import subprocess
import sys
import types
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from sklearn_learnability.torch.models._digest import digest  # noqa: E402


def told(value):
    return digest(value, "value")


VALUES = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    arrays.array_shapes(max_dims=3, max_side=4),
)


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_arrays_and_tensors_are_told_by_type_shape_and_bytes(one, other):
    same = (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert (told(one) == told(other)) is same
    assert (told(torch.from_numpy(one)) == told(torch.from_numpy(other))) is same
    assert told(np.asfortranarray(one)) == told(one)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN, PLAIN)
def test_plain_values_are_told_by_their_text(one, other):
    assert (told(one) == told(other)) is (repr(one) == repr(other))
    assert told(deepcopy(one)) == told(one)


ZOO = {
    "lstm": lambda: nn.LSTM(3, 4),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2),
    "convolution": lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.Flatten()),
    "parametrized": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)),
    "script": lambda: torch.jit.script(nn.Linear(3, 2)),
    "bfloat16": lambda: nn.Linear(3, 2).bfloat16(),
    "complex": lambda: nn.Linear(3, 2, dtype=torch.complex64),
}


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("name", ZOO)
def test_a_module_is_told_by_every_tensor(name):
    torch.manual_seed(0)
    module = ZOO[name]()
    before = told(module)
    assert told(module.train()) == told(module.eval()) == before
    for tensor in [*module.parameters(), *module.buffers()]:
        kept = tensor.detach().clone()
        tensor.data.view(-1)[-1] += 1
        assert told(module) != before
        tensor.data.copy_(kept)
    assert told(module) == before


def test_modules_are_told_by_what_they_compute():
    assert told(nn.LeakyReLU(0.1)) != told(nn.LeakyReLU(0.2))
    assert told(nn.ReLU()) != told(nn.Tanh())
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    loose = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    loose.load_state_dict(tied.state_dict())
    assert told(tied) != told(loose)
    hooked = deepcopy(loose)
    hooked[0].register_forward_hook(lambda *seen: 2 * seen[-1])
    assert told(hooked) != told(loose)
    assert told(deepcopy(loose).requires_grad_(False)) == told(loose)


@pytest.mark.slow
def test_a_compiled_module_is_what_it_was_compiled_from():
    module = nn.Linear(2, 2)
    assert told(torch.compile(module, backend="eager")) == told(module)


def helper(values):
    return values.mean()


def uses(name):
    return lambda values: globals()[name](values)


def test_functions_are_told_by_their_code_and_libraries_by_their_names():
    assert told(F.gelu) == told(torch.nn.functional.gelu) != told(F.relu)
    assert told(np.exp) != told(np.log)
    assert told(torch.no_grad()(lambda x: x)) != told(torch.no_grad()(lambda x: 2 * x))
    assert told(functools.lru_cache(helper)) != told(functools.lru_cache(told))
    assert told(uses("helper")) != told(uses("told"))
    assert told(torch.ones(2).add) != told(torch.zeros(2).add)


def test_modules_that_code_reads_are_told_by_name_and_the_users_own_by_what_is_read(monkeypatch):
    def library(values):
        return sys.float_info.eps * itertools.count(2).__next__() * values

    assert told(library) == told(deepcopy(library))
    mine = types.ModuleType("mine")
    mine.__file__ = "/home/user/mine.py"
    monkeypatch.setitem(globals(), "mine", mine)
    own = eval("lambda values: mine.scale(values)", globals())
    mine.scale = lambda values: 2 * values
    before = told(own)
    mine.scale = lambda values: 3 * values
    assert told(own) != before


def test_what_holds_itself_has_an_end():
    values = [1]
    values.append(values)
    assert told(values) == told(deepcopy(values))


def test_what_cannot_be_copied_is_refused():
    with open(os.devnull) as file:
        for opaque in (file, functools.partial(print, file=file), (i for i in range(3))):
            with pytest.raises(ValueError, match=r"Expected a value that a store.* store_key"):
                told(opaque)


def test_what_is_nested_too_deeply_is_refused():
    values = []
    for _ in range(3000):
        values = [values]
    with pytest.raises(ValueError, match="nested too deeply"):
        told(values)


def test_values_that_are_not_in_memory_are_refused():
    with pytest.raises(ValueError, match="its values are not in memory"):
        told(nn.Linear(2, 2, device="meta"))


def test_a_transformer_is_the_same_after_use_and_after_loading(tmp_path):
    transformers = pytest.importorskip("transformers")
    from sklearn_learnability.torch import load_language_model

    config = transformers.LlamaConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    before = told(model)
    model(input_ids=torch.tensor([[1, 2]]), output_hidden_states=True)
    assert told(model) == before
    for folder in ("one", "other"):
        model.save_pretrained(tmp_path / folder)
        assert told(load_language_model(tmp_path / folder)[0]) == before
    model.config.rms_norm_eps = 1e-3
    assert told(model) != before


@pytest.mark.slow
def test_it_is_the_same_in_every_process(tmp_path):
    script = tmp_path / "told.py"
    script.write_text(
        "import torch\n"
        "from torch import nn\n"
        "from sklearn_learnability.torch.models._digest import digest\n"
        "torch.manual_seed(0)\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer, self.names = nn.Linear(2, 2), {'a', 'b', 'c'}\n"
        "    def forward(self, x):\n"
        "        return self.layer(x) * (1.0 if x.ndim in {1, 2, 3} else 2.0)\n"
        "print(digest([Net(), nn.LSTM(2, 2), lambda x: torch.relu(x)], 'value'))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, str(script)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1
