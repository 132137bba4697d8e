import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from sklearn_learnability.report._command_line import app


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "table.csv"
    found = run("generate", "--learnability", "0.4", "--rows", "800", "--out", str(path))
    assert found.exit_code == 0
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def numbers_of(result):
    """Return the JSON of standard output, which older runners mix with what is told beside it."""
    text = result.stdout
    return json.loads(text[re.search(r"^[\[{]", text, re.MULTILINE).start() :])


def test_generated_data_comes_with_its_truth(data):
    truth = json.loads(data.with_suffix(".truth.json").read_text())
    assert truth["learnability"] == pytest.approx(0.4, abs=1e-6)
    assert pd.read_csv(data).shape == (800, 21)


def test_a_table_is_scored_and_a_report_written(data, tmp_path):
    page = tmp_path / "report.html"
    model = "sklearn.linear_model.LogisticRegression"
    found = run("score", data, "--target", "y", "--model", model, "--out", page, "--json")
    assert found.exit_code == 0, found.output
    numbers = numbers_of(found)
    lower, upper = numbers["learnability_bracket"]
    assert lower < 0.4 < upper
    assert numbers["models"][0]["name"] == model
    assert numbers["sentences"][0] in page.read_text().replace("&#39;", "'")


def test_a_wrong_column_is_a_sentence_and_exit_code_2(data):
    found = run("score", data, "--target", "Y1")
    assert found.exit_code == 2
    assert "Traceback" not in found.output
    assert "Did you mean" in found.output


