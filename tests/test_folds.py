"""Folds: one meaning of `cv` everywhere."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, PredefinedSplit, TimeSeriesSplit

from sklearn_learnability import CalibratedNLL, GoldenModelCeiling, GoldenModelCeilingRegressor
from sklearn_learnability._folds import make_folds, warn_of_missing_classes
from sklearn_learnability.exceptions import (
    MissingClassWarning,
    UndefinedInformationWarning,
    UnpredictedRowsWarning,
    ZeroProbabilityWarning,
)


@given(codes=st.lists(st.integers(0, 3), min_size=6, max_size=60), n_folds=st.integers(2, 6))
def test_a_number_of_folds_is_a_stratified_partition(codes, n_folds):
    codes = np.array(codes)
    folds = make_folds(n_folds, None, codes, random_state=0)
    assert folds.is_partition
    assert len(folds.splits) == n_folds
    for code in np.unique(codes):
        counts = np.bincount(folds.fold_of[codes == code], minlength=n_folds)
        assert np.ptp(counts) <= 1
    for train, test in folds.splits:
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(codes)))


def test_rows_are_shuffled_and_the_seed_decides():
    codes = np.tile([0, 1], 500)
    first, again, other = (make_folds(5, None, codes, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.fold_of, again.fold_of)
    assert not np.array_equal(first.fold_of, other.fold_of)
    # every fold holds rows of every part of the order
    for fold in range(5):
        parts = np.bincount(np.flatnonzero(first.fold_of == fold) // 200, minlength=5)
        assert parts.min() > 20


def test_groups_stay_whole():
    groups = np.repeat(np.arange(30), 4)
    codes = np.tile([0, 1], 60)
    folds = make_folds(5, codes[:, None], codes, groups, random_state=0)
    assert folds.is_partition
    assert all(len(set(folds.fold_of[groups == group])) == 1 for group in range(30))


@pytest.mark.parametrize(
    ("n_folds", "groups", "message"),
    [
        (1, None, "between 2 and 10, the number of rows"),
        (4, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0], "between 2 and 3, the number of groups"),
    ],
)
def test_impossible_numbers_of_folds_are_refused(n_folds, groups, message):
    with pytest.raises(ValueError, match=message):
        make_folds(n_folds, None, np.tile([0, 1], 5), groups)


def test_folds_in_time_order_are_seen_as_such():
    codes, X = np.tile([0, 1], 20), np.zeros((40, 1))
    ordered = make_folds(TimeSeriesSplit(3), X, codes)
    assert ordered.ordered
    assert not ordered.is_partition
    assert [rows.max() < scored.min() for rows, scored in ordered.tuning_rows()] == [True, True]
    assert not make_folds(KFold(4), X, codes).ordered


def test_a_class_absent_from_training_rows_is_named():
    codes = np.array([0, 1] * 10 + [2])
    cv = PredefinedSplit(np.arange(21) % 3)
    with pytest.warns(MissingClassWarning, match="1 of 3 folds"):
        warn_of_missing_classes(codes, make_folds(cv, np.zeros((21, 1)), codes))


def test_ceiling_and_decomposition_cut_the_same_folds():
    """Row by row the two answer from the same model, but for the mass a ceiling spreads."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2))
    y = (X[:, 0] + rng.standard_normal(300) > 0).astype(int)
    order = np.argsort(y)
    X, y = X[order], y[order]
    family = [("logistic", LogisticRegression())]
    ceiling = GoldenModelCeiling(family, calibration=None, blend="best", random_state=3).fit(X, y)
    model = CalibratedNLL(LogisticRegression(), random_state=3).fit(X, y)
    spread = 1 / 241
    np.testing.assert_allclose(
        ceiling.oof_proba_, (1 - spread) * model.oof_proba_ + spread / 2, rtol=1e-9
    )


def ceiling_of(model, **options):
    return GoldenModelCeiling([("model", model)], random_state=0, **options)


