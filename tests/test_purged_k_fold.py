"""PurgedKFold: blocks and gaps by brute force, and one place among scikit-learn's splitters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score

from sklearn_learnability import PurgedKFold


def splits_of(cv, n):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(np.zeros((n, 1)))]


@given(
    steps=st.lists(st.integers(0, 3), min_size=8, max_size=40),
    n_splits=st.integers(2, 5),
    purge=st.integers(0, 4),
    embargo=st.integers(0, 3),
    kind=st.sampled_from(["rows", "numbers", "dates"]),
)
def test_what_is_left_out_is_what_is_near(steps, n_splits, purge, embargo, kind):
    n = len(steps)
    time, gaps = np.arange(n) if kind == "rows" else np.cumsum(steps), (purge, embargo)
    options = {} if kind == "rows" else {"time": time}
    if kind == "dates":
        options = {"time": pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(time, unit="D")}
        gaps = (f"{purge}D", np.timedelta64(embargo, "D"))
    cv = PurgedKFold(n_splits, purge=gaps[0], embargo=gaps[1], **options)
    blocks = [test.tolist() for _, test in KFold(n_splits).split(time)]
    expected = [
        [
            row
            for row in range(n)
            if time[row] < time[test[0]] - purge or time[row] > time[test[-1]] + purge + embargo
        ]
        for test in blocks
    ]
    assume(all(expected))
    assert splits_of(cv, n) == list(zip(expected, blocks, strict=True))


def test_without_gaps_it_is_unshuffled_folds():
    assert splits_of(PurgedKFold(4), 11) == splits_of(KFold(4), 11)


def test_the_last_block_is_that_of_forward_folds():
    [*_, (train, test)] = splits_of(PurgedKFold(5, purge=3), 50)
    assert (train, test) == splits_of(TimeSeriesSplit(4, gap=3), 50)[-1]


def test_it_serves_where_splitters_do():
    X = np.random.default_rng(0).standard_normal((120, 2))
    y = (X[:, 0] > 0).astype(int)
    cv = PurgedKFold(3, purge=2)
    assert cv.get_n_splits(X) == 3
    assert len(cross_val_score(LogisticRegression(), X, y, cv=cv)) == 3
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=cv)
    assert clone(search).fit(X, y).n_splits_ == 3
    sparse = [train.tolist() for train, _ in cv.split(csr_matrix(X), y, y)]
    assert sparse == [train for train, _ in splits_of(cv, 120)]


NUMBERS, DATES = np.arange(10), pd.date_range("2013-01-01", periods=10)
DAYS = DATES.to_pydatetime()
FAR_DATES = pytest.mark.skipif(
    int(pd.__version__.partition(".")[0]) < 3, reason="pandas 2 reads dates in nanoseconds alone"
)


@pytest.mark.parametrize(
    ("time", "purge"),
    [
        (NUMBERS.astype(np.uint8), 3),
        ((NUMBERS - 5).astype(np.int8), 3),
        (NUMBERS.astype(object), 3),
        (pd.Categorical(NUMBERS), 3),
        (pd.Series(NUMBERS, dtype="Int64"), 3),
        (10**17 + NUMBERS, 3),  # neighbours are equal as floats
        (2**63 + NUMBERS.astype(np.uint64), 3),
        (DATES, "3D"),
        (pd.Categorical(DATES), "3D"),
        (DATES.tz_localize("Europe/Berlin"), "3D"),
        (DATES.date, "3D"),
        (DATES.astype(str), "3D"),
        (DATES.as_unit("s"), "259200500ms"),  # a unit that holds no half second
        pytest.param([day.replace(year=1500) for day in DAYS], "3D", marks=FAR_DATES),
        pytest.param(
            [day.replace(year=9999, month=12, day=22 + i) for i, day in enumerate(DAYS)],
            "3D",
            marks=FAR_DATES,
        ),
    ],
)
def test_times_of_any_type_are_the_same_times(time, purge):
    expected = splits_of(PurgedKFold(5, purge=3), 10)
    assert splits_of(PurgedKFold(5, purge=purge, time=time), 10) == expected


def test_a_gap_beyond_all_dates_leaves_nothing():
    for gap in (pd.Timedelta.max, np.timedelta64(10**9, "D")):
        with pytest.raises(ValueError, match="Expected gaps that leave rows to train on"):
            splits_of(PurgedKFold(2, purge=gap, time=DATES), 10)
        with pytest.raises(ValueError, match="beside rows 0 to 4 of 10"):
            splits_of(PurgedKFold(2, purge=gap, embargo=gap, time=DATES), 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_splits": 1}, "n_splits as an integer >= 2, got 1"),
        ({"n_splits": 11}, "11 rows or more, one a fold, got 10"),
        ({"purge": 1.5}, "purge as an integer >= 0, got 1.5"),
        ({"embargo": -1}, "embargo as an integer >= 0, got -1"),
        ({"purge": 8}, "leave rows to train on, got purge=8 and embargo=0 beside rows 0 to 1"),
        ({"time": range(9)}, r"time of shape \(10,\), got \(9,\)"),
        ({"time": [*range(9), 3]}, "in rising order, got an earlier one later"),
        ({"time": [*range(9), np.nan]}, "in rising order, got 1 without a value"),
        ({"time": list("abcdefghij")}, "time as numbers or dates, .* got "),
        ({"time": DATES.strftime("%d/%m/%Y")}, "text as 2013-01-31, .* 01/01/2013 is not ISO8601"),
        ({"time": np.arange(10) + 1j}, "numbers that have an order, got complex128"),
        ({"time": [*range(9), np.inf]}, "in rising order, got 1 without a value"),
        ({"time": range(10), "purge": np.nan}, "purge in .*, got nan"),
        ({"time": DATES, "purge": 2}, "purge as a span of time such as '2D', got 2"),
        ({"time": DATES, "embargo": "-1D"}, "embargo as a span of time such as '2D', got '-1D'"),
        ({"time": DATES, "purge": "soon"}, "purge as a span of time such as '2D', got 'soon'"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        list(PurgedKFold(**options).split(np.zeros((10, 1))))
