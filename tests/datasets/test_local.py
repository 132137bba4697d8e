import numpy as np
import pytest
from scipy.special import entr

from sklearn_learnability.datasets import (
    make_drifting_classification,
    make_learnability_classification,
    make_segmented_classification,
)


def test_segments_have_the_learnability_asked_for():
    X, y, truth = make_segmented_classification(
        150_000, learnabilities=(0.02, 0.5, 0.9), random_state=0, return_truth=True
    )
    np.testing.assert_allclose(truth.local()["learnability"], [0.02, 0.5, 0.9], atol=1e-9)
    assert truth.learnability == pytest.approx(np.mean([0.02, 0.5, 0.9]), abs=1e-9)
    entropies = entr(truth.predict_proba(X)).sum(axis=1) / np.log(2)
    for segment, row in truth.local().iterrows():
        inside = X[:, 0] == segment
        error = entropies[inside].std() / np.sqrt(inside.sum())
        assert row["conditional_entropy"] == pytest.approx(entropies[inside].mean(), abs=4 * error)
        assert y[inside].mean() == pytest.approx(0.5, abs=0.02)


def test_drift_at_a_time_is_a_linear_gaussian_problem():
    truth = make_drifting_classification(
        2, signal_strength=2.0, swing=0.5, random_state=0, return_truth=True
    )[2]
    for time, strength in {0.0: 2.0, 0.25: 3.0, 0.75: 1.0}.items():
        still = make_learnability_classification(
            2, 1, n_structured=0, signal_strength=strength, return_truth=True
        )[2]
        here = truth.local([time])
        assert here["learnability"].item() == pytest.approx(still.learnability, abs=1e-10)
        assert here["conditional_entropy"].item() == pytest.approx(
            still.conditional_entropy(), abs=1e-10
        )


@pytest.mark.parametrize("swing", [0.3, 1.0])
def test_many_times_agree_with_few(swing):
    truth = make_drifting_classification(
        2, signal_strength=6.0, swing=swing, random_state=0, return_truth=True
    )[2]
    times = np.linspace(0, 1, 1001)
    many = truth.local(times)["learnability"].to_numpy()
    few = truth.local(times[::50])["learnability"].to_numpy()
    np.testing.assert_allclose(many[::50], few, atol=1e-9)


def test_drift_over_all_is_the_mean_over_time():
    X, y, truth = make_drifting_classification(
        100_000, learnability=0.35, label_noise=0.02, random_state=0, return_truth=True
    )
    assert truth.learnability == pytest.approx(0.35, abs=1e-9)
    assert truth.learnability_per_sample(X).mean() == pytest.approx(0.35, abs=1e-6)
    loss = -np.log2(truth.predict_proba(X)[np.arange(len(y)), y])
    for part in np.array_split(np.arange(len(y)), 4):
        expected = truth.local(X[part, 0])["conditional_entropy"].mean()
        error = loss[part].std() / np.sqrt(len(part))
        assert loss[part].mean() == pytest.approx(expected, abs=3.5 * error)


def test_half_a_turn_reverses_the_weights():
    X, _, truth = make_drifting_classification(
        1000, turns=0.5, swing=0.0, random_state=0, return_truth=True
    )
    start, end = X.copy(), X.copy()
    start[:, 0], end[:, 0] = 0.0, 1.0
    np.testing.assert_allclose(
        truth.predict_proba(start)[:, 1], truth.predict_proba(end)[:, 0], atol=1e-10
    )


def test_rows_are_in_time_order():
    X, _ = make_drifting_classification(50, random_state=0)
    assert (np.diff(X[:, 0]) > 0).all()


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="Expected one learnability per segment"):
        make_segmented_classification(10, learnabilities=())
    with pytest.raises(ValueError, match=r"Expected swing in \[0, 1\], got 1.5"):
        make_drifting_classification(10, swing=1.5)


@pytest.mark.parametrize("learnabilities", [0.3, [], None, [[0.1], [0.2]]])
def test_learnabilities_are_one_a_segment(learnabilities):
    with pytest.raises(ValueError, match=r"^Expected one learnability per segment, got"):
        make_segmented_classification(20, learnabilities=learnabilities)
