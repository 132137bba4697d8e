"""Replicates: an upper bound of the learnability that needs no model."""

from itertools import product

import numpy as np
import pytest

from sklearn_learnability.datasets import load_titanic
from sklearn_learnability.metrics._replicates import replicate_entropy, replicate_learnability


def expected_entropy(proba, n_rows):
    """Return the mean over all labels that a cell may bear, each as likely as it is."""
    mean = 0.0
    for labels in product(range(len(proba)), repeat=n_rows):
        entropy, _ = replicate_entropy(np.array(labels), np.zeros(n_rows, dtype=int))
        mean += np.prod([proba[label] for label in labels]) * entropy.mean()
    return mean


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5])
@pytest.mark.parametrize("proba", [(0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1)])
def test_the_mean_is_the_series_of_the_entropy_cut_off(proba, n_rows):
    p = np.array(proba)
    series = sum(p @ (1 - p) ** j / j for j in range(1, n_rows))
    assert expected_entropy(proba, n_rows) == pytest.approx(series, abs=1e-12)
    assert series < -(p @ np.log(p))


def test_pairs_give_the_gini_impurity():
    assert expected_entropy((0.7, 0.3), 2) == pytest.approx(1 - 0.7**2 - 0.3**2)


def test_losses_are_what_the_sum_lacks_without_a_row():
    codes = np.array([0, 0, 1, 2, 0, 1, 1, 1, 0])
    cells = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3])
    entropy, losses = replicate_entropy(codes, cells)
    for row in range(len(codes)):
        others = np.delete(np.arange(len(codes)), row)
        kept = np.unique(cells[others], return_inverse=True)[1]
        assert losses[row] == pytest.approx(
            entropy.sum() - replicate_entropy(codes[others], kept)[0].sum()
        )


def test_without_equal_rows_nothing_is_ruled_out():
    codes = np.arange(50) % 2
    found = replicate_learnability(codes, np.arange(50), 0.9)
    assert found.value == 1
    assert found.upper >= 1


def estimates(n_samples, n_draws):
    for seed in range(n_draws):
        X, y, truth = load_titanic(n_samples, random_state=seed, return_truth=True)
        cells = X.groupby(list(X.columns), observed=True).ngroup().to_numpy()
        yield replicate_learnability((y == "yes").to_numpy().astype(int), cells, 0.95), truth


def test_the_upper_limit_holds_on_a_counted_population():
    drawn = list(estimates(500, 100))
    holds = [found.upper >= truth.learnability for found, truth in drawn]
    assert np.mean(holds) >= 0.92  # 97.5 % in the long run
    error = np.std([found.value for found, _ in drawn])
    assert np.mean([found.standard_error for found, _ in drawn]) == pytest.approx(error, rel=0.25)


def test_in_large_cells_the_estimate_is_the_truth():
    (found, truth), *_ = estimates(100_000, 1)
    assert found.value == pytest.approx(truth.learnability, abs=4 * found.standard_error)
    assert found.standard_error < 0.005


def test_neither_the_order_of_rows_nor_the_names_of_labels_matter():
    rng = np.random.default_rng(0)
    codes, cells = rng.integers(3, size=200), rng.integers(20, size=200)
    order = rng.permutation(200)
    expected = replicate_learnability(codes, cells, 0.9)
    for other in (
        replicate_learnability(codes[order], cells[order], 0.9),
        replicate_learnability(2 - codes, 19 - cells, 0.9),
    ):
        assert other.value == pytest.approx(expected.value)
        assert other.upper == pytest.approx(expected.upper)
