from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_learnability.displays import LLCSensitivityDisplay, LLCTraceDisplay


def estimate(trace, **changes):
    settings = SimpleNamespace(inverse_temperature=50.0, n_discarded=10)
    fields = {"loss_trace": trace, "settings": settings, "chance_loss": 2.0, "initial_loss": 1.5}
    return SimpleNamespace(**fields | changes)


def drawn_lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_every_chain_is_drawn_after_the_draws_discarded():
    trace = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    ax = LLCTraceDisplay.from_estimate(estimate(trace)).ax_
    for line, chain in zip(ax.lines, trace, strict=False):
        np.testing.assert_allclose(line.get_xdata(), [11, 12, 13])
        np.testing.assert_allclose(line.get_ydata(), chain)


def test_running_mean_leaves_out_a_chain_that_stopped():
    trace = np.array([[0.1, 0.2, 0.3], [0.4, np.nan, np.nan]])
    ax = LLCTraceDisplay.from_estimate(estimate(trace)).ax_
    np.testing.assert_allclose(drawn_lines(ax)["mean so far"].get_ydata(), [0.1, 0.15, 0.2])


def test_right_axis_is_the_coefficient():
    ax = LLCTraceDisplay.from_estimate(estimate(np.array([[0.1, 0.3]]))).ax_
    ax.figure.canvas.draw()
    (right,) = ax.child_axes
    np.testing.assert_allclose(right.get_ylim(), 50 * np.array(ax.get_ylim()))


@pytest.mark.parametrize(("chance_loss", "drawn"), [(1.7, True), (9.0, False), (np.nan, False)])
def test_chance_is_drawn_where_chains_come_near_it(chance_loss, drawn):
    found = estimate(np.array([[0.1, 0.2]]), chance_loss=chance_loss)
    lines = drawn_lines(LLCTraceDisplay.from_estimate(found).ax_)
    assert ("chance" in lines) == drawn
    if drawn:
        np.testing.assert_allclose(lines["chance"].get_ydata(), chance_loss - 1.5)


def sensitivity():
    rows = [(10, 1, 1.0, True), (10, 1, 1.2, True), (100, 1, 2.0, True), (100, 1, 2.2, False)]
    estimates = [
        SimpleNamespace(
            settings=SimpleNamespace(
                inverse_temperature=float(inverse_temperature), localization=float(pull)
            ),
            value=value,
            standard_error=0.1,
            trusted=trusted,
        )
        for inverse_temperature, pull, value, trusted in [*rows, (10, 5, 0.5, True)]
    ]
    return SimpleNamespace(estimates=tuple(estimates))


def test_a_line_for_each_localization_through_the_means_over_seeds():
    ax = LLCSensitivityDisplay.from_sensitivity(sensitivity()).ax_
    lines = drawn_lines(ax)
    np.testing.assert_allclose(lines["1"].get_data(), [[10, 100], [1.1, 2.1]])
    np.testing.assert_allclose(lines["5"].get_data(), [[10], [0.5]])
    assert lines["1"].get_color() != lines["5"].get_color()


def test_estimates_that_are_not_trusted_are_open_points():
    ax = LLCSensitivityDisplay.from_sensitivity(sensitivity()).ax_
    points = [line for line in ax.lines if line.get_marker() == "o"]
    open_points = [line for line in points if line.get_markerfacecolor() == "white"]
    assert [float(line.get_ydata()[0]) for line in open_points] == [2.2]
    assert len(points) == 5


def test_given_axes_are_used(pyplot):
    figure, (left, right) = pyplot.subplots(1, 2)
    display = LLCTraceDisplay([[0.1, 0.2]], inverse_temperature=10).plot(left)
    assert display.ax_ is left
    assert display.figure_ is figure
    display = LLCSensitivityDisplay.from_sensitivity(sensitivity(), ax=right)
    assert display.ax_ is right


def test_lengths_must_agree():
    display = LLCSensitivityDisplay([1], [1, 2], value=[1], standard_error=[1], trusted=[True])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        display.plot()
