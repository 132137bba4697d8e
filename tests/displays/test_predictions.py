"""Displays drawn from a classifier, or from its predictions."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.displays import (
    EfficiencyDisplay,
    LearnabilityDisplay,
    ReliabilityDisplay,
    SegmentDisplay,
    ShortfallDisplay,
)
from sklearn_learnability.metrics import compare_models, information_by_segment, reliability

X, Y = make_learnability_classification(1200, n_features=3, learnability=0.3, random_state=0)
Y = np.array(["no", "yes"])[Y]
NEW = np.arange(1200) >= 600
SEGMENTS = np.where(X[NEW, 0] > 0, "high", "low")
MODEL = LogisticRegression(C=0.01).fit(X[~NEW], Y[~NEW])
PROBA = MODEL.predict_proba(X[NEW])
FAMILY = [("logistic", LogisticRegression())]


@pytest.fixture(scope="module")
def ceiling():
    return GoldenModelCeiling(FAMILY, random_state=0).fit(X[~NEW], Y[~NEW])


@pytest.fixture(scope="module")
def bracketed():
    return GoldenModelCeiling(FAMILY, bracket=True, random_state=0).fit(X[~NEW], Y[~NEW])


def drawn(display):
    """Return what a display was made of, without its axes."""
    return {name: value for name, value in vars(display).items() if not name.endswith("_")}


def assert_same(one, other):
    one, other = drawn(one), drawn(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_equal(value, other[name])


@pytest.mark.parametrize("display", [EfficiencyDisplay, LearnabilityDisplay])
def test_one_model_is_a_comparison_of_one(display, ceiling, pyplot):
    options = {"reference_nll": ceiling, "calibration": "temperature"}
    comparison = compare_models(
        Y[NEW], {"LogisticRegression": PROBA}, X=X[NEW], labels=["no", "yes"], **options
    )
    expected = display.from_comparison(comparison)
    _, ax = pyplot.subplots()
    found = display.from_estimator(MODEL, X[NEW], Y[NEW], ax=ax, **options)
    assert found.ax_ is ax
    assert_same(found, expected)
    named = {"name": "LogisticRegression", "X": X[NEW], **options}
    assert_same(display.from_predictions(Y[NEW], PROBA, **named), expected)


def test_on_the_rows_of_a_ceiling_its_losses_are_those_out_of_fold(ceiling):
    found = EfficiencyDisplay.from_estimator(MODEL, X[~NEW], Y[~NEW], reference_nll=ceiling)
    paired = compare_models(
        Y[~NEW], {"LogisticRegression": MODEL.predict_proba(X[~NEW])}, reference_nll=ceiling
    )
    assert_same(found, EfficiencyDisplay.from_comparison(paired))


def test_segments_of_a_model(ceiling):
    options = {"reference_nll": ceiling, "units": "nats"}
    report = information_by_segment(
        Y[NEW], PROBA, SEGMENTS, X=X[NEW], labels=["no", "yes"], **options
    )
    found = SegmentDisplay.from_estimator(MODEL, X[NEW], Y[NEW], segments=SEGMENTS, **options)
    assert_same(found, SegmentDisplay.from_report(report))


def test_verdict_on_a_model(ceiling, bracketed):
    found = ShortfallDisplay.from_estimator(
        MODEL, X[NEW], Y[NEW], reference_nll=bracketed, negligible=0.1, truth=0.3
    )
    verdict = bracketed.shortfall_.verdict(
        Y[NEW], PROBA, reference_nll=bracketed, X=X[NEW], negligible=0.1
    )
    expected = ShortfallDisplay.from_shortfall(
        bracketed.shortfall_, {"LogisticRegression": verdict}, truth=0.3
    )
    assert_same(found, expected)
    for reference in (ceiling, np.zeros(600)):
        with pytest.raises(TypeError, match="reference_nll as a ceiling fitted with bracket=True"):
            ShortfallDisplay.from_predictions(Y[NEW], PROBA, reference_nll=reference)


def test_reliability_of_a_model(pyplot):
    figure, axes = pyplot.subplots(1, 2)
    found = ReliabilityDisplay.from_estimator(
        MODEL, X[NEW], Y[NEW], axes=axes, n_bins=4, random_state=0
    )
    assert list(found.axes_) == list(axes)
    assert found.figure_ is figure
    expected = reliability(Y[NEW], PROBA, n_bins=4, random_state=0)
    assert_same(found, ReliabilityDisplay.from_reliability(expected))


@pytest.mark.parametrize("display", [EfficiencyDisplay, ReliabilityDisplay, ShortfallDisplay])
def test_no_classifier_is_refused(display):
    with pytest.raises(TypeError, match="Expected estimator as a classifier with predict_proba"):
        display.from_estimator([0.5], X[NEW], Y[NEW])


@pytest.mark.parametrize(
    "unfitted", [LogisticRegression(), make_pipeline(LogisticRegression())], ids=["model", "pipe"]
)
@pytest.mark.parametrize("display", [EfficiencyDisplay, ReliabilityDisplay, ShortfallDisplay])
def test_a_classifier_that_is_not_fitted_is_refused_as_such(display, unfitted):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        display.from_estimator(unfitted, X[NEW], Y[NEW])
