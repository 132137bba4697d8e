"""The interval of the calibration loss: known truths, limits, invariances."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, ncx2, norm

from sklearn_learnability.metrics import nll_decomposition
from sklearn_learnability.metrics._calibration_loss import noncentralities


def draw(scale, shift, n=400, seed=0):
    """Labels, and probabilities whose logit is right once scaled and shifted."""
    rng = np.random.RandomState(seed)
    logit = 1.5 * rng.standard_normal(n)
    y = (rng.uniform(size=n) < expit(scale * logit + shift)).astype(int)
    return y, expit(logit)


def kl_of_a_map(scale, shift):
    """Bits that the best map takes off, by many rows and exact probabilities."""
    logit = 1.5 * norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    p, q = expit(scale * logit + shift), expit(logit)
    return np.mean(p * np.log2(p / q) + (1 - p) * np.log2((1 - p) / (1 - q)))


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
@pytest.mark.parametrize("groups", [None, np.arange(10) // 2])
def test_rows_that_all_gain_the_same_have_an_interval(groups):
    found = nll_decomposition([0] * 10, [[0.0, 1.0]] * 10, labels=[0, 1], groups=groups)
    assert 0 <= found.calibration_loss.lower < 52 < found.calibration_loss.upper


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.85, 0.1), (0.4, -0.5)])
def test_interval_holds_what_the_best_map_takes_off(scale, shift):
    truth = kl_of_a_map(scale, shift)
    intervals = [
        nll_decomposition(*draw(scale, shift, seed=seed), random_state=seed).calibration_loss
        for seed in range(120)
    ]
    held = sum(part.lower <= truth + 1e-12 and truth <= part.upper for part in intervals)
    assert held >= binom.ppf(0.001, 120, 0.95)
    # a margin around the mean, which the interval replaces, misses much more near calibration
    if (scale, shift) == (1.0, 0.0):
        margins = [abs(part.value) <= 1.96 * part.standard_error for part in intervals]
        assert sum(margins) < held


def test_large_losses_have_the_margin_of_a_mean():
    part = nll_decomposition(*draw(0.2, 1.5, n=20_000), random_state=0).calibration_loss
    ends = part.value + np.array([-1, 1]) * norm.ppf(0.975) * part.standard_error
    np.testing.assert_allclose([part.lower, part.upper], ends, rtol=0.02)


@pytest.mark.parametrize("statistic", [0.3, 5.0, 80.0, 1e5])
def test_ends_put_the_statistic_in_the_tails(statistic):
    lower, upper = noncentralities(statistic, 2, 0.9)
    if lower > 0:
        assert ncx2.sf(statistic, 2, lower) == pytest.approx(0.05)
    assert ncx2.cdf(max(statistic, 2), 2, upper) == pytest.approx(0.05)


@pytest.mark.parametrize("calibration", ["temperature", "affine", "beta", "isotonic"])
def test_units_weights_and_copies_do_not_matter(calibration):
    y, proba = draw(0.7, 0.2)
    folds = [(np.arange(200, 400), np.arange(200)), (np.arange(200), np.arange(200, 400))]
    options = {"calibration": calibration, "cv": folds}
    plain = nll_decomposition(y, proba, **options).calibration_loss
    nats = nll_decomposition(y, proba, units="nats", **options).calibration_loss
    scaled = nll_decomposition(y, proba, sample_weight=np.full(400, 3e-7), **options)
    ends = np.array([plain.lower, plain.upper])
    assert 0 <= ends[0] < ends[1]
    np.testing.assert_allclose([nats.lower, nats.upper], ends * np.log(2), rtol=1e-6)
    scaled = scaled.calibration_loss
    np.testing.assert_allclose([scaled.lower, scaled.upper], ends, rtol=1e-3)


def test_copies_in_groups_count_once():
    y, proba = draw(0.7, 0.2)
    halves = np.arange(400) % 2 == 0
    folds = [(np.flatnonzero(~halves), np.flatnonzero(halves))]
    folds += [folds[0][::-1]]
    once = nll_decomposition(y, proba, cv=folds).calibration_loss
    rows = np.r_[np.arange(400), np.arange(400)]
    doubled = [(np.r_[fit, fit + 400], np.r_[test, test + 400]) for fit, test in folds]
    twice = nll_decomposition(y[rows], proba[rows], cv=doubled, groups=rows).calibration_loss
    np.testing.assert_allclose([twice.lower, twice.upper], [once.lower, once.upper], rtol=1e-3)


def test_a_perfectly_stated_model_has_an_interval_that_is_not_a_point():
    y = np.tile([0, 1], 100)
    part = nll_decomposition(y, np.full(200, 0.5), calibration="temperature").calibration_loss
    assert part.lower == 0
    assert 0 < part.upper < 0.05
