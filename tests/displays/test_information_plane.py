from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_learnability.displays import (
    ContextInformationDisplay,
    InformationPlaneDisplay,
    LayerProfileDisplay,
)


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
            entropy=0.8,
            conditional=0.1 + 0.05 * step + shift if width == 1 else 0.1,
            conditional_null=0.04,
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


def draw_models(**settings):
    planes = {f"model-{step}": plane_at(step) for step in range(3)}
    return InformationPlaneDisplay.from_planes(planes, **settings)


def points_of(ax):
    """Return the places of points, white ones first."""
    return np.concatenate([np.asarray(part.get_offsets()) for part in ax.collections])


def names_on(ax):
    return {text.get_text(): text for text in ax.texts}


def test_models_are_points_with_their_names_and_no_line_joins_them():
    ax = draw_models(width=2).ax_
    expected = [(0.21 + 0.05 * step, 0.11 + 0.02 * step) for step in range(3)]
    np.testing.assert_allclose(points_of(ax), expected)
    names = names_on(ax)
    assert list(names) == ["model-0", "model-1", "model-2"]
    for name, place in zip(names, expected, strict=True):
        np.testing.assert_allclose(names[name].xy, place)
    joined = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [line.get_label() for line in joined] == ["bound"]
    crosses = drawn_lines(ax)["labels without meaning"]
    assert set(zip(*crosses.get_data(), strict=True)) == {(0.08, 0.06)}


def test_models_are_coloured_by_performance_and_white_without():
    ax = draw_models(performance={"model-2": 30.0, "model-0": 10.0}).ax_
    white, colored = ax.collections
    np.testing.assert_allclose(white.get_offsets(), [(0.16, 0.08)])
    np.testing.assert_allclose(colored.get_array(), [10, 30])
    assert colored.get_cmap().name == "cividis"
    (beside,) = ax.child_axes
    assert beside.get_ylabel() == "performance"
    assert draw_models().ax_.child_axes == []
    with pytest.raises(ValueError, match="got that of 'model-9'"):
        draw_models(performance={"model-9": 1.0})


def test_a_width_can_be_chosen():
    with pytest.raises(ValueError, match=r"a width among \[1, 2\], got 3"):
        draw_models(width=3)


def test_names_of_a_crowd_stay_apart():
    rng = np.random.default_rng(0)
    complexity = rng.normal(0.17, 0.02, 24)
    display = InformationPlaneDisplay(
        np.ones(24),
        complexity=complexity,
        expressivity=complexity * rng.uniform(0.3, 0.5, 24),
        complexity_null=np.full(24, 0.03),
        expressivity_null=np.full(24, 0.03),
        names=[f"a-model-of-size-{i}" for i in range(24)],
    ).plot()
    display.figure_.canvas.draw()
    from matplotlib.text import Text

    boxes = [Text.get_window_extent(text) for text in display.ax_.texts]
    overlapping = [
        (i, j) for i in range(24) for j in range(i) if boxes[i].padded(-1).overlaps(boxes[j])
    ]
    assert len(overlapping) <= 1
    frame = display.ax_.get_window_extent()
    assert all(box.x0 > frame.x0 - 2 and box.x1 < frame.x1 + 2 for box in boxes)


def test_null_far_from_the_models_is_said_to_be_off_the_axes():
    display = InformationPlaneDisplay(
        [1, 1],
        complexity=[0.30, 0.31],
        expressivity=[0.20, 0.21],
        complexity_null=[0.01, 0.01],
        expressivity_null=[0.01, 0.01],
        names=["a", "b"],
    ).plot()
    assert "labels without meaning, off the axes" in drawn_lines(display.ax_)
    assert display.ax_.get_xlim()[0] > 0.2


@pytest.mark.parametrize("shares", [True, False])
def test_bars_are_the_entropy_and_its_parts(trajectory, shares):
    trajectory.names = ("first", "second", "third")
    display = ContextInformationDisplay.from_trajectory(trajectory, shares=shares)
    whole = 0.8 if shares else 1.0
    one, two, residual, *null, _ = display.ax_.containers
    conditional = np.array([0.11, 0.16, 0.21])
    np.testing.assert_allclose([bar.get_width() for bar in one], conditional / whole)
    np.testing.assert_allclose([bar.get_width() for bar in two], 0.1 / whole)
    ends = [bar.get_x() + bar.get_width() for bar in residual]
    np.testing.assert_allclose(ends, 0.8 / whole)
    np.testing.assert_allclose([bar.get_x() for bar in residual], (conditional + 0.1) / whole)
    np.testing.assert_allclose([[bar.get_width() for bar in part] for part in null], 0.04 / whole)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [*trajectory.names]
    assert one[0].get_y() < one[1].get_y()
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]


def test_bars_of_several_widths_are_refused(plane):
    other = SimpleNamespace(points=plane.points[::2])
    with pytest.raises(ValueError, match=r"of the same widths, got \[\(1,\), \(1, 2\)\]"):
        ContextInformationDisplay.from_planes({"a": plane, "b": other})


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
