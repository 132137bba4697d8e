"""Standard errors and intervals, against brute force, the bootstrap and known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_learnability.metrics import Estimate, label_entropy, log_loss_per_sample
from sklearn_learnability.metrics._information import prior_surprisal
from sklearn_learnability.metrics._resampling import (
    bootstrap_ratio,
    degrees_of_freedom,
    fieller_set,
    jackknife_estimate,
    mean_estimate,
    ratio_estimate,
    two_sided_quantile,
)


def draw_logistic(rng, n_samples, strength=1.5):
    """Draw labels from a logistic model and return them with the exact posterior."""
    posterior = 1 / (1 + np.exp(-strength * rng.normal(size=n_samples)))
    return (rng.uniform(size=n_samples) < posterior).astype(int), posterior


def information_and_surprisal(y, posterior):
    surprisal = prior_surprisal(y)
    return surprisal - log_loss_per_sample(y, posterior, labels=[0, 1]), surprisal


@st.composite
def weighted_rows(draw):
    rng = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(4, 40))
    numerator, denominator = rng.normal(size=n), rng.uniform(0.5, 2, size=n)
    groups = np.concatenate([[0, 1], rng.randint(5, size=n - 2)])
    return numerator, denominator, rng.uniform(0.1, 3, size=n), groups


def brute_force_quantile(values, weight, groups):
    """Student's quantile with as many degrees of freedom as the units' squares tell."""
    mean = np.average(values, weights=weight)
    squares = np.array(
        [
            (weight[groups == g] @ (values[groups == g] - mean)) ** 2
            for g in np.unique(groups[weight > 0])
        ]
    )
    kurtosis = np.mean(squares**2) / np.mean(squares) ** 2
    n = len(squares)
    return stats.t.ppf(0.975, max(1, min(n - 1, 2 * n / (kurtosis - 1))))


def brute_force_error(values, weight, groups):
    mean = sum(w * v for w, v in zip(weight, values, strict=True)) / sum(weight)
    total = 0.0
    distinct = sorted(set(groups))
    for group in distinct:
        inside = sum(
            w * (v - mean) for w, v, g in zip(weight, values, groups, strict=True) if g == group
        )
        total += inside**2
    return mean, np.sqrt(total * len(distinct) / (len(distinct) - 1)) / sum(weight)


class TestMean:
    def test_without_weights_is_the_usual_standard_error(self):
        values = np.random.RandomState(0).normal(size=50)
        estimate = mean_estimate(values)
        assert_allclose(estimate.value, values.mean())
        assert_allclose(estimate.standard_error, values.std(ddof=1) / np.sqrt(50))
        margin = brute_force_quantile(values, np.ones(50), np.arange(50)) * estimate.standard_error
        assert_allclose([estimate.lower, estimate.upper], values.mean() + margin * np.r_[-1, 1])

    def test_few_groups_take_student_s_quantile(self):
        """Groups whose means are equally far from the mean: G - 1 degrees of freedom."""
        values, groups = np.tile([1.0, -1.0], 4), np.repeat(np.arange(8), 1)
        estimate = mean_estimate(np.repeat(values, 5), groups=np.repeat(groups, 5))
        quantile = (estimate.upper - estimate.value) / estimate.standard_error
        assert_allclose(quantile, stats.t.ppf(0.975, 7))

    def test_scale_of_the_weights_does_not_matter(self):
        rng = np.random.RandomState(0)
        values, weight = rng.normal(size=20), rng.uniform(size=20)
        first, second = (mean_estimate(values, sample_weight=c * weight) for c in (1, 1e-3))
        assert_allclose([first.lower, first.upper], [second.lower, second.upper])

    @given(weighted_rows())
    def test_clustered_error_is_the_double_sum(self, rows):
        values, _, weight, groups = rows
        estimate = mean_estimate(values, sample_weight=weight, groups=groups)
        expected = brute_force_error(values, weight, groups.tolist())
        assert_allclose([estimate.value, estimate.standard_error], expected, rtol=1e-10)

    def test_copies_of_a_row_in_one_group_add_nothing(self):
        values = np.random.RandomState(0).normal(size=30)
        alone = mean_estimate(values)
        copied = mean_estimate(np.repeat(values, 4), groups=np.repeat(np.arange(30), 4))
        assert_allclose(copied.standard_error, alone.standard_error)
        assert mean_estimate(np.repeat(values, 4)).standard_error < 0.6 * alone.standard_error

    def test_names_and_order_of_groups_do_not_matter(self):
        rng = np.random.RandomState(0)
        values, groups = rng.normal(size=40), rng.randint(6, size=40)
        order = rng.permutation(40)
        named = np.array([f"day {g}" for g in groups])
        assert_allclose(
            mean_estimate(values[order], groups=named[order]).standard_error,
            mean_estimate(values, groups=groups).standard_error,
        )

    def test_rows_without_weight_count_for_nothing(self):
        values = np.random.RandomState(0).normal(size=20)
        padded = mean_estimate(
            np.append(values, [1e6, -1e6]), sample_weight=np.append(np.ones(20), [0, 0])
        )
        alone = mean_estimate(values)
        assert_allclose(padded.standard_error, alone.standard_error)
        assert_allclose(padded.value, alone.value)

    @pytest.mark.parametrize("groups", [None, ["a", "a", "a"]])
    def test_one_unit_has_no_known_error(self, groups):
        values = [1.0] if groups is None else [1.0, 2.0, 3.0]
        estimate = mean_estimate(values, groups=groups)
        assert np.isfinite(estimate.value)
        assert np.isnan([estimate.standard_error, estimate.lower, estimate.upper]).all()

    @pytest.mark.parametrize("confidence", [0, 1, 95, float("nan")])
    def test_confidence_is_a_share(self, confidence):
        with pytest.raises(ValueError, match=r"Expected confidence inside \(0, 1\)"):
            mean_estimate([1.0, 2.0], confidence=confidence)


class TestRatio:
    @given(weighted_rows())
    def test_delta_method_error_is_that_of_the_contrast(self, rows):
        numerator, denominator, weight, groups = rows
        estimate = ratio_estimate(numerator, denominator, sample_weight=weight, groups=groups)
        bottom = np.average(denominator, weights=weight)
        ratio = np.average(numerator, weights=weight) / bottom
        contrast = numerator - ratio * denominator
        _, error = brute_force_error(contrast, weight, groups.tolist())
        assert_allclose([estimate.value, estimate.standard_error], [ratio, error / bottom], 1e-8)

    @given(weighted_rows())
    def test_ends_are_where_the_contrast_is_a_margin_from_zero(self, rows):
        """Fieller's interval, by its definition."""
        numerator, denominator, weight, _ = rows
        estimate = ratio_estimate(numerator, denominator, sample_weight=weight)
        assert estimate.lower <= estimate.value <= estimate.upper or estimate.lower > estimate.upper
        rest = numerator - estimate.value * denominator
        quantile = brute_force_quantile(rest, weight, np.arange(len(weight)))
        if not np.isfinite(estimate.lower):
            return
        for end in (estimate.lower, estimate.upper):
            contrast = mean_estimate(numerator - end * denominator, sample_weight=weight)
            margin = quantile * contrast.standard_error
            assert_allclose(abs(contrast.value), margin, rtol=1e-6)

    def test_constant_denominator_gives_the_mean(self):
        values = np.random.RandomState(0).normal(size=50)
        ratio, mean = ratio_estimate(values, np.full(50, 2.0)), mean_estimate(values / 2)
        for end in ("value", "standard_error", "lower", "upper"):
            assert_allclose(getattr(ratio, end), getattr(mean, end))

    def test_equal_rows_have_ratio_one_without_error(self):
        values = np.random.RandomState(0).uniform(1, 2, size=50)
        estimate = ratio_estimate(values, values)
        assert_allclose([estimate.value, estimate.lower, estimate.upper], 1, atol=1e-7)
        assert_allclose(estimate.standard_error, 0, atol=1e-9)

    def test_scale_of_either_side(self):
        rng = np.random.RandomState(0)
        numerator, denominator = rng.normal(1, 1, size=60), rng.uniform(1, 2, size=60)
        base = ratio_estimate(numerator, denominator)
        scaled = ratio_estimate(numerator / np.log(2), 10 * denominator / np.log(2))
        for end in ("value", "standard_error", "lower", "upper"):
            assert_allclose(getattr(scaled, end), getattr(base, end) / 10)

    def test_zero_denominator_is_undefined(self):
        estimate = ratio_estimate([1.0, 2.0], [1.0, -1.0])
        assert np.isnan([estimate.value, estimate.lower, estimate.upper]).all()

    def test_denominator_near_zero_has_no_bounded_interval(self):
        rng = np.random.RandomState(0)
        numerator, denominator = rng.normal(0, 1, size=100), rng.normal(0, 1, size=100)
        assert ratio_estimate(numerator, denominator).lower == -np.inf
        away = ratio_estimate(numerator + 1, denominator)
        assert -np.inf < away.upper < 0 < away.lower < np.inf

    @pytest.mark.parametrize(
        ("top", "bottom", "covariance"),
        [
            (1.0, 2.0, [[0.1, 0.02], [0.02, 0.2]]),
            (1.0, 0.3, [[0.1, 0.02], [0.02, 0.2]]),
            (0.2, 0.3, [[0.1, 0.02], [0.02, 0.2]]),
            (-1.0, 0.3, [[0.1, -0.1], [-0.1, 0.2]]),
        ],
    )
    def test_set_is_that_of_a_grid(self, top, bottom, covariance):
        """Every ratio on a fine grid, tested one by one."""
        ratios = np.linspace(-60, 60, 120_001)
        variance = covariance[0][0] - 2 * ratios * covariance[0][1] + ratios**2 * covariance[1][1]
        expected = np.abs(top - ratios * bottom) <= 1.96 * np.sqrt(variance)
        lower, upper = fieller_set(top, bottom, np.array(covariance), 1.96)
        inside = (ratios >= lower) & (ratios <= upper)
        outside = (ratios >= lower) | (ratios <= upper)
        np.testing.assert_array_equal(inside if lower <= upper else outside, expected)

    def test_variance_that_rows_do_not_show_widens_both_ways(self):
        values = np.random.RandomState(0).normal(1, 0.01, size=50)
        exact, wide = (
            ratio_estimate(values, np.ones(50), unseen_variance=(v, 0)) for v in (0, 0.04)
        )
        assert exact.upper - exact.lower < 0.01
        assert_allclose(wide.upper - wide.value, wide.value - wide.lower)
        assert 0.4 < wide.upper - wide.value < 0.45  # 0.2 times a quantile of many rows

    def test_standard_error_agrees_with_the_bootstrap(self):
        rows = information_and_surprisal(*draw_logistic(np.random.RandomState(0), 800))
        estimate = ratio_estimate(*rows)
        resampled = bootstrap_ratio(*rows, n_resamples=2000, random_state=0)
        assert_allclose(resampled.std(), estimate.standard_error, rtol=0.08)
        ends = np.quantile(resampled, [0.025, 0.975])
        assert_allclose([estimate.lower, estimate.upper], ends, atol=0.2 * np.ptp(ends))

    def test_clustered_error_agrees_with_the_bootstrap_of_groups(self):
        rng = np.random.RandomState(0)
        groups = np.repeat(np.arange(150), rng.randint(1, 12, size=150))
        numerator = rng.normal(0.5, 1, size=150)[groups] + rng.normal(size=len(groups))
        denominator = rng.uniform(1, 2, size=len(groups))
        estimate = ratio_estimate(numerator, denominator, groups=groups)
        resampled = bootstrap_ratio(
            numerator, denominator, groups=groups, n_resamples=2000, random_state=0
        )
        assert_allclose(resampled.std(), estimate.standard_error, rtol=0.08)
        assert estimate.standard_error > 1.5 * ratio_estimate(numerator, denominator).standard_error

    def test_bootstrap_repeats_by_its_seed(self):
        rows = np.arange(10.0), np.ones(10)
        first = bootstrap_ratio(*rows, n_resamples=20, random_state=3)
        np.testing.assert_array_equal(first, bootstrap_ratio(*rows, n_resamples=20, random_state=3))
        assert len(np.unique(first)) > 5


