"""What a model is measured by: losses in either unit, a fitted ceiling, and what is none."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import (
    EfficiencyScorer,
    GoldenModelCeiling,
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import InSampleWarning, LossUnitsWarning
from sklearn_learnability.metrics import (
    compare_models,
    efficiency,
    efficiency_score,
    information_by_segment,
    log_loss_per_sample,
    regression_efficiency,
)

OLD, NEW = slice(0, 900), slice(900, 1800)
FAMILY = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(
        1800, n_features=6, learnability=0.35, random_state=0, return_truth=True
    )


@pytest.fixture(scope="module")
def ceiling(data):
    X, y, _ = data
    return GoldenModelCeiling(FAMILY, random_state=0).fit(X[OLD], y[OLD])


def efficiency_by(function, y, proba, **options):
    """Return the efficiency that any of the functions finds."""
    if function is compare_models:
        return compare_models(y, {"model": proba}, **options).models[0].efficiency.value
    if function is information_by_segment:
        report = information_by_segment(y, proba, np.zeros(len(y)), **options)
        return report.whole.efficiency.value
    found = function(y, proba, **options)
    return found if isinstance(found, float) else found.value


FUNCTIONS = [efficiency, efficiency_score, compare_models, information_by_segment]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_ceiling_gives_its_own_losses_of_the_rows_it_was_fitted_on(data, ceiling, function):
    X, y, _ = data
    proba = LogisticRegression(C=0.01).fit(X[NEW], y[NEW]).predict_proba(X[OLD])
    by_losses = efficiency_by(function, y[OLD], proba, reference_nll=ceiling.oof_nll_)
    assert efficiency_by(function, y[OLD], proba, reference_nll=ceiling) == by_losses


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_ceiling_predicts_rows_that_are_new_to_it(data, ceiling, function):
    X, y, truth = data
    proba = LogisticRegression(C=0.01).fit(X[OLD], y[OLD]).predict_proba(X[NEW])
    losses = log_loss_per_sample(y[NEW], ceiling.predict_proba(X[NEW]))
    found = efficiency_by(function, y[NEW], proba, reference_nll=ceiling, X=X[NEW])
    expected = efficiency_by(function, y[NEW], proba, reference_nll=losses)
    assert found == pytest.approx(expected, rel=1e-12)
    exact = log_loss_per_sample(y[NEW], truth.predict_proba(X[NEW]))
    assert found == pytest.approx(
        efficiency_by(function, y[NEW], proba, reference_nll=exact), rel=0.05
    )


@pytest.mark.parametrize("units", ["bits", "nats"])
def test_a_ceiling_knows_its_unit(data, ceiling, units):
    X, y, _ = data
    proba = LogisticRegression(C=0.01).fit(X[NEW], y[NEW]).predict_proba(X[OLD])
    in_nats = GoldenModelCeiling(FAMILY, units="nats", random_state=0).fit(X[OLD], y[OLD])
    np.testing.assert_allclose(in_nats.oof_nll_, ceiling.oof_nll_ * np.log(2))
    found = efficiency(y[OLD], proba, reference_nll=in_nats, units=units)
    expected = efficiency(y[OLD], proba, reference_nll=ceiling.oof_nll_)
    assert found.value == pytest.approx(expected.value, abs=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_rows_and_ceiling_must_belong_together(data, ceiling, function):
    X, y, _ = data
    proba = np.full(900, 0.5)
    with pytest.raises(ValueError, match=r"got 900 rows with other labels.*pass .*X="):
        efficiency_by(function, y[NEW], proba, reference_nll=ceiling)
    with pytest.raises(ValueError, match=r"Expected the 900 rows .*got 400 rows"):
        efficiency_by(function, y[:400], proba[:400], reference_nll=ceiling)
    with pytest.raises(ValueError, match="Expected rows that are new to the ceiling"):
        efficiency_by(function, y[OLD], proba, reference_nll=ceiling, X=X[OLD])
    with pytest.raises(ValueError, match="Expected a fitted ceiling as reference_nll where X is"):
        efficiency_by(function, y[OLD], proba, reference_nll=ceiling.oof_nll_, X=X[OLD])


def test_a_ceiling_that_has_seen_some_of_the_rows_is_told():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((600, 5)), rng.integers(2, size=600)
    y = np.where(X[:, 0] > 1, 1, y)
    forest = [("forest", RandomForestClassifier(50, min_samples_leaf=5, random_state=0))]
    seen = GoldenModelCeiling(forest, random_state=0).fit(X, y)
    with pytest.warns(InSampleWarning, match="it was most likely fitted on them"):
        efficiency(y[:300], np.full(300, 0.6), reference_nll=seen, X=X[:300])


def test_a_label_new_to_the_ceiling_is_charged(data, ceiling):
    X, y, _ = data
    y = np.where(np.arange(1800) == 900, 2, y)
    proba = np.column_stack([np.full((900, 2), 0.45), np.full(900, 0.1)])
    with pytest.warns(UserWarning, match="1 of 900 rows have probability 0"):
        found = efficiency(y[NEW], proba, reference_nll=ceiling, X=X[NEW])
    assert np.isfinite(found.value)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("reference", "what"),
    [
        (LogisticRegression(), "the LogisticRegression"),
        (GoldenModelCeiling(), "the unfitted GoldenModelCeiling"),
        ({"a": 1}, "got dict"),
        ("best", "got str"),
    ],
)
def test_what_is_no_reference_is_named(function, reference, what):
    with pytest.raises(TypeError, match=rf"^Expected .*reference_nll.*{what}"):
        efficiency_by(function, [0, 1], [0.4, 0.6], reference_nll=reference)


@pytest.mark.parametrize("learnability", [[0.3, 0.2], "0.3", GoldenModelCeiling(), 1.2, np.nan])
def test_what_is_no_learnability_is_named(learnability):
    with pytest.raises(ValueError, match=r"^Expected a learnability of at most 1, got"):
        efficiency([0, 1], [0.4, 0.6], learnability=learnability)


@pytest.mark.parametrize("ceiling", [[0.3, 0.2], "0.3", LogisticRegression(), np.zeros(3)])
def test_what_is_no_ceiling_of_a_scorer_is_named(ceiling):
    with pytest.raises(TypeError, match=r"^Expected a number or a fitted GoldenModelCeiling"):
        EfficiencyScorer(ceiling)


def test_a_scorer_takes_losses_of_the_rows_it_scores(data, ceiling):
    X, y, _ = data
    model = LogisticRegression().fit(X[OLD], y[OLD])
    with pytest.raises(TypeError, match=r"^Expected the ceiling's loss of every scored row"):
        EfficiencyScorer()(model, X[NEW], y[NEW], reference_nll=ceiling)


@pytest.mark.parametrize("y_probas", [[[0.4, 0.6]], np.full((2, 2), 0.5), (0.4, 0.6), "model"])
def test_models_are_given_by_name(y_probas):
    with pytest.raises(TypeError, match=r"^Expected y_probas as a mapping of names"):
        compare_models([0, 1], y_probas, learnability=0.3)


@pytest.mark.filterwarnings("ignore:The efficiency is undefined")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("given", "said"), [("nats", "bits"), ("bits", "nats")])
def test_losses_in_another_unit_are_told(n_classes, given, said):
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.full(n_classes, 2.0), size=3000)
    y = np.array([rng.choice(n_classes, p=row) for row in proba])
    model = np.sqrt(proba) / np.sqrt(proba).sum(axis=1, keepdims=True)
    reference = log_loss_per_sample(y, proba, units=given)
    assert efficiency(y, model, reference_nll=reference, units=given).value < 1
    with pytest.warns(LossUnitsWarning, match=f"calibrated if they are in {given}, and far"):
        efficiency(y, model, reference_nll=reference, units=said)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_predictions_of_rows_the_model_has_seen_are_told(data, ceiling, function):
    X, y, _ = data
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0).fit(X[OLD], y[OLD])
    with pytest.warns(InSampleWarning, match="most likely it was fitted on these rows"):
        efficiency_by(function, y[OLD], forest.predict_proba(X[OLD]), reference_nll=ceiling)


@pytest.mark.parametrize("paired", [False, True])
def test_a_scorer_tells_of_rows_the_model_has_seen(data, ceiling, paired):
    X, y, _ = data
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0).fit(X[OLD], y[OLD])
    options = {"reference_nll": ceiling.oof_nll_} if paired else {}
    with pytest.warns(InSampleWarning):
        EfficiencyScorer(ceiling)(forest, X[OLD], y[OLD], **options)


def test_rows_that_were_never_predicted_are_left_out_as_the_error_says(data):
    X, y, _ = data
    ceiling = GoldenModelCeiling(FAMILY[:1], cv=TimeSeriesSplit(4), random_state=0).fit(X, y)
    proba = np.full(len(y), 0.5)
    with pytest.raises(ValueError, match=r"leave them out of all, .*others' oof_nll_ as"):
        efficiency(y, proba, reference_nll=ceiling)
    rows = np.isfinite(ceiling.oof_nll_)
    found = efficiency(
        y[rows],
        ceiling.oof_proba_[rows],
        reference_nll=ceiling.oof_nll_[rows],
        groups=ceiling.independent_units_[rows],
    )
    assert found.value == pytest.approx(1)


def test_targets_that_were_never_predicted_are_left_out_as_the_error_says(data):
    X, _, _ = data
    target = X[:, 0] + np.random.default_rng(0).standard_normal(len(X))
    ceiling = GoldenModelCeilingRegressor(
        [("line", LinearRegression())], cv=TimeSeriesSplit(4), random_state=0
    ).fit(X, target)
    with pytest.raises(ValueError, match=r"others' oof_information_ as reference="):
        regression_efficiency(target, 0.5 * X[:, 0], reference=ceiling)
    rows = np.isfinite(ceiling.oof_information_)
    found = regression_efficiency(
        target[rows],
        0.5 * X[rows, 0],
        reference=ceiling.oof_information_[rows],
        groups=ceiling.independent_units_[rows],
        units=ceiling.units_,
    )
    assert np.isfinite(found.value)
