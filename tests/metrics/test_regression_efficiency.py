"""The efficiency of regressors, against what is known of Gaussians."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from sklearn_learnability import GoldenModelCeilingRegressor
from sklearn_learnability.datasets import make_learnability_regression
from sklearn_learnability.exceptions import InSampleWarning, UndefinedInformationWarning
from sklearn_learnability.metrics import regression_efficiency


@pytest.fixture(scope="module")
def linear():
    X, y, truth = make_learnability_regression(
        3000, 4, learnability=0.6, random_state=0, return_truth=True
    )
    return X, y, truth


def nats(learnability):
    return -0.5 * np.log(1 - learnability)


def test_the_truth_extracts_all_and_half_the_signal_its_r2(linear):
    X, y, truth = linear
    whole = regression_efficiency(y, truth.predict(X), learnability=0.6)
    assert whole.value == pytest.approx(1, abs=0.06)
    part = truth.signal_strength * X[:, truth.active[0]]
    found = regression_efficiency(y, part, learnability=0.6, units="nats")
    r2 = np.corrcoef(y, part)[0, 1] ** 2
    assert found.information.value == pytest.approx(nats(r2), abs=0.02)
    assert found.value == pytest.approx(nats(r2) / nats(0.6), abs=0.03)
    assert found.learnability_share == pytest.approx(r2 / 0.6, abs=0.04)
    assert found.value < found.learnability_share


@pytest.mark.parametrize("change", [lambda m: 3 * m + 7, np.exp])
def test_what_a_line_or_a_curve_does_to_both_is_no_matter(linear, change):
    X, y, truth = linear
    mean = truth.predict(X)
    plain = regression_efficiency(y, mean, learnability=0.6)
    scale = np.exp(mean) if change is np.exp else np.ones(len(y))
    other = regression_efficiency(change(y), change(mean), y_std=scale, learnability=0.6)
    assert other.value == pytest.approx(plain.value, abs=0.05)


def test_a_scale_adds_what_the_points_do_not_tell():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 4000))
    y = x + np.exp(z) * rng.normal(size=4000)
    points = regression_efficiency(y, x, learnability=0.7)
    scaled = regression_efficiency(y, x, y_std=np.exp(z), learnability=0.7)
    assert scaled.value > points.value + 0.1
    # h(Y) is that of a mixture over inputs, h(Y|X) that of the noise, whose mean log-scale is 0
    grid = np.linspace(-60, 60, 12_001)
    steps = norm.ppf((np.arange(200) + 0.5) / 200)
    margin = norm.pdf(grid[:, None], 0, np.hypot(1, np.exp(steps))).mean(axis=1)
    entropy = -trapezoid(margin * np.log(np.maximum(margin, 1e-300)), grid)
    assert scaled.information.value * np.log(2) == pytest.approx(
        entropy - 0.5 * np.log(2 * np.pi * np.e), abs=0.04
    )


def test_forecasts_that_say_nothing_hold_nothing(linear):
    _, y, _ = linear
    noise = np.random.default_rng(1).normal(size=len(y))
    assert regression_efficiency(y, noise, learnability=0.6).value < 0.02  # as R² is below 0
    assert regression_efficiency(y, np.zeros(len(y)), learnability=0.6).value == pytest.approx(
        0, abs=0.02
    )


def test_beside_a_ceiling(linear):
    X, y, truth = linear
    old, new = slice(0, 1500), slice(1500, 3000)
    ceiling = GoldenModelCeilingRegressor(["linear"], random_state=0).fit(X[old], y[old])
    mean = truth.predict(X)
    own = regression_efficiency(y[old], mean[old], reference=ceiling)
    rows = regression_efficiency(y[old], mean[old], reference=ceiling.oof_information_)
    fresh = regression_efficiency(y[new], mean[new], reference=ceiling, X=X[new])
    assert own == rows
    for found in (own, fresh):
        assert found.lower < 1.02 < 1.1
        assert found.value == pytest.approx(1, abs=0.05)
    assert own.upper - own.lower < 0.5 * (fresh.information.upper - fresh.information.lower)
    with pytest.raises(ValueError, match="Expected the 1500 rows that the ceiling was fitted on"):
        regression_efficiency(y[new], mean[new], reference=ceiling)
    in_nats = regression_efficiency(
        y[old], mean[old], reference=ceiling.oof_information_ * np.log(2), units="nats"
    )
    assert in_nats.value == pytest.approx(rows.value)


def test_models_that_have_seen_the_rows_are_told(linear):
    _, y, _ = linear
    with pytest.warns(InSampleWarning, match="most likely it was fitted on these rows"):
        regression_efficiency(y, y + 0.01, learnability=0.6)


@pytest.mark.parametrize("ceiling", [{"learnability": 0.0}, {"reference": None}])
def test_a_share_of_nothing_is_nan(linear, ceiling):
    X, y, truth = linear
    if "reference" in ceiling:
        ceiling = {"reference": np.random.default_rng(0).normal(0, 1, len(y))}
    with pytest.warns(UndefinedInformationWarning, match="cannot be told from 0"):
        found = regression_efficiency(y, truth.predict(X), **ceiling)
    assert np.isnan(found.value)
    assert found.information.value > 0.3
    assert found.to_frame()["reason"].item() == found.reason


def test_too_few_rows():
    with pytest.warns(UndefinedInformationWarning, match="fewer than 4 rows"):
        assert np.isnan(regression_efficiency([1, 2], [1, 2], learnability=0.5).value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y_pred": [1.0]}, "Expected y_pred of shape"),
        ({"y_std": np.zeros(3000)}, "Expected y_std above 0"),
        ({"y_pred": np.full(3000, np.nan)}, "Expected numbers of at most"),
        ({"learnability": 1.0}, r"inside \[0, 1\), got 1.0"),
        ({"learnability": None}, "got neither"),
        ({"reference": np.ones(3000)}, "got both"),
        ({"learnability": None, "reference": np.full(3000, np.nan)}, "not finite"),
        ({"units": "bytes"}, "Expected units"),
    ],
)
def test_what_is_refused(linear, wrong, message):
    _, y, _ = linear
    with pytest.raises(ValueError, match=message):
        regression_efficiency(y, **({"y_pred": y, "learnability": 0.5} | wrong))


def test_weights_are_like_copies(linear):
    X, y, truth = linear
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    mean = truth.predict(X)
    weighted = regression_efficiency(y, mean, learnability=0.6, sample_weight=weight)
    copied = regression_efficiency(
        y.repeat(weight),
        mean.repeat(weight),
        learnability=0.6,
        groups=np.arange(len(y)).repeat(weight),
    )
    assert weighted.value == pytest.approx(copied.value, abs=0.01)


@pytest.mark.parametrize("size", [1e9, -1e12, 1e100])
@pytest.mark.parametrize("with_scale", [False, True])
def test_an_outlier_of_any_size_is_one_row(linear, size, with_scale):
    X, y, truth = linear
    y, mean = y[:400].copy(), truth.predict(X[:400])
    options = {"y_std": np.full(400, 0.6) if with_scale else None, "learnability": 0.6}
    plain = regression_efficiency(y, mean, **options)
    y[5] = size
    assert regression_efficiency(y, mean, **options).value == pytest.approx(plain.value, abs=0.05)


def test_groups_without_weight_are_none(linear):
    _, y, _ = linear
    groups = np.arange(80) // 20
    with pytest.warns(UndefinedInformationWarning, match="4 rows or groups with weight"):
        found = regression_efficiency(
            y[:80], y[:80], learnability=0.5, sample_weight=groups != 0, groups=groups
        )
    assert np.isnan(found.value)
