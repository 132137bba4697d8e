from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_learnability.displays import InformationPlaneDisplay, LayerProfileDisplay


def plane_at(step):
    """Two layers and their mean at two widths."""
    points = [
        SimpleNamespace(
            layer=layer,
            width=width,
            complexity=0.1 * width + 0.05 * step + shift,
            expressivity=0.05 * width + 0.02 * step + shift,
            complexity_null=0.04 * width,
            expressivity_null=0.03 * width,
            ceiling=0.5,
        )
        for layer, shift in [("first", 0.0), ("second", 0.02), ("mean", 0.01)]
        for width in (1, 2)
    ]
    return SimpleNamespace(points=tuple(points))


@pytest.fixture
def trajectory():
    return SimpleNamespace(planes=tuple(plane_at(step) for step in range(3)))


@pytest.fixture
def plane():
    return plane_at(2)


def drawn_lines(ax):
    """Return the lines by their name in the key."""
    return {line.get_label(): line for line in ax.lines}


def test_trajectory_of_each_width_in_the_order_of_training(trajectory):
    display = InformationPlaneDisplay.from_trajectory(trajectory)
    lines = drawn_lines(display.ax_)
    for width, name in [(1, "1 token"), (2, "2 tokens")]:
        start = 0.1 * width + 0.01
        np.testing.assert_allclose(lines[name].get_xdata(), start + np.array([0, 0.05, 0.1]))
        np.testing.assert_allclose(
            lines[name].get_ydata(), 0.05 * width + 0.01 + np.array([0, 0.02, 0.04])
        )
    assert lines["1 token"].get_color() != lines["2 tokens"].get_color()


def test_a_layer_can_be_chosen(trajectory):
    display = InformationPlaneDisplay.from_trajectory(trajectory, layer="second")
    np.testing.assert_allclose(drawn_lines(display.ax_)["1 token"].get_xdata()[0], 0.12)
    with pytest.raises(ValueError, match=r"among \['first', 'second', 'mean'\], got 'third'"):
        InformationPlaneDisplay.from_trajectory(trajectory, layer="third")


def test_null_stands_beside_each_trajectory(trajectory):
    display = InformationPlaneDisplay.from_trajectory(trajectory)
    crosses = [line for line in display.ax_.lines if line.get_marker() == "x"]
    drawn = {point for line in crosses for point in zip(*line.get_data(), strict=True)}
    assert drawn == {(0.04, 0.03), (0.08, 0.06)}


def test_bound_is_the_diagonal_of_equal_axes(trajectory):
    ax = InformationPlaneDisplay.from_trajectory(trajectory).ax_
    bound = ax.lines[0]
    np.testing.assert_array_equal(bound.get_xdata(), bound.get_ydata())
    assert ax.get_xlim() == ax.get_ylim()


def test_arrow_points_the_way_of_training():
    display = InformationPlaneDisplay(
        [1, 1],
        complexity=[0.3, 0.1],
        expressivity=[0.1, 0.2],
        complexity_null=[np.nan, np.nan],
        expressivity_null=[np.nan, np.nan],
    ).plot()
    (arrow,) = [text for text in display.ax_.texts if text.arrow_patch is not None]
    tip, tail = np.array(arrow.xy), np.array(arrow.get_position())
    assert (tip - tail) @ [-0.2, 0.1] > 0


def test_one_checkpoint_is_a_point_without_an_arrow():
    display = InformationPlaneDisplay(
        [1], complexity=[0.3], expressivity=[0.1], complexity_null=[0.1], expressivity_null=[0.1]
    ).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["bound"]


def test_layers_stand_in_their_order_without_the_mean(plane):
    display = LayerProfileDisplay.from_plane(plane)
    complexity, expressivity = display.axes_
    names = [label.get_text() for label in complexity.get_xticklabels()]
    assert names == ["first", "second"]
    np.testing.assert_allclose(drawn_lines(complexity)["2 tokens"].get_ydata(), [0.3, 0.32])
    np.testing.assert_allclose(drawn_lines(expressivity)["1 token"].get_ydata(), [0.09, 0.11])
    np.testing.assert_allclose(drawn_lines(complexity)["most possible"].get_ydata(), 0.5)


def test_null_of_each_side_is_dashed_in_the_colour_of_its_width(plane):
    display = LayerProfileDisplay.from_plane(plane)
    for ax, null in zip(display.axes_, (0.04, 0.03), strict=True):
        solid = drawn_lines(ax)["1 token"]
        dashed = [
            line
            for line in ax.lines
            if line.get_color() == solid.get_color()
            and line.get_linestyle() == "--"
            and len(line.get_xdata())
        ]
        np.testing.assert_allclose(dashed[0].get_ydata(), null)


def test_given_axes_are_used(plane, trajectory, pyplot):
    figure, ax = pyplot.subplots()
    display = InformationPlaneDisplay.from_trajectory(trajectory, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    figure, axes = pyplot.subplots(1, 2)
    display = LayerProfileDisplay.from_plane(plane, axes=axes)
    assert list(display.axes_) == list(axes)
    assert display.figure_ is figure


def test_lengths_must_agree():
    display = InformationPlaneDisplay(
        [1, 1], complexity=[0.1], expressivity=[0.1], complexity_null=[0.1], expressivity_null=[0.1]
    )
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        display.plot()
