"""The Bayes-error benchmark: its peers against closed forms and loops, its areas by hand."""

import importlib
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
APART = 2.0


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def peers(load):
    return load("_bayes_error_peers")


@pytest.fixture
def few():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 2)), rng.integers(3, size=24)


def two_gaussians(n_samples):
    rng = np.random.default_rng(1)
    codes = np.arange(n_samples) % 2
    return rng.standard_normal((n_samples, 1)) + APART * codes[:, None], codes


def nearest_error():
    """Return the error of the nearest of endless neighbours: the mean of 2 p (1 - p)."""

    def joined(x):
        one, two = norm.pdf(x), norm.pdf(x - APART)
        return one * two / (one + two)

    return quad(joined, -9, 9 + APART)[0]


def test_two_gaussians_of_known_bayes_error(peers):
    X, codes = two_gaussians(1600)
    truth, one = norm.cdf(-APART / 2), nearest_error()
    near = peers.nearest_neighbours(X, codes, 2)
    assert near["k=1"][0] == pytest.approx(one, abs=0.03)
    assert near["k=51"][0] == pytest.approx(truth, abs=0.02)
    # the nearest neighbour and the spanning tree count the same in the limit
    assert peers.spanning_tree(X, codes, 2)["-"][0] == pytest.approx(one, abs=0.03)
    assert peers.nearest_of_neighbours(X, codes, 2)["k=21"][0] == pytest.approx(one, abs=0.015)
    assert peers.neighbours_posterior(X, codes, 2)["k=51"][0] == pytest.approx(truth, abs=0.02)
    assert peers.kernel_density(X, codes, 2)["x 1"][0] == pytest.approx(truth, abs=0.02)
    assert peers.logistic(X, codes, 2)["x 0.8"][0] == pytest.approx(truth, abs=0.02)
    for peer in peers.PEERS.values():
        assert all(lower <= upper for upper, lower in peer(X[:300], codes[:300], 2).values())


def test_bounds_of_cover_and_hart_and_of_devroye(peers):
    for n_classes, error in itertools.product((2, 3, 10), (0.0, 0.05, 0.3)):
        nearest = error * (2 - n_classes / (n_classes - 1) * error)
        assert peers.cover_hart(nearest, n_classes) == pytest.approx(error)
    assert peers.cover_hart(0.99, 2) == 0.5
    assert peers.neighbours_bound(0.3, 4, 2) == pytest.approx(0.2)
    assert peers.neighbours_bound(0.3, 4, 3) == pytest.approx(peers.cover_hart(0.3, 3))


def lengths(X, edges):
    return sum(np.linalg.norm(X[a] - X[b]) for a, b in edges)


def is_tree(edges, n):
    joined = np.arange(n)
    for a, b in edges:
        if joined[a] == joined[b]:
            return False
        joined[joined == joined[b]] = joined[a]
    return True


def test_spanning_tree_is_the_shortest_of_all_trees(peers):
    rng = np.random.default_rng(2)
    X, codes = rng.normal(size=(6, 2)), np.array([0, 1, 2, 0, 1, 2])
    pairs = list(itertools.combinations(range(6), 2))
    trees = [edges for edges in itertools.combinations(pairs, 5) if is_tree(edges, 6)]
    assert len(trees) == 6**4
    shortest = min(trees, key=lambda edges: lengths(X, edges))
    upper = sum(codes[a] != codes[b] for a, b in shortest) / 6
    assert peers.spanning_tree(X, codes, 3)["-"][0] == pytest.approx(upper)


def test_rows_that_are_equal_are_joined(peers):
    X = np.repeat([[0.0], [1.0]], 4, axis=0)
    codes = np.repeat([0, 1], 4)
    assert peers.spanning_tree(X, codes, 2)["-"][0] == pytest.approx(1 / 8)


def test_equal_rows_are_neighbours_in_random_order(peers):
    rng = np.random.default_rng(4)
    X, codes = np.zeros((800, 2)), (rng.random(800) < 0.3).astype(int)
    moved = peers.without_ties(X)
    assert np.abs(moved - X).max() < 1e-5
    # two labels drawn apart differ so often
    expected = 2 * codes.mean() * (1 - codes.mean())
    assert peers.nearest_neighbours(moved, codes, 2)["k=1"][0] == pytest.approx(expected, abs=0.05)
    assert peers.spanning_tree(moved, codes, 2)["-"][0] == pytest.approx(expected, abs=0.05)


