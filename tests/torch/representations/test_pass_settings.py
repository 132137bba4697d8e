"""How states are assigned to points: as a peer does, and never mixed up in a store."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.torch import (  # noqa: E402
    calibrate_temperature,
    label_information,
    measure_checkpoints,
    measure_information_plane,
    preference_information,
    soft_mutual_information,
)

VOCABULARY, DIM = 30, 16
POINTS = np.random.RandomState(5).normal(size=(40, DIM))


@pytest.fixture(scope="module")
def model():
    """An embedding: its states are functions of the tokens."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(VOCABULARY, DIM), nn.Linear(DIM, VOCABULARY)).eval()


@pytest.fixture(scope="module")
def ids():
    rng = np.random.RandomState(0)
    return [rng.randint(VOCABULARY, size=length).tolist() for length in rng.randint(8, 20, 30)]


def plane(model, ids, **settings):
    return measure_information_plane(
        model, ids, layers=["0"], widths=(1,), progress=False, **settings
    )


def checkpoints(model, ids, **settings):
    return measure_checkpoints(
        {"one": model},
        ids,
        load=lambda source: source,
        layers=["0"],
        widths=(1,),
        progress=False,
        **settings,
    )


def by_labels(model, ids, **settings):
    labels = [[token % 3 for token in row] for row in ids]
    return label_information(
        model, ids, labels=labels, layers=["0"], n_permutations=1, progress=False, **settings
    )


def by_preference(model, ids, **settings):
    pairs = [([1], row[:4], row[4:]) for row in ids]
    return preference_information(
        model, None, pairs, layers=["0"], n_permutations=1, progress=False, **settings
    )


def expected(model, ids, labels, **settings):
    states = model[0](torch.tensor(np.concatenate(ids))).detach().double().numpy()
    return soft_mutual_information(states, np.concatenate(labels), **settings)


SETTINGS = [
    {},
    {"temperature": "paper"},
    {"temperature": "leading"},
    {"temperature": 0.2},
    {"n_points": 30},
    {"reference_points": POINTS},
    {"reference_points": {8: POINTS[:, :8], DIM: POINTS}, "temperature": 0.3},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_labels_are_measured_with_the_points_and_the_temperature_given(model, ids, settings):
    found = by_labels(model, ids, **settings).points[0]
    if isinstance(settings.get("reference_points"), dict):
        settings = settings | {"reference_points": POINTS}
    truth = expected(model, ids, [[token % 3 for token in row] for row in ids], **settings)
    assert found.entropy == pytest.approx(truth.entropy, rel=1e-5)
    assert found.information == pytest.approx(truth.information, rel=1e-5)


@pytest.mark.parametrize("measure", [plane, checkpoints, by_labels, by_preference])
def test_every_function_takes_points_and_a_temperature(model, ids, measure):
    found = [measure(model, ids, **settings).to_frame()["entropy"].iloc[0] for settings in SETTINGS]
    assert len(np.unique(np.round(found, 6))) == len(SETTINGS)
    named = measure(model, ids, temperature=calibrate_temperature(DIM, 100, "paper"))
    assert named.to_frame()["entropy"].iloc[0] == pytest.approx(found[1], rel=1e-9)
    with pytest.raises(ValueError, match="Expected temperature"):
        measure(model, ids, temperature=0.0)
    with pytest.raises(ValueError, match="Expected method"):
        measure(model, ids, temperature="hot")
    with pytest.raises(ValueError, match="of 16 dimensions, as the states have, got those of 8"):
        measure(model, ids, reference_points=POINTS[:, :8])
    with pytest.raises(ValueError, match="of one number for all sizes"):
        measure(model, ids, reference_points={8: POINTS[:9, :8], DIM: POINTS})
    with pytest.raises(ValueError, match="Expected reference_points of shape"):
        measure(model, ids, reference_points=3.0)


@pytest.mark.parametrize("measure", [plane, checkpoints])
def test_a_store_never_answers_for_other_points_or_another_temperature(
    model, ids, measure, tmp_path
):
    for i, first in enumerate(SETTINGS):
        store = tmp_path / str(i)
        kept = measure(model, ids, store=store, **first)
        again = measure(model, ids, store=store, **first)
        assert kept == again
        for second in SETTINGS[:i] + SETTINGS[i + 1 :]:
            with pytest.raises(ValueError, match=r"differs in .*(temperature|points)"):
                measure(model, ids, store=store, **second)


@pytest.mark.parametrize("measure", [plane, checkpoints])
def test_a_store_knows_points_however_they_are_held(model, ids, measure, tmp_path):
    kept = measure(model, ids, store=tmp_path / "kept", reference_points=POINTS)
    for points in (POINTS.tolist(), torch.from_numpy(POINTS), {DIM: POINTS}):
        again = measure(model, ids, store=tmp_path / "kept", reference_points=points)
        assert again == kept


@pytest.mark.parametrize("layers", [None, 0, 1.5])
def test_layers_that_are_no_list_are_refused_in_words(model, ids, layers):
    said = "Expected layers as 'all', 'encoder', 'decoder', or a list of numbers or names, got"
    with pytest.raises(TypeError, match=said):
        measure_information_plane(model, ids, layers=layers, progress=False)
    with pytest.raises(TypeError, match=said):
        measure_checkpoints([model], ids, load=lambda source: source, layers=layers)
    with pytest.raises(TypeError, match=said):
        label_information(model, ids, labels=range(len(ids)), layers=layers, progress=False)
