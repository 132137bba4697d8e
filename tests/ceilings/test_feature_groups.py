"""Which columns pay: definitions, known truths, invariances, errors."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import entr, expit
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, learnability_by_feature_group
from sklearn_learnability.ceilings._column_subsets import PairedRows
from sklearn_learnability.ceilings._feature_groups import assess_group
from sklearn_learnability.exceptions import DuplicateRowsWarning, UndefinedInformationWarning
from sklearn_learnability.metrics._shapley import plan_shapley

LOGISTIC = [("logistic", LogisticRegression())]
GROUPS = {"one": ["a", "b"], "two": "c", "three": ["d"]}


def make_table(n=600, seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.standard_normal((n, 4)), columns=list("abcd"))
    y = (rng.uniform(size=n) < expit(X["a"] + X["b"] + X["c"])).astype(int).to_numpy()
    return X, y


def report_of(X, y, feature_groups=GROUPS, budget=64, **rows):
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y, **rows)
    return learnability_by_feature_group(
        ceiling, X, y, feature_groups=feature_groups, budget=budget, **rows
    )


def numbers(report):
    return report.to_frame().set_index("group").sort_index()


def test_every_number_is_what_it_says():
    X, y = make_table()
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    report = learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS)
    splits = ceiling._record.folds.splits
    own = {
        columns: GoldenModelCeiling(LOGISTIC, cv=splits).fit(X[list(columns)], y)
        for columns in ("ab", "cd", "d", "abc")
    }
    one, two, three = report.groups
    assert [part.group for part in report.groups] == ["one", "two", "three"]
    assert one.columns == ("a", "b")
    assert one.alone.value == pytest.approx(own["ab"].learnability_)
    assert (one.alone.lower, one.alone.upper) == pytest.approx(own["ab"].learnability_interval_)
    assert one.on_top.value == pytest.approx(ceiling.learnability_ - own["cd"].learnability_)
    assert three.alone.value == pytest.approx(own["d"].learnability_)
    assert three.on_top.value == pytest.approx(ceiling.learnability_ - own["abc"].learnability_)
    assert two.overlap.value == pytest.approx(two.alone.value - two.on_top.value)
    assert report.learnability.value == pytest.approx(ceiling.learnability_)
    assert (report.is_exact, report.n_fits, report.n_orders) == (True, 6, 0)
    total = sum(part.shapley.value for part in report.groups)
    assert total == pytest.approx(ceiling.learnability_, abs=1e-12)


def linear_learnability(known, hidden):
    """L of a Gaussian score of which a part is seen, its variances given, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    score = np.sqrt(known) * nodes[:, None] + np.sqrt(hidden) * nodes
    p = expit(score) @ weights
    return 1 - weights @ (entr(p) + entr(1 - p)) / np.log(2)


def test_intervals_hold_the_exact_truth_of_a_linear_law():
    X, y = make_table(2500, seed=1)
    everything = linear_learnability(3, 0)
    truth = {
        "one": (linear_learnability(2, 1), everything - linear_learnability(1, 2)),
        "two": (linear_learnability(1, 2), everything - linear_learnability(2, 1)),
        "three": (0.0, 0.0),
    }
    for part in report_of(X, y).groups:
        alone, on_top = truth[part.group]
        assert part.alone.lower < alone < part.alone.upper
        assert part.on_top.lower < on_top < part.on_top.upper
        assert part.overlap.lower < alone - on_top < part.overlap.upper
        # the score is additive and the columns are independent: two groups that say anything
        assert part.shapley.lower < (alone + on_top) / 2 < part.shapley.upper


