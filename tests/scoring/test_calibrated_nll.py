import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_learnability import CalibratedNLL
from sklearn_learnability.exceptions import (
    DuplicateRowsWarning,
    MissingClassWarning,
    OrderedRowsWarning,
    UnpredictedRowsWarning,
    UnusedWeightsWarning,
    ZeroProbabilityWarning,
)
from sklearn_learnability.metrics import (
    cross_fit_calibration,
    fit_calibrator,
    negative_log_likelihood,
    nll_decomposition,
)


@pytest.fixture
def data():
    """Three overlapping classes, and copies that make naive Bayes too sure."""
    X, y = make_classification(
        600,
        4,
        n_informative=4,
        n_redundant=0,
        n_classes=3,
        n_clusters_per_class=1,
        class_sep=0.6,
        flip_y=0.1,
        random_state=0,
    )
    noise = np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    return np.hstack([X, X + noise]), y


def test_numbers_are_those_of_scikit_learns_out_of_fold_probabilities(data):
    X, y = data
    cv = StratifiedKFold(4, shuffle=True, random_state=1)
    model = CalibratedNLL(GaussianNB(), cv=cv).fit(X, y)
    proba = cross_val_predict(GaussianNB(), X, y, cv=cv, method="predict_proba")
    np.testing.assert_allclose(model.oof_proba_, proba, atol=1e-12)
    expected = nll_decomposition(y, proba, cv=list(cv.split(X, y)))
    pd.testing.assert_frame_equal(model.decomposition_.to_frame(), expected.to_frame())
    np.testing.assert_allclose(
        model.oof_calibrated_proba_,
        cross_fit_calibration(y, proba, cv=list(cv.split(X, y))),
        atol=1e-10,
    )
    for name in ("nll", "calibrated_nll", "calibration_loss", "label_entropy"):
        assert getattr(model, f"{name}_") == getattr(model.decomposition_, name).value
    assert model.information_score_ == pytest.approx(1 - model.nll_ / model.label_entropy_)
    assert model.calibration_loss_ > 0.1  # naive Bayes on redundant features


def test_predictions_are_those_of_the_refitted_and_calibrated_model(data):
    X, y = data
    model = CalibratedNLL(GaussianNB(), random_state=0).fit(X, y)
    calibrator = fit_calibrator(y, model.oof_proba_)
    expected = calibrator.predict_proba(GaussianNB().fit(X, y).predict_proba(X))
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))
    assert model.score(X, y) == pytest.approx(-negative_log_likelihood(y, expected))


def test_calibrated_model_is_better_on_new_rows(data):
    X, y = data
    model = CalibratedNLL(GaussianNB(), random_state=0).fit(X[:300], y[:300])
    raw = negative_log_likelihood(y[300:], model.estimator_.predict_proba(X[300:]))
    calibrated = -model.score(X[300:], y[300:])
    assert calibrated < raw - 0.1
    assert calibrated == pytest.approx(model.calibrated_nll_, abs=0.15)


@pytest.mark.parametrize("method", ["temperature", "vector", "matrix", "isotonic"])
def test_methods(data, method):
    model = CalibratedNLL(GaussianNB(), calibration=method, random_state=0).fit(*data)
    assert model.calibrated_nll_ < model.nll_
    assert model.calibrator_.calibration == method


def test_random_labels_give_no_information():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 5)), rng.integers(2, size=400)
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0)
    model = CalibratedNLL(forest, random_state=0).fit(X, y)
    assert model.information_score_ < 0
    assert -0.02 < model.calibrated_information_score_ < 0.01


def test_frozen_estimator_is_used_as_it_is(data):
    X, y = data
    fitted = GaussianNB().fit(X[:200], y[:200])
    model = CalibratedNLL(FrozenEstimator(fitted), random_state=0).fit(X[200:], y[200:])
    np.testing.assert_allclose(model.oof_proba_, fitted.predict_proba(X[200:]), atol=1e-12)
    assert model.n_features_in_ == 8
    assert model.calibrated_nll_ < model.nll_


