import numpy as np
import pytest

from sklearn_learnability.displays import LearnabilityCurveDisplay

NAN = float("nan")


def make_display(more_lower=(0.27, 0.28), more_upper=(0.34, 0.40), **options):
    return LearnabilityCurveDisplay(
        [400, 800, 1600],
        learnability=[0.20, 0.25, 0.28],
        lower=[0.17, 0.22, 0.25],
        upper=[0.23, 0.28, 0.31],
        more_rows=[3200, 16000],
        more_lower=more_lower,
        more_upper=more_upper,
        **options,
    ).plot()


def test_points_band_and_bracket_are_where_the_numbers_are():
    ax = make_display(bracket=(0.26, 0.46)).ax_
    np.testing.assert_allclose(ax.lines[0].get_xydata()[:, 1], [0.20, 0.25, 0.28])
    band = next(part for part in ax.collections if part.get_label() == "with more rows")
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.27, 0.40))
    bar = next(part for part in ax.collections if part.get_label() == "learnability")
    np.testing.assert_allclose(bar.get_segments()[0][:, 1], [0.26, 0.46])
    assert [label.get_text() for label in ax.get_xticklabels()][-2:] == ["16,000", "any\nnumber"]


def test_a_curve_that_is_not_carried_on_has_no_band():
    ax = make_display(more_lower=(NAN, NAN), more_upper=(NAN, NAN)).ax_
    assert "with more rows" not in [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["400", "800", "1,600"]


def test_only_a_curve_is_drawn():
    with pytest.raises(TypeError, match="learnability_curve"):
        LearnabilityCurveDisplay.from_curve([1, 2])
