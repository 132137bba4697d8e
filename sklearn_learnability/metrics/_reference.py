"""What a model is measured by: the ceiling's losses of the same rows, or the ceiling itself."""

from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._probabilities import (
    SMALLEST_PROBABILITY,
    align_probabilities,
    widen_classes,
)
from sklearn_learnability._validation import (
    Floats,
    Units,
    as_numbers,
    encode_labels,
    is_finite_number,
    nats_per_unit,
    readable,
    warn,
)
from sklearn_learnability.exceptions import InSampleWarning, LossUnitsWarning
from sklearn_learnability.metrics._information import log_loss_per_sample, prior_surprisal
from sklearn_learnability.metrics._information_estimate import information_estimate

#: The largest loss that is taken; its fourth power is a finite number.
LARGEST_LOSS = 1e50
#: A share of the ceiling above which, by more than noise, a model was likely fitted on the rows.
MOST_OF_A_CEILING = 1.2


class FittedCeiling(Protocol):
    """A ceiling that was fitted, such as a GoldenModelCeiling."""

    units_: Any
    classes_: NDArray[Any]
    oof_nll_: Floats
    oof_proba_: Floats
    learnability_interval_: tuple[float, float]
    independent_units_: NDArray[np.int64] | None

    def predict_proba(self, X: Any) -> Floats:
        """Return probabilities in the order of `classes_`."""


Reference = ArrayLike | FittedCeiling


def reference_losses(
    reference_nll: Reference, y_true: ArrayLike, X: Any = None, *, units: Units
) -> Floats:
    """Return the ceiling's loss of every row, in `units`.

    A ceiling without X gives the out-of-fold losses of the rows it was fitted on; with X it
    predicts rows that are new to it.
    """
    if hasattr(reference_nll, "predict_proba"):
        ceiling = _check_fitted(reference_nll)
        if X is None:
            return _out_of_fold_losses(ceiling, y_true, units)
        return _predicted_losses(ceiling, y_true, X, units)
    if X is not None:
        raise ValueError(
            "Expected a fitted ceiling as reference_nll where X is given, got "
            f"{type(reference_nll).__name__}. Losses belong to their rows: leave X out."
        )
    _, codes = encode_labels(y_true)
    losses = check_reference(reference_nll, len(codes))
    _warn_of_units(losses, max(2, codes.max() + 1), units)
    return losses


def groups_beside(reference: Any, X: Any, groups: ArrayLike | None) -> ArrayLike | None:
    """Return the groups or, on a ceiling's own rows and without any, what it counts itself."""
    if groups is None and X is None:
        found: ArrayLike | None = getattr(reference, "independent_units_", None)
        return found
    return groups


def check_reference(reference_nll: Any, n_samples: int) -> Floats:
    """Return the ceiling's losses as float64, one a row, finite and not negative."""
    reference_nll = readable("reference_nll", reference_nll)
    try:
        losses = as_numbers("reference_nll", reference_nll)
    except ValueError:
        raise TypeError(
            "Expected numbers as reference_nll, the ceiling's loss of every row, got "
            f"{type(reference_nll).__name__}."
        ) from None
    if losses.shape != (n_samples,):
        raise ValueError(
            f"Expected reference_nll of shape ({n_samples},), the ceiling's loss of every scored "
            f"row, got shape {losses.shape}."
        )
    if not np.isfinite(losses).all():
        raise ValueError(
            f"Expected a finite loss of every row, got {np.sum(~np.isfinite(losses))} values of "
            "reference_nll that are not finite. Rows that the ceiling never predicted (NaN) cannot "
            "be paired: leave them out of all, and pass the others' oof_nll_ as reference_nll= and "
            "independent_units_ as groups=."
        )
    if losses.max() > LARGEST_LOSS:
        raise ValueError(
            f"Expected losses in reference_nll of at most {LARGEST_LOSS:g}, got {losses.max():g}."
        )
    if (losses < 0).any():
        raise ValueError(
            f"Expected -log q >= 0 in every row, got a negative loss in reference_nll "
            f"({losses.min():g})."
        )
    return losses


def _check_fitted(ceiling: Any) -> FittedCeiling:
    """Return a ceiling that was fitted, refusing other models."""
    if not hasattr(ceiling, "oof_nll_"):
        state = "unfitted " if hasattr(ceiling, "candidates") else ""
        raise TypeError(
            "Expected a fitted GoldenModelCeiling or its losses as reference_nll, got the "
            f"{state}{type(ceiling).__name__}."
        )
    fitted: FittedCeiling = ceiling
    return fitted


