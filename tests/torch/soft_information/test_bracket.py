"""The interval of the bracket on repeated labels: by loops, and over draws whose truth is known."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.exceptions import SingleSequenceWarning  # noqa: E402
from sklearn_learnability.torch import calibrate_temperature, soft_mutual_information  # noqa: E402

DIM, N_POINTS = 6, 20
POINTS = np.random.default_rng(0).normal(size=(N_POINTS, DIM))
POINTS /= np.linalg.norm(POINTS, axis=1, keepdims=True)
TEMPERATURE = calibrate_temperature(DIM, N_POINTS)


def H(p):
    return -sum(x * math.log(x) for x in p)


def assigned(z):
    p = np.exp(z @ POINTS.T / np.linalg.norm(z, axis=1, keepdims=True) / TEMPERATURE)
    return p / p.sum(axis=1, keepdims=True)


def found_in(z, labels, sequences):
    return soft_mutual_information(z, labels, reference_points=POINTS, sequences=sequences)


def draw(rng, n_sequences, length=8, shared=1.0, signal=1.0):
    """Return vectors alike within sequences, of labels that go by sequence."""
    sequences = np.repeat(np.arange(n_sequences), length)
    labels = rng.integers(3, size=n_sequences)[sequences]
    z = signal * np.eye(DIM)[labels] + shared * rng.normal(size=(n_sequences, DIM))[sequences]
    return z + 0.1 * rng.normal(size=z.shape), labels, sequences


def test_the_lower_end_leaves_out_sequences_as_by_loops():
    """How much more sums over sequences vary than independent positions do, label by label."""
    rng = np.random.default_rng(3)
    sequences = np.repeat(np.arange(12), 5)
    labels = rng.integers(4, size=60)
    labels[:2] = 4  # a label of one sequence
    z = np.eye(DIM)[labels] + rng.normal(size=(12, DIM))[sequences] + rng.normal(size=(60, DIM))
    found, p = found_in(z, labels, sequences), assigned(z)
    varied = expected = 0.0
    of_others = alone = 0.0
    mean = p.mean(axis=0)
    for x in range(5):
        own, groups = p[labels == x], sequences[labels == x]
        n_x, center = len(own), own.mean(axis=0)
        if len(set(groups)) == 1:
            alone += sum(row @ np.log(center / mean) for row in own)
            continue
        for g in set(groups):
            of_g = own[groups == g]
            gap = of_g.sum(axis=0) - len(of_g) * center
            varied += gap @ gap / (n_x - len(of_g))
        for row in own:
            expected += (row - center) @ (row - center) / (n_x - 1)
            rest = (own.sum(axis=0) - row + mean) / n_x
            of_others += row @ np.log(center / rest)
    of_sequences = alone + max(varied / expected, 1) * of_others
    center = found.upper - of_sequences / 60 / math.log(N_POINTS)
    error = found.bracket_upper - found.upper
    assert error > 0
    assert found.bracket_lower == pytest.approx(center - error, abs=1e-12)


def test_sampling_error_is_that_of_the_information_where_all_labels_repeat():
    z, labels, sequences = draw(np.random.default_rng(0), 40)
    found = found_in(z, labels, sequences)
    assert found.upper == pytest.approx(found.information, rel=1e-12)
    assert found.bracket_upper == pytest.approx(found.interval_upper, rel=1e-9)
    assert found.bracket_lower < found.lower


def test_positions_apart_leave_the_lower_end_at_leave_one_out():
    """Where every position is a sequence, sequences left out are positions left out."""
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=200)
    found = found_in(np.eye(DIM)[labels] + rng.normal(size=(200, DIM)), labels, np.arange(200))
    error = found.bracket_upper - found.upper
    assert found.bracket_lower == pytest.approx(found.lower - error, rel=1e-9)


def test_labels_that_occur_once_do_not_count():
    rng = np.random.default_rng(2)
    z, labels, sequences = draw(rng, 30)
    once = np.append(labels, np.arange(100, 120))
    more = np.append(z, rng.normal(size=(20, DIM)), axis=0)
    alone, found = (
        found_in(z, labels, sequences),
        found_in(more, once, np.append(sequences, np.arange(100, 120))),
    )
    assert found.upper == pytest.approx(alone.upper, rel=1e-12)
    assert found.bracket_upper == pytest.approx(alone.bracket_upper, rel=0.02)


def test_constant_vectors_of_each_label_have_the_error_of_its_shares_alone():
    labels = np.random.default_rng(4).integers(3, size=150)
    found = found_in(np.eye(DIM)[labels], labels, np.arange(150))
    assert found.bracket_lower < found.lower <= found.upper < found.bracket_upper
    assert found.bracket_upper - found.bracket_lower < 0.05


def test_rounding_of_the_vectors_of_a_label_is_no_likeness_within_sequences():
    rng = np.random.default_rng(1)
    of_label = rng.normal(size=(9, DIM))
    labels = rng.integers(9, size=240)
    sequences = np.repeat(np.arange(30), 8)
    rounding = 1 + 1e-6 * rng.normal(size=(30, DIM))[sequences]
    exact, rounded = (found_in(of_label[labels] * by, labels, sequences) for by in (1.0, rounding))
    assert rounded.bracket_lower == pytest.approx(exact.bracket_lower, abs=1e-6)


def test_it_is_undefined_for_one_sequence():
    z, labels, _ = draw(np.random.default_rng(5), 20)
    with pytest.warns(SingleSequenceWarning):
        found = found_in(z[None], labels[None], [0])
    assert math.isnan(found.bracket_lower)
    assert math.isnan(found.bracket_upper)
    assert found.lower < found.upper


def test_a_sample_of_the_positions_moves_it_little():
    z, labels, sequences = draw(np.random.default_rng(6), 400)
    whole, part = (
        soft_mutual_information(
            z, labels, reference_points=POINTS, sequences=sequences, n_sampled=n
        )
        for n in (10_000, 1500)
    )
    width = whole.bracket_upper - whole.bracket_lower
    assert part.bracket_lower == pytest.approx(whole.bracket_lower, abs=0.4 * width)
    assert part.bracket_upper == pytest.approx(whole.bracket_upper, abs=0.4 * width)


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_it_holds_the_truth_where_labels_go_by_sequence(signal):
    """Leaving out positions is no guard there: `lower` stands above the truth in most draws."""
    rng = np.random.default_rng(7)
    truth = 0.0
    if signal:
        noise = math.hypot(1.0, 0.1) * rng.normal(size=(3, 40_000, DIM))
        means = np.array([assigned(z).mean(axis=0) for z in np.eye(DIM)[:3, None] + noise])
        truth = (H(means.mean(axis=0)) - np.mean([H(p) for p in means])) / math.log(N_POINTS)
    held, above = [], []
    for _ in range(60):
        found = found_in(*draw(rng, 30, signal=signal))
        held.append(found.bracket_lower <= truth <= found.bracket_upper)
        above.append(found.lower > truth)
    assert np.mean(held) >= 0.93
    assert np.mean(above) > 0.5
