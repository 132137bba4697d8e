"""Intervals of information scores, against their definition and over simulated sets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import entr, expit, softmax
from sklearn.metrics import d2_log_loss_score

from sklearn_learnability.metrics import log_loss_per_sample
from sklearn_learnability.metrics._information import prior_surprisal
from sklearn_learnability.metrics._information_estimate import (
    effective_rows,
    information_estimate,
    score_interval,
    unseen_variance,
)

ENDS = ("value", "lower", "upper")


def rows(seed, n, strength=1.0, rate=0.5):
    """Labels, surprisals and the losses of the exact posterior, in nats."""
    rng = np.random.default_rng(seed)
    odds = strength * rng.standard_normal(n) + np.log(rate / (1 - rate))
    y = (rng.random(n) < expit(odds)).astype(int)
    loss = log_loss_per_sample(y, expit(odds), units="nats", labels=[0, 1])
    return y, expit(odds), prior_surprisal(y, units="nats"), loss


def ends(estimate):
    return [getattr(estimate, end) for end in ENDS]


def test_value_is_that_of_scikit_learn():
    y, proba, surprisal, loss = rows(0, 200)
    estimate = information_estimate(surprisal, loss, units="nats")
    assert estimate.value == pytest.approx(d2_log_loss_score(y, proba), abs=1e-12)


@pytest.mark.parametrize("calibrated", [False, True])
def test_units_weights_and_copies_do_not_matter(calibrated):
    _, _, surprisal, loss = rows(1, 150)
    base = ends(information_estimate(surprisal, loss, units="nats", calibrated=calibrated))
    bits = [part / np.log(2) for part in (surprisal, loss)]
    assert_allclose(ends(information_estimate(*bits, units="bits", calibrated=calibrated)), base)
    weighted = information_estimate(
        surprisal, loss, units="nats", calibrated=calibrated, sample_weight=np.full(150, 1e-3)
    )
    assert_allclose(ends(weighted), base)
    copies = [np.repeat(part, 3) for part in (surprisal, loss)]
    groups = np.repeat(np.arange(150), 3)
    clustered = information_estimate(*copies, units="nats", calibrated=calibrated, groups=groups)
    assert_allclose(ends(clustered), base)


@pytest.mark.parametrize(("value", "n"), [(0.0, 300), (0.02, 300), (0.4, 100), (-0.01, 50)])
def test_score_interval_is_that_of_a_grid(value, n):
    """Every score from 0 to 1 whose implied variance reaches the value."""
    entropy, quantile, extra = 0.6, 1.96, 2 / n**2
    scores = np.linspace(0, 1, 200_001)
    variance = 2 * scores * (1 - scores) * entropy / n + extra
    held = scores[np.abs(entropy * (value - scores)) <= quantile * np.sqrt(variance)]
    found = score_interval(value, entropy, n, quantile, extra)
    assert_allclose(found, [held.min(), held.max()], atol=1e-5)


def test_losses_that_do_not_vary_still_leave_doubt():
    """A ceiling that found nothing gives no proof that there is nothing."""
    y = np.tile([0, 1], 100)
    surprisal = prior_surprisal(y, units="nats")
    plain, told = (
        information_estimate(surprisal, surprisal, units="nats", calibrated=calibrated)
        for calibrated in (False, True)
    )
    assert plain.upper < 0.03 < told.upper
    assert told.lower == plain.lower


@pytest.mark.parametrize(("rate", "strength"), [(0.5, 0.3), (0.5, 1.5), (0.05, 0.3), (0.05, 1.5)])
def test_spread_of_a_calibrated_model_s_losses_is_as_stated(rate, strength):
    _, _, surprisal, loss = rows(0, 400_000, strength, rate)
    entropy = surprisal.mean()
    score = 1 - loss.mean() / entropy
    stated = 2 * score * (1 - score) * entropy
    assert np.var(loss - (1 - score) * surprisal) == pytest.approx(stated, rel=0.1)


def test_effective_rows():
    rng = np.random.default_rng(0)
    _, _, surprisal, loss = rows(0, 120)
    even, weight = np.ones(120), rng.uniform(size=120)
    assert effective_rows(surprisal, loss, even, None) == 120
    kish = weight.sum() ** 2 / (weight @ weight)
    assert effective_rows(surprisal, loss, weight, None) == pytest.approx(kish)
    copies = [np.repeat(part, 4) for part in (surprisal, loss)]
    groups = np.repeat(np.arange(120), 4)
    assert effective_rows(*copies, np.ones(480), groups) == pytest.approx(120)


def test_unseen_variance_counts_the_classes():
    surprisal = prior_surprisal(np.repeat(np.arange(4), [10, 20, 30, 40]), units="nats")
    assert unseen_variance(surprisal, np.ones(100), 100) == pytest.approx(12 / 100**2)


def test_too_few_of_a_class_leave_the_interval_unknown():
    y = np.r_[1, np.zeros(99, dtype=int)]
    surprisal = prior_surprisal(y, units="nats")
    loss = log_loss_per_sample(y, np.full(100, 0.02), units="nats")
    estimate = information_estimate(surprisal, loss, units="nats", calibrated=True)
    assert np.isfinite(estimate.value)
    assert np.isnan([estimate.lower, estimate.upper]).all()


def coverage(draw, truth, n_sets=600):
    """Share of sets whose interval holds the truth, and whose lower limit is not above it."""
    held = below = 0
    for seed in range(n_sets):
        surprisal, loss = draw(seed)
        options = {"units": "nats", "calibrated": True}
        estimate = information_estimate(surprisal, loss, **options)
        held += estimate.lower <= truth <= estimate.upper
        below += information_estimate(surprisal, loss, **options, confidence=0.9).lower <= truth
    return held / n_sets, below / n_sets


@pytest.mark.parametrize(("strength", "rate", "n"), [(0.35, 0.5, 200), (1.0, 0.05, 300)])
def test_covers_where_little_can_be_learned(strength, rate, n):
    """Exact posteriors: the losses of a lucky and of an unlucky set differ in spread."""
    big = rows(10**6, 2_000_000, strength, rate)
    truth = 1 - big[3].mean() / big[2].mean()
    held, below = coverage(lambda seed: rows(seed, n, strength, rate)[2:], truth)
    assert held > 0.93
    assert below > 0.93


def test_covers_a_fitted_model_of_four_classes():
    """Frequencies fitted on one half, scored on the other: the score to come is below 0."""
    frequency = softmax([0.0, 0.2, 0.4, 0.6])
    n, cost = 200, []

    def draw(seed):
        rng = np.random.default_rng(seed)
        y = rng.choice(4, size=2 * n, p=frequency)
        fitted = (np.bincount(y[:n], minlength=4) + 0.5) / (n + 2)
        cost.append((frequency * np.log(frequency / fitted)).sum() / entr(frequency).sum())
        return prior_surprisal(y[n:], units="nats"), -np.log(fitted)[y[n:]]

    for seed in range(600):
        draw(seed)
    held, _ = coverage(draw, -np.mean(cost))
    assert held > 0.93


def test_level_of_the_interval_is_passed_on():
    _, _, surprisal, loss = rows(0, 500)
    wide, narrow = (
        information_estimate(surprisal, loss, units="nats", confidence=level)
        for level in (0.99, 0.5)
    )
    ratio = (wide.upper - wide.lower) / (narrow.upper - narrow.lower)
    assert ratio == pytest.approx(stats.norm.isf(0.005) / stats.norm.isf(0.25), rel=0.02)