def test_copies_have_all_in_common_and_products_nothing():
    X, y = make_table()
    copies = report_of(X[["a", "b", "c"]].assign(a2=X["a"]), y, {"a": "a", "a2": "a2"})
    a, a2, _ = copies.groups
    assert a.alone.value == pytest.approx(a2.alone.value)
    for part in (a, a2):
        assert part.on_top.lower < 0 < part.on_top.upper
        assert part.overlap.lower > 0
        assert part.shapley.value == pytest.approx(part.alone.value / 2, rel=0.3)

    rng = np.random.RandomState(0)
    signs = rng.choice([-1, 1], size=(900, 2))
    labels = np.where(rng.uniform(size=900) < 0.8, signs.prod(axis=1), -signs.prod(axis=1))
    ceiling = GoldenModelCeiling(["prior", "splines"], random_state=0).fit(signs, labels)
    left, right = learnability_by_feature_group(ceiling, signs, labels).groups
    for part in (left, right):
        assert part.overlap.upper < 0
        assert part.alone.lower <= 0 < part.on_top.lower
    assert left.shapley.value == pytest.approx(right.shapley.value, abs=0.02)


def test_orders_of_groups_columns_and_kinds_of_tables_do_not_matter():
    polars = pytest.importorskip("polars")
    X, y = make_table()
    expected = numbers(report_of(X, y))
    turned = dict(reversed(GROUPS.items()))
    positions = {"one": [1, 0], "two": 2, "three": [-1]}
    read_only = X.to_numpy(copy=True)
    read_only.flags.writeable = False
    others = {
        "mapping": report_of(X, y, turned),
        "columns": report_of(X[list("dbca")], y),
        "array": report_of(read_only, y, positions),
        "positions": report_of(X, y, positions),
        "polars": report_of(polars.from_pandas(X), y),
        "numpy names": report_of(X, y, {k: np.array(v, ndmin=1) for k, v in GROUPS.items()}),
        "weights": report_of(X, y, sample_weight=np.full(600, 3e-9)),
    }
    for name, report in others.items():
        np.testing.assert_allclose(numbers(report), expected, rtol=1e-3, atol=1e-5, err_msg=name)
    assert [part.group for part in others["mapping"].groups] == ["three", "two", "one"]
    assert others["array"].groups[0].columns == (0, 1)


def test_columns_in_no_group_are_one_and_without_groups_each_column_is():
    X, y = make_table()
    report = report_of(X, y, {"first": "b"})
    assert [part.group for part in report.groups] == ["first", "other columns"]
    assert report.groups[1].columns == ("a", "c", "d")
    assert [part.group for part in report_of(X, y, None).groups] == list("abcd")


def test_names_that_are_whole_numbers_are_no_positions():
    X, y = make_table(200)
    expected = numbers(report_of(X, y, None))
    for names in ([3, 2, 1, 0], [1, 2, 3, 4]):
        found = report_of(X.set_axis(names, axis=1), y, None)
        assert [part.group for part in found.groups] == [str(name) for name in names]
        assert [part.columns for part in found.groups] == [(name,) for name in names]
        shares = [part.shapley.value for part in found.groups]
        np.testing.assert_allclose(shares, expected["shapley"], atol=1e-9)


@pytest.mark.parametrize(
    "some",
    [pd.Index(["a", "b"]), {"a", "b"}, pd.Series(["a", "b"]), {"a": 0, "b": 1}.keys(), range(2)],
)
def test_any_iterable_names_columns(some):
    X, y = make_table(200)
    assert report_of(X, y, {"one": some}).groups[0].columns == ("a", "b")


@pytest.mark.parametrize("family", [["logistic"], ["splines"], ["sparse_splines"]])
def test_constant_columns_say_nothing_in_any_fold(family):
    """Columns are constant, or so rarely not that they are constant where some fold learns."""
    X, y = make_table(200)
    X = X[["a"]].assign(constant=1.0, text="x", rare=np.arange(200) == 7)
    ceiling = GoldenModelCeiling(family, cv=2, random_state=0).fit(X, y)
    a, *others = learnability_by_feature_group(ceiling, X, y).groups
    assert a.alone.value == pytest.approx(ceiling.learnability_, abs=0.05)
    for part in others:
        assert part.alone.value == pytest.approx(0, abs=0.02)
        assert part.alone.lower < 0 < part.alone.upper


@pytest.mark.parametrize("family", [["logistic"], ["splines"]])
def test_constant_numbers_beside_categories(family):
    X, y = make_table(200)
    X = pd.DataFrame({"text": np.where(X["a"] > 0, "x", "z"), "constant": 1.0, "c": X["c"]})
    ceiling = GoldenModelCeiling(family, cv=2, random_state=0).fit(X, y)
    groups = {"one": ["text", "constant"], "two": "c"}
    one, _ = learnability_by_feature_group(ceiling, X, y, feature_groups=groups).groups
    assert one.alone.value > 0.03


