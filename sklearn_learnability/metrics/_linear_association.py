"""How well a line describes two quantities, and what is left of it given others."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Integers, as_numbers, check_groups, warn
from sklearn_learnability.exceptions import UndefinedAssociationWarning
from sklearn_learnability.metrics._resampling import check_confidence

#: Share of a variance below which what is left of it is rounding.
ROUNDING = 1e-12
#: Runs of which one can be left out and the others still be compared.
FEWEST_GROUPS = 3
ONE_RUN = (
    "All points are of one run, and whatever grows over a run goes together: no test is valid. "
    "Give groups: several runs, measured at the same steps."
)
NO_STEPS = "Runs of several points can only be compared at the same step, and no steps are given."
NO_COMMON_STEP = "No step at which all of the {n_groups} runs were measured."
FEW_RUNS = "There are {n_groups} runs, where at least 3 are needed."
FEW_POINTS = "Too few points at common steps: without one run nothing would be left to vary."
NO_SPREAD = (
    "Within steps, given the others, nothing is left of a quantity, or nothing but one line: there "
    "is no spread to judge by."
)


@dataclass(frozen=True, eq=False)
class LinearAssociation(Result):
    """A straight line through points, and what it says beyond other quantities.

    The line, the shares and the partial correlation describe the points at hand. Only
    `within_steps` and its `p_value` say whether there is an association.

    Attributes
    ----------
    slope, intercept : float
        The line of y on x by least squares.
    r_squared : float
        Share of the variance of y that x explains.
    given_r_squared : float
        The share that the other quantities explain; NaN without any.
    r_squared_gain : float
        The first minus the second; NaN without others.
    partial_correlation : float
        Correlation of x and y once their fits on the others are taken out; NaN without others.
    within_steps : float
        The same once the mean of every step is taken out too, over the steps at which all runs
        were measured; NaN where the points allow none.
    within_steps_lower, within_steps_upper : float
        Ends of its two-sided interval; NaN if it has none.
    confidence : float
        Level of the interval.
    p_value : float
        The level at which the interval of `within_steps` would end at 0; NaN if it has none.
    reason : str
        Why there is no interval; empty where there is one.
    n_points, n_groups : int
        Number of points, and of runs.
    n_steps : int
        Number of steps that `within_steps` compares the runs at.
    """

    slope: float
    intercept: float
    r_squared: float
    given_r_squared: float
    r_squared_gain: float
    partial_correlation: float
    within_steps: float
    within_steps_lower: float
    within_steps_upper: float
    confidence: float
    p_value: float
    reason: str
    n_points: int
    n_groups: int
    n_steps: int

    def to_frame(self) -> pd.DataFrame:
        """Return the line as a table of one row."""
        return pd.DataFrame([asdict(self)])


def linear_association(
    x: ArrayLike,
    y: ArrayLike,
    *,
    given: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    steps: ArrayLike | None = None,
    confidence: float = 0.95,
) -> LinearAssociation:
    r"""Fit a line of y on x, and test whether runs differ alike in both at the same step.

    .. math:: R^2 = r_{xy}^2, \qquad r_{xy \cdot z} = r_{x - \hat x(z),\; y - \hat y(z)}

    with :math:`\hat x(z)` and :math:`\hat y(z)` the least-squares fits on z and a constant. Higher
    is better for :math:`R^2`. These describe the points and are no evidence: over training
    everything goes together, also given a third quantity. Evidence is that of several runs at the
    same step those with more x have more y: :math:`r`, the same correlation with a constant for
    each step. Its interval leaves out one whole run at a time (the jackknife),

    .. math:: \tanh\Bigl(\zeta \pm t_{G-1} \sqrt{\tfrac{G-1}{G}
              \textstyle\sum_g (\zeta_{(g)} - \bar\zeta)^2}\Bigr), \qquad
              \zeta = \operatorname{artanh} r,

    where :math:`\zeta_{(g)}` is without run g, :math:`\bar\zeta` is the mean of these and
    :math:`t_{G-1}` Student's quantile. Points of a run may depend on each other in any way; runs
    must be independent. In simulations it held its level from 3 runs on, where only strong
    associations are found, but not where some runs vary ten times as much as others in all
    quantities (11 % at a level of 5 %).

    Parameters
    ----------
    x, y : array-like of shape (n_points,)
        The two quantities.
    given : array-like of shape (n_points,) or (n_points, n_given), optional
        The other quantities z; for a curve, a quantity and its square.
    groups : array-like of shape (n_points,), optional
        The run of each point; for independent points a number of its own for each. None: all are
        of one run, and there is no interval.
    steps : array-like of shape (n_points,), optional
        The step at which each point was measured. None: all at the same, one point a run.
    confidence : float, default=0.95
        Level of the intervals.

    Returns
    -------
    LinearAssociation
        The line, and the association within steps with its interval and p-value, or the reason why
        there is none.

    Raises
    ------
    ValueError
        If there are fewer than 3 points, or 3 and one for each column of `given`, lengths differ,
        a value is not finite, a run has two points at one step, or no float holds the line.

    Warns
    -----
    UndefinedAssociationWarning
        If a quantity is constant, or x or y a linear function of `given`; what depends on it is
        NaN.

    References
    ----------
    R. A. Fisher. The distribution of the partial correlation coefficient. Metron, 1924.

    R. G. Miller. The jackknife: a review. Biometrika, 1974. https://doi.org/10.1093/biomet/61.1.1

    Examples
    --------
    Four runs at three steps: over a run both grow, and at each step a run with more x has more y.

    >>> from sklearn_learnability.metrics import linear_association
    >>> runs, steps = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], [1, 2, 3] * 4
    >>> x = [1.0, 3.1, 5.0, 1.4, 3.5, 5.3, 1.9, 3.6, 6.1, 2.2, 4.0, 6.3]
    >>> y = [2.0, 5.0, 9.1, 2.3, 5.6, 9.4, 2.9, 5.5, 10.2, 3.1, 6.2, 10.3]
    >>> line = linear_association(x, y, groups=runs, steps=steps)
    >>> round(line.r_squared, 2), round(line.within_steps, 2), line.p_value < 0.05
    (0.98, 0.98, True)
    >>> linear_association(x[:3], y[:3]).reason[:27]
    'All points are of one run, '
    """
    check_confidence(confidence)
    points, scale = _check_points(x, y, given)
    runs = np.zeros(len(points), int) if groups is None else check_groups(groups, len(points))
    times = None if steps is None else check_groups(steps, len(points), "steps")
    described = _describe(points)
    _warn_if_undefined(points, described[-1])
    n_groups = int(runs.max()) + 1
    panel = np.empty((n_groups, 0, points.shape[1]))
    if times is not None or n_groups == len(points):
        panel = panel_of(points, runs, np.zeros_like(runs) if times is None else times)
    value, lower, upper, p_value, reason = _jackknife(panel, confidence)
    if groups is None:
        reason = ONE_RUN
    elif times is None and n_groups < len(points):
        reason = NO_STEPS
    return LinearAssociation(
        *_line(points, scale),
        *described,
        within_steps=value,
        within_steps_lower=lower,
        within_steps_upper=upper,
        confidence=confidence,
        p_value=p_value,
        reason=reason,
        n_points=len(points),
        n_groups=n_groups,
        n_steps=panel.shape[1],
    )


def _check_points(x: ArrayLike, y: ArrayLike, given: ArrayLike | None) -> tuple[Floats, Floats]:
    """Return x, y and the columns given side by side, each in units of its scale, and the scales.

    The scale is a column's largest number, so that no square overflows and none vanishes. What no
    line can be drawn through is refused.
    """
    arrays = [as_numbers("x", x), as_numbers("y", y)]
    if given is not None:
        others = as_numbers("given", given)
        arrays.append(others[:, None] if others.ndim == 1 else others)
    shapes = [array.shape for array in arrays]
    flat = [array.ndim for array in arrays] in ([1, 1], [1, 1, 2])
    if not flat or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"Expected vectors of one length, got shapes {shapes}.")
    if any(0 in shape[1:] for shape in shapes):
        raise ValueError("Expected at least one column in given, got none.")
    points = np.column_stack(arrays)
    least = points.shape[1] + 1
    if len(points) < least:
        raise ValueError(f"Expected at least {least} points, got {len(points)}.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise ValueError(f"Expected finite points, got NaN or infinity in {bad} of {len(points)}.")
    scale = np.abs(points).max(axis=0)
    scale[scale == 0] = 1.0
    return points / scale, scale


def _warn_if_undefined(points: Floats, partial: float) -> None:
    """Warn of columns without variance, and of a partial correlation of what is not there."""
    flat = np.ptp(points, axis=0) == 0
    constant = [name for name, is_flat in zip(("x", "y"), flat, strict=False) if is_flat]
    constant += ["given"] if flat[2:].any() else []
    if constant:
        warn(
            f"The association is undefined (NaN): {' and '.join(constant)} has the same value at "
            f"all {len(points)} points.",
            UndefinedAssociationWarning,
        )
    elif points.shape[1] > 2 and np.isnan(partial):
        warn(
            "The partial correlation is undefined (NaN): x or y is a linear function of given.",
            UndefinedAssociationWarning,
        )


def _line(points: Floats, scale: Floats) -> tuple[float, float]:
    """Return slope and intercept of the second column on the first, in units of their scales."""
    x, y = _centred(points)[:, :2].T
    if not x.any():
        return float("nan"), float("nan")
    slope = float(x @ y / (x @ x))
    intercept = float(points[:, 1].mean() - slope * points[:, 0].mean())
    with np.errstate(over="ignore", invalid="ignore"):
        line = slope * (scale[1] / scale[0]), intercept * scale[1]
    if not np.isfinite(line).all():
        raise ValueError(
            f"Expected x and y of scales that a float can hold the slope of, got x up to "
            f"{scale[0]:g} and y up to {scale[1]:g}. Change their units."
        )
    return float(line[0]), float(line[1])


def _centred(points: Floats) -> Floats:
    """Return columns less their means, exactly 0 where they are constant."""
    return np.where(np.ptp(points, axis=0) == 0, 0.0, points - points.mean(axis=0))


def _describe(points: Floats) -> tuple[float, float, float, float]:
    """Return what describes all points; NaN where it is undefined."""
    nan = float("nan")
    centred = _centred(points)
    pair, others = centred[:, :2], centred[:, 2:]
    r_squared = _correlation(pair) ** 2
    if not others.shape[1] or not others.any(axis=0).all():
        return r_squared, nan, nan, nan
    residual = _residual(pair, others)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (residual**2).sum(axis=0) / (pair**2).sum(axis=0)
    partial = _correlation(residual) if (left > ROUNDING).all() else nan
    return r_squared, float(1 - left[1]), float(r_squared - 1 + left[1]), partial


def _residual(pair: Floats, others: Floats) -> Floats:
    """Return what the fit on other centred columns leaves of two."""
    if not others.shape[1]:
        return pair
    scaled = others / np.sqrt((others**2).sum(axis=0))
    return np.asarray(pair - scaled @ np.linalg.lstsq(scaled, pair, rcond=None)[0])


def _correlation(pair: Floats) -> float:
    """Return the correlation of two centred columns."""
    size = np.sqrt((pair**2).sum(axis=0))
    if not size.all():
        return float("nan")
    return float(np.clip(pair[:, 0] @ pair[:, 1] / size.prod(), -1, 1))


def panel_of(points: Floats, runs: Integers, times: Integers) -> Floats:
    """Return the points (run, step, quantity) at the steps at which all runs were measured."""
    n_groups = int(runs.max()) + 1
    cells, counts = np.unique(np.column_stack([times, runs]), axis=0, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"Expected one point of a run at each step, got {counts.max()} of the same. Give the "
            "runs numbers of their own, or the mean of the points."
        )
    common = np.flatnonzero(np.bincount(cells[:, 0]) == n_groups)
    used = np.isin(times, common)
    order = np.lexsort((times[used], runs[used]))
    return np.asarray(points[used][order].reshape(n_groups, len(common), points.shape[1]))


def _jackknife(panel: Floats, confidence: float) -> tuple[float, float, float, float, str]:
    """Return the association within steps, its ends and p-value, or why there are none."""
    n_groups, n_steps, n_columns = panel.shape
    value = _within_steps(panel)
    reason = ""
    if n_groups < FEWEST_GROUPS:
        reason = FEW_RUNS.format(n_groups=n_groups)
    elif not n_steps:
        reason = NO_COMMON_STEP.format(n_groups=n_groups)
    elif (n_groups - 2) * n_steps - (n_columns - 2) < 2:
        reason = FEW_POINTS
    if reason:
        return value, np.nan, np.nan, np.nan, reason
    kept = ~np.eye(n_groups, dtype=bool)
    without = np.array([_within_steps(panel[keep]) for keep in kept])
    if not (np.abs([value, *without]) < 1 - ROUNDING).all():
        return value, np.nan, np.nan, np.nan, NO_SPREAD
    error = float(np.sqrt((n_groups - 1) * np.arctanh(without).var()))
    if error <= ROUNDING:
        return value, np.nan, np.nan, np.nan, NO_SPREAD
    margin = stats.t.isf((1 - confidence) / 2, n_groups - 1) * error
    lower, upper = np.tanh(np.arctanh(value) + np.array([-margin, margin]))
    p_value = 2 * stats.t.sf(abs(np.arctanh(value)) / error, n_groups - 1)
    return value, float(lower), float(upper), float(p_value), ""


def _within_steps(panel: Floats) -> float:
    """Return the partial correlation with a constant for each step; NaN where nothing varies."""
    if panel.shape[0] < 2 or not panel.shape[1]:
        return float("nan")
    whole = panel.reshape(-1, panel.shape[2])
    inside = (panel - panel.mean(axis=0)).reshape(whole.shape)
    size = (inside**2).sum(axis=0)
    varies = size > ROUNDING**2 * (whole**2).sum(axis=0)  # of numbers themselves, not of a variance
    residual = _residual(inside[:, :2], inside[:, 2:][:, varies[2:]])
    left = (residual**2).sum(axis=0)
    if not varies[:2].all() or (left <= ROUNDING * size[:2]).any():
        return float("nan")
    return _correlation(residual)
