import numpy as np
import pytest

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.displays import SequentialLearnabilityDisplay


@pytest.fixture(scope="module")
def found():
    y = np.random.default_rng(0).integers(2, size=400)
    return SequentialLearnability(n_lags=2).fit(y)


def test_lines_are_where_the_numbers_are(found):
    truth = np.linspace(0, 1, 400)
    display = SequentialLearnabilityDisplay.from_estimator(found, width=100, truth=truth)
    path = found.trajectory(100)
    lines = {line.get_label(): line for line in display.ax_.lines}
    np.testing.assert_allclose(lines["explained"].get_ydata(), path.learnability)
    np.testing.assert_allclose(lines["truth"].get_ydata()[0], truth[:100].mean())
    np.testing.assert_allclose(lines["second half"].get_ydata(), found.late_learnability_)
    band = display.ax_.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((path.lower.min(), path.upper.max()))


def test_only_a_fitted_sequence_is_drawn():
    with pytest.raises(TypeError, match="SequentialLearnability"):
        SequentialLearnabilityDisplay.from_estimator(SequentialLearnability())


def test_a_truth_of_another_length_is_refused(found):
    with pytest.raises(ValueError, match="inconsistent"):
        SequentialLearnabilityDisplay.from_estimator(found, truth=[0.1] * 50)
    with pytest.raises(ValueError, match="inconsistent"):
        SequentialLearnabilityDisplay(
            [1, 2], learnability=[0.1, 0.2], lower=[0, 0], upper=[1, 1], truth=[0.1]
        ).plot()
