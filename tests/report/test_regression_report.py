"""Reports on a number: a Gaussian one, of which all is known, and tables that go wrong."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict

from sklearn_learnability.datasets import make_learnability_regression
from sklearn_learnability.report import FindingCode, regression_report

FAMILY = ["marginal", "linear"]
HOSTILE = "<script>alert(1)</script>"


@cache
def table(learnability=0.5):
    X, y = make_learnability_regression(1500, 5, learnability=learnability, random_state=0)
    frame = pd.DataFrame(X, columns=[HOSTILE, *"abcd"])
    frame["site"] = np.random.default_rng(0).choice(["<i>north</i>", "south"], len(y))
    return frame, pd.Series(y, name="price & more")


def numbers():
    X, y = table()
    return X.drop(columns="site").to_numpy(), y


@cache
def report():
    X, y = numbers()
    models = {"good": Ridge(), "half": HalfBlind()}
    return regression_report(X, y, models, candidates=FAMILY)


class HalfBlind(RegressorMixin, BaseEstimator):
    """Sees the first column only."""

    def fit(self, X, y):
        self.model_ = LinearRegression().fit(np.asarray(X)[:, :1], y)
        return self

    def predict(self, X):
        return self.model_.predict(np.asarray(X)[:, :1])


def codes(found):
    return [str(one.code) for one in found.findings]


def test_the_answer_holds_the_truth():
    found = report()
    assert found.learnability.lower < 0.5 < found.learnability.upper
    nats = -0.5 * np.log(0.5)
    assert found.information.lower < nats / np.log(2) < found.information.upper
    assert found.target == "price & more"
    first, second, third = found.sentences
    assert first.startswith("The inputs explain")
    assert second.startswith("Good extracts")
    assert second.endswith("it is level with the ceiling.")
    assert third.startswith("The ceiling's own forecasts have an R² of 0.")


def test_r2_is_that_of_held_out_forecasts():
    X, y = numbers()
    truth = r2_score(y, cross_val_predict(Ridge(), X, y, cv=5))
    assert report().models[0].r2 == pytest.approx(truth, abs=0.01)
    assert report().r2 == pytest.approx(truth, abs=0.02)


def test_a_model_behind_the_ceiling_is_found_and_one_at_it_is_not():
    assert codes(report()) == ["SLL001"]
    assert report().findings[0].sentence.startswith("half extracts")
    assert report().models[1].standing == "room for a better model"


def test_a_number_that_the_inputs_do_not_tell_is_not_told_from_0():
    X, y = numbers()
    shuffled = np.random.default_rng(1).permutation(y)
    found = regression_report(X, shuffled, Ridge(), candidates=FAMILY)
    assert "SLL005" in codes(found)
    assert found.sentences[0].startswith("It cannot be told whether")
    assert found.models[0].standing == "cannot tell"


def test_copies_of_rows_are_found():
    X, y = numbers()
    twice = np.concatenate([X, X[:200]]), np.concatenate([y, y[:200]])
    found = regression_report(*twice, Ridge(), candidates=FAMILY)
    assert FindingCode.COPIES in [one.code for one in found.findings]


def test_predictions_are_judged_as_the_model_that_made_them():
    X, y = numbers()
    predicted = cross_val_predict(Ridge(), X, y, cv=5)
    found = regression_report(X, y, predictions={"given": predicted}, candidates=FAMILY)
    own = report().models[0].efficiency.value
    assert found.models[0].efficiency.value == pytest.approx(own, abs=0.02)


def test_the_order_of_rows_moves_positions_only():
    X, y = numbers()
    order = np.random.default_rng(2).permutation(len(y))
    predicted = cross_val_predict(Ridge(), X, y, cv=5)
    one = regression_report(X, y, predictions={"ridge": predicted}, candidates=FAMILY)
    other = regression_report(
        X[order], y.iloc[order], predictions={"ridge": predicted[order]}, candidates=FAMILY
    )
    first = one.surprises["position"][0]
    assert order[other.surprises["position"]].tolist().count(first) == 1
    assert one.models[0].r2 == pytest.approx(other.models[0].r2)


def test_time_predicts_from_earlier_rows():
    rng = np.random.default_rng(0)
    walk, day = rng.normal(size=600).cumsum(), np.arange(600.0)
    at_random = regression_report(day[:, None], walk, Ridge(), candidates="fast")
    forward = regression_report(day[:, None], walk, Ridge(), time=day, candidates="fast")
    assert forward.learnability.value < at_random.learnability.value - 0.3
    assert forward.settings["folds"] == "5, each from earlier rows"


def test_levels_of_a_column_are_segments_and_nothing_hostile_gets_into_the_page(tmp_path):
    X, y = table()
    models = {HOSTILE: MeanOnly()}
    found = regression_report(X, y, models, candidates=FAMILY)
    (name, levels), *_ = found.segments
    assert name == "site"
    assert levels["n_samples"].sum() == len(y)
    page = found.to_html(tmp_path / "report.html", show_rows=X)
    assert HOSTILE not in page
    assert "<i>north</i>" not in page
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert page.count("<svg") == 2


def test_the_scale_of_weights_is_no_matter():
    X, y = numbers()
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    found = [
        regression_report(X, y, Ridge(), sample_weight=weight * scale, candidates=FAMILY)
        for scale in (1.0, 1e-9, 1e9)
    ]
    for other in found[1:]:
        assert other.models[0].r2 == pytest.approx(found[0].models[0].r2)
        assert other.learnability.value == pytest.approx(found[0].learnability.value)


def test_forecasts_of_rows_that_were_trained_on_are_told():
    X, y = numbers()
    found = regression_report(X, y, predictions={"oracle": y + 1e-3 * X[:, 0]}, candidates=FAMILY)
    assert [text for text in found.warnings if text.startswith("InSampleWarning")]


def test_rows_without_a_level_are_a_segment():
    X, y = numbers()
    frame = pd.DataFrame(X).rename(columns=str).assign(site=["a", None, "b"] * 500)
    given = {"predictions": {"mean": np.zeros(1500)}, "segment_columns": ["site"]}
    ((_, levels),) = regression_report(frame, y, candidates=["marginal"], **given).segments
    assert sorted(levels["segment"]) == ["a", "b", "missing"]


class MeanOnly(RegressorMixin, BaseEstimator):
    """Forecasts the mean."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"models": "sklearn.linear_model.LogisticRegression"}, TypeError, "as a regressor"),
        ({"predictions": [1.0]}, TypeError, "predictions by name"),
        ({"predictions": {"short": [1.0]}}, ValueError, r"of shape \(1500,\), got \(1,\)"),
        ({"predictions": {"gap": np.full(1500, np.nan)}}, ValueError, "finite forecasts"),
        ({"predictions": {"complex": np.full(1500, 1j)}}, ValueError, "complex as numbers"),
        ({"segment_columns": ["none"]}, ValueError, "Expected columns to segment by"),
        ({"groups": np.zeros(1500)}, ValueError, "at least 5 groups"),
    ],
)
def test_what_cannot_be_reported_is_refused(given, error, message):
    X, y = numbers()
    with pytest.raises(error, match=message):
        regression_report(X, y, candidates=FAMILY, **given)


