"""Out-of-fold probabilities of one classifier, with its own fit parameters, and calibrated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.parallel import Parallel, delayed

from sklearn_learnability._folds import Folds
from sklearn_learnability._probabilities import align_probabilities, log_of_probabilities
from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers, warn
from sklearn_learnability.exceptions import UnpredictedRowsWarning
from sklearn_learnability.metrics._calibration import Calibrator, cross_fit_log_proba
from sklearn_learnability.metrics._calibrators import CalibrationMethod, fit_calibration_map


def check_tests_once(folds: Folds) -> None:
    """Refuse folds that test a row more than once."""
    if folds.n_tests.max() > 1:
        raise ValueError(
            "Expected a cv that tests no row more than once, got one that tests "
            f"{(folds.n_tests > 1).sum()} rows more than once."
        )


def out_of_fold_probabilities(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    params: dict[str, Any],
    folds: Folds,
    classes: NDArray[Any],
    *,
    n_jobs: int | None,
) -> Floats:
    """Return the probabilities of every row by the clone that was not fitted on it."""
    parts = Parallel(n_jobs=n_jobs)(
        delayed(fit_and_predict)(clone(estimator), X, y, params, train, test, classes)
        for train, test in folds.splits
    )
    proba = np.full((len(folds.fold_of), len(classes)), np.nan)
    for (_, test), part in zip(folds.splits, parts, strict=True):
        proba[test] = part
    return proba


def fit_and_predict(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    params: dict[str, Any],
    train: Integers,
    test: Integers,
    classes: NDArray[Any],
) -> Floats:
    """Fit on the training rows, with the part of the parameters that is theirs, and predict."""
    own = {
        name: take_rows(value, train) if is_one_a_row(value, len(y)) else value
        for name, value in params.items()
    }
    estimator.fit(take_rows(X, train), take_rows(y, train), **own)
    return aligned_proba(estimator, take_rows(X, test), classes)


def is_one_a_row(value: Any, n_samples: int) -> bool:
    """Return whether a fit parameter holds something for every row; pairs of data are no rows."""
    if hasattr(value, "shape"):
        return tuple(value.shape[:1]) == (n_samples,)
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    return is_sequence and len(value) == n_samples and not isinstance(value[0], tuple)


def aligned_proba(estimator: BaseEstimator, X: Any, classes: NDArray[Any]) -> Floats:
    """Return a fitted classifier's probabilities with a column for each class."""
    return align_probabilities(estimator.predict_proba(X), estimator.classes_, classes)


def calibrate_out_of_fold(
    codes: Integers,
    proba: Floats,
    weight: Floats,
    folds: Folds,
    calibration: CalibrationMethod,
    classes: NDArray[Any],
) -> tuple[Floats, Calibrator]:
    """Return probabilities calibrated on other folds, and the calibrator of all folds."""
    predicted = folds.fold_of >= 0
    log_proba = log_of_probabilities(proba)
    pairs = folds.tuning_rows(weight)
    calibrated = cross_fit_log_proba(codes, log_proba, weight, calibration, pairs)
    mapping = fit_calibration_map(
        codes[predicted], log_proba[predicted], weight[predicted], calibration
    )
    return np.exp(calibrated), Calibrator(calibration, classes, mapping)


def scored_rows(calibrated: Floats) -> Integers:
    """Return the rows that have calibrated probabilities, and warn of others."""
    scored = ~np.isnan(calibrated[:, 0])
    if not scored.all():
        warn(
            f"{(~scored).sum()} of {len(scored)} rows are left out of the scores: no fold tests "
            "them, or there are no earlier folds to calibrate them on.",
            UnpredictedRowsWarning,
        )
    return np.flatnonzero(scored)