def test_frozen_estimator_that_knows_another_set_of_classes(data):
    X, y = data
    fitted = GaussianNB().fit(X[:200], y[:200])
    model = CalibratedNLL(FrozenEstimator(fitted), random_state=0).fit(X[y < 2], y[y < 2])
    assert model.classes_.tolist() == [0, 1, 2]
    narrow = GaussianNB().fit(X[y < 2], y[y < 2])
    with pytest.warns(ZeroProbabilityWarning):
        model = CalibratedNLL(FrozenEstimator(narrow), random_state=0).fit(X, y)
    assert model.decomposition_.n_clipped == (y == 2).sum()
    assert np.isfinite(model.calibrated_nll_)


def test_inside_grid_search_and_nested_cross_validation(data):
    X, y = data
    search = GridSearchCV(
        CalibratedNLL(LogisticRegression(), cv=3, random_state=0),
        {"estimator__C": [1e-3, 1], "calibration": ["temperature", "affine"]},
        cv=3,
    )
    scores = cross_val_score(search, X, y, cv=3)
    assert np.isfinite(scores).all()
    assert (scores < 0).all()
    search.fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert search.best_score_ == means.max()
    assert np.ptp(means) > 0


def test_a_calibrated_search_is_scored_as_by_nested_cross_validation():
    X, y = make_classification(300, n_features=4, n_informative=3, n_redundant=0, random_state=0)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    grid = {"logisticregression__C": [1e-3, 0.1, 10]}
    search = GridSearchCV(piped, grid, scoring="neg_log_loss", cv=3)
    model = CalibratedNLL(search, cv=folds).fit(X, y)
    nested = cross_val_predict(search, X, y, cv=folds, method="predict_proba")
    np.testing.assert_allclose(model.oof_proba_, nested)
    assert model.nll_ == pytest.approx(log_loss(y, nested) / np.log(2))
    mapping = fit_calibrator(y, nested)
    deployed = mapping.predict_proba(clone(search).fit(X, y).predict_proba(X))
    for same in (model, pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_allclose(same.predict_proba(X), deployed)


def test_weights_are_routed_through_a_calibrated_search():
    X, y = make_classification(200, n_features=4, random_state=0)
    weight = np.random.default_rng(0).uniform(0.1, 2, 200)
    weight /= weight.mean()
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        auc = get_scorer("roc_auc").set_score_request(sample_weight=True)
        search = GridSearchCV(inner, {"C": [1e-3, 1]}, scoring=auc, cv=2)
        model = CalibratedNLL(search, cv=2, random_state=0).fit(X, y, sample_weight=weight)
    best = LogisticRegression(**model.estimator_.best_params_).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.best_estimator_.coef_, best.coef_)


def test_labels_unseen_in_training_rows_are_charged_not_nan(data):
    X, y = data
    model = CalibratedNLL(GaussianNB(), random_state=0).fit(X[y < 2], y[y < 2])
    with pytest.warns(ZeroProbabilityWarning):
        score = model.score(X[y == 2], y[y == 2])
    assert score == pytest.approx(-52)


def test_a_class_missing_in_a_fold(data):
    X, y = data
    y = np.where(y == 2, 1, y)
    y[11] = 2
    with (
        pytest.warns(MissingClassWarning, match="In 1 of 5 folds"),
        pytest.warns(MissingClassWarning, match="1 of 600 rows"),
        pytest.warns(ZeroProbabilityWarning),
    ):
        model = CalibratedNLL(GaussianNB(), random_state=0).fit(X, y)
    assert np.isfinite(model.decomposition_.to_frame()["value"]).all()
    assert model.decomposition_.n_clipped == 1
    assert model.classes_.tolist() == [0, 1, 2]


