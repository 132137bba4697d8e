"""Folds: one meaning of `cv` everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, PredefinedSplit, TimeSeriesSplit

from sklearn_learnability import CalibratedNLL, GoldenModelCeiling
from sklearn_learnability._folds import make_folds, warn_of_missing_classes
from sklearn_learnability.exceptions import MissingClassWarning


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
        (1, None, "between 2 and 10 folds, the number of rows"),
        (4, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0], "between 2 and 3 folds, the number of groups"),
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
