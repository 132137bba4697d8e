import numpy as np
import pytest

from sklearn_learnability.displays import PerformanceRelationDisplay
from sklearn_learnability.metrics import relate_to_performance


def test_points_intervals_and_verdicts_are_those_of_the_result():
    rng = np.random.default_rng(0)
    scale, x, y = rng.normal(size=(3, 40))
    relation = relate_to_performance(np.column_stack([x + scale, x]), y + scale, scale)
    ax = PerformanceRelationDisplay.from_relation(relation).ax_
    table = relation.to_frame()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["measure 0", "measure 1"]
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_allclose(lines["raw"], table["raw"])
    np.testing.assert_allclose(lines["given scale"], table["controlled"])
    drawn = {tuple(np.round(line.get_xdata(), 6)) for line in ax.lines}
    for row in table.itertuples():
        assert (round(row.controlled_lower, 6), round(row.controlled_upper, 6)) in drawn
    assert [bar.get_width() / 2 for bar in ax.patches] == pytest.approx(table["detectable"])
    assert [text.get_text() for text in ax.texts] == table["verdict"].tolist()


def test_rows_of_several_scores_name_them():
    rng = np.random.default_rng(0)
    scale, x = rng.normal(size=(2, 20))
    relation = relate_to_performance(x, rng.normal(size=(20, 2)), scale)
    ax = PerformanceRelationDisplay.from_relation(relation).ax_
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["measure, score 0", "measure, score 1"]


def test_no_verdict_draws_no_interval():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 20)).cumsum(axis=-1)
    relation = relate_to_performance(x, y, np.arange(20), steps=np.arange(20))
    ax = PerformanceRelationDisplay.from_relation(relation).ax_
    assert "no verdict" in [text.get_text() for text in ax.texts]


def test_only_a_relation_is_drawn():
    with pytest.raises(TypeError, match="relate_to_performance"):
        PerformanceRelationDisplay.from_relation([1, 2])
