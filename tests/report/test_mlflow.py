"""Our numbers in MLflow's evaluations, and a report among its artifacts, in a local folder."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import HardLabelsWarning
from sklearn_learnability.metrics import efficiency_score, log_loss_per_sample
from sklearn_learnability.report import learnability_report

mlflow = pytest.importorskip("mlflow")
pytestmark = [
    pytest.mark.slow,  # in the environment of `make test-mlflow` alone
    pytest.mark.filterwarnings("ignore"),
]
FAMILY = [("logistic", LogisticRegression())]
X, Y = make_learnability_classification(1200, 4, learnability=0.3, random_state=0)
X = pd.DataFrame(X, columns=list("abcd"))
MODEL = LogisticRegression(C=0.01).fit(X[:800], Y[:800])
TEST = X[800:].assign(label=Y[800:])
PROBA = MODEL.predict_proba(X[800:])[:, 1]


@pytest.fixture(scope="module")
def ceiling():
    return GoldenModelCeiling(FAMILY, random_state=0).fit(X[:800], Y[:800])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(tmp_path.as_uri())
    mlflow.set_experiment("learnability")
    with mlflow.start_run() as run:
        yield run


def evaluated(eval_fn, *args, **kwargs):
    metric = mlflow.models.make_metric(
        eval_fn=eval_fn, greater_is_better=True, name="efficiency", long_name="efficiency"
    )
    mlflow.models.evaluate(*args, targets="label", extra_metrics=[metric], **kwargs)
    return mlflow.get_run(mlflow.active_run().info.run_id).data.metrics["efficiency"]


def test_a_metric_of_probabilities_is_the_scorers(run, ceiling):
    def efficiency(predictions, targets):
        return efficiency_score(
            targets, predictions, labels=[0, 1], learnability=ceiling.learnability_
        )

    def probability(rows):
        return MODEL.predict_proba(rows)[:, 1]

    expected = EfficiencyScorer(ceiling)(MODEL, X[800:], Y[800:])
    assert evaluated(efficiency, probability, TEST) == pytest.approx(expected)
    given = TEST[["label"]].assign(p=PROBA)
    assert evaluated(efficiency, data=given, predictions="p") == pytest.approx(expected)


def test_losses_of_the_ceiling_are_a_column(run, ceiling):
    reference = log_loss_per_sample(Y[800:], ceiling.predict_proba(X[800:]))

    def efficiency(predictions, targets, reference_nll):
        return efficiency_score(targets, predictions, labels=[0, 1], reference_nll=reference_nll)

    rows = TEST[["label"]].assign(p=PROBA, reference_nll=reference)
    expected = efficiency_score(Y[800:], PROBA, reference_nll=reference)
    assert evaluated(efficiency, data=rows, predictions="p") == pytest.approx(expected)


def test_a_logged_model_is_judged_by_its_labels_which_is_said(run):
    """MLflow takes the class of the largest probability, whatever the model predicts."""

    def efficiency(predictions, targets):
        return efficiency_score(targets, predictions, labels=[0, 1], learnability=0.3)

    logged = mlflow.sklearn.log_model(
        MODEL, name="model", pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )
    with pytest.warns(HardLabelsWarning, match="Every probability is 0 or 1"):
        assert evaluated(efficiency, logged.model_uri, TEST) < 0


def test_a_report_is_an_artifact_and_its_numbers_are_metrics(run):
    report = learnability_report(X, Y, MODEL, candidates=FAMILY)
    mlflow.log_text(report.to_html(), "learnability.html")
    mlflow.log_metric("learnability", report.learnability.value)
    mlflow.log_table(report.to_frame(), "findings.json")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.metrics["learnability"] == report.learnability.value
    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/learnability.html")
    assert page == report.to_html()
    table = mlflow.load_table("findings.json", run_ids=[run.info.run_id])
    assert list(table.columns) == list(report.to_frame().columns)
    np.testing.assert_array_equal(table.iloc[:, 0], report.to_frame().iloc[:, 0])
