"""Folds: which rows a model is fitted on, and which it predicts."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import StratifiedGroupKFold, check_cv

from sklearn_learnability._tables import comparable_rows, hash_rows
from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    check_groups,
    check_random_state,
    warn,
)
from sklearn_learnability.exceptions import DuplicateRowsWarning, MissingClassWarning


@dataclass(frozen=True)
class Folds:
    """Which rows are predicted out of fold, and in which order they may inform one another.

    Attributes
    ----------
    splits : list of (train, test)
        Positions of the rows; no part is empty. In order of time where `ordered`.
    n_tests : ndarray of shape (n_samples,)
        How often a row is predicted.
    fold_of : ndarray of shape (n_samples,)
        The first fold that predicts a row; -1 where none does.
    ordered : bool
        True if every fold is predicted from earlier rows only, as by TimeSeriesSplit.
    contiguous : bool
        True if the test rows of every fold are neighbours, two or more, as by
        :class:`~sklearn_learnability.PurgedKFold`.
    """

    splits: list[tuple[Integers, Integers]]
    n_tests: Integers
    fold_of: Integers
    ordered: bool
    contiguous: bool

    @classmethod
    def from_splits(cls, splits: Any, n_samples: int) -> Self:
        """Return the folds of a splitter's pairs of positions or of masks of the rows."""
        pairs = [
            (_positions(train, n_samples), _positions(test, n_samples)) for train, test in splits
        ]
        pairs = [(train, test) for train, test in pairs if len(test)]
        if not pairs:
            raise ValueError("Expected a cv with a row to test, got none.")
        for fold, (train, test) in enumerate(pairs):
            if not len(train):
                raise ValueError(f"Expected a row to train on in every fold, got none in {fold}.")
            n_both = np.isin(test, train).sum()
            if n_both:
                raise ValueError(
                    f"Expected a cv whose folds train on none of the rows they test, got {n_both} "
                    f"of {len(test)} in fold {fold}: a loss on rows a model has seen says nothing."
                )
        ordered = len(pairs) > 1 and all(train.max() < test.min() for train, test in pairs)
        if ordered:
            pairs.sort(key=lambda pair: pair[1].min())
        fold_of = np.full(n_samples, -1)
        for fold, (_, test) in reversed(list(enumerate(pairs))):
            fold_of[test] = fold
        n_tests = np.bincount(np.concatenate([test for _, test in pairs]), minlength=n_samples)
        contiguous = all(len(test) == np.ptp(test) + 1 >= 2 for _, test in pairs)
        return cls(pairs, n_tests, fold_of, ordered, contiguous)

    @property
    def along_rows(self) -> bool:
        """True if the folds follow the order of the rows, so that neighbours count together."""
        return self.ordered or self.contiguous

    @property
    def is_partition(self) -> bool:
        """True if every row is predicted exactly once."""
        return bool((self.n_tests == 1).all())

    def tuning_rows(self, weight: Floats | None = None) -> list[tuple[Integers, Integers]]:
        """Return pairs (rows to calibrate and blend on, rows to score), none in both.

        In ordered folds the rows to score come after those to calibrate on, and the first fold is
        for calibration alone. A single fold is cut into five. Rows are not scored where those to
        calibrate on have no weight.
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
            if weight is None or weight[rows].any()
        ]

    def check_weight(self, weight: Floats) -> None:
        """Refuse weights that leave no row to score beside others to calibrate on."""
        if not any(weight[rows].any() for _, rows in self.tuning_rows(weight)):
            raise ValueError(
                "Expected weight in the test rows of a fold, and in those of others to calibrate "
                f"on, got weight in {np.count_nonzero(weight)} of {len(weight)} rows, and no such "
                "fold."
            )


def _positions(rows: ArrayLike, n_samples: int) -> Integers:
    """Return positions of rows, given as such or as a mask."""
    rows = np.asarray(rows)
    if not rows.size:
        return np.arange(0)
    if rows.dtype.kind != "b":
        whole = rows.ndim == 1 and rows.dtype.kind in "iu"
        if whole and 0 <= rows.min() <= rows.max() < n_samples:
            return rows
        values = rows.ravel().tolist()
        ends = f" from {min(values)} to {max(values)}" if rows.dtype.kind in "iufU" else ""
        raise ValueError(
            f"Expected positions of rows from cv, whole numbers from 0 to {n_samples - 1}, got "
            f"{rows.dtype}{ends}, of shape {rows.shape}."
        )
    if rows.shape != (n_samples,):
        raise ValueError(
            f"Expected masks of shape ({n_samples},) from cv, one entry per row, got shape "
            f"{rows.shape}."
        )
    return np.flatnonzero(rows)


def make_folds(
    cv: Any,
    X: Any,
    codes: Integers,
    groups: ArrayLike | None = None,
    random_state: RandomState = None,
) -> Folds:
    """Return the folds of an int, splitter or iterable.

    A number of folds is stratified and shuffled, keeps groups whole, and does not mind classes
    with fewer rows than folds.
    """
    group_codes = None if groups is None else check_groups(groups, len(codes))
    rng = check_random_state(random_state)
    if isinstance(cv, Integral):
        n_folds = int(cv)
        n_units = len(codes) if group_codes is None else len(np.unique(group_codes))
        if not 2 <= n_folds <= n_units:
            raise ValueError(
                f"Expected cv between 2 and {n_units}, the number of "
                f"{'rows' if groups is None else 'groups'}, got {n_folds}."
            )
        if groups is None:
            return Folds.from_splits(_shuffled(codes, n_folds, rng), len(codes))
        groups = group_codes
        cv = StratifiedGroupKFold(n_folds, shuffle=True, random_state=rng)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        # they still serve the interval
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")
        try:
            splits = [
                (train, test)
                for train, test in check_cv(cv, codes, classifier=True).split(X, codes, groups)
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Expected a cv that splits {len(codes)} rows, got {cv!r}: {error}"
            ) from error
    return Folds.from_splits(splits, len(codes))


def _shuffled(
    codes: Integers, n_folds: int, rng: np.random.RandomState
) -> list[tuple[Integers, Integers]]:
    shuffled = rng.permutation(len(codes))
    fold_of = np.empty(len(codes), dtype=np.intp)
    fold_of[np.lexsort((shuffled, codes))] = np.arange(len(codes)) % n_folds
    return [(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(n_folds)]


def warn_of_missing_classes(codes: Integers, folds: Folds) -> None:
    """Warn where the training rows of a fold lack a class."""
    lacking = [len(np.setdiff1d(codes, codes[train])) > 0 for train, _ in folds.splits]
    if any(lacking):
        warn(
            f"In {sum(lacking)} of {len(lacking)} folds the training rows lack a class of the "
            "data: there it is charged as an event never seen.",
            MissingClassWarning,
        )


def warn_of_duplicates(X: Any, folds: Folds) -> tuple[float, bool]:
    """Return the share of test rows that also stand in their training rows, and whether to warn.

    Equal rows are telling where some column is nearly unique among the distinct rows; where all
    columns are coarse, equal rows are to be expected. NaN where rows cannot be compared.
    """
    frame = comparable_rows(X)
    hashes = None if frame is None else hash_rows(frame)
    if frame is None or hashes is None or not len(frame.columns):
        return float("nan"), False
    n_distinct = len(np.unique(hashes))
    if n_distinct == len(hashes):
        return 0.0, False
    n_repeated = sum(np.isin(hashes[test], hashes[train]).sum() for train, test in folds.splits)
    share = n_repeated / sum(len(test) for _, test in folds.splits)
    finest = max(frame[name].nunique(dropna=False) for name in frame.columns)
    is_telling = share >= 0.01 and finest >= n_distinct / 2 and n_distinct >= np.sqrt(len(hashes))
    if is_telling:
        warn(
            f"{share:.1%} of the test rows also stand in the training rows of their fold: a model "
            "that memorises scores as if it had learned. Drop repeated records, or pass groups= "
            "so that copies stay in one fold.",
            DuplicateRowsWarning,
        )
    return float(share), bool(is_telling)
