"""Lines and partial correlations, against scipy, residuals by hand, and drawn data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_learnability.exceptions import UndefinedAssociationWarning
from sklearn_learnability.metrics import linear_association


def draw(n=30, seed=0, mix=0.5):
    rng = np.random.RandomState(seed)
    z = rng.normal(size=n)
    x = z + rng.normal(size=n)
    y = 2 * z + mix * x + rng.normal(size=n)
    return x, y, z


def residual(values, on):
    design = np.column_stack([np.ones_like(on), on])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_line_is_that_of_scipy():
    x, y, _ = draw()
    ours, theirs = linear_association(x, y), stats.linregress(x, y)
    assert_allclose([ours.slope, ours.intercept], [theirs.slope, theirs.intercept])
    assert_allclose(ours.r_squared.value, theirs.rvalue**2)


def test_partial_correlation_is_that_of_the_residuals():
    x, y, z = draw()
    ours = linear_association(x, y, given=z)
    expected = stats.pearsonr(residual(x, z), residual(y, z)).statistic
    assert_allclose(ours.partial_correlation.value, expected)
    assert_allclose(ours.given_r_squared.value, stats.linregress(z, y).rvalue ** 2)
    gain = ours.r_squared.value - ours.given_r_squared.value
    assert_allclose(ours.r_squared_gain.value, gain)


def test_several_given_are_taken_out_together():
    x, y, z = draw(50)
    w = np.random.RandomState(5).normal(size=50) + 0.5 * x
    ours = linear_association(x, y, given=np.column_stack([z, w]))
    design = np.column_stack([np.ones(50), z, w])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    assert_allclose(ours.partial_correlation.value, stats.pearsonr(*left).statistic)
    assert_allclose(ours.given_r_squared.value, 1 - left[1].var() / y.var())


def test_a_curve_of_the_third_is_taken_out_by_its_square():
    z = np.linspace(0, 3, 40)
    noise = np.random.RandomState(0).normal(size=(2, 40)) * 0.05
    x, y = np.exp(z) + noise[0], np.exp(z) + noise[1]
    straight = linear_association(x, y, given=z).partial_correlation.value
    curved = linear_association(x, y, given=np.column_stack([z, z**2, z**3, z**4]))
    assert straight > 0.99
    assert abs(curved.partial_correlation.value) < 0.5
    assert curved.r_squared_gain.value < 0.01


def test_without_a_third_quantity_its_statistics_are_nan():
    row = linear_association(*draw()[:2]).to_frame().iloc[0]
    assert row[["given_r_squared", "r_squared_gain", "partial_correlation"]].isna().all()


def test_interval_covers_the_truth_as_often_as_it_says():
    """Three normal quantities of known covariance: x = z + e, y = z + x / 2 + f."""
    true_partial = np.sqrt(0.25 / 1.25)
    inside = [
        line.partial_correlation.lower <= true_partial <= line.partial_correlation.upper
        for line in (
            linear_association(x, y, given=z, confidence=0.9, n_resamples=199, random_state=seed)
            for seed in range(150)
            for x, y, z in [draw(60, seed)]
        )
    ]
    assert 0.8 < np.mean(inside) < 0.96


def test_groups_are_resampled_as_wholes():
    """Copies of a point add no certainty: grouped they give the interval of the points."""
    x, y, z = draw(12)
    copies = [np.repeat(column, 20) for column in (x, y, z)]
    grouped = linear_association(
        copies[0], copies[1], given=copies[2], groups=np.repeat(np.arange(12), 20)
    )
    single = linear_association(x, y, given=z)
    ungrouped = linear_association(copies[0], copies[1], given=copies[2])
    assert grouped.n_groups == 12
    assert_allclose(grouped.r_squared.lower, single.r_squared.lower)
    assert ungrouped.r_squared.lower > single.r_squared.lower + 0.1


def test_one_group_has_no_interval():
    x, y, z = draw()
    line = linear_association(x, y, given=z, groups=np.zeros(30))
    assert np.isfinite(line.r_squared.value)
    assert np.isnan([line.r_squared.lower, line.partial_correlation.upper]).all()


def test_same_seed_same_interval():
    x, y, z = draw()
    first, again = (linear_association(x, y, given=z, random_state=3) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("constant", ["x", "y", "given"])
def test_constant_is_undefined_and_says_so(constant):
    x, y, z = draw()
    columns = {"x": x, "y": y, "given": z} | {constant: np.full(30, 2.0)}
    with pytest.warns(UndefinedAssociationWarning, match=constant):
        line = linear_association(**columns)
    assert np.isnan(line.partial_correlation.value)
    assert np.isnan(line.r_squared.value) == (constant != "given")


def test_nothing_is_left_where_the_third_is_the_first():
    x, y, _ = draw()
    line = linear_association(x, y, given=3 - 2 * x)
    assert np.isnan(line.partial_correlation.value)
    assert_allclose(line.r_squared_gain.value, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "at least 3 points, got 2"),
        ({"given": [1.0, 2.0, 3.0]}, "one length"),
        ({"x": [[1.0], [2.0], [3.0], [4.0]]}, "one length"),
        ({"y": [1.0, np.nan, 3.0, 4.0]}, "in 1 of 4"),
        ({"groups": [0, 1]}, "groups of shape"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_refuses_bad_input(change, message):
    good = {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 1.0, 4.0, 3.0]}
    with pytest.raises(ValueError, match=message):
        linear_association(**good | change)
