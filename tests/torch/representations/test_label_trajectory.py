"""Labels and preference over checkpoints: each as measured by itself, kept, and never mixed up."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import CheckpointError, DamagedCheckpointWarning  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    label_information,
    load_parameters,
    measure_label_checkpoints,
    measure_preference_checkpoints,
    preference_information,
)

VOCABULARY, DIM = 20, 8
SHORT = {"layers": ["0"], "n_permutations": 3, "n_points": 10, "progress": False}


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Embedding(VOCABULARY, DIM), nn.Linear(DIM, VOCABULARY)).eval()


def load(path):
    model = network()
    model.load_state_dict(load_parameters(path))
    return model


@pytest.fixture
def paths(tmp_path):
    paths = [tmp_path / f"step_{seed}.pt" for seed in range(3)]
    for seed, path in enumerate(paths):
        torch.save(network(seed).state_dict(), path)
    return paths


IDS = np.random.RandomState(0).randint(VOCABULARY, size=(20, 10)).tolist()
LABELS = [i % 3 for i in range(20)]
PAIRS = [(row[:3], row[3:6], row[6:]) for row in IDS]


def follow_labels(paths, ids=IDS, labels=LABELS, **settings):
    settings = {"load": load} | SHORT | settings
    return measure_label_checkpoints(paths, ids, labels=labels, **settings)


def follow_preference(paths, pairs=PAIRS, **settings):
    return measure_preference_checkpoints(paths, None, pairs, **{"load": load} | SHORT | settings)


def alone(follow, model):
    if follow is follow_labels:
        return label_information(model, IDS, labels=LABELS, **SHORT)
    return preference_information(model, None, PAIRS, **SHORT)


both = pytest.mark.parametrize("follow", [follow_labels, follow_preference])


def test_a_store_tells_a_label_from_what_marks_none(paths, tmp_path):
    named = [["a", "b"][i % 2] for i in range(19)]
    follow_labels(paths[:1], labels=[-100, *named], store=tmp_path / "kept")
    with pytest.raises(ValueError, match="it differs in labels"):
        follow_labels(paths[:1], labels=["-100", *named], store=tmp_path / "kept")
    rows = [[label] * 10 for label in named]
    follow_labels(paths[:1], labels=[[-100] + ["a"] * 9, *rows], store=tmp_path / "rows")
    with pytest.raises(ValueError, match="it differs in labels"):
        follow_labels(paths[:1], labels=[["-100"] + ["a"] * 9, *rows], store=tmp_path / "rows")


@both
def test_results_are_those_of_each_checkpoint_by_itself(follow, paths):
    trajectory = follow(paths)
    assert trajectory.names == ("step_0", "step_1", "step_2")
    assert trajectory.skipped == ()
    for seed, result in enumerate(trajectory.results):
        assert result == alone(follow, network(seed))
    frame = trajectory.to_frame()
    assert list(frame["checkpoint"].unique()) == list(trajectory.names)
    assert list(frame["layer"]) == ["0", "mean"] * 3


@both
def test_damaged_checkpoints_are_skipped(follow, paths):
    paths[1].write_bytes(paths[1].read_bytes()[:300])
    with pytest.warns(DamagedCheckpointWarning, match="step_1"):
        trajectory = follow(paths)
    assert trajectory.names == ("step_0", "step_2")
    assert trajectory.skipped[0][0] == "step_1"
    with pytest.warns(DamagedCheckpointWarning), pytest.raises(CheckpointError, match="none of 1"):
        follow(paths[1:2])


@both
def test_killed_run_goes_on_and_measures_nothing_twice(follow, paths, tmp_path, monkeypatch):
    from sklearn_learnability.torch.representations import _representation_pass

    measured = []
    run = _representation_pass.RepresentationPass.run

    def killed_at_the_third(self, path):
        measured.append(self)
        if len(measured) == 3:
            raise KeyboardInterrupt
        return run(self, path)

    monkeypatch.setattr(_representation_pass.RepresentationPass, "run", killed_at_the_third)
    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        follow(paths, store=store)
    trajectory = follow(paths, store=store)
    assert len(measured) == 4
    assert trajectory == follow(paths)
    assert trajectory == follow(paths, store=store)
    assert len(measured) == 7


CHANGES = [
    {"temperature": "paper"},
    {"reference_points": np.eye(DIM)},
    {"n_points": 11},
    {"n_permutations": 4},
    {"context": 6},
    {"batch_size": 7},
    {"random_state": 1},
    {"layers": ["1"]},
    {"excluded_tokens": [3]},
]


@both
def test_a_store_never_answers_for_other_settings(follow, paths, tmp_path):
    follow(paths[:1], store=tmp_path / "store")
    for change in CHANGES:
        with pytest.raises(ValueError, match=f"differs in .*{next(iter(change))}"):
            follow(paths[:1], store=tmp_path / "store", **change)
    torch.save(network(7).state_dict(), paths[0])
    with pytest.raises(ValueError, match="differs in model"):
        follow(paths[:1], store=tmp_path / "store")


def test_a_store_never_answers_for_other_texts_labels_or_pairs(paths, tmp_path):
    one = paths[:1]
    kept = follow_labels(one, store=tmp_path / "labels")
    assert follow_labels(one, labels=np.array(LABELS), store=tmp_path / "labels") == kept
    marks = [[0] * 4 + [1] * 6] * len(IDS)
    for change, name in [
        ({"excluded_tokens": marks}, "excluded_tokens"),
        ({"labels": LABELS[::-1]}, "labels"),
        ({"labels": [str(label) for label in LABELS]}, "labels"),
        ({"ids": IDS[::-1]}, "tokens"),
    ]:
        with pytest.raises(ValueError, match=f"differs in {name}"):
            follow_labels(one, store=tmp_path / "labels", **change)
    follow_preference(one, store=tmp_path / "pairs")
    for change, name in [({"pairs": PAIRS[::-1]}, "pairs"), ({"positions": "all"}, "positions")]:
        with pytest.raises(ValueError, match=f"differs in {name}"):
            follow_preference(one, store=tmp_path / "pairs", **change)
    with pytest.raises(ValueError, match="information about preference of this run, got another"):
        follow_preference(one, store=tmp_path / "labels")


def test_texts_are_read_by_the_tokenizer_of_each_checkpoint(paths):
    def encode(text):
        return [ord(character) - 97 for character in text]

    def write(ids):
        return "".join(chr(97 + token) for token in ids)

    pairs = [tuple(map(write, pair)) for pair in PAIRS]
    settings = SHORT | {"load": lambda path: (load(path), encode)}
    found = measure_preference_checkpoints(paths, None, pairs, **settings)
    assert found.results == follow_preference(paths).results
    assert measure_preference_checkpoints(paths, None, PAIRS, **settings) == found
    texts = [write(row) for row in IDS]
    by_texts = measure_label_checkpoints(paths, None, texts, labels=LABELS, **settings)
    assert by_texts.results == follow_labels(paths).results
