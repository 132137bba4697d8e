from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_learnability.displays import ShortfallDisplay

NAN = float("nan")
BRACKET = SimpleNamespace(learnability=0.22, lower=0.2, upper=0.25, largest_gap=0.03)


def verdict(behind, least=0.5, most=0.7, answer="cannot tell"):
    return SimpleNamespace(
        behind=behind,
        behind_lower=behind - 0.01,
        behind_upper=behind + 0.02,
        efficiency_of_upper=least,
        efficiency_of_lower=most,
        answer=answer,
    )


def test_band_ceiling_truth_and_models_are_where_the_numbers_are():
    verdicts = {"a": verdict(0.07), "b": verdict(0.01, answer="at the ceiling")}
    ax = ShortfallDisplay.from_shortfall(BRACKET, verdicts, truth=0.24).ax_
    (band,) = ax.patches
    drawn_band = ax.transData.inverted().transform(band.get_window_extent().get_points())
    np.testing.assert_allclose(drawn_band[:, 0], [0.2, 0.25])
    at = {line.get_label(): line.get_xdata()[0] for line in ax.lines}
    assert (at["ceiling"], at["truth"]) == (0.22, 0.24)
    points = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, [(0.15, 0), (0.21, 1)])
    drawn = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 2]
    np.testing.assert_allclose(drawn, [(0.13, 0.16), (0.19, 0.22)])
    texts = [text.get_text() for text in ax.texts]
    assert texts == [
        *("efficiency", "0.50 to 0.70", "0.50 to 0.70"),
        *("verdict", "cannot tell", "at the ceiling"),
    ]


def test_a_bracket_is_drawn_without_models_and_without_a_truth(pyplot):
    _, ax = pyplot.subplots()
    assert ShortfallDisplay.from_shortfall(BRACKET, ax=ax).ax_ is ax
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["bracket", "ceiling"]


def test_what_is_undefined_is_written_and_what_is_far_off_is_an_arrow():
    verdicts = {
        "unknown": verdict(NAN, NAN, NAN),
        "bad": verdict(3.0, -14.0, NAN),
    }
    ax = ShortfallDisplay.from_shortfall(BRACKET, verdicts).ax_
    texts = [text.get_text() for text in ax.texts]
    assert "undefined" in texts
    assert "-14.00 to undefined" in texts
    assert "◂ -2.780" in texts
    assert not [line for line in ax.lines if line.get_marker() == "o"]
    assert ax.get_xlim()[0] > -0.5


def test_what_is_no_shortfall_and_no_verdict_is_refused():
    with pytest.raises(TypeError, match=r"Expected what GoldenModelCeiling.shortfall returns"):
        ShortfallDisplay.from_shortfall((0.2, 0.25))
    with pytest.raises(TypeError, match="Expected verdicts as a mapping"):
        ShortfallDisplay.from_shortfall(BRACKET, [verdict(0.1)])
    with pytest.raises(TypeError, match=r"Expected what Shortfall.verdict returns"):
        ShortfallDisplay.from_shortfall(BRACKET, {"a": "at the ceiling"})
