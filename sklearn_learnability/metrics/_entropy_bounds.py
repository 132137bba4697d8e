"""Bounds on an expected entropy from few labels a row: polynomials above and below it."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy.optimize import linprog, nnls
from scipy.special import betaln, entr, gammaln

from sklearn_learnability._validation import Floats, Integers

Side = Literal["lower", "upper"]

#: Largest degree for few rows or labels, and for many of both: beyond it a polynomial fits noise.
FEW_DEGREE, MANY_DEGREE, MANY_LABELS, MANY_ROWS = 5, 8, 12, 300
#: Rows that the beta-binomial counts for when a polynomial is chosen.
PRIOR_ROWS = 100
#: Largest value at any count, in nats.
LARGEST_VALUE = 8.0


def degree_of(n_labels: Integers, n_rows: float) -> Integers:
    """Return the degree of the polynomial for rows of so many labels, one less from 4 labels on."""
    largest = np.where((n_labels >= MANY_LABELS) & (n_rows >= MANY_ROWS), MANY_DEGREE, FEW_DEGREE)
    return np.where(n_labels <= 3, n_labels, np.minimum(n_labels - 1, largest))


def entropy_bound(
    counts: Integers, n_labels: Integers, weight: Floats, degree: int, side: Side, *, both: bool
) -> Floats:
    r"""Return what every row says of a bound on the expected entropy in nats of one class.

    Of k labels, c bear the class. The chance of c is a Bernstein polynomial in the row's
    probability p of the class. So a value :math:`b_c` for every count is, in expectation, a
    polynomial in p, and

    .. math:: \sum_c b_c \binom{k}{c} p^c (1-p)^{k-c} \ge \phi(p) \ \forall p
              \quad\Rightarrow\quad E\, b_c \ge E\, \phi(p), \qquad \phi(p) = -p \log p

    whatever the probabilities of the rows are. Of all such values those of the smallest mean are
    taken, by linear programming. That is the bound of the truncated moment problem: k labels
    identify k moments of p and nothing else.

    Parameters
    ----------
    counts, n_labels : ndarray of shape (n,)
        Labels of the class, and of all classes, of every row.
    weight : ndarray of shape (n,)
        Weights of the rows.
    degree : int
        Degree of the polynomial, at most the labels of any row.
    side : {"lower", "upper"}
        Which bound.
    both : bool
        Whether :math:`\phi` is the entropy of two classes, of p and 1 - p.

    References
    ----------
    M. G. Krein, A. A. Nudelman. The Markov moment problem and extremal problems. 1977.
    """
    pairs, position = np.unique(np.column_stack([n_labels, counts]), axis=0, return_inverse=True)
    chances = hypergeometric(pairs[:, 1], pairs[:, 0], degree)
    mass = np.bincount(position.ravel(), weights=weight, minlength=len(pairs)) / weight.sum()
    values = cheapest_values(mass @ chances, weight.sum() ** 2 / (weight @ weight), side, both=both)
    row_values: Floats = (chances @ values)[position.ravel()]
    return row_values


def hypergeometric(counts: Integers, n_labels: Integers, degree: int) -> Floats:
    """Return the chances of 0..degree labels of the class among `degree` of a row's labels."""
    j = np.arange(degree + 1)
    c, k = counts[:, None], n_labels[:, None]
    orders = _log_falling(c, degree) + _log_falling(k - c, degree)[:, ::-1]
    return np.exp(_log_choose(degree, j) + orders - _log_falling(k, degree)[:, -1:])


def cheapest_values(frequency: Floats, n_rows: float, side: Side, *, both: bool) -> Floats:
    """Return the values at the counts 0..d whose polynomial bounds the entropy at the least cost.

    The cost is the mean over the nearest frequencies of the counts that rows of any probabilities
    can have: of others some polynomial would cost less than any. And, as if there were 100 rows
    more, over the beta-binomial of the same two moments: a count that no row has is not free.
    """
    degree, sign = len(frequency) - 1, 1.0 if side == "upper" else -1.0
    possible, coarse = _bernstein(degree, fine=False), _grids()[0]
    scale = np.sqrt(frequency + 1 / n_rows)[:, None]
    mixture = nnls(possible.T / scale, frequency / scale[:, 0])[0]
    cost = n_rows * (mixture @ possible) + PRIOR_ROWS * beta_binomial(frequency, n_rows)
    found = linprog(
        sign * cost / cost.sum(),
        A_ub=-sign * possible,
        b_ub=-sign * _entropy(coarse, both),
        bounds=(-LARGEST_VALUE, LARGEST_VALUE),
        method="highs",
    )
    if found.x is None:
        raise ArithmeticError(f"Expected a polynomial of degree {degree}, got {found.message!r}.")
    fine = _grids()[1]
    slack = sign * (_bernstein(degree, fine=True) @ found.x - _entropy(fine, both))
    values: Floats = found.x - sign * min(float(slack.min()), 0.0)
    return values


def beta_binomial(frequency: Floats, n_rows: float) -> Floats:
    """Return the beta-binomial distribution with the first two moments of a frequency of counts."""
    d = len(frequency) - 1
    j = np.arange(d + 1)
    least = 0.5 / (n_rows * d)
    mean = float(np.clip(frequency @ j / d, least, 1 - least))
    pairs = float(frequency @ (j * (j - 1)) / (d * (d - 1)))
    likeness = float(np.clip((pairs - mean**2) / (mean * (1 - mean)), 0.02, 0.98))
    a, b = mean * (1 / likeness - 1), (1 - mean) * (1 / likeness - 1)
    return np.exp(_log_choose(d, j) + betaln(j + a, d - j + b) - betaln(a, b))


def _entropy(p: Floats, both: bool) -> Floats:
    return entr(p) + entr(1 - p) if both else entr(p)


def _log_falling(n: Integers, degree: int) -> Floats:
    """Return the logarithms of 1, n, n (n - 1), ... to so many factors, -inf for 0; n is (rows, 1).

    Differences of log-gammas would lose all digits of large counts.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(n - np.arange(degree), 0.0))
    return np.cumsum(np.column_stack([np.zeros(len(n)), logs]), axis=1)


def _log_choose(n: Any, k: Any) -> Floats:
    chosen: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return chosen


@lru_cache
def _grids() -> tuple[Floats, Floats]:
    """Return where the polynomial is held to its side, and where that is then made certain."""
    return _grid(150, 20), _grid(4001, 400)


def _grid(n_points: int, n_near: int) -> Floats:
    middle = (1 - np.cos(np.linspace(0, np.pi, n_points))) / 2
    near = np.geomspace(1e-8, 1e-3, n_near)
    return np.unique(np.concatenate([middle, near, 1 - near]))


@lru_cache
def _bernstein(degree: int, fine: bool) -> Floats:
    p, j = _grids()[fine][:, None], np.arange(degree + 1)
    return np.exp(_log_choose(degree, j)) * p**j * (1 - p) ** (degree - j)
