"""The order of rows: told where it matters, and seldom where it does not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from sklearn_learnability import CalibratedNLL, GoldenModelCeiling
from sklearn_learnability._row_order import LEVEL, columns_as_numbers, order_test, warn_of_order
from sklearn_learnability.exceptions import DependentRowsWarning, OrderedRowsWarning


def survey(seed=0, n=944):
    """Voters by party, income and age; the party itself is not among the inputs."""
    rng = np.random.default_rng(seed)
    party = rng.integers(0, 7, n)
    vote = (rng.random(n) < 1 / (1 + np.exp(-1.2 * (party - 3)))).astype(int)
    stance = np.clip(party + rng.integers(-2, 3, n), 0, 6)
    X = np.column_stack([stance, rng.integers(0, 24, n), rng.integers(18, 91, n)]).astype(float)
    return X, vote, party


def drifting(n=1000):
    """The direction that decides the label turns by a right angle."""
    rng = np.random.default_rng(0)
    X, turn = rng.standard_normal((n, 4)), np.linspace(0, np.pi / 2, n)
    score = X[:, 0] * np.cos(turn) + X[:, 1] * np.sin(turn) + 0.3 * rng.standard_normal(n)
    return X, (score > 0).astype(int)


def copied():
    X, y, _ = survey(n=200)
    return np.repeat(X, 4, axis=0), np.repeat(y, 4)


def sorted_by_party():
    X, y, party = survey()
    order = np.argsort(party, kind="stable")
    return X[order], y[order]


def digits():
    """Writers follow one another."""
    return load_digits(return_X_y=True)


@pytest.mark.parametrize("make", [sorted_by_party, drifting, copied, digits])
def test_an_order_that_matters_is_told(make):
    X, y = make()
    with pytest.warns(OrderedRowsWarning, match=r"lose 0\.\d\d of the label entropy more"):
        warn_of_order(X, y, 5, None)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_rows_sorted_by_label_or_not_at_all_are_no_concern(load):
    X, y = load(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_order(X, y, 5, None)
        order = np.argsort(y, kind="stable")
        warn_of_order(X[order], y[order], 5, None)


def test_both_estimators_tell_and_groups_are_an_answer_a_splitter_for_its_folds_alone():
    X, y = sorted_by_party()
    for make in (
        lambda **options: GoldenModelCeiling(["prior", "logistic"], random_state=0, **options),
        lambda **options: CalibratedNLL(LogisticRegression(), random_state=0, **options),
    ):
        with pytest.warns(OrderedRowsWarning):
            make(cv=5).fit(X, y)
        with pytest.warns(DependentRowsWarning):
            make(cv=KFold(5, shuffle=True, random_state=0)).fit(X, y)
        make(cv=KFold(5)).fit(X, y)  # whose interval counts blocks of neighbours
        make(cv=5).fit(X, y, groups=np.arange(len(y)) // 20)


def test_the_ceiling_of_a_sorted_survey_is_that_of_the_shuffled_one():
    """Folds cut from the sorted table would put it below a logistic regression."""
    X, y, party = survey()
    order = np.argsort(party, kind="stable")
    options = {"calibration": None, "blend": "best", "random_state": 0}
    shuffled = GoldenModelCeiling(["logistic"], **options).fit(X, y)
    with pytest.warns(OrderedRowsWarning):
        by_party = GoldenModelCeiling(["logistic"], **options).fit(X[order], y[order])
    assert by_party.learnability_ == pytest.approx(shuffled.learnability_, abs=0.01)


def test_any_table_is_read_and_what_cannot_be_is_let_be():
    frame = pd.DataFrame({"gap": [np.nan] * 200, "name": ["a", None] * 100, "flag": [True] * 200})
    assert columns_as_numbers(frame).shape == (200, 1)
    for X in (frame, [f"text {i}" for i in range(200)], np.zeros((200, 3, 3)), [[1], [1, 2]] * 100):
        warn_of_order(X, np.arange(200) % 2, 5, None)


@pytest.mark.slow
def test_exchangeable_rows_are_seldom_warned_of():
    """The p-values are near uniform; about one table in a thousand is warned of."""
    p_values = []
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        n, scale = rng.integers(100, 260), rng.choice([0.3, 1.0, 3.0])
        X = rng.standard_normal((n, rng.integers(1, 8)))
        X[:, 0] = np.round(X[:, 0])
        y = (X[:, 0] + scale * rng.standard_normal(n) > 0).astype(int)
        p_values.append(order_test(columns_as_numbers(pd.DataFrame(X)), y, 5).p_value)
    p_values = np.array(p_values)
    assert 0.03 < (p_values < 0.05).mean() < 0.08
    assert (p_values < LEVEL).mean() <= 0.003
