import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling, learnability_by_feature_group
from sklearn_learnability.displays import FeatureGroupDisplay


def test_bars_and_points_are_the_numbers_of_the_report_largest_share_on_top():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 2))
    y = (rng.uniform(size=400) < expit(X[:, 0] + 3 * X[:, 1])).astype(int)
    ceiling = GoldenModelCeiling([("logistic", LogisticRegression())], random_state=0).fit(X, y)
    report = learnability_by_feature_group(ceiling, X, y, feature_groups={"weak": 0, "strong": 1})
    ax = FeatureGroupDisplay.from_report(report).ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == ["strong", "weak"]
    weak, strong = report.groups
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, [strong.shapley.value, weak.shapley.value])
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_allclose(lines["alone"], [strong.alone.value, weak.alone.value])
    np.testing.assert_allclose(
        lines["on top of the others"], [strong.on_top.value, weak.on_top.value]
    )
    assert {"alone", "on top of the others", "Shapley"} == {
        text.get_text() for text in ax.get_legend().get_texts()
    }


def test_only_a_report_is_drawn():
    with pytest.raises(TypeError, match="learnability_by_feature_group"):
        FeatureGroupDisplay.from_report([1, 2])
