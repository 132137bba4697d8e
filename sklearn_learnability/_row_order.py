"""Whether the order of rows matters: shuffled folds against folds of neighbouring rows."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.spatial.distance import cdist
from scipy.stats import rankdata, t

from sklearn_learnability._tables import comparable_rows, is_sparse
from sklearn_learnability._validation import Floats, Integers, warn
from sklearn_learnability.exceptions import OrderedRowsWarning

#: Level of the test, and the smallest excess that is warned of. Losses are not quite normal: about
#: one table in a thousand of exchangeable rows is warned of.
LEVEL = 0.0002
SMALLEST_EXCESS = 0.01

#: The test reads at most so many rows, in runs of neighbours, and so many columns.
MOST_ROWS, ROWS_OF_A_RUN, MOST_COLUMNS = 800, 100, 100
FEWEST_ROWS = 100

N_NEIGHBOURS = 10
N_SHUFFLES = 19

#: Columns count by how far they tell the classes apart, and at least so much.
SMALLEST_RATIO = 0.1

MOST_CATEGORIES = 10


@dataclass(frozen=True)
class OrderTest:
    """Excess loss of folds of neighbouring rows over shuffled ones, in H(Y), and its p-value."""

    excess: float
    p_value: float


def warn_of_order(X: Any, codes: Integers, cv: Any, groups: Any) -> bool:
    """Warn where a number of folds, which shuffles the rows, hides that their order matters.

    Return whether it does.
    """
    if not isinstance(cv, Integral) or groups is not None or is_sparse(X):
        return False
    frame = comparable_rows(X)
    if frame is None or len(frame) < FEWEST_ROWS:
        return False
    rows = runs_of_rows(len(frame))
    numbers = columns_as_numbers(frame.iloc[rows])
    if numbers.shape[1] == 0:
        return False
    found = order_test(numbers, codes[rows], min(int(cv), 10))
    matters = found.p_value < LEVEL and found.excess >= SMALLEST_EXCESS
    if matters:
        warn(
            "Rows that stand close together resemble each other: in folds of neighbouring rows "
            f"{N_NEIGHBOURS} nearest neighbours lose {found.excess:.2f} of the label entropy more "
            "than in shuffled ones, which cv=int means. Shuffled folds are right where rows come "
            "in an order that says nothing of new rows, as in a sorted table. Where new rows come "
            "later, pass cv=TimeSeriesSplit(5), where they fill gaps between these PurgedKFold(5), "
            "and groups= where they come from other units: without them the interval, too, takes "
            "rows as independent.",
            OrderedRowsWarning,
        )
    return matters


def runs_of_rows(n_rows: int) -> Integers:
    """Return the rows to read: all, or evenly spaced runs of neighbours."""
    if n_rows <= MOST_ROWS:
        return np.arange(n_rows)
    starts = np.linspace(0, n_rows - ROWS_OF_A_RUN, MOST_ROWS // ROWS_OF_A_RUN).astype(int)
    return (starts[:, None] + np.arange(ROWS_OF_A_RUN)).ravel()


def columns_as_numbers(frame: pd.DataFrame) -> Floats:
    """Return ranks of numbers between 0 and 1, and indicators of common categories."""
    every = -(-frame.shape[1] // MOST_COLUMNS)
    columns = []
    for position in range(0, frame.shape[1], every):
        column = frame.iloc[:, position]
        if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if not np.isnan(values).all():
                filled = np.where(np.isnan(values), np.nanmedian(values), values)
                columns.append(rankdata(filled) / len(filled))
        else:
            names = column.astype(str)
            counts = names[column.notna()].value_counts()
            common = counts[counts > 1].index[:MOST_CATEGORIES]
            columns += [(names == name).to_numpy(dtype=np.float64) / 2 for name in common]
    kept = [column for column in columns if np.ptp(column) > 0]
    return np.column_stack(kept) if kept else np.empty((len(frame), 0))


def correlation_ratios(numbers: Floats, codes: Integers) -> Floats:
    """Return the share of each column's spread that lies between the classes, as a root."""
    counts = np.bincount(codes)
    centred = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    sums = np.stack([np.bincount(codes, weights=column) for column in centred.T])
    return np.sqrt((sums**2 / counts).sum(axis=1) / len(codes))


def order_test(numbers: Floats, codes: Integers, n_folds: int) -> OrderTest:
    r"""Compare the loss in folds of neighbouring rows with that in shuffled folds.

    Where rows are exchangeable, folds of neighbours are as good as any other partition, so that
    their loss is one more draw from the law of the shuffled ones' losses. With m of these,

    .. math:: t = \frac{\ell - \bar\ell}{s \sqrt{1 + 1/m}}

    has Student's distribution with m - 1 degrees of freedom as far as that law is normal. The test
    is one-sided: neighbours that help are no reason to warn. Distances know the labels, but the
    same for every partition.
    """
    rng = np.random.RandomState(0)
    codes, counts = np.unique(codes, return_inverse=True, return_counts=True)[1:]
    n_rows = len(codes)
    frequency = counts / n_rows
    entropy = -frequency @ np.log(frequency)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    weighed = numbers * np.maximum(correlation_ratios(numbers, codes), SMALLEST_RATIO)
    distance = cdist(weighed, weighed)
    distance += rng.uniform(0, 1e-6, distance.shape)  # ties fall anyhow, not by position
    # more than a fold holds, so that enough of other folds are among them
    n_near = min(n_rows, -(-n_rows // n_folds) + len(counts) + N_NEIGHBOURS)
    near = np.argsort(distance, axis=1)[:, :n_near]

    def loss(key: Floats) -> float:
        """Return the mean loss where each class is cut into folds by the order of `key`."""
        rank = np.empty(n_rows, dtype=np.intp)
        rank[np.lexsort((key, codes))] = np.arange(n_rows)
        fold = (rank - first[codes]) * n_folds // counts[codes]
        known = fold[near] != fold[:, None]
        known &= np.cumsum(known, axis=1) <= N_NEIGHBOURS
        votes = (known & (codes[near] == codes[:, None])).sum(axis=1)
        return float(-np.log((votes + frequency[codes]) / (N_NEIGHBOURS + 1)).mean())

    shuffled = np.array([loss(rng.uniform(size=n_rows)) for _ in range(N_SHUFFLES)])
    difference = loss(np.arange(n_rows, dtype=np.float64)) - shuffled.mean()
    error = shuffled.std(ddof=1) * np.sqrt(1 + 1 / N_SHUFFLES)
    if entropy == 0 or error == 0:
        return OrderTest(0.0, 1.0)
    return OrderTest(float(difference / entropy), float(t.sf(difference / error, N_SHUFFLES - 1)))
