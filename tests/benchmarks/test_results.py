"""What benchmarks write is JSON that any program reads."""

import importlib
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def results(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_results")


def test_records_are_rounded_and_hold_no_nan(results):
    table = pd.DataFrame({"a": [1 / 3, np.nan, np.inf], "b": [1, 2, 3], "c": ["x", "y", None]})
    rows = results.records(table, 3)
    assert rows[0] == {"a": 0.333, "b": 1, "c": "x"}
    assert rows[1] == {"a": None, "b": 2, "c": "y"}
    json.dumps(rows, allow_nan=False)


def test_cpu_seconds_leave_out_waiting(results):
    seconds, found = results.cpu_seconds(lambda wait: (time.sleep(wait), "done")[1], 0.2)
    assert found == "done"
    assert seconds < 0.1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux counts the peak")
def test_peak_memory_is_that_of_the_call_and_not_of_what_came_before(results):
    np.ones(50_000_000)  # 400 MB, given back at once
    small, _ = results.peak_megabytes(np.ones, 1_000_000)
    large, found = results.peak_megabytes(np.ones, 26_000_000)
    assert len(found) == 26_000_000
    assert 170 < large - small < 230