class TestCoverage:
    """How often the interval holds the truth, over simulated data sets."""

    def test_of_the_learnability(self):
        """The exact posterior's information score, whose expectation is the learnability."""
        rng = np.random.RandomState(0)
        entropy_given_x = -np.mean(
            [p * np.log2(p) + (1 - p) * np.log2(1 - p) for p in [draw_logistic(rng, 400_000)[1]]]
        )
        truth = 1 - entropy_given_x  # the classes are balanced: H(Y) is one bit
        held = 0
        for _ in range(1500):
            estimate = ratio_estimate(*information_and_surprisal(*draw_logistic(rng, 300)))
            held += estimate.lower <= truth <= estimate.upper
        assert 0.93 < held / 1500 < 0.97

    def test_of_a_ratio_with_a_noisy_denominator(self):
        """Fieller's interval holds where the denominator is only 4 standard errors from 0."""
        rng = np.random.RandomState(0)
        held = 0
        for _ in range(1500):
            denominator = rng.normal(0.4, 1, size=100)
            numerator = 0.6 * denominator + rng.normal(0, 0.5, size=100)
            estimate = ratio_estimate(numerator, denominator)
            held += np.isnan(estimate.lower) or estimate.lower <= 0.6 <= estimate.upper
        assert 0.93 < held / 1500 < 0.97

    def test_one_sided_limit(self):
        rng = np.random.RandomState(0)
        below = [mean_estimate(rng.normal(size=20), confidence=0.8).lower <= 0 for _ in range(1500)]
        assert 0.875 < np.mean(below) < 0.925

    def test_of_a_mean_that_few_rows_carry(self):
        """One row in twenty is large: the normal quantile covers 91 %."""
        rng = np.random.RandomState(0)
        held = [
            estimate.lower <= 0.05 <= estimate.upper
            for estimate in (mean_estimate(rng.uniform(size=200) < 0.05) for _ in range(1500))
        ]
        assert np.mean(held) > 0.93


