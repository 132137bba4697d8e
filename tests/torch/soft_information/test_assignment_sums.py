"""Sums over many batches, on the branch of the CPU and on that of a graphics card."""

import math

import numpy as np
import pytest
import torch

from sklearn_learnability.torch import LabelTable, SoftInformation
from sklearn_learnability.torch.soft_information import _sums_of_columns
from sklearn_learnability.torch.soft_information._assignment_sums import AssignmentSums
from sklearn_learnability.torch.soft_information._sums_of_columns import SumOnDevice, SumOnHost

DIM, N_POINTS, N_BATCHES = 16, 20, 40


@pytest.fixture(params=["host", "device"])
def branch(request, monkeypatch):
    """Run the branch of a graphics card on the CPU."""
    if request.param == "device":
        monkeypatch.setattr(_sums_of_columns, "SumOnHost", SumOnDevice)
    return request.param


def batches():
    rng = np.random.default_rng(0)
    for _ in range(N_BATCHES):
        hidden = torch.from_numpy(rng.normal(size=(4, 400, DIM)).astype(np.float32))
        yield hidden, rng.integers(3, size=(4, 400))


def test_no_digits_are_lost_over_many_batches(branch):
    """Meaningless labels of many positions: the information is smaller than errors of float32."""
    stream = SoftInformation(DIM, N_POINTS)
    proba, labels = [], []
    points = stream.reference_points_.float()
    for hidden, label in batches():
        stream.update(hidden, label)
        z = torch.nn.functional.normalize(hidden.reshape(-1, DIM), dim=1)
        proba.append(torch.softmax(z @ points.T / stream.temperature_, dim=1).double().numpy())
        labels.append(label.ravel())
    proba, labels = np.concatenate(proba), np.concatenate(labels)

    def entropy(rows):
        mean = rows.mean(axis=0)
        return -(mean * np.log(mean)).sum() / math.log(N_POINTS)

    within = sum((labels == x).mean() * entropy(proba[labels == x]) for x in range(3))
    (found,) = stream.compute().estimates
    assert found.information < 1e-4
    assert found.information == pytest.approx(entropy(proba) - within, rel=1e-4)


def test_both_branches_agree_on_shared_and_single_labels(monkeypatch):
    rng = np.random.default_rng(1)
    sets = {"a": rng.integers(30, size=(40, 5)), "b": rng.integers(150, size=(40, 5))}
    sets["a"][:, -1] = -1
    tables = {name: LabelTable.from_labels(values) for name, values in sets.items()}
    hidden = torch.from_numpy(rng.normal(size=(2, 40, 5, DIM)).astype(np.float32))
    frames = []
    for by_label in (SumOnHost, SumOnDevice):
        monkeypatch.setattr(_sums_of_columns, "SumOnHost", by_label)
        stream = SoftInformation(DIM, N_POINTS, labels=tables, n_layers=2)
        for at in range(0, 40, 8):
            part = {name: values[at : at + 8] for name, values in sets.items()}
            stream.update(hidden[:, at : at + 8], part)
        frames.append(stream.compute().to_frame().drop(columns="labels"))
    np.testing.assert_allclose(frames[0], frames[1], rtol=1e-12)


def test_sums_in_float32_are_near(branch):
    found = []
    for dtype in (torch.float32, torch.float64):
        stream = SoftInformation(DIM, N_POINTS, dtype=dtype)
        for hidden, label in batches():
            stream.update(hidden, label)
        found.append(stream.compute().estimates[0].information)
    assert found[0] == pytest.approx(found[1], abs=2e-7)


def test_sums_stay_on_the_host_where_a_device_has_no_float64():
    sums = AssignmentSums(1, 1, 2, N_POINTS, torch.float64)
    sums.make_room(4, torch.device("mps"))
    assert sums.rows.device.type == "cpu"
    assert sums.rows.shape[1] == 4


def test_mixed_precision_around_it_changes_nothing():
    hidden, label = next(batches())
    plain, mixed = SoftInformation(DIM, N_POINTS), SoftInformation(DIM, N_POINTS)
    plain.update(hidden, label)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed.update(hidden, label)
    assert plain.compute().to_frame().equals(mixed.compute().to_frame())


def test_a_batch_that_fails_in_a_later_layer_leaves_nothing(monkeypatch):
    """As where a card runs out of memory: what was seen stays, and the batch can be given again."""
    rng = np.random.default_rng(2)
    hidden = torch.from_numpy(rng.normal(size=(2, 3, 6, 5, DIM)))
    labels = rng.integers(4, size=(3, 6, 5))

    def stream():
        return SoftInformation(DIM, N_POINTS, n_layers=2)

    plain, broken = stream(), stream()
    for batch in range(3):
        plain.update(hidden[:, batch], labels[batch])
    broken.update(hidden[:, 0], labels[0])

    class OutOfMemory(SumOnHost):
        calls = 0

        def __call__(self, columns):
            OutOfMemory.calls += 1
            if OutOfMemory.calls == 2:
                raise MemoryError("out of memory")
            return super().__call__(columns)

    with monkeypatch.context() as patch:
        patch.setattr(_sums_of_columns, "SumOnHost", OutOfMemory)
        with pytest.raises(MemoryError):
            broken.update(hidden[:, 1], labels[1])
    assert broken.n_sequences_ == 6
    for batch in (1, 2):
        broken.update(hidden[:, batch], labels[batch])
    assert plain.compute().to_frame().equals(broken.compute().to_frame())
