"""Damped Newton for the convex losses of parametric calibration."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from sklearn_learnability._probabilities import SMALLEST_PROBABILITY
from sklearn_learnability._validation import Floats, warn
from sklearn_learnability.exceptions import CalibrationWarning

#: No log-probability, and no constant, that a map takes in is larger than this (52 bits in nats).
LARGEST_INPUT = -float(np.log(SMALLEST_PROBABILITY))
#: Newton steps after which a map is taken as it is.
MOST_STEPS = 200
#: Numbers handled at a time, so that the intermediate arrays of one block stay in the cache.
BLOCK_SIZE = 100_000


class Point(NamedTuple):
    """Loss, gradient and Hessian (a matrix, or its product with a vector) at one place."""

    loss: float
    gradient: Floats
    hessian: Floats | LinearOperator


Objective = Callable[[Floats], Point]


def damped_newton(objective: Objective, start: Floats, *, tolerance: float = 1e-8) -> Floats:
    r"""Minimise a strictly convex function by Newton steps, halved until the loss falls enough.

    Half the product of gradient and step, :math:`\tfrac12 g^\top H^{-1} g`, predicts the excess
    of the loss over its minimum. The last step starts where that excess, times the share of it
    that the step before left, is below `tolerance` (in nats per row). It is taken unseen only
    where it changes no difference of two logits by more than 1: there a log-loss is close enough
    to its second-order expansion that the step lowers it. So the loss never ends above its start.
    """
    theta, point, before = start, objective(start), 0.0
    for _ in range(MOST_STEPS):
        step = _newton_step(point)
        slope = float(point.gradient @ step)
        excess = -slope / 2
        share_left = min(1.0, excess / before) if before else 1.0
        if excess * share_left <= tolerance and _largest_change(point, step) <= 1:
            return theta + step
        if excess <= tolerance:
            return theta
        size = 1.0
        while True:
            trial = objective(theta + size * step)
            if trial.loss <= point.loss + 1e-4 * size * slope:
                break
            size /= 2
            if size < 1e-12:  # the fall is lost in rounding: this is the minimum
                return theta
        theta, point, before = theta + size * step, trial, excess
    warn(
        f"The calibration map did not converge in {MOST_STEPS} Newton steps: the loss may still "
        f"fall by {excess:.1g} nats per row.",
        CalibrationWarning,
    )
    return theta


def _newton_step(point: Point) -> Floats:
    """Return the solution of hessian @ step = -gradient."""
    if isinstance(point.hessian, LinearOperator):
        step, _ = cg(point.hessian, -point.gradient, rtol=1e-3, maxiter=200)
        return step
    return -cho_solve(cho_factor(point.hessian), point.gradient)


def _largest_change(point: Point, step: Floats) -> float:
    """Return a bound on how far a step moves any two logits of a row apart.

    A logit depends on one scale and one constant, or, where the Hessian is a product, on many.
    """
    many = isinstance(point.hessian, LinearOperator)
    largest = np.abs(step).sum() if many else np.abs(step).max()
    return float(2 * (LARGEST_INPUT + 1) * largest)


class Ridge(NamedTuple):
    """A quadratic pull towards a centre, one strength for every parameter."""

    centre: Floats
    strength: Floats

    def loss(self, theta: Floats) -> float:
        """Return half the weighted squared distance from the centre."""
        return float(0.5 * (self.strength * (theta - self.centre) ** 2).sum())

    def gradient(self, theta: Floats) -> Floats:
        """Return the gradient of the loss."""
        return self.strength * (theta - self.centre)


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

    def objective(theta: Floats) -> Point:
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


def _exponentials(logits: Floats) -> tuple[Floats, Floats, Floats]:
    """Return unnormalised probabilities (B, K) of logits, their row sums, and the log-sums."""
    top = logits.max()
    share = np.exp(logits - top)
    total = share @ np.ones(share.shape[1])
    if total.min() < 1e-200:  # the rows are too far apart for one common shift
        top = logits.max(axis=1)
        share = np.exp(logits - top[:, None])
        total = share.sum(axis=1)
    return share, total, top + np.log(total)


def _sum_by_class(values: Floats, codes: np.ndarray, n_classes: int) -> Floats:
    return np.bincount(codes, weights=values, minlength=n_classes).astype(np.float64, copy=False)


def temperature_objective(
    log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge
) -> Objective:
    """Return the loss of ``softmax(scale * log_proba)`` as a function of (scale,)."""
    observed = float(weight @ log_proba[np.arange(len(codes)), codes])
    ones = np.ones(log_proba.shape[1])
    blocks = _blocks(*log_proba.shape)

    def objective(theta: Floats) -> Point:
        loss, gradient, curvature = 0.0, 0.0, 0.0
        for block in blocks:
            x, w = log_proba[block], weight[block]  # (B, K), (B,)
            share, total, log_total = _exponentials(theta[0] * x)
            share *= x
            mean = (share @ ones) / total
            second = np.einsum("ij,ij->i", share, x) / total
            loss += float(w @ log_total)
            gradient += float(w @ mean)
            curvature += float(w @ (second - mean**2))
        return Point(
            float(loss - theta[0] * observed) + ridge.loss(theta),
            np.array([gradient - observed]) + ridge.gradient(theta),
            np.array([[curvature]]) + ridge.strength,
        )

    return objective


def affine_objective(
    log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge
) -> Objective:
    """Return the loss of ``softmax(scale * log_proba + bias)`` in (scale, *bias)."""
    n_classes = log_proba.shape[1]
    true_log_proba = log_proba[np.arange(len(codes)), codes]
    observed = np.r_[weight @ true_log_proba, _sum_by_class(weight, codes, n_classes)]
    ones = np.ones(n_classes)
    blocks = _blocks(*log_proba.shape)

    def objective(theta: Floats) -> Point:
        loss = 0.0
        expected = np.zeros(n_classes + 1)
        hessian = np.zeros((n_classes + 1, n_classes + 1))
        for block in blocks:
            x, w = log_proba[block], weight[block]  # (B, K), (B,)
            logits = theta[0] * x
            logits += theta[1:]
            share, total, log_total = _exponentials(logits)
            tilted = share * x
            mean = (tilted @ ones) / total
            scaled = w / total
            loss += float(w @ log_total)
            expected[0] += w @ mean
            expected[1:] += scaled @ share
            second = np.einsum("ij,ij->i", tilted, x) / total
            hessian[0, 0] += w @ (second - mean**2)
            hessian[0, 1:] += scaled @ tilted - (scaled * mean) @ share
            share *= np.sqrt(w)[:, None] / total[:, None]
            hessian[1:, 1:] -= share.T @ share
        hessian[1:, 0] = hessian[0, 1:]
        hessian[np.diag_indices_from(hessian)] += np.r_[0.0, expected[1:]] + ridge.strength
        return Point(
            float(loss - observed @ theta) + ridge.loss(theta),
            expected - observed + ridge.gradient(theta),
            hessian,
        )

    return objective


def vector_objective(
    log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge
) -> Objective:
    """Return the loss of ``softmax(scale * log_proba + bias)`` in (*scale, *bias)."""
    k = log_proba.shape[1]
    true_log_proba = log_proba[np.arange(len(codes)), codes]
    observed = np.r_[
        _sum_by_class(weight * true_log_proba, codes, k), _sum_by_class(weight, codes, k)
    ]
    blocks = _blocks(*log_proba.shape)

    def objective(theta: Floats) -> Point:
        loss = 0.0
        expected, second = np.zeros(2 * k), np.zeros(k)
        hessian = np.zeros((2 * k, 2 * k))
        for block in blocks:
            x, w = log_proba[block], weight[block]  # (B, K), (B,)
            logits = theta[:k] * x
            logits += theta[k:]
            share, total, log_total = _exponentials(logits)
            moments = np.hstack([share * x, share])  # (B, 2K)
            scaled = w / total
            loss += float(w @ log_total)
            expected += scaled @ moments
            second += scaled @ (moments[:, :k] * x)
            moments *= np.sqrt(w)[:, None] / total[:, None]
            hessian -= moments.T @ moments
        scale, bias = np.arange(k), np.arange(k, 2 * k)
        hessian[scale, scale] += second
        hessian[scale, bias] += expected[:k]
        hessian[bias, scale] += expected[:k]
        hessian[bias, bias] += expected[k:]
        hessian[np.diag_indices_from(hessian)] += ridge.strength
        return Point(
            float(loss - observed @ theta) + ridge.loss(theta),
            expected - observed + ridge.gradient(theta),
            hessian,
        )

    return objective


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

    def objective(theta: Floats) -> Point:
        proba, total, log_total = _exponentials(inputs @ theta.reshape(k, k + 1).T)
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
