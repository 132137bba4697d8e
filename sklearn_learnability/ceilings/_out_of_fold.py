"""Out-of-fold fits of one candidate, and who may be calibrated on whom."""

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from sklearn_learnability._validation import Floats, Integers, hash_rows, take_rows, warn
from sklearn_learnability.exceptions import DuplicateRowsWarning, MissingClassWarning


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
        proba = np.asarray(self.estimator.predict_proba(X), dtype=np.float64)
        if not np.isfinite(proba).all():
            raise ValueError("predict_proba gave NaN or infinity")
        full = np.zeros((len(proba), self.n_classes))
        full[:, self.codes] = proba / proba.sum(axis=1, keepdims=True)
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


@dataclass(frozen=True)
class Folds:
    """Which rows are predicted out of fold, and in which order they may inform one another.

    Attributes
    ----------
    splits : list of (train, test)
        Positions of the rows.
    fold_of : ndarray of shape (n_samples,)
        The first fold that predicts a row; -1 where none does.
    ordered : bool
        True if every fold is predicted from earlier rows only, as by TimeSeriesSplit.
    """

    splits: list[tuple[Integers, Integers]]
    fold_of: Integers
    ordered: bool

    @classmethod
    def from_splits(cls, splits: Iterable[tuple[ArrayLike, ArrayLike]], n_samples: int) -> Self:
        """Return the folds of a splitter's pairs of positions."""
        pairs = [(np.asarray(train), np.asarray(test)) for train, test in splits]
        fold_of = np.full(n_samples, -1)
        for fold, (_, test) in reversed(list(enumerate(pairs))):
            fold_of[test] = fold
        ordered = len(pairs) > 1 and all(train.max() < test.min() for train, test in pairs)
        return cls(pairs, fold_of, ordered)

    @property
    def is_partition(self) -> bool:
        """True if every row is predicted exactly once."""
        counts = np.bincount(
            np.concatenate([test for _, test in self.splits]), minlength=len(self.fold_of)
        )
        return bool((counts == 1).all())

    def tuning_rows(self) -> list[tuple[Integers, Integers]]:
        """Return pairs (rows to calibrate and blend on, rows to score), none in both.

        In ordered folds the rows to score come after those to calibrate on, and the first fold is
        for calibration alone. A single fold is cut into five.
        """
        predicted = self.fold_of >= 0
        fold_of = self.fold_of
        folds = np.unique(fold_of[predicted])
        if len(folds) == 1:
            fold_of = np.where(predicted, np.cumsum(predicted) * 5 // (predicted.sum() + 1), -1)
            folds = np.unique(fold_of[predicted])
        if self.ordered:
            others = [predicted & (fold_of < fold) for fold in folds[1:]]
            folds = folds[1:]
        else:
            others = [predicted & (fold_of != fold) for fold in folds]
        return [
            (np.flatnonzero(rows), np.flatnonzero(fold_of == fold))
            for rows, fold in zip(others, folds, strict=True)
        ]


def make_folds(cv: Any, X: Any, codes: Integers, groups: ArrayLike | None) -> Folds:
    """Return the folds of an int, splitter or iterable; groups stay together under an int.

    Warns where the training rows of a fold lack a class.
    """
    if groups is not None and isinstance(cv, Integral):
        cv = StratifiedGroupKFold(n_splits=cv)
    splitter = check_cv(cv, codes, classifier=True)
    folds = Folds.from_splits(splitter.split(X, codes, groups), len(codes))
    incomplete = [len(np.setdiff1d(codes, codes[train])) > 0 for train, _ in folds.splits]
    if any(incomplete):
        warn(
            f"In {sum(incomplete)} of {len(incomplete)} folds the training rows lack a class of "
            "the data: there it is charged as an event never seen.",
            MissingClassWarning,
        )
    return folds


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


def warn_of_duplicates(X: Any, folds: Folds) -> float:
    """Return the share of test rows that also stand in their training rows, warning if telling.

    Equal rows are telling where some column is nearly unique among the distinct rows; where all
    columns are coarse, equal rows are to be expected.
    """
    hashes = hash_rows(X)
    n_distinct = len(np.unique(hashes))
    if n_distinct == len(hashes):
        return 0.0
    n_repeated = sum(np.isin(hashes[test], hashes[train]).sum() for train, test in folds.splits)
    share = n_repeated / sum(len(test) for _, test in folds.splits)
    columns = X.T if isinstance(X, np.ndarray) else (X[name] for name in X.columns)
    finest = max(len(np.unique(hash_rows(np.asarray(c)[:, None]))) for c in columns)
    if share >= 0.01 and finest >= n_distinct / 2 and n_distinct >= np.sqrt(len(hashes)):
        warn(
            f"{share:.1%} of the test rows also stand in the training rows of their fold: a model "
            "that memorises scores as if it had learned. Drop repeated records, or pass groups= "
            "so that copies stay in one fold.",
            DuplicateRowsWarning,
        )
    return float(share)
