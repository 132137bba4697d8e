"""Out-of-fold fits of one candidate."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
from sklearn_learnability._shared_context import SharedContext
from sklearn_learnability._tables import row_blocks, take_rows
from sklearn_learnability._validation import Floats, Integers

#: Rows times classes up to which log-probabilities out of fold are kept in double precision.
MOST_IN_DOUBLE_PRECISION = 8_000_000

ROWS_OF_A_BLOCK = 65_536

#: Beginnings of warnings that a fit makes about its own affairs.
OWN_AFFAIRS = (
    "Found unknown categories",
    "The least populated class",
    "A worker stopped while some jobs were given to the executor",
)


@contextmanager
def _quiet() -> Iterator[None]:
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for message in OWN_AFFAIRS:
            warnings.filterwarnings("ignore", message=message)
        yield


QUIET = SharedContext(_quiet)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold libraries to one thread, and fits to themselves, in any number of threads at once."""
    # the number of OpenMP's threads belongs to the thread that sets it, BLAS's to the process
    with QUIET, threadpool_limits(1, user_api="openmp"):
        yield


class Rows:
    """What holds inputs X, and says how many bytes they are.

    By that dask tells what is worth sending once to each worker, not again with each fit.
    """

    X: Any

    def __sizeof__(self) -> int:
        return int(getattr(self.X, "nbytes", 0) or sys.getsizeof(self.X)) + 8 * np.shape(self.X)[0]


@dataclass(frozen=True, eq=False)
class TrainingData(Rows):
    """Rows with their labels: as codes, positions in `classes`, and weights where there are any."""

    X: Any
    codes: Integers
    classes: NDArray[Any]
    weight: Floats | None


@dataclass(frozen=True, eq=False)
class CandidateModel:
    """A fitted candidate that answers with log-probabilities of all classes.

    A model knows no more than its rows: of n training rows, 1/n of the mass is spread over all
    classes, so that no answer is certain and a class absent from the training rows is possible. A
    row on which it puts no mass at all is one it says nothing about.
    """

    estimator: BaseEstimator
    codes: Integers
    n_classes: int
    n_train: int

    def log_proba(self, X: Any) -> Floats:
        """Return the log-probabilities (n_samples, n_classes)."""
        proba = np.asarray(self.estimator.predict_proba(X))
        if proba.dtype.kind != "f":
            proba = proba.astype(np.float64)
        if proba.ndim == 2:
            silent = proba.sum(axis=1, keepdims=True) == 0
            proba = np.where(silent, proba.dtype.type(1 / proba.shape[1]), proba)
        full = align_probabilities(proba, self.codes, np.arange(self.n_classes))
        spread = 1 / (self.n_train + 1)
        return np.log((1 - spread) * full + spread / self.n_classes)


@dataclass(frozen=True, eq=False)
class FoldFit:
    """A candidate fitted on some rows, its log-probabilities on others, CPU seconds, any error."""

    model: CandidateModel | None
    log_proba: NDArray[np.floating] | None
    seconds: float
    error: Exception | None = None


def fit_candidate(
    estimator: BaseEstimator,
    data: TrainingData,
    split: tuple[Integers, Integers],
    seed: int,
    *,
    gets_labels: bool,
) -> FoldFit:
    """Fit a clone on the training rows of a split with one thread and predict its test rows."""
    started = time.thread_time()
    train, test = split
    with one_thread():
        model = _fit_model(estimator, data, train, seed, gets_labels)
        log_proba = None
        if len(test):
            dtype = dtype_kept(len(data.codes), len(data.classes))
            log_proba = model.log_proba(take_rows(data.X, test)).astype(dtype, copy=False)
    return FoldFit(model, log_proba, time.thread_time() - started)


def _fit_model(
    estimator: BaseEstimator, data: TrainingData, train: Integers, seed: int, gets_labels: bool
) -> CandidateModel:
    present, target = np.unique(data.codes[train], return_inverse=True)
    if gets_labels:
        target = data.classes[data.codes[train]]
    model = clone(estimator) if len(present) > 1 else DummyClassifier(strategy="prior")
    fit_seeded(model, take_rows(data.X, train), target, weights_at(data.weight, train), seed)
    codes = present
    n_train = len(train) if gets_labels else getattr(model, "n_train_", len(train))
    if gets_labels and hasattr(model, "classes_"):
        codes = _codes_of(model.classes_, data.classes)
    return CandidateModel(model, codes, len(data.classes), n_train)


def weights_at(weight: Floats | None, rows: Integers) -> Floats | None:
    """Return the weights of some rows, None without weights."""
    return None if weight is None else weight[rows]


def fit_seeded(
    model: BaseEstimator, X: Any, target: NDArray[Any], weight: Floats | None, seed: int
) -> None:
    """Fit a model in place, seeded where it has no seed, with weights where it takes them."""
    unseeded = {
        name: seed
        for name, value in model.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    model.set_params(**unseeded)
    fit_params = {} if weight is None else weight_parameter(model, weight)
    # weights are passed by name here, whatever the caller's routing
    with config_context(enable_metadata_routing=False):
        model.fit(X, target, **fit_params)


def _codes_of(labels: NDArray[Any], classes: NDArray[Any]) -> Integers:
    """Return the positions of a fitted classifier's labels among all classes."""
    labels = np.asarray(labels)
    if not np.isin(labels, classes).all():
        raise ValueError(f"Expected classes_ that are labels of y, got {labels.tolist()}.")
    return np.searchsorted(classes, labels)


def mean_log_proba(models: list[CandidateModel], X: Any) -> Floats:
    """Return the normalised logarithmic mean of the models' distributions."""
    with one_thread():
        return log_softmax(np.mean([model.log_proba(X) for model in models], axis=0), axis=1)


def weight_parameter(model: BaseEstimator, sample_weight: Floats) -> dict[str, Floats]:
    """Return the fit parameter that carries weights, or nothing if the model takes none.

    Pipelines hand it to their last step, searches to what they search, and votes and stacks to all
    their members, where each of these takes weights.
    """
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return {f"{name}__{key}": w for key, w in weight_parameter(last, sample_weight).items()}
    if has_fit_parameter(model, "sample_weight"):
        return {"sample_weight": sample_weight}
    if hasattr(model, "estimator") and hasattr(model, "refit"):
        return weight_parameter(model.estimator, sample_weight)
    members = [member for _, member in getattr(model, "estimators", []) if member != "drop"]
    if members and all(has_fit_parameter(member, "sample_weight") for member in members):
        return {"sample_weight": sample_weight}
    return {}


def dtype_kept(n_samples: int, n_classes: int) -> type[np.floating]:
    """Return the type that log-probabilities out of fold are kept in."""
    return np.float64 if n_samples * n_classes <= MOST_IN_DOUBLE_PRECISION else np.float32


def gather_log_proba(fits: list[FoldFit], folds: Folds, n_classes: int) -> NDArray[np.floating]:
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
        for place, rows in row_blocks(total, ROWS_OF_A_BLOCK):
            total[place] = log_softmax(rows / counts[place, None], axis=1)
    return total.astype(dtype_kept(*total.shape), copy=False)