def test_numbers_go_to_their_own_ceiling(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    path = tmp_path / "numbers.csv"
    pd.DataFrame({"x": x, "y": x + rng.normal(size=500)}).to_csv(path, index=False)
    found = run("score", path, "--target", "y", "--json")
    assert found.exit_code == 0, found.output
    lower, upper = numbers_of(found)["learnability_interval"]
    assert lower < 0.5 < upper
    assert numbers_of(found)["models"][0]["name"] == "ridge regression"


def test_forecasts_and_models_of_a_number_are_reported(tmp_path):
    rng = np.random.default_rng(0)
    x, page = rng.normal(size=300), tmp_path / "report.html"
    table = pd.DataFrame({"x": x, "y": x + rng.normal(size=300)})
    table.to_csv(tmp_path / "numbers.csv", index=False)
    table[["x"]].to_csv(tmp_path / "held_out.csv", index=False)
    given = ("score", tmp_path / "numbers.csv", "--target", "y", "--json", "--out", page)
    forecasts = run(*given, "--predictions", tmp_path / "held_out.csv")
    model = run(*given, "--model", "sklearn.linear_model.LinearRegression")
    for found in (forecasts, model):
        assert found.exit_code == 0, found.output
        assert numbers_of(found)["models"][0]["r2"] == pytest.approx(0.5, abs=0.1)
    assert "R²" in page.read_text(encoding="utf-8")


def test_models_and_predictions_from_files(data, tmp_path):
    from skops.io import dump

    table = pd.read_csv(data)
    X, y = table.drop(columns="y"), table["y"]
    dump(LogisticRegression(), tmp_path / "mine.skops")
    proba = LogisticRegression().fit(X[:400], y[:400]).predict_proba(X)
    pd.DataFrame(proba, columns=["0", "1"]).to_csv(tmp_path / "held_out.csv", index=False)
    found = run(
        *("score", data, "--target", "y", "--json", "--model", tmp_path / "mine.skops"),
        *("--predictions", tmp_path / "held_out.csv"),
    )
    assert found.exit_code == 0, found.output
    names = [model["name"] for model in numbers_of(found)["models"]]
    assert names == ["LogisticRegression", "held_out"]


def test_the_suite_measures_a_model():
    found = run("suite", "sklearn.dummy.DummyClassifier", "--rows", 50, "--json")
    assert found.exit_code == 0, found.output
    assert len(numbers_of(found)) == 24


def complete(**variables):
    """Return what the shell is told, which calls the command with variables alone."""
    environment = {"_SKLEARN_LEARNABILITY_COMPLETE": variables.pop("ask"), **variables}
    done = CliRunner().invoke(app, [], prog_name="sklearn-learnability", env=environment)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize(
    ("shell", "hook"),
    [
        ("bash", "complete -o default -F _sklearn_learnability_completion sklearn-learnability"),
        ("zsh", "compdef _sklearn_learnability_completion sklearn-learnability"),
        ("fish", "complete --command sklearn-learnability"),
    ],
)
def test_a_shell_is_told_how_to_complete(shell, hook):
    script = complete(ask=f"source_{shell}")
    assert hook in script
    assert f"_SKLEARN_LEARNABILITY_COMPLETE=complete_{shell}" in script


def test_commands_options_and_choices_are_completed():
    def in_bash(line):
        return complete(
            ask="complete_bash", COMP_WORDS=line, COMP_CWORD=str(line.count(" "))
        ).split()

    assert in_bash("sklearn-learnability s") == ["score", "suite"]
    assert in_bash("sklearn-learnability score t.csv --budget ") == ["fast", "default", "best"]
    assert in_bash("sklearn-learnability score t.csv --sh") == ["--show-rows"]
    line = {"_TYPER_COMPLETE_ARGS": "sklearn-learnability ge"}
    assert '"generate"' in complete(ask="complete_zsh", **line)
    fish = complete(ask="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args", **line)
    assert fish.split()[0] == "generate"


def test_the_module_is_the_command_line():
    found = subprocess.run(
        [sys.executable, "-m", "sklearn_learnability", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0
    assert "score" in found.stdout


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A table of which some rows have no label, and the probability of "yes" of all."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    p = 1 / (1 + np.exp(-2 * x))
    y = np.where(rng.random(400) < p, "yes", "no").astype(object)
    y[::10] = None
    table = pd.DataFrame({"x": x, "half": np.arange(400) % 2, "day": np.arange(400), "y": y})
    table.to_csv(folder / "table.csv", index=False)
    pd.DataFrame({"p": p}).to_csv(folder / "second.csv", index=False)
    pd.DataFrame({"no": 1 - p}).to_csv(folder / "no.csv", index=False)
    pd.DataFrame({"no": y, "yes": y}).to_csv(folder / "texts.csv", index=False)
    return folder


def test_predictions_are_of_all_rows_and_of_the_class_their_column_names(labelled):
    found = {}
    for name in ("second", "no"):
        given = ("--predictions", labelled / f"{name}.csv", "--json")
        result = run("score", labelled / "table.csv", "--target", "y", *given)
        assert result.exit_code == 0, result.output
        found[name] = numbers_of(result)["models"][0]["efficiency"]
    assert found["second"] > 0.8
    assert found["no"] == pytest.approx(found["second"])


def test_texts_are_no_probabilities(labelled):
    given = ("--predictions", labelled / "texts.csv")
    result = run("score", labelled / "table.csv", "--target", "y", *given)
    assert result.exit_code == 2
    assert "Expected numbers" in result.output


def test_groups_are_five_at_least_and_not_the_target(labelled):
    two = run("score", labelled / "table.csv", "--target", "y", "--group", "half")
    assert two.exit_code == 2
    assert "Expected at least 5 groups" in " ".join(two.output.split())
    refused = run("score", labelled / "table.csv", "--target", "y", "--group", "y")
    assert refused.exit_code == 2
    assert "beside the target" in refused.output


def test_a_file_that_is_no_table_is_a_sentence(tmp_path):
    ragged, empty = tmp_path / "ragged.csv", tmp_path / "empty.csv"
    ragged.write_text("a,y\n1,2\n1,2,3,4\n")
    empty.write_text("")
    for path in (ragged, empty):
        found = run("score", path, "--target", "y")
        assert found.exit_code == 2
        assert f"Expected a table in '{path.name}'" in " ".join(found.output.split())


def test_a_report_goes_to_a_folder_that_is_there(data, tmp_path):
    found = run("score", data, "--target", "y", "--out", tmp_path / "none" / "report.html")
    assert found.exit_code == 2
    assert "Expected a folder" in found.output


def test_numbers_with_a_time_are_predicted_from_earlier_rows(tmp_path):
    rng = np.random.default_rng(0)
    day = rng.permutation(600)
    walk = rng.normal(size=600).cumsum()[day]
    table = pd.DataFrame({"x": day + 0.5, "day": day, "y": walk})
    table.to_csv(tmp_path / "walk.csv", index=False)
    given = ("score", tmp_path / "walk.csv", "--target", "y", "--json")
    at_random, forward = run(*given), run(*given, "--time", "day")
    assert forward.exit_code == 0, forward.output
    assert numbers_of(at_random)["learnability"] > 0.8
    assert numbers_of(forward)["learnability"] < 0.5


def test_whole_numbers_stay_classes_where_one_is_missing(tmp_path):
    rng = np.random.default_rng(0)
    y = (rng.random(120) < 0.5).astype(float)
    y[3] = np.nan
    pd.DataFrame({"x": rng.normal(size=120), "y": y}).to_csv(tmp_path / "t.csv", index=False)
    p = rng.random(120)
    pd.DataFrame({"0": 1 - p, "1": p}).to_csv(tmp_path / "p.csv", index=False)
    given = ("--target", "y", "--predictions", tmp_path / "p.csv")
    found = run("score", tmp_path / "t.csv", *given)
    assert found.exit_code == 0, found.output


def test_warnings_are_told_beside_the_answer(data, tmp_path):
    table = pd.read_csv(data)
    copies = pd.concat([table, table[:200]])
    copies.assign(key=[f"<{i}>" for i in range(len(copies))]).to_csv(
        tmp_path / "copies.csv", index=False
    )
    page = tmp_path / "report.html"
    found = run("score", tmp_path / "copies.csv", "--target", "y", "--out", page)
    assert found.exit_code == 0, found.output
    assert "Warning: DuplicateRowsWarning" in found.output
    assert "left out: key, an id" in page.read_text(encoding="utf-8")
