"""Calibration maps: log-probabilities in, calibrated log-probabilities out."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.linalg import LinAlgError
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats
from sklearn_learnability.metrics._calibration_objectives import (
    binary_objective,
    matrix_objective,
    softmax_objective,
)
from sklearn_learnability.metrics._newton import (
    Objective,
    Ridge,
    damped_newton,
    newton_by_part,
)

CalibrationMethod = Literal["temperature", "affine", "vector", "matrix", "beta", "isotonic"]

#: Prior standard deviation of a scale around 1 and of a bias around 0: it counts as a hundredth of
#: a row, and only shows where the rows leave a parameter open (separable data, an absent class).
PRIOR_SCALE = 10.0
#: Prior standard deviation of the off-diagonal entries of "matrix" around 0.
PRIOR_SCALE_OFF_DIAGONAL = 0.1
#: The pull to the identity is not weaker than one in this many rows, so that it outlasts rounding.
MOST_ROWS = 1e9
#: Sizes of the parts of the rows that fits begin on, as rows a class on average; the fewest rows
#: of a class and in all that a part must hold.
PART_ROWS_PER_CLASS = (25, 125, 500)
PART_FEWEST_OF_A_CLASS = 3
PART_FEWEST_ROWS = 2_500


@dataclass(frozen=True, eq=False)
class LinearMap(Result):
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
class IsotonicMap(Result):
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


def check_method(method: str, n_classes: int) -> None:
    """Refuse an unknown method, and "beta" for more than two classes."""
    if not isinstance(method, str) or method not in get_args(CalibrationMethod):
        raise ValueError(
            f"Expected calibration as one of {list(get_args(CalibrationMethod))}, got {method!r}."
        )
    if method == "beta" and n_classes > 2:
        raise ValueError(
            f"Expected two classes where calibration='beta', got {n_classes}. Use 'matrix' "
            "(Dirichlet calibration), which extends it to any number."
        )


def count_parameters(method: str, n_classes: int) -> int | None:
    """Return the free parameters of a family; None where a ridge or the rows decide."""
    if method == "isotonic" or (method == "matrix" and n_classes > 2):
        return None
    if method == "temperature":
        return 1
    n_scales = {"affine": 1, "beta": 2}.get(method, n_classes)
    return n_scales + n_classes - 1


def fit_calibration_map(
    codes: np.ndarray, log_proba: Floats, weight: Floats, method: str
) -> CalibrationMap:
    """Return the map that minimises the mean log-loss of the calibrated probabilities.

    On these rows its loss is not above that of the probabilities as they are.

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
    if not weight.any():  # no row to learn from, as in a fold whose weight is all elsewhere
        return LinearMap(np.array(1.0), np.zeros(n_classes))
    n_rows = min(max(weight.sum(), np.count_nonzero(weight)), MOST_ROWS)
    weight = weight / weight.sum()
    if method == "isotonic":
        steps = _fit_isotonic(codes, log_proba, weight, n_rows)
        # the half rows at the ends, and the normalisation, may cost more than the steps gain
        gain = (steps.log_proba(log_proba) - log_proba)[np.arange(len(codes)), codes]
        return steps if weight @ gain >= 0 else LinearMap(np.array(1.0), np.zeros(n_classes))
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


