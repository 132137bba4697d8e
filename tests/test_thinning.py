"""Fewer rows that stand for many: unbiased sums, rare classes and heavy rows kept."""

import numpy as np
import pytest

from sklearn_learnability._thinning import thin_rows


def rows_of_three_classes(rng, n_rows=3000):
    codes = rng.choice(3, n_rows, p=[0.69, 0.3, 0.01])
    return codes, rng.exponential(size=n_rows) * (rng.random(n_rows) < 0.9)


def test_sums_over_thinned_rows_are_unbiased():
    rng = np.random.default_rng(0)
    codes, weight = rows_of_three_classes(rng)
    value = rng.standard_normal(len(codes)) + codes
    mean = np.average(value, weights=weight)
    found = []
    for seed in range(400):
        rows, new = thin_rows(codes, weight, 300, np.random.RandomState(seed))
        found.append(np.average(value[rows], weights=new))
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - mean) < 3 * error
    assert error < 0.01


def test_every_class_keeps_its_weight_and_the_rows_their_mean_weight():
    codes, weight = rows_of_three_classes(np.random.default_rng(1))
    rows, new = thin_rows(codes, weight, 600, np.random.RandomState(0))
    share = np.bincount(codes, weights=weight) / weight.sum()
    np.testing.assert_allclose(np.bincount(codes[rows], weights=new) / new.sum(), share)
    assert new.mean() == pytest.approx(weight[weight > 0].mean())
    assert (np.diff(rows) > 0).all()
    assert 500 < len(rows) <= 600


def test_a_rare_class_is_kept_whole_as_far_as_a_tenth_of_an_equal_share():
    codes = np.repeat([0, 1, 2], [10_000, 30, 500])
    rows, new = thin_rows(codes, np.ones(len(codes)), 1500, np.random.RandomState(0))
    counts = np.bincount(codes[rows])
    assert counts[1] == 30
    assert 50 < counts[2] < 500
    assert counts.sum() <= 1500
    assert new[codes[rows] == 1] == pytest.approx(len(rows) / len(codes))


def test_heavy_rows_are_taken_and_rows_without_weight_never():
    rng = np.random.default_rng(2)
    codes = rng.integers(2, size=2000)
    weight = np.where(rng.random(2000) < 0.5, 1.0, 0.0)
    weight[7] = 500.0
    for seed in range(20):
        rows, new = thin_rows(codes, weight, 100, np.random.RandomState(seed))
        assert 7 in rows
        assert (weight[rows] > 0).all()
        of_heavy = new[rows == 7] / new.sum()
        assert of_heavy == pytest.approx(500 / weight.sum(), rel=0.1)


def test_rows_that_are_few_enough_stay_as_they_are():
    codes, weight = rows_of_three_classes(np.random.default_rng(3), n_rows=200)
    rows, new = thin_rows(codes, weight, 200, np.random.RandomState(0))
    np.testing.assert_array_equal(rows, np.flatnonzero(weight > 0))
    np.testing.assert_array_equal(new, weight[rows])


def test_more_classes_than_rows_to_keep():
    codes = np.repeat(np.arange(50), 4)
    rows, new = thin_rows(codes, np.ones(200), 60, np.random.RandomState(0))
    assert len(np.unique(codes[rows])) == 50
    assert (new > 0).all()
