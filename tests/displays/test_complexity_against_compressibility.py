"""The picture of complexity against compressibility."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_learnability.displays import ComplexityAgainstCompressibilityDisplay
from sklearn_learnability.metrics import LinearAssociation

LLC = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
CRITICAL = np.array([5.0, 8.0, 11.0, np.nan, 17.0, 20.0])
POINTS = {
    "groups": (["one"] * 3 + ["two"] * 3) * 2,
    "llc": [*LLC, *LLC],
    "critical": [*CRITICAL, *(CRITICAL / 2)],
    "tolerances": [0.5] * 6 + [1.0] * 6,
    "used": [False, True, True, False, True, True] * 2,
}
CURVES = [([64, 16, 4], [0.0, 0.1, 0.9], 0.0), ([64, 16, 4], [0.0, 0.6, np.inf], 1.0)]
TRIED = LinearAssociation(
    *(3.0, 2.0, 0.97, 0.8, 0.17, 0.6, 0.66, -0.1, 0.9, 0.95, 0.08), "", 6, 3, 2
)
UNTRIED = LinearAssociation(
    *(1.5, 1.0, 0.9, 0.7, 0.2, 0.5), *[np.nan] * 3, 0.95, np.nan, "One run.", 6, 1, 0
)
LINES = {0.5: TRIED, 1.0: UNTRIED}


@pytest.fixture
def display():
    return ComplexityAgainstCompressibilityDisplay(
        CURVES, **POINTS, lines=LINES, quantity="n_q"
    ).plot()


def test_line_goes_through_the_points_used(display):
    drawn = [line for line in display.axes_[1].lines if line.get_linestyle() == "-"]
    assert_allclose(drawn[0].get_xdata(), [2, 6])
    assert_allclose(drawn[0].get_ydata(), [8, 20])
    assert len(drawn) == 2


def test_points_not_used_are_open_and_shown(display):
    points = [line for line in display.axes_[1].lines if line.get_linestyle() == "None"]
    open_ones = [line for line in points if line.get_fillstyle() == "none"]
    shown = sorted(x for line in open_ones for x in line.get_xdata())
    assert shown == [1, 1, 4, 4]
    assert len({line.get_marker() for line in points}) == 2  # one for each run


def test_key_names_the_loss_alone_and_the_test(display):
    texts = [text.get_text() for text in display.axes_[1].get_legend().get_texts()]
    assert texts == [
        "ε = 0.5: R² 0.97, loss alone 0.80\nruns at the same step: 0.66 (-0.10 to 0.90)",
        "ε = 1: R² 0.90, loss alone 0.70\nruns at the same step: no test",
    ]


def test_curves_and_tolerances(display):
    left = display.axes_[0]
    assert len([line for line in left.lines if line.get_linestyle() == "--"]) == 2
    assert left.get_xscale() == "log"
    assert np.isnan(left.lines[1].get_ydata()[-1])  # what is infinite leaves a gap


def test_draws_on_given_axes(pyplot):
    _, axes = pyplot.subplots(1, 2)
    display = ComplexityAgainstCompressibilityDisplay(
        CURVES, **POINTS, lines={}, quantity="sigma"
    ).plot(axes)
    assert list(display.axes_) == list(axes)
    assert axes[1].get_legend() is None
    assert axes[1].get_ylabel() == "critical sigma"


def test_from_result():
    pytest.importorskip("torch")
    from sklearn_learnability.torch import (
        CheckpointComplexity,
        ComplexityAgainstCompressibility,
        CompressionCurve,
    )

    def checkpoint(i):
        increases = np.array([0.0, 0.1 * i, 2.0])
        nothing = np.full(3, np.nan)
        curve = CompressionCurve(
            "n_q", 1.0, np.array([64.0, 16.0, 4.0]), 1 + increases, nothing, nothing, nothing, 3
        )
        found = {"rounding": (curve.critical(0.5), curve.critical(1.0))}
        return CheckpointComplexity(f"step {i}", "run", i, 5.0 - i, 10.0 * i, 0, 0, 0, (), found)

    result = ComplexityAgainstCompressibility(tuple(map(checkpoint, range(1, 6))), (), None)
    display = ComplexityAgainstCompressibilityDisplay.from_result(result, tolerances=[1.0])
    assert [place for *_, place in display.curves] == [0.0, 0.25, 0.5, 0.75, 1.0]
    line = result.fits()["rounding", 1.0]
    assert display.lines == {1.0: line}
    (text,) = display.axes_[1].get_legend().get_texts()
    assert text.get_text().endswith("runs at the same step: no test")
    with pytest.raises(ValueError, match=r"among \['rounding'\], got 'pruning'"):
        ComplexityAgainstCompressibilityDisplay.from_result(result, scheme="pruning")
