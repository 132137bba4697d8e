"""Forecasts by classifiers: fitted on what came before a block, they predict the block."""

from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator

from sklearn_learnability._probabilities import align_probabilities
from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers, warn
from sklearn_learnability.ceilings._family import Candidate
from sklearn_learnability.ceilings._out_of_fold import FoldFit, TrainingData, one_thread
from sklearn_learnability.exceptions import CandidateFailedWarning

#: Rows before the first fit, and growth of the first blocks.
FIRST_ROWS, GROWTH = 100, 1.25
#: Rows that a classifier with `partial_fit` predicts before it learns them.
ONLINE_ROWS = 32

Split = tuple[Integers, Integers]


def make_blocks(n_samples: int, n_blocks: int) -> list[Integers]:
    """Return the rows of each block: first ones that grow by a quarter, then equal ones."""
    ends = [min(FIRST_ROWS, max(1, n_samples // 5))]
    largest = max(1, -(-n_samples // n_blocks))
    while ends[-1] < n_samples:
        step = min(largest, max(1, int((GROWTH - 1) * ends[-1])))
        ends.append(min(ends[-1] + step, n_samples))
    return [np.arange(start, stop) for start, stop in pairwise(ends)]


def past_splits(blocks: list[Integers], window: int | None) -> list[Split]:
    """Return each block with the rows before it, or with the last `window` of them."""
    starts = [0 if window is None else max(0, int(block[0]) - window) for block in blocks]
    return [
        (np.arange(start, block[0]), block) for start, block in zip(starts, blocks, strict=True)
    ]


def lag_table(codes: Integers, n_lags: int) -> pd.DataFrame:
    """Return the labels before every row as categories, the latest first; gaps where none were."""
    columns = {}
    for lag in range(1, n_lags + 1):
        before = np.full(len(codes), None, dtype=object)
        before[lag:] = [f"s{code}" for code in codes[:-lag]]
        columns[f"lag {lag}"] = before
    return pd.DataFrame(columns)


def learns_online(estimator: BaseEstimator) -> bool:
    """Return whether a classifier learns row after row; a frozen one would pass it to its own."""
    return hasattr(estimator, "partial_fit") and not isinstance(estimator, FrozenEstimator)


def leave_out(name: str, error: Exception, errors: list[Exception]) -> None:
    """Tell that a candidate failed, and note how."""
    warn(f"The candidate {name!r} is left out: {error}", CandidateFailedWarning)
    errors.append(error)


def forecast_online(
    family: list[Candidate],
    data: TrainingData,
    rng: np.random.RandomState,
    errors: list[Exception],
) -> tuple[list[str], list[Floats]]:
    """Return names and log-probabilities of those that learn row after row and do not fail."""
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(family))
    names, found = [], []
    for one, seed in zip(family, seeds, strict=True):
        try:
            found.append(_predict_then_learn(one.estimator, data, int(seed)))
            names.append(one.name)
        except Exception as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            leave_out(one.name, kind(f"{type(error).__name__}: {error}"), errors)
    return names, found


def _predict_then_learn(estimator: BaseEstimator, data: TrainingData, seed: int) -> Floats:
    """Return log-probabilities of all rows by a classifier that learns 32 of them at a time.

    Of t rows seen 1/t of the mass is spread over all classes. The first rows get equal shares.
    """
    n_samples, n_classes = len(data.codes), len(data.classes)
    proba = np.full((n_samples, n_classes), 1 / n_classes)
    model = clone(estimator)
    if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
        model.set_params(random_state=seed)
    labels = data.classes[data.codes]
    with one_thread():
        for start in range(0, n_samples, ONLINE_ROWS):
            rows = np.arange(start, min(start + ONLINE_ROWS, n_samples))
            inputs = take_rows(data.X, rows)
            if start:
                said = align_probabilities(
                    np.asarray(model.predict_proba(inputs)),
                    np.searchsorted(data.classes, model.classes_),
                    np.arange(n_classes),
                )
                spread = 1 / (start + 1)
                proba[rows] = (1 - spread) * said + spread / n_classes
            model.partial_fit(inputs, labels[rows], classes=data.classes)
    return np.log(proba)


def gather(first: Floats, blocks: list[Integers], fits: list[FoldFit]) -> Floats:
    """Return the log-probabilities of all steps, those before the first block from frequencies."""
    found = first.copy()
    for block, fit in zip(blocks, fits, strict=True):
        assert fit.log_proba is not None
        found[block] = fit.log_proba
    return found