@pytest.mark.parametrize(("budget", "held"), [(36, 0.85), (60, 0.93)])
def test_intervals_of_few_orders_hold_the_exact_shares(budget, held):
    """Three of the groups say something together only, which few orders may not show."""
    exact = plan_shapley(8, 254, np.random.RandomState(0))
    n_held = []
    for seed in range(60):
        plan = plan_shapley(8, budget, np.random.RandomState(seed))
        shares = []
        for own in (exact, plan):
            value = own.members[:, :3].all(axis=1) + own.members[:, 3] * own.members[:, 4]
            loss = np.tile(3 - value.astype(float), (50, 1))
            rows = PairedRows(np.full(50, 3.0), np.ones(50), None, "bits", 0.0)
            shares.append([assess_group("", (), at, own, loss, rows).shapley for at in range(3)])
        n_held += [
            drawn.lower - 1e-9 <= all_.value <= drawn.upper + 1e-9
            for all_, drawn in zip(*shares, strict=True)
        ]
    assert np.mean(n_held) > held


def test_groups_widen_the_intervals_and_units_change_nothing():
    X, y = make_table(300)
    copies = np.tile(np.arange(300), 5)
    many = (X.iloc[copies].reset_index(drop=True), y[copies])
    warnings.simplefilter("ignore", DuplicateRowsWarning)
    clustered = report_of(*many, groups=copies)
    single = report_of(*many, groups=np.arange(1500))
    wide, narrow = (part.groups[0].on_top for part in (clustered, single))
    assert wide.upper - wide.lower > 1.8 * (narrow.upper - narrow.lower)
    in_nats = GoldenModelCeiling(LOGISTIC, random_state=0, units="nats").fit(X, y)
    found = learnability_by_feature_group(in_nats, X, y, feature_groups=GROUPS)
    np.testing.assert_allclose(numbers(found), numbers(report_of(X, y)), rtol=1e-9, atol=1e-12)
    assert found.label_entropy == pytest.approx(np.log(2), rel=0.01)


def test_folds_in_order():
    X, y = make_table()
    ceiling = GoldenModelCeiling(LOGISTIC, cv=TimeSeriesSplit(4)).fit(X, y)
    report = learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS)
    assert report.learnability.value == pytest.approx(ceiling.learnability_)
    assert report.learnability.lower == pytest.approx(ceiling.learnability_interval_[0])


def test_a_budget_draws_orders_and_says_how_far_they_scatter():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((600, 6)) + rng.standard_normal((600, 1))
    y = (rng.uniform(size=600) < expit(X.sum(axis=1) / 3)).astype(int)
    ceiling = GoldenModelCeiling(LOGISTIC, cv=2, calibration=None, random_state=0).fit(X, y)
    exact, drawn = (
        learnability_by_feature_group(ceiling, X, y, budget=budget) for budget in (62, 32)
    )
    assert drawn.n_fits <= 32
    assert drawn.n_orders >= 4
    for all_, some in zip(exact.groups, drawn.groups, strict=True):
        assert all_.sampling_error == 0 < some.sampling_error
        assert some.shapley.standard_error > all_.shapley.standard_error * 0.8
        assert some.shapley.lower <= all_.shapley.value <= some.shapley.upper
    total = sum(part.shapley.value for part in drawn.groups)
    assert total == pytest.approx(drawn.learnability.value, abs=1e-12)
    with pytest.raises(ValueError, match="at least 24 fits for 6 groups, got 23"):
        report_of(X, y, None, budget=23)


def test_the_same_report_twice_and_the_ceiling_stays_as_it_is():
    X, y = make_table(300)
    trees = ("trees", HistGradientBoostingClassifier(max_iter=5))
    ceiling = GoldenModelCeiling([*LOGISTIC, trees], cv=3, random_state=0).fit(X, y)
    before = (ceiling.learnability_, ceiling.n_features_in_, dict(ceiling.get_params()))
    first, second = (
        learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS) for _ in range(2)
    )
    assert first == second
    assert before == (ceiling.learnability_, ceiling.n_features_in_, ceiling.get_params())