def test_string_labels_and_a_data_frame(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    names = np.array(["early", "late", "on time"])
    model = CalibratedNLL(GaussianNB(), random_state=0).fit(frame, pd.Series(names[y]))
    assert model.feature_names_in_.tolist() == list("abcdefgh")
    assert set(model.predict(frame)) <= set(names)
    plain = CalibratedNLL(GaussianNB(), random_state=0).fit(X, y)
    assert model.nll_ == pytest.approx(plain.nll_, rel=1e-12)
    classes = CalibratedNLL(LogisticRegression(class_weight={"early": 2.0}), random_state=0)
    assert classes.fit(frame, names[y]).nll_ > 0


def test_polars_frame(data):
    X, y = data
    frame = pl.DataFrame(X, schema=list("abcdefgh"))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    polars = CalibratedNLL(model, random_state=0).fit(frame, y)
    assert polars.nll_ == pytest.approx(CalibratedNLL(model, random_state=0).fit(X, y).nll_)
    assert polars.predict_proba(frame).shape == (600, 3)


def test_clone_and_pickle(data):
    X, y = data
    model = CalibratedNLL(GaussianNB(), calibration="isotonic", random_state=0).fit(X, y)
    assert not hasattr(clone(model), "nll_")
    thawed = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(thawed.predict_proba(X), model.predict_proba(X))
    assert thawed.decomposition_ == model.decomposition_


def test_parallel_is_serial(data):
    X, y = data
    serial, parallel = (
        CalibratedNLL(GaussianNB(), n_jobs=n_jobs, random_state=0).fit(X, y) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(serial.oof_calibrated_proba_, parallel.oof_calibrated_proba_)


def test_weights_reach_the_estimator_and_the_means(data):
    X, y = data
    weight = np.where(y == 0, 3.0, 1.0)
    model = CalibratedNLL(LogisticRegression(), random_state=0).fit(X, y, sample_weight=weight)
    refit = LogisticRegression().fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.coef_, refit.coef_)
    assert model.nll_ == pytest.approx(
        negative_log_likelihood(y, model.oof_proba_, sample_weight=weight)
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    piped = CalibratedNLL(pipeline, random_state=0).fit(X, y, sample_weight=weight)
    assert piped.label_entropy_ == model.label_entropy_
    with pytest.warns(UnusedWeightsWarning, match="takes no sample_weight"):
        CalibratedNLL(LinearDiscriminantAnalysis(), random_state=0).fit(X, y, sample_weight=weight)


def test_groups_stay_in_one_fold(data):
    """Each group has a label of its own choice: only a model that saw the group knows it."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    X = np.c_[groups, groups] + rng.normal(scale=0.01, size=(600, 2))
    y = rng.integers(2, size=60)[groups]
    tree = KNeighborsClassifier(3)
    seen = CalibratedNLL(tree, calibration="temperature", random_state=0)
    with pytest.warns(OrderedRowsWarning):
        seen.fit(X, y)
    unseen = CalibratedNLL(tree, calibration="temperature", random_state=0)
    with pytest.warns(ZeroProbabilityWarning):
        unseen.fit(X, y, groups=groups)
    assert seen.calibrated_information_score_ > 0.9
    assert unseen.calibrated_information_score_ < 0.2
    assert seen.label_entropy_ == pytest.approx(unseen.label_entropy_)
    assert (
        unseen.decomposition_.label_entropy.standard_error
        > 2 * seen.decomposition_.label_entropy.standard_error
    )


@pytest.mark.parametrize("cv", [3, GroupKFold(3)])
def test_metadata_routing(data, cv):
    X, y = data
    rng = np.random.default_rng(0)
    weight, groups = rng.exponential(size=600), rng.integers(20, size=600)
    plain = CalibratedNLL(LogisticRegression(), cv=cv, random_state=0)
    plain.fit(X, y, sample_weight=weight, groups=groups)
    with config_context(enable_metadata_routing=True):
        estimator = LogisticRegression().set_fit_request(sample_weight=True)
        routed = CalibratedNLL(estimator, cv=cv, random_state=0)
        routed.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed.fit(X, y, sample_weight=weight, groups=groups)
        assert routed.nll_ == plain.nll_
        np.testing.assert_array_equal(routed.predict_proba(X), plain.predict_proba(X))
        search = GridSearchCV(routed, {"estimator__C": [0.01, 1]}, cv=GroupKFold(3))
        search.fit(X, y, sample_weight=weight, groups=groups)
        assert np.isfinite(search.best_score_)


def test_time_ordered_folds_are_calibrated_on_earlier_ones(data):
    X, y = data
    with pytest.warns(UnpredictedRowsWarning, match="240 of 600 rows"):
        model = CalibratedNLL(GaussianNB(), cv=TimeSeriesSplit(4)).fit(X, y)
    assert np.isnan(model.oof_proba_).all(axis=1).sum() == 120
    assert np.isnan(model.oof_calibrated_proba_).all(axis=1).sum() == 240
    assert model.decomposition_.n_samples == 360
    later = fit_calibrator(y[120:480], model.oof_proba_[120:480])
    np.testing.assert_allclose(
        model.oof_calibrated_proba_[480:], later.predict_proba(model.oof_proba_[480:]), atol=1e-9
    )


def test_duplicates_across_folds_are_told():
    rng = np.random.default_rng(0)
    X, y = np.tile(rng.normal(size=(200, 3)), (2, 1)), np.tile(rng.integers(2, size=200), 2)
    with pytest.warns(DuplicateRowsWarning):
        CalibratedNLL(GaussianNB(), random_state=0).fit(X, y)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            CalibratedNLL(Ridge()),
            TypeError,
            "Expected estimator as a classifier",
        ),
        (
            CalibratedNLL(GaussianNB(), calibration="platt"),
            ValueError,
            r"Expected calibration .*'platt'",
        ),
        (
            CalibratedNLL(GaussianNB(), calibration="beta"),
            ValueError,
            r"Expected two classes where .*got 3",
        ),
        (CalibratedNLL(GaussianNB(), units="bytes"), ValueError, "got 'bytes'"),
        (CalibratedNLL(GaussianNB(), cv=1), ValueError, "Expected cv between 2 and 600, .*got 1"),
        (
            CalibratedNLL(GaussianNB(), cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2)),
            ValueError,
            "tests 600 rows more than once",
        ),
    ],
)
def test_bad_options(data, model, error, message):
    with pytest.raises(error, match=message):
        model.fit(*data)


def test_one_class_is_refused(data):
    X, y = data
    model = CalibratedNLL(DummyClassifier())
    with pytest.raises(ValueError, match="one class that has weight"):
        model.fit(X, np.zeros(600))
    with pytest.raises(ValueError, match="one class that has weight"):
        model.fit(X, y, sample_weight=(y == 1).astype(float))


class Boosting(ClassifierMixin, BaseEstimator):
    """A classifier that watches a set of rows of its own, as boosters do."""

    def fit(self, X, y, eval_set=None, sample_weight=None, names=None):
        ((watched, labels),) = eval_set
        assert len(watched) == len(labels) == 40
        assert names is None or len(names) == len(y)
        self.model_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


def test_fit_parameters_that_are_no_rows_are_passed_whole(data):
    X, y = data
    watched = [(X[:40], y[:40])]
    model = CalibratedNLL(Boosting(), random_state=0).fit(X, y, eval_set=watched)
    expected = CalibratedNLL(LogisticRegression(), random_state=0).fit(X, y)
    assert model.nll_ == pytest.approx(expected.nll_, rel=1e-12)
    names = [f"row {i}" for i in range(600)]
    CalibratedNLL(Boosting(), random_state=0).fit(X, y, eval_set=watched, names=names)


def flattened(X):
    cells = X["cell"] if hasattr(X, "columns") else X
    return np.array([np.ravel(cell) for cell in cells], dtype=float)


@pytest.mark.parametrize(
    "shape_of",
    [
        lambda X: X.reshape(600, 2, 4),
        lambda X: X.reshape(600, 2, 2, 2),
        lambda X: [row.tolist() for row in X],
        lambda X: list(X),
        lambda X: pd.DataFrame({"cell": [row.tolist() for row in X]}),
        lambda X: pd.DataFrame({"cell": list(X)}),
        lambda X: pl.DataFrame({"cell": X.tolist()}),
        csr_matrix,
    ],
    ids=["3-D", "4-D", "lists", "arrays", "cells", "array cells", "polars cells", "sparse"],
)
def test_inputs_of_any_shape_reach_the_estimator(data, shape_of):
    X, y = data
    shaped = shape_of(X)
    reader = None if hasattr(shaped, "tocsr") else FunctionTransformer(flattened)
    model = CalibratedNLL(make_pipeline(reader, GaussianNB()), random_state=0)
    if reader is None:
        model = CalibratedNLL(LogisticRegression(), random_state=0)
    plain = CalibratedNLL(clone(model.estimator[-1] if reader else model.estimator), random_state=0)
    assert model.fit(shaped, y).nll_ == pytest.approx(plain.fit(X, y).nll_, rel=1e-10)
    assert model.predict_proba(shaped).shape == (600, 3)


@pytest.mark.parametrize("as_array", [list, np.array, lambda t: np.array(t, dtype=object)])
def test_arrays_of_texts(as_array):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    texts = [f"word{rng.integers(5)} {'good' if r else 'bad'} row{i}" for i, r in enumerate(y)]
    model = CalibratedNLL(make_pipeline(CountVectorizer(), LogisticRegression()), random_state=0)
    assert model.fit(as_array(texts), y).information_score_ > 0.5


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([0, 1] * 30, dtype="Int64"),
        pd.Series([False, True] * 30, dtype="boolean"),
        pd.Series(["a", "b"] * 30, dtype="string"),
        pd.Series(["a", "b"] * 30, dtype="category"),
        pl.Series(["a", "b"] * 30),
    ],
)
def test_labels_of_any_type(y):
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = CalibratedNLL(GaussianNB(), random_state=0).fit(X, y)
    plain = CalibratedNLL(GaussianNB(), random_state=0).fit(X, [0, 1] * 30)
    assert model.nll_ == pytest.approx(plain.nll_)
    if not isinstance(y, pl.Series):
        with pytest.raises(ValueError, match="got 7 missing labels of 60"):
            model.fit(X, y.mask(np.arange(60) < 7))


@pytest.mark.parametrize(
    ("estimator", "got"),
    [
        (np.full((60, 2), 0.5), "ndarray.*nll_decomposition"),
        (pd.DataFrame(np.full((60, 2), 0.5)), "DataFrame.*nll_decomposition"),
        ([0.5] * 60, "list.*nll_decomposition"),
        (GaussianNB, "the class GaussianNB. Pass an instance"),
        (LinearSVC(), "LinearSVC.*CalibratedClassifierCV"),
        (None, "NoneType"),
        ("logistic", "str"),
    ],
)
def test_what_is_no_classifier_is_named(estimator, got):
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(TypeError, match=rf"^Expected estimator as a classifier .*got {got}"):
        CalibratedNLL(estimator).fit(X, [0, 1] * 30)


def test_labels_of_another_type_than_a_frozen_models_are_refused():
    X, y = np.arange(40.0)[:, None], np.tile([0, 1], 20)
    frozen = CalibratedNLL(FrozenEstimator(LogisticRegression().fit(X, y)), random_state=0)
    with pytest.raises(ValueError, match=r"labels of the same type as the classes \[0, 1\]"):
        frozen.fit(X, y.astype(str))


def test_no_inputs_are_named():
    with pytest.raises(TypeError, match="Expected X as rows of inputs, got None"):
        CalibratedNLL(LogisticRegression()).fit(None, [0, 1] * 10)
