"""Every table of the documentation comes from the benchmark that measured it."""

import importlib
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = [
    path
    for path in sorted(BENCHMARKS.glob("[!_]*.py"))
    if "def tables(results):" in path.read_text()
]


@pytest.fixture
def tables_of(monkeypatch):
    """Return a function that makes the tables of a benchmark from the results kept."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def make(path):
        benchmark = importlib.import_module(path.stem)
        return benchmark.tables(json.loads(benchmark.RESULTS.read_text()))

    return make


def test_pages_show_every_table_once_and_no_other(tables_of):
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "user_guide").glob("*.rst"))
    shown = re.findall(r":file: \.\./_generated/(\w+)\.csv", pages)
    made = [name for path in SCRIPTS for name in tables_of(path)]
    assert sorted(shown) == sorted(made)
    assert len(made) > 30


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_cell_is_missing(tables_of, path):
    for name, table in tables_of(path).items():
        assert len(table), name
        cells = table.astype(str).to_numpy().ravel()
        assert not {"nan", "None", "nan%"} & set(cells), name
