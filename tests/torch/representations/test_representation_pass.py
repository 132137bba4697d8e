"""What a batch costs beside the model: how often the host waits for the device."""

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from sklearn_learnability.exceptions import UndefinedInformationWarning  # noqa: E402
from sklearn_learnability.torch import measure_information_plane  # noqa: E402
from sklearn_learnability.torch.representations._representation_pass import (  # noqa: E402
    RepresentationPass,
)
from sklearn_learnability.torch.soft_information import _sums_of_columns  # noqa: E402
from sklearn_learnability.torch.soft_information._sums_of_columns import SumOnDevice  # noqa: E402

N_LAYERS = 8
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "cpu", "tolist", "item"}


class Operations(TorchDispatchMode):
    """Count operations by name, those that wait among them."""

    def __init__(self, counts):
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


class Methods(TorchFunctionMode):
    """Count methods by name: on the CPU, copies to the host are no operation."""

    def __init__(self, counts):
        super().__init__()
        self.counts = counts

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in ("cpu", "tolist"):
            self.counts[func.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def deep():
    torch.manual_seed(0)
    blocks = [nn.Linear(16, 16) for _ in range(N_LAYERS)]
    return nn.Sequential(nn.Embedding(10, 16), *blocks, nn.Linear(16, 10)).eval()


def test_host_and_device_meet_a_few_times_a_batch_however_many_the_layers(deep, monkeypatch):
    counted = []
    add, from_numpy = RepresentationPass._add, torch.from_numpy

    def counting(self, rows):
        counts = Counter()

        def counting_copies(values):
            counts["to device"] += 1
            return from_numpy(values)

        with Operations(counts), Methods(counts), monkeypatch.context() as patch:
            patch.setattr(torch, "from_numpy", counting_copies)
            add(self, rows)
        counted.append(counts)

    monkeypatch.setattr(RepresentationPass, "_add", counting)
    monkeypatch.setattr(_sums_of_columns, "SumOnHost", SumOnDevice)
    ids = np.random.RandomState(0).randint(10, size=(32, 20)).tolist()
    layers = [str(i) for i in range(N_LAYERS + 1)]
    measure_information_plane(deep, ids, layers=layers, widths=(1, 2), progress=False)
    assert len(counted) == 4
    for counts in counted:
        waits = {name: n for name, n in counts.items() if name in WAITS}
        assert sum(waits.values()) <= 4, waits
        assert counts["to device"] <= 14
        assert counts["softmax"] + counts["_softmax"] >= N_LAYERS  # the layers were measured


def test_contexts_that_never_repeat_are_not_called_uninformative():
    """Complexity is at its ceiling there: what is undefined is what repeated labels would tell."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(400, 16), nn.Linear(16, 400)).eval()
    ids = np.arange(400).reshape(20, 20).tolist()
    with pytest.warns(UndefinedInformationWarning) as caught:
        plane = measure_information_plane(model, ids, layers=["0"], widths=(1,), progress=False)
    assert [str(one.message)[:22] for one in caught] == ["No label occurs twice "]
    (point, _) = plane.points
    assert point.complexity == pytest.approx(point.ceiling)
    assert point.optimality == pytest.approx(1)
    assert np.isnan(point.optimality_quadratic)


def test_a_layer_that_knows_nothing_is_named():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.same = nn.Embedding(10, 16)
            self.logits = nn.Linear(16, 10)
            nn.init.ones_(self.same.weight)

        def forward(self, ids):
            return self.logits(self.same(ids))

    ids = np.random.RandomState(0).randint(10, size=(20, 12)).tolist()
    with pytest.warns(UndefinedInformationWarning, match="no information about the past in 2 of 2"):
        measure_information_plane(
            Constant().eval(), ids, layers=["same"], widths=(1,), progress=False
        )
