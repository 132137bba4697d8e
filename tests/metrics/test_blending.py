"""Log-linear pools of calibrated members."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from sklearn_learnability.metrics import _blending
from sklearn_learnability.metrics._blending import cross_fit_pool, fit_calibrated_pool


@pytest.fixture
def members():
    """Labels of three classes, two noisy views of the truth and a member that knows nothing."""
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.standard_normal((1500, 3))
    codes = np.array([rng.choice(3, p=p) for p in np.exp(log_softmax(logits, axis=1))])
    views = [logits + rng.standard_normal(logits.shape) for _ in range(2)]
    useless = np.broadcast_to(np.log([0.2, 0.3, 0.5]), logits.shape)
    return codes, np.stack([*(log_softmax(v, axis=1) for v in views), useless])


def loss_of(log_proba, codes, weight):
    return -np.average(log_proba[np.arange(len(codes)), codes], weights=weight)


def test_weights_are_those_of_a_general_optimiser(members):
    codes, log_probas = members
    weight = np.random.default_rng(1).uniform(0.5, 2, len(codes))
    pool = fit_calibrated_pool(codes, log_probas, weight, calibration=None, blend="log-linear")
    prior = pool.log_prior

    def loss(v):
        pooled = np.tensordot(v, log_probas[:2], axes=1) + (1 - v.sum()) * prior
        return loss_of(log_softmax(pooled, axis=1), codes, weight)

    general = minimize(loss, [0.5, 0.5], method="Nelder-Mead", options={"xatol": 1e-9})
    # the ridge worth one row shifts the optimum by about 1/n
    np.testing.assert_allclose(pool.weights[:2], general.x, atol=5e-3)
    assert loss(pool.weights[:2]) < general.fun + 1e-5


def test_a_member_that_knows_nothing_has_no_weight(members):
    codes, log_probas = members
    pool = fit_calibrated_pool(
        codes, log_probas, np.ones(len(codes)), calibration="affine", blend="log-linear"
    )
    assert pool.weights[2] == 0
    assert (pool.weights[:2] > 0.2).all()


def test_pool_beats_every_member_and_best_takes_one(members):
    codes, log_probas = members
    fit, new = np.arange(750), np.arange(750, 1500)
    losses = {}
    for blend in ("log-linear", "best"):
        pool = fit_calibrated_pool(
            codes[fit], log_probas[:, fit], np.ones(750), calibration="affine", blend=blend
        )
        calibrated = pool.calibrate(log_probas[:, new])
        losses[blend] = loss_of(pool.log_proba(calibrated), codes[new], None)
    assert sorted(pool.weights) == [0, 0, 1]
    assert losses["log-linear"] < losses["best"] - 0.01


def test_opposed_members_get_no_negative_weight(members):
    codes, log_probas = members
    against = np.stack([log_probas[0], log_softmax(-log_probas[1], axis=1)])
    pool = fit_calibrated_pool(
        codes, against, np.ones(len(codes)), calibration=None, blend="log-linear"
    )
    assert pool.weights[1] == 0


def test_useless_members_give_the_class_frequencies():
    rng = np.random.default_rng(0)
    codes = rng.choice(2, 4000, p=[0.9, 0.1])
    noise = log_softmax(rng.standard_normal((2, 4000, 2)), axis=2)
    pool = fit_calibrated_pool(codes, noise, np.ones(4000), calibration=None, blend="log-linear")
    proba = np.exp(pool.log_proba(noise))
    np.testing.assert_allclose(proba[:, 1], codes.mean(), atol=0.02)


def test_weights_count_as_repetition(members):
    codes, log_probas = members
    counts = np.random.default_rng(2).integers(1, 4, len(codes))
    options = {"calibration": None, "blend": "log-linear"}
    weighted = fit_calibrated_pool(codes, log_probas, counts.astype(float), **options)
    repeated = fit_calibrated_pool(
        np.repeat(codes, counts),
        np.repeat(log_probas, counts, axis=1),
        np.ones(counts.sum()),
        **options,
    )
    np.testing.assert_allclose(weighted.weights, repeated.weights, atol=1e-3)


def test_blocks_of_rows_are_pooled_as_all_at_once(members, monkeypatch):
    codes, log_probas = members
    halves = np.arange(750), np.arange(750, 1500)
    arguments = codes, log_probas, np.ones(1500), [halves, halves[::-1]]
    options = {"calibration": "affine", "blend": "log-linear"}
    of_labels, whole = cross_fit_pool(*arguments, **options)
    assert of_labels.shape == (3, 1500)
    monkeypatch.setattr(_blending, "ENTRIES_OF_A_BLOCK", 300)
    np.testing.assert_allclose(cross_fit_pool(*arguments, **options)[1], whole, rtol=1e-12)


def test_a_pool_of_thinned_rows_is_near_that_of_all(members, monkeypatch):
    codes, log_probas = members
    rows, weight = np.arange(1500), np.random.default_rng(2).uniform(0.5, 2, 1500)
    options = {"calibration": "affine", "blend": "log-linear"}
    whole = _blending.fit_pool_of_rows(codes, log_probas, weight, rows, **options)
    monkeypatch.setattr(_blending, "MOST_ENTRIES", 3 * 1000)
    part = _blending.fit_pool_of_rows(codes, log_probas, weight, rows, **options)
    assert (part.weights != whole.weights).any()
    np.testing.assert_allclose(part.weights, whole.weights, atol=0.1)
    np.testing.assert_allclose(part.log_prior, whole.log_prior, atol=1e-3)
