"""The study of complexity: its summaries are what they say."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def make_points():
    llc = np.tile([1.0, 3.0, 4.0, 8.0, 9.0], 2)
    runs = np.repeat(["60k seed 0", "60k seed 1"], 5)
    steps = np.tile([0, 70, 114, 183, 296], 2)
    return pd.DataFrame(
        {
            "checkpoint": [f"{run} step {step}" for run, step in zip(runs, steps, strict=True)],
            "group": runs,
            "loss": 6.0 - np.sqrt(llc) + 0.01 * np.arange(10),
            "llc": llc,
            "llc_standard_error": 0.1 * llc,
            "half_chain_drift": np.tile([0.01, -0.03, 0.01, -0.01, 0.015], 2),
            "excess_loss": llc / 100,
            "flags": ["", "one"] * 5,
            "scheme": "one clamp, searched",
            "tolerance": 0.5,
            "critical": 2 * llc + 3,
            "left_out": ["never crossed", "", "", "", ""] * 2,
            "parameters": "60k",
            "estimator": "local",
        }
    )


def test_lines_of_single_runs_leave_out_what_is_left_out(load):
    table = load("_complexity_report").by_run(make_points())
    assert table["n_points"].tolist() == [4, 4]
    assert_allclose(table["r_squared"], 1)
    assert (table["loss_alone"] < 0.999).all()


def test_summary_of_chains(load):
    (row,) = load("_complexity_report").chains(make_points()).to_dict("records")
    assert row["checkpoints"] == 10
    assert_allclose(row["median_drift"], 0.01)
    assert_allclose(row["drift_below_2_percent"], 0.8)
    assert_allclose(row["median_relative_error"], 0.1)
    assert_allclose(row["unflagged"], 0.5)
    assert 0.9 < row["r_squared_with_loss"] < 1
