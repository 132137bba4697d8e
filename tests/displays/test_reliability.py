import numpy as np
import pytest
from matplotlib.colors import to_hex

from sklearn_learnability.displays import ReliabilityDisplay
from sklearn_learnability.displays._drawing import BLUE, VERMILION
from sklearn_learnability.metrics import reliability


@pytest.fixture(scope="module")
def rows():
    rng = np.random.RandomState(0)
    said = rng.uniform(0.05, 0.95, size=2000)
    right = np.where(said < 0.5, said, 0.5 + 0.4 * (said - 0.5))
    return (rng.uniform(size=2000) < right).astype(int), said


def test_points_bars_and_costs_are_those_of_the_result(rows):
    found = reliability(*rows, random_state=0)
    display = ReliabilityDisplay.from_reliability(found)
    diagram, costs = display.axes_
    drawn = {
        tuple(point)
        for line in diagram.lines
        if line.get_marker() == "o"
        for point in line.get_xydata()
    }
    assert drawn == {(part.predicted, part.observed) for part in found.bins}
    widths = [bar.get_width() for bar in costs.patches]
    assert widths == [part.cost.value for part in found.bins]
    bands = [path.vertices[:, 1].tolist() for path in diagram.collections[0].get_paths()]
    assert bands == [[part.band_lower, part.band_upper] for part in found.bins]


def test_bins_that_chance_does_not_explain_stand_out(rows):
    display = ReliabilityDisplay.from_predictions(*rows, random_state=0)
    colors = [to_hex(bar.get_facecolor()).upper() for bar in display.axes_[1].patches]
    assert colors[-3:] == [VERMILION] * 3  # too sure above one half
    assert colors[0] == BLUE
    bottom, top = display.axes_[1].get_ylim()
    assert bottom < top  # the largest probabilities on top


def test_the_label_says_how_the_costs_add_up(rows):
    display = ReliabilityDisplay.from_predictions(*rows, units="nats", random_state=0)
    total = f"{sum(display.cost):.2g}"
    assert display.axes_[1].get_xlabel().startswith(f"cost (nats), together {total}\n")
    assert sum(display.cost) + display.remainder == pytest.approx(display.calibration_loss)


def test_what_is_no_result_is_named():
    with pytest.raises(TypeError, match=r"^Expected what reliability returns, got list\.$"):
        ReliabilityDisplay.from_reliability([0.5])


def test_bins_near_one_are_told_from_each_other_and_from_one():
    said = np.repeat([0.5, 0.996, 0.9999, 1.0], 50)
    display = ReliabilityDisplay.from_predictions(said > 0.6, said, random_state=0)
    names = [label.get_text() for label in display.axes_[1].get_yticklabels()]
    assert sorted(names) == ["0.5", "1", "1 - 0.0001", "1 - 0.004"]
