"""What the bins of a reliability diagram cost: closed forms, known truths, limits."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, chi2
from sklearn.metrics import log_loss

from sklearn_learnability.metrics import nll_decomposition, reliability


def draw(scale, shift, n=2000, seed=0):
    """Labels, and probabilities whose logit is right once scaled and shifted."""
    rng = np.random.RandomState(seed)
    logit = 1.5 * rng.standard_normal(n)
    y = (rng.uniform(size=n) < expit(scale * logit + shift)).astype(int)
    return y, expit(logit)


def kl(p, q):
    return p * np.log2(p / q) + (1 - p) * np.log2((1 - p) / (1 - q))


def test_a_bin_costs_its_divergence_less_what_chance_adds():
    y = np.repeat([0, 1, 0, 1], [30, 10, 5, 55])
    said = np.repeat([0.1, 0.8], [40, 60])
    low, high = reliability(y, said, random_state=0).bins
    for part, n, was, told in ((low, 40, 1 / 4, 0.1), (high, 60, 55 / 60, 0.8)):
        assert (part.n_samples, part.share) == (n, n / 100)
        assert (part.observed, part.predicted) == pytest.approx((was, told))
        # the share of the label with the larger weight decides whether the scale exceeds 1/2n
        gains = np.log([(1 - was) / (1 - told), was / told])
        spread = was * (1 - was) * (gains[1] - gains[0]) ** 2 / (n - 1)
        chance = max(1 / (2 * n), spread / (4 * kl(was, told) * np.log(2)))
        assert part.cost.value == pytest.approx(n / 100 * (kl(was, told) - chance / np.log(2)))


def test_costs_are_the_loss_that_one_share_a_bin_takes_off():
    y, said = draw(0.6, 0.3)
    found = reliability(y, said, random_state=0)
    order = np.argsort(said)
    told, was = np.empty(2000), np.empty(2000)
    for rows, part in zip(np.split(order, 10), found.bins, strict=True):
        told[rows], was[rows] = said[rows].mean(), y[rows].mean()
        assert part.predicted == pytest.approx(said[rows].mean())
    taken_off = (log_loss(y, told) - log_loss(y, was)) / np.log(2)
    chance = len(found.bins) / (2 * 2000) / np.log(2)
    assert found.binned_loss.value == pytest.approx(taken_off - chance, abs=chance / 4)


def test_bins_and_remainder_add_up_to_the_calibration_loss():
    y, said = draw(0.6, 0.3)
    found = reliability(y, said, random_state=0)
    whole = nll_decomposition(y, said, random_state=0).calibration_loss
    assert found.calibration_loss == whole
    total = sum(part.cost.value for part in found.bins)
    assert found.binned_loss.value == pytest.approx(total)
    assert total + found.remainder == pytest.approx(whole.value)
    assert abs(found.remainder) < 0.1 * whole.value


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.7, 0.2)])
def test_mean_and_interval_over_draws(scale, shift):
    _, said = draw(scale, shift, n=500_000, seed=99)
    edges = np.quantile(said, np.arange(1, 5) / 5)
    right = expit(scale * np.log(said / (1 - said)) + shift)
    code = np.searchsorted(edges, said)
    truth = np.array(
        [np.mean(code == b) * kl(right[code == b].mean(), said[code == b].mean()) for b in range(5)]
    )
    draws = [reliability(*draw(scale, shift, seed=i), n_bins=5, random_state=0) for i in range(40)]
    values = np.array([[part.cost.value for part in found.bins] for found in draws])
    errors = np.mean([[part.cost.standard_error for part in found.bins] for found in draws], axis=0)
    off = (values.mean(axis=0) - truth) / (errors / np.sqrt(40))
    assert np.abs(off).max() < 4
    held = [
        part.cost.lower <= true + 1e-12 and true <= part.cost.upper
        for found in draws
        for part, true in zip(found.bins, truth, strict=True)
    ]
    assert sum(held) >= binom.ppf(0.001, 200, 0.95)
    whole = [f.binned_loss.lower <= truth.sum() + 1e-12 <= f.binned_loss.upper for f in draws]
    assert sum(whole) >= binom.ppf(0.001, 40, 0.95)


def test_a_bin_is_outside_its_band_where_its_cost_is_above_zero():
    outside = []
    for seed in range(10):
        for part in reliability(*draw(0.8, 0.1, seed=seed), random_state=0).bins:
            assert 0 <= part.band_lower < part.predicted < part.band_upper <= 1
            out = not part.band_lower <= part.observed <= part.band_upper
            assert out == (part.cost.lower > 0)
            outside.append(out)
    assert 0 < sum(outside) < len(outside)


def test_the_band_of_many_rows_is_the_binomials():
    y, said = np.tile([0, 0, 0, 1], 1000), np.full(4000, 0.25)
    (part,) = reliability(y, said, random_state=0).bins
    ends = binom.ppf([0.025, 0.975], 4000, 0.25) / 4000
    # noncentral chi-square leaves half of the tail to either end
    factor = np.sqrt(chi2.ppf(0.975, 1) / chi2.ppf(0.95, 1))
    np.testing.assert_allclose(
        [part.band_lower - 0.25, part.band_upper - 0.25], factor * (ends - 0.25), rtol=0.03
    )


def test_a_class_against_the_others():
    rng = np.random.RandomState(0)
    proba = rng.dirichlet([1, 2, 3], size=900)
    y = np.array(["a", "b", "c"])[(proba.cumsum(axis=1) < rng.uniform(size=(900, 1))).sum(axis=1)]
    found = reliability(y, proba, pos_label="b", random_state=0)
    assert found == reliability(y == "b", proba[:, 1], random_state=0)
    for label in (None, "d"):
        with pytest.raises(ValueError, match=r"^Expected pos_label as one of the classes"):
            reliability(y, proba, pos_label=label)
    first = reliability(y == "b", proba[:, 1], pos_label=False, random_state=0)
    assert first.binned_loss.value == pytest.approx(found.binned_loss.value)


def test_equal_probabilities_stay_together():
    said = np.repeat([0.2, 0.5, 0.50001], [10, 980, 10])
    y = np.tile([0, 1], 500)
    parts = reliability(y, said, n_bins=4, random_state=0).bins
    assert [part.n_samples for part in parts] == [10, 980, 10]
    assert len(reliability(y, said, n_bins=1, random_state=0).bins) == 1
    with pytest.raises(ValueError, match="Expected n_bins as an integer >= 1, got 0"):
        reliability(y, said, n_bins=0)


def test_weights_and_copies():
    y, said = draw(0.6, 0.3, n=600)
    plain = reliability(y, said, random_state=0)
    counts = np.arange(600) % 3
    weighted = reliability(y, said, sample_weight=counts, random_state=0)
    repeated = reliability(np.repeat(y, counts), np.repeat(said, counts), random_state=0)
    for one, other in zip(weighted.bins, repeated.bins, strict=True):
        assert (one.predicted, one.observed) == pytest.approx((other.predicted, other.observed))
    twice = [np.tile(part, 2) for part in (y, said)]
    grouped = reliability(*twice, groups=np.tile(np.arange(600), 2), random_state=0)
    for one, other in zip(plain.bins, grouped.bins, strict=True):
        assert one.cost.value == pytest.approx(other.cost.value, rel=0.05, abs=1e-4)
        assert one.cost.upper == pytest.approx(other.cost.upper, rel=0.05)
    nats = reliability(y, said, units="nats", random_state=0)
    assert nats.binned_loss.upper == pytest.approx(plain.binned_loss.upper * np.log(2))


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
def test_certain_and_wrong_stays_finite():
    y = np.tile([0, 1], 50)
    frame = reliability(y, 1.0 - y, random_state=0).to_frame()
    assert np.isfinite(frame.to_numpy()).all()
    assert (frame["cost"] > 20).all()


def test_a_bin_of_a_calibrated_model_stands_out_in_a_fifth_of_draws_at_most():
    draws = [reliability(*draw(1.0, 0.0, seed=i), n_bins=10, random_state=0) for i in range(100)]
    stands_out = [any(part.cost.lower > 0 for part in found.bins) for found in draws]
    assert 0 < sum(stands_out) <= 20 + 2 * (100 * 0.2 * 0.8) ** 0.5
