"""Every display: long names, axes in a crowded figure, nothing to draw, and what an axis cuts."""

import sys

import numpy as np
import pytest

from sklearn_learnability.displays import (
    ComplexityAgainstCompressibilityDisplay,
    CompressionCurveDisplay,
    ContextInformationDisplay,
    DescriptionLengthDisplay,
    EfficiencyDisplay,
    FeatureGroupDisplay,
    InformationPlaneDisplay,
    LayerProfileDisplay,
    LearnabilityCurveDisplay,
    LearnabilityDisplay,
    LLCSensitivityDisplay,
    LLCTraceDisplay,
    PerformanceRelationDisplay,
    ReliabilityDisplay,
    SegmentDisplay,
    ShortfallDisplay,
)
from sklearn_learnability.displays._layout import short_name
from sklearn_learnability.metrics import linear_association

LONG = "HistGradientBoostingClassifier(max_depth=3) on bag of words, tuned"
NAMES = ["small", LONG, "sklearn_pipeline__column_transformer__hist_gradient_boosting_clf_2"]
NAN = float("nan")


def learnability(scale=1.0):
    return LearnabilityDisplay(
        NAMES,
        label_entropy=scale * np.ones(3),
        information=scale * np.array([0.16, -0.2, -5]),
        calibrated_information=scale * np.array([0.18, 0.17, 0.1]),
        ceiling=scale * np.full(3, 0.25),
        ceiling_lower=scale * np.array([0.22, 0.22, -0.9]),
        ceiling_upper=scale * np.array([0.28, 0.28, 1.3]),
        units="bits",
    )


def efficiency(scale=1.0):
    return EfficiencyDisplay(
        NAMES,
        efficiency=scale * np.array([0.62, 0.25, -7]),
        efficiency_lower=scale * np.array([0.57, -3, -9]),
        efficiency_upper=scale * np.array([0.67, 2.9, -5]),
        calibrated_efficiency=scale * np.array([0.7, 0.68, 9]),
        calibrated_efficiency_lower=scale * np.array([0.66, 0.63, 5]),
        calibrated_efficiency_upper=scale * np.array([0.74, np.inf, 12]),
        score=scale * np.array([0.7, 0.69, 0.2]),
        score_name="F1",
    )


def segments(scale=1.0):
    return SegmentDisplay(
        NAMES,
        n_samples=[400, 900, 100],
        label_entropy=scale * np.array([0.9, 0.8, 0.7]),
        information=scale * np.array([0.05, 0.3, -3]),
        ceiling=scale * np.array([0.25, 0.31, 0.2]),
        ceiling_lower=scale * np.array([0.2, 0.28, -0.5]),
        ceiling_upper=scale * np.array([0.3, 0.34, 1.0]),
        efficiency=scale * np.array([0.2, 0.97, -15]),
        status=["leaves information", "at its ceiling", "loses bits"],
        units="bits",
    )


def plane(scale=1.0):
    return InformationPlaneDisplay(
        [1, 1, 1],
        complexity=scale * np.array([0.1, 0.3, 0.25]),
        expressivity=scale * np.array([0.04, 0.15, 0.16]),
        complexity_null=scale * np.full(3, 0.03),
        expressivity_null=scale * np.full(3, 0.03),
    )


def models(scale=1.0):
    return InformationPlaneDisplay(
        [1, 1, 1],
        complexity=scale * np.array([0.1, 0.3, 0.25]),
        expressivity=scale * np.array([0.04, 0.15, 0.16]),
        complexity_null=scale * np.full(3, 0.03),
        expressivity_null=scale * np.full(3, 0.03),
        names=NAMES,
        performance=[0.2, 0.5, NAN],
    )


def contexts(scale=1.0):
    return ContextInformationDisplay(
        NAMES,
        [1, 2],
        conditional=scale * np.array([[0.2, 0.1], [0.15, 0.2], [0.1, 0.3]]),
        conditional_null=scale * np.full((3, 2), 0.05),
        entropy=scale * np.full(3, 0.7),
    )


def profile(scale=1.0):
    return LayerProfileDisplay(
        NAMES,
        [1, 1, 1],
        complexity=scale * np.array([0.3, 0.25, 0.2]),
        expressivity=scale * np.array([0.1, 0.15, 0.2]),
        complexity_null=scale * np.full(3, 0.03),
        expressivity_null=scale * np.full(3, 0.03),
        ceiling=scale * np.full(3, 0.33),
    )


def curves(scale=1.0):
    return CompressionCurveDisplay(
        [NAMES[1]] * 4 + [NAMES[2]] * 4,
        [64, 32, 16, 8] * 2,
        scale * np.array([0, 0.1, 0.9, 8, 0, 0.05, 0.3, 0.6]),
        standard_errors=np.full(8, 0.05),
        critical={NAMES[1]: 24, NAMES[2]: 10},
        tolerance=0.5,
        quantity="n_q",
    )


