"""What calibration takes off a model's log-loss, and what it leaves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._probabilities import (
    SMALLEST_PROBABILITY,
    check_labels_and_probabilities,
    log_of_probabilities,
    true_probability,
)
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    check_weights,
    nats_per_unit,
)
from sklearn_learnability.metrics._calibration import (
    Calibrator,
    cross_fit_calibration,
    cross_fit_on_folds,
)
from sklearn_learnability.metrics._calibration_loss import (
    calibration_loss_estimate,
    effective_parameters,
)
from sklearn_learnability.metrics._calibrators import CalibrationMethod, fit_calibration_map
from sklearn_learnability.metrics._information import surprisal_of_frequencies, warn_single_class
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import Estimate, mean_estimate


@dataclass(frozen=True, eq=False)
class NLLDecomposition(Result):
    """A model's log-loss, split into what calibration repairs and what it does not.

    Attributes
    ----------
    label_entropy : Estimate
        Entropy of the labels, H(Y).
    nll : Estimate
        Mean log-loss of the probabilities as given.
    calibrated_nll : Estimate
        Mean log-loss after cross-fitted calibration.
    calibration_loss : Estimate
        `nll` - `calibrated_nll`, paired row by row. Its interval, from 0 on, is that of what the
        best map of the family takes off.
    information_score : Estimate
        1 - `nll` / H(Y); NaN where one class holds all the weight. Its interval is NaN where a
        class has too few rows, about five, to tell.
    calibrated_information_score : Estimate
        1 - `calibrated_nll` / H(Y), likewise.
    n_samples : int
        Number of rows.
    n_clipped : int
        Rows with probability 0 on their true label, charged 52 bits in `nll`.
    units : str
        Unit of the losses and of the entropy.
    """

    label_entropy: Estimate
    nll: Estimate
    calibrated_nll: Estimate
    calibration_loss: Estimate
    information_score: Estimate
    calibrated_information_score: Estimate
    n_samples: int
    n_clipped: int
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a quantity: value, standard error, ends of the interval."""
        estimates = {name: part for name, part in vars(self).items() if isinstance(part, Estimate)}
        frame = pd.concat([part.to_frame() for part in estimates.values()], ignore_index=True)
        frame.insert(0, "quantity", list(estimates))
        return frame


def decompose_nll(
    codes: NDArray[np.integer],
    proba: Floats,
    calibrated_proba: Floats,
    calibrator: Calibrator,
    weight: Floats,
    groups: ArrayLike | None,
    units: Units,
) -> NLLDecomposition:
    """Return the decomposition of the loss of probabilities that were cross-fitted.

    The calibrator is the one fitted to all of the rows.
    """
    nats = nats_per_unit(units)
    rows = np.arange(len(codes))
    n_clipped = int((proba[rows, codes] < SMALLEST_PROBABILITY).sum())
    loss = np.maximum(-np.log(true_probability(proba, codes)), 0.0) / nats
    calibrated_loss, mapped_loss = (
        -log_of_probabilities(part[rows, codes]) / nats
        for part in (calibrated_proba, calibrator.predict_proba(proba))
    )
    surprisal = surprisal_of_frequencies(codes, weight, proba.shape[1])[codes] / nats
    if weight @ surprisal == 0:
        warn_single_class("The information score")
    options: dict[str, Any] = {"sample_weight": weight, "groups": groups}
    return NLLDecomposition(
        label_entropy=mean_estimate(surprisal, **options),
        nll=mean_estimate(loss, **options),
        calibrated_nll=mean_estimate(calibrated_loss, **options),
        calibration_loss=calibration_loss_estimate(
            loss,
            calibrated_loss,
            mapped_loss,
            n_parameters=effective_parameters(
                calibrator.calibration, log_of_probabilities(proba), weight
            ),
            nats=nats,
            **options,
        ),
        information_score=information_estimate(surprisal, loss, units=units, **options),
        calibrated_information_score=information_estimate(
            surprisal, calibrated_loss, units=units, calibrated=True, **options
        ),
        n_samples=len(codes),
        n_clipped=n_clipped,
        units=units,
    )


