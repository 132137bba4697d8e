"""The streaming estimator: loops over the definitions, known truths, merging, bad input."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from sklearn_learnability.exceptions import (
    NoPositionsWarning,
    SingleSequenceWarning,
    UndefinedInformationWarning,
    ZeroVectorWarning,
)
from sklearn_learnability.torch import (
    LabelTable,
    SoftInformation,
    calibrate_temperature,
    ngram_labels,
    soft_entropy,
    soft_mutual_information,
)

DIM = 6
rng = np.random.default_rng(0)
LABELS = rng.integers(5, size=(8, 9))
HIDDEN = np.eye(DIM)[LABELS] + rng.normal(scale=0.5, size=(8, 9, DIM))


def assignments(z, points):
    """Return soft assignments, one vector and one point at a time."""
    temperature = calibrate_temperature(z.shape[1], len(points))
    p = np.empty((len(z), len(points)))
    for i, vector in enumerate(z):
        for j, w in enumerate(points):
            p[i, j] = math.exp(w @ vector / np.linalg.norm(vector) / temperature)
        p[i] /= p[i].sum()
    return p


def H(p):
    return -sum(x * math.log(x) for x in p)


def by_loops(p, x, sequence):
    """Return every estimate as its definition has it, in nats."""
    n, kinds = len(p), {a: np.flatnonzero(x == a) for a in set(x.tolist())}
    found = {"entropy": H(p.mean(0))}
    found["ceiling"] = H(p.mean(0)) - np.mean([H(row) for row in p])
    found["information"] = H(p.mean(0)) - sum(len(i) / n * H(p[i].mean(0)) for i in kinds.values())
    found["information_mean"] = H(p.mean(0)) - np.mean([H(p[i].mean(0)) for i in kinds.values()])
    repeated = {a: i for a, i in kinds.items() if len(i) > 1}
    n2 = sum(map(len, repeated.values()))
    found["coverage"] = n2 / n
    P, P2 = p.mean(0), sum(p[i].sum(0) for i in repeated.values()) / n2
    found["upper"] = found["miller_madow"] = found["lower"] = H(P2)
    for i in repeated.values():
        k, own = len(i), p[i].mean(0)
        correction = (p[i].var(0, ddof=1) / own).sum() / (2 * k)
        found["upper"] -= k / n2 * H(own)
        found["miller_madow"] -= k / n2 * (H(own) + correction)
        for one in i:
            others = [o for o in i if o != one]
            q = (1 - 1 / k) * p[others].mean(0) + P / k
            found["lower"] += p[one] @ np.log(q) / n2
    found["quadratic"] = quadratic_by_loops(p, x, sequence)
    return found


def quadratic_by_loops(p, x, sequence):
    """Return the mean product of pairs of a label, less that of any; of different sequences."""

    def products(rows):
        return [p[i] @ p[j] for i in rows for j in rows if sequence[i] != sequence[j]]

    kinds = [np.flatnonzero(x == a) for a in np.unique(x)]
    kinds = [i for i in kinds if len(np.unique(sequence[i])) > 1]
    within = np.average([np.mean(products(i)) for i in kinds], weights=[len(i) for i in kinds])
    return within - np.mean(products(range(len(p))))


def check_against_loops(estimate, p, x, sequence):
    for name, value in by_loops(p, x, sequence).items():
        unit = 1 if name in ("coverage", "quadratic") else math.log(p.shape[1])
        assert getattr(estimate, name) == pytest.approx(value / unit, abs=1e-9), name


@pytest.mark.parametrize("n_labels", [2, 5, 40])
def test_against_the_definitions(n_labels):
    rng = np.random.default_rng(n_labels)
    z, x, points = (
        rng.normal(size=(60, 4)),
        rng.integers(n_labels, size=60),
        rng.normal(size=(7, 4)),
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    estimate = soft_mutual_information(z, x, reference_points=points)
    check_against_loops(estimate, assignments(z, points), x, np.arange(60))
    assert estimate.n_labels == len(set(x.tolist()))
    assert estimate.n_positions == 60


def test_stream_with_tables_and_layers_against_the_definitions():
    """Labels once or often, ignored ones, a mask, two layers, two sets, four batches."""
    rng = np.random.default_rng(1)
    ids = rng.integers(4, size=(8, 9))
    hidden = rng.normal(size=(2, 8, 9, DIM))
    mask = rng.random((8, 9)) < 0.8
    sets = {"past": ngram_labels(ids, 2, mask=mask), "next": ngram_labels(ids, 3, "future", mask)}
    tables = {name: LabelTable.from_labels(labels) for name, labels in sets.items()}
    assert len(tables["next"].once) > 3
    stream = SoftInformation(DIM, 10, labels=tables, n_layers=2, dtype=torch.float64)
    for i in range(0, 8, 2):
        batch = {name: labels[i : i + 2] for name, labels in sets.items()}
        stream.update(list(torch.tensor(hidden[:, i : i + 2])), batch, mask[i : i + 2])
    estimates = stream.compute().estimates
    assert [(e.layer, e.labels) for e in estimates] == [
        (0, "past"), (0, "next"), (1, "past"), (1, "next")
    ]  # fmt: skip
    for estimate in estimates:
        x = sets[estimate.labels]
        p = assignments(hidden[estimate.layer][x >= 0], stream.reference_points_.numpy())
        check_against_loops(estimate, p, x[x >= 0], np.nonzero(x >= 0)[0])


def test_labels_at_the_same_positions_share_a_row():
    """Wider contexts that occur as often as a narrower one cost nothing, and change nothing."""
    rng = np.random.default_rng(7)
    ids = np.tile(rng.integers(9, size=12), 12).reshape(8, 18)
    hidden = rng.normal(size=(8, 18, DIM))
    sets = {str(width): ngram_labels(ids, width) for width in (1, 2, 3)}
    tables = {name: LabelTable.from_labels(labels) for name, labels in sets.items()}
    together = SoftInformation(DIM, 10, labels=tables, dtype=torch.float64)
    apart = SoftInformation(DIM, 10, labels=list(sets), dtype=torch.float64)
    for stream in (together, apart):
        for i in range(8):
            batch = {name: labels[i : i + 1] for name, labels in sets.items()}
            stream.update(hidden[i : i + 1], batch)
    frames_agree(together, apart)
    size = {s: s.state_dict()["sums"]["rows"].shape[1] for s in (together, apart)}
    assert size[together] < 0.8 * sum(len(t.values) for t in tables.values()) <= size[apart]


def test_tables_of_another_order_are_refused():
    labels = np.repeat(np.arange(36), 2)
    turned = {"a": LabelTable.from_labels(labels), "b": LabelTable.from_labels(labels[::-1])}
    stream = SoftInformation(DIM, labels=turned)
    with pytest.raises(ValueError, match="same positions in the same order"):
        stream.update(HIDDEN.reshape(72, DIM), {"a": labels, "b": np.roll(labels, 1)})


def test_null_is_the_mean_over_permutations():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(400, 8)) + 2 * np.eye(8)[rng.integers(8, size=400)]
    for labels in (rng.integers(2, size=400), rng.zipf(1.5, size=400), np.arange(400) // 2):
        shuffled = [soft_mutual_information(z, rng.permutation(labels)) for _ in range(12)]
        null = soft_mutual_information(z, labels).null
        mean = np.mean([s.information for s in shuffled])
        error = np.std([s.information for s in shuffled]) / math.sqrt(12)
        assert null == pytest.approx(mean, abs=4 * error + 0.001)


def test_all_different_labels_reach_the_ceiling_and_their_null():
    with pytest.warns(UndefinedInformationWarning, match=r"No label occurs twice in 'labels'"):
        found = soft_mutual_information(HIDDEN, np.arange(72).reshape(8, 9))
    assert found.information == pytest.approx(found.ceiling, abs=1e-12)
    assert found.null == pytest.approx(found.ceiling, abs=1e-12)
    assert found.coverage == 0
    assert math.isnan(found.quadratic)
    assert math.isnan(found.quadratic_error)
    counted = SoftInformation(6, labels={"all": LabelTable.from_labels(np.arange(72))})
    counted.update(HIDDEN.reshape(-1, 6), np.arange(72))
    with pytest.warns(UndefinedInformationWarning, match="No label occurs twice in 'all'"):
        (of_table,) = counted.compute().estimates
    assert of_table.information == pytest.approx(found.information, rel=1e-5)
    assert of_table.coverage == 0
    assert math.isnan(of_table.lower)


def gaussian_mixture(separation, rng, n=1500, dim=8):
    labels = rng.integers(4, size=n)
    return separation * np.eye(dim)[labels] + rng.normal(size=(n, dim)), labels


def test_monotone_in_the_truth():
    """Components further apart share more information, up to that of the labels."""
    found = [
        soft_mutual_information(*gaussian_mixture(s, np.random.default_rng(3)))
        for s in (0, 1, 2, 4, 8, 30)
    ]
    for name in ("information", "lower", "quadratic"):
        assert (np.diff([getattr(f, name) for f in found]) > 0).all(), name
    # four points far apart: H(labels) of 2 bits is all there is, and no more is found
    assert found[-1].information <= math.log(4) / math.log(100) + 0.01
    for f in found:
        assert f.lower <= f.miller_madow <= f.upper <= f.ceiling


def test_independent_labels_have_no_quadratic_information():
    """The interval holds 0 in about 95 of 100 draws, for labels of any sizes."""
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(200, 8))
        found = soft_mutual_information(z, rng.integers(80, size=200), 50)
        held.append(found.quadratic_lower <= 0 <= found.quadratic_upper)
        assert found.information > 0.2  # which the plug-in does not say
    assert np.mean(held) >= 0.88


def clustered(rng, n_sequences=20):
    """Return vectors that share a direction in their sequence, of 5 to 20, as rows with ids."""
    sequences = np.repeat(np.arange(n_sequences), rng.integers(5, 21, size=n_sequences))
    z = rng.normal(size=(len(sequences), 8)) + 1.5 * rng.normal(size=(n_sequences, 8))[sequences]
    order = rng.permutation(len(z))
    return z[order], sequences[order]


@pytest.mark.parametrize("by", ["sequence", "position"])
def test_quadratic_information_pairs_different_sequences_alone(by):
    rng = np.random.default_rng(8)
    z, sequences = clustered(rng, 9)
    x = rng.integers(4, size=9)[sequences] if by == "sequence" else rng.integers(4, size=len(z))
    points = rng.normal(size=(7, 8))
    found = soft_mutual_information(z, x, sequences=sequences, reference_points=points)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    expected = quadratic_by_loops(assignments(z, points), x, sequences)
    assert found.quadratic == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("by", ["sequence", "position"])
def test_quadratic_error_is_the_jackknife_over_sequences(by):
    rng = np.random.default_rng(9)
    z, sequences = clustered(rng)
    labels = (
        rng.integers(3, size=20)[sequences] if by == "sequence" else rng.integers(3, size=len(z))
    )
    found = soft_mutual_information(z, labels, 20, sequences=sequences)
    left_out = [
        soft_mutual_information(
            z[sequences != i], labels[sequences != i], 20, sequences=sequences[sequences != i]
        ).quadratic
        for i in range(20)
    ]
    expected = math.sqrt(19 / 20 * np.sum((np.array(left_out) - found.quadratic) ** 2))
    assert found.quadratic_error == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("by", ["sequence", "position", "pair"])
def test_meaningless_labels_of_clustered_states_have_no_quadratic_information(by):
    """0 on average, and an interval that holds 0; as single rows they would have some."""
    found, as_rows = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z, sequences = clustered(rng)
        of_sequence = rng.integers(2, size=20)[sequences]
        of_position = rng.integers(2, size=len(z))
        labels = {"sequence": of_sequence, "position": of_position}.get(by)
        if labels is None:  # one half of each sequence is preferred
            labels = of_sequence ^ (np.arange(len(z)) % 2)
        found.append(soft_mutual_information(z, labels, 50, sequences=sequences))
        as_rows.append(soft_mutual_information(z, labels, 50).quadratic_lower > 0)
    quadratic = np.array([f.quadratic for f in found])
    assert abs(quadratic.mean()) < 3 * quadratic.std() / math.sqrt(40)
    assert np.mean([f.quadratic_lower <= 0 <= f.quadratic_upper for f in found]) >= 0.9
    if by == "sequence":
        assert np.mean(as_rows) > 0.9


def test_interval_covers_over_sequences():
    """Positions of a sequence share a direction: the interval must be of sequences."""

    def draw(seed):
        rng = np.random.default_rng(seed)
        labels = np.repeat(rng.integers(2, size=(30, 1)), 20, axis=1)
        centre = rng.normal(size=(30, 1, 8)) + 2 * np.eye(8)[labels]
        return soft_mutual_information(centre + 0.3 * rng.normal(size=(30, 20, 8)), labels, 50)

    found = [draw(seed) for seed in range(40)]
    spread = np.std([f.information for f in found])
    stated = np.mean([f.standard_error for f in found])
    assert 0.6 < stated / spread < 1.5


def test_sampled_positions_agree_with_all():
    """The interval and the bracket from a tenth of the positions are near those from all."""
    rng = np.random.default_rng(4)
    labels = rng.integers(30, size=(40, 100))
    z = np.eye(30)[labels] + 0.3 * rng.normal(size=(40, 100, 30)) + rng.normal(size=(40, 1, 30))
    full = soft_mutual_information(z, labels, n_sampled=4000)
    part = soft_mutual_information(z, labels, n_sampled=400)
    assert part.information == full.information
    for name in ("null", "lower", "miller_madow"):
        assert getattr(part, name) == pytest.approx(getattr(full, name), abs=0.003), name
    points = np.random.RandomState(0).normal(size=(100, 30))
    samples = [
        soft_mutual_information(
            z, labels, reference_points=points, n_sampled=400, random_state=seed
        )
        for seed in range(12)
    ]
    full = soft_mutual_information(z, labels, reference_points=points, n_sampled=4000)
    for name in ("standard_error", "quadratic_error"):
        error = np.sqrt(np.mean([getattr(sample, name) ** 2 for sample in samples]))
        assert error == pytest.approx(getattr(full, name), rel=0.35), name


def test_rotation():
    rng = np.random.default_rng(5)
    z, labels = gaussian_mixture(3, rng)
    points = rng.normal(size=(50, 8))
    turn = ortho_group.rvs(8, random_state=0)
    found = soft_mutual_information(z, labels, reference_points=points)
    turned = soft_mutual_information(z @ turn, labels, reference_points=points @ turn)
    assert turned.information == pytest.approx(found.information, abs=1e-12)
    drawn = [soft_mutual_information(z, labels, random_state=i).information for i in range(10)]
    again = [
        soft_mutual_information(z @ turn, labels, random_state=i).information for i in range(10)
    ]
    assert np.mean(again) == pytest.approx(np.mean(drawn), abs=3 * np.std(drawn) / math.sqrt(5))


def frames_agree(one, other, tolerance=1e-9):
    pd.testing.assert_frame_equal(
        one.compute().to_frame(), other.compute().to_frame(), atol=tolerance, rtol=tolerance
    )


@settings(max_examples=15)
@given(st.lists(st.integers(0, 2), min_size=8, max_size=8), st.booleans(), st.integers(5, 100))
def test_merge_is_concatenation(part_of, with_table, n_sampled):
    """However sequences are dealt out and batched, with a sample smaller than the data or not."""
    ids = np.arange(8) * 17

    def make():
        table = LabelTable.from_labels(LABELS * 10 + LABELS[:, :1]) if with_table else None
        return SoftInformation(
            DIM, 12, labels={"x": table}, dtype=torch.float64, n_sampled=n_sampled
        )

    whole, parts = make(), [make() for _ in range(3)]
    labels = LABELS * 10 + LABELS[:, :1]
    whole.update(HIDDEN, labels, sequences=ids)
    for i in range(8):
        parts[part_of[i]].update(HIDDEN[i : i + 1], labels[i : i + 1], sequences=ids[i : i + 1])
    merged = parts[0].merge(parts[1]).merge(parts[2])
    frames_agree(merged, whole)


def test_merge_without_ids_counts_on():
    whole, one, two = (SoftInformation(DIM, 12, dtype=torch.float64) for _ in range(3))
    whole.update(HIDDEN, LABELS)
    one.update(HIDDEN[:3], LABELS[:3])
    two.update(HIDDEN[3:], LABELS[3:])
    merged, expected = one.merge(two).compute(), whole.compute()
    assert merged.n_sequences == expected.n_sequences == 8
    pd.testing.assert_frame_equal(
        merged.to_frame().drop(columns="null"), expected.to_frame().drop(columns="null")
    )
    # the null is drawn from the same rows in another order
    assert merged.estimates[0].null == pytest.approx(expected.estimates[0].null, rel=0.1)


def test_integers_and_strings():
    number, word = SoftInformation(DIM), SoftInformation(DIM)
    number.update(HIDDEN, LABELS)
    word.update(HIDDEN, LABELS.astype(str))
    frames_agree(number, word)
    with pytest.raises(ValueError, match="type seen before"):
        word.update(HIDDEN, LABELS)


def test_pickle_and_state_dict(tmp_path):
    whole, half = (SoftInformation(DIM, 12, labels=["a", "b"], n_layers=2) for _ in range(2))
    sets = {"a": LABELS, "b": LABELS.astype(str)}
    first, second = ({k: v[i] for k, v in sets.items()} for i in (slice(4), slice(4, None)))
    hidden = np.stack([HIDDEN, HIDDEN[..., ::-1]])
    whole.update(hidden[:, :4], first)
    half.update(hidden[:, :4], first)
    torch.save(half.state_dict(), tmp_path / "state.pt")
    loaded = SoftInformation(DIM, 12, labels=["a", "b"], n_layers=2)
    loaded.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for stream in (whole, loaded, unpickled := pickle.loads(pickle.dumps(half))):
        stream.update(hidden[:, 4:], second)
    frames_agree(loaded, whole, 0)
    frames_agree(unpickled, whole, 0)
    with pytest.raises(ValueError, match="state of settings"):
        SoftInformation(DIM, 13, labels=["a", "b"], n_layers=2).load_state_dict(half.state_dict())


def test_bfloat16_model():
    """Rounding hidden states to 8 bits moves estimates by less than 0.002."""
    rng = np.random.default_rng(6)
    labels = rng.integers(20, size=(10, 100))
    hidden = torch.tensor(rng.normal(size=(20, 64))[labels] + rng.normal(size=(10, 100, 64)))
    frames = []
    for dtype in (torch.float32, torch.bfloat16):
        stream = SoftInformation(64)
        stream.update(hidden.to(dtype), labels)
        frames.append(stream.compute().to_frame().drop(columns=["labels"]))
    pd.testing.assert_frame_equal(*frames, atol=0.002, rtol=0)


def test_sums_do_not_drift():
    """A hundred batches in float32 give the float64 answer."""
    streams = [SoftInformation(DIM, dtype=dtype) for dtype in (torch.float32, torch.float64)]
    for stream in streams:
        for _ in range(100):
            stream.update(HIDDEN.astype(np.float32), LABELS)
    one, other = (stream.compute().estimates[0] for stream in streams)
    assert one.information == pytest.approx(other.information, abs=1e-6)
    assert one.quadratic == pytest.approx(other.quadratic, abs=1e-5)


def bad_batch(change):
    hidden = HIDDEN.copy()
    hidden[2, 3] = change
    return hidden


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((bad_batch(np.nan), LABELS), r"layer 0 at position \(2, 3\)"),
        ((bad_batch(np.inf), LABELS), r"layer 0 at position \(2, 3\)"),
        ((HIDDEN[..., :5], LABELS), r"\(..., 6\).*got \(8, 9, 5\)"),
        ((HIDDEN, LABELS[:, 1:]), r"shape \(8, 9\).*got \(8, 8\)"),
        ((HIDDEN, LABELS, np.ones((8, 8))), "mask of shape"),
        ((HIDDEN, LABELS * 0.5), "integers or strings"),
        ((HIDDEN, {"y": LABELS}), r"labels of \['x'\]"),
        ((HIDDEN, LABELS + 3), "table has counted|counted, got 5"),
        ((HIDDEN, LABELS, None, np.arange(8)), "all updates or in none"),
        (([HIDDEN, HIDDEN], LABELS), "1 layer"),
        ((HIDDEN.astype(int), LABELS), "floating-point"),
    ],
)
def test_errors_lose_nothing(arguments, message):
    stream = SoftInformation(DIM, labels={"x": LabelTable.from_labels(LABELS)})
    stream.update(HIDDEN, LABELS)
    before = pickle.dumps(stream)
    with pytest.raises(ValueError, match=message):
        stream.update(*arguments)
    assert pickle.dumps(stream) == before


def test_nan_at_masked_positions_does_not_matter():
    mask = np.ones((8, 9), dtype=bool)
    mask[2, 3] = False
    clean, padded = SoftInformation(DIM), SoftInformation(DIM)
    clean.update(HIDDEN, LABELS, mask)
    padded.update(bad_batch(np.nan), LABELS, torch.tensor(mask))
    frames_agree(clean, padded)


def test_zero_vectors_are_assigned_equally():
    stream = SoftInformation(DIM)
    with pytest.warns(ZeroVectorWarning, match=r"Layer 0 has 1 zero.*\(2, 3\)"):
        stream.update(bad_batch(0.0), LABELS)
    assert stream.compute().estimates[0].entropy == pytest.approx(
        soft_entropy(bad_batch(0.0)), abs=1e-6
    )


@pytest.mark.parametrize("scale", [1e-300, 1e250])
def test_lengths_of_hidden_states_do_not_matter(scale):
    stream, unit = SoftInformation(DIM), SoftInformation(DIM)
    lengths = np.where(np.arange(9) % 2, scale, 1.0)[:, None]
    stream.update(HIDDEN * lengths, LABELS)
    unit.update(HIDDEN, LABELS)
    frames_agree(unit, stream)


def test_an_empty_mask_is_skipped():
    stream = SoftInformation(DIM)
    with pytest.raises(ValueError, match="at least one update"):
        stream.compute()
    stream.update(HIDDEN, LABELS)
    before = pickle.dumps(stream)
    with pytest.warns(NoPositionsWarning):
        stream.update(HIDDEN, LABELS, np.zeros((8, 9)))
    assert pickle.dumps(stream) == before


def test_one_label_is_undefined():
    stream = SoftInformation(DIM)
    stream.update(HIDDEN, np.ones((8, 9), dtype=int))
    with pytest.warns(UndefinedInformationWarning, match="'labels'"):
        (found,) = stream.compute().estimates
    assert math.isnan(found.information)
    assert found.entropy == pytest.approx(soft_entropy(HIDDEN), abs=1e-6)


def test_one_sequence_has_no_interval():
    stream = SoftInformation(DIM)
    stream.update(HIDDEN.reshape(1, 72, DIM), LABELS.reshape(1, 72))
    with pytest.warns(SingleSequenceWarning):
        (found,) = stream.compute().estimates
    assert math.isnan(found.standard_error)
    assert math.isnan(found.quadratic)
    assert found.information > 0


@pytest.mark.parametrize("step", [1, 64, 512, 4096])
def test_ids_of_sequences_may_be_offsets(step):
    stream = SoftInformation(DIM)
    stream.update(HIDDEN, LABELS, sequences=step * np.arange(8))
    assert stream.compute().n_sequences == 8


def test_labels_of_one_sequence_each_have_no_quadratic_information():
    with pytest.warns(UndefinedInformationWarning, match="No label occurs in two sequences"):
        found = soft_mutual_information(HIDDEN, np.repeat(np.arange(8)[:, None], 9, axis=1))
    assert math.isnan(found.quadratic)
    assert math.isnan(found.quadratic_error)
    assert found.coverage == 1
    assert found.information > 0


def test_two_sequences_have_quadratic_information_without_an_interval():
    found = soft_mutual_information(HIDDEN[:2], LABELS[:2] % 2)
    assert math.isfinite(found.quadratic)
    assert math.isnan(found.quadratic_lower)


def test_sequences_stand_whole_in_one_batch():
    """The second part of a sequence would be taken for another, whose pairs count."""
    stream, other = SoftInformation(DIM), SoftInformation(DIM)
    stream.update(HIDDEN[:4], LABELS[:4], sequences=[3, 3, 7, 9])
    assert stream.n_sequences_ == 3
    other.update(HIDDEN[4:], LABELS[4:], sequences=[1, 2, 9, 9])
    before = pickle.dumps(stream)
    with pytest.raises(ValueError, match="whole in one batch, got 9 and 0 other"):
        stream.update(HIDDEN[4:], LABELS[4:], sequences=[1, 2, 9, 9])
    with pytest.raises(ValueError, match="whole in one batch, got 9"):
        stream.merge(other)
    assert pickle.dumps(stream) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_points": 50}, "n_points=100"),
        ({"random_state": 1}, "points=|seed="),
        ({"temperature": "paper"}, "temperature="),
        ({"labels": "other"}, "labels="),
        ({"labels": {"labels": LabelTable.from_labels(LABELS)}}, "tables="),
    ],
)
def test_merge_refuses_other_settings(change, message):
    with pytest.raises(ValueError, match=message):
        SoftInformation(DIM).merge(SoftInformation(DIM, **change))


def test_points_are_told_by_each_and_its_place_not_by_the_last_digit():
    points = torch.eye(DIM, dtype=torch.float64)[:4]
    one = SoftInformation(DIM, reference_points=points)
    near = SoftInformation(DIM, reference_points=points * (1 + 1e-15))
    near.load_state_dict(one.state_dict())
    with pytest.raises(ValueError, match="points"):
        one.merge(SoftInformation(DIM, reference_points=points.flip(0)))


def test_merge_refuses_overlapping_parts():
    labels = np.arange(72).reshape(8, 9)
    table = LabelTable.from_labels(labels)
    one, two = (SoftInformation(DIM, labels={"x": table}) for _ in range(2))
    one.update(HIDDEN, labels)
    two.update(HIDDEN, labels)
    with pytest.raises(ValueError, match="overlap"):
        one.merge(two)


@given(data=st.data())
@settings(max_examples=25)
def test_masked_positions_might_as_well_not_be_there(data):
    """On the left, on the right or within, with any states and labels, NaN among them."""
    padding = data.draw(st.integers(0, 4))
    length = 9 + padding
    hidden = np.full((8, length, DIM), np.nan)
    labels = np.full((8, length), data.draw(st.integers(0, 5)))
    mask = np.zeros((8, length), dtype=bool)
    for i in range(8):
        places = np.sort(data.draw(st.permutations(range(length)))[:9])
        hidden[i, places], labels[i, places], mask[i, places] = HIDDEN[i], LABELS[i], True
    plain, padded = (SoftInformation(DIM, 20, n_sampled=40) for _ in range(2))
    plain.update(HIDDEN, LABELS)
    padded.update(hidden, labels, mask)
    frames = [stream.compute().to_frame().drop(columns="labels") for stream in (plain, padded)]
    np.testing.assert_allclose(frames[1], frames[0], rtol=1e-9, atol=1e-12)


def test_what_is_no_state_is_refused_and_changes_nothing():
    information = SoftInformation(2, 4, random_state=0)
    information.update(torch.eye(2), [0, 1])
    state = information.state_dict()
    for other in ({}, None, {"weight": torch.ones(2)}, {**state}):
        if other and "sums" in other:
            del other["sums"]
        with pytest.raises(
            ValueError, match=r"Expected what state_dict returned, got a .* without"
        ):
            information.load_state_dict(other)
    assert information.n_sequences_ == 2
