"""A table from a file: inputs and target apart, columns that are no inputs named and left out."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_numeric_dtype,
)

from sklearn_learnability._validation import missing_package

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".gz": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
    ".arrow": pd.read_feather,
    ".feather": pd.read_feather,
}
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
ARROW = (".parquet", ".pq", ".arrow", ".feather")
#: A number with more distinct values is a quantity, and no class.
MOST_CLASSES = 20
#: Share of distinct values from which a column of texts or whole numbers names its rows.
NEARLY_ALL = 0.95
FEWEST_ROWS = 50  # to tell


@dataclass(frozen=True)
class TableFile:
    """What was read: inputs, target, and columns that order or group the rows.

    `left_out` says in words which columns are no inputs, and why; `has_target` which rows of the
    file have a target, and are here.
    """

    X: pd.DataFrame
    y: pd.Series
    time: pd.Series | None
    groups: pd.Series | None
    left_out: tuple[str, ...]
    is_quantity: bool
    has_target: NDArray[np.bool_]


def read_table(path: Path) -> pd.DataFrame:
    """Return the table of a file, by its ending."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise FileNotFoundError(f"Expected a file with a table, got {str(path)!r}: {what}.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            f"Expected a file that ends in one of {', '.join(READERS)}, got {path.name!r}."
        )
    if path.suffix.lower() in ARROW:
        check_arrow("reads")
    try:
        table = reader(path)
    except ValueError as error:  # also what pandas and pyarrow say of other files
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"Expected a table in {path.name!r}, got a file that cannot be read as one: {reason}"
        ) from error
    if not len(table):
        raise ValueError(f"Expected rows in {path.name!r}, got none.")
    header = str(table.columns[0])
    other = next((name for mark, name in OTHER_SEPARATORS.items() if mark in header), None)
    if table.shape[1] == 1 and other is not None:
        raise ValueError(
            f"Expected columns separated by commas in {path.name!r}, got {other}. Write the "
            "table anew, or as Parquet."
        )
    return table


def check_arrow(does: str) -> None:
    """Refuse to read or write where pyarrow is missing."""
    if find_spec("pyarrow") is None:
        raise missing_package("pyarrow", "report", f"{does} Parquet, Arrow and Feather")


def split_table(
    table: pd.DataFrame,
    target: str,
    *,
    time: str | None = None,
    group: str | None = None,
    ids: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> TableFile:
    """Return the parts of a table; dates and what names rows are left out, unless kept."""
    columns = list(map(str, table.columns))
    table = table.set_axis(columns, axis=1)
    for name in (target, time, group, *ids, *keep):
        if name is not None and name not in columns:
            raise ValueError(
                f"Expected a column of the table, got {name!r}.{nearest(name, columns)}"
            )
    if target in (time, group, *ids):
        raise ValueError(f"Expected time, group and ids beside the target, got {target!r} as both.")
    has_target = table[target].notna().to_numpy()
    missing = int((~has_target).sum())
    if missing == len(table):
        raise ValueError(f"Expected values in the target {target!r}, got {missing} missing ones.")
    left_out = [f"{missing} rows without {target}"] if missing else []
    table = table[has_target].reset_index(drop=True)
    if missing and is_float_dtype(table[target]) and (table[target] % 1 == 0).all():
        table[target] = table[target].astype("int64")  # floats only for want of a missing integer
    others = table.drop(columns=list({target, *ids} | ({group} - {None}) | ({time} - {None})))
    for name in others.columns:
        reason = "" if name in keep else why_no_input(others[name])
        if reason:
            left_out.append(f"{name}, {reason}")
            others = others.drop(columns=name)
    if not others.shape[1]:
        raise ValueError(f"Expected columns beside {target!r}, got none that are inputs.")
    return TableFile(
        others,
        table[target],
        None if time is None else in_order(table[time]),
        None if group is None else table[group],
        (*left_out, *(f"{name}, an id as given" for name in ids)),
        is_quantity(table[target]),
        has_target,
    )


def nearest(name: str, columns: Sequence[str]) -> str:
    """Return the suggestion for a column that is not there."""
    folded = {column.casefold(): column for column in columns}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    listed = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    return f" Did you mean {folded[found[0]]!r}?" if found else f" There are {listed}."


def why_no_input(column: pd.Series) -> str:
    """Return why a column is left out, nothing where it is an input."""
    known = column.dropna()
    if not len(known):
        return "empty"
    if is_date(known):
        return "a date: give it as the time, or make numbers of it"
    is_name = is_integer_dtype(known) or not is_numeric_dtype(known)
    if len(known) < FEWEST_ROWS or not is_name or is_bool_dtype(known):
        return ""
    distinct = known.astype(str).nunique() if not is_numeric_dtype(known) else known.nunique()
    if is_integer_dtype(known):  # counts are often distinct; numbers that rise by one are names
        steps = known.diff().dropna()
        is_counter = distinct == len(known) and (steps.abs() == 1).mean() >= NEARLY_ALL
        named = str(column.name).casefold()
        is_id = named == "id" or named.endswith(("_id", " id")) or str(column.name).endswith("Id")
        return (
            "an id: it numbers the rows"
            if is_counter or (is_id and distinct >= NEARLY_ALL * len(known))
            else ""
        )
    if distinct >= NEARLY_ALL * len(known):
        return "an id: nearly all of its values are distinct"
    return ""


def is_date(known: pd.Series) -> bool:
    """Return whether values are dates, or texts that are written like dates."""
    if is_datetime64_any_dtype(known):
        return True
    if is_numeric_dtype(known):
        return False
    texts = known.astype(str).head(1000)
    if not texts.str.match(r"^\d{4}-\d{1,2}-\d{1,2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}").all():
        return False
    return bool(pd.to_datetime(texts, format="mixed", errors="coerce").notna().all())


def in_order(column: pd.Series) -> pd.Series:
    """Return a column as numbers or dates that order the rows."""
    if is_numeric_dtype(column):
        return column
    known = pd.to_datetime(column, format="mixed", errors="coerce")
    if known.isna().any():
        bad = column[known.isna()].iloc[0]
        raise ValueError(f"Expected dates or numbers in {column.name!r}, got {bad!r}.")
    if is_datetime64_any_dtype(column):
        return column
    # one way to read them all, so that 01/02 and 13/02 do not mean different months
    for way in ({"format": "ISO8601"}, {}, {"dayfirst": True}):
        with warnings.catch_warnings(), suppress(ValueError, TypeError):
            warnings.simplefilter("error", UserWarning)
            return pd.to_datetime(column, **way)
    return known


def is_quantity(target: pd.Series) -> bool:
    """Return whether a target is a number of many values, and no class."""
    if not is_numeric_dtype(target) or is_bool_dtype(target):
        return False
    has_fractions = is_float_dtype(target) and bool((target % 1 != 0).any())
    return target.nunique() > (2 if has_fractions else MOST_CLASSES)