def _out_of_fold_losses(ceiling: FittedCeiling, y_true: ArrayLike, units: Units) -> Floats:
    if not was_fitted_on(ceiling, y_true):
        raise ValueError(
            f"Expected the {len(ceiling.oof_nll_)} rows that the ceiling was fitted on, in their "
            f"order, got {np.shape(y_true)[0]} rows with other labels. For rows that are new to it "
            "pass their inputs as X=."
        )
    in_units = nats_per_unit(ceiling.units_) / nats_per_unit(units)
    return check_reference(ceiling.oof_nll_ * in_units, len(ceiling.oof_nll_))


def _predicted_losses(ceiling: FittedCeiling, y_true: ArrayLike, X: Any, units: Units) -> Floats:
    if was_fitted_on(ceiling, y_true):
        raise ValueError(
            "Expected rows that are new to the ceiling where X is given, got the labels it was "
            "fitted on. Leave X out: its out-of-fold losses are then taken."
        )
    classes = widen_classes(ceiling.classes_, y_true)
    proba = align_probabilities(ceiling.predict_proba(X), ceiling.classes_, classes)
    losses = log_loss_per_sample(y_true, proba, labels=classes, units=units)
    surprisal = prior_surprisal(y_true, units=units)
    found = information_estimate(surprisal, losses, units=units)
    known = ceiling.learnability_interval_[1]
    if found.lower > MOST_OF_A_CEILING * max(known, 0.01):
        warn(
            f"The ceiling finds a learnability of {found.value:.3g} in these rows, but out of fold "
            f"at most {known:.3g}: it was most likely fitted on them. Leave X out where they are "
            "the rows it was fitted on, and score new rows otherwise.",
            InSampleWarning,
        )
    return losses


def was_fitted_on(ceiling: FittedCeiling, y_true: ArrayLike) -> bool:
    """Return whether labels are those that the ceiling's out-of-fold losses were taken from."""
    classes = widen_classes(ceiling.classes_, y_true)
    _, codes = encode_labels(y_true, classes)
    if len(classes) > len(ceiling.classes_) or len(codes) != len(ceiling.oof_nll_):
        return False
    predicted = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
    proba = ceiling.oof_proba_[predicted, codes[predicted]]
    nats = ceiling.oof_nll_[predicted] * nats_per_unit(ceiling.units_)
    return bool(np.allclose(-np.log(np.maximum(proba, SMALLEST_PROBABILITY)), nats, rtol=1e-6))


def _warn_of_units(losses: Floats, n_classes: int, units: Units) -> None:
    r"""Warn where losses are calibrated in the other unit, and far from it in their own.

    Of calibrated probabilities q of the true label, the mean of 1/q is the number of classes,
    whatever they are. For two classes that of (1 - q)(1 - 2q) is 0 as well, and is less noisy.
    """
    other: Units = "nats" if units == "bits" else "bits"
    misfit = {}
    for unit in (units, other):
        q = np.exp(-np.minimum(losses * nats_per_unit(unit), -np.log(SMALLEST_PROBABILITY)))
        misfit[unit] = (1 - q) * (1 - 2 * q) if n_classes == 2 else 1 / q - n_classes
    mean = {unit: float(values.mean()) for unit, values in misfit.items()}
    noise = float(misfit[units].std()) / np.sqrt(len(losses))
    if abs(mean[units]) > 5 * noise and abs(mean[other]) < 0.2 * abs(mean[units]):
        warn(
            f"The losses in reference_nll are calibrated if they are in {other}, and far from it "
            f"in {units}, as which they are read. Pass units={other!r}, or as reference_nll the "
            "ceiling itself, which knows its unit.",
            LossUnitsWarning,
        )


def check_ceiling(
    learnability: float | None,
    reference_nll: Reference | None,
    y_true: ArrayLike,
    X: Any,
    units: Units,
) -> Floats | None:
    """Return the ceiling's losses where it is given by them, refusing none and both."""
    if (learnability is None) == (reference_nll is None):
        given = "neither" if learnability is None else "both"
        raise ValueError(f"Expected one of learnability= and reference_nll=, got {given}.")
    if learnability is not None:
        check_learnability(learnability)
    if reference_nll is not None:
        return reference_losses(reference_nll, y_true, X, units=units)
    if X is not None:
        raise ValueError("Expected a fitted ceiling as reference_nll where X is given, got none.")
    return None


def check_learnability(learnability: Any) -> float:
    """Return a learnability as a float, refusing what no labels can have."""
    if not is_finite_number(learnability) or not learnability <= 1:
        remedy = " Pass a fitted ceiling as reference_nll=." if hasattr(learnability, "fit") else ""
        what = learnability if isinstance(learnability, Real) else type(learnability).__name__
        raise ValueError(f"Expected a learnability of at most 1, got {what}.{remedy}")
    return float(learnability)
