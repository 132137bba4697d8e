import numpy as np
import pytest
from scipy.special import expit

from sklearn_learnability.exceptions import UndefinedInformationWarning, ZeroProbabilityWarning
from sklearn_learnability.metrics import (
    calibrated_nll,
    cross_fit_calibration,
    information_score,
    label_entropy,
    negative_log_likelihood,
    nll_decomposition,
)

QUANTITIES = [
    "label_entropy",
    "nll",
    "calibrated_nll",
    "calibration_loss",
    "information_score",
    "calibrated_information_score",
]


def draw(n_samples=500, seed=0, sharpness=3.0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=n_samples)
    y = (rng.random(n_samples) < expit(logit - 1)).astype(int)
    return y, expit(sharpness * logit)


def test_parts_are_the_public_measures():
    y, proba = draw()
    weight = np.random.default_rng(1).exponential(size=len(y))
    options = {"sample_weight": weight, "units": "nats"}
    parts = nll_decomposition(y, proba, random_state=0, **options)
    calibrated = cross_fit_calibration(y, proba, sample_weight=weight, random_state=0)
    assert parts.nll.value == pytest.approx(negative_log_likelihood(y, proba, **options))
    assert parts.calibrated_nll.value == pytest.approx(
        negative_log_likelihood(y, calibrated, **options), rel=1e-12
    )
    assert parts.calibrated_nll.value == pytest.approx(
        calibrated_nll(y, proba, random_state=0, **options), rel=1e-12
    )
    assert parts.label_entropy.value == pytest.approx(label_entropy(y, **options))
    assert parts.information_score.value == pytest.approx(
        information_score(y, proba, sample_weight=weight)
    )
    assert parts.calibrated_information_score.value == pytest.approx(
        information_score(y, calibrated, sample_weight=weight)
    )
    assert parts.nll.value == pytest.approx(
        parts.calibrated_nll.value + parts.calibration_loss.value
    )
    assert (parts.n_samples, parts.n_clipped, parts.units) == (500, 0, "nats")


def test_units_rescale_losses_and_leave_shares():
    y, proba = draw()
    bits, nats = (
        nll_decomposition(y, proba, units=units, random_state=0).to_frame()["value"]
        for units in ("bits", "nats")
    )
    np.testing.assert_allclose(nats[:4], bits[:4] * np.log(2))
    np.testing.assert_allclose(nats[4:], bits[4:])


def test_table_has_a_row_for_every_quantity():
    frame = nll_decomposition(*draw(), random_state=0).to_frame()
    assert frame["quantity"].tolist() == QUANTITIES
    assert (frame["lower"] < frame["value"]).all()
    assert (frame["value"] < frame["upper"]).all()


def test_intervals_cover_the_truth():
    """Oracle probabilities: the truth of each part is known from one large sample."""
    y, proba = draw(1_000_000, seed=1, sharpness=1.0)
    truth = {
        "label_entropy": label_entropy(y),
        "nll": negative_log_likelihood(y, proba),
        "information_score": information_score(y, proba),
        "calibrated_information_score": information_score(
            y, expit(np.log(proba / (1 - proba)) - 1)
        ),
    }
    covered = dict.fromkeys(truth, 0)
    for seed in range(200):
        parts = nll_decomposition(*draw(1_000, seed=seed + 10, sharpness=1.0), random_state=0)
        for name, value in truth.items():
            estimate = getattr(parts, name)
            covered[name] += estimate.lower <= value <= estimate.upper
    assert all(0.9 <= count / 200 <= 0.99 for count in covered.values()), covered


def test_calibration_loss_is_paired():
    y, proba = draw()
    parts = nll_decomposition(y, proba, random_state=0)
    independent = np.hypot(parts.nll.standard_error, parts.calibrated_nll.standard_error)
    assert parts.calibration_loss.standard_error < independent
    assert parts.calibration_loss.lower > 0  # three times too sharp


def test_intervals_are_clustered_by_group():
    y, proba = (part.repeat(10) for part in draw(100))
    groups = np.arange(100).repeat(10)
    alone = nll_decomposition(y, proba, random_state=0)
    clustered = nll_decomposition(y, proba, groups=groups, random_state=0)
    ratio = clustered.nll.standard_error / alone.nll.standard_error
    assert ratio == pytest.approx(np.sqrt(10), rel=0.01)


def test_zero_on_the_true_label_is_counted_and_repaired():
    y, proba = draw()
    proba[:3] = 1 - y[:3]
    with pytest.warns(ZeroProbabilityWarning, match="3 of 500 rows"):
        parts = nll_decomposition(y, proba, random_state=0)
    assert parts.n_clipped == 3
    assert parts.calibrated_nll.value < parts.nll.value
    assert np.isfinite(parts.to_frame()["value"]).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_a_single_class_has_no_information_score(weighted):
    y, proba = draw()
    weight = None
    if weighted:
        weight = (y == 0).astype(float)
    else:
        y = np.zeros_like(y)
    with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
        parts = nll_decomposition(y, proba, sample_weight=weight, labels=[0, 1], random_state=0)
    assert parts.label_entropy.value == 0
    assert np.isnan(parts.information_score.value)
    assert np.isnan(parts.calibrated_information_score.value)
    assert 0 <= parts.calibrated_nll.value < 0.01 < parts.nll.value
