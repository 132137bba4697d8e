"""Dependence of rows: blocks of neighbours that an interval counts, and what tells that it should.

An interval from rows taken as independent is too short by the root of the design effect, the
variance of the mean over what it would be were the rows independent. What counts is the dependence
of each row's share in the estimate, its influence; residuals tell dependence from a loss that
rightly differs between inputs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from sklearn_learnability._folds import Folds
from sklearn_learnability._tables import comparable_rows, is_sparse
from sklearn_learnability._validation import Floats, Integers, check_groups, warn
from sklearn_learnability.exceptions import DependentRowsWarning

#: Where folds follow the order of rows the interval counts so many blocks of neighbouring rows.
N_BLOCKS = 20

#: Level of the tests along the order and over all columns, and the design effect worth a warning.
LEVEL = 0.001
SMALLEST_DESIGN_EFFECT = 1.2

#: Correlations are summed over so many neighbours.
SPANS = (1, 3, 9, 27)
FEWEST_ROWS = 100

#: A sorted column with more values than this, and its influence, is a smooth trend.
DEGREE = 7
MOST_LEVELS_OF_A_SORT = 20

#: A column may hold ids if so many of its values repeat, on so many rows each.
FEWEST_IDS, FEWEST_ROWS_OF_AN_ID, MOST_ROWS_OF_AN_ID = 20, 2, 200
MOST_COLUMNS, MOST_CLASSES = 100, 10


@dataclass(frozen=True)
class Resemblance:
    """How surely units resemble each other, and what that does to the variance of their mean."""

    z: float
    design_effect: float

    def is_telling(self, level: float) -> bool:
        """Return whether it is beyond chance at this level, and large enough to matter."""
        return self.z > norm.isf(level) and self.design_effect >= SMALLEST_DESIGN_EFFECT


def independent_units(
    groups: ArrayLike | None, folds: Folds, rows: Integers
) -> NDArray[Any] | None:
    """Return the units that an interval over these rows counts as independent; None is rows.

    They are the groups where given. Where folds follow the order of the rows they are blocks of
    neighbouring rows, of equal length: few enough that their ends matter little, and enough for
    Student's quantile.

    References
    ----------
    R. Ibragimov, U. K. Müller. t-statistic based correlation and heterogeneity robust inference.
    Journal of Business & Economic Statistics, 2010. https://doi.org/10.1198/jbes.2009.08046
    """
    if groups is not None:
        return np.asarray(groups)[rows]
    if folds.along_rows:
        return np.arange(len(rows)) * min(N_BLOCKS, len(rows)) // len(rows)
    return None


def units_of_all_rows(
    groups: ArrayLike | None, folds: Folds, nll: Floats
) -> NDArray[np.int64] | None:
    """Return the number of each row's independent unit, -1 where it has no loss; None is rows."""
    rows = np.flatnonzero(np.isfinite(nll))
    units = independent_units(groups, folds, rows)
    if units is None:
        return None
    numbers = np.full(len(nll), -1)
    numbers[rows] = check_groups(units, len(rows))
    return numbers


def warn_of_dependence(
    X: Any,
    codes: Integers,
    proba: Floats,
    weight: Floats,
    folds: Folds,
    groups: ArrayLike | None,
    *,
    along_rows: bool,
    along_columns: bool,
) -> None:
    """Warn where an interval takes rows as independent that resemble each other.

    They may resemble their neighbours, where `along_rows` asks for that, or, where `along_columns`
    does, in the residuals of the out-of-fold probabilities the rows of the same value of a column.
    Copies of rows do so without any ids. Rows without probabilities (NaN) or without weight are
    passed over.
    """
    rows = np.flatnonzero((weight > 0) & ~np.isnan(proba[:, 0]))
    if groups is not None or folds.along_rows or len(rows) < FEWEST_ROWS:
        return
    if len(rows) < len(codes):
        codes, proba, weight = codes[rows], proba[rows], weight[rows]
    influence = influences(codes, proba, weight)
    frame = None if is_sparse(X) else comparable_rows(X)
    columns = pd.DataFrame() if frame is None else frame.iloc[rows, :MOST_COLUMNS]
    levels = [(name, codes_of_values(column)) for name, column in columns.items()]
    if along_rows:
        values = without_sorting(influence, [codes, *(level for _, level in levels)])
        found = resemblance_of_neighbours(values)
        if found.is_telling(LEVEL / len(SPANS)):
            warn(_message("that stand close together have losses", found), DependentRowsWarning)
            return
    residuals = residuals_of_labels(codes, proba)
    ids = [(name, level) for name, level in levels if along_columns and may_be_ids(level)]
    for name, level in ids:
        found = Resemblance(pair_z(residuals, level), design_effect(influence, level))
        if found.is_telling(LEVEL / len(ids)):
            start = f"of one value of column {name!r} have residuals"
            warn(_message(start, found, name), DependentRowsWarning)
            return


def _message(rows: str, found: Resemblance, name: Any = None) -> str:
    excess = 1 - found.design_effect**-0.5
    start = (
        f"Rows {rows} that resemble each other, and the interval takes rows as independent: it is "
        f"about {excess:.0%} too short (design effect {found.design_effect:.1f}). "
    )
    if name is None:
        return start + (
            "Pass groups=, the unit that the rows came in, or, where they came one after the "
            "other, cv=TimeSeriesSplit(5) or PurgedKFold(5), whose interval counts blocks of "
            "neighbours. Where a table of independent rows was sorted afterwards, by what is not "
            "among its columns, the interval is right as it is."
        )
    return start + (
        f"Where the rows came in units and {name!r} names them, pass it as groups=. Where it is an "
        "input like others, the family misses what it says of the labels."
    )