@pytest.mark.parametrize("smallest", [0.0, 5e-324, 1e-200])
def test_a_ratio_to_a_vanishing_mean_is_undefined(smallest):
    found = ratio_estimate([1.0, 2.0], [smallest, smallest])
    assert np.isnan([found.value, found.standard_error, found.lower, found.upper]).all()


def test_degrees_of_freedom_count_the_rows_that_carry_the_spread():
    rng = np.random.RandomState(0)
    assert degrees_of_freedom(np.array([3.0, -3.0, 3.0, -3.0])) == 3
    assert_allclose(degrees_of_freedom(rng.normal(size=100_000)), 100_000, rtol=0.05)
    assert degrees_of_freedom(np.eye(1, 500)[0]) < 2.1
    assert degrees_of_freedom(np.zeros(10)) == 9
    for scale in (1e-300, 1e-160, 1e160):
        assert degrees_of_freedom(scale * np.array([3.0, -3.0, 3.0, -3.0])) == 3
    assert two_sided_quantile(0.95, 9) == pytest.approx(stats.t.ppf(0.975, 9))


class TestEstimate:
    estimate = Estimate(0.3, 0.1, 0.104, 0.496, 0.95)

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            self.estimate.value = 1.0

    def test_to_frame_is_one_row(self):
        frame = self.estimate.to_frame()
        assert frame.shape == (1, 5)
        assert frame.loc[0, "upper"] == 0.496


def test_entropy_is_the_mean_surprisal():
    y, weight = np.array([0, 1, 1, 2]), np.array([1.0, 2.0, 0.5, 0.1])
    surprisal = mean_estimate(prior_surprisal(y, sample_weight=weight), sample_weight=weight)
    assert_allclose(surprisal.value, label_entropy(y, sample_weight=weight))


def test_the_jackknife_of_a_mean_has_the_error_of_the_mean_of_its_blocks():
    values = np.random.default_rng(0).standard_normal((20, 50))
    means = values.mean(axis=1)
    left_out = (means.sum() - means) / 19
    found = jackknife_estimate(float(values.mean()), left_out)
    plain = mean_estimate(means)
    assert found.standard_error == pytest.approx(plain.standard_error)
    assert found.upper - found.lower == pytest.approx(
        2 * stats.t.ppf(0.975, 19) * plain.standard_error
    )
    assert np.isnan(jackknife_estimate(0.5, [0.5]).standard_error)
