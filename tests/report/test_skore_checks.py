import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.report import learnability_report, skore_checks

skore = pytest.importorskip("skore")
pytestmark = [
    pytest.mark.slow,  # skore's own checks, and in the environment of `make test-skore` alone
    pytest.mark.filterwarnings("ignore"),
]
FAMILY = [("logistic", LogisticRegression())]


@pytest.fixture(scope="module")
def rows():
    return make_learnability_classification(1200, 6, learnability=0.3, random_state=0)


def told(report):
    summary = report.checks.summarize()
    issues, tips = (summary.frame(section=section) for section in ("issue", "tip"))
    return {*issues["code"], *tips["code"]}


def test_a_model_that_learned_nothing_leaves_information(rows):
    X, y = rows
    report = skore.EstimatorReport(
        DummyClassifier(), X_train=X[:800], y_train=y[:800], X_test=X[800:], y_test=y[800:]
    )
    checks = skore_checks(candidates=FAMILY)
    assert all(isinstance(check, skore.Check) for check in checks)
    report.checks.add(checks)
    assert "SLL001" in told(report)


def test_cross_validated_models_are_judged_as_by_the_report_itself(rows):
    X, y = rows
    report = skore.CrossValidationReport(LogisticRegression(), X, y, splitter=3)
    report.checks.add(skore_checks(candidates=FAMILY))
    ours = {code for code in told(report) if code.startswith("SLL")}
    proba = np.empty((len(y), 2))
    for part, (_, test) in zip(report.reports_, report.split_indices, strict=True):
        proba[test] = part.estimator_.predict_proba(X[test])
    direct = learnability_report(X, y, predictions={"it": proba}, candidates=FAMILY)
    assert ours == {str(found.code) for found in direct.findings}


def test_models_without_probabilities_are_not_applicable(rows):
    from sklearn.svm import LinearSVC

    X, y = rows
    report = skore.CrossValidationReport(LinearSVC(), X, y, splitter=3)
    report.checks.add(skore_checks(candidates=FAMILY))
    not_applicable = report.checks.summarize().frame(section="not_applicable")
    assert "SLL001" in set(not_applicable["code"])


def test_a_scorer_is_a_metric(rows):
    X, y = rows
    ceiling = GoldenModelCeiling(FAMILY, random_state=0).fit(X[:800], y[:800])
    report = skore.EstimatorReport(
        LogisticRegression(), X_train=X[:800], y_train=y[:800], X_test=X[800:], y_test=y[800:]
    )
    scorer = EfficiencyScorer(ceiling)
    report.metrics.add(scorer, name="efficiency")
    found = report.metrics.summarize(metric="efficiency").frame()
    direct = scorer(report.estimator_, X[800:], y[800:])
    assert float(np.ravel(found.to_numpy())[-1]) == pytest.approx(direct)
