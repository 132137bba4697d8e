import numpy as np
import pandas as pd
import pytest

plt = pytest.importorskip("matplotlib.pyplot")

from sklearn_learnability.displays import NetworkProfileDisplay  # noqa: E402

NAN = float("nan")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def tables(**changes):
    columns = {
        "checkpoint": ["narrow", "wide"],
        "efficiency": [0.4, 0.7],
        "efficiency_lower": [0.3, 0.6],
        "efficiency_upper": [0.5, 0.8],
        "calibrated_efficiency": [0.5, 0.75],
        "calibrated_efficiency_lower": [0.4, 0.7],
        "calibrated_efficiency_upper": [0.6, 0.8],
        "llc": [10.0, 30.0],
        "llc_total_error": [1.0, 4.0],
        "llc_flags": ["", "drift"],
        "critical_bits": [3.0, 4.0],
        "description_length": [900.0, 800.0],
    }
    layers = pd.DataFrame(
        {
            "checkpoint": ["narrow", "narrow", "wide"],
            "layer": ["0", "1", "0"],
            "complexity": [1.0, 0.5, 2.0],
            "expressivity": [0.2, 0.3, 0.25],
            "expressivity_null": [0.01, 0.01, 0.02],
        }
    )
    return pd.DataFrame(columns | changes), layers


def points_of(ax):
    """Return the drawn points (x, y, fill) of axes."""
    return [
        (x, y, line.get_fillstyle())
        for line in ax.lines
        if line.get_marker() == "o"
        for x, y in zip(*line.get_data(), strict=True)
    ]


def test_every_quantity_has_its_panel():
    display = NetworkProfileDisplay(*tables()).plot()
    efficiency, kept, told, llc, bits, code = display.axes_
    assert {y for _, y, _ in points_of(efficiency)} == {0.4, 0.7, 0.5, 0.75}
    assert {y for _, y, _ in points_of(kept)} == {1.0, 0.5, 2.0}
    assert {y for _, y, _ in points_of(told)} == {0.2, 0.3, 0.25}
    assert points_of(llc) == [(0, 10.0, "full"), (1, 30.0, "none")]
    assert {y for _, y, _ in points_of(bits)} == {3.0, 4.0}
    assert {y for _, y, _ in points_of(code)} == {100.0, 0.0}
    (errors,) = llc.collections
    assert np.allclose([path[:, 1] for path in errors.get_segments()], [[9, 11], [26, 34]])


def test_what_was_not_measured_is_said():
    unknown = {"llc": [NAN, NAN], "llc_total_error": [NAN, NAN], "llc_flags": ["", ""]}
    table, _ = tables(**unknown, description_length=[NAN, NAN])
    display = NetworkProfileDisplay(table, pd.DataFrame()).plot()
    said = [" ".join(text.get_text() for text in ax.texts) for ax in display.axes_]
    assert ["nothing" in text for text in said] == [False, True, True, True, False, True]


def test_an_error_larger_than_the_value_is_cut_with_an_arrow():
    table, layers = tables(llc_total_error=[1.0, 1400.0])
    llc = NetworkProfileDisplay(table, layers).plot().axes_[3]
    assert llc.get_ylim()[1] < 100
    arrows = [line.get_xdata().tolist() for line in llc.lines if line.get_marker() == "^"]
    assert arrows == [[1]]


def test_long_names_fit_in_the_figure():
    names = ["HistGradientBoosting(max_depth=3) on bag of words", "a network of six layers, tuned"]
    table, layers = tables(checkpoint=names)
    figure = NetworkProfileDisplay(table, layers.assign(checkpoint=names[0])).plot().figure_
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for box in (ax.get_tightbbox() for ax in figure.axes):
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1


def test_other_results_are_refused():
    with pytest.raises(TypeError, match="profile_checkpoints"):
        NetworkProfileDisplay.from_result(tables()[0])


def test_a_profile_of_one_network_is_drawn():
    torch = pytest.importorskip("torch")
    from sklearn_learnability.torch import network_profile

    generator = torch.Generator().manual_seed(0)
    X = torch.randn(200, 3, generator=generator)
    y = (X.sum(1) + torch.randn(200, generator=generator) > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    found = network_profile(model, X[:100], y[:100], X[100:], y[100:], ceiling=0.5, progress=False)
    display = NetworkProfileDisplay.from_result(found)
    assert display.axes_[0].get_xticklabels()[0].get_text() == "network"
