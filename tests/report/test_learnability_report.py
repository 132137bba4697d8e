import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.report import FindingCode, learnability_report

FAMILY = [("logistic", LogisticRegression())]
HOSTILE = '<script>alert(1)</script> $x_1$ & "quoted"'


def numbers_only(model):
    return make_pipeline(ColumnTransformer([("numbers", "passthrough", slice(0, 6))]), model)


@pytest.fixture(scope="module")
def table():
    X, y, truth = make_learnability_classification(
        1500, 6, learnability=0.3, random_state=0, return_truth=True
    )
    frame = pd.DataFrame(X, columns=[HOSTILE, *"abcde"])
    frame["<b>site</b>"] = np.random.default_rng(0).choice(["<i>north</i>", "south$^2$"], len(y))
    labels = pd.Series(np.array(["<no>", "yes & no"])[y], name="<label>")
    return frame, labels, truth


@pytest.fixture(scope="module")
def report(table):
    X, y, _ = table
    models = {"good": numbers_only(LogisticRegression()), "bad": numbers_only(DummyClassifier())}
    family = [("logistic", numbers_only(LogisticRegression()))]
    return learnability_report(X, y, models, candidates=family)


def codes(report):
    return [found.code for found in report.findings]


def test_the_answer_holds_the_truth_and_names_the_first_model(report, table):
    truth = table[2].learnability
    assert report.learnability.lower < truth < report.learnability.upper
    first, second, third = report.sentences
    assert first.startswith("The inputs explain")
    assert second.startswith("Good extracts")
    assert third.startswith("Ten times the rows would add")
    assert report.target == "<label>"


def test_a_model_behind_the_ceiling_is_found_and_one_at_it_is_not(report):
    behind = [one.sentence for one in report.findings if one.code == FindingCode.HEADROOM]
    assert len(behind) == 1
    assert behind[0].startswith("bad lies")
    assert set(report.to_frame()["code"]) == set(map(str, codes(report)))


