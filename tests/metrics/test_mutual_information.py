"""Bins, residuals, margins and the bound that rests on them."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from sklearn_learnability.metrics._density_pool import ScoreCalibration
from sklearn_learnability.metrics._mutual_information import (
    InformationOfRows,
    information_of_rows,
    mutual_information_estimate,
)
from sklearn_learnability.metrics._target_bins import N_BINS, TargetBins, edge_levels


def bins_of(y):
    return TargetBins.of(np.asarray(y, dtype=float), np.ones(len(y)))


@pytest.mark.parametrize("y", [np.arange(7.0), [0, 0, 0, 1], np.r_[np.zeros(50), np.arange(1, 51)]])
def test_every_bin_holds_rows_and_all_its_mass(y):
    bins = bins_of(y)
    counts = np.bincount(bins.codes(np.asarray(y, dtype=float)), minlength=len(bins.mass))
    np.testing.assert_allclose(bins.mass, counts / len(y))
    assert (counts > 0).all()
    assert (np.diff(bins.edges) > 0).all()
    assert bins.mass @ bins.means == pytest.approx(np.mean(y))


def test_bins_do_not_depend_on_an_increasing_map():
    y = np.random.default_rng(0).normal(size=500)
    np.testing.assert_array_equal(bins_of(y).codes(y), bins_of(np.exp(y)).codes(np.exp(y)))


@pytest.mark.parametrize("law", [norm(), student(2), norm(3, 0.1)])
def test_residuals_of_any_law_become_calibrated(law):
    """Against the entropy of the bins under the law itself, on rows of their own."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=6000)
    residual = law.rvs(6000, random_state=1)
    forecast = y - residual  # forecasts whose residuals have the law, whatever y
    bins = bins_of(y)
    codes = bins.codes(y)
    scores = bins.edges - forecast[:, None]
    half = slice(0, 3000), slice(3000, None)
    fitted = ScoreCalibration.fit(scores[half[0]], codes[half[0]], np.ones(3000), np.log(bins.mass))
    found = fitted.log_proba(scores[half[1]])
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1)
    rows = np.arange(3000), codes[half[1]]
    known = np.diff(law.cdf(scores[half[1]]), axis=1, prepend=0, append=1)
    loss = -found[rows].mean() + np.log(np.maximum(known[rows], 1e-12)).mean()
    assert -0.01 < loss < 0.02


def exact(joint):
    """Return I of a table of probabilities, in nats."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return (joint * np.log(joint / product)).sum()


def draw(joint, n, rng):
    flat = rng.choice(joint.size, p=joint.ravel(), size=n)
    return flat // joint.shape[1], flat % joint.shape[1]


def test_no_density_finds_more_than_there_is():
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(20)).reshape(5, 4)
    x, y = draw(joint, 40_000, rng)
    truth = np.log(joint / joint.sum(axis=1, keepdims=True))
    found = information_of_rows(y, truth[x], np.ones(len(y))).information.mean()
    assert found == pytest.approx(exact(joint), abs=0.015)
    for _ in range(30):  # wrong ones, of wrong margins too
        wrong = truth + rng.normal(0, rng.exponential(), truth.shape)
        wrong -= np.log(np.exp(wrong).sum(axis=1, keepdims=True))
        assert information_of_rows(y, wrong[x], np.ones(len(y))).information.mean() < found + 0.01


def test_the_influence_has_the_same_mean_and_its_spread_is_that_of_the_estimate():
    joint = np.array([[0.3, 0.1], [0.1, 0.5]])
    conditional = np.log(joint / joint.sum(axis=1, keepdims=True))
    values, errors = [], []
    for seed in range(300):
        x, y = draw(joint, 200, np.random.default_rng(seed))
        rows = information_of_rows(y, conditional[x], np.ones(200))
        assert rows.influence.mean() == pytest.approx(rows.information.mean())
        values.append(rows.information.mean())
        errors.append(rows.influence.std(ddof=1) / np.sqrt(200))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_weights_count_copies():
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(12)).reshape(3, 4)
    conditional = np.log(joint / joint.sum(axis=1, keepdims=True))
    x, y = draw(joint, 50, rng)
    weight = rng.integers(0, 3, 50)
    weighted = information_of_rows(y, conditional[x], weight.astype(float))
    copied = information_of_rows(
        y.repeat(weight), conditional[x.repeat(weight)], np.ones(weight.sum())
    )
    assert weight @ weighted.information / weight.sum() == pytest.approx(copied.information.mean())


@pytest.mark.parametrize("value", [0.2, 1e-15, 0.0, -0.01])
def test_an_interval_is_not_shorter_than_a_gaussians(value):
    """Rows without any spread: the information of a row is taken as varying by 1 - exp(-2 I)."""
    rows = information_of_rows(np.zeros(100, dtype=int), np.zeros((100, 1)), np.ones(100))
    flat = type(rows)(np.full(100, value), np.full(100, value), rows.log_margin)
    found = mutual_information_estimate(flat, sample_weight=np.ones(100))
    margin = 1.984 * np.sqrt(1 - np.exp(-2 * found.upper)) / 10
    assert found.upper - max(value, 0) == pytest.approx(margin, rel=1e-3)
    assert found.upper > 0.07
    assert found.lower < value
    if value < 0.1:
        assert found.lower - value == pytest.approx(-found.upper)
    else:
        assert found.lower > 0


def test_an_interval_of_any_confidence_has_ends():
    rng = np.random.default_rng(0)
    values = rng.normal(0.1, 1, 5)
    flat = InformationOfRows(values, values, np.zeros(1))
    for confidence in (0.5, 0.999, 1 - 1e-12):
        found = mutual_information_estimate(flat, sample_weight=np.ones(5), confidence=confidence)
        assert found.lower < found.value < found.upper < np.inf


def test_a_density_is_finite_however_near_the_values_and_far_the_row():
    near = 1 + np.arange(90) % 3 * np.finfo(float).eps
    bins = TargetBins.of(near, np.ones(90))
    assert np.isfinite(bins.log_density_within(np.array([1e150, -1e150, 1.0]))).all()


def test_outliers_move_neither_the_scale_of_bins_nor_what_is_inside():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    spoiled = np.append(y, [1e12, -1e9, 1e100])
    plain, found = (TargetBins.of(values, np.ones(len(values))) for values in (y, spoiled))
    assert found.scale == pytest.approx(plain.scale, rel=0.1)
    np.testing.assert_array_equal(plain.without_outliers(y), y)
    kept = found.without_outliers(spoiled)
    np.testing.assert_array_equal(kept[:300], y)
    assert 10 < np.abs(kept[300:]).max() < 40
    for few in ([0.0, 1.0], [0.0, 1.0, 1e12]):
        bins = TargetBins.of(np.repeat(few, 20), np.ones(20 * len(few)))
        np.testing.assert_array_equal(bins.without_outliers(np.array(few)), few)
        assert bins.scale == 1.0


@pytest.mark.parametrize("learnability", [0.1, 0.5, 0.9, 0.99, 0.999])
def test_what_bins_hide_of_a_gaussian(learnability):
    edges = norm.ppf(edge_levels(N_BINS))
    x = norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    levels = norm.cdf((edges - np.sqrt(learnability) * x) / np.sqrt(1 - learnability))
    given, alone = (
        np.diff(part, axis=-1, prepend=0, append=1) for part in (levels, norm.cdf(edges))
    )
    nats = (given * np.log(np.maximum(given, 1e-300) / alone)).sum(axis=1).mean()
    assert -1e-4 < learnability - (1 - np.exp(-2 * nats)) < 0.00045
