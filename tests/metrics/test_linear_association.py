"""Lines, and associations between runs, against scipy, dummies of the steps and drawn data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    assert_allclose(ours.r_squared, theirs.rvalue**2)


def test_partial_correlation_is_that_of_the_residuals():
    x, y, z = draw()
    ours = linear_association(x, y, given=z)
    expected = stats.pearsonr(residual(x, z), residual(y, z)).statistic
    assert_allclose(ours.partial_correlation, expected)
    assert_allclose(ours.given_r_squared, stats.linregress(z, y).rvalue ** 2)
    gain = ours.r_squared - ours.given_r_squared
    assert_allclose(ours.r_squared_gain, gain)


def test_several_given_are_taken_out_together():
    x, y, z = draw(50)
    w = np.random.RandomState(5).normal(size=50) + 0.5 * x
    ours = linear_association(x, y, given=np.column_stack([z, w]))
    design = np.column_stack([np.ones(50), z, w])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    assert_allclose(ours.partial_correlation, stats.pearsonr(*left).statistic)
    assert_allclose(ours.given_r_squared, 1 - left[1].var() / y.var())


def test_a_curve_of_the_third_is_taken_out_by_its_square():
    z = np.linspace(0, 3, 40)
    noise = np.random.RandomState(0).normal(size=(2, 40)) * 0.05
    x, y = np.exp(z) + noise[0], np.exp(z) + noise[1]
    straight = linear_association(x, y, given=z).partial_correlation
    curved = linear_association(x, y, given=np.column_stack([z, z**2, z**3, z**4]))
    assert straight > 0.99
    assert abs(curved.partial_correlation) < 0.5
    assert curved.r_squared_gain < 0.01


def test_without_a_third_quantity_its_statistics_are_nan():
    row = linear_association(*draw()[:2]).to_frame().iloc[0]
    assert row[["given_r_squared", "r_squared_gain", "partial_correlation"]].isna().all()


def make_runs(n_runs=4, n_steps=6, seed=0, follow=0.0):
    """Points of several runs, every step shifted as a whole; x and y have `follow` in common."""
    rng = np.random.RandomState(seed)
    z, x, y, common = rng.normal(size=(4, n_runs, n_steps)).cumsum(axis=2)
    x, y = x + z + follow * common, y + z + follow * common
    grown = 10 * np.arange(n_steps) ** 1.5
    table = pd.DataFrame(
        {"x": (x + grown).ravel(), "y": (y + grown**2).ravel(), "z": (z - grown).ravel()}
    )
    table["run"] = np.repeat([f"run {i}" for i in range(n_runs)], n_steps)
    table["step"] = np.tile(100 * np.arange(n_steps), n_runs)
    return table


def associate(table, given="z", **options):
    return linear_association(
        table["x"],
        table["y"],
        given=None if given is None else table[given],
        groups=table["run"],
        steps=table["step"],
        **options,
    )


def correlation_with_dummies(table, given=("z",)):
    """The partial correlation given the others and a constant for every step, by regression."""
    design = np.column_stack([pd.get_dummies(table["step"]), table[list(given)]]).astype(float)
    left = [
        table[name] - design @ np.linalg.lstsq(design, table[name], rcond=None)[0] for name in "xy"
    ]
    return stats.pearsonr(*left).statistic


class TestWithinSteps:
    @pytest.mark.parametrize("given", [(), ("z",), ("z", "w")])
    def test_is_the_partial_correlation_given_dummies_of_the_steps(self, given):
        table = make_runs().assign(w=lambda t: t["z"] ** 2)
        ours = associate(table, given=list(given) or None)
        assert_allclose(ours.within_steps, correlation_with_dummies(table, given))
        assert (ours.n_points, ours.n_groups, ours.n_steps) == (24, 4, 6)

    def test_interval_is_the_jackknife_over_runs(self):
        table = make_runs(5, follow=1.0)
        without = np.arctanh(
            [correlation_with_dummies(table[table["run"] != run]) for run in table["run"].unique()]
        )
        error = np.sqrt(4 / 5 * ((without - without.mean()) ** 2).sum())
        centre = np.arctanh(correlation_with_dummies(table))
        ours = associate(table, confidence=0.9)
        ends = centre + error * stats.t(4).ppf([0.05, 0.95])
        assert_allclose([ours.within_steps_lower, ours.within_steps_upper], np.tanh(ends))
        assert_allclose(ours.p_value, 2 * stats.t(4).sf(abs(centre) / error))

    def test_interval_at_the_level_of_the_p_value_ends_at_zero(self):
        table = make_runs(4, follow=1.0)
        p_value = associate(table).p_value
        line = associate(table, confidence=1 - p_value)
        ends = line.within_steps_lower, line.within_steps_upper
        assert_allclose(np.abs(ends).min(), 0, atol=1e-9)

    @given(seed=st.integers(0, 1000))
    @settings(max_examples=20, deadline=None)
    def test_what_all_runs_do_alike_says_nothing(self, seed):
        """Any function of the step, other units and another order of the rows change nothing."""
        table = make_runs(seed=seed)
        rng = np.random.RandomState(seed)
        moved = table.copy()
        for name in "xyz":
            shift = pd.Series(rng.normal(scale=50, size=6), index=100 * np.arange(6))
            moved[name] = rng.lognormal() * (moved[name] + moved["step"].map(shift))
        one, other = associate(table), associate(moved.sample(frac=1, random_state=seed))
        assert_allclose(
            [one.within_steps, one.within_steps_lower, one.p_value],
            [other.within_steps, other.within_steps_lower, other.p_value],
            atol=1e-7,
        )

    def test_what_is_the_same_for_all_runs_is_taken_out_by_the_steps(self):
        table = make_runs().assign(logged=lambda t: np.log1p(t["step"]))
        assert_allclose(
            associate(table, given=["z", "logged"]).p_value, associate(table).p_value, rtol=1e-9
        )

    def test_only_steps_of_all_runs_are_compared(self):
        table = make_runs()
        cut = table.drop(index=[0, 9])  # the first step of a run, the fourth of another
        both = table[~table["step"].isin([0, 300])]
        ours = associate(cut)
        assert ours.n_steps == 4
        assert ours.n_points == 22
        assert_allclose(ours.within_steps, associate(both).within_steps)
        assert_allclose(ours.p_value, associate(both).p_value)

    def test_independent_points_are_runs_of_one_point(self):
        x, y, z = draw(60, mix=1.0)
        ours = linear_association(x, y, given=z, groups=np.arange(60))
        assert_allclose(ours.within_steps, ours.partial_correlation)
        assert ours.p_value < 0.05


class TestLevel:
    """How often independent quantities are called associated at 5 %."""

    @pytest.mark.parametrize("kind", ["walks", "independent", "AR(1)"])
    @pytest.mark.parametrize(("n_runs", "n_steps"), [(3, 8), (5, 16)])
    def test_holds(self, kind, n_runs, n_steps):
        keep = {"walks": 1.0, "independent": 0.0, "AR(1)": 0.8}[kind]
        rng = np.random.RandomState(n_runs)
        panels = rng.normal(size=(300, 3, n_runs, n_steps))
        for step in range(1, n_steps):
            panels[..., step] += keep * panels[..., step - 1]
        runs, steps = np.divmod(np.arange(n_runs * n_steps), n_steps)
        p_values = [
            linear_association(x, y, given=z, groups=runs, steps=steps).p_value
            for x, y, z in panels.reshape(300, 3, -1)
        ]
        assert np.mean(np.array(p_values) <= 0.05) <= 0.065

    def test_interval_covers_what_is_there(self):
        """Walks with a walk in common: given z, the correlation of the two is 1/2."""
        inside = [
            line.within_steps_lower <= 0.5 <= line.within_steps_upper
            for line in (associate(make_runs(4, seed=seed, follow=1.0)) for seed in range(200))
        ]
        assert np.mean(inside) >= 0.93

    def test_is_not_met_by_calling_nothing_associated(self):
        p_values = [associate(make_runs(6, seed=s, follow=4.0)).p_value for s in range(50)]
        assert np.mean(np.array(p_values) <= 0.05) > 0.8


class TestNoTest:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"groups": None}, "All points are of one run"),
            ({"groups": None, "steps": None}, "All points are of one run"),
            ({"steps": None}, "no steps are given"),
            ({"steps": np.arange(24)}, "No step at which all of the 4 runs"),
            ({"given": np.random.RandomState(0).normal(size=(24, 11))}, "Too few points"),
        ],
    )
    def test_says_why(self, change, reason):
        table = make_runs()
        options = {"groups": table["run"], "steps": table["step"], "given": table["z"]} | change
        if options["groups"] is None and options["steps"] is not None:
            options["steps"] = np.arange(24)
        line = linear_association(table["x"], table["y"], **options)
        assert reason in line.reason
        assert np.isnan([line.p_value, line.within_steps_lower, line.within_steps_upper]).all()
        assert line.r_squared > 0.5  # and yet the line is there

    def test_two_runs_are_too_few(self):
        line = associate(make_runs(2))
        assert line.reason == "There are 2 runs, where at least 3 are needed."
        assert np.isfinite(line.within_steps)
        assert np.isnan(line.p_value)

    @pytest.mark.parametrize("name", ["x", "y"])
    def test_a_quantity_that_only_follows_the_step(self, name):
        table = make_runs()
        table[name] = table["step"] * 0.3
        line = associate(table)
        assert "nothing is left of a quantity" in line.reason
        assert np.isnan(line.within_steps)

    def test_one_line_through_all(self):
        table = make_runs().assign(y=lambda t: 2 * t["x"] + t["z"])
        line = associate(table)
        assert "nothing but one line" in line.reason
        assert_allclose(line.within_steps, 1)
        assert np.isnan(line.p_value)

    def test_table_has_what_is_missing_as_nan(self):
        row = linear_association(*draw()[:2]).to_frame().iloc[0]
        assert row[["within_steps", "within_steps_lower", "p_value"]].isna().all()
        assert row["reason"].startswith("All points")


@pytest.mark.parametrize("constant", ["x", "y", "given"])
def test_constant_is_undefined_and_says_so(constant):
    x, y, z = draw()
    columns = {"x": x, "y": y, "given": z} | {constant: np.full(30, 2.0)}
    with pytest.warns(UndefinedAssociationWarning, match=constant):
        line = linear_association(**columns)
    assert np.isnan(line.partial_correlation)
    assert np.isnan(line.r_squared) == (constant != "given")


def test_nothing_is_left_where_the_third_is_the_first():
    x, y, _ = draw()
    with pytest.warns(UndefinedAssociationWarning, match="linear function of given"):
        line = linear_association(x, y, given=3 - 2 * x)
    assert np.isnan(line.partial_correlation)
    assert_allclose(line.r_squared_gain, 0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_no_scale_of_a_quantity_matters(scale):
    x, y, z = draw()
    plain = linear_association(x, y, given=z, groups=np.arange(30))
    scaled = linear_association(x * scale, y, given=z * scale, groups=np.arange(30))
    assert_allclose(scaled.slope * scale, plain.slope, rtol=1e-9)
    for name in ("r_squared", "given_r_squared", "r_squared_gain", "partial_correlation"):
        assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-6)
    ends = [[line.within_steps_lower, line.within_steps_upper] for line in (scaled, plain)]
    assert_allclose(*ends, rtol=1e-6)


def test_a_slope_that_no_float_holds_is_refused():
    with pytest.raises(ValueError, match="Change their units"):
        linear_association([0, 1e-300, 2e-300], [0, 1e300, 3e300])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "at least 3 points, got 2"),
        ({"given": [1.0, 2.0, 3.0]}, "one length"),
        ({"x": [[1.0], [2.0], [3.0], [4.0]]}, "one length"),
        ({"y": [1.0, np.nan, 3.0, 4.0]}, "in 1 of 4"),
        ({"groups": [0, 1]}, "groups of shape"),
        ({"steps": [0, 1]}, "steps of shape"),
        ({"groups": [0, 0, 1, 1], "steps": [5, 5, 5, 6]}, "one point of a run at each step, got 2"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_refuses_bad_input(change, message):
    good = {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 1.0, 4.0, 3.0]}
    with pytest.raises(ValueError, match=message):
        linear_association(**good | change)
