"""Efficiency: its value, its interval and where it is undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import d2_log_loss_score

from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import efficiency, efficiency_score, log_loss_per_sample
from sklearn_learnability.metrics._efficiency import efficiency_of_losses
from sklearn_learnability.metrics._information import prior_surprisal


def problem(seed, n, signal=1.5, damage=0.4):
    """Labels, the true posterior and a damaged model of it."""
    rng = np.random.default_rng(seed)
    score = signal * rng.standard_normal(n)
    y = (rng.random(n) < expit(score)).astype(int)
    return y, expit(score), expit(1.3 * score + damage * rng.standard_normal(n))


def test_ratio_of_two_d2_scores():
    y, golden, model = problem(0, 500)
    reference = log_loss_per_sample(y, golden)
    found = efficiency(y, model, reference_nll=reference)
    assert found.information_score.value == pytest.approx(d2_log_loss_score(y, model), abs=1e-12)
    assert found.learnability.value == pytest.approx(d2_log_loss_score(y, golden), abs=1e-12)
    expected = d2_log_loss_score(y, model) / d2_log_loss_score(y, golden)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.reason == ""


def test_the_ceiling_itself_is_one():
    """Only what the rows do not show, of the order of one row, is left of the doubt."""
    y, golden, _ = problem(0, 500)
    found = efficiency(y, golden, reference_nll=log_loss_per_sample(y, golden))
    assert (found.value, found.standard_error) == pytest.approx((1, 0))
    assert 0.95 < found.lower < 1 < found.upper < 1.05


def test_a_number_as_ceiling():
    y, _, model = problem(1, 500)
    score = d2_log_loss_score(y, model)
    assert efficiency_score(y, model, learnability=0.5) == pytest.approx(score / 0.5)
    # taken as exact, it only rescales the interval of the information score
    found = efficiency(y, model, learnability=0.5)
    assert found.upper - found.lower == pytest.approx(
        (found.information_score.upper - found.information_score.lower) / 0.5
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_units_order_and_repetition_do_not_matter(seed):
    y, golden, model = problem(seed, 200, signal=2.5)
    rng = np.random.default_rng(seed)
    bits, nats = (log_loss_per_sample(y, golden, units=u) for u in ("bits", "nats"))
    value = efficiency_score(y, model, reference_nll=bits)
    assert efficiency_score(y, model, reference_nll=nats, units="nats") == pytest.approx(value)
    order = rng.permutation(len(y))
    shuffled = efficiency_score(y[order], model[order], reference_nll=bits[order])
    assert shuffled == pytest.approx(value)
    counts = rng.integers(1, 4, len(y))
    weighted = efficiency_score(y, model, reference_nll=bits, sample_weight=counts)
    repeated = [np.repeat(a, counts) for a in (y, model, bits)]
    assert weighted == pytest.approx(
        efficiency_score(repeated[0], repeated[1], reference_nll=repeated[2])
    )


def losses(seed, n, signal):
    """Surprisals, and losses of a damaged model and of the posterior, in nats."""
    y, golden, model = problem(seed, n, signal)
    surprisal = prior_surprisal(y, units="nats")
    return surprisal, *(-np.log(np.where(y == 1, p, 1 - p)) for p in (model, golden))


@pytest.mark.parametrize(("signal", "n"), [(0.5, 1000), (0.5, 300), (1.5, 300)])
def test_set_covers_also_where_little_can_be_learned(signal, n):
    surprisal, loss, reference = (part.mean() for part in losses(10**6, 1_000_000, signal))
    truth = (surprisal - loss) / (surprisal - reference)
    held, defined, held_where_defined = 0, 0, 0
    for seed in range(600):
        surprisal, loss, reference = losses(seed, n, signal)
        found = efficiency_of_losses(surprisal, loss, units="nats", reference_nll=reference)
        inside = found.lower <= truth <= found.upper
        if found.lower > found.upper:
            inside = truth <= found.upper or truth >= found.lower
        held += inside
        defined += not found.reason
        held_where_defined += inside and not found.reason
    # 95 % within three standard errors of a simulation this large
    assert abs(held / 600 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 600)
    if defined > 480:
        assert held_where_defined / defined > 0.93


def test_pairing_shortens_the_interval():
    y, golden, model = problem(3, 2000)
    reference = log_loss_per_sample(y, golden)
    paired = efficiency(y, model, reference_nll=reference)
    alone = efficiency(y, model, learnability=paired.learnability.value)
    assert paired.upper - paired.lower < 0.6 * (alone.upper - alone.lower)


def test_groups_of_copies_widen_the_interval():
    y, golden, model = problem(4, 400)
    reference = log_loss_per_sample(y, golden)
    once = efficiency(y, model, reference_nll=reference)
    five = [np.repeat(a, 5) for a in (y, model, reference, np.arange(400))]
    clustered = efficiency(five[0], five[1], reference_nll=five[2], groups=five[3])
    assert clustered.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert efficiency(five[0], five[1], reference_nll=five[2]).standard_error < (
        0.6 * clustered.standard_error
    )


def test_nothing_to_learn_is_nan_with_a_reason():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    reference = log_loss_per_sample(y, np.full(500, 0.5) + 0.01 * rng.standard_normal(500))
    with pytest.warns(UndefinedInformationWarning, match="cannot be told from 0"):
        found = efficiency(y, np.full(500, 0.51), reference_nll=reference)
    assert np.isnan([found.value, found.standard_error]).all()
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert "cannot be told from 0" in found.reason
    assert found.to_frame().loc[0, "reason"] == found.reason


def test_a_model_that_loses_where_nothing_is_known_excludes_the_shares_near_zero():
    """The set of an undefined share is still told: all but those between its ends."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    reference = log_loss_per_sample(y, np.full(500, 0.5) + 0.01 * rng.standard_normal(500))
    bad = np.clip(0.5 + 0.4 * rng.standard_normal(500), 0.01, 0.99)
    with pytest.warns(UndefinedInformationWarning, match="cannot be told from 0"):
        found = efficiency(y, bad, reference_nll=reference)
    assert np.isnan(found.value)
    assert -np.inf < found.upper < 0 < found.lower < np.inf


def test_learnability_of_zero_as_a_number_is_nan():
    y, _, model = problem(0, 100)
    with pytest.warns(UndefinedInformationWarning, match="from 0"):
        assert np.isnan(efficiency_score(y, model, learnability=0.0))


def test_single_class_is_nan():
    with pytest.warns(UndefinedInformationWarning, match="one class"):
        score = efficiency_score([1, 1, 1], [0.5, 0.6, 0.7], labels=[0, 1], learnability=0.3)
    assert np.isnan(score)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Expected one of .*got neither"),
        ({"learnability": 0.3, "reference_nll": [0.5, 0.5]}, "Expected one of .*got both"),
        ({"learnability": 1.2}, "at most 1"),
        ({"learnability": float("nan")}, "at most 1"),
        ({"reference_nll": [0.5]}, r"\(2,\)"),
        ({"reference_nll": [0.5, np.nan]}, "1 values"),
        ({"reference_nll": [0.5, -0.1]}, "negative loss"),
        ({"learnability": 0.3, "confidence": 95}, "inside"),
    ],
)
def test_bad_ceilings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        efficiency([0, 1], [0.2, 0.8], **options)
