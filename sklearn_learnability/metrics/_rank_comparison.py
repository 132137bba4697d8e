"""Columns of quantities compared in one layout: correlations, orders, and what is left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._validation import Floats, as_numbers, warn
from sklearn_learnability.exceptions import (
    DeterminedByCovariatesWarning,
    UndefinedAssociationWarning,
)
from sklearn_learnability.metrics._arrangements import Layout, arrangements
from sklearn_learnability.metrics._rank_association import GroupLeftOut, RankAssociation
from sklearn_learnability.metrics._rank_intervals import (
    detectable_size,
    fisher_interval,
    jackknife_interval,
)
from sklearn_learnability.metrics._ranked_residuals import (
    RankedResiduals,
    ranked_residuals,
    statistics,
)

#: Statistics closer than this are the same, whatever order they were summed in.
SAME = 1 - 1e-10
FEWEST_POINTS = 3
FEWEST_DEGREES = 2
FEWEST_RUNS = 3
FEW_DEGREES = "{} points less {} groups and {} directions of covariates leave too few to judge by."
FEW_RUNS = "There are {} runs that can change places, where at least 3 are needed."
FEW_ORDERS = (
    "Of the {} orders that the {} can have, none has a p-value below {:.2g}: more are needed for a "
    "verdict."
)
UNDEFINED = "A quantity is constant, or the covariates determine it: the correlation is undefined."


@dataclass(frozen=True)
class Quantities:
    """What is associated: columns of x and of y, given covariates, compared as laid out.

    Attributes
    ----------
    x, y, covariates : array of shape (n_points, n_columns)
        The columns.
    layout : Layout
        What is compared, and what may change places.
    names : tuple of object
        Name of the group of each number in the layout.
    degree : int
        Highest power of the ranks of the covariates.
    """

    x: Floats
    y: Floats
    covariates: Floats
    layout: Layout
    names: tuple[object, ...]
    degree: int

    def residuals(self, layout: Layout) -> RankedResiduals:
        """Return what the covariates leave of the ranks, of the points of a layout."""
        return ranked_residuals(self.x, self.y, self.covariates, layout, self.degree)

    def without(self, dropped: np.ndarray) -> RankedResiduals:
        """Return the same without some of the units, a mask."""
        return self.residuals(self.layout.without(dropped))


@dataclass(frozen=True)
class Comparison:
    """What one layout says of each x and each y.

    Attributes
    ----------
    layout : Layout
        What is compared.
    residuals : RankedResiduals
        What the covariates leave.
    found : array of shape (n_orders, n_x, n_y)
        Statistics in all orders, the one seen first.
    without_runs : array of shape (n_runs, n_x, n_y)
        Correlations without each run, where points are of runs.
    without_groups : tuple of (object, array of shape (n_x, n_y), int)
        Name of each group, correlations without it, and their number of points.
    reason : str
        Why nothing can be judged; empty where it can.
    """

    layout: Layout
    residuals: RankedResiduals
    found: Floats
    without_runs: Floats
    without_groups: tuple[tuple[object, Floats, int], ...]
    reason: str

    def association(self, i: int, j: int, confidence: float, n_tests: int = 1) -> RankAssociation:
        """Return the association of one x with one y; the detectable size as one of all tests."""
        layout, reason, nan = self.layout, self.reason, float("nan")
        rho = nan if reason else float(self.residuals.rho()[i, j])
        p_value = smallest = size = lower = upper = nan
        if not np.isnan(rho):
            found = self.found[:, i, j]
            p_value = float((found >= SAME * found[0]).mean())
            smallest = float((found >= SAME * found.max()).mean())
            lower, upper, size = self.interval(i, j, confidence, n_tests)
            if smallest > 1 - confidence + 1e-12:
                units = "runs" if layout.are_runs else "points"
                reason, size = FEW_ORDERS.format(len(found), units, smallest), nan
        elif not reason:
            reason = UNDEFINED
        return RankAssociation(
            rho=rho,
            lower=lower,
            upper=upper,
            confidence=confidence,
            p_value=p_value,
            smallest_p_value=smallest,
            detectable=size,
            n_orders=len(self.found),
            n_points=layout.rows.size,
            n_groups=layout.n_groups,
            n_runs=layout.n_units,
            n_steps=layout.rows.shape[1],
            n_controls=self.residuals.basis.shape[1],
            x_left=nan if self.reason else float(self.residuals.x_left[i]),
            y_left=nan if self.reason else float(self.residuals.y_left[j]),
            without_groups=tuple(
                GroupLeftOut(group, float(rest[i, j]), n_points)
                for group, rest, n_points in self.without_groups
            ),
            reason=reason,
        )

    def interval(
        self, i: int, j: int, confidence: float, n_tests: int
    ) -> tuple[float, float, float]:
        """Return the ends of the interval and the detectable size."""
        level = (1 - confidence) / n_tests
        rho = float(self.residuals.rho()[i, j])
        if self.layout.are_runs:
            return jackknife_interval(rho, self.without_runs[:, i, j], confidence, level)
        freedom = self.residuals.degrees_of_freedom
        ends = fisher_interval(rho, freedom, self.layout.rows.size, confidence)
        return *ends, detectable_size(freedom, level)


def compare(
    quantities: Quantities, n_permutations: int, random_state: np.random.RandomState
) -> Comparison:
    """Return what covariates leave of each x and each y, in the same orders for all of them."""
    layout, residuals = quantities.layout, quantities.residuals(quantities.layout)
    reason = layout.reason or too_few(layout, residuals)
    shape = residuals.rho().shape
    found, without_runs, without_groups = np.full((1, *shape), np.nan), np.empty((0, *shape)), []
    if not reason:
        found = statistics(residuals, layout, arrangements(layout, n_permutations, random_state))
        if layout.are_runs:
            without_runs = np.array(
                [quantities.without(run).rho() for run in np.eye(layout.n_units, dtype=bool)]
            )
        if layout.n_groups > 1:
            for group in np.unique(layout.groups):
                rest = quantities.without(layout.groups == group)
                enough = rest.degrees_of_freedom >= FEWEST_DEGREES
                rho = rest.rho() if enough else np.full(shape, np.nan)
                without_groups.append((quantities.names[group], rho, len(rest.x)))
    return Comparison(layout, residuals, found, without_runs, tuple(without_groups), reason)


def too_few(layout: Layout, residuals: RankedResiduals) -> str:
    """Return why nothing can be judged of as few points or runs; empty where it can."""
    if layout.are_runs and layout.n_units < FEWEST_RUNS:
        return FEW_RUNS.format(layout.n_units)
    if residuals.degrees_of_freedom < FEWEST_DEGREES:
        return FEW_DEGREES.format(layout.rows.size, layout.n_groups, residuals.basis.shape[1])
    return ""


def check_columns(named: dict[str, ArrayLike]) -> list[Floats]:
    """Return quantities as columns (n_points, n_columns), of equal lengths and finite."""
    columns = []
    for name, values in named.items():
        array = as_numbers(name, values)
        if array.ndim not in (1, 2):
            raise ValueError(f"Expected {name} as a vector or a table, got shape {array.shape}.")
        columns.append(array[:, None] if array.ndim == 1 else array)
    lengths = [len(array) for array in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"Expected {', '.join(named)} of one length, got lengths {lengths}.")
    if lengths[0] < FEWEST_POINTS:
        raise ValueError(f"Expected at least {FEWEST_POINTS} points, got {lengths[0]}.")
    for name, array in zip(named, columns, strict=True):
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).any(axis=1).sum())
            raise ValueError(
                f"Expected finite {name}, got NaN or infinity at {bad} of {len(array)} points. "
                "Leave these out."
            )
    return columns


def check_indices(inputs: dict[str, Any]) -> None:
    """Refuse pandas inputs whose rows are in different orders; numbers from 0 on are no names."""
    indices = {name: getattr(values, "index", None) for name, values in inputs.items()}
    named = {name: index for name, index in indices.items() if isinstance(index, pd.Index)}
    told = [name for name, index in named.items() if not is_count(index)]
    for name, index in named.items() if told else ():
        first = named[told[0]]
        if index.equals(first) or (is_count(index) and set(index) != set(first)):
            continue
        raise ValueError(
            f"Expected {name} with the index of {told[0]}, got another, or another order of it. "
            "Bring both into one order, as by .loc."
        )


def is_count(index: pd.Index) -> bool:
    """Return whether an index numbers rows from 0 on, as pandas does without one."""
    return index.equals(pd.RangeIndex(len(index)))


def warn_if_undefined(residuals: RankedResiduals, x: tuple[Any, ...], y: tuple[Any, ...]) -> None:
    """Warn of quantities that are constant, and of those that nothing is left of."""
    left = np.concatenate([residuals.x_left, residuals.y_left])
    names = np.array([str(name) for name in (*x, *y)])
    constant, gone = names[np.isnan(left)], names[left == 0]
    if len(constant):
        warn(
            f"The correlation is undefined (NaN): {' and '.join(constant)} has the same value at "
            "all points that are compared.",
            UndefinedAssociationWarning,
        )
    if len(gone):
        warn(
            f"The correlation is undefined (NaN): the covariates determine {' and '.join(gone)}, "
            "and leave nothing of it to correlate.",
            DeterminedByCovariatesWarning,
        )