def code_lengths(scale=1.0):
    n = np.geomspace(2, 1e5, 50)
    return DescriptionLengthDisplay(
        NAMES,
        n_samples=n,
        code_lengths=scale * np.array([0.3 + 2 / n, 0.1 + 20 / n, 200 / n]),
        phase_models=NAMES,
        phase_starts=[2, 30, 1000],
        phase_ends=[30, 1000, 1e5],
        at=200,
        units="nats",
    )


def compressibility(scale=1.0):
    return ComplexityAgainstCompressibilityDisplay(
        [([16, 8, 4], scale * np.array([0, 0.2, 5]), 1.0)],
        groups=[LONG] * 3,
        llc=scale * np.array([1.0, 2, 4]),
        critical=[5.0, 6, 9],
        tolerances=[0.5] * 3,
        used=[scale == 1] * 3,
        lines={0.5: linear_association([1.0, 2, 4], [5.0, 6, 9])} if scale == 1 else {},
        quantity="n_q",
    )


def sensitivity(scale=1.0):
    return LLCSensitivityDisplay(
        [10, 100], [1, 1], value=scale * np.ones(2), standard_error=[0.1, 0.1], trusted=[True, True]
    )


def trace(scale=1.0):
    return LLCTraceDisplay(
        scale * np.random.RandomState(0).rand(3, 20),
        inverse_temperature=100,
        distance_to_chance=2.0,
    )


def curve(scale=1.0):
    return LearnabilityCurveDisplay(
        [400, 800, 1600],
        learnability=scale * np.array([0.20, 0.25, 0.28]),
        lower=scale * np.array([0.17, 0.22, 0.25]),
        upper=scale * np.array([0.23, 0.28, 0.31]),
        more_rows=[3200, 16000],
        more_lower=scale * np.array([0.27, 0.28]),
        more_upper=scale * np.array([0.34, 0.40]),
        bracket=(scale * 0.26, scale * 0.46),
    )


def feature_groups(scale=1.0):
    return FeatureGroupDisplay(
        NAMES,
        shapley=scale * np.array([0.2, 0.1, -0.4]),
        shapley_lower=scale * np.array([0.18, -0.8, -0.5]),
        shapley_upper=scale * np.array([0.22, 0.9, -0.3]),
        alone=scale * np.array([0.25, 0.15, -2.0]),
        alone_lower=scale * np.array([0.22, 0.12, -3.0]),
        alone_upper=scale * np.array([0.28, 0.18, -1.0]),
        on_top=scale * np.array([0.15, 0.05, 0.3]),
        on_top_lower=scale * np.array([0.13, 0.03, 0.2]),
        on_top_upper=scale * np.array([0.17, 0.07, 0.4]),
    )


def shortfall(scale=1.0):
    return ShortfallDisplay(
        NAMES,
        learnability=scale * 0.22,
        bracket=(scale * 0.2, scale * 0.25),
        behind=scale * np.array([0.07, 0.01, 4.0]),
        behind_lower=scale * np.array([0.06, -0.01, 3.0]),
        behind_upper=scale * np.array([0.9, 0.02, 5.0]),
        efficiency_of_upper=scale * np.array([0.55, 0.85, -14]),
        efficiency_of_lower=scale * np.array([0.72, 1.02, -9]),
        answer=["room for a better model", "at the ceiling", "room for a better model"],
        truth=scale * 0.24,
    )


def performance_relation(scale=1.0):
    return PerformanceRelationDisplay(
        NAMES,
        raw=scale * np.array([0.8, 0.1, -0.9]),
        raw_lower=scale * np.array([0.6, -0.3, -1.0]),
        raw_upper=scale * np.array([0.9, 0.5, -0.7]),
        controlled=scale * np.array([0.6, 0.0, -0.2]),
        controlled_lower=scale * np.array([0.2, -0.4, NAN]),
        controlled_upper=scale * np.array([0.8, 0.4, NAN]),
        detectable=scale * np.array([0.5, 0.5, NAN]),
        verdicts=["related beyond scale", "explained by scale and family", "no verdict"],
    )


def reliability(scale=1.0):
    return ReliabilityDisplay(
        scale * np.array([0.1, 0.5, 0.9]),
        scale * np.array([0.3, 0.5, 0.8]),
        band_lower=scale * np.array([0.05, 0.45, 0.85]),
        band_upper=scale * np.array([0.15, 0.55, 0.95]),
        cost=scale * np.array([0.05, -0.001, 0.02]),
        cost_lower=scale * np.array([0.03, 0.0, 0.01]),
        cost_upper=scale * np.array([0.9, 0.003, 0.03]),
        calibration_loss=scale * 0.07,
        remainder=scale * 0.001,
        units="bits",
    )


DISPLAYS = [
    performance_relation,
    reliability,
    shortfall,
    learnability,
    curve,
    efficiency,
    feature_groups,
    segments,
    plane,
    models,
    contexts,
    profile,
    curves,
    code_lengths,
    compressibility,
    sensitivity,
    trace,
]
each_display = pytest.mark.parametrize("make", DISPLAYS, ids=lambda make: make.__name__)


def axes_of(display):
    return list(display.axes_) if hasattr(display, "axes_") else [display.ax_]


def boxes(axes):
    return [ax.get_tightbbox() for ax in axes]


