"""The information-bottleneck curve of a joint distribution, and how far from it a model is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_learnability._results import Result
from sklearn_learnability._tables import is_sparse
from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    as_numbers,
    check_count,
    check_number,
    check_random_state,
    nats_per_unit,
    warn,
)
from sklearn_learnability.exceptions import BottleneckConvergenceWarning
from sklearn_learnability.metrics._bottleneck import Encoder, Joint, Matrix, evaluate, settle, trace
from sklearn_learnability.metrics._contraction import contraction_coefficient

#: Points of the curve, the largest trade-off, and steps to find their range, where none are given.
N_BETAS = 30
LARGEST_BETA = 2.0**20
ROUGH_STEPS = 50
#: How far the sum of a joint distribution may be from 1.
MOST_OFF = 1e-6
#: Informations that differ by less, in either unit, are told apart by rounding alone.
ROUNDING = 1e-9
#: Largest alphabet of X for which every value starts as a cluster of its own.
MOST_CLUSTERS = 2_000


@dataclass(frozen=True, eq=False)
class InformationBottleneck(Result):
    """Points on the information-bottleneck curve of a joint distribution, with their encoders.

    Attributes
    ----------
    betas : ndarray of shape (n_points,)
        Trade-offs, ascending.
    complexity : ndarray of shape (n_points,)
        I(X;T), what the encoder keeps of X. Lower is better.
    expressivity : ndarray of shape (n_points,)
        I(T;Y), what it keeps of Y. Higher is better.
    n_clusters : ndarray of shape (n_points,)
        Values of T in use.
    change : ndarray of shape (n_points,)
        Sum of the absolute differences of p(t, y) in the last step; infinite where it left out
        clusters.
    converged : ndarray of shape (n_points,)
        Whether that is below the tolerance.
    information : float
        I(X;Y).
    input_entropy : float
        H(X).
    contraction : float
        Largest share of the information about X that Y can keep, whatever encodes X, or a number
        above it where there are many pairs of inputs; 1 where X has more than 2,000 values.
    units : str
        Unit of all informations.
    encoders : tuple of ndarray of shape (n_x, n_clusters)
        p(t|x) of every point.
    """

    betas: Floats
    complexity: Floats
    expressivity: Floats
    n_clusters: np.ndarray
    change: Floats
    converged: np.ndarray
    information: float
    input_entropy: float
    contraction: float
    units: str
    encoders: tuple[Floats, ...]

    @property
    def upper_bound(self) -> Floats:
        """The limit of every point: no encoder of that complexity says more of Y."""
        return self.limit(self.complexity)

    @property
    def gap(self) -> Floats:
        """Upper bound less expressivity: how far a point can be from the true curve at most."""
        return self.upper_bound - self.expressivity

    def limit(self, complexity: ArrayLike) -> Floats:
        r"""Return what no encoder of given complexities exceeds.

        :math:`\min(\eta\, I(X;T), I(X;Y))`, with :math:`\eta` the contraction.
        """
        kept = np.minimum(as_numbers("complexity", complexity), self.input_entropy)  # 0 times inf
        return np.minimum(self.contraction * kept, self.information)

    def hull(self) -> tuple[Floats, Floats]:
        """Return the corners of the frontier: the points that no mixture of others is better than.

        T constant and T = X are among them. A mixture takes one of two encoders at random, and says
        which: it lies on the straight line between them.
        """
        return _hull(
            np.r_[0.0, self.complexity, self.input_entropy],
            np.r_[0.0, self.expressivity, self.information],
        )

    def frontier(self, complexity: ArrayLike) -> Floats:
        """Return the largest expressivity of given complexities that is known to be achievable.

        I(X;Y) above H(X).
        """
        return np.interp(as_numbers("complexity", complexity), *self.hull())

    def complexity_needed(self, expressivity: ArrayLike) -> Floats:
        """Return the smallest complexity of given expressivities that is known to be enough.

        NaN above I(X;Y).
        """
        rates, kept = self.hull()
        last = int((kept >= self.information - ROUNDING).argmax())  # T = X may keep far more of X
        wanted = as_numbers("expressivity", expressivity)
        is_possible = wanted <= self.information + ROUNDING
        wanted = np.where(is_possible, np.minimum(wanted, kept[last]), np.nan)
        return np.interp(wanted, kept[: last + 1], rates[: last + 1])

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a point."""
        return pd.DataFrame(
            {
                "beta": self.betas,
                "complexity": self.complexity,
                "expressivity": self.expressivity,
                "upper_bound": self.upper_bound,
                "gap": self.gap,
                "n_clusters": self.n_clusters,
                "change": self.change,
                "converged": self.converged,
            }
        )


