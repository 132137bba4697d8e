import numpy as np
import pytest
from matplotlib.colors import to_hex

from sklearn_learnability.displays import SegmentDisplay
from sklearn_learnability.displays._drawing import BLUE, ORANGE, VERMILION
from sklearn_learnability.metrics import information_by_segment, log_loss_per_sample

NAN = float("nan")


def make_display(model, ceiling=0.3, status="undecided", efficiency=0.5):
    return SegmentDisplay(
        ["night", "day"],
        n_samples=[1200, 40],
        label_entropy=[0.9, 0.8],
        information=[model, 0.2],
        ceiling=[ceiling, 0.2],
        ceiling_lower=[ceiling - 0.1, 0.1],
        ceiling_upper=[ceiling + 0.1, 0.3],
        efficiency=[efficiency, 1.0],
        status=[status, "undecided"],
        units="bits",
    ).plot()


def parts(display):
    """Return the ends of the drawn parts of the first bar by their colour."""
    return {
        to_hex(bar.get_facecolor()).upper(): (bar.get_x(), bar.get_x() + bar.get_width())
        for bar in display.ax_.patches
        if bar.get_y() < 0.5
    }


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (0.1, {BLUE: (0, 0.1), ORANGE: (0.1, 0.3)}),
        (-0.05, {VERMILION: (-0.05, 0), ORANGE: (0, 0.3)}),
        (0.4, {BLUE: (0, 0.4)}),
    ],
)
def test_bar_is_what_is_explained_and_what_is_missed(model, expected):
    found = parts(make_display(model))
    assert found.keys() == expected.keys()
    for color, ends in expected.items():
        np.testing.assert_allclose(found[color], ends, atol=1e-12)


def test_names_carry_the_number_of_rows():
    labels = [label.get_text() for label in make_display(0.1).ax_.get_yticklabels()]
    assert labels == ["night\n1,200 rows", "day\n40 rows"]


def test_verdicts_and_undefined_efficiency_are_written():
    texts = make_display(0.1, status="leaves information", efficiency=NAN).ax_.texts
    written = {text.get_text(): text for text in texts}
    assert {"undefined", "1.000", "leaves information", "undecided"} <= written.keys()
    assert written["leaves information"].get_fontweight() == "bold"
    assert written["undecided"].get_fontweight() == "normal"


def test_far_below_zero_is_an_arrow():
    display = make_display(-5.0)
    assert "◂ -5.000" in [text.get_text() for text in display.ax_.texts]


def test_segment_without_information_is_left_empty():
    display = make_display(NAN, ceiling=NAN, efficiency=NAN, status="one class")
    assert parts(display) == {}


def test_given_axes_are_used(pyplot):
    figure, ax = pyplot.subplots()
    display = make_display(0.1).plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_lengths_must_agree():
    display = make_display(0.1)
    display.status = ["undecided"]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        display.plot()


def test_from_report_puts_the_largest_loss_first_and_small_segments_last():
    rng = np.random.default_rng(0)
    segments = np.repeat(["a", "b", "tiny"], [900, 900, 10])
    truth = rng.uniform(0.05, 0.95, 1810)
    y = (rng.random(1810) < truth).astype(int)
    model = np.where(segments == "a", truth, 0.5)
    with pytest.warns(UserWarning, match="tiny"):
        report = information_by_segment(
            y, model, segments, reference_nll=log_loss_per_sample(y, truth)
        )
    display = SegmentDisplay.from_report(report)
    assert display.names == ["b", "a", "tiny", "(within segments)"]
    b = report.segments[1]
    expected = b.label_entropy * b.efficiency.learnability.value
    assert display.ceiling[0] == pytest.approx(expected)
    loss = log_loss_per_sample(y, truth)[segments == "b"].mean()
    assert display.ceiling[0] == pytest.approx(b.label_entropy - loss)
    assert display.status[1] == "at its ceiling"
    assert display.ax_.get_xlabel().endswith("(bits)")
