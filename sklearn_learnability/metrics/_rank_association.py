"""A rank correlation as it is reported."""

from dataclasses import asdict, dataclass

import pandas as pd

from sklearn_learnability._results import Result


@dataclass(frozen=True, eq=False)
class GroupLeftOut(Result):
    """An association without one group.

    Attributes
    ----------
    group : object
        The group left out.
    rho : float
        The association of the others; NaN where it is undefined.
    n_points : int
        Number of points of the others.
    """

    group: object
    rho: float
    n_points: int

    def to_frame(self) -> pd.DataFrame:
        """Return the association as a table of one row."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True, eq=False)
class RankAssociation(Result):
    """A rank correlation, with what speaks for it and what it could not have shown.

    Attributes
    ----------
    rho : float
        The correlation of ranks, given the covariates; NaN where it is undefined.
    lower, upper : float
        Ends of its two-sided interval; NaN if it has none.
    confidence : float
        Level of the interval.
    p_value : float
        Share of the orders whose association is at least as far from none; NaN if there is none.
    smallest_p_value : float
        The smallest that the orders allow.
    detectable : float
        The size of an association that is found in 8 of 10 cases, as one of all tests made
        together; NaN where none is found.
    n_orders : int
        Number of orders compared, the one seen among them.
    n_points, n_groups, n_runs, n_steps : int
        What was compared: groups of at least two points or runs; a point that stands alone is a
        run of one step.
    n_controls : int
        Number of directions of the ranked covariates taken out.
    x_left, y_left : float
        Share of the variance of the ranks of each quantity that the covariates leave.
    without_groups : tuple of GroupLeftOut
        The association without each group; empty for one group.
    reason : str
        Why no verdict is possible; empty where one is.
    """

    rho: float
    lower: float
    upper: float
    confidence: float
    p_value: float
    smallest_p_value: float
    detectable: float
    n_orders: int
    n_points: int
    n_groups: int
    n_runs: int
    n_steps: int
    n_controls: int
    x_left: float
    y_left: float
    without_groups: tuple[GroupLeftOut, ...]
    reason: str

    def to_frame(self) -> pd.DataFrame:
        """Return the association as a table of one row, with its range without single groups."""
        row = asdict(self)
        left = pd.Series([part.rho for part in self.without_groups], dtype=float)
        row["lowest_without_a_group"] = left.min()
        row["highest_without_a_group"] = left.max()
        del row["without_groups"]
        return pd.DataFrame([row])