def information_bottleneck(
    joint: ArrayLike | sparse.sparray,
    betas: Literal["auto"] | Sequence[float] = "auto",
    *,
    n_clusters: int | None = None,
    deterministic: bool = False,
    units: Units = "bits",
    tolerance: float = 1e-10,
    max_iter: int = 2000,
    random_state: RandomState = None,
) -> InformationBottleneck:
    r"""Trace the information-bottleneck curve of a joint distribution p(x, y).

    .. math:: \min_{p(t|x)} I(X;T) - \beta\, I(T;Y), \qquad
              p(t|x) \propto p(t)\, e^{-\beta\, \mathrm{KL}(p(y|x) \,\|\, p(y|t))}

    The trade-off falls from its largest value, where every x is a cluster of its own, and each
    point starts from the one before: clusters that come to say the same of y are merged. Steps are
    extrapolated and done in float64. Each point is also tried from the best of all others and from
    the trivial one, T constant, until none is worse than these. The problem is not convex: what is
    returned can be achieved, and the upper bound says how far at most it is from the true curve:

    .. math:: I(T;Y) \le \min(\eta\, I(X;T),\ I(X;Y)), \qquad
              \eta = \sup \frac{I(T;Y)}{I(X;T)} \le 1

    with the contraction coefficient of p(y|x), which holds for every p(x).

    Parameters
    ----------
    joint : array-like or sparse array of shape (n_x, n_y)
        Joint distribution p(x, y), which sums to 1. A row is a value of X, and none is empty.
    betas : "auto" or sequence of float, default="auto"
        Trade-offs, above 0. "auto" takes 30 of them, evenly spaced in their logarithm, from where
        little of X is kept to where all but a thousandth of what it says of Y is, within 1 and
        2^20. Give larger ones where Y hardly depends on X.
    n_clusters : int, default=None
        Largest number of values of T. The first clusters are then by k-means on the roots of
        p(y|x), and complexity is at most its logarithm. None allows as many as there are values of
        X, which must be no more than 2,000.
    deterministic : bool, default=False
        Whether every x goes to one cluster only: the deterministic bottleneck, which minimises
        H(T) - beta I(T;Y).
    units : {"bits", "nats"}, default="bits"
        Unit of information.
    tolerance : float, default=1e-10
        A point has converged where a step moves p(t, y) by less in total.
    max_iter : int, default=2000
        Extrapolated steps a point, after which it is taken as it is.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. Seeds k-means where `n_clusters` is given.

    Returns
    -------
    InformationBottleneck
        The points, by ascending beta.

    Raises
    ------
    ValueError
        If the joint distribution is negative, holds NaN, does not sum to 1 or has an empty row, a
        beta is not above 0, or X has too many values for clusters of their own.

    Warns
    -----
    BottleneckConvergenceWarning
        If points have not converged after `max_iter` steps.

    See Also
    --------
    distance_to_bound : Where a measured model lies against the curve.

    References
    ----------
    N. Tishby, F. C. Pereira and W. Bialek. The information bottleneck method, 2000.
    https://doi.org/10.48550/arXiv.physics/0004057

    D. J. Strouse and D. J. Schwab. The deterministic information bottleneck. Neural Computation,
    2017. https://doi.org/10.1162/NECO_a_00961

    R. Varadhan and C. Roland. Simple and globally convergent methods for accelerating the
    convergence of any EM algorithm. Scandinavian Journal of Statistics, 2008.
    https://doi.org/10.1111/j.1467-9469.2007.00585.x

    O. Ordentlich and Y. Polyanskiy. Strong data processing constant is achieved by binary inputs.
    IEEE Transactions on Information Theory, 2022. https://doi.org/10.1109/TIT.2021.3130189

    Examples
    --------
    A bit that is flipped once in ten times: little can be left out without loss.

    >>> from sklearn_learnability.metrics import information_bottleneck
    >>> curve = information_bottleneck([[0.45, 0.05], [0.05, 0.45]], [1.5, 2, 5])
    >>> curve.to_frame()[["beta", "complexity", "expressivity"]].round(3)
       beta  complexity  expressivity
    0   1.5       0.000         0.000
    1   2.0       0.696         0.407
    2   5.0       0.998         0.531
    """
    nats = nats_per_unit(units)
    source = Joint.of(_check_joint(joint))
    if not isinstance(deterministic, bool | np.bool_):
        raise ValueError(f"Expected deterministic as True or False, got {deterministic!r}.")
    check_number("tolerance", tolerance, 0, 1)
    check_count("max_iter", max_iter)
    is_auto = isinstance(betas, str) and betas == "auto"
    grid = np.empty(0) if is_auto else _check_betas(betas)
    start = _first_clusters(source, n_clusters, random_state)
    if is_auto:
        grid = _spread_betas(source, start)
    points = trace(
        source,
        start,
        grid,
        deterministic=bool(deterministic),
        tolerance=tolerance,
        max_iter=max_iter,
    )
    change = np.array([moved for _, moved in points])
    converged = change <= tolerance
    if not converged.all():
        warn(
            f"{(~converged).sum()} of {len(grid)} points of the bottleneck had not converged after "
            f"{max_iter} steps: p(t, y) still moved by up to {change.max():.1g}. They can be "
            "achieved all the same.",
            BottleneckConvergenceWarning,
        )
    encoders = [encoder for encoder, _ in points]
    return InformationBottleneck(
        betas=grid,
        complexity=np.array([encoder.complexity for encoder in encoders]) / nats,
        expressivity=np.array([encoder.expressivity for encoder in encoders]) / nats,
        n_clusters=np.array([len(encoder.joint) for encoder in encoders]),
        change=change,
        converged=converged,
        information=source.information / nats,
        input_entropy=source.input_entropy / nats,
        contraction=_contraction(source),
        units=units,
        encoders=tuple(encoder.proba for encoder in encoders),
    )