def influences(codes: Integers, proba: Floats, weight: Floats) -> Floats:
    """Return each row's share in the deviation of the information score, up to its scale."""
    codes, rows = np.unique(codes, return_inverse=True)[1], (np.arange(len(codes)), codes)
    frequency = np.bincount(codes, weights=weight) / weight.sum()
    surprisal = -np.log(frequency)[codes]
    gain = surprisal + np.log(np.maximum(proba[rows], np.finfo(float).tiny))
    entropy = weight @ surprisal
    return weight * (gain - weight @ gain / entropy * surprisal) if entropy else 0 * weight


def residuals_of_labels(codes: Integers, proba: Floats) -> Floats:
    """Return 1 for a row's class and 0 for others, less their probabilities; common classes."""
    common = np.argsort(-np.bincount(codes, minlength=proba.shape[1]), kind="stable")
    common = common[: MOST_CLASSES if proba.shape[1] > 2 else 1]
    residuals = -proba[:, common]
    residuals += codes[:, None] == common
    return residuals


def without_sorting(influence: Floats, levels: list[Integers]) -> Floats:
    """Return the influence less what it owes to labels or columns that the rows are sorted by.

    Losses of independent rows differ between labels and inputs. Sorted by these, they rise and fall
    over the table: by steps where there are few values, smoothly where there are many.
    """
    values = influence - influence.mean()
    for level in levels:
        if not is_sorted(level):
            continue
        if level.max() >= MOST_LEVELS_OF_A_SORT:
            basis = legendre.legvander(np.linspace(-1, 1, len(values)), DEGREE)
            values = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        else:
            values = values - (np.bincount(level, values) / np.bincount(level))[level]
    return values


def codes_of_values(column: pd.Series) -> Integers:
    """Return the rank of every value of a column, from 0; all zeros where values have no order."""
    try:
        return np.asarray(pd.factorize(column, sort=True, use_na_sentinel=False)[0])
    except TypeError:
        return np.zeros(len(column), dtype=np.intp)


def is_sorted(level: Integers) -> bool:
    """Return whether ranks rise or fall along the rows or, where few, stand together."""
    step = np.diff(level)
    n_levels = level.max() + 1
    together = n_levels <= MOST_LEVELS_OF_A_SORT and (step != 0).sum() == n_levels - 1
    return bool(together or (step >= 0).all() or (step <= 0).all())


def may_be_ids(level: Integers) -> bool:
    """Return whether most rows share their value with a few others, and there are many values."""
    counts = np.bincount(level)
    repeated = counts[counts >= FEWEST_ROWS_OF_AN_ID]
    return bool(
        len(repeated) >= FEWEST_IDS
        and repeated.sum() >= 0.8 * len(level)
        and repeated.mean() <= MOST_ROWS_OF_AN_ID
    )


def resemblance_of_neighbours(values: Floats) -> Resemblance:
    r"""Return the resemblance of neighbours, over the span of lags where it is surest.

    .. math:: z = \frac{\sum_{k \le m} \sum_i v_i v_{i+k}}
                  {\sqrt{\sum_{k \le m} \sum_i (v_i v_{i+k})^2}}, \qquad
              1 + 2 \sum_{k \le m} \hat\rho_k

    Products of independent values of mean 0 are uncorrelated, whatever their variances, so that z
    is near standard normal; the second is the design effect.
    """
    n_rows, square = len(values), values @ values
    lags = range(1, min(max(SPANS), n_rows - 1) + 1)
    products = [values[k:] * values[:-k] for k in lags]
    sums = np.cumsum([product.sum() for product in products])
    squares = np.cumsum([product @ product for product in products])
    if square == 0 or squares[0] == 0:
        return Resemblance(0.0, 1.0)
    surest = max((sums[m - 1] / np.sqrt(squares[m - 1]), m) for m in SPANS if m <= len(sums))
    return Resemblance(float(surest[0]), float(1 + 2 * sums[surest[1] - 1] / square))


def pair_z(values: Floats, level: Integers) -> float:
    """Return the sum over pairs of one level of their products, over its standard error."""
    n_levels, n_columns = level.max() + 1, values.shape[1]
    sums = np.zeros((n_levels, n_columns))
    moments = np.zeros((n_levels, n_columns, n_columns))
    np.add.at(sums, level, values)
    np.add.at(moments, level, values[:, :, None] * values[:, None, :])
    norms = (values**2).sum(axis=1)
    total = (sums**2).sum() - norms.sum()
    square = 2 * ((moments**2).sum() - norms @ norms)
    return float(total / np.sqrt(square)) if square > 0 else 0.0


def design_effect(influence: Floats, level: Integers) -> float:
    """Return the variance of the mean, clustered by level, over that of independent rows."""
    sums = np.bincount(level, weights=influence - influence.mean())
    n_units, square = len(sums), influence.var() * len(influence)
    return float(n_units / (n_units - 1) * (sums @ sums) / square) if square > 0 else 1.0