@each_display
def test_all_is_within_the_figure_and_the_axes_are_most_of_it(make):
    display = make().plot()
    figure = display.figure_
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for box in boxes(figure.axes):
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1
    assert sum(ax.get_window_extent().width for ax in axes_of(display)) > 0.3 * width


@each_display
def test_given_axes_stay_in_their_place(make, pyplot):
    """A display holds to the room that the axes had with their ticks, and fills most of it."""
    _, grid = pyplot.subplots(1, 3, figsize=(12, 3.5))
    two = make in (profile, compressibility, reliability)
    places = boxes(grid[:2])
    display = make().plot(list(grid[:2]) if two else grid[0])
    for box, place in zip(boxes(axes_of(display)), places, strict=False):
        np.testing.assert_array_less(np.abs(box.get_points() - place.get_points()), 30)
        if make is not profile:  # its key needs more room than that
            assert box.x1 <= place.x1 + 12
            assert box.x0 >= place.x0 - 2


@pytest.mark.parametrize("make", [learnability, profile])
def test_a_layout_of_the_figures_own_is_left_alone(make, pyplot):
    figure, axes = pyplot.subplots(1, 2, figsize=(14, 4), layout="constrained")
    if make is learnability:
        make().plot(axes[0])
    else:
        make().plot(list(axes))
    figure.canvas.draw()
    first, second = boxes(axes)
    assert not first.overlaps(second)
    assert figure.get_layout_engine() is not None


def test_columns_are_left_out_where_there_is_no_room(pyplot):
    _, wide = pyplot.subplots(figsize=(12, 4))
    _, narrow = pyplot.subplots(figsize=(4, 4))
    written = [
        [text.get_text() for text in learnability().plot(ax).ax_.texts] for ax in (wide, narrow)
    ]
    assert "calibrated" in written[0]
    assert "calibrated" not in written[1]


@each_display
def test_a_missing_matplotlib_is_named_with_its_extra(make, monkeypatch):
    display = make()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"Expected matplotlib to be installed.*'\.\[plot\]'"):
        display.plot()


@each_display
def test_nothing_finite_is_said(make):
    display = make(NAN).plot()
    if make is curves:  # whose losses that are not finite have crosses
        crosses = [line for line in display.ax_.lines if line.get_marker() == "x"]
        assert sum(len(line.get_xdata()) for line in crosses) == 8
        return
    for ax in axes_of(display):
        assert "no value is finite" in " ".join(text.get_text() for text in ax.texts).replace(
            "\n", " "
        )


def arrows(ax):
    return {
        (line.get_marker(), *np.round(line.get_xydata()[0], 3))
        for line in ax.lines
        if line.get_marker() in "<>^" and len(line.get_xdata())
    }


def test_ends_beyond_the_axes_are_arrows():
    ax = efficiency().plot().ax_
    left, right = np.round(ax.get_xlim(), 3)
    assert arrows(ax) == {("<", left, 0.85), (">", right, 0.85), (">", right, 1.15)}
    written = [text.get_text() for text in ax.texts]
    assert "◂ -7.000" in written
    assert "9.000 ▸" in written
    for make in (learnability, segments):
        ax = make().plot().ax_
        left, right = np.round(ax.get_xlim(), 3)
        assert arrows(ax) == {("<", left, 2), (">", right, 2)}
    assert arrows(curves().plot().ax_) == {("^", 8, 0.98)}
    assert arrows(compressibility().plot().axes_[0]) == {("^", 4, 0.98)}


def test_names_keep_both_ends():
    assert short_name("small") == "small"
    assert short_name(LONG) == "HistGradient…ords, tuned"
    assert short_name(LONG, lines=2) == "HistGradientBoostingClas\n… on bag of words, tuned"
    assert short_name("two words of a long name", 12, lines=2) == "two words of\na long name"
    assert short_name("costs $US$") == r"costs \$US\$"
    short = [short_name(f"model.layers.{i}.self_attention.output.dense", 20) for i in range(3)]
    assert max(map(len, short)) == 20


def test_a_name_that_begins_with_an_underscore_has_its_key():
    display = CompressionCurveDisplay(["_a", "b"] * 2, [1, 1, 2, 2], [0.1, 0.2, 0.3, 0.4]).plot()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [" _a", "b"]


@each_display
def test_axes_of_another_number_or_kind_are_refused(make, pyplot):
    _, grid = pyplot.subplots(1, 3)
    panels = 2 if make in (profile, compressibility, reliability) else 1
    display = make()
    for wrong in (grid, "axes", pyplot.gcf()):
        with pytest.raises((TypeError, ValueError), match=r"Expected ax.* matplotlib Axes, got"):
            display.plot(wrong)
    assert not any(ax.has_data() for ax in grid)
    if panels == 2:
        with pytest.raises(ValueError, match=r"Expected axes as 2 matplotlib Axes, got 1\."):
            display.plot(grid[0])


def test_panels_of_a_grid_are_taken_row_by_row(pyplot):
    _, grid = pyplot.subplots(2, 1)
    display = reliability().plot(grid[:, None])
    assert axes_of(display) == list(grid)
