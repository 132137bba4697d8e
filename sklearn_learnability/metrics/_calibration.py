"""Calibration of predicted probabilities, and its cross-fitting."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._folds import Folds, make_folds
from sklearn_learnability._probabilities import (
    check_labels_and_probabilities,
    check_probabilities,
    log_of_probabilities,
    warn_of_hard_labels,
)
from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, RandomState, check_weights, warn
from sklearn_learnability.exceptions import MissingClassWarning
from sklearn_learnability.metrics._calibrators import (
    CalibrationMap,
    CalibrationMethod,
    check_method,
    fit_calibration_map,
)


@dataclass(frozen=True, eq=False)
class Calibrator(Result):
    """A fitted calibration map of predicted probabilities.

    Attributes
    ----------
    calibration : str
        Family of the map.
    classes : ndarray of shape (n_classes,)
        Classes in the order of the columns.
    mapping : LinearMap or IsotonicMap
        The map of the log-probabilities; a linear one has `weight` and `bias`.
    """

    calibration: str
    classes: NDArray[Any]
    mapping: CalibrationMap

    def predict_proba(self, y_proba: ArrayLike) -> Floats:
        """Return calibrated probabilities of shape (n_samples, n_classes)."""
        proba = check_probabilities(y_proba, len(np.asarray(y_proba)), self.classes)
        return np.exp(self.mapping.log_proba(log_of_probabilities(proba)))


def fit_calibrator(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    calibration: CalibrationMethod = "affine",
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> Calibrator:
    r"""Fit the map of a family that gives predicted probabilities the lowest log-loss.

    The parametric families are linear in the logarithm of the probabilities q,

    .. math:: \tilde q(k) \propto \exp\Big(\sum_j W_{kj} \log q(j) + b_k\Big),

    and differ in what is free:

    - "temperature": :math:`W = s I`, :math:`s \ge 0`, :math:`b = 0`;
    - "affine": :math:`W = s I`, :math:`s \ge 0`, and b; Platt scaling of the logit for two classes;
    - "vector": a diagonal W, and b;
    - "matrix": W and b (Dirichlet calibration), with a ridge that keeps off-diagonal entries near 0
      (standard deviation 0.1, one row worth of weight each); for two classes the same as "vector";
    - "beta": two classes, "vector" with scales that are not negative.

    "isotonic" is a monotone step function of the logit; for more than two classes, of every class's
    probability, with the results normalised. Half a row of either class is put at the wrong end of
    the scores, so that no probability is 0 or 1.

    A weak pull to the identity (standard deviation 10 for scales and biases) keeps the map finite
    where classes are separated or absent; elsewhere it is far below the noise of the fit. Where
    :math:`s \ge 0` binds, the model ranks the classes the wrong way round, and the map ignores it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels. Of rows that the model was not fitted on.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class. Probabilities
        below 2.2e-16 are raised to it.
    calibration : str, default="affine"
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Whole numbers count equal rows; others are relative, and their scale
        does not matter.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.

    Returns
    -------
    Calibrator
        The fitted map. Its `predict_proba` must be judged on other rows than these: see
        :func:`cross_fit_calibration`.

    Raises
    ------
    ValueError
        If the calibration is unknown, or "beta" for more than two classes; and as for
        :func:`log_loss_per_sample`.

    References
    ----------
    J. Platt. Probabilistic outputs for support vector machines. Advances in Large Margin
    Classifiers, 1999.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern neural networks. ICML,
    2017. https://doi.org/10.48550/arXiv.1706.04599

    M. Kull, T. Silva Filho and P. Flach. Beyond sigmoids: how to obtain well-calibrated
    probabilities from binary classifiers with beta calibration. Electronic Journal of Statistics,
    2017. https://doi.org/10.1214/17-EJS1338SI

    M. Kull et al. Beyond temperature scaling: obtaining well-calibrated multiclass probabilities
    with Dirichlet calibration. NeurIPS, 2019. https://doi.org/10.48550/arXiv.1910.12656

    Examples
    --------
    An overconfident model is right in three of four rows, but says 99 in 100.

    >>> from sklearn_learnability.metrics import fit_calibrator
    >>> calibrator = fit_calibrator([1, 1, 1, 0] * 50, [0.99] * 200, calibration="temperature")
    >>> calibrator.predict_proba([0.99, 0.01]).round(3)
    array([[0.25, 0.75],
           [0.75, 0.25]])
    """
    classes, codes, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    warn_of_hard_labels(proba, codes)
    weight = check_weights(sample_weight, len(codes))
    mapping = fit_calibration_map(codes, log_of_probabilities(proba), weight, calibration)
    return Calibrator(calibration, classes, mapping)


def cross_fit_log_proba(
    codes: NDArray[np.integer],
    log_proba: Floats,
    weight: Floats,
    calibration: str,
    pairs: Iterable[tuple[NDArray[np.integer], NDArray[np.integer]]],
) -> Floats:
    """Return calibrated log-probabilities, NaN in rows that no pair scores.

    `pairs` holds (rows to fit on, rows to calibrate).
    """
    calibrated = np.full_like(log_proba, np.nan)
    lacking = 0
    for fit_rows, rows in pairs:
        known = np.bincount(codes[fit_rows], weight[fit_rows], minlength=log_proba.shape[1]) > 0
        lacking += int((~known[codes[rows]] & (weight[rows] > 0)).sum())
        mapping = fit_calibration_map(
            codes[fit_rows], log_proba[fit_rows], weight[fit_rows], calibration
        )
        calibrated[rows] = mapping.log_proba(log_proba[rows])
    if lacking:
        warn(
            f"{lacking} of {len(codes)} rows are of a class that was absent from the rows their "
            "calibration map was fitted on: they are charged as events never seen.",
            MissingClassWarning,
        )
    return calibrated


def cross_fit_calibration(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    calibration: CalibrationMethod = "affine",
    cv: Any = 5,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: RandomState = None,
) -> Floats:
    r"""Calibrate every row by a map that was fitted on other rows.

    .. math:: \tilde q_i = m_{-\kappa(i)}(q_i)

    with :math:`\kappa(i)` the fold of row i and :math:`m_{-\kappa}` the map fitted on the rows of
    the other folds. The rows can then be scored without the gain that a map draws from the labels
    it has seen. The lower the loss of the result, the better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels. Of rows that the model was not fitted on.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    calibration : str, default="affine"
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
        See :func:`fit_calibrator`.
    cv : int, cross-validation splitter or iterable, default=5
        Folds. A number of them is shuffled and stratified by class; or anything that splits the
        rows into test parts that cover each row once.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Of the rows in the fits.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. They stay in one fold.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    random_state : int, RandomState instance or None, optional
        Source of randomness. Shuffles the rows into folds.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Calibrated probabilities, aligned with the rows.

    Raises
    ------
    ValueError
        As for :func:`fit_calibrator`, and if `cv` does not partition the rows.

    Warns
    -----
    MissingClassWarning
        If a row's class was absent from the rows its map was fitted on.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern neural networks. ICML,
    2017. https://doi.org/10.48550/arXiv.1706.04599

    Examples
    --------
    >>> from sklearn_learnability.metrics import cross_fit_calibration
    >>> y_true, y_proba = [1, 1, 1, 0] * 50, [0.99] * 200
    >>> cross_fit_calibration(y_true, y_proba, random_state=0)[:2].round(2)
    array([[0.25, 0.75],
           [0.25, 0.75]])
    """
    return cross_fit_on_folds(
        y_true, y_proba, calibration, cv, sample_weight, groups, labels, random_state
    )[0]


def cross_fit_on_folds(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    calibration: CalibrationMethod,
    cv: Any,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
    labels: ArrayLike | None,
    random_state: RandomState,
) -> tuple[Floats, Folds]:
    """Return calibrated probabilities of all rows, and the folds they come from."""
    _, codes, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    warn_of_hard_labels(proba, codes)
    check_method(calibration, proba.shape[1])
    weight = check_weights(sample_weight, len(codes))
    folds = make_folds(cv, np.zeros((len(codes), 1)), codes, groups, random_state)
    if not folds.is_partition:
        raise ValueError(
            "Expected a cv that tests each row once, got one that tests "
            f"{(folds.n_tests == 0).sum()} rows never and {(folds.n_tests > 1).sum()} more than "
            "once."
        )
    log_proba = log_of_probabilities(proba)
    return np.exp(cross_fit_log_proba(codes, log_proba, weight, calibration, folds.splits)), folds
