"""The contraction coefficient of a channel: the share of any information that can pass it."""

from typing import Any

import numpy as np

from sklearn_learnability._tables import is_sparse
from sklearn_learnability._validation import Floats

#: Numbers held at once while pairs of inputs are compared.
MOST_NUMBERS = 4_000_000
BISECTIONS = 60


def contraction_coefficient(conditional: Any) -> float:
    r"""Return an upper limit of the contraction coefficient of a channel p(y|x).

    .. math:: \eta = \sup \frac{I(T;Y)}{I(T;X)} = \max_{x, x'} \sup_b \Big(1 - \sum_y
              \frac{p(y|x)\, p(y|x')}{b\, p(y|x) + (1 - b)\, p(y|x')}\Big) \le
              \max_{x, x'} 1 - \Big(\sum_y \sqrt{p(y|x)\, p(y|x')}\Big)^2

    over all p(x) and all T that depend on Y through X alone. The pairs with the largest limit on
    the right are evaluated in full; the others count with that limit.

    Parameters
    ----------
    conditional : ndarray or csr_array of shape (n_x, n_y)
        The channel, a row an input.

    Returns
    -------
    float
        Between 0, where nothing passes, and 1.

    References
    ----------
    O. Ordentlich and Y. Polyanskiy. Strong data processing constant is achieved by binary inputs.
    IEEE Transactions on Information Theory, 2022. https://doi.org/10.1109/TIT.2021.3130189
    """
    roots = np.sqrt(conditional)
    overlap = _dense(roots @ roots.T)
    first, second = np.triu_indices(len(overlap), 1)
    limits = np.clip(1 - overlap[first, second] ** 2, 0, 1)
    if not len(limits):
        return 0.0
    n_pairs = min(max(MOST_NUMBERS // conditional.shape[1], 1), len(limits))
    widest = np.argpartition(-limits, n_pairs - 1)[:n_pairs]
    limits[widest] = _of_pairs(*(_dense(conditional[side[widest]]) for side in (first, second)))
    return float(limits.max())


def _of_pairs(p: Floats, q: Floats) -> Floats:
    """Return the coefficients of channels of two inputs, p and q of shape (n_pairs, n_y)."""
    product, difference = p * q, p - q
    low, high = np.zeros((len(p), 1)), np.ones((len(p), 1))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        mixed = middle * p + (1 - middle) * q
        ratio = np.divide(product, mixed**2, out=np.zeros_like(mixed), where=product > 0)
        falls = (ratio * difference).sum(axis=1, keepdims=True) > 0  # the sum is convex in b
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    smallest = np.finfo(np.float64).eps  # at 0 and at 1 what one of the two never has is lost
    middle = np.clip((low + high) / 2, smallest, 1 - smallest)
    mixed = middle * p + (1 - middle) * q
    # The same as in the formula above, without a difference of numbers close to 1.
    apart = np.divide(difference**2, mixed, out=np.zeros_like(mixed), where=mixed > 0)
    return np.clip((middle * (1 - middle) * apart).sum(axis=1), 0, 1)


def _dense(rows: Any) -> Floats:
    return np.asarray(rows.toarray() if is_sparse(rows) else rows)
