import numpy as np
import pytest

from sklearn_learnability.displays import InfluenceDisplay

VALUE = np.array([0.1, -0.3, 0.4, 0.0, 0.2])


def influence(position=0):
    pytest.importorskip("torch")
    import sklearn_learnability.torch as torch_wing

    of = np.arange(5)
    on = np.arange(2)
    value = np.stack([VALUE, -VALUE], axis=1)
    return torch_wing.Influence(
        value, np.full((5, 2), 0.05), np.zeros((5, 2)), of + 10, of * position, on, 0 * on
    )


def names(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def widths(display):
    return {bar.get_y() + 0.3: bar.get_width() for bar in display.ax_.patches}


def test_bars_are_the_influences_the_most_helpful_on_top():
    display = InfluenceDisplay.from_influence(influence(), n_each=2)
    assert names(display) == ["row 12", "row 14", "row 13", "row 11"]
    assert widths(display) == pytest.approx({0.0: 0.4, 1.0: 0.2, 2.0: 0.0, 3.0: -0.3})
    (lines,) = display.ax_.collections
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    assert np.allclose(ends, np.array([0.4, 0.2, 0.0, -0.3])[:, None] + [-0.1, 0.1])


def test_few_rows_are_all_drawn_and_the_column_is_chosen():
    display = InfluenceDisplay.from_influence(influence(), on=1)
    assert names(display) == ["row 11", "row 13", "row 10", "row 14", "row 12"]


def test_tokens_are_named():
    display = InfluenceDisplay.from_influence(influence(position=1), n_each=1)
    assert names(display) == ["row 12, token 2", "row 11, token 1"]


def test_helpful_and_harmful_rows_differ_in_colour():
    display = InfluenceDisplay(["a", "b"], value=[1, -1], standard_error=[0.1, np.nan]).plot()
    colors = {bar.get_width(): bar.get_facecolor() for bar in display.ax_.patches}
    assert colors[1] != colors[-1]
    (lines,) = display.ax_.collections
    assert len(lines.get_segments()) == 1


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="Expected on as an integer >= 0 and <= 1, got 2"):
        InfluenceDisplay.from_influence(influence(), on=2)
    with pytest.raises(TypeError, match=r"Expected what PosteriorLosses.influence returns"):
        InfluenceDisplay.from_influence("influence")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        InfluenceDisplay(["a"], value=[1, 2], standard_error=[1, 2]).plot()
