"""The clicks of the Avazu competition, read from the user's own copy of its file."""

import gzip
import io
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals
from pandas.errors import ParserError, ParserWarning
from sklearn.utils import Bunch

from sklearn_learnability._validation import Floats, RandomState, check_count, check_random_state

COLUMNS = [
    *("id", "click", "hour", "C1", "banner_pos"),
    *("site_id", "site_domain", "site_category"),
    *("app_id", "app_domain", "app_category"),
    *("device_id", "device_ip", "device_model", "device_type", "device_conn_type"),
    *(f"C{i}" for i in range(14, 22)),
]

#: All of them name things, the numbers too.
CATEGORIES = COLUMNS[3:]

#: Where the values of a row stand that has more than the header.
BEYOND = "(beyond the last column)"

#: Rows that are read at a time.
CHUNK_ROWS = 200_000

DESCRIPTION = """Ten days of clicks on mobile advertisements, from Avazu's competition of 2014.

Target: 1 if the advertisement was clicked. Features: the hour of the day, and 21 anonymised
categories of the place, the site or app, the device and the advertisement. Source:
https://www.kaggle.com/c/avazu-ctr-prediction, whose terms do not allow to pass the file on.
"""


def load_avazu(
    path: str | os.PathLike[str],
    *,
    n_samples: int | None = None,
    random_state: RandomState = None,
    return_X_y: bool = False,
) -> Bunch | tuple[pd.DataFrame, pd.Series]:
    """Load clicks on advertisements from the training file of the Avazu competition.

    The file, ``train.gz`` or what it unpacks to, has 40,428,967 rows of 24 columns over ten days.
    It may not be passed on and is no part of this package. It is read in one pass, in pieces: with
    `n_samples` the memory that it takes grows with the rows that are kept, not with the file.

    Parameters
    ----------
    path : str or path-like
        File of comma-separated values. Plain or gzip, whatever its name.
    n_samples : int, optional
        Number of rows. Each row is as likely to be kept as any other, so that days keep their
        shares; by default, or where the file has no more, all are.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the rows that are kept.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : Bunch
        With the attributes

        data : DataFrame of shape (n_samples, 22)
            Features in the order of time: ``hour`` of the day, 0 to 23, and 21 columns of dtype
            `category`. The columns that hold numbers (``C1``, ``banner_pos``, ``device_type``,
            ``device_conn_type``, ``C14`` to ``C21``) name things too.
        target : Series of shape (n_samples,)
            1 for a click, 0 otherwise.
        frame : DataFrame of shape (n_samples, 23)
            Both.
        time : Series of shape (n_samples,)
            Date and hour, rising.
        date : Series of shape (n_samples,)
            Day: the groups of a split by days.
        n_rows : int
            Rows of the file.
        feature_names, target_names : list of str
            Names of the columns and of the classes.
        DESCR : str
            Description.

    (data, target) : tuple if ``return_X_y=True``
        The features and the target.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, ends early, has other columns or other labels than 0 and 1, or a row
        has too few or too many values or an hour that is none.

    References
    ----------
    Avazu. Click-Through Rate Prediction, 2014. https://www.kaggle.com/c/avazu-ctr-prediction

    Examples
    --------
    >>> from sklearn_learnability.datasets import load_avazu
    >>> clicks = load_avazu("train.gz", n_samples=100_000, random_state=0)  # doctest: +SKIP
    >>> clicks.data.shape, clicks.date.nunique()  # doctest: +SKIP
    ((100000, 22), 10)
    """
    if n_samples is not None:
        n_samples = check_count("n_samples", n_samples)
    with said_plainly():
        table, n_rows = kept_rows(path, n_samples, check_random_state(random_state))
    table = table.sort_values("time", kind="stable", ignore_index=True)
    time, target = table.pop("time"), table["click"]
    data = table.drop(columns="click")
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=table,
        time=time,
        date=time.dt.normalize().rename("date"),
        n_rows=n_rows,
        feature_names=list(data.columns),
        target_names=["no click", "click"],
        DESCR=DESCRIPTION,
    )


def kept_rows(
    path: str | os.PathLike[str], n_samples: int | None, rng: np.random.RandomState
) -> tuple[pd.DataFrame, int]:
    """Return the rows of the smallest random keys, in the order of the file, and how many it has.

    Each row draws one key, so that what is kept does not depend on the pieces that are read.
    """
    pieces: list[pd.DataFrame] = []
    keys = np.empty(0)
    n_rows = 0
    for piece in chunks(path):
        n_rows += len(piece)
        new = rng.random_sample(len(piece))
        if n_samples is None:
            pieces.append(piece)
            continue
        bound = largest_key(keys, n_samples)
        pieces.append(rows_where(piece, new < bound))
        keys = np.append(keys, new[new < bound])
        if len(keys) > 2 * n_samples:
            is_kept = keys <= largest_key(keys, n_samples)
            pieces, keys = [rows_where(joined(pieces), is_kept)], keys[is_kept]
    if n_rows == 0:
        raise ValueError("Expected at least one row below the header, got none.")
    table = joined(pieces)
    if n_samples is not None:
        table = rows_where(table, keys <= largest_key(keys, n_samples))
    return table, n_rows


