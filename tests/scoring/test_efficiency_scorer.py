"""The efficiency scorer inside scikit-learn's searches."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import check_scoring, d2_log_loss_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_learnability import (
    EfficiencyScorer,
    GoldenModelCeiling,
    get_scorer,
    get_scorer_names,
)
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import UndefinedInformationWarning, ZeroProbabilityWarning
from sklearn_learnability.metrics import efficiency_score

FAMILY = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(900, n_features=6, learnability=0.35, random_state=0)


@pytest.fixture(scope="module")
def ceiling(data):
    return GoldenModelCeiling(FAMILY, random_state=0).fit(*data)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_number_is_scikit_learns_d2_over_the_ceiling(data):
    X, y = data
    model = LogisticRegression().fit(X[:400], y[:400])
    d2 = d2_log_loss_score(y[400:], model.predict_proba(X[400:]))
    score = EfficiencyScorer(ceiling=0.4)(model, X[400:], y[400:])
    assert score == pytest.approx(d2 / 0.4, abs=1e-12)


def test_fitted_ceiling_gives_its_number(data, ceiling):
    X, y = data
    model = LogisticRegression().fit(X, y)
    by_object = EfficiencyScorer(ceiling)(model, X, y)
    assert by_object == pytest.approx(EfficiencyScorer(ceiling.learnability_)(model, X, y))


def test_unfitted_ceiling_is_refused():
    with pytest.raises(sklearn.exceptions.NotFittedError, match="fitted GoldenModelCeiling"):
        EfficiencyScorer(GoldenModelCeiling())


def test_units_of_ceiling_and_scorer_must_agree(ceiling):
    with pytest.raises(ValueError, match="in bits"):
        EfficiencyScorer(ceiling, units="nats")


def test_no_ceiling_is_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="Expected a ceiling"):
        EfficiencyScorer()(LogisticRegression().fit(X, y), X, y)


@pytest.mark.parametrize("model", [LinearRegression(), LinearSVC()])
def test_what_has_no_probabilities_is_refused(data, model):
    X, y = data
    with pytest.raises(TypeError, match="predict_proba"):
        EfficiencyScorer(0.3)(model.fit(X, y), X, y)


def test_grid_search_pairs_every_fold_with_the_ceiling_of_its_rows(data, ceiling, routing):
    X, y = data
    scorer = EfficiencyScorer().set_score_request(reference_nll=True)
    folds = KFold(3)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, scoring=scorer, cv=folds)
    search.fit(X, y, reference_nll=ceiling.oof_nll_)
    for fold, (train, test) in enumerate(folds.split(X)):
        model = LogisticRegression(C=0.01).fit(X[train], y[train])
        expected = efficiency_score(
            y[test], model.predict_proba(X[test]), reference_nll=ceiling.oof_nll_[test]
        )
        assert search.cv_results_[f"split{fold}_test_score"][0] == pytest.approx(expected)


def test_both_ceilings_average_to_the_efficiency_of_the_pooled_rows(data, ceiling):
    X, y = data
    scorer = EfficiencyScorer(ceiling)
    scores, probas = [], np.empty((len(y), 2))
    for train, test in KFold(3).split(X):
        model = LogisticRegression(C=0.01).fit(X[train], y[train])
        probas[test] = model.predict_proba(X[test])
        scores.append(scorer(model, X[test], y[test], reference_nll=ceiling.oof_nll_[test]))
    pooled = efficiency_score(y, probas, reference_nll=ceiling.oof_nll_)
    assert np.mean(scores) == pytest.approx(pooled, abs=1e-12)


@pytest.mark.parametrize("known", ["number", "ceiling"])
def test_nested_cross_validation_keeps_the_ceiling(data, ceiling, known):
    X, y = data
    scorer = EfficiencyScorer(ceiling if known == "ceiling" else 0.35)
    inner = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, scoring=scorer, cv=2)
    scores = cross_val_score(inner, X, y, scoring=scorer, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    assert (scores > 0.5).all()


def test_nested_cross_validation_routes_the_reference(data, ceiling, routing):
    X, y = data
    scorer = EfficiencyScorer(ceiling).set_score_request(reference_nll=True)
    inner = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, scoring=scorer, cv=2)
    result = cross_validate(
        inner,
        X,
        y,
        scoring=scorer,
        cv=2,
        params={"reference_nll": ceiling.oof_nll_},
        error_score="raise",
    )
    assert np.isfinite(result["test_score"]).all()


def test_sample_weight_is_routed_and_counts_as_repetition(data, routing):
    X, y = data
    weight = np.random.default_rng(0).integers(1, 4, size=len(y))
    model = GaussianNB().fit(X, y)
    scorer = EfficiencyScorer(0.35)
    repeated = scorer(model, np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert scorer(model, X, y, sample_weight=weight) == pytest.approx(repeated)
    scorer = scorer.set_score_request(sample_weight=True)
    fitted = GaussianNB().set_fit_request(sample_weight=False)
    result = cross_validate(fitted, X, y, scoring=scorer, params={"sample_weight": weight}, cv=3)
    assert np.isfinite(result["test_score"]).all()


def test_unrequested_metadata_is_an_error(data, ceiling, routing):
    X, y = data
    search = GridSearchCV(LogisticRegression(), {"C": [1]}, scoring=EfficiencyScorer(0.3))
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="reference_nll"):
        search.fit(X, y, reference_nll=ceiling.oof_nll_)


@pytest.mark.parametrize("search_class", [RandomizedSearchCV, HalvingGridSearchCV])
def test_other_searches(data, search_class):
    X, y = data
    options = {"n_iter": 2} if search_class is RandomizedSearchCV else {"factor": 2}
    search = search_class(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.001, 0.1, 1]},
        scoring=EfficiencyScorer(0.35),
        random_state=0,
        cv=3,
        **options,
    ).fit(X, y)
    assert 0.5 < search.best_score_ < 1.5


def test_dict_of_metrics(data):
    X, y = data
    scoring = {
        "efficiency": EfficiencyScorer(0.35),
        "calibrated": EfficiencyScorer(0.35, calibration="affine"),
        "accuracy": "accuracy",
    }
    result = cross_validate(GaussianNB(), X, y, scoring=scoring, cv=3)
    assert set(result) >= {"test_efficiency", "test_calibrated", "test_accuracy"}


def test_weights_reach_the_scorers_of_a_dict_without_routing(data):
    X, y = data
    weight = np.random.default_rng(0).exponential(size=len(y))
    scoring = {"efficiency": EfficiencyScorer(0.35), "accuracy": "accuracy"}
    model = GaussianNB().fit(X, y)
    together = check_scoring(model, scoring=scoring)(model, X, y, sample_weight=weight)
    assert together["efficiency"] == pytest.approx(
        efficiency_score(y, model.predict_proba(X), learnability=0.35, sample_weight=weight)
    )
    search = GridSearchCV(
        GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, scoring=scoring, refit="efficiency", cv=3
    ).fit(X, y, sample_weight=weight)
    assert np.isfinite(search.cv_results_["mean_test_efficiency"]).all()
    assert 0.5 < search.score(X, y) < 1.5


def test_calibration_repairs_overconfidence_without_looking_at_the_scored_label(data):
    X, y = data

    class Overconfident(LogisticRegression):
        def predict_proba(self, X):
            log_odds = 5 * self.decision_function(X)
            second = 1 / (1 + np.exp(-log_odds))
            return np.column_stack([1 - second, second]).clip(1e-12, 1)

    model = Overconfident().fit(X[:450], y[:450])
    raw = EfficiencyScorer(0.35)(model, X[450:], y[450:])
    repaired = EfficiencyScorer(0.35, calibration="affine")(model, X[450:], y[450:])
    honest = EfficiencyScorer(0.35)(LogisticRegression().fit(X[:450], y[:450]), X[450:], y[450:])
    assert raw < 0 < repaired
    assert repaired == pytest.approx(honest, abs=0.1)


def test_calibration_finds_nothing_in_random_labels():
    rng = np.random.default_rng(0)
    scorer = EfficiencyScorer(1.0, calibration="isotonic")
    scores = []
    for _ in range(20):
        X, y = rng.standard_normal((300, 3)), rng.integers(0, 2, 300)
        scores.append(scorer(LogisticRegression().fit(X[:20], y[:20]), X, y))
    assert np.mean(scores) < 0.005


def test_class_unseen_in_training_is_charged_and_named(data):
    X, y = data
    y = np.where(np.arange(len(y)) < 2, 2, y)
    model = LogisticRegression().fit(X[10:], y[10:])
    with pytest.warns(ZeroProbabilityWarning, match="2 of 10 rows"):
        score = EfficiencyScorer(0.35)(model, X[:10], y[:10])
    assert np.isfinite(score)


def test_class_missing_from_scored_rows_is_no_nan(data):
    X, y = data
    X3 = np.vstack([X, X[:50] + 5])
    y3 = np.concatenate([y, np.full(50, 2)])
    model = LogisticRegression().fit(X3, y3)
    assert np.isfinite(EfficiencyScorer(0.35)(model, X, y))


def test_ceiling_that_cannot_be_told_from_zero_gives_nan_and_a_reason():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((200, 3)), rng.integers(0, 2, 200)
    ceiling = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y)
    assert ceiling.learnability_lower_limit_ <= 0
    with pytest.warns(UndefinedInformationWarning, match="lower limit"):
        score = EfficiencyScorer(ceiling)(DummyClassifier().fit(X, y), X, y)
    assert np.isnan(score)


def test_reference_of_unpredicted_rows_is_refused(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    reference = np.where(np.arange(len(y)) < 5, np.nan, 0.5)
    with pytest.raises(ValueError, match="5 values of reference_nll"):
        EfficiencyScorer()(model, X, y, reference_nll=reference)


def test_data_frames_and_string_labels(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcdef"))
    names = pd.Series(np.where(y == 1, "late", "on time"))
    score = EfficiencyScorer(0.35)(LogisticRegression().fit(frame, names), frame, names)
    assert score == pytest.approx(EfficiencyScorer(0.35)(LogisticRegression().fit(X, y), X, y))


def test_ready_made_scorers_by_name(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    assert get_scorer("information_score")(model, X, y) == pytest.approx(
        d2_log_loss_score(y, model.predict_proba(X))
    )
    with pytest.raises(ValueError, match="'efficient'"):
        get_scorer("efficient")
    for name in get_scorer_names():
        scores = cross_val_score(GaussianNB(), X, y, scoring=get_scorer(name), cv=3)
        assert np.isfinite(scores).all()


def test_scorer_survives_pickling(data):
    X, y = data
    scorer = EfficiencyScorer(0.35, calibration="temperature")
    model = LogisticRegression().fit(X, y)
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == scorer(model, X, y)


def test_a_fold_of_one_class_has_no_efficiency_under_a_number():
    X = np.arange(8.0)[:, None]
    model = LogisticRegression().fit(X, [0, 1] * 4)
    with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
        score = EfficiencyScorer(0.3)(model, X[:3], [1, 1, 1], reference_nll=[0.5, 0.6, 0.7])
    assert np.isnan(score)


def test_an_unknown_calibration_is_refused_before_the_search():
    with pytest.raises(ValueError, match="Expected calibration as one of"):
        EfficiencyScorer(0.3, calibration="platt")


@pytest.fixture(scope="module")
def measured(data):
    return GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(*data)


def test_against_an_end_it_is_the_score_over_that_end(data, measured):
    X, y = data
    model = LogisticRegression(C=0.01).fit(X, y)
    d2 = d2_log_loss_score(y, model.predict_proba(X))
    for against, end in zip(("lower", "upper"), measured.learnability_bracket_, strict=True):
        scorer = EfficiencyScorer(measured, against=against)
        assert scorer(model, X, y) == pytest.approx(d2 / end, abs=1e-12)
        # paired over all rows of the ceiling, what it found cancels
        paired = scorer(model, X, y, reference_nll=measured.oof_nll_)
        assert paired == pytest.approx(d2 / end, abs=1e-12)


def test_against_an_end_models_are_ranked_alike(data, measured, routing):
    X, y = data
    scorers = {
        against: EfficiencyScorer(measured, against=against).set_score_request(reference_nll=True)
        for against in ("lower", "ceiling", "upper")
    }
    found = {
        C: cross_validate(
            LogisticRegression(C=C),
            X,
            y,
            scoring=scorers,
            params={"reference_nll": measured.oof_nll_},
        )
        for C in (0.001, 1)
    }
    lower, ceiling, upper = (
        np.array([found[C][f"test_{against}"].mean() for C in found]) for against in scorers
    )
    assert (upper < ceiling).all()
    assert (ceiling < lower).all()
    ends = measured.learnability_bracket_
    np.testing.assert_allclose(lower * ends[0], ceiling * measured.learnability_)
    np.testing.assert_allclose(upper * ends[1], ceiling * measured.learnability_)


def test_a_lower_end_of_0_gives_nan_and_a_reason_and_an_upper_end_a_score():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((200, 3)), rng.integers(0, 2, 200)
    ceiling = GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(X, y)
    model = LogisticRegression().fit(X, y)
    with pytest.warns(UndefinedInformationWarning, match="lower end of the learnability is 0"):
        assert np.isnan(EfficiencyScorer(ceiling, against="lower")(model, X, y))
    d2 = d2_log_loss_score(y, model.predict_proba(X))
    score = EfficiencyScorer(ceiling, against="upper")(model, X, y)
    assert score == pytest.approx(d2 / ceiling.learnability_bracket_[1])
    with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
        assert np.isnan(EfficiencyScorer(ceiling, against="upper")(model, X[:2], [1, 1]))


def test_an_end_that_is_not_known_is_refused(ceiling):
    with pytest.raises(ValueError, match="fitted with bracket=True"):
        EfficiencyScorer(ceiling, against="upper")
    with pytest.raises(TypeError, match=r"Pass an end that is known as ceiling="):
        EfficiencyScorer(0.3, against="lower")
    with pytest.raises(ValueError, match="Expected against as one of"):
        EfficiencyScorer(0.3, against="both")
