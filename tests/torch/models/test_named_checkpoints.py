"""Checkpoints by name: which names, and what is skipped."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import (  # noqa: E402
    CheckpointError,
    DamagedCheckpointWarning,
    NotFiniteError,
)
from sklearn_learnability.torch.models._named_checkpoints import (  # noqa: E402
    checkpoint_name,
    file_name,
    load_model,
    name_checkpoints,
    skipping,
    whole_checkpoints,
)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("run/step_100.safetensors", "step_100"),
        ("run/step.100.pt", "step.100"),
        ("models/small.Q4_0.gguf", "small.Q4_0"),
        ("EleutherAI/pythia-1.4b", "pythia-1.4b"),
        ("Qwen/Qwen2.5-0.5B", "Qwen2.5-0.5B"),
        (("EleutherAI/pythia-1.4b", "step1000"), "EleutherAI/pythia-1.4b step1000"),
    ],
)
def test_endings_are_left_out_and_other_dots_kept(source, name):
    assert checkpoint_name(source) == name


def test_a_file_of_another_ending_and_a_folder_with_dots(tmp_path):
    (tmp_path / "weights.npz").write_bytes(b"")
    (tmp_path / "model-1.5").mkdir()
    assert checkpoint_name(tmp_path / "weights.npz") == "weights"
    assert checkpoint_name(tmp_path / "model-1.5") == "model-1.5"


def test_models_in_a_list_need_names():
    with pytest.raises(TypeError, match="got Linear"):
        name_checkpoints([torch.nn.Linear(1, 1)])


def test_different_names_have_different_files():
    names = ["a/b", "a_b", "a%2Fb", "a@b", "..", "a b", "step.100"]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert not any("/" in file or "@" in file for file in files)


def test_long_names_have_files_that_a_disk_takes(tmp_path):
    names = ["é" * 200, "é" * 199 + "e", "a" * 300]
    assert len({file_name(name) for name in names}) == len(names)
    for name in names:
        (tmp_path / f"{file_name(name)}@{'s' * 10}.pt").touch()


def test_names_that_are_one_as_texts_are_refused():
    with pytest.raises(ValueError, match="got '1' more than once"):
        name_checkpoints({1: "first", "1": "second"})


@pytest.mark.parametrize(
    "error", [OSError("cut"), CheckpointError("cut"), RuntimeError("size mismatch")]
)
def test_what_damage_raises_is_skipped(error):
    def load(source):
        if source == 1:
            raise error
        return torch.nn.Linear(1, source)

    skipped = {}
    with pytest.warns(DamagedCheckpointWarning, match=f"Skipped the checkpoint b. {error}"):
        found = [name for name, _ in whole_checkpoints({"a": 2, "b": 1, "c": 3}, load, skipped)]
    assert found == ["a", "c"]
    assert list(skipped) == ["b"]


@pytest.mark.parametrize(
    "error",
    [
        TypeError("a wrong call"),
        MemoryError("no room"),
        torch.OutOfMemoryError("CUDA out of memory"),
        OSError(12, "Cannot allocate memory"),
        KeyboardInterrupt(),
    ],
)
def test_what_is_no_fault_of_the_checkpoint_is_raised(error):
    def load(_source):
        raise error

    with pytest.raises(type(error)):
        list(whole_checkpoints({"a": 1}, load, {}))


def test_only_errors_of_the_kinds_given_are_skipped():
    skipped = {}
    with pytest.warns(DamagedCheckpointWarning), skipping("a", skipped, NotFiniteError):
        raise NotFiniteError("infinite")
    with pytest.raises(ValueError, match="a wrong setting"), skipping("b", {}, NotFiniteError):
        raise ValueError("a wrong setting")
    assert list(skipped) == ["a"]


@pytest.mark.parametrize(
    ("loaded", "got"),
    [
        (None, r"NoneType\."),
        ({"weight": 1}, "dict"),
        ((nn.Linear(1, 1), None, 3), "Linear, .* int"),
    ],
)
def test_what_is_loaded_is_a_model(loaded, got):
    with pytest.raises(TypeError, match=f"Expected load to return a model, .* got {got}"):
        load_model("a", lambda source: loaded)
