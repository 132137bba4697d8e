"""Out-of-fold fits of one candidate, and who may be calibrated on whom."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from sklearn_learnability._folds import Folds
from sklearn_learnability._probabilities import align_probabilities
from sklearn_learnability._validation import Floats, Integers, take_rows


@dataclass(frozen=True)
class CandidateModel:
    """A fitted candidate that answers with log-probabilities of all classes.

    A model knows no more than its rows: of n training rows, 1/n of the mass is spread over all
    classes, so that no answer is certain and a class absent from the training rows is possible.
    """

    estimator: BaseEstimator
    codes: NDArray[np.integer]
    n_classes: int
    n_train: int

    def log_proba(self, X: Any) -> Floats:
        """Return the log-probabilities (n_samples, n_classes)."""
        proba = self.estimator.predict_proba(X)
        full = align_probabilities(proba, self.codes, np.arange(self.n_classes))
        spread = 1 / (self.n_train + 1)
        return np.log((1 - spread) * full + spread / self.n_classes)


@dataclass(frozen=True)
class FoldFit:
    """A candidate fitted on some rows, its log-probabilities on others, seconds, any error."""

    model: CandidateModel | None
    log_proba: Floats | None
    seconds: float
    error: str = ""


def fit_candidate(
    estimator: BaseEstimator,
    X: Any,
    codes: Integers,
    sample_weight: Floats | None,
    train: Integers,
    test: Integers,
    n_classes: int,
    seed: int,
) -> FoldFit:
    """Fit a clone on the training rows with one thread and predict the test rows.

    An error of the candidate is reported, not raised: the family does without it.
    """
    started = time.perf_counter()
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = _fit_seeded(estimator, X, codes, sample_weight, train, n_classes, seed)
            log_proba = model.log_proba(take_rows(X, test)) if len(test) else None
    except Exception as error:
        return FoldFit(None, None, 0.0, f"{type(error).__name__}: {error}")
    return FoldFit(model, log_proba, time.perf_counter() - started)


def _fit_seeded(
    estimator: BaseEstimator,
    X: Any,
    codes: Integers,
    sample_weight: Floats | None,
    train: Integers,
    n_classes: int,
    seed: int,
) -> CandidateModel:
    present, local_codes = np.unique(codes[train], return_inverse=True)
    model = clone(estimator) if len(present) > 1 else DummyClassifier(strategy="prior")
    unseeded = {
        name: seed
        for name, value in model.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    model.set_params(**unseeded)
    fit_params = {}
    if sample_weight is not None:
        fit_params = weight_parameter(model, sample_weight[train])
    # weights are passed by name here, whatever the caller's routing
    with config_context(enable_metadata_routing=False):
        model.fit(take_rows(X, train), local_codes, **fit_params)
    return CandidateModel(model, present, n_classes, len(train))


def mean_log_proba(models: list[CandidateModel], X: Any) -> Floats:
    """Return the normalised logarithmic mean of the models' distributions."""
    with threadpool_limits(1):
        return log_softmax(np.mean([model.log_proba(X) for model in models], axis=0), axis=1)


def weight_parameter(model: BaseEstimator, sample_weight: Floats) -> dict[str, Floats]:
    """Return the fit parameter that carries weights, or nothing if the model takes none."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not has_fit_parameter(last, "sample_weight"):
        return {}
    prefix = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
    return {f"{prefix}sample_weight": sample_weight}


def gather_log_proba(fits: list[FoldFit], folds: Folds, n_classes: int) -> Floats:
    """Return out-of-fold log-probabilities, the mean where a row is predicted repeatedly.

    Rows no fold predicts are NaN.
    """
    total = np.zeros((len(folds.fold_of), n_classes))
    counts = np.zeros(len(folds.fold_of))
    for (_, test), fold in zip(folds.splits, fits, strict=False):
        if fold.log_proba is not None:
            total[test] += fold.log_proba
            counts[test] += 1
    with np.errstate(invalid="ignore"):
        return log_softmax(total / counts[:, None], axis=1)
