"""Losses of parametric calibration maps, as functions of their parameters."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse.linalg import LinearOperator

from sklearn_learnability._validation import Floats
from sklearn_learnability.metrics._newton import Objective, Point, Ridge

#: Numbers handled at a time, so that the intermediate arrays of one block stay in the cache.
BLOCK_SIZE = 50_000
#: Exponentials that sum to less than this in some row were shifted too far, in any precision.
SMALLEST_SUM = 1e-30


def _blocks(n_samples: int, n_classes: int) -> list[slice]:
    """Return slices of rows that hold about BLOCK_SIZE probabilities each."""
    rows = max(1, BLOCK_SIZE // n_classes)
    return [slice(start, start + rows) for start in range(0, n_samples, rows)]


def binary_objective(design: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge) -> Objective:
    """Return the logistic loss of ``theta @ design``.

    `design` has shape (n_parameters, n_samples), `codes` holds 0 and 1, `weight` sums to one.
    """
    observed = design @ (weight * codes)
    blocks = _blocks(len(codes), 8)

    def objective(theta: Floats, *, has_curvature: bool = True) -> Point:
        loss, expected = 0.0, np.zeros(len(theta))
        hessian = np.diag(ridge.strength)
        for block in blocks:
            x, w = design[:, block], weight[block]  # (P, B), (B,)
            margin = theta @ x
            small = np.exp(-np.abs(margin))  # never overflows
            proba = np.where(margin >= 0, 1.0, small) / (1.0 + small)
            loss += w @ (np.log1p(small) + np.maximum(margin, 0.0))
            likely = w * proba
            expected += x @ likely
            hessian += (x * (likely * (1.0 - proba))) @ x.T
        return Point(
            float(loss - observed @ theta) + ridge.loss(theta),
            expected - observed + ridge.gradient(theta),
            hessian,
        )

    return objective


def softmax_objective(
    log_proba: Floats,
    codes: np.ndarray,
    weight: Floats,
    ridge: Ridge,
    *,
    n_scales: int,
    dtype: DTypeLike = np.float64,
) -> Objective:
    """Return the loss of ``softmax(scale * log_proba + bias)`` in (*scale, *bias).

    `scale` is one number or one for every class, and `ridge` tells whether there is a bias. Blocks
    of rows are handled in `dtype` and summed in float64. `weight` sums to one.
    """
    n_samples, k = log_proba.shape
    n_params = len(ridge.centre)
    true_log_proba = log_proba[np.arange(n_samples), codes]
    observed = _by_class(weight * true_log_proba, codes, k)
    if n_scales == 1:
        observed = observed.sum(keepdims=True)
    if n_params > n_scales:
        observed = np.r_[observed, _by_class(weight, codes, k)]
    blocks = _blocks(n_samples, k)
    arrays = _BlockArrays(blocks[0].stop, k, n_params, dtype)

    def objective(theta: Floats, *, has_curvature: bool = True) -> Point:
        sums = _Sums(np.zeros(n_params), np.zeros(n_scales), np.zeros(k), np.zeros(1))
        hessian = np.zeros((n_params, n_params))
        for block in blocks:
            rows = arrays.softmax(log_proba[block], weight[block], theta, n_scales, sums)
            if has_curvature:
                arrays.curvature(rows, n_scales, sums, hessian)
        expected = sums.expected
        if n_params > n_scales:
            expected[n_scales:] /= expected[n_scales:].sum()  # what rounding moved
        gradient = expected - observed + ridge.gradient(theta)
        loss = float(sums.loss[0] - observed @ theta) + ridge.loss(theta)
        if not has_curvature:
            return Point(loss, gradient, np.empty((0, 0)))
        scales, biases = np.arange(n_scales), np.arange(n_scales, n_params)
        hessian[scales, scales] += sums.second
        if n_params > n_scales:
            hessian[scales, biases] += sums.tilted
            hessian[biases, scales] += sums.tilted
            hessian[biases, biases] += expected[n_scales:]
        diagonal = np.diag_indices(n_params)
        hessian[diagonal] += ridge.strength
        if dtype != np.float64:
            hessian[diagonal] += np.finfo(dtype).eps * hessian[diagonal].max()
        return Point(loss, gradient, hessian)

    return objective


class _Sums(NamedTuple):
    """Weighted sums over rows: probabilities p and log-probabilities x by class, moments, losses.

    `expected` holds those of p x, summed over classes where there is one scale, and of p; `second`
    those of p x², `tilted` those of p x by class.
    """

    expected: Floats
    second: Floats
    tilted: Floats
    loss: Floats


class _BlockArrays:
    """Arrays for one block of rows, kept from call to call.

    Fresh ones of this size cost more than what is done with them.
    """

    def __init__(self, n_rows: int, n_classes: int, n_params: int, dtype: DTypeLike) -> None:
        self.inputs, self.logits, self.shares = np.empty((3, n_rows, n_classes), dtype)
        self.moments = np.empty((n_rows, n_params), dtype)
        self.ones = np.ones(n_classes, dtype)

    def softmax(
        self, log_proba: Floats, weight: Floats, theta: Floats, n_scales: int, sums: _Sums
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add loss and expectations of a block; return its weights and sums of exponentials."""
        n, dtype = len(weight), self.inputs.dtype
        x, logits, share = self.inputs[:n], self.logits[:n], self.shares[:n]
        np.copyto(x, log_proba, casting="same_kind")
        np.multiply(x, theta[:n_scales].astype(dtype), out=logits)
        if len(theta) > n_scales:
            logits += theta[n_scales:].astype(dtype)
        total, log_total = _exponentials(logits, share)
        weight = weight.astype(dtype)
        scaled = weight / total
        sums.loss[0] += weight @ log_total
        tilted = np.multiply(share, x, out=logits)
        sums.expected[:n_scales] += scaled @ self._by_scale(tilted, n_scales)
        if len(theta) > n_scales:
            sums.expected[n_scales:] += scaled @ share
        return weight, total

    def curvature(
        self,
        weight_and_total: tuple[np.ndarray, np.ndarray],
        n_scales: int,
        sums: _Sums,
        hessian: Floats,
    ) -> None:
        """Add the second moments of the block that `softmax` has just handled."""
        weight, total = weight_and_total
        n, scaled = len(weight), weight / total
        x, tilted, share, moments = (
            part[:n] for part in (self.inputs, self.logits, self.shares, self.moments)
        )
        moments[:, :n_scales] = self._by_scale(tilted, n_scales)
        if len(hessian) > n_scales:
            moments[:, n_scales:] = share
        moments *= (np.sqrt(weight) / total)[:, None]
        hessian -= moments.T @ moments
        sums.tilted[:] += scaled @ tilted
        tilted *= x
        sums.second[:] += scaled @ self._by_scale(tilted, n_scales)

    def _by_scale(self, values: np.ndarray, n_scales: int) -> np.ndarray:
        """Return values by class, or their sums over classes where there is one scale."""
        return values if n_scales > 1 else (values @ self.ones)[:, None]