def nll_decomposition(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    calibration: CalibrationMethod = "affine",
    cv: Any = 5,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    random_state: RandomState = None,
) -> NLLDecomposition:
    r"""Split a model's log-loss into calibrated log-loss and calibration loss, with intervals.

    .. math:: \mathrm{NLL} = \mathrm{NLL}_{\mathrm{calibrated}} + \text{calibration loss}

    Lower losses are better. A calibration loss near 0 says that no map of the family improves the
    probabilities; a negative one is the price of fitting a map that was not needed. The intervals
    are of 95 %. That of the calibration loss holds what the best map of the family takes off, which
    is never negative, by noncentral chi-square; the others take the fitted maps as given.

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
        Folds. See :func:`cross_fit_calibration`.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. They stay in one fold, and intervals are
        clustered; by blocks of neighbouring rows where there are none and folds follow the order.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.
    random_state : int, RandomState instance or None, optional
        Source of randomness. Shuffles the rows into folds.

    Returns
    -------
    NLLDecomposition
        Losses, entropy and information scores, each an :class:`Estimate`.

    Raises
    ------
    ValueError
        As for :func:`cross_fit_calibration`.

    Warns
    -----
    ZeroProbabilityWarning
        If a true label has probability below 2.2e-16; the loss is then 52 bits.
    UndefinedInformationWarning
        If only one class has weight; the information scores are then NaN.

    References
    ----------
    J. Bröcker. Reliability, sufficiency, and the decomposition of proper scores. Quarterly Journal
    of the Royal Meteorological Society, 2009. https://doi.org/10.1002/qj.456
    J. T. Kent. Robust properties of likelihood ratio tests. Biometrika, 1982.
    https://doi.org/10.1093/biomet/69.1.19

    Examples
    --------
    >>> from sklearn_learnability.metrics import nll_decomposition
    >>> y_true, y_proba = [1, 1, 1, 0] * 50, [0.99] * 200
    >>> parts = nll_decomposition(y_true, y_proba, random_state=0)
    >>> print(f"{parts.nll.value:.2f} = {parts.calibrated_nll.value:.2f} "
    ...       f"+ {parts.calibration_loss.value:.2f} bits")
    1.67 = 0.81 + 0.86 bits
    """
    calibrated, folds = cross_fit_on_folds(
        y_true, y_proba, calibration, cv, sample_weight, groups, labels, random_state
    )
    classes, codes, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    weight = check_weights(sample_weight, len(codes))
    mapping = fit_calibration_map(codes, log_of_probabilities(proba), weight, calibration)
    calibrator = Calibrator(calibration, classes, mapping)
    groups = independent_units(groups, folds, np.arange(len(codes)))
    return decompose_nll(codes, proba, calibrated, calibrator, weight, groups, units)


def calibrated_nll(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    calibration: CalibrationMethod = "affine",
    cv: Any = 5,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    random_state: RandomState = None,
) -> float:
    r"""Mean log-loss of predicted probabilities after cross-fitted calibration.

    .. math:: \mathrm{NLL}_{\mathrm{calibrated}} = -\frac{\sum_i w_i \log \tilde q_i(y_i)}
              {\sum_i w_i}

    with :math:`\tilde q_i` of :func:`cross_fit_calibration`. Lower is better. It is what a model
    knows about the labels apart from how well it states its confidence.

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
        Folds. See :func:`cross_fit_calibration`.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. They stay in one fold.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.
    random_state : int, RandomState instance or None, optional
        Source of randomness. Shuffles the rows into folds.

    Returns
    -------
    float
        The mean loss in `units`.

    Raises
    ------
    ValueError
        As for :func:`cross_fit_calibration`.

    References
    ----------
    J. Bröcker. Reliability, sufficiency, and the decomposition of proper scores. Quarterly Journal
    of the Royal Meteorological Society, 2009. https://doi.org/10.1002/qj.456

    Examples
    --------
    >>> from sklearn_learnability.metrics import calibrated_nll
    >>> nll = calibrated_nll([1, 1, 1, 0] * 50, [0.99] * 200, random_state=0)
    >>> print(f"{nll:.2f} bits")
    0.81 bits
    """
    calibrated = cross_fit_calibration(
        y_true,
        y_proba,
        calibration=calibration,
        cv=cv,
        sample_weight=sample_weight,
        groups=groups,
        labels=labels,
        random_state=random_state,
    )
    _, codes, _ = check_labels_and_probabilities(y_true, y_proba, labels)
    loss = -log_of_probabilities(calibrated[np.arange(len(codes)), codes])
    weight = check_weights(sample_weight, len(codes))
    return float(np.average(loss, weights=weight)) / nats_per_unit(units)
