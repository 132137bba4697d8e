"""Calibration maps: log-probabilities in, calibrated log-probabilities out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from sklearn_learnability._validation import SMALLEST_PROBABILITY, Floats
from sklearn_learnability.metrics._newton import (
    Objective,
    Ridge,
    affine_objective,
    binary_objective,
    damped_newton,
    matrix_objective,
    temperature_objective,
    vector_objective,
)

CalibrationMethod = Literal["temperature", "affine", "vector", "matrix", "beta", "isotonic"]

#: Prior standard deviation of a scale around 1 and of a bias around 0: it counts as a hundredth of
#: a row, and only shows where the rows leave a parameter open (separable data, an absent class).
PRIOR_SCALE = 10.0
#: Prior standard deviation of the off-diagonal entries of "matrix" around 0.
PRIOR_SCALE_OFF_DIAGONAL = 0.1
#: Rows on which the warm start is fitted, and the fewest rows of a class it needs there.
WARM_START_ROWS = 10_000
WARM_START_ROWS_PER_CLASS = 10


@dataclass(frozen=True, eq=False)
class LinearMap:
    """The map ``log_softmax(weight * log_proba + bias)``.

    `weight` is one scale, one for every class, or a (K, K) matrix with the row of an output class.
    """

    weight: Floats
    bias: Floats

    def log_proba(self, log_proba: Floats) -> Floats:
        """Return the calibrated log-probabilities of shape (n_samples, n_classes)."""
        if self.weight.ndim == 2:
            return log_softmax(log_proba @ self.weight.T + self.bias, axis=1)
        return log_softmax(self.weight * log_proba + self.bias, axis=1)


@dataclass(frozen=True, eq=False)
class IsotonicMap:
    """A monotone step map of every class's score; for two classes one map of the logit."""

    steps: tuple[IsotonicRegression, ...]

    def log_proba(self, log_proba: Floats) -> Floats:
        """Return the calibrated log-probabilities of shape (n_samples, n_classes)."""
        if len(self.steps) == 1:
            second = self.steps[0].predict(log_proba[:, 1] - log_proba[:, 0])
            return np.log(np.column_stack([1.0 - second, second]))
        rates = [step.predict(score) for step, score in zip(self.steps, log_proba.T, strict=True)]
        proba = np.column_stack(rates)
        return np.log(proba / proba.sum(axis=1, keepdims=True))


CalibrationMap = LinearMap | IsotonicMap


def log_of_probabilities(proba: Floats) -> Floats:
    """Return the logarithms of probabilities raised to the smallest one, hence finite."""
    return np.log(np.maximum(proba, SMALLEST_PROBABILITY))


def check_method(method: str, n_classes: int) -> None:
    """Refuse an unknown method, and "beta" for more than two classes."""
    if method not in get_args(CalibrationMethod):
        raise ValueError(
            f"Got method={method!r}, but expected one of {list(get_args(CalibrationMethod))}."
        )
    if method == "beta" and n_classes > 2:
        raise ValueError(
            f"Got method='beta' with {n_classes} classes, but beta calibration is for two. Use "
            "'matrix' (Dirichlet calibration), which extends it to any number."
        )


def fit_calibration_map(
    codes: np.ndarray, log_proba: Floats, weight: Floats, method: str
) -> CalibrationMap:
    """Return the map that minimises the mean log-loss of the calibrated probabilities.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Column of every row's label.
    log_proba : ndarray of shape (n_samples, n_classes)
        Finite log-probabilities (see `log_of_probabilities`), rows normalised.
    weight : ndarray of shape (n_samples,)
        Non-negative weights; they count as repetitions.
    method : {"temperature", "affine", "vector", "matrix", "beta", "isotonic"}
        Family of maps.

    Returns
    -------
    LinearMap or IsotonicMap
        With a method ``log_proba(log_proba)``.
    """
    n_classes = log_proba.shape[1]
    check_method(method, n_classes)
    n_rows = max(weight.sum(), np.count_nonzero(weight))
    weight = weight / weight.sum()
    if method == "isotonic":
        return _fit_isotonic(codes, log_proba, weight, n_rows)
    if n_classes == 2:
        return _fit_binary(codes, log_proba, weight, n_rows, method)
    return _fit_multiclass(codes, log_proba, weight, n_rows, method)


def _fit_isotonic(
    codes: np.ndarray, log_proba: Floats, weight: Floats, n_rows: float
) -> IsotonicMap:
    """Fit isotonic regressions that never reach 0 or 1.

    Half a row of the class is put at the lowest score and half a row of the others at the highest.
    """
    n_classes = log_proba.shape[1]
    if n_classes == 2:
        scores, classes = [log_proba[:, 1] - log_proba[:, 0]], [1]
    else:
        scores, classes = list(log_proba.T), list(range(n_classes))
    weight = np.r_[weight, 0.5 / n_rows, 0.5 / n_rows]
    steps = []
    for score, k in zip(scores, classes, strict=True):
        ends = score[weight[:-2] > 0]
        step = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        steps.append(
            step.fit(np.r_[score, ends.min(), ends.max()], np.r_[codes == k, 1, 0], weight)
        )
    return IsotonicMap(tuple(steps))