def _by_class(values: Floats, codes: np.ndarray, n_classes: int) -> Floats:
    return np.bincount(codes, weights=values, minlength=n_classes).astype(np.float64, copy=False)


def _exponentials(logits: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill `shares` with unnormalised probabilities of logits (n, K); return sums and log-sums.

    The logits are shifted in place.
    """
    top = logits.max()
    logits -= top
    np.exp(logits, out=shares)
    total = shares @ np.ones(shares.shape[1], shares.dtype)
    if total.min() < SMALLEST_SUM:  # the rows are too far apart for one common shift
        top_of_row = logits.max(axis=1)
        logits -= top_of_row[:, None]
        np.exp(logits, out=shares)
        total = shares.sum(axis=1)
        top = top + top_of_row
    return total, top + np.log(total)


def matrix_objective(
    log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge
) -> Objective:
    """Return the loss of ``softmax(log_proba @ W.T + bias)`` in the entries of (W, bias).

    The parameters are the rows of the (K, K + 1) matrix [W, bias]. The Hessian, of K(K + 1) rows,
    is given by its product with a vector.
    """
    n_samples, k = log_proba.shape
    inputs = np.hstack([log_proba, np.ones((n_samples, 1))])  # (n, K + 1)
    indicator = np.zeros((n_samples, k))
    indicator[np.arange(n_samples), codes] = weight
    observed = (indicator.T @ inputs).ravel()

    def objective(theta: Floats, *, has_curvature: bool = True) -> Point:
        logits = inputs @ theta.reshape(k, k + 1).T
        proba = np.empty_like(logits)
        total, log_total = _exponentials(logits, proba)
        proba /= total[:, None]
        loss = float(weight @ log_total - observed @ theta)
        expected = ((proba * weight[:, None]).T @ inputs).ravel()

        def product(direction: Floats) -> Floats:
            change = inputs @ direction.reshape(k, k + 1).T  # of the logits, (n, K)
            change -= np.einsum("ij,ij->i", proba, change)[:, None]
            change *= proba * weight[:, None]
            return (change.T @ inputs).ravel() + ridge.strength * direction.ravel()

        return Point(
            loss + ridge.loss(theta),
            expected - observed + ridge.gradient(theta),
            LinearOperator((len(theta), len(theta)), matvec=product, dtype=np.float64),
        )

    return objective
