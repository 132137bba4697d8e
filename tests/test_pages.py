"""What the README and the front page promise is what there is."""

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

from sklearn_learnability.datasets import load_titanic
from sklearn_learnability.report import learnability_report

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = ROOT / "docs" / "user_guide"
PAGES = [ROOT / "docs" / "quickstart.rst", *GUIDE.glob("*.rst")]
CHAPTERS = {
    name: (GUIDE / f"{name}.rst").read_text() for name in ("tables", "networks", "benchmarks")
}
#: A row of a chapter's table: a question, and the page that answers it.
QUESTION = re.compile(r"^   \* - (?:.+\n {7})*.+\?\n {5}- :doc:`(\w+)`$", re.MULTILINE)
LINKED_FROM_THE_FRONT = set(
    re.findall(r"user_guide/(\w+)>?`", (ROOT / "docs" / "index.rst").read_text())
)


def rows(first_column):
    """Return the rows of the README's table with this first column, without its head."""
    (table,) = re.findall(rf"^\| {first_column}.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]


def kept(name):
    results = json.loads((ROOT / "benchmarks" / "results" / "flights.json").read_text())
    return results[name]


def interval(row, name=""):
    return f"{row[name + 'lower']:.3f} to {row[name + 'upper']:.3f}"


def test_the_readme_has_the_numbers_of_the_demo():
    assert rows("test rows") == [
        [
            row["test rows"],
            f"{row['H(Y) bits']:.3f}",
            f"{row['learnability']:.3f}",
            interval(row),
            f"{row['logistic']:.3f}",
        ]
        for row in kept("ceilings")
    ]
    assert rows("model, on later days") == [
        [
            row["model"],
            f"{row['f1']:.3f}",
            f"{row['f1_chosen']:.3f}",
            f"{row['efficiency']:.3f}",
            interval(row, "efficiency_"),
            f"{row['calibrated_efficiency']:.3f}",
            interval(row, "calibrated_efficiency_"),
        ]
        for row in kept("models")
    ]


def test_the_pages_say_of_the_month_what_its_benchmark_found():
    path = ROOT / "benchmarks" / "results" / "flights_month.json"
    table = json.loads(path.read_text())["table"]
    (later,) = [row for row in table if (row["model"], row["scored on"][:4]) == ("ceiling", "test")]
    for page in (README, (GUIDE / "flights.rst").read_text()):
        assert all(f"{later[name]:.3f}"[1:] in page for name in ("without", "with"))
    training = [row for row in table if row["scored on"].startswith("training")]
    assert [row["gain"] > 0 for row in training] == [True, True]
    assert [row["lower"] > 0 for row in training] == [False, True]


def test_the_readmes_example_prints_what_it_says():
    pytest.importorskip("catboost")  # in the family "fast"
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (text,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == text


def test_the_readmes_sentences_are_those_of_a_report():
    """The command line prints them; figures may move by one in the last digit."""
    pytest.importorskip("catboost")
    (text,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    X, y = load_titanic(3000, random_state=0)
    said = " ".join(learnability_report(X, y).sentences)
    number = r"\d+(?:\.\d+)?"
    assert re.sub(number, "#", " ".join(text.split())) == re.sub(number, "#", said)
    for written, found in zip(re.findall(number, text), re.findall(number, said), strict=True):
        digits = len(written.partition(".")[2])
        assert abs(float(written) - float(found)) <= 1.01 * 10**-digits


def test_what_every_change_must_pass_begins_with_the_readmes_check():
    (check,) = re.findall(r"`(make \w+)` runs lint", README)
    steps = re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert steps[0] == check


def test_the_front_page_opens_on_every_chapter():
    assert set(CHAPTERS) <= LINKED_FROM_THE_FRONT


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.rst")), ids=lambda page: page.stem)
def test_every_page_of_the_guide_answers_a_question_of_a_chapter(page):
    """Two clicks lead to it: the front page opens on chapters, and these ask questions."""
    asked = {name for chapter in CHAPTERS.values() for name in QUESTION.findall(chapter)}
    assert page.stem == "index" or page.stem in LINKED_FROM_THE_FRONT | asked


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*/plot_*.py")), ids=lambda example: example.stem
)
def test_every_example_is_named_in_the_guide(example):
    link = f":ref:`sphx_glr_auto_examples_{example.parent.name}_{example.name}`"
    assert any(link in page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_picture_is_told_to_those_who_do_not_see_it(page):
    pictures = re.findall(
        r"^\.\. (?:figure|image)::.*\n((?: +:.*\n(?: {6}.*\n)*)*)", page.read_text(), re.M
    )
    assert all(":alt:" in options for options in pictures)
