"""Random against forward splits: the same rows, as many to train on, differences of known sign."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, random_versus_forward
from sklearn_learnability.ceilings._random_versus_forward import forward_folds, random_splits
from sklearn_learnability.exceptions import (
    CandidateFailedWarning,
    MissingClassWarning,
    OptimisticSplitWarning,
    UndefinedInformationWarning,
)

LOGISTIC = [("logistic", LogisticRegression())]
WITH_TREES = [
    *LOGISTIC,
    ("trees", HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=12, random_state=0)),
]


def days_that_share(seed, n_days=200, per_day=20):
    """An input that tells, and a mark of the day by which its hidden level can be learned."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(n_days), per_day)
    x, mark, level = rng.standard_normal(len(day)), rng.random(n_days), rng.standard_normal(n_days)
    y = (rng.random(len(day)) < expit(x + 2 * level[day])).astype(int)
    return np.column_stack([x, mark[day]]), y, day


def law_that_turns(seed, n=2000):
    rng = np.random.default_rng(seed)
    X, turn = rng.standard_normal((n, 2)), np.linspace(0, np.pi / 2, n)
    score = 3 * (X[:, 0] * np.cos(turn) + X[:, 1] * np.sin(turn))
    return X, (rng.random(n) < expit(score)).astype(int), np.arange(n) // 20


def law_that_stays(seed, n=2000):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    return X, (rng.random(n) < expit(3 * X[:, 0])).astype(int), np.arange(n) // 20


@pytest.mark.parametrize("groups", [None, np.arange(203) // 7])
def test_splits_differ_in_their_training_rows_alone(groups):
    codes = np.tile([0, 1], 102)[:203]
    forward = forward_folds(None, np.zeros((203, 1)), codes, groups)
    splits = random_splits(forward, groups, np.random.RandomState(0))
    units = np.arange(203) if groups is None else groups
    assert [len(test) for _, test in forward.splits] == [20] * 4
    assert len(splits) == 8
    for fold, (earlier, block) in enumerate(forward.splits):
        assert not set(units[earlier]) & set(units[block])
        halves = splits[2 * fold : 2 * fold + 2]
        np.testing.assert_array_equal(np.sort(np.r_[halves[0][1], halves[1][1]]), block)
        for train, test in halves:
            assert len(np.unique(train)) == len(train) == len(earlier)
            assert not set(units[train]) & set(units[test])
        # what comes later, or stands between the rows, is drawn from too
        assert any(train.max() > block[0] for train, _ in halves)


def test_earlier_rows_are_those_of_a_forward_ceiling():
    X, y, _ = law_that_turns(0)
    cv = TimeSeriesSplit(4, test_size=200)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0)
    with pytest.warns(OptimisticSplitWarning):
        found = random_versus_forward(ceiling, X, y, cv=cv)
    forward = GoldenModelCeiling(LOGISTIC, cv=cv, random_state=0).fit(X, y)
    assert found.forward.value == pytest.approx(forward.learnability_)
    assert found.forward.lower == pytest.approx(forward.learnability_interval_[0])
    assert found.label_entropy == forward.label_entropy_
    assert found.n_test == 600
    assert not hasattr(ceiling, "learnability_")


def test_a_law_that_turns_is_drift():
    X, y, day = law_that_turns(1)
    with pytest.warns(OptimisticSplitWarning, match="of the label entropy less"):
        found = random_versus_forward(GoldenModelCeiling(LOGISTIC, random_state=0), X, y, None, day)
    assert found.is_optimistic
    assert found.drift.lower > 0.02
    assert abs(found.sharing.value) < 0.02
    assert found.sharing.value + found.drift.value == pytest.approx(found.difference.value)
    assert found.random.value - found.forward.value == pytest.approx(found.difference.value)


def test_days_of_one_level_are_shared():
    X, y, day = days_that_share(3)
    with pytest.warns(OptimisticSplitWarning):
        found = random_versus_forward(
            GoldenModelCeiling(WITH_TREES, random_state=0), X, y, None, day
        )
    assert found.sharing.lower > 0.05
    assert found.drift.lower < 0.02 < found.sharing.value
    table = found.to_frame().set_index("what")
    assert list(table.index) == [
        "random", "random_groups", "forward", "difference", "sharing", "drift",
    ]  # fmt: skip
    assert table.loc["sharing", "value"] == found.sharing.value


@pytest.mark.parametrize("weighted", [False, True])
def test_a_law_that_stays_differs_by_nothing(weighted):
    X, y, _ = law_that_stays(0)
    weight = np.random.default_rng(0).integers(1, 4, len(y)) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = random_versus_forward(
            GoldenModelCeiling(LOGISTIC, random_state=0, units="nats"), pd.DataFrame(X), y, weight
        )
    assert abs(found.difference.value) < 0.01
    assert not found.is_optimistic
    assert found.random_groups is found.sharing is found.drift is None
    assert found.units == "nats"


def test_what_cannot_be_compared_is_refused():
    X, y, _ = law_that_stays(0, 200)
    ceiling = GoldenModelCeiling(LOGISTIC)
    with pytest.raises(TypeError, match="ceiling as a GoldenModelCeiling, got LogisticRegression"):
        random_versus_forward(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="trained on earlier rows alone, got 3 of KFold"):
        random_versus_forward(ceiling, X, y, cv=KFold(3))
    with pytest.raises(ValueError, match="2 rows or groups, or more, in every block, got 1"):
        random_versus_forward(ceiling, X, y, None, np.arange(200) // 20)
    frozen = GoldenModelCeiling([("f", FrozenEstimator(LogisticRegression().fit(X, y)))])
    with pytest.raises(ValueError, match="got frozen ones"):
        random_versus_forward(frozen, X, y)


def test_kept_fits_are_found_again_without_a_seed(tmp_path):
    X, y, _ = law_that_stays(0, 300)
    ceiling = GoldenModelCeiling(LOGISTIC, memory=str(tmp_path))
    found = [random_versus_forward(ceiling, X, y) for _ in range(2)]
    assert found[0] == found[1]


def test_rows_without_weight_count_for_nothing():
    X, y, _ = law_that_stays(0, 400)
    weight = np.ones(400)
    weight[240:280] = 0  # the first block, that serves calibration alone
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = random_versus_forward(GoldenModelCeiling(LOGISTIC, random_state=0), X, y, weight)
    assert found.n_test == 80  # the next one serves it instead
    assert 0 < found.forward.value < 1


def test_tested_rows_of_one_class_hold_nothing_to_learn():
    X, y, _ = law_that_stays(0, 400)
    y[240:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UndefinedInformationWarning)
        found = random_versus_forward(GoldenModelCeiling(LOGISTIC, random_state=0), X, y)
    assert np.isnan(found.difference.value)
    assert not found.is_optimistic


class NeedsAllClasses(LogisticRegression):
    """Fails where a class is absent."""

    def fit(self, X, y, sample_weight=None):
        assert len(np.unique(y)) == 3
        return super().fit(X, y, sample_weight)


def test_a_candidate_of_some_fits_alone_is_refused():
    X, y, _ = law_that_stays(0, 400)
    y[260::3] = 2  # a class that is new to the first block
    ceiling = GoldenModelCeiling([*LOGISTIC, ("all", NeedsAllClasses())], random_state=0)
    with (
        pytest.warns(CandidateFailedWarning),
        pytest.warns(MissingClassWarning),
        pytest.raises(ValueError, match=r"same candidates in every fit, .* {'random': \['all'\]}"),
    ):
        random_versus_forward(ceiling, X, y)
