import numpy as np
import pytest

from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._growing_array import GrowingArray

ITEMS = np.arange(24.0).reshape(4, 2, 3)


def filled(path, items=ITEMS):
    array = GrowingArray(path, (2, 3), np.float64)
    for index, item in enumerate(items):
        array.write(index, item)
    return array


@pytest.mark.parametrize("in_file", [True, False])
def test_items_are_read_as_they_were_written(tmp_path, in_file):
    array = filled(tmp_path / "a.npy" if in_file else None)
    array.write(1, -ITEMS[1])
    assert (array.read(4) == ITEMS * [[[1]], [[-1]], [[1]], [[1]]]).all()
    assert (array.read(2)[0] == ITEMS[0]).all()
    assert isinstance(array.read(3).base, np.memmap) == in_file


def test_the_file_is_a_whole_array_after_every_item(tmp_path):
    array = GrowingArray(tmp_path / "a.npy", (2, 3), np.float32)
    for index, item in enumerate(ITEMS):
        array.write(index, item)
        assert (np.load(tmp_path / "a.npy") == ITEMS[: index + 1]).all()


def test_a_file_is_gone_on_with(tmp_path):
    filled(tmp_path / "a.npy", ITEMS[:2])
    again = GrowingArray(tmp_path / "a.npy", (2, 3), np.float64)
    for index in (1, 2, 3):
        again.write(index, ITEMS[index])
    assert (again.read(4) == ITEMS).all()


def test_an_item_that_was_cut_off_does_not_count(tmp_path):
    filled(tmp_path / "a.npy", ITEMS[:2])
    with (tmp_path / "a.npy").open("ab") as file:
        file.write(b"half of an item")
    again = GrowingArray(tmp_path / "a.npy", (2, 3), np.float64)
    assert again.n == 2
    again.write(2, ITEMS[2])
    assert (again.read(3) == ITEMS[:3]).all()


def test_an_empty_file_is_gone_on_with(tmp_path):
    GrowingArray(tmp_path / "a.npy", (2, 3), np.float64)
    assert filled(tmp_path / "a.npy").n == 4


def test_a_hole_or_another_array_is_refused(tmp_path):
    array = filled(tmp_path / "a.npy")
    with pytest.raises(CheckpointError, match="Expected 9 items before this one"):
        array.write(9, ITEMS[0])
    with pytest.raises(CheckpointError, match=r"Expected 5 items in .*, got 4"):
        array.read(5)
    with pytest.raises(CheckpointError, match=r"Expected items \(2, 4\)"):
        GrowingArray(tmp_path / "a.npy", (2, 4), np.float64)
    (tmp_path / "a.npy").write_bytes(b"something else" * 20)
    with pytest.raises(CheckpointError, match="Expected a whole array"):
        GrowingArray(tmp_path / "a.npy", (2, 3), np.float64)
