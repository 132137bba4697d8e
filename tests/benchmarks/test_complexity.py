"""The study of complexity: its summaries are what they say."""

import importlib
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

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
            "step": steps.astype(float),
            "loss": 6.0 - np.sqrt(llc) + 0.01 * np.arange(10),
            "llc": llc,
            "llc_standard_error": 0.1 * llc,
            "half_chain_drift": np.tile([0.01, -0.03, 0.01, -0.01, 0.015], 2),
            "excess_loss": llc / 100,
            "flags": ["", "drift"] * 5,
            "scheme": "one clamp, searched",
            "tolerance": 0.5,
            "critical": 2 * llc + 3,
            "size": np.log2(2 * llc + 3),
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


def test_studies_are_read_as_they_were_written(load, tmp_path):
    points = make_points()
    points.loc[points["left_out"] != "", ["critical", "size"]] = np.nan
    points.to_csv(tmp_path / "points.csv", index=False)
    studies = load("_complexity_report").read_studies(tmp_path / "points.csv", 0.99)
    found = studies["60k", "local"].to_frame()
    left_out = found["left_out"].where(found["left_out"] != "before the start", "")
    pd.testing.assert_frame_equal(
        found.assign(left_out=left_out), points[found.columns], check_dtype=False
    )


def test_studies_together_are_those_of_fishers_transform(load):
    correlations = [0.6, 0.8, 0.9]
    table = pd.DataFrame({"within_steps": correlations, "without_loss": correlations})
    found = load("_complexity_report").together(table)
    transformed = np.arctanh(correlations)
    mean, error = transformed.mean(), transformed.std(ddof=1) / 3**0.5
    assert_allclose(found["within_steps"], np.tanh(mean))
    assert_allclose(found["within_steps_lower"], np.tanh(mean - stats.t.ppf(0.975, 2) * error))
    assert_allclose(found["p_value"], 2 * stats.t.sf(mean / error, 2))


def test_exchanged_runs_have_the_p_values_of_all_orders(load):
    """Against a loop over the orders of three runs."""
    benchmark = load("linear_association")
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 3, 5))
    left = [v - v.mean(0) for v in (x, y)]
    z = benchmark.centre(z)
    slopes = [(v * z).sum() / (z**2).sum() for v in left]
    left_x, left_y = (v - slope * z for v, slope in zip(left, slopes, strict=True))

    def associated(order):
        moved = left_x[list(order)]
        moved = moved - (moved * z).sum() / (z**2).sum() * z
        return abs(np.corrcoef(moved.ravel(), left_y.ravel())[0, 1])

    orders = list(itertools.permutations(range(3)))
    expected = np.mean([associated(order) >= associated((0, 1, 2)) - 1e-12 for order in orders])
    found = benchmark.p_value_of_orders(x, y, z, benchmark.orders_of_runs(3, 5, rng))
    assert_allclose(found, expected)