def test_finished_fits_are_kept(tmp_path):
    X, y = make_table(300)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0, memory=str(tmp_path)).fit(X, y)
    learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS)
    kept = len(list(tmp_path.rglob("output.pkl")))
    assert kept == 5 * 7
    learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS)
    assert len(list(tmp_path.rglob("output.pkl"))) == kept


class NeedsThree(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        if X.shape[1] < 3:
            raise ValueError("too narrow")
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"one": ["a", "x"]}, ValueError, r"one of the columns .* got 'x' in group 'one'\."),
        ({"one": ["a", 7]}, ValueError, "column of 4, got position 7"),
        ({"one": "a", "two": ["b", "a"]}, ValueError, "column 0 in 'one' and in 'two'"),
        ({"one": ["a", "a"]}, ValueError, "every column once"),
        ({"one": []}, ValueError, "at least one column, got none in group 'one'"),
        ({"one": list("abcd")}, ValueError, "at least two groups"),
        ({"one": [True]}, ValueError, "got True"),
        ({"one": np.array([True, False])}, ValueError, "got np.True_|got True"),
        ({"one": np.array("a")}, ValueError, "got array"),
        ({"one": None}, ValueError, "got None"),
        ({}, ValueError, "at least two groups"),
        ({"other columns": "a"}, ValueError, "no group named 'other columns'"),
        ([["a"], ["b"]], TypeError, "as a mapping of names to columns"),
    ],
)
def test_groups_that_are_none(groups, error, message):
    X, y = make_table(200)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    with pytest.raises(error, match=message):
        learnability_by_feature_group(ceiling, X, y, feature_groups=groups)


def test_errors():
    X, y = make_table(200)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0)
    with pytest.raises(NotFittedError):
        learnability_by_feature_group(ceiling, X, y)
    with pytest.raises(TypeError, match="fitted GoldenModelCeiling, got BaseEstimator"):
        learnability_by_feature_group(BaseEstimator(), X, y)
    ceiling.fit(X, y)
    with pytest.raises(ValueError, match="rows that the ceiling was fitted on"):
        learnability_by_feature_group(ceiling, X, 1 - y)
    with pytest.raises(ValueError, match="budget"):
        learnability_by_feature_group(ceiling, X, y, budget=0)
    named = X.rename(columns={"a": "amount"})
    ceiling.fit(named, y)
    with pytest.raises(ValueError, match="Did you mean 'amount'"):
        learnability_by_feature_group(ceiling, named, y, feature_groups={"one": "amont"})
    narrow = GoldenModelCeiling([*LOGISTIC, ("three", NeedsThree())], random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="error from 'three' on 1: ValueError: too narrow"):
        learnability_by_feature_group(narrow, X, y)
    late = np.r_[y[:60], np.zeros(140, int)]
    with pytest.warns(UndefinedInformationWarning):
        one_class = GoldenModelCeiling(LOGISTIC, cv=TimeSeriesSplit(3)).fit(X, late)
    with pytest.raises(ValueError, match="at least 2 classes, got one"):
        learnability_by_feature_group(one_class, X, late)
    frozen = [("frozen", FrozenEstimator(LogisticRegression().fit(*make_table(200, 1))))]
    with pytest.raises(ValueError, match="frozen"):
        learnability_by_feature_group(GoldenModelCeiling(frozen).fit(X, y), X, y)


def test_a_candidate_that_the_ceiling_left_out_is_left_out():
    X, y = make_table(300)

    class Fails(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            if X.shape[1] > 3:
                raise ValueError("too wide")
            return super().fit(X, y, sample_weight)

    family = [*LOGISTIC, ("narrow", Fails())]
    with pytest.warns(UserWarning, match="'narrow' is left out"):
        ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
    found = learnability_by_feature_group(ceiling, X, y, feature_groups=GROUPS)
    np.testing.assert_allclose(numbers(found), numbers(report_of(X, y)), rtol=1e-9, atol=1e-12)
