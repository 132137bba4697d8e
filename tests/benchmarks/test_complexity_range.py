"""The study of complexity without the range of the weights: it finds the laws it is given."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
N_PARAMETERS = 59_520
INVERSE_TEMPERATURE, LOCALIZATION = 3000.0, 1e4


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def make_points(fineness):
    """Return points of five runs whose spacing is 2^-fineness(coefficient, tolerance)."""
    rng = np.random.default_rng(0)
    rows = []
    for run in range(5):
        for step in (70, 114, 183, 296):
            llc = step**0.5 * (1 + 0.1 * rng.random())
            for tolerance in (0.25, 1.0, 0.5):
                spacing = 2 ** -fineness(llc, tolerance)
                critical = 2 * (1 + (3 + rng.random()) / spacing)
                rows.append([f"60k seed {run}", step, llc, tolerance, spacing, critical])
    columns = ["group", "step", "llc", "tolerance", "spacing", "critical"]
    table = pd.DataFrame(rows, columns=columns).assign(
        parameters="60k",
        estimator="local, self-KL",
        scheme="one clamp, searched",
        left_out="",
        loss=lambda points: 6 - np.log(points["step"]) / 3 + 0.01 * rng.random(len(points)),
        size=lambda points: np.log2(points["critical"]),
    )
    table["checkpoint"] = table["group"] + " step " + table["step"].astype(str)
    return table


def volume(llc, tolerance):
    return 3.5 - llc / N_PARAMETERS * np.log2(tolerance)


def curvature(llc, tolerance):
    return -0.5 * np.log2(12 * INVERSE_TEMPERATURE * tolerance / (LOCALIZATION * llc))


def test_law_of_volume_is_found(load):
    points = make_points(volume)
    found = load("_complexity_range").slopes(points, INVERSE_TEMPERATURE, LOCALIZATION)
    assert_allclose(found["on_share"], found["volume"], atol=1e-6)
    assert sorted(found["volume"].round()) == [0, 1, 2]
    found = load("_complexity_range").exponents(points)
    assert_allclose(found["exponent"], found["share"], rtol=1e-6)
    assert_allclose(found["within_steps"], 1)


def test_law_of_curvature_is_found(load):
    points = make_points(curvature)
    found = load("_complexity_range").slopes(points, INVERSE_TEMPERATURE, LOCALIZATION)
    assert_allclose(found["on_log_llc"], 0.5)
    assert_allclose(found[["spacing_ratio_lower", "spacing_ratio_upper"]], 1)
    found = load("_complexity_range").exponents(points)
    assert_allclose(found[["exponent_lower", "exponent_upper"]], 0.5)


def test_range_hides_the_law_in_bits_until_it_is_given(load):
    forms = load("_complexity_range").forms(make_points(curvature)).set_index(["form", "tolerance"])
    within = forms["within_steps"].xs(0.5, level="tolerance")
    assert_allclose(within["log2 1/Δ on log2 λ"], 1)
    assert within["log2 n_q"] < within["log2 1/Δ"]
    assert within["log2 n_q, given the range"] > within["log2 n_q"] + 0.05


def test_spacing_is_between_those_beside_the_crossing(load):
    from sklearn_learnability.torch import Quantization, critical_amount

    model = torch.nn.Linear(30, 1, bias=False)
    torch.nn.init.normal_(model.weight, generator=torch.Generator().manual_seed(0))
    rows = torch.eye(30)
    for clamp in ("max", "search"):
        found = critical_amount(
            *(model, torch.nn.MSELoss(), (rows, model(rows).detach()), Quantization(clamp=clamp)),
            tolerance=0.01,
            progress=False,
        )
        largest = float(model.weight.detach().abs().max())
        spacing = load("_complexity_range").critical_spacing(found, largest)
        curve = found.curve.to_frame().set_index("n_q").loc[list(found.bracket)]
        ends = largest * curve["setting"].fillna(1).to_numpy() / (curve.index.to_numpy() / 2 - 1)
        assert min(ends) <= spacing <= max(ends)
        # weights are their own gradients here: an error of uniform rounding
        assert_allclose(spacing, (12 * 0.01) ** 0.5, rtol=0.25)