@pytest.mark.parametrize("make", [ceiling_of, CalibratedNLL])
class TestWhatBothEstimatorsTake:
    """Splits, groups and weights are read alike by the ceiling and the decomposition."""

    X = np.random.default_rng(0).standard_normal((200, 3))
    y = (X[:, 0] + np.random.default_rng(1).standard_normal(200) > 0).astype(int)

    def test_rows_trained_and_tested_in_one_fold_are_refused(self, make):
        random_labels = np.random.default_rng(2).integers(0, 2, 200)
        cv = [(np.arange(200), np.arange(0, 100)), (np.arange(100), np.arange(100, 200))]
        model = make(RandomForestClassifier(5), cv=cv)
        with pytest.raises(ValueError, match="got 100 of 100 in fold 0"):
            model.fit(self.X, random_labels)

    def test_masks_are_positions(self, make):
        test = np.arange(200) % 2 == 0
        masks, rows = [(~test, test), (test, ~test)], np.arange(200)
        positions = [(rows[train], rows[test]) for train, test in masks]
        found = [make(LogisticRegression(), cv=cv).fit(self.X, self.y) for cv in (masks, positions)]
        np.testing.assert_array_equal(found[0].oof_proba_, found[1].oof_proba_)
        with pytest.raises(ValueError, match=r"masks of shape .*got shape \(3,\)"):
            make(LogisticRegression(), cv=[([True, False, True], [1])]).fit(self.X, self.y)

    @pytest.mark.parametrize("gap", [np.nan, None])
    def test_rows_without_a_group_are_refused(self, make, gap):
        groups = np.repeat(np.arange(20), 10).astype(object)
        groups[:3] = gap
        with pytest.raises(ValueError, match="3 of 200 rows without one"):
            make(LogisticRegression()).fit(self.X, self.y, groups=groups)

    def test_groups_of_any_kind_are_the_same_groups(self, make):
        numbers = np.repeat(np.arange(20), 10)
        names = np.array([f"unit {i:02}" for i in numbers], dtype=object)
        model = (
            make(LogisticRegression(), random_state=0)
            if make is CalibratedNLL
            else make(LogisticRegression())
        )
        first = model.fit(self.X, self.y, groups=numbers).oof_proba_
        again = model.fit(self.X, self.y, groups=names).oof_proba_
        np.testing.assert_array_equal(first, again)

    def test_a_class_without_weight_leaves_nothing_to_learn(self, make):
        with pytest.raises(ValueError, match="one class that has weight"):
            make(LogisticRegression()).fit(self.X, self.y, sample_weight=self.y.astype(float))

    @pytest.mark.parametrize("rest", [1e-200, 1e-20])
    def test_a_class_whose_weight_is_lost_in_rounding_has_none(self, make, rest):
        weight = np.where(self.y == 1, 1.0, rest)
        with pytest.raises(ValueError, match="one class that has weight"):
            make(LogisticRegression()).fit(self.X, self.y, sample_weight=weight)

    @pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.UnpredictedRowsWarning")
    @pytest.mark.parametrize("rest", [1e-300, 1e-40])
    def test_a_block_whose_weight_is_lost_in_rounding_has_none(self, make, rest):
        found = []
        for weight in (0.0, rest):
            weights = np.where(np.arange(200) // 40 == 1, weight, 1.5)
            model = make(LogisticRegression(), cv=TimeSeriesSplit(4))
            found.append(model.fit(self.X, self.y, sample_weight=weights).oof_proba_)
        np.testing.assert_array_equal(*found)

    @pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.UnpredictedRowsWarning")
    def test_predicted_rows_of_one_class_leave_nothing_to_explain(self, make):
        rows = np.arange(200)
        test = np.flatnonzero(self.y == 1)[:20]
        cv = [(np.setdiff1d(rows, test), test)]
        with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
            model = make(LogisticRegression(), cv=cv).fit(self.X, self.y)
        found = model.learnability_ if make is ceiling_of else model.information_score_
        assert np.isnan(found)

    def test_an_unseen_label_is_charged_fifty_two_bits(self, make):
        model = make(LogisticRegression()).fit(self.X, self.y)
        with pytest.warns(ZeroProbabilityWarning, match="1 of 3 rows"):
            score = model.score(self.X[:3], np.array([0, 1, 2]))
        assert score < (1 - 52 / 3 / np.log2(3) if make is ceiling_of else -52 / 3)

    @pytest.mark.parametrize("scale", [1e-300, 1e-6, 1 / 200, 7.0, 1e160])
    def test_no_scale_of_weights_matters(self, make, scale):
        weight = np.random.default_rng(3).uniform(0.5, 2, 200)
        fold = KFold(4, shuffle=True, random_state=0)
        found = [
            make(LogisticRegression(), cv=fold).fit(self.X, self.y, sample_weight=s * weight)
            for s in (1.0, scale)
        ]
        np.testing.assert_allclose(found[0].oof_proba_, found[1].oof_proba_, rtol=1e-4)
        np.testing.assert_allclose(found[0].nll_, found[1].nll_, rtol=1e-6)


def test_training_rows_of_one_class_are_an_event_never_seen():
    X, y = np.zeros((100, 1)), np.repeat([0, 1, 0], [50, 20, 30])
    first, last = np.arange(50), np.arange(50, 100)
    cv = [(first, last), (last, first)]
    with pytest.warns(MissingClassWarning, match="In 1 of 2 folds"):
        ceiling = GoldenModelCeiling(["prior"], cv=cv).fit(X, y)
    # of n training rows, 1/(n + 1) of the mass is spread over both classes
    unseen, seen, frequency = 1 / 102, 101 / 102, 50 / 51 * 0.6 + 1 / 102
    expected = -(20 * np.log2(unseen) + 30 * np.log2(seen) + 50 * np.log2(frequency)) / 100
    assert ceiling.candidates_["nll"].item() == pytest.approx(expected)


@pytest.mark.parametrize("y", [[0, 1, 0], [0, 0, 0, 0, 1, 0]])
def test_a_class_of_one_row_is_measured(y):
    X = np.arange(len(y), dtype=float)[:, None]
    with pytest.warns(MissingClassWarning):
        ceiling = GoldenModelCeiling(["prior", "logistic"], cv=3, random_state=0).fit(X, y)
    assert np.isfinite(ceiling.oof_nll_).all()
    assert ceiling.learnability_ < 1


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([0.0, 1.0], [2], r"Expected positions of rows from cv, .* 0 to 5, got float64"),
        ([0, 1], [-1], "got int64 from -1 to -1"),
        ([0, 1], [6], "got int64 from 6 to 6"),
        (["0"], ["1"], "got <U1 from 0 to 0"),
        ([], [2, 3], "Expected a row to train on in every fold, got none in 0"),
        ([True] * 5, [False] * 5, r"Expected masks of shape \(6,\)"),
    ],
)
def test_positions_that_are_no_rows_are_refused(train, test, message):
    with pytest.raises(ValueError, match=message):
        make_folds([(train, test)], None, np.array([0, 1] * 3))