def test_neighbours_by_loops(peers, few):
    X, codes = few
    k, votes, shares, pairs = 5, [], [], []
    for row in range(len(X)):
        order = np.argsort(np.linalg.norm(X - X[row], axis=1))  # the row itself is the first
        counts = np.bincount(codes[order[1 : k + 1]], minlength=3)
        votes.append(counts.argmax() != codes[row])
        with_row = codes[order[:k]]
        shares.append([1 - counts.max() / k, 1 - np.bincount(with_row).max() / k])
        pairs += [a != b for a, b in itertools.permutations(with_row, 2)]
    found = peers.nearest_neighbours(X, codes, 3)[f"k={k}"]
    assert_allclose(found, [np.mean(votes), peers.cover_hart(np.mean(votes), 3)])
    found = peers.neighbours_posterior(X, codes, 3)[f"k={k}"]
    assert_allclose(found, np.sort(np.mean(shares, axis=0))[::-1])
    assert peers.nearest_of_neighbours(X, codes, 3)[f"k={k}"][0] == pytest.approx(np.mean(pairs))


def test_kernel_density_by_loops(peers, few):
    X, codes = few
    sure = []
    for row in range(len(X)):
        joint = []
        for code in range(3):
            width = np.sum(codes == code) ** (-1 / 6)
            others = [j for j in range(len(X)) if codes[j] == code and j != row]
            kernels = [norm.pdf(X[row], X[j], width).prod() for j in others]
            joint.append(np.mean(codes == code) * np.mean(kernels))
        sure.append(max(joint) / sum(joint))
    assert_allclose(peers.kernel_density(X, codes, 3)["x 1"], 1 - np.mean(sure))


def test_noise_moves_the_bayes_error_along_the_line(load):
    benchmark = load("bayes_error")
    rng = np.random.default_rng(3)
    posterior = rng.dirichlet(np.ones(4), size=50)
    error, level = 1 - posterior.max(axis=1).mean(), 0.6
    noisy = (1 - level) * posterior + level / 4
    assert 1 - noisy.max(axis=1).mean() == pytest.approx(error + level * (1 - 1 / 4 - error))
    codes = rng.integers(4, size=4000)
    changed = benchmark.add_noise(codes, level, rng) != codes
    assert changed.mean() == pytest.approx(level * 3 / 4, abs=0.02)
    assert (benchmark.add_noise(codes, 0.0, rng) == codes).all()


def test_areas_by_hand(load):
    report = load("_bayes_error_report")
    noisy = pd.DataFrame(
        {
            "table": "toy",
            "level": [0.0, 1.0, 1.0],
            "draw": [0, 0, 1],
            "n_classes": 2,
            "peer|-|upper": [0.3, 0.7, 0.45],  # .1 above the band; clipped to it; .05 below
            "peer|-|lower": [0.1, 0.4, 0.5],  # in the band; .1 below; in it
            "peer|CPU s": 1.0,
        }
    )
    least = pd.DataFrame({"table": ["toy"], "least error": [0.2]})
    (row,) = report.areas(noisy, least).to_dict("records")
    assert row["name"] == "peer"
    assert row["above"] == pytest.approx((0.1 + 0.025) / 2)
    assert row["below"] == pytest.approx((0.0 + 0.05) / 2)
    assert row["area"] == pytest.approx(row["above"] + row["below"])


def test_settings_are_compared_table_by_table(load):
    report = load("_bayes_error_report")
    names = [report.SCALED, "peer, a", "peer, b"]
    found = pd.DataFrame(
        [
            {"table": table, "estimator": name.split(",")[0], "name": name, "area": area}
            for table, values in {"x": (0.2, 0.1, 0.4), "y": (0.2, 0.5, 0.1)}.items()
            for name, area in zip(names, values, strict=True)
        ]
    ).assign(above=0.0, below=0.0)
    assert report.best_setting(found) == [report.SCALED, "peer, b"]
    _, peer = report.compare(found, {"golden model": 1.0, "peer": 1.0}).to_dict("records")
    assert (peer["fixed smaller"], peer["fixed larger"]) == (1, 1)
    assert peer["fixed apart"] == pytest.approx((0.2 - 0.1) / 2)
    assert (peer["chosen smaller"], peer["chosen larger"]) == (0, 2)
    assert peer["chosen apart"] == pytest.approx(-0.1)


def test_errors_are_those_from_the_truth(load):
    report = load("_bayes_error_report")
    known = pd.DataFrame(
        {
            "table": ["x", "y"],
            "seed": 0,
            "truth": [0.2, 0.3],
            "golden model|point|upper": [0.3, 0.3],
            "golden model|point|lower": [0.3, 0.3],
            "peer|a|upper": [0.3, 0.2],
            "peer|a|lower": [0.1, 0.2],
        }
    )
    ours, scaled, peer = report.errors_where_known(known).to_dict("records")
    assert scaled["lower bias"] == pytest.approx(0.95 * 0.3 - 0.25)
    assert ours["middle"] == pytest.approx(np.sqrt(0.1**2 / 2))
    assert peer["upper bias"] == pytest.approx(0)
    assert peer["upper"] == pytest.approx(0.1)
    assert peer["lower bias"] == pytest.approx(-0.1)
    assert peer["holds"] == 0.5
    assert peer["width"] == pytest.approx(0.1)