class Page(HTMLParser):
    """What a browser would make of a page, as far as it matters here."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.links += [given[name] for name in ("href", "src", "xlink:href") if name in given]


def test_names_and_values_do_no_harm_and_nothing_is_fetched(report, table):
    text = report.to_html(show_rows=table[0])
    page = Page(text)
    assert "script" not in page.tags
    assert "i" not in page.tags
    assert "b" not in page.tags
    assert "&lt;i&gt;north&lt;/i&gt;" in text
    assert "south$^2$" in text
    assert all(link.startswith("#") for link in page.links)


def test_values_of_rows_travel_only_where_asked_for(report, table):
    X = table[0]
    position = int(report.surprises["position"].iloc[0])
    value = f"{X.iloc[position]['a']:.3g}"
    row = re.search(rf"<tr><td>{position}</td>.*?</tr>", report.to_html())[0]
    assert f"<td>{value}</td>" not in row
    shown = re.search(rf"<tr><td>{position}</td>.*?</tr>", report.to_html(show_rows=X))[0]
    assert f"<td>{value}</td>" in shown


def test_a_report_is_written_and_shown_in_notebooks(report, tmp_path):
    path = tmp_path / "report.html"
    assert path.write_text("") == 0
    assert report.to_html(path) == path.read_text(encoding="utf-8")
    shown = report._repr_html_()
    assert shown.count("<p>") == 3 + len(report.findings)
    assert report.comparison._repr_html_().startswith("<div><p><strong>ModelComparison")


def test_labels_that_have_nothing_to_do_with_the_inputs(table):
    X = table[0][list("abcde")]
    y = np.random.default_rng(1).integers(2, size=len(X))
    found = learnability_report(X, y, LogisticRegression(), candidates=FAMILY)
    assert FindingCode.NOTHING_FOUND in codes(found)
    assert "cannot be told" in found.sentences[0]


def test_copies_of_rows_are_found():
    X, y = make_learnability_classification(400, 5, learnability=0.3, random_state=0)
    X, y = np.tile(X, (3, 1)), np.tile(y, 3)
    found = learnability_report(X, y, LogisticRegression(), candidates=FAMILY, curve=False)
    assert FindingCode.COPIES in codes(found)
    assert any(text.startswith("DuplicateRowsWarning") for text in found.warnings)
    assert found.sentences[2] == "Whether more rows would help was not measured."


def test_miscalibration_is_found_and_what_it_costs():
    X, y = make_learnability_classification(2000, 5, learnability=0.3, random_state=0)
    proba = LogisticRegression().fit(X[:1000], y[:1000]).predict_proba(X)
    sure = proba**4 / (proba**4).sum(axis=1, keepdims=True)
    found = learnability_report(X, y, predictions={"sure": sure}, candidates=FAMILY, curve=False)
    assert FindingCode.CALIBRATION in codes(found)
    assert "miscalibration" in found.sentences[1]


def test_rows_with_a_time_are_put_in_order_and_a_random_split_is_measured_beside():
    rng = np.random.default_rng(0)
    X, turn = rng.standard_normal((2000, 2)), np.linspace(0, np.pi, 2000)
    score = 4 * (X[:, 0] * np.cos(turn) + X[:, 1] * np.sin(turn))
    y = rng.random(2000) < 1 / (1 + np.exp(-score))
    X = np.column_stack([X, turn])
    shuffled = rng.permutation(2000)
    family = [("boosting", "hist_gradient_boosting")][0][1:]
    found = learnability_report(
        X[shuffled],
        y[shuffled],
        LogisticRegression(),
        time=turn[shuffled],
        candidates=list(family),
        curve=False,
    )
    assert FindingCode.OPTIMISTIC_SPLIT in codes(found)
    assert "each from earlier rows" in found.settings["folds"]


def test_positions_of_surprising_rows_are_those_of_the_table_given(table):
    X, y = table[0][list("abcde")].to_numpy(), (table[1] == "<no>").to_numpy()
    time = np.arange(len(y))[::-1]
    found = learnability_report(
        X, y, LogisticRegression(), time=time, candidates=FAMILY, curve=False
    )
    for row in found.surprises.itertuples():
        assert y[row.position] == row.label


def test_mistakes_are_told_in_words(table):
    X, y = table[0][list("abcde")], table[1]
    with pytest.raises(ValueError, match="Expected a time of each of 1500 rows, got 3 in 3"):
        learnability_report(X, y, time=[1, 2, 3], candidates=FAMILY)
    with pytest.raises(ValueError, match=r"Expected predictions of mine of shape \(1500, 2\)"):
        learnability_report(
            X, y, predictions={"mine": np.ones((3, 2))}, candidates=FAMILY, curve=False
        )
    with pytest.raises(ValueError, match="Expected columns to segment by among"):
        learnability_report(
            X, y, LogisticRegression(), segment_columns=["none"], candidates=FAMILY, curve=False
        )
    with pytest.raises(ValueError, match=r"of different names, got .'LogisticRegression'. in both"):
        learnability_report(
            X, y, LogisticRegression(), predictions={"LogisticRegression": np.ones((1500, 2)) / 2}
        )


def test_reports_without_a_finding_say_so(report):
    empty = replace(report, findings=(), curve=None)
    assert "None of the checks found anything." in empty.to_html()
    assert empty.to_frame().empty


@pytest.fixture(scope="module")
def small():
    """A few rows, their labels, and a logistic regression that is the family too."""
    X, y = make_learnability_classification(300, 3, learnability=0.4, random_state=0)
    options = {"models": LogisticRegression(), "candidates": FAMILY, "curve": False}
    return X, y, options


def efficiency(report):
    return report.comparison.models[0].efficiency.value


def test_the_scale_of_weights_is_no_matter_of_models(small):
    X, y, options = small
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    found = [
        learnability_report(X, y, sample_weight=scale * weight, **options) for scale in (1, 1e-9)
    ]
    assert efficiency(found[1]) == pytest.approx(efficiency(found[0]), abs=1e-3)


def test_dates_as_texts_order_the_rows_as_dates_do(small):
    X, y, options = small
    days = pd.date_range("2020-01-01", periods=len(y))
    by_date = learnability_report(X, y, time=days, **options)
    for way in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"):
        by_text = learnability_report(X, y, time=days.strftime(way), **options)
        assert by_text.learnability == by_date.learnability


def test_predictions_go_by_the_names_of_their_columns(small):
    X, y, options = small
    p = np.random.default_rng(0).uniform(size=len(y))
    tables = {"b": pd.DataFrame({0: 1 - p, 1: p}), "a": pd.DataFrame({1: p, 0: 1 - p})}
    report = learnability_report(X, y, predictions=tables, **options | {"models": None})
    first, second = report.comparison.models
    assert first.efficiency.value == second.efficiency.value


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"groups": np.arange(5)}, ValueError, "Expected groups of shape"),
        ({"groups": np.arange(300) % 3}, ValueError, "Expected at least 5 groups"),
        ({"sample_weight": np.ones(5)}, ValueError, "Expected weights of shape"),
        ({"predictions": np.ones((300, 2))}, TypeError, "Expected predictions by name"),
        ({"predictions": {"a": ["x"] * 300}}, ValueError, "predictions of a as numbers"),
        ({"time": ["yesterday"] * 300}, ValueError, "Expected dates or numbers in 'time'"),
    ],
)
def test_what_is_not_one_a_row_is_refused(small, wrong, error, text):
    X, y, options = small
    with pytest.raises(error, match=text):
        learnability_report(X, y, **options | wrong)


def test_rows_without_a_prediction_are_told_and_what_is_not_finite_is_refused(table):
    X, y, _ = table
    X = X.drop(columns="<b>site</b>")
    proba = np.full((len(y), 2), 0.5)
    proba[:300] = np.nan
    found = learnability_report(X, y, predictions={"half": proba}, candidates=FAMILY, curve=False)
    assert [text for text in found.warnings if "half predicts 1200 of 1500 rows" in text]
    for wrong, count in ((np.array([np.nan, 1.0]), 1), (np.array([np.inf, 0.0]), 1)):
        proba[-1] = wrong
        with pytest.raises(ValueError, match=f"NaN or infinity in {count} of 1500 rows"):
            learnability_report(X, y, predictions={"half": proba}, candidates=FAMILY)
    with pytest.raises(ValueError, match="NaN or infinity in 1500 of 1500 rows"):
        learnability_report(X, y, predictions={"none": proba * np.nan}, candidates=FAMILY)


def test_folds_that_train_on_one_class_are_told():
    X, y = make_learnability_classification(600, 3, learnability=0.4, random_state=0)
    by_class = np.argsort(y, kind="stable")
    with pytest.raises(ValueError, match="several classes among the rows that train each fold"):
        learnability_report(X[by_class], y[by_class], time=np.arange(600), candidates=FAMILY)