def _minimise(
    objective_of: Callable[[slice], Objective], codes: np.ndarray, weight: Floats, start: Floats
) -> Floats:
    """Minimise over all rows, from the optimum over evenly spaced rows where these are enough."""
    stride = len(codes) // WARM_START_ROWS
    if stride > 1:
        part = slice(None, None, stride)
        total = np.bincount(codes, weights=weight > 0)
        counts = np.bincount(codes[part], weights=weight[part] > 0, minlength=len(total))
        if counts[total > 0].min() >= WARM_START_ROWS_PER_CLASS:
            start = damped_newton(objective_of(part), start, tolerance=1e-6)
    return damped_newton(objective_of(slice(None)), start)


def _fit_binary(
    codes: np.ndarray, log_proba: Floats, weight: Floats, n_rows: float, method: str
) -> LinearMap:
    """Fit a map of two classes, a logistic regression on one or two scores and a constant."""
    constant = np.ones(len(codes))
    if method in ("temperature", "affine"):
        design = np.stack([log_proba[:, 1] - log_proba[:, 0], constant])
        free = np.array([True, method == "affine"])
    else:  # "vector" and "matrix" are one family here; "beta" keeps its scales non-negative
        design = np.stack([log_proba[:, 1], -log_proba[:, 0], constant])
        free = np.array([True, True, True])
    n_scales = len(design) - 1
    centre = np.r_[np.ones(n_scales), 0.0]
    success = (codes == 1).astype(np.float64)

    def solve(free: np.ndarray) -> Floats:
        ridge = Ridge(centre[free], np.full(free.sum(), PRIOR_SCALE**-2 / n_rows))
        theta = np.zeros(len(design))
        if not free.any():
            return theta

        def objective_of(rows: slice) -> Objective:
            part = weight[rows] / weight[rows].sum()
            return binary_objective(design[free][:, rows], success[rows], part, ridge)

        theta[free] = _minimise(objective_of, codes, weight, centre[free])
        return theta

    theta = solve(free)
    if method not in ("vector", "matrix") and (theta[:n_scales] < 0).any():
        theta = _solve_on_the_boundary(solve, free, n_scales, design, success, weight)
    second, first = theta[0], theta[n_scales - 1]
    half = theta[-1] / 2
    scale = np.array(first) if n_scales == 1 else np.array([first, second])
    return LinearMap(scale, np.array([-half, half]))


def _solve_on_the_boundary(
    solve: Callable[[np.ndarray], Floats],
    free: np.ndarray,
    n_scales: int,
    design: Floats,
    success: Floats,
    weight: Floats,
) -> Floats:
    """Return the best solution with at least one scale at 0 and none below."""
    best, best_loss = np.zeros(len(design)), np.inf
    for kept in range(n_scales + 1):  # each scale alone, then none
        scales = np.zeros(len(design), dtype=bool)
        scales[-1] = True
        if kept < n_scales and n_scales > 1:
            scales[kept] = True
        theta = solve(free & scales)
        if (theta[:n_scales] < 0).any():
            continue
        margin = theta @ design
        loss = weight @ (np.logaddexp(0.0, margin) - success * margin)
        if loss < best_loss:
            best, best_loss = theta, loss
    return best


def _fit_multiclass(
    codes: np.ndarray, log_proba: Floats, weight: Floats, n_rows: float, method: str
) -> LinearMap:
    """Fit a map of three classes or more, a multinomial regression on the log-probabilities."""
    k = log_proba.shape[1]
    strength = PRIOR_SCALE**-2 / n_rows
    if method == "matrix":
        family = matrix_objective
        centre = np.hstack([np.eye(k), np.zeros((k, 1))])
        deviation = np.where(centre == 1, PRIOR_SCALE, PRIOR_SCALE_OFF_DIAGONAL)
        deviation[:, -1] = PRIOR_SCALE
        ridge = Ridge(centre.ravel(), deviation.ravel() ** -2 / n_rows)
    else:
        family, centre = {
            "temperature": (temperature_objective, np.ones(1)),
            "affine": (affine_objective, np.r_[1.0, np.zeros(k)]),
            "vector": (vector_objective, np.r_[np.ones(k), np.zeros(k)]),
        }[method]
        ridge = Ridge(centre, np.full(len(centre), strength))

    def objective_of(rows: slice, inputs: Floats = log_proba) -> Objective:
        part = weight[rows] / weight[rows].sum()
        return family(inputs[rows], codes[rows], part, ridge)

    theta = _minimise(objective_of, codes, weight, ridge.centre)
    if method == "matrix":
        matrix = theta.reshape(k, k + 1)
        return LinearMap(matrix[:, :k], matrix[:, k])
    if method == "vector":
        return LinearMap(theta[:k], theta[k:])
    if theta[0] < 0:  # a map never turns the model's ranking round: the best one ignores it
        blind = np.zeros_like(log_proba)
        theta = damped_newton(family(blind, codes, weight, ridge), ridge.centre)
        theta[0] = 0.0
    return LinearMap(np.array(theta[0]), np.r_[theta[1:], np.zeros(k + 1 - len(theta))])
