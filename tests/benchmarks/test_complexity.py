"""The study of complexity: its known networks are what they claim, its summaries what they say."""

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


@pytest.mark.parametrize("rank", [1, 4, 10])
def test_deep_linear_networks_are_balanced_minima(load, rank):
    module = load("_deep_linear")
    network = module.deep_linear_network(rank, 0)
    first, second = (layer.weight.detach().numpy() for layer in network)
    assert np.linalg.matrix_rank(second @ first) == rank
    assert_allclose(second.T @ second, first @ first.T, atol=1e-12)
    assert (np.abs(first) > 1e-6).mean() > 0.99
    inputs, _ = data = module.whitened_data(network)
    assert_allclose(inputs.T @ inputs / len(inputs), np.eye(10), atol=1e-12)
    assert float(module.half_squared_error(network, data).detach().max()) < 1e-25


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
