"""How well a line describes two quantities, and what is left of it given others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, check_groups, warn
from sklearn_learnability.exceptions import UndefinedAssociationWarning
from sklearn_learnability.metrics._resampling import Estimate, check_confidence

#: Share of a variance below which what is left of it is rounding.
ROUNDING = 1e-12
#: What is bootstrapped, in this order.
STATISTICS = ("r_squared", "given_r_squared", "r_squared_gain", "partial_correlation")


@dataclass(frozen=True, eq=False)
class LinearAssociation(Result):
    """A straight line through points, and what it says beyond other quantities.

    Attributes
    ----------
    slope, intercept : float
        The line of y on x by least squares.
    r_squared : Estimate
        Share of the variance of y that x explains.
    given_r_squared : Estimate
        The share that the other quantities explain; NaN without any.
    r_squared_gain : Estimate
        The first minus the second, from the same resamples; NaN without others.
    partial_correlation : Estimate
        Correlation of x and y once their fits on the others are taken out; NaN without others.
    n_points, n_groups : int
        Number of points, and of groups that were resampled; without groups every point is its own.
    """

    slope: float
    intercept: float
    r_squared: Estimate
    given_r_squared: Estimate
    r_squared_gain: Estimate
    partial_correlation: Estimate
    n_points: int
    n_groups: int

    def to_frame(self) -> pd.DataFrame:
        """Return the line as a table of one row, ends of the intervals beside the values."""
        row: dict[str, float] = {"slope": self.slope, "intercept": self.intercept}
        for name in STATISTICS:
            estimate: Estimate = getattr(self, name)
            row |= {
                name: estimate.value,
                f"{name}_lower": estimate.lower,
                f"{name}_upper": estimate.upper,
            }
        return pd.DataFrame([row | {"n_points": self.n_points, "n_groups": self.n_groups}])


def linear_association(
    x: ArrayLike,
    y: ArrayLike,
    *,
    given: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 999,
    random_state: int | np.random.RandomState | None = 0,
) -> LinearAssociation:
    r"""Fit a line of y on x, beside the fit on other quantities z and the partial correlation.

    .. math:: R^2 = r_{xy}^2, \qquad r_{xy \cdot z} = r_{x - \hat x(z),\; y - \hat y(z)}

    with :math:`\hat x(z)` and :math:`\hat y(z)` the least-squares fits on z and a constant. Higher
    is better for :math:`R^2`. Two quantities that both follow a third have a high :math:`R^2`
    without having to do with each other: look whether it exceeds the one of z alone, and whether
    the partial correlation is away from 0.

    Intervals are percentiles of the bootstrap, over points or over whole groups. Three groups make
    ten different resamples: an interval over so few says little more than how far apart they are.

    Parameters
    ----------
    x, y : array-like of shape (n_points,)
        The two quantities.
    given : array-like of shape (n_points,) or (n_points, n_given), optional
        The other quantities z; for a curve, a quantity and its square.
    groups : array-like of shape (n_points,), optional
        Points of one group may depend on each other: groups are resampled as wholes.
    confidence : float, default=0.95
        Level of the intervals.
    n_resamples : int, default=999
        Number of resamples.
    random_state : int, RandomState instance or None, default=0
        Source of randomness. Draws the resamples.

    Returns
    -------
    LinearAssociation
        The line, and its statistics with intervals.

    Raises
    ------
    ValueError
        If there are fewer than 3 points, or 3 and one for each column of `given`, lengths differ,
        or a value is not finite.

    Warns
    -----
    UndefinedAssociationWarning
        If a quantity is constant; what depends on it is NaN.

    References
    ----------
    R. A. Fisher. The distribution of the partial correlation coefficient. Metron, 1924.

    B. Efron and R. J. Tibshirani. An Introduction to the Bootstrap. Chapman and Hall, 1993.
    https://doi.org/10.1201/9780429246593

    Examples
    --------
    >>> from sklearn_learnability.metrics import linear_association
    >>> z = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    >>> x = [1.2, 1.9, 3.2, 3.9, 5.2, 5.9]  # both follow z, one against the other
    >>> y = [0.8, 2.1, 2.8, 4.1, 4.8, 6.1]
    >>> line = linear_association(x, y, given=z)
    >>> round(line.r_squared.value, 2), round(line.partial_correlation.value, 2)
    (0.97, -1.0)
    """
    check_confidence(confidence)
    points = _check_points(x, y, given)
    codes = np.arange(len(points)) if groups is None else check_groups(groups, len(points))
    _warn_if_constant(points)
    value = _statistics(points)
    resampled = _bootstrap(points, codes, n_resamples, random_state)
    estimates = {
        name: _percentile_estimate(value[i], resampled[:, i], confidence)
        for i, name in enumerate(STATISTICS)
    }
    slope, intercept = _line(points)
    return LinearAssociation(
        slope, intercept, **estimates, n_points=len(points), n_groups=int(codes.max()) + 1
    )


def _check_points(x: ArrayLike, y: ArrayLike, given: ArrayLike | None) -> Floats:
    """Return x, y and the columns given side by side; refuse what no line can be drawn through."""
    arrays = [np.asarray(column, dtype=np.float64) for column in (x, y)]
    if given is not None:
        others = np.asarray(given, dtype=np.float64)
        arrays.append(others[:, None] if others.ndim == 1 else others)
    shapes = [array.shape for array in arrays]
    if arrays[0].ndim != 1 or len({shape[:1] for shape in shapes}) > 1 or arrays[1].ndim != 1:
        raise ValueError(f"Expected vectors of one length, got shapes {shapes}.")
    points = np.column_stack(arrays)
    least = points.shape[1] + 1
    if len(points) < least:
        raise ValueError(f"Expected at least {least} points, got {len(points)}.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise ValueError(f"Expected finite points, got NaN or infinity in {bad} of {len(points)}.")
    return points


def _warn_if_constant(points: Floats) -> None:
    """Warn of columns without variance."""
    flat = np.ptp(points, axis=0) == 0
    constant = [name for name, is_flat in zip(("x", "y"), flat, strict=False) if is_flat]
    constant += ["given"] if flat[2:].any() else []
    if constant:
        warn(
            f"The association is undefined (NaN): {' and '.join(constant)} has the same value at "
            f"all {len(points)} points.",
            UndefinedAssociationWarning,
        )


def _line(points: Floats) -> tuple[float, float]:
    """Return slope and intercept of the second column on the first."""
    x, y = points[:, 0], points[:, 1]
    centred = x - x.mean()
    if not centred.any():
        return float("nan"), float("nan")
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())


def _statistics(points: Floats) -> Floats:
    """Return the four statistics; NaN where they are undefined."""
    centred = points - points.mean(axis=0)
    pair, others = centred[:, :2], centred[:, 2:]
    r_squared = _correlation(pair) ** 2
    if not others.shape[1]:
        return np.array([r_squared, np.nan, np.nan, np.nan])
    size = np.sqrt((others**2).sum(axis=0))
    if not size.all():
        return np.array([r_squared, np.nan, np.nan, np.nan])
    scaled = others / size
    residual = pair - scaled @ np.linalg.lstsq(scaled, pair, rcond=None)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (residual**2).sum(axis=0) / (pair**2).sum(axis=0)
    partial = _correlation(residual) if (left > ROUNDING).all() else np.nan
    return np.array([r_squared, 1 - left[1], r_squared - 1 + left[1], partial])


def _correlation(pair: Floats) -> float:
    """Return the correlation of two centred columns."""
    size = np.sqrt((pair**2).sum(axis=0))
    return float(np.clip(pair[:, 0] @ pair[:, 1] / size.prod(), -1, 1)) if size.all() else np.nan


def _bootstrap(
    points: Floats,
    codes: NDArray[np.integer],
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> Floats:
    """Return the statistics of resamplings of whole groups, one row a resampling."""
    rng = check_random_state(random_state)
    members = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    if len(members) < 2:
        return np.full((n_resamples, len(STATISTICS)), np.nan)
    drawn = rng.randint(len(members), size=(n_resamples, len(members)))
    return np.array(
        [_statistics(points[np.concatenate([members[group] for group in row])]) for row in drawn]
    )


def _percentile_estimate(value: float, resampled: Floats, confidence: float) -> Estimate:
    """Return the value with its percentile interval; NaN ends if few resamples have one."""
    defined = resampled[np.isfinite(resampled)]
    if np.isnan(value) or 2 * len(defined) < len(resampled):
        return Estimate(float(value), np.nan, np.nan, np.nan, confidence)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Estimate(
        float(value), float(defined.std(ddof=1)), float(lower), float(upper), confidence
    )
