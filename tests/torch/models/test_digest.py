"""What is told from what: everything that changes a result, and nothing else."""

import functools
import itertools
import os
import subprocess
import sys
import textwrap
import types
from collections import defaultdict
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


def defined(source, name="loss"):
    """Return what source defines that is in no file, as of a notebook or `python -c`."""
    held = {}
    exec(compile(textwrap.dedent(source), "<string>", "exec"), held)
    return held[name]


SOURCES = {
    "a method of a class": """
        from torch import nn
        class Net(nn.Module):
            def forward(self, x): return {} * x
        loss = Net()
        """,
    "names of arguments": """
        def divergence({}): return p - 2 * q
        def loss(model, batch): return divergence(p=batch[0], q=batch[1])
        """,
    "a class within a function": """
        K = {}
        def loss(model, batch):
            class Scale:
                factor = K
            return Scale.factor
        """,
    "a dataclass": """
        from dataclasses import dataclass
        @dataclass
        class Scale:
            factor: float = 1.0
            def __call__(self, model, batch): return {} * self.factor
        loss = Scale()
        """,
}


@pytest.mark.parametrize("name", SOURCES)
def test_code_without_a_file_is_told_by_all_it_says(name):
    one, other = ("p, q", "q, p") if "arguments" in name else (2, 3)
    source = SOURCES[name]
    if "arguments" in name:  # the same steps on the same places, by other names
        swapped = source.format(other).replace("p - 2 * q", "q - 2 * p")
    else:
        swapped = source.format(other)
    assert told(defined(source.format(one))) == told(defined(source.format(one)))
    assert told(defined(source.format(one))) != told(defined(swapped))


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """A module, a package and a folder of the user's, each with a number that code reads."""
    text = "K = 1\ndef scaled(x):\n    return K * x\n"
    for path in ("own_module.py", "own_package/part.py", "own_folder/part.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "own_package" / "__init__.py").write_text("from . import part\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


READ = {
    "by name": "import own_module\ndef loss(*both): return own_module.K",
    "a function": "import own_module\ndef loss(*both): return own_module.scaled(2)",
    "in a package": "import own_package\ndef loss(*both): return own_package.part.K",
    "in a folder": "import own_folder.part\ndef loss(*both): return own_folder.part.scaled(2)",
    "imported within": "def loss(*both):\n    import own_module as m\n    return m.K",
    "a name imported within": "def loss(*both):\n    from own_folder.part import K\n    return K",
    "another name": "import own_module\ndef loss(*both):\n    m = own_module\n    return m.K",
    "a default": "import own_module\ndef loss(*both, m=own_module): return m.K",
    "a closure": "import own_module\nmade = lambda m: lambda *both: m.K\nloss = made(own_module)",
}


@pytest.mark.parametrize("name", READ)
def test_the_users_modules_are_told_by_what_is_read_however_it_is_reached(name, own_modules):
    before = told(defined(READ[name]))
    module = next(m for n, m in sys.modules.items() if n.startswith("own_") and hasattr(m, "K"))
    module.unread = 2
    assert told(defined(READ[name])) == before
    module.K = 2
    assert told(defined(READ[name])) != before


class Lookup(dict):
    """A configuration whose items are attributes, and which knows no others."""

    __getattr__ = dict.__getitem__


class Holder(nn.Module):
    def __init__(self, held):
        super().__init__()
        self.held = held


def hooked(factor):
    module = nn.Identity()
    module.register_full_backward_hook(lambda module, *grads: (factor * grads[0][0],))
    return module


def quantized(value):
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, value)
    nn.init.zeros_(layer.bias)
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(layer), {nn.Linear})


class Scripted(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


HELD = {
    "the default of a dict": lambda v: Holder(defaultdict(lambda: v)),
    "the items of a dict": lambda v: Holder(Lookup(scale=v)),
    "the mask of an array": lambda v: Holder(np.ma.array([1, 2], mask=[True, v > 1])),
    "the names of columns": lambda v: Holder(np.zeros(2, dtype=[("a" if v > 1 else "b", float)])),
    "the mode of what is not held still": lambda v: Holder([nn.BatchNorm1d(2).train(v > 1)]),
    "a hook on gradients": hooked,
    "packed parameters": quantized,
    "an attribute of a script": lambda v: torch.jit.script(Scripted(v)),
    "a constant of a trace": lambda v: torch.jit.trace(Scripted(v), torch.ones(1)),
    "an operator": lambda v: Holder(getattr(torch.ops.aten, "relu" if v > 1 else "tanh").default),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HELD)
def test_what_a_module_holds_out_of_sight_is_told(name):
    assert told(HELD[name](2.0)) == told(HELD[name](2.0))
    assert told(HELD[name](2.0)) != told(HELD[name](1.0))


def test_a_class_is_the_same_after_an_instance_was_copied():
    class Fresh:
        def __init__(self):
            self.scale = 1.0

    before = told(lambda: Fresh)
    deepcopy(Fresh())
    assert told(lambda: Fresh) == before
