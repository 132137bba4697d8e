"""Newton's method for the convex losses of parametric calibration."""

from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from sklearn_learnability._probabilities import SMALLEST_PROBABILITY
from sklearn_learnability._validation import Floats, warn
from sklearn_learnability.exceptions import CalibrationWarning

#: No log-probability, and no constant, that a map takes in is larger than this (52 bits in nats).
LARGEST_INPUT = -float(np.log(SMALLEST_PROBABILITY))
#: Newton steps after which a map is taken as it is.
MOST_STEPS = 200
#: Excess of the loss, in nats per row, below which a Hessian is kept from step to step.
FLAT = 1e-3


class Point(NamedTuple):
    """Loss, gradient and Hessian (a matrix, or its product with a vector) at one place.

    The Hessian is empty where it was not asked for.
    """

    loss: float
    gradient: Floats
    hessian: Floats | LinearOperator


class Objective(Protocol):
    """A strictly convex function of the parameters of a map."""

    def __call__(self, theta: Floats, *, has_curvature: bool = True) -> Point:
        """Return what is known of it at `theta`; its Hessian may be left out."""


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
        step, excess = _step_and_excess(point, point.hessian)
        share_left = min(1.0, excess / before) if before else 1.0
        many = isinstance(point.hessian, LinearOperator)
        if excess * share_left <= tolerance and _largest_change(step, many=many) <= 1:
            return theta + step
        if excess <= tolerance:
            return theta
        size = 1.0
        while True:
            trial = objective(theta + size * step)
            if trial.loss <= point.loss - 2e-4 * size * excess:
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


def newton_by_part(
    rounded: Objective, exact: Objective, part: Objective, start: Floats, *, tolerance: float = 1e-8
) -> Floats:
    r"""Minimise by Newton steps with the gradient of all rows and the Hessian of a part of them.

    A Hessian needs fewer rows than a gradient and costs more; near the minimum it hardly changes,
    and is kept. `rounded` is the function in a lower precision, which serves all steps but the
    last. Raises LinAlgError where a step leaves more than a quarter of the excess, or the last one
    finds too much of it.
    """
    theta, before, left = start, np.inf, np.inf
    hessian: Floats | LinearOperator = np.empty((0, 0))
    while left > tolerance:
        if before > FLAT:
            hessian = part(theta).hessian
        step, excess = _step_and_excess(rounded(theta, has_curvature=False), hessian)
        if not excess <= before / 4:
            raise LinAlgError(f"Expected the excess to fall, got {excess:g} after {before:g}.")
        left = excess * (excess / before if np.isfinite(before) else 1.0)
        theta, before = theta + step, excess
    step, excess = _step_and_excess(exact(theta, has_curvature=False), hessian)
    if excess > 100 * tolerance or _largest_change(step) > 1:
        raise LinAlgError(f"Expected an excess lost in rounding, got {excess:g}.")
    return theta + step


def _step_and_excess(point: Point, hessian: Floats | LinearOperator) -> tuple[Floats, float]:
    """Return the Newton step, and by how much it is expected to lower the loss."""
    if isinstance(hessian, LinearOperator):
        step, _ = cg(hessian, -point.gradient, rtol=1e-3, maxiter=200)
    else:
        step = -cho_solve(cho_factor(hessian), point.gradient)
    return step, -float(point.gradient @ step) / 2


def _largest_change(step: Floats, *, many: bool = False) -> float:
    """Return a bound on how far a step moves any two logits of a row apart.

    A logit depends on one scale and one constant, or on `many`.
    """
    return float(2 * (LARGEST_INPUT + 1) * (np.abs(step).sum() if many else np.abs(step).max()))


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
