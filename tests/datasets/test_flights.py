import numpy as np
import pandas as pd
import pytest

from sklearn_learnability.datasets import _flights, load_flights


@pytest.fixture(scope="module")
def flights():
    try:
        return load_flights()
    except ImportError as missing:
        pytest.skip(str(missing))


def test_every_flight_is_a_row_or_counted_as_left_out(flights):
    assert len(flights.data) + flights.n_without_arrival == 336_776
    assert flights.n_without_arrival == 9_430
    assert flights.target.mean() == pytest.approx(0.2371, abs=1e-4)


def test_rows_are_in_time_order_and_aligned(flights):
    assert flights.date.is_monotonic_increasing
    assert flights.date.nunique() == 365
    assert flights.date.index.equals(flights.data.index)
    assert (flights.data["weekday"] == flights.date.dt.day_of_week).all()
    same_day = flights.data["departure_minute"].groupby(flights.date)
    assert same_day.apply(lambda minutes: minutes.is_monotonic_increasing).all()


def test_nothing_known_only_after_departure_is_a_feature(flights):
    leaking = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "late"}
    assert not leaking & set(flights.data.columns)


def test_categories_are_categorical_and_missing_values_are_nan(flights):
    for name in ("carrier", "dest", "model"):
        assert isinstance(flights.data[name].dtype, pd.CategoricalDtype)
    assert flights.data["plane_year"].isna().mean() == pytest.approx(0.1634, abs=1e-4)
    assert set(np.unique(flights.target)) == {0, 1}


def test_late_is_more_than_fifteen_minutes_after_schedule(flights):
    raw = _flights.read_table(_flights.installed_package(), "flights.csv.zip")
    assert flights.target.sum() == (raw["arr_delay"] > 15).sum()
