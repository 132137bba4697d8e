import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import learnability_suite
from sklearn_learnability.report import SuiteMeasurement, run_suite, suite_models

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "suite.json"


class Truth(ClassifierMixin, BaseEstimator):
    """The exact posterior of a data set, whatever it is fitted on."""

    def __init__(self, name="linear-high"):
        self.name = name

    def fit(self, X, y):
        (dataset,) = (found for found in learnability_suite() if found.name == self.name)
        # a data set's parameters, not its rows, depend on the seed of run_suite(random_state=0)
        position = learnability_suite().index(dataset)
        *_, self.truth_ = dataset.make(len(X), random_state=position)
        self.classes_ = self.truth_.classes
        return self

    def predict_proba(self, X):
        return self.truth_.predict_proba(X)


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("no room")

    def predict_proba(self, X):
        raise NotImplementedError


def test_truth_has_no_gap_and_class_frequencies_have_no_efficiency():
    models = {"truth": Truth(), "frequencies": DummyClassifier()}
    report = run_suite(models, datasets=["linear-high"], n_samples=20_000)
    truth, frequencies = report.measurements
    assert truth.gap == pytest.approx(0, abs=1e-12)
    assert truth.efficiency == pytest.approx(1, abs=1e-12)
    assert frequencies.efficiency == pytest.approx(0, abs=1e-3)
    # a gap of class frequencies is all that can be learned, up to the rows drawn
    assert frequencies.gap == pytest.approx(truth.learnability, rel=0.02)
    assert truth.learnability == pytest.approx(0.9, abs=1e-6)


def test_kept_results_are_what_the_runner_gives():
    """The tables of the documentation hold for the code as it stands."""
    kept = json.loads(RESULTS.read_text())
    wanted = {"dataset": "exclusive-or", "model": "naive Bayes"}
    (row,) = (row for row in kept["table"] if wanted.items() <= row.items())
    models = {"naive Bayes": suite_models()["naive Bayes"]}
    report = run_suite(models, datasets=["exclusive-or"], n_samples=kept["n_samples"])
    (found,) = report.measurements
    for name in ("learnability", "gap", "efficiency", "calibrated_efficiency", "zeros"):
        assert getattr(found, name) == pytest.approx(row[name], abs=2e-6)
    assert (report.suite_version, report.random_state) == (kept["suite_version"], kept["seed"])


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (GaussianNB(), ["GaussianNB"]),
        ("sklearn.naive_bayes.GaussianNB", ["sklearn.naive_bayes.GaussianNB"]),
        ([GaussianNB(), "sklearn.dummy.DummyClassifier"], None),
        ({"mine": GaussianNB()}, ["mine"]),
        (make_pipeline(StandardScaler(), LogisticRegression()), ["LogisticRegression"]),
    ],
)
def test_models_come_alone_in_lists_by_name_and_by_path(models, names):
    report = run_suite(models, datasets=["linear-low"], n_samples=100)
    names = names or ["GaussianNB", "sklearn.dummy.DummyClassifier"]
    assert [found.model for found in report.measurements] == names
    assert list(report.compare("gap").columns) == ["learnability", *names]


def test_a_fit_that_fails_is_told_and_does_not_stop_the_others():
    models = {"broken": Broken(), "naive Bayes": GaussianNB()}
    with pytest.warns(FitFailedWarning, match="broken failed on linear-low") as caught:
        report = run_suite(models, datasets=["linear-low"], n_samples=100)
    assert caught[0].filename == __file__
    broken, whole = report.measurements
    assert broken.error == "RuntimeError: no room"
    assert math.isnan(broken.gap)
    assert broken.learnability == whole.learnability
    assert whole.error == ""
    assert np.isfinite(whole.gap)


def test_only_a_ceiling_has_an_estimate():
    models = [GoldenModelCeiling(["prior", "logistic"], random_state=0), GaussianNB()]
    ceiling, other = run_suite(models, datasets=["linear-medium"], n_samples=500).measurements
    assert abs(ceiling.estimate - 0.3) < 4 * ceiling.standard_error
    assert math.isnan(other.estimate)


def test_finished_fits_are_kept(tmp_path, capsys):
    again = [
        run_suite(
            GaussianNB(), datasets=["linear-low"], n_samples=100, memory=str(tmp_path), verbose=1
        )
        for _ in range(2)
    ]
    # of two fits the processor times would differ
    assert again[0] == again[1]
    assert capsys.readouterr().out.count("linear-low, GaussianNB: efficiency") == 2


def test_report_is_a_table_of_its_measurements():
    frame = run_suite(GaussianNB(), datasets=["linear-low", "drift"], n_samples=100).to_frame()
    assert list(frame.columns) == list(SuiteMeasurement.__dataclass_fields__)
    assert frame["dataset"].tolist() == ["linear-low", "drift"]


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        (LinearSVC(), TypeError, r"fit and predict_proba, got LinearSVC\(\)"),
        (GaussianNB, TypeError, "Expected a classifier with fit and predict_proba"),
        ([], ValueError, r"Expected models of different names, got \[\]"),
        ([GaussianNB(), GaussianNB()], ValueError, "Give a dict of name to model"),
        ("GaussianNB", ImportError, "Expected a dotted path"),
        ("sklearn.naive_bayes.Nothing", ImportError, "Expected 'Nothing' in 'sklearn.naive_bayes'"),
        ("no_such_package.Model", ImportError, "no_such_package"),
    ],
)
def test_refuses_what_is_no_classifier(models, error, message):
    with pytest.raises(error, match=message):
        run_suite(models, datasets=["linear-low"])


@pytest.mark.parametrize(
    "names", [["regression-low"], ["linear"], [], "linear-low", ["linear-low"] * 2]
)
def test_refuses_unknown_data_sets(names):
    with pytest.raises(ValueError, match="Expected a list of different names of data sets among"):
        run_suite(GaussianNB(), datasets=names)


def test_a_function_of_the_users_own_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "def smooth():\n    return GaussianNB(var_smoothing=0.1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    report = run_suite("my_models.smooth", datasets=["linear-low"], n_samples=100)
    same = run_suite(GaussianNB(var_smoothing=0.1), datasets=["linear-low"], n_samples=100)
    assert report.measurements[0].gap == same.measurements[0].gap
    monkeypatch.delitem(sys.modules, "my_models")