def test_too_few_rows_for_the_folds_are_refused_in_words():
    X, y = numbers()
    with pytest.raises(ValueError, match="Expected cv between 2 and 3"):
        regression_report(X[:3], y[:3], Ridge(), candidates=FAMILY)


class Broken(RegressorMixin, BaseEstimator):
    """Cannot be fitted."""

    def fit(self, X, y):
        raise RuntimeError("boom")

    def predict(self, X):
        return np.zeros(len(X))


def test_a_model_that_cannot_be_fitted_is_named():
    X, y = numbers()
    with pytest.raises(ValueError, match="got RuntimeError from Broken: boom"):
        regression_report(X, y, Broken(), candidates=FAMILY)


def test_rows_of_no_weight_surprise_nobody():
    X, y = numbers()
    weight = np.ones(len(y))
    weight[:300] = 0
    moved = np.where(weight == 0, y + 50, y)
    given = {"predictions": {"it": np.asarray(y)}, "sample_weight": weight}
    found = regression_report(X, moved, candidates=FAMILY, **given)
    assert (found.surprises["position"] >= 300).all()


def test_a_column_is_a_target_and_a_name_is_a_column():
    X, y = table()
    given = {"predictions": {"it": np.zeros(1500)}, "candidates": ["marginal"]}
    found = regression_report(X, y.to_frame(), segment_columns="site", **given)
    assert found.n_samples == 1500
    assert [name for name, _ in found.segments] == ["site"]
