"""Losses of parametric calibration maps, as functions of their parameters."""

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
    has_bias = len(ridge.centre) > n_scales
    true_log_proba = log_proba[np.arange(n_samples), codes]
    observed = _by_class(weight * true_log_proba, codes, k)
    if n_scales == 1:
        observed = observed.sum(keepdims=True)
    if has_bias:
        observed = np.r_[observed, _by_class(weight, codes, k)]
    n_params = len(observed)
    blocks = _blocks(n_samples, k)
    # kept from call to call: fresh arrays of this size cost more than what is done with them
    largest = blocks[0].stop
    inputs, logits, shares = np.empty((3, largest, k), dtype)
    moments = np.empty((largest, n_params), dtype)
    ones = np.ones(k, dtype)

    def objective(theta: Floats, *, has_curvature: bool = True) -> Point:
        scale, bias = theta[:n_scales].astype(dtype), theta[n_scales:].astype(dtype)
        loss, expected = 0.0, np.zeros(n_params)
        second, mixed = np.zeros(n_scales), np.zeros(k)
        hessian = np.zeros((n_params, n_params))
        for block in blocks:
            n = len(codes[block])
            x, a, share = inputs[:n], logits[:n], shares[:n]  # (n, K)
            np.copyto(x, log_proba[block], casting="same_kind")
            w = weight[block].astype(dtype)
            np.multiply(x, scale, out=a)
            if has_bias:
                a += bias
            total, log_total = _exponentials(a, share)
            scaled = w / total
            loss += float(w @ log_total)
            tilted = np.multiply(share, x, out=a)
            mean = None if n_scales == k else tilted @ ones
            expected[:n_scales] += scaled @ (tilted if mean is None else mean[:, None])
            if has_bias:
                expected[n_scales:] += scaled @ share
            if not has_curvature:
                continue
            m = moments[:n]
            if mean is None:
                m[:, :n_scales] = tilted
            else:
                m[:, 0] = mean
                mixed += scaled @ tilted
            if has_bias:
                m[:, n_scales:] = share
            m *= (np.sqrt(w) / total)[:, None]
            hessian -= m.T @ m
            tilted *= x
            second += scaled @ (tilted if mean is None else (tilted @ ones)[:, None])
        if has_bias:
            expected[n_scales:] /= expected[n_scales:].sum()  # what rounding moved
        gradient = expected - observed + ridge.gradient(theta)
        loss += ridge.loss(theta) - float(observed @ theta)
        if not has_curvature:
            return Point(loss, gradient, np.empty((0, 0)))
        scales, biases = np.arange(n_scales), np.arange(n_scales, n_params)
        hessian[scales, scales] += second
        if has_bias:
            mixed = expected[:k] if n_scales == k else mixed
            hessian[scales, biases] += mixed
            hessian[biases, scales] += mixed
            hessian[biases, biases] += expected[n_scales:]
        diagonal = np.diag_indices(n_params)
        hessian[diagonal] += ridge.strength
        if dtype != np.float64:
            hessian[diagonal] += np.finfo(dtype).eps * hessian[diagonal].max()
        return Point(loss, gradient, hessian)

    return objective


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