def test_folds_in_time_order_may_be_listed_in_any():
    codes = np.tile([0, 1], 20)
    forward = list(TimeSeriesSplit(4).split(codes))
    expected = make_folds(forward, None, codes)
    found = make_folds(forward[::-1], None, codes)
    np.testing.assert_array_equal(found.fold_of, expected.fold_of)
    for calibrated_on, scored in found.tuning_rows():
        assert calibrated_on.max() < scored.min()


def test_rows_are_not_scored_by_what_is_calibrated_on_no_weight():
    folds = make_folds(TimeSeriesSplit(4), np.zeros((40, 1)), np.tile([0, 1], 20))
    pairs = folds.tuning_rows()
    weight = np.ones(40)
    weight[pairs[0][0]] = 0
    found = folds.tuning_rows(weight)
    assert [scored.tolist() for _, scored in found] == [scored.tolist() for _, scored in pairs[1:]]


def test_a_first_block_without_weight_leaves_the_second_to_calibrate():
    X = np.random.default_rng(0).standard_normal((300, 2))
    y = X[:, 0] + np.random.default_rng(1).standard_normal(300)
    weight, cv = np.ones(300), TimeSeriesSplit(5)
    weight[50:100] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model, target in (
            (GoldenModelCeiling([("logistic", LogisticRegression())], cv=cv), y > 0),
            (GoldenModelCeilingRegressor([("line", LinearRegression())], cv=cv), y),
        ):
            assert model.fit(X, target, sample_weight=weight).n_unpredicted_ == 150
        with pytest.warns(UnpredictedRowsWarning, match="150 of 300 rows are left out"):
            CalibratedNLL(LogisticRegression(), cv=cv).fit(X, y > 0, sample_weight=weight)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(4, test_size=15), KFold(2)])
@pytest.mark.parametrize(
    "model",
    [
        CalibratedNLL(LogisticRegression()),
        GoldenModelCeiling([("logistic", LogisticRegression())]),
        GoldenModelCeilingRegressor([("linear", LinearRegression())]),
    ],
)
def test_weight_that_leaves_no_row_to_score_is_refused(cv, model):
    X = np.random.default_rng(0).standard_normal((120, 2))
    y = (X[:, 0] > 0).astype(int)
    weight = (np.arange(120) < 55).astype(float)
    target = X[:, 1] if isinstance(model, GoldenModelCeilingRegressor) else y
    with pytest.raises(ValueError, match="got weight in 55 of 120 rows, and no such fold"):
        clone(model).set_params(cv=cv).fit(X, target, sample_weight=weight)
