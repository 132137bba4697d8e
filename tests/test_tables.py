"""Tables: what is a number is read as one, in whatever it is held."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability._tables import clean_table, comparable_rows, hash_rows
from sklearn_learnability.exceptions import ConvertedColumnsWarning

CHEAP = ["prior", "logistic"]
DAYS = pd.date_range("2013-01-01", periods=30)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :10], y


def objects(frame):
    return frame.astype(object)


def decimals(frame):
    return frame.map(lambda value: Decimal(repr(float(value))))


def polars_decimals(frame):
    polars = pytest.importorskip("polars")
    return polars.from_pandas(frame).select(polars.all().cast(polars.Decimal(20, 8)))


@pytest.mark.parametrize("held", [objects, decimals, polars_decimals])
def test_numbers_held_as_objects_are_numbers(cancer, held):
    X, y = cancer
    plain = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(X, y)
    with pytest.warns(ConvertedColumnsWarning, match=r"'mean area'.* hold numbers as objects"):
        other = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(held(X), y)
    assert plain.learnability_ > 0.7
    assert other.learnability_ == pytest.approx(plain.learnability_, rel=1e-6)


def texts_with_gaps(frame):
    return frame.astype(str).where(frame > frame.min())


def polars_texts(frame):
    polars = pytest.importorskip("polars")
    return polars.from_pandas(frame).select(polars.all().cast(polars.String))


@pytest.mark.parametrize("held", [texts_with_gaps, polars_texts])
def test_amounts_held_as_texts_are_told(cancer, held):
    X, _ = cancer
    with pytest.warns(ConvertedColumnsWarning, match=r"'mean area'.* fractions as texts"):
        read = clean_table(BaseEstimator(), held(X), reset=True)
    assert all(isinstance(value, str) for value in read["mean area"].dropna())


def test_codes_and_named_categories_are_told_of_nothing():
    frame = pd.DataFrame(
        {
            "code": ["02139", "10001", None],
            "version": ["1.1", "2", "2.0.1"],
            "size": pd.Categorical(["0.5", "1.5", "0.5"]),
            "empty": pd.Series([None, None, None], dtype=object),
        }
    )
    read = clean_table(BaseEstimator(), frame, reset=True)
    assert read["code"].tolist()[:2] == ["02139", "10001"]


def test_flags_with_gaps_are_numbers_without_a_word():
    fitted = BaseEstimator()
    frame = pd.DataFrame({"flag": pd.Series([True, None, False], dtype=object)})
    read = clean_table(fitted, frame, reset=True)["flag"]
    np.testing.assert_array_equal(read, [1.0, np.nan, 0.0])


def polars_dates():
    polars = pytest.importorskip("polars")
    return polars.DataFrame({"day": DAYS.to_list()})


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"day": DAYS}),
        lambda: pd.DataFrame({"day": [day.date() for day in DAYS]}),
        lambda: pd.DataFrame({"day": [None, *(datetime.time(i % 24) for i in range(29))]}),
        lambda: pd.DataFrame({"day": DAYS.to_period("D")}),
        lambda: pd.DataFrame({"day": DAYS - DAYS[0]}),
        lambda: pd.DataFrame({"day": DAYS.tz_localize("UTC")}),
        lambda: DAYS.to_numpy()[:, None],
        lambda: DAYS.to_numpy().astype("datetime64[ns]")[:, None],
        lambda: np.array([[day.date(), 1] for day in DAYS], dtype=object),
        polars_dates,
    ],
)
def test_dates_and_times_are_refused_in_every_table(make):
    with pytest.raises(TypeError, match=r"dates or times in .*Split them"):
        GoldenModelCeiling(CHEAP, cv=2).fit(make(), np.arange(30) % 2)


def read(fitted, **columns):
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    return clean_table(fitted, frame, reset=False)


def test_whole_numbers_are_one_category_whatever_type_holds_them():
    fitted = BaseEstimator()
    clean_table(fitted, pd.DataFrame({"code": pd.Categorical([1, 2, 3])}), reset=True)
    for same in ([1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"], np.array([1, 2, 3], dtype=np.int8)):
        assert read(fitted, code=same)["code"].tolist() == ["1", "2", "3"]
    large = 2**60 + 1
    assert read(fitted, code=[large])["code"].tolist() == [str(large)]
    assert read(fitted, code=[1.5, None, True])["code"].isna().tolist() == [False, True, False]


def test_text_where_fit_saw_numbers_is_refused():
    fitted = BaseEstimator()
    clean_table(fitted, pd.DataFrame({"age": [1.0, 2.0]}), reset=True)
    assert read(fitted, age=np.array([3, None], dtype=object))["age"].isna().tolist() == [
        False,
        True,
    ]
    with pytest.raises(ValueError, match=r"Expected numbers in column 'age', as in fit, got 'old'"):
        read(fitted, age=["old", 3])


def test_columns_no_reading_is_right_for_are_refused():
    table = pd.DataFrame(np.zeros((3, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="unique column names"):
        clean_table(BaseEstimator(), table, reset=True)
    with pytest.raises(TypeError, match="got complex ones in column 'z'"):
        clean_table(BaseEstimator(), pd.DataFrame({"z": [1j, 2.0]}), reset=True)


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        lambda rows: np.array(rows, dtype=np.float32)[:, :, None],
        pd.DataFrame,
        lambda rows: pytest.importorskip("polars").DataFrame(rows, orient="row"),
        lambda rows: pytest.importorskip("scipy.sparse").csr_matrix(rows),
        lambda rows: [f"{a} of {b}" for a, b in rows],
    ],
)
def test_equal_rows_are_found_in_whatever_holds_them(make):
    hashes = hash_rows(comparable_rows(make([[1, 0], [0, 2], [1, 0]])))
    assert hashes[0] == hashes[2] != hashes[1]


def test_rows_that_cannot_be_compared_are_said_to_be():
    assert hash_rows(comparable_rows(pd.DataFrame({"cell": [[1], [2]]}))) is None
    assert comparable_rows([[1], [2, 3]]) is None


@pytest.mark.parametrize(
    "names",
    [
        [0, 1, 2],
        [2, 0, 1],
        [10, 20, 30],
        [0.5, 1.5, 2.5],
        pd.MultiIndex.from_product([["a"], ["p", "q", "r"]]),
        DAYS[:3],
    ],
    ids=["positions", "permuted", "whole", "halves", "levels", "dates"],
)
def test_names_of_columns_do_not_matter(names):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=90), "kind": rng.choice(list("ab"), 90)})
    table["depth"] = rng.normal(size=90)
    y = (table["size"] + (table["kind"] == "a") + rng.normal(size=90) > 0).astype(int)
    named = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(table, y)
    renamed = table.set_axis(names, axis=1)
    other = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(renamed, y)
    np.testing.assert_array_equal(other.oof_nll_, named.oof_nll_)
    np.testing.assert_array_equal(other.predict_proba(renamed), named.predict_proba(table))
    with pytest.raises(ValueError, match=r"Expected the columns .* as in fit"):
        other.predict_proba(renamed.iloc[:, ::-1])


def test_predictions_take_tables_after_arrays_and_arrays_after_tables(cancer):
    X, y = cancer
    rows = np.r_[:40, 100:140]
    X, y = X.iloc[rows, :3], y.iloc[rows]
    of_table = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(X, y)
    of_array = GoldenModelCeiling(CHEAP, cv=3, random_state=0).fit(X.to_numpy(), y)
    expected = of_table.predict_proba(X)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(of_table.predict_proba(X.to_numpy()), expected)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(of_table.predict_proba(X.to_numpy().tolist()), expected)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        np.testing.assert_allclose(of_array.predict_proba(X), expected)


def test_tables_of_arrow_are_those_of_pandas():
    pa = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=60), "kind": rng.choice(list("ab"), 60)})
    y = rng.integers(0, 2, 60)
    ceiling = GoldenModelCeiling(CHEAP, cv=3, random_state=0)
    expected = ceiling.fit(table, y).oof_nll_
    arrow = pa.Table.from_pandas(table)
    np.testing.assert_array_equal(ceiling.fit(arrow, y).oof_nll_, expected)
    with pytest.raises(TypeError, match="got dates or times in column 'day'"):
        ceiling.fit(arrow.append_column("day", pa.array(DAYS.repeat(2))), y)


def test_masked_numbers_are_missing():
    values = np.random.default_rng(0).normal(size=(60, 2))
    gap = (values > 1) & [True, False]
    y = np.tile([0, 1], 30)
    ceiling = GoldenModelCeiling(CHEAP, cv=3, random_state=0)
    expected = ceiling.fit(np.where(gap, np.nan, values), y).oof_nll_
    masked = np.ma.masked_array(values, mask=gap)
    np.testing.assert_array_equal(ceiling.fit(masked, y).oof_nll_, expected)


@pytest.mark.filterwarnings("ignore:The columns")
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            pd.DataFrame({"a": pd.Series([10**400, 1, 2], dtype=object)}),
            "Expected numbers below 1.8e308 in column 'a'",
        ),
        (pd.DataFrame({"a": [1j, 1, 2]}, dtype=object), "Expected real numbers, got complex"),
        (np.array([["a"], ["b"], ["a"]], dtype=object), "Expected an array of numbers, got str"),
        (pd.DataFrame([[1, 2]] * 3, columns=["a", "a"]), "Expected unique column names"),
    ],
)
def test_what_no_table_holds_is_named(X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        GoldenModelCeiling(["prior"], cv=3).fit(X, [0, 1, 1])
