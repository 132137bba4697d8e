"""Which models or runs are compared, and in how many ways they can change places."""

import itertools
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability._validation import Floats, Integers, check_groups
from sklearn_learnability.metrics._linear_association import NO_COMMON_STEP, NO_STEPS, panel_of

NOTHING_TO_EXCHANGE = "No group has two {units}: nothing can change places."
ONE_RUN = (
    "All points are of one run, and whatever grows over a run goes together: no test is valid. "
    "Measure several runs at the same steps."
)

#: Places in all orders that are drawn, of 8 bytes each.
MOST_PLACES = 100_000_000


@dataclass(frozen=True)
class Layout:
    """Points in the order in which they are compared: units by steps.

    A unit is what changes places with others of its group: a point, or a whole run. Points of one
    step and one group make a stratum; they are ranked among each other.

    Attributes
    ----------
    rows : array of shape (n_units, n_steps)
        Where each point stands among those given.
    groups : array of shape (n_units,)
        Number of the group of each unit; no group has one unit only.
    reason : str
        Why nothing can be compared; empty otherwise.
    """

    rows: Integers
    groups: Integers
    reason: str = ""

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.rows)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.groups))

    @property
    def are_runs(self) -> bool:
        """Whether units are runs of several points."""
        return self.rows.shape[1] > 1

    @property
    def n_strata(self) -> int:
        """Number of strata."""
        return self.n_groups * self.rows.shape[1]

    def members(self) -> list[Integers]:
        """Return the units of each group."""
        return [np.flatnonzero(self.groups == group) for group in np.unique(self.groups)]

    def without(self, dropped: Any) -> Self:
        """Return the layout without some units, a mask."""
        return type(self)(*with_partners(self.rows[~dropped], self.groups[~dropped]))


def with_partners(rows: Integers, groups: Integers) -> tuple[Integers, Integers]:
    """Return the units of groups that have at least two."""
    kept = np.bincount(groups, minlength=1)[groups] > 1
    return rows[kept], groups[kept]


def lay_out(
    n_points: int,
    groups: ArrayLike | None,
    runs: ArrayLike | None,
    steps: ArrayLike | None,
    name: str = "groups",
) -> Layout:
    """Return what is compared: points, or whole runs at the steps at which all were measured.

    `name` is what the caller calls the groups.
    """
    codes = np.zeros(n_points, int) if groups is None else check_groups(groups, n_points, name)
    times = None if steps is None else check_groups(steps, n_points, "steps")
    nothing: Integers = np.empty((0, 1), int)
    rows: Integers
    if runs is None:
        if times is not None:
            return Layout(nothing, nothing[:, 0], ONE_RUN)
        rows, of_unit = np.arange(n_points)[:, None], codes
    else:
        members = check_groups(runs, n_points, "runs")
        n_runs = int(members.max(initial=-1)) + 1
        if n_runs == 1 and n_points > 1:
            return Layout(nothing, nothing[:, 0], ONE_RUN)
        if times is None and n_runs < n_points:
            return Layout(nothing, nothing[:, 0], NO_STEPS)
        times = np.zeros(n_points, int) if times is None else times
        of_unit = group_of_run(members, codes)
        points = np.arange(n_points, dtype=np.float64)[:, None]
        rows = panel_of(points, members, times)[:, :, 0].astype(int)
        if not rows.size:
            reason = NO_COMMON_STEP.format(n_groups=n_runs)
            return Layout(nothing, nothing[:, 0], reason)
    rows, of_unit = with_partners(rows, of_unit)
    units = "points" if runs is None else "runs"
    return Layout(rows, of_unit, "" if len(rows) else NOTHING_TO_EXCHANGE.format(units=units))


def group_of_run(runs: Integers, groups: Integers) -> Integers:
    """Return the group of each run, refusing runs of several."""
    pairs = np.unique(np.column_stack([runs, groups]), axis=0)
    if len(pairs) > len(np.unique(runs)):
        several = int((np.bincount(pairs[:, 0]) > 1).sum())
        raise ValueError(f"Expected one group a run, got {several} runs with points of several.")
    return pairs[:, 1]


def arrangements(
    layout: Layout, n_permutations: int, random_state: np.random.RandomState
) -> Integers:
    """Return orders of the units, their own first: all there are, or that many drawn besides."""
    members = layout.members()
    n_orders = math.prod(math.factorial(len(units)) for units in members)
    if min(n_permutations, n_orders) * layout.n_units > MOST_PLACES:
        raise ValueError(
            f"Expected n_permutations of at most {MOST_PLACES // layout.n_units} for "
            f"{layout.n_units} points or runs, whose orders are kept in memory, got "
            f"{n_permutations}."
        )
    if n_orders <= n_permutations + 1:
        own = [list(itertools.permutations(units)) for units in members]
        orders = np.empty((n_orders, layout.n_units), dtype=int)
        for row, parts in enumerate(itertools.product(*own)):
            orders[row, np.concatenate(members)] = np.concatenate(parts)
        return orders
    orders = np.tile(np.arange(layout.n_units), (n_permutations + 1, 1))
    for units in members:
        keys = random_state.random_sample((n_permutations, len(units)))
        orders[1:, units] = units[keys.argsort(axis=1)]
    return orders


def reordered(values: Floats, orders: Integers) -> Floats:
    """Return values (n_units, n_steps) in each order, as points (n_orders, n_points)."""
    return values[orders].reshape(len(orders), -1)