def _parts(codes: np.ndarray, weight: Floats) -> list[slice]:
    """Return at most two growing parts of the rows, evenly spaced, with enough rows of each class.

    None where half the rows are too few. Rows count by their weight (Kish's effective number): a
    part is not like the whole where a few rows outweigh the others.
    """
    n_rows = round(weight.sum() ** 2 / (weight @ weight))
    mass = np.bincount(codes, weights=weight)
    parts: list[slice] = []
    for size in PART_ROWS_PER_CLASS:
        part = slice(None, None, n_rows // max(PART_FEWEST_ROWS, size * len(mass)))
        if (part.step or 0) < 2 or len(parts) == 2:
            break
        counts = np.bincount(codes[part][weight[part] > 0], minlength=len(mass))
        if counts[mass > 0].min() >= PART_FEWEST_OF_A_CLASS and part not in parts:
            parts.append(part)
    return parts


def _minimise_binary(design: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge) -> Floats:
    """Minimise over all rows, from the optimum over a part of them where there are many."""
    theta = ridge.centre
    for part in _parts(codes, weight):
        inputs, share = design[:, part].copy(), weight[part] / weight[part].sum()
        objective = binary_objective(inputs, codes[part], share, ridge)
        theta = damped_newton(objective, theta, tolerance=1e-3)
    return damped_newton(binary_objective(design, codes, weight, ridge), theta)


def _minimise_matrix(log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge) -> Floats:
    """Minimise over all rows, from the optimum over a part of them where there are many."""
    theta = ridge.centre
    for part in _parts(codes, weight)[-1:]:
        share = weight[part] / weight[part].sum()
        objective = matrix_objective(log_proba[part], codes[part], share, ridge)
        theta = damped_newton(objective, theta, tolerance=1e-3)
    return damped_newton(matrix_objective(log_proba, codes, weight, ridge), theta)


def _minimise_softmax(
    log_proba: Floats, codes: np.ndarray, weight: Floats, ridge: Ridge, *, n_scales: int
) -> Floats:
    """Minimise over all rows; where there are many in single precision, with Hessians of a part.

    Where such steps do not lead to the minimum, Newton's method takes all rows as they are.
    """

    def objective(rows: slice, dtype: type) -> Objective:
        share = weight[rows] / weight[rows].sum()
        return softmax_objective(
            log_proba[rows], codes[rows], share, ridge, n_scales=n_scales, dtype=dtype
        )

    everything, theta = slice(None), ridge.centre
    parts = _parts(codes, weight)
    with suppress(LinAlgError):  # a Hessian lost in rounding
        for part in parts:
            on_part = objective(part, np.float32)
            theta = damped_newton(on_part, theta, tolerance=1e-2)
        if parts:
            rounded, exact = objective(everything, np.float32), objective(everything, np.float64)
            return newton_by_part(rounded, exact, on_part, theta)
    return damped_newton(objective(everything, np.float64), theta)


def _fit_binary(
    codes: np.ndarray, log_proba: Floats, weight: Floats, n_rows: float, method: str
) -> LinearMap:
    """Fit a map of two classes, a logistic regression on one or two scores and a constant."""
    if method in ("temperature", "affine"):
        scores = [log_proba[:, 1] - log_proba[:, 0]]
    else:  # "vector" and "matrix" are one family here; "beta" keeps its scales non-negative
        scores = [log_proba[:, 1], -log_proba[:, 0]]
    n_scales = len(scores)
    if method != "temperature":
        scores.append(np.ones(len(codes)))
    design = np.stack(scores)
    centre = (np.arange(len(scores)) < n_scales).astype(np.float64)
    strength = np.full(len(scores), PRIOR_SCALE**-2 / n_rows)

    def solve(free: list[int]) -> Floats:
        """Return the best parameters where only some are free and the others 0."""
        theta = np.zeros(len(scores))
        if free:
            ridge = Ridge(centre[free], strength[free])
            inputs = design if len(free) == len(scores) else design[free]
            theta[free] = _minimise_binary(inputs, codes, weight, ridge)
        return theta

    everything = list(range(len(scores)))
    theta = solve(everything)
    if method not in ("vector", "matrix") and theta[:n_scales].min() < 0:
        constants = everything[n_scales:]
        corners = [solve(constants)]
        if n_scales == 2:
            corners += [solve([0, *constants]), solve([1, *constants])]
        feasible = [corner for corner in corners if corner[:n_scales].min() >= 0]
        theta = min(feasible, key=lambda corner: _logistic_loss(corner @ design, codes, weight))
    half = theta[-1] / 2 if method != "temperature" else 0.0
    scale = np.array(theta[0]) if n_scales == 1 else theta[[1, 0]]
    return LinearMap(scale, np.array([-half, half]))


def _logistic_loss(margin: Floats, codes: np.ndarray, weight: Floats) -> float:
    return float(weight @ (np.logaddexp(0.0, margin) - codes * margin))


def _fit_multiclass(
    codes: np.ndarray, log_proba: Floats, weight: Floats, n_rows: float, method: str
) -> LinearMap:
    """Fit a map of three classes or more, a multinomial regression on the log-probabilities."""
    k = log_proba.shape[1]
    strength = PRIOR_SCALE**-2 / n_rows
    if method == "matrix":
        centre = np.hstack([np.eye(k), np.zeros((k, 1))])
        deviation = np.where(centre == 1, PRIOR_SCALE, PRIOR_SCALE_OFF_DIAGONAL)
        deviation[:, -1] = PRIOR_SCALE
        ridge = Ridge(centre.ravel(), deviation.ravel() ** -2 / n_rows)
        theta = _minimise_matrix(log_proba, codes, weight, ridge).reshape(k, k + 1)
        return LinearMap(theta[:, :k], theta[:, k])
    n_scales = k if method == "vector" else 1
    n_biases = 0 if method == "temperature" else k
    centre = np.r_[np.ones(n_scales), np.zeros(n_biases)]
    ridge = Ridge(centre, np.full(len(centre), strength))
    theta = _minimise_softmax(log_proba, codes, weight, ridge, n_scales=n_scales)
    if n_scales == 1 and theta[0] < 0:  # a map never turns the model's ranking round:
        blind = np.zeros_like(log_proba)  # the best one ignores it
        theta = _minimise_softmax(blind, codes, weight, ridge, n_scales=1)
        theta[0] = 0.0
    scale = theta[:k] if method == "vector" else np.array(theta[0])
    bias = theta[n_scales:] if n_biases else np.zeros(k)
    return LinearMap(scale, bias - bias.mean())  # what all classes share says nothing
