"""Dependent rows: told, seldom so of exchangeable ones, and counted by blocks in ordered folds."""

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, LeaveOneOut, TimeSeriesSplit

from sklearn_learnability import CalibratedNLL, GoldenModelCeiling, PurgedKFold
from sklearn_learnability._dependence import (
    N_BLOCKS,
    design_effect,
    independent_units,
    pair_z,
    resemblance_of_neighbours,
    warn_of_dependence,
)
from sklearn_learnability._folds import make_folds
from sklearn_learnability.exceptions import DependentRowsWarning
from sklearn_learnability.metrics import compare_models, efficiency, nll_decomposition
from sklearn_learnability.metrics._resampling import ratio_estimate

FAMILY = [("logistic", LogisticRegression())]


def autoregression(rng, n, rho):
    """A stationary series of variance 1."""
    start, noise = rng.standard_normal(), np.sqrt(1 - rho**2) * rng.standard_normal(n)
    noise[0] = start
    return lfilter([1.0], [1.0, -rho], noise)


def labels_of(rng, score):
    return (rng.random(len(score)) < expit(score)).astype(int)


def probabilities(score):
    return np.column_stack([expit(-score), expit(score)])


def tell(X, y, proba, cv=5):
    """Return whether a warning is given of rows, shuffled folds and probabilities."""
    folds = make_folds(cv, X, y, None, 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_dependence(
            X, y, proba, np.ones(len(y)), folds, None, along_rows=True, along_columns=True
        )
    return [warning.category for warning in caught] == [DependentRowsWarning]


def share_told(make, n_sets):
    return np.mean([tell(*make(np.random.default_rng(seed))) for seed in range(n_sets)])


def independent(rng, intercept=0.0, order=None):
    X = np.column_stack([rng.standard_normal(200), rng.integers(0, 40, 200)])
    score = intercept + 2 * X[:, 0]
    y = labels_of(rng, score)
    key = rng.random(200) if order is None else {"label": y, "input": X[:, 0]}[order]
    rows = np.argsort(key, kind="stable")
    return X[rows], y[rows], probabilities(score[rows])


@pytest.mark.parametrize("intercept", [0.0, -3.0])
@pytest.mark.parametrize("order", [None, "label", "input"])
def test_independent_rows_are_seldom_told_sorted_or_not(intercept, order):
    assert share_told(lambda rng: independent(rng, intercept, order), 300) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [0.0, -3.0])