def _check_joint(joint: Any) -> Matrix:
    """Return p(x, y) as float64, normalised to the last digit."""
    matrix: Any = joint
    if is_sparse(joint):
        matrix = matrix.tocsr().astype(np.float64)
        matrix.sum_duplicates()
        values = matrix.data
    else:
        values = matrix = as_numbers("joint", joint)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"Expected joint of shape (n_x, n_y), got shape {matrix.shape}.")
    if not np.isfinite(values).all():
        raise ValueError("Expected finite probabilities, got NaN or infinity in joint.")
    if (values < 0).any():
        raise ValueError(f"Expected probabilities >= 0, got {values.min():g} in joint.")
    total = float(values.sum())
    if abs(total - 1) > MOST_OFF:
        raise ValueError(
            f"Expected a joint distribution that sums to 1, got a sum of {total:.6g}. Divide "
            "counts by their sum."
        )
    empty = np.asarray(matrix.sum(axis=1)).ravel() == 0
    if empty.any():
        raise ValueError(
            f"Expected a probability above 0 in every row of joint, got {empty.sum()} empty rows "
            f"of {len(empty)}, such as row {np.flatnonzero(empty)[0]}. Leave them out."
        )
    return matrix / total


def _contraction(source: Joint) -> float:
    """Return the contraction coefficient, 1 where there are too many pairs of inputs."""
    return contraction_coefficient(source.conditional) if len(source.p_x) <= MOST_CLUSTERS else 1.0


def _check_betas(betas: Any) -> Floats:
    """Return distinct betas, ascending."""
    grid = np.unique(as_numbers("betas", betas))
    if not grid.size or np.ndim(betas) != 1 or not (np.isfinite(grid) & (grid > 0)).all():
        raise ValueError(f"Expected betas as 'auto' or numbers above 0, got {betas!r}.")
    return grid


def _spread_betas(source: Joint, start: Encoder) -> Floats:
    """Return betas from where little is kept to where all but a thousandth of it is.

    Both ends are powers of 2. Below 1 nothing is worth keeping, since I(T;Y) <= I(X;T).
    """
    low, high = 1.0, 1.0
    while high < LARGEST_BETA:
        encoder, _ = settle(
            source, start, high, deterministic=False, tolerance=1e-6, max_iter=ROUGH_STEPS
        )
        if encoder.objective(high) >= -1e-6:
            low = high
        elif encoder.expressivity >= (1 - 1e-3) * start.expressivity:
            break
        high *= 2
    return np.geomspace(low, high, N_BETAS)


def _first_clusters(source: Joint, n_clusters: int | None, random_state: RandomState) -> Encoder:
    """Return the encoder that the descent starts from."""
    from sklearn.cluster import MiniBatchKMeans  # slow to import, and needed here alone

    n_x, seeds = len(source.p_x), check_random_state(random_state)
    if n_clusters is None:
        if n_x > MOST_CLUSTERS:
            raise ValueError(
                f"Expected n_clusters where X has more than {MOST_CLUSTERS} values, got None and "
                f"{n_x} values."
            )
        return evaluate(source, np.eye(n_x))
    if check_count("n_clusters", n_clusters) >= n_x:
        return _first_clusters(source, None, random_state)
    roots: Any = np.sqrt(source.conditional)
    if hasattr(roots, "indptr"):  # scikit-learn takes short indices only
        roots.indices, roots.indptr = roots.indices.astype(np.intc), roots.indptr.astype(np.intc)
    means = MiniBatchKMeans(n_clusters, random_state=seeds, n_init=3, batch_size=4096)
    labels = means.fit_predict(roots, sample_weight=source.p_x * n_x)
    proba = np.zeros((n_x, n_clusters))
    proba[np.arange(n_x), labels] = 1
    return evaluate(source, proba)


def _hull(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the upper concave hull of points, by ascending x."""
    order = np.lexsort((-y, x))
    hull: list[int] = []
    for i in order:
        while len(hull) > 1:
            a, b = hull[-2:]
            if (x[b] - x[a]) * (y[i] - y[a]) < (y[b] - y[a]) * (x[i] - x[a]):
                break
            hull.pop()
        if not hull or x[i] > x[hull[-1]]:
            hull.append(int(i))
    return x[hull], y[hull]
