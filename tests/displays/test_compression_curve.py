import numpy as np
import pytest

pytest.importorskip("torch")

from sklearn_learnability.displays import CompressionCurveDisplay
from sklearn_learnability.torch import CompressionCurve


def curve(increases, quantity="n_q", amounts=(64, 32, 16, 8, 4)):
    nothing = np.full(len(amounts), np.nan)
    return CompressionCurve(
        quantity,
        1.0,
        np.array(amounts, dtype=float),
        1.0 + np.array(increases),
        np.zeros(len(amounts)),
        nothing,
        nothing,
        9,
    )


RISING = [0.0, 0.1, 0.4, 0.8, 4.0]


def named_lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_curve_tolerance_and_crossing():
    found = curve(RISING).critical(0.5)
    display = CompressionCurveDisplay.from_critical(found)
    line = named_lines(display.ax_)["model: 14"]
    np.testing.assert_allclose(line.get_xdata(), [64, 32, 16, 8, 4])
    np.testing.assert_allclose(line.get_ydata(), RISING)
    rings = [one for one in display.ax_.lines if one.get_markersize() == 9]
    assert [(*one.get_xdata(), *one.get_ydata()) for one in rings] == [(14.0, 0.5)]
    assert display.ax_.get_xlabel() == "n_q"
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylim()[1] == pytest.approx(1.04 * 6 * 0.5)


def test_several_curves_and_one_that_never_crosses():
    found = {"early": curve([0.0] * 5).critical(0.5), "late": curve(RISING).critical(0.5)}
    display = CompressionCurveDisplay.from_critical(found)
    lines = named_lines(display.ax_)
    assert {"early", "late: 14"} <= set(lines)
    assert lines["early"].get_color() != lines["late: 14"].get_color()


def test_undefined_losses_are_crosses_at_the_top():
    display = CompressionCurveDisplay.from_critical(
        curve([0, 0, 0.1, np.nan, np.inf]).critical(0.5)
    )
    crosses = [line for line in display.ax_.lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[8.0, 4.0]]


def test_bands_only_where_there_are_errors(pyplot):
    points = (["a"] * 3, [0.1, 0.2, 0.3], [0.0, 1.0, 2.0])
    assert not CompressionCurveDisplay(*points).plot().ax_.collections
    _, ax = pyplot.subplots()
    display = CompressionCurveDisplay(*points, standard_errors=np.full(3, 0.1)).plot(ax)
    assert len(ax.collections) == 1
    assert display.ax_ is ax
    assert ax.get_xscale() == "linear"


def test_quantities_are_not_mixed():
    found = {"a": curve(RISING).critical(), "b": curve(RISING, "sigma").critical()}
    with pytest.raises(ValueError, match=r"one quantity, got \['n_q', 'sigma'\]"):
        CompressionCurveDisplay.from_critical(found)
