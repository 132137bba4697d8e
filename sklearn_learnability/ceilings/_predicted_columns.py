"""What some columns of a table say of the others: predictions of these, without any label."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import (
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from sklearn_learnability._folds import Folds
from sklearn_learnability._tables import clean_table, is_sparse
from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.ceilings._candidate_table import MOST_ONE_HOT_CATEGORIES
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._out_of_fold import one_thread
from sklearn_learnability.exceptions import ConvertedColumnsWarning

#: Up to so many categories have an indicator each; more are told apart by so many random numbers.
MOST_INDICATORS = 10

#: A group with more numbers than this is replaced by its principal components.
MOST_TARGETS = 50

#: Up to so many numeric columns have curves and products among the inputs of the linear part.
MOST_COLUMNS_WITH_CURVES = 20


def as_frame(X: Any) -> pd.DataFrame:
    """Return a table of anything as numbers and strings in a frame named by positions."""
    if is_sparse(X):
        raise TypeError(f"Expected a dense table, got {type(X).__name__}. Pass X.toarray().")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvertedColumnsWarning)
        table = clean_table(GoldenModelCeiling(), X, reset=True)
    return pd.DataFrame(table).set_axis([str(at) for at in range(table.shape[1])], axis=1)


def predict_columns(
    frame: pd.DataFrame, wanted: Sequence[int], folds: Folds, seed: int
) -> tuple[Floats, float]:
    """Return out-of-fold predictions of columns from all others, and how well these do.

    Numbers are predicted as they are, few categories by an indicator each, as are few different
    numbers, and many categories by random numbers that tell them apart. What stands for categories
    is predicted twice, smoothly and with sharp edges. The second is the share of the variance that
    is predicted, by the better of the two.
    """
    names = [str(at) for at in wanted]
    targets, is_cut = targets_of(frame[names], np.random.RandomState(seed))
    linear, codes = inputs_of(frame.drop(columns=names))
    smooth, sharp = np.zeros_like(targets), np.zeros_like(targets[:, is_cut])
    with one_thread():
        for train, test in folds.splits if targets.shape[1] else []:
            smooth[test] = predict_numbers(linear, codes, targets, train, seed)[test]
            if is_cut.any():
                sharp[test] = predict_cuts(codes, targets[:, is_cut], train, seed)[test]
    missed, total = ((targets - smooth) ** 2).sum(axis=0), (targets**2).sum()
    missed[is_cut] = np.minimum(missed[is_cut], ((targets[:, is_cut] - sharp) ** 2).sum(axis=0))
    share = float(max(0.0, 1 - missed.sum() / total)) if total > 0 else 1.0
    return np.column_stack([smooth, sharp]), share


def predict_numbers(
    linear: Floats, codes: Floats, targets: Floats, train: Integers, seed: int
) -> Floats:
    """Return predictions of all rows: linear on columns, curves and products, the rest by trees."""
    ridge = RidgeCV(np.logspace(-3, 3, 7)).fit(linear[train], targets[train])
    by_line = ridge.predict(linear).reshape(targets.shape)
    trees = ExtraTreesRegressor(25, min_samples_leaf=2, max_features=1.0, random_state=seed)
    trees.fit(codes[train], one_or_more(targets[train] - by_line[train]))
    return np.asarray(by_line + trees.predict(codes).reshape(targets.shape))


def predict_cuts(codes: Floats, targets: Floats, train: Integers, seed: int) -> Floats:
    """Return predictions of all rows by trees that seek the best cuts, whose edges stay sharp."""
    trees = RandomForestRegressor(25, max_features=1.0, random_state=seed)
    trees.fit(codes[train], one_or_more(targets[train]))
    return np.asarray(trees.predict(codes).reshape(targets.shape))


def one_or_more(targets: Floats) -> Floats:
    """Return one column as a vector."""
    return targets if targets.shape[1] > 1 else targets[:, 0]


def inputs_of(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return columns for a linear model, without gaps and on one scale, and codes for trees."""
    is_number = np.array([frame[name].dtype == np.float64 for name in frame.columns])
    numbers, others = frame.loc[:, is_number], frame.loc[:, ~is_number]
    filled = numbers.fillna(numbers.median()).fillna(0.0).to_numpy()
    gaps = numbers.isna().to_numpy(np.float64)
    coded = [pd.factorize(others[name], sort=True)[0] for name in others.columns]
    codes = np.column_stack([filled, gaps[:, gaps.any(axis=0)], *coded])
    curves = StandardScaler().fit_transform(filled) if filled.shape[1] else filled
    parts = [curves, gaps[:, gaps.any(axis=0)]]
    if 0 < filled.shape[1] <= MOST_COLUMNS_WITH_CURVES:
        splines = SplineTransformer(n_knots=8, knots="quantile", include_bias=False)
        products = PolynomialFeatures(2, include_bias=False)
        parts += [splines.fit_transform(curves), products.fit_transform(curves)]
    if len(others.columns):
        encoder = OneHotEncoder(
            max_categories=MOST_ONE_HOT_CATEGORIES,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
        )
        parts.append(encoder.fit_transform(others))
    return StandardScaler().fit_transform(np.column_stack(parts)), codes


def targets_of(frame: pd.DataFrame, rng: np.random.RandomState) -> tuple[Floats, NDArray[np.bool_]]:
    """Return numbers that stand for columns, of variance 1, and which of them are cuts."""
    parts: list[Floats] = []
    is_cut: list[bool] = []
    for name in frame.columns:
        found, cuts = stand_in(frame[name], rng)
        parts.append(found)
        is_cut += cuts
    targets = np.column_stack(parts)
    varies = np.ptp(targets, axis=0) > 0
    targets, marks = targets[:, varies], np.array(is_cut)[varies]
    targets = StandardScaler().fit_transform(targets) if targets.shape[1] else targets
    if targets.shape[1] > MOST_TARGETS:
        targets = PCA(MOST_TARGETS, random_state=0).fit_transform(targets)
        marks = np.zeros(MOST_TARGETS, dtype=bool)
    return np.asarray(targets, dtype=np.float64), marks


def stand_in(column: pd.Series, rng: np.random.RandomState) -> tuple[Floats, list[bool]]:
    """Return the numbers that stand for one column, and which of them are cuts."""
    gaps = column.isna().to_numpy()
    if column.dtype == np.float64 and column.nunique() > MOST_INDICATORS:
        filled = column.fillna(column.median()).to_numpy()
        with_gaps = np.column_stack([filled, gaps.astype(np.float64)])
        return (with_gaps, [False, True]) if gaps.any() else (filled[:, None], [False])
    codes, levels = pd.factorize(column, use_na_sentinel=False, sort=False)
    few = len(levels) <= MOST_INDICATORS + 1
    shape = (len(levels), MOST_INDICATORS)
    found = (np.eye(len(levels)) if few else rng.standard_normal(shape))[codes]
    return found, [True] * found.shape[1]
