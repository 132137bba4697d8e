import numpy as np
import pandas as pd
import pytest

from sklearn_learnability.displays import InformationBottleneckDisplay
from sklearn_learnability.metrics import distance_to_bound, information_bottleneck


@pytest.fixture(scope="module")
def curve():
    joint = np.exp(np.random.default_rng(0).normal(size=(6, 4)))
    return information_bottleneck(joint / joint.sum())


def test_frontier_bound_points_and_models_are_where_the_numbers_are(curve):
    models = distance_to_bound(curve, [0.2, 1.0], [0.05, 0.2])
    ax = InformationBottleneckDisplay.from_bottleneck(curve, models, ["a", "b"]).ax_
    lines = {line.get_label(): line for line in ax.lines}
    rates, kept = lines["frontier"].get_data()
    np.testing.assert_allclose(curve.frontier(rates), kept)
    x, y = lines["upper bound"].get_data()
    np.testing.assert_allclose(y, curve.limit(x))
    assert 0 < curve.contraction < 1
    points = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_data(), (curve.complexity, curve.expressivity))
    np.testing.assert_allclose(lines["models"].get_data(), ([0.2, 1.0], [0.05, 0.2]))
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert ax.get_ylabel() == "expressivity I(T;Y), bits"


def test_a_curve_without_models_on_given_axes(curve, pyplot):
    _, ax = pyplot.subplots()
    display = InformationBottleneckDisplay.from_bottleneck(curve, ax=ax)
    assert display.ax_ is ax
    assert "models" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_what_is_no_result_is_refused(curve):
    with pytest.raises(TypeError, match="Expected what information_bottleneck returns, got list"):
        InformationBottleneckDisplay.from_bottleneck([1, 2])
    models = distance_to_bound(curve, 0.2, 0.1)
    with pytest.raises(ValueError, match="Expected a name for each of 1 models"):
        InformationBottleneckDisplay.from_bottleneck(curve, models, ["a", "b"])
    elsewhere = information_bottleneck([[0.45, 0.05], [0.05, 0.45]], [2.0], units="nats")
    with pytest.raises(ValueError, match="Expected models in bits, as the curve, got nats"):
        InformationBottleneckDisplay.from_bottleneck(curve, distance_to_bound(elsewhere, 0.2, 0.1))


def test_names_of_any_sequence(curve):
    models = distance_to_bound(curve, [0.2, 1.0], [0.05, 0.2])
    for names in (np.array(["a", "b"]), pd.Index(["a", "b"])):
        ax = InformationBottleneckDisplay.from_bottleneck(curve, models, names).ax_
        assert [text.get_text() for text in ax.texts] == ["a", "b"]