def largest_key(keys: Floats, n_samples: int) -> float:
    """Return the largest of the `n_samples` smallest keys, infinity where there are fewer."""
    if len(keys) < n_samples:
        return np.inf
    return float(np.partition(keys, n_samples - 1)[n_samples - 1])


def rows_where(table: pd.DataFrame, is_kept: np.ndarray) -> pd.DataFrame:
    """Return some rows, without the categories that none of them has."""
    kept = table[is_kept].copy()
    for name in CATEGORIES:
        kept[name] = kept[name].cat.remove_unused_categories()
    return kept


def joined(pieces: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all pieces below each other, with the categories of all in order."""
    columns = {name: pd.concat([piece[name] for piece in pieces]) for name in ("click", "time")}
    columns["hour"] = columns["time"].dt.hour.astype("int64")
    table = pd.DataFrame({name: column.to_numpy() for name, column in columns.items()})
    for name in CATEGORIES:
        table[name] = union_categoricals([piece[name] for piece in pieces], sort_categories=True)
    return table


def chunks(path: str | os.PathLike[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows piece by piece, checked: `click`, `time` and categories."""
    with opened(path) as (file, end):
        check_header(file.readline())
        reader = pd.read_csv(
            file,
            header=None,
            names=[*COLUMNS, BEYOND],
            index_col=False,
            dtype="str",
            keep_default_na=False,
            na_values=[""],
            chunksize=CHUNK_ROWS,
        )
        n_before = 0
        for piece in reader:
            yield checked(piece, n_before)
            n_before += len(piece)
        if end.last != b"\n":
            raise ValueError(
                "Expected a line end after the last row, got none: the file is cut off. Where it "
                "is not, add one."
            )


class End(io.RawIOBase):
    """A stream that knows the last byte that was read from it."""

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.last = source, b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there are bytes."""
        found = self.source.read(len(buffer))
        buffer[: len(found)] = found
        self.last = found[-1:] or self.last
        return len(found)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[io.BufferedReader, End]]:
    """Open a file, plain or gzip by its first bytes."""
    with open(path, "rb") as raw:
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        end = End(cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_gzip else raw)
        yield io.BufferedReader(end, 2**20), end


@contextmanager
def said_plainly() -> Iterator[None]:
    """Say of what stands in the file what was expected."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParserWarning)  # of what BEYOND shows
            yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"Expected a whole gzip file, got one that is damaged: {error}") from None
    except ParserError as error:
        raise ValueError(
            f"Expected {len(COLUMNS)} values in every row, got another number: {error}"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected text in UTF-8, got other bytes: {error}") from None


def check_header(line: bytes) -> None:
    """Refuse a file whose first line does not have the names of the columns."""
    if not line:
        raise ValueError("Expected the names of 24 columns in the first line, got an empty file.")
    names = line.decode("utf-8-sig", errors="replace").rstrip("\r\n").split(",")
    if names == COLUMNS:
        return
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name[:80] for name in names if name not in COLUMNS][:30]
    what = f"without {missing}, and with {unknown}" if missing or unknown else f"in order {names}"
    raise ValueError(
        f"Expected the {len(COLUMNS)} columns {','.join(COLUMNS)} of Avazu's train file, separated "
        f"by commas, got {len(names)}: {what}."
    )


def checked(piece: pd.DataFrame, n_before: int) -> pd.DataFrame:
    """Return rows as `click`, `time` and categories, refusing those that are not whole."""
    is_hour = piece["hour"].str.fullmatch(r"\d{8}", na=False)
    time = pd.to_datetime(piece["hour"].where(is_hour), format="%y%m%d%H", errors="coerce")
    is_bad = {
        "at most 24 values in a row": piece[BEYOND].notna(),
        "24 values in every row": piece[COLUMNS].isna().any(axis=1),
        "click as 0 or 1": ~piece["click"].isin(["0", "1"]),
        "hour as YYMMDDHH": time.isna(),
    }
    for expected, bad in is_bad.items():
        if bad.any():
            at = int(bad.to_numpy().argmax())
            row = ",".join(piece.iloc[at].dropna().astype(str))
            raise ValueError(f"Expected {expected}, got {row!r} in row {n_before + at + 1}.")
    table = piece[CATEGORIES].astype("category")
    table["click"] = (piece["click"] == "1").astype("int64")
    table["time"] = time
    return table