def test_of_exchangeable_tables_one_in_a_thousand_is_told(intercept):
    assert share_told(lambda rng: independent(rng, intercept), 6000) <= 0.0025


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_bundled_tables_are_no_concern(load):
    X, y = load(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        GoldenModelCeiling(FAMILY, random_state=0).fit(X, y)


def test_groups_that_share_inputs_are_told_where_they_stand_together():
    def make(rng):
        X = np.repeat(rng.standard_normal(50), 10) + 0.01 * rng.standard_normal(500)
        return X[:, None], labels_of(rng, 3 * X), probabilities(3 * X)

    assert share_told(make, 60) >= 0.7


def test_inputs_that_drift_slowly_are_told():
    def make(rng):
        X = autoregression(rng, 2000, 0.9)
        return X[:, None], labels_of(rng, 3 * X), probabilities(3 * X)

    assert share_told(make, 30) >= 0.9


def test_ids_among_the_columns_are_named_where_residuals_of_one_agree():
    rng = np.random.default_rng(0)
    patient, own = rng.permutation(np.repeat(np.arange(50), 10)), rng.standard_normal(500)
    effect = 3 * rng.standard_normal(50)[patient]
    X, y = np.column_stack([own, patient]), labels_of(rng, 1 + own + effect)
    with pytest.warns(DependentRowsWarning, match="column 1 .* pass it as groups="):
        CalibratedNLL(LogisticRegression(), random_state=0).fit(X, y)
    CalibratedNLL(LogisticRegression(), random_state=0).fit(X, y, groups=patient)


def test_the_pairs_of_a_level_are_those_of_a_double_loop():
    rng = np.random.default_rng(0)
    values, level = rng.standard_normal((12, 3)), rng.integers(0, 4, 12)
    pairs = [(i, j) for i in range(12) for j in range(i) if level[i] == level[j]]
    products = np.array([values[i] @ values[j] for i, j in pairs])
    brute = products.sum() / np.sqrt(products @ products)
    assert pair_z(values, np.unique(level, return_inverse=True)[1]) == pytest.approx(brute)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_design_effects_are_the_closed_form_of_an_autoregression(rho):
    """Of blocks of b rows: 1 + 2 sum_k (1 - k/b) rho^k; of all rows (1 + rho) / (1 - rho)."""
    n_rows, n_sets = 2000, 200
    level = np.arange(n_rows) * N_BLOCKS // n_rows
    series = [autoregression(np.random.default_rng(s), n_rows, rho) for s in range(n_sets)]
    lag = np.arange(1, n_rows // N_BLOCKS)
    exact = 1 + 2 * ((1 - lag * N_BLOCKS / n_rows) * rho**lag).sum()
    blocks = np.mean([design_effect(values, level) for values in series])
    assert blocks == pytest.approx(exact, rel=4 * np.sqrt(2 / 19 / n_sets))
    if rho == 0.5:
        found = resemblance_of_neighbours(autoregression(np.random.default_rng(0), 50_000, rho))
        assert found.design_effect == pytest.approx((1 + rho) / (1 - rho), rel=0.15)


def test_blocks_cover_where_rows_taken_as_independent_do_not():
    """The truth is the learnability of the inputs' law, 400,000 rows of it."""
    p = probabilities(3 * np.random.default_rng(0).standard_normal(400_000))
    truth = 1 + (p * np.log2(p)).sum(axis=1).mean()
    covered = {"rows": 0, "blocks": 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        score = 3 * autoregression(rng, 1000, 0.9)
        y = labels_of(rng, score)
        loss = -np.log2(probabilities(score)[np.arange(1000), y])
        surprisal = -np.log2(np.bincount(y) / 1000)[y]
        for name, groups in (("rows", None), ("blocks", np.arange(1000) * N_BLOCKS // 1000)):
            found = ratio_estimate(surprisal - loss, surprisal, groups=groups)
            covered[name] += found.lower <= truth <= found.upper
    assert covered["rows"] < 0.88 * 300
    assert covered["blocks"] > 0.91 * 300


def test_ordered_folds_count_blocks_groups_count_groups_and_others_rows():
    X = np.random.default_rng(0).standard_normal((300, 2))
    y = labels_of(np.random.default_rng(1), 2 * X[:, 0])
    day = np.arange(300) // 6

    def n_independent(cv, groups=None):
        ceiling = GoldenModelCeiling(FAMILY, cv=cv, random_state=0).fit(X, y, groups=groups)
        return ceiling.n_independent_

    assert n_independent(TimeSeriesSplit(5)) == N_BLOCKS
    assert n_independent(list(TimeSeriesSplit(5).split(X)), day) == len(np.unique(day[100:]))
    assert n_independent(5, day) == 50
    assert n_independent(KFold(5, shuffle=True, random_state=0)) == 300
    assert n_independent(KFold(5)) == N_BLOCKS
    assert n_independent(PurgedKFold(5, purge=3)) == N_BLOCKS
    assert n_independent(list(TimeSeriesSplit(3, gap=5, max_train_size=60).split(X))) == N_BLOCKS
    assert n_independent([(np.arange(200), np.arange(200, 300))]) == N_BLOCKS
    assert n_independent(KFold(100), day) == 50
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert n_independent(LeaveOneOut()) == 300
    folds = make_folds(TimeSeriesSplit(5), X, y)
    blocks = independent_units(None, folds, np.arange(100, 300))
    assert np.bincount(blocks).tolist() == [10] * N_BLOCKS


def test_the_decomposition_counts_the_same_blocks():
    X = np.random.default_rng(0).standard_normal((300, 2))
    y = labels_of(np.random.default_rng(1), 2 * X[:, 0])
    cv = list(TimeSeriesSplit(5).split(X))
    with pytest.warns(UserWarning, match="left out of the scores"):
        alone = CalibratedNLL(LogisticRegression(), cv=cv).fit(X, y)
    blocks = np.concatenate([np.full(100, -1), np.arange(200) * N_BLOCKS // 200])
    with pytest.warns(UserWarning, match="left out of the scores"):
        given = CalibratedNLL(LogisticRegression(), cv=cv).fit(X, y, groups=blocks)
    errors = [model.decomposition_.nll.standard_error for model in (alone, given)]
    assert errors[0] == pytest.approx(errors[1])


def test_metrics_count_what_the_ceiling_counts():
    rng = np.random.default_rng(0)
    X = autoregression(rng, 400, 0.95)[:, None]
    y = labels_of(rng, 3 * X[:, 0])
    probas = {"half": probabilities(1.5 * X[:, 0])}
    ceiling = GoldenModelCeiling(FAMILY, cv=PurgedKFold(5, purge=20)).fit(X, y)
    assert np.bincount(ceiling.independent_units_).tolist() == [20] * N_BLOCKS
    options = {"random_state": 0}
    found = compare_models(y, probas, reference_nll=ceiling, **options).models[0]
    blocks = compare_models(
        y, probas, reference_nll=ceiling, groups=np.arange(400) // 20, **options
    ).models[0]
    rows = compare_models(y, probas, reference_nll=ceiling, groups=np.arange(400), **options)
    assert found.efficiency.to_frame().equals(blocks.efficiency.to_frame())
    assert found.efficiency.standard_error != rows.models[0].efficiency.standard_error
    alone = efficiency(y, probas["half"], reference_nll=ceiling)
    assert alone.standard_error == found.efficiency.standard_error
    # the losses alone know of no folds
    bare = efficiency(y, probas["half"], reference_nll=ceiling.oof_nll_)
    assert bare.standard_error == rows.models[0].efficiency.standard_error


def test_units_are_numbered_where_rows_were_predicted():
    X = np.random.default_rng(0).standard_normal((300, 2))
    y = labels_of(np.random.default_rng(1), 2 * X[:, 0])
    ceiling = GoldenModelCeiling(FAMILY, cv=TimeSeriesSplit(5)).fit(X, y)
    predicted = np.isfinite(ceiling.oof_nll_)
    np.testing.assert_array_equal(ceiling.independent_units_ >= 0, predicted)
    assert len(np.unique(ceiling.independent_units_[predicted])) == ceiling.n_independent_
    assert GoldenModelCeiling(FAMILY, random_state=0).fit(X, y).independent_units_ is None


def test_calibration_in_folds_of_neighbours_counts_blocks():
    rng = np.random.default_rng(0)
    score = 2 * rng.standard_normal(300)
    y, proba = labels_of(rng, score), expit(score)
    groups = np.arange(300) * N_BLOCKS // 300
    found = nll_decomposition(y, proba, cv=KFold(5))
    blocks = nll_decomposition(y, proba, cv=KFold(5), groups=groups)
    assert found.nll.standard_error == blocks.nll.standard_error
    shuffled = nll_decomposition(y, proba, random_state=0)
    assert found.nll.standard_error != shuffled.nll.standard_error
