import numpy as np
import pytest

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.displays import (
    EfficiencyDisplay,
    LearnabilityDisplay,
    SegmentDisplay,
)
from sklearn_learnability.metrics import compare_models

NAN = float("nan")


def make_display(efficiency, calibrated=(0.70, 0.68), score=(0.70, 0.69)):
    efficiency, calibrated = np.array(efficiency), np.array(calibrated)
    return EfficiencyDisplay(
        ["small", "large"],
        efficiency=efficiency,
        efficiency_lower=efficiency - 0.05,
        efficiency_upper=efficiency + 0.05,
        calibrated_efficiency=calibrated,
        calibrated_efficiency_lower=calibrated - 0.04,
        calibrated_efficiency_upper=calibrated + 0.04,
        score=score,
        score_name="F1",
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("other", [GoldenModelCeiling(), [0.5], np.zeros(3), None])
@pytest.mark.parametrize(
    "draw",
    [
        EfficiencyDisplay.from_comparison,
        LearnabilityDisplay.from_comparison,
        SegmentDisplay.from_report,
    ],
)
def test_what_is_no_result_is_named(draw, other):
    with pytest.raises(TypeError, match=rf"^Expected what .* returns, got {type(other).__name__}"):
        draw(other)


def test_plot_draws_points_intervals_and_numbers():
    display = make_display([0.62, 0.25])
    assert display.plot() is display
    assert display.figure_ is display.ax_.figure
    drawn = [tuple(np.atleast_1d(line.get_xdata())) for line in display.ax_.lines]
    for point in (0.62, 0.25, 0.70, 0.68):
        assert (point,) in drawn
    assert any(np.allclose(ends, (0.57, 0.67)) for ends in drawn if len(ends) == 2)
    assert any(np.allclose(ends, (0.64, 0.72)) for ends in drawn if len(ends) == 2)
    assert {"0.620", "0.250", "0.700", "0.680", "0.690"} <= set(texts(display.ax_))
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["small", "large"]


def test_first_model_on_top():
    ax = make_display([0.62, 0.25]).plot().ax_
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_given_axes_are_used(pyplot):
    figure, ax = pyplot.subplots()
    display = make_display([0.62, 0.25]).plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_undefined_is_written_not_dropped():
    ax = make_display([0.62, NAN], calibrated=[NAN, NAN]).plot().ax_
    assert texts(ax).count("undefined") == 3
    assert np.isfinite(ax.get_xlim()).all()


def test_far_below_zero_is_an_arrow_and_keeps_the_scale():
    ax = make_display([0.62, -4.9]).plot().ax_
    assert "◂ -4.900" in texts(ax)
    assert ax.get_xlim()[0] > -1
    assert "◂ -4.900" not in texts(make_display([0.62, -0.2]).plot().ax_)


def test_far_above_one_stays_in_the_picture():
    ax = make_display([0.62, 1.7]).plot().ax_
    assert ax.get_xlim()[1] > 1.7


def test_lengths_must_agree():
    display = make_display([0.62, 0.25])
    display.score = [0.5]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        display.plot()


def test_from_comparison_takes_the_numbers_of_each_model():
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=300)
    probas = {name: 0.2 + 0.5 * y + 0.2 * rng.uniform(size=300) for name in ("a", "b")}
    probas["c"] = 1 - probas["a"]
    comparison = compare_models(y, probas, learnability=0.8)
    frame = comparison.to_frame()
    display = EfficiencyDisplay.from_comparison(comparison, score="accuracy")
    assert display.names == ["a", "b", "c"]
    for part in ("efficiency", "calibrated_efficiency"):
        for column in (part, f"{part}_lower", f"{part}_upper"):
            np.testing.assert_array_equal(getattr(display, column), frame[column])
    np.testing.assert_array_equal(display.score, frame["accuracy"])
    np.testing.assert_array_equal(EfficiencyDisplay.from_comparison(comparison).score, frame["f1"])
    assert "◆ accuracy" in texts(display.ax_)
    with pytest.raises(ValueError, match=r"Expected score as one of .*got 'auc'"):
        EfficiencyDisplay.from_comparison(comparison, score="auc")


def test_the_interval_corrected_for_the_choice_stands_beside_the_best_model():
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=300)
    probas = {name: 0.2 + 0.5 * y + 0.2 * rng.uniform(size=300) for name in ("a", "b")}
    comparison = compare_models(y, probas, learnability=0.8)
    ax = EfficiencyDisplay.from_comparison(comparison).ax_
    drawn = [tuple(np.atleast_1d(line.get_xdata())) for line in ax.lines]
    for best in (comparison.best, comparison.calibrated_best):
        assert any(np.allclose(ends, (best.lower, best.upper)) for ends in drawn if len(ends) == 2)
    one = compare_models(y, {"a": probas["a"]}, learnability=0.8)
    assert EfficiencyDisplay.from_comparison(one).best is None


def test_bars_span_what_may_be_of_the_learnability_itself():
    display = make_display([0.62, 0.25])
    assert not display.plot().ax_.patches
    assert "ends" not in display.ax_.get_xlabel()
    display.efficiency_of_upper, display.efficiency_of_lower = [0.5, 0.2], [0.65, NAN]
    display.calibrated_efficiency_of_upper = [0.55, 0.6]
    display.calibrated_efficiency_of_lower = [0.8, 1.4]
    ax = display.plot().ax_
    right = ax.get_xlim()[1]
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    np.testing.assert_allclose(spans, [(0.5, 0.65), (0.55, 0.8), (0.6, right)])
    assert "both ends" in ax.get_xlabel()


def test_a_comparison_with_a_bracket_has_bars():
    y = np.random.default_rng(0).integers(0, 2, 500)
    probas = {"a": 0.3 + 0.4 * y, "b": 0.4 + 0.2 * y}
    compared = compare_models(y, probas, learnability=0.5, bracket=(0.4, 0.8))
    ax = EfficiencyDisplay.from_comparison(compared).ax_
    least = {bar.get_x() for bar in ax.patches}
    for model in compared.models:
        for part in (model.efficiency, model.calibrated_efficiency):
            assert part.efficiency_of_upper in least
