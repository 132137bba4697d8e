"""Ranks within strata, what covariates leave of them, and how often chance leaves as much."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.metrics._arrangements import Layout, reordered
from sklearn_learnability.metrics._linear_association import ROUNDING

#: Share of the largest direction of the covariates below which another one is rounding.
SAME_DIRECTION = 1e-9
#: Numbers in one block of reordered residuals.
BLOCK = 2_000_000


@dataclass(frozen=True)
class RankedResiduals:
    """What covariates leave of the ranks of two sets of quantities.

    Attributes
    ----------
    x, y : array of shape (n_points, n_x) and (n_points, n_y)
        Residuals, scaled to unit length; NaN where a quantity is constant or determined.
    x_left, y_left : array of shape (n_x,) and (n_y,)
        Share of the variance of the ranks that is left, corrected for the number of controls; NaN
        where nothing varies within strata.
    basis : array of shape (n_points, n_controls)
        Orthonormal directions of the covariates.
    degrees_of_freedom : int
        Points, less strata, less controls, less one.
    """

    x: Floats
    y: Floats
    x_left: Floats
    y_left: Floats
    basis: Floats
    degrees_of_freedom: int

    def rho(self) -> Floats:
        """Return the correlations (n_x, n_y)."""
        return np.clip(self.x.T @ self.y, -1, 1)


def ranked_residuals(
    x: Floats, y: Floats, covariates: Floats, layout: Layout, degree: int
) -> RankedResiduals:
    """Rank columns within strata and take out covariates, up to a power of their ranks."""
    ranks_x, ranks_y, ranks = (ranks_within(values, layout) for values in (x, y, covariates))
    powers = [centred_within(ranks**power, layout) for power in range(1, degree + 1)]
    basis = directions(np.column_stack(powers))
    free = layout.rows.size - layout.n_strata
    correction = free / max(free - basis.shape[1], 1)
    left_x, share_x = left_over(ranks_x, basis)
    left_y, share_y = left_over(ranks_y, basis)
    return RankedResiduals(
        x=left_x,
        y=left_y,
        x_left=np.minimum(correction * share_x, 1),
        y_left=np.minimum(correction * share_y, 1),
        basis=basis,
        degrees_of_freedom=free - basis.shape[1] - 1,
    )


def ranks_within(values: Floats, layout: Layout) -> Floats:
    """Return the ranks of the columns within strata, from -1 to 1, ties at their mean rank."""
    ranks = np.empty((*layout.rows.shape, values.shape[1]))
    for units in layout.members():
        part = values[layout.rows[units]]
        ranks[units] = 2 * rankdata(part, axis=0) / (len(units) + 1) - 1
    return ranks.reshape(layout.rows.size, values.shape[1])


def centred_within(values: Floats, layout: Layout) -> Floats:
    """Return columns less their means within strata."""
    centred = values.reshape(*layout.rows.shape, values.shape[1])
    for units in layout.members():
        centred[units] -= centred[units].mean(axis=0)
    return centred.reshape(values.shape)


def directions(columns: Floats) -> Floats:
    """Return orthonormal directions of columns, without those that the others have."""
    size = np.sqrt((columns**2).sum(axis=0))
    columns = columns[:, size > SAME_DIRECTION] / size[size > SAME_DIRECTION]
    if not columns.size:
        return np.empty((len(columns), 0))
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, singular > SAME_DIRECTION * singular[0]])


def left_over(ranks: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Return residuals of unit length, NaN where nothing is left, and the share that is left."""
    whole = (ranks**2).sum(axis=0)
    residual = ranks - basis @ (basis.T @ ranks)
    size = (residual**2).sum(axis=0)
    size[size <= ROUNDING * whole] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, residual / np.sqrt(size), np.nan), size / whole


def statistics(residuals: RankedResiduals, layout: Layout, orders: Integers) -> Floats:
    r"""Return how far apart from none each association is in each order, (n_orders, n_x, n_y).

    Freedman and Lane's: the residuals of y change places, and the covariates are taken out again.
    Without covariates, and of whole runs, :math:`|\rho|`. Otherwise :math:`|\rho|` over its
    standard error by White's formula, so that the level also holds where both quantities vary more
    for some values of the covariates than for others.
    """
    robust = residuals.basis.shape[1] > 0 and not layout.are_runs
    shape = (len(orders), residuals.x.shape[1], residuals.y.shape[1])
    found = np.empty(shape)
    rows = max(1, BLOCK // max(len(residuals.x), 1))
    for start in range(0, len(orders), rows):
        block = orders[start : start + rows]
        for column, values in enumerate(residuals.y.T):
            moved = reordered(values.reshape(layout.rows.shape), block)
            moved -= (moved @ residuals.basis) @ residuals.basis.T
            moved[(moved**2).sum(axis=1) <= ROUNDING] = 0  # all of it along the covariates
            found[start : start + rows, :, column] = distance(moved, residuals.x, robust)
    return found


def distance(moved: Floats, x: Floats, robust: bool) -> Floats:
    """Return the distance from no association of reordered y (n_orders, n) with x (n, n_x)."""
    product, square = moved @ x, moved**2
    if not robust:
        size = np.maximum(square.sum(axis=1), np.finfo(float).tiny)
        return np.nan_to_num(np.abs(product) / np.sqrt(size)[:, None])
    null = square @ x**2
    noise = null - 2 * product * (moved @ x**3) + product**2 * (x**4).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.abs(product) / np.sqrt(np.maximum(noise, ROUNDING * null)))
