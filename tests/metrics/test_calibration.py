import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, TimeSeriesSplit

from sklearn_learnability.exceptions import MissingClassWarning
from sklearn_learnability.metrics import (
    cross_fit_calibration,
    fit_calibrator,
    negative_log_likelihood,
)

METHODS = ["temperature", "affine", "vector", "matrix", "isotonic"]


def draw(n_samples, n_classes, *, sharpness=2.5, seed=0):
    """Return labels and the probabilities of an overconfident model with wrong base rates."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(n_samples, n_classes))
    truth = softmax(logits + np.linspace(-0.7, 0.7, n_classes), axis=1)
    y = (truth.cumsum(axis=1) < rng.random((n_samples, 1))).sum(axis=1)
    return np.minimum(y, n_classes - 1), softmax(sharpness * logits, axis=1)


def nats(y, proba):
    return negative_log_likelihood(y, proba, units="nats", labels=np.arange(proba.shape[1]))


def minimum_by_scipy(y, proba, n_parameters, logits_of):
    """Return the lowest mean loss that a general-purpose optimiser finds."""
    log_proba = np.log(proba)

    def loss(theta):
        return -log_softmax(logits_of(theta, log_proba), axis=1)[np.arange(len(y)), y].mean()

    return minimize(loss, np.zeros(n_parameters), method="BFGS", options={"gtol": 1e-8}).fun


@pytest.mark.parametrize("n_samples", [2_000, 60_000])
def test_binary_affine_is_the_logistic_regression_on_the_logit(n_samples):
    y, proba = draw(n_samples, 2)
    logit = (np.log(proba[:, 1]) - np.log(proba[:, 0]))[:, None]
    peer = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(logit, y)
    ours = fit_calibrator(y, proba).predict_proba(proba)
    np.testing.assert_allclose(ours, peer.predict_proba(logit), atol=5e-5)
    assert nats(y, ours) - nats(y, peer.predict_proba(logit)) < 1e-8


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    ("method", "count", "logits_of"),
    [
        ("temperature", lambda k: 1, lambda t, x: t[0] * x),
        ("affine", lambda k: 1 + k, lambda t, x: t[0] * x + t[1:]),
        ("vector", lambda k: 2 * k, lambda t, x: t[: x.shape[1]] * x + t[x.shape[1] :]),
    ],
)
def test_loss_is_the_lowest_of_the_family(method, count, logits_of, n_classes):
    y, proba = draw(3_000, n_classes)
    ours = fit_calibrator(y, proba, calibration=method).predict_proba(proba)
    assert nats(y, ours) - minimum_by_scipy(y, proba, count(n_classes), logits_of) < 1e-8


@pytest.mark.parametrize("n_classes", [2, 5])
def test_warm_start_does_not_change_the_optimum(n_classes):
    """Many rows, sorted by class, against the same map fitted with a few distinct weighted rows."""
    y, proba = draw(4_000, n_classes)
    order = np.argsort(y, kind="stable")
    repeated = np.repeat(order, 20)
    for method in ("temperature", "affine", "vector"):
        many = fit_calibrator(y[repeated], proba[repeated], calibration=method)
        weighted = fit_calibrator(y, proba, calibration=method, sample_weight=np.full(4_000, 20.0))
        assert nats(y, many.predict_proba(proba)) == pytest.approx(
            nats(y, weighted.predict_proba(proba)), abs=1e-8
        )


def hostile(case, rng):
    """Return labels, probabilities and weights of 2,000 rows on which steps of a part may fail."""
    y, proba = draw(2_000, 4, seed=5)
    weight = np.ones(len(y))
    if case == "heavy rows":
        weight = np.ceil(np.exp(4 * rng.normal(size=len(y))))
    elif case == "one row outweighs all":
        weight[3] = 1e7
    elif case == "nearly separated":
        proba = softmax(30.0 * np.eye(4)[y], axis=1)
        y[:10] = (y[:10] + 1) % 4
    elif case == "a class of few rows":
        y[y == 3] = 2
        y[:2] = 3
    elif case == "equal columns":
        proba[:, 1] = proba[:, 2]
        proba /= proba.sum(axis=1, keepdims=True)
    elif case == "votes of few trees":
        proba = rng.multinomial(5, proba) / 5
    return y, proba, weight


@pytest.mark.parametrize(
    "case",
    [
        "heavy rows",
        "one row outweighs all",
        "nearly separated",
        "a class of few rows",
        "equal columns",
        "votes of few trees",
    ],
)
def test_many_rows_are_fitted_as_exactly_as_few(case):
    """Rows repeated in any order against the same rows with weights."""
    rng = np.random.default_rng(1)
    y, proba, weight = hostile(case, rng)
    repeated = rng.permutation(np.repeat(np.arange(len(y)), 30))
    for method in ("temperature", "affine", "vector"):
        many = fit_calibrator(
            y[repeated], proba[repeated], calibration=method, sample_weight=weight[repeated]
        )
        few = fit_calibrator(y, proba, calibration=method, sample_weight=30 * weight)
        found, expected = (
            negative_log_likelihood(y, fitted.predict_proba(proba), sample_weight=weight)
            for fitted in (many, few)
        )
        assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("heaviest", [1e4, 1e9])
@pytest.mark.parametrize("method", ["temperature", "affine", "vector"])
def test_a_heavy_row_counts_wherever_it_stands(method, heaviest):
    """Steps with the Hessian of every so many rows must not miss the one that outweighs all."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(40_000, 10))
    y = (logits / 1.5 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    log_proba = log_softmax(logits, axis=1)
    weight = np.where(np.arange(len(y)) == 7, heaviest, 1.0)
    losses = []
    for order in (np.arange(len(y)), np.roll(np.arange(len(y)), -7)):  # once in the first place
        mapping = fit_calibrator(
            y[order], np.exp(log_proba[order]), calibration=method, sample_weight=weight[order]
        ).mapping
        told = mapping.log_proba(log_proba)[np.arange(len(y)), y]
        losses.append(-np.average(told, weights=weight))
    assert losses[0] == pytest.approx(losses[1], abs=1e-7)


def test_many_classes_have_the_lowest_loss_of_the_family():
    """An optimiser that starts from the map gains nothing."""
    y, proba = draw(30_000, 40)
    log_proba, one_hot = np.log(proba), np.eye(40)[y]

    def loss_and_gradient(theta):
        fitted = log_softmax(theta[:40] * log_proba + theta[40:], axis=1)
        excess = (np.exp(fitted) - one_hot) / len(y)
        gradient = np.r_[(excess * log_proba).sum(axis=0), excess.sum(axis=0)]
        return -(fitted * one_hot).sum() / len(y), gradient

    mapping = fit_calibrator(y, proba, calibration="vector").mapping
    start = np.r_[mapping.weight, mapping.bias]
    peer = minimize(loss_and_gradient, start, jac=True, method="BFGS", options={"maxiter": 100})
    assert loss_and_gradient(start)[0] - peer.fun < 1e-8


def test_matrix_finds_a_confusion_that_vector_cannot():
    """Columns 0 and 1 are swapped: only off-diagonal entries undo it."""
    y, proba = draw(20_000, 3, sharpness=1.0)
    swapped = proba[:, [1, 0, 2]]
    losses = {
        method: nats(y, fit_calibrator(y, swapped, calibration=method).predict_proba(swapped))
        for method in ("vector", "matrix")
    }
    best = nats(y, fit_calibrator(y, proba, calibration="vector").predict_proba(proba))
    assert losses["matrix"] < best + 0.002
    assert losses["vector"] > best + 0.05


def test_beta_recovers_a_beta_distorted_probability():
    rng = np.random.default_rng(3)
    stated = rng.beta(0.8, 1.2, size=40_000)
    truth = expit(0.5 * np.log(stated) - 1.5 * np.log1p(-stated) + 0.3)
    y = (rng.random(len(truth)) < truth).astype(int)
    calibrator = fit_calibrator(y, stated, calibration="beta")
    np.testing.assert_allclose(calibrator.mapping.weight, [1.5, 0.5], atol=0.05)
    assert np.abs(calibrator.predict_proba(stated)[:, 1] - truth).max() < 0.02


def test_beta_keeps_its_scales_non_negative():
    """The free optimum has a < 0; the best of the allowed maps is found by a grid."""
    rng = np.random.default_rng(4)
    stated = rng.uniform(0.02, 0.98, size=5_000)
    truth = expit(-0.5 * np.log(stated) - 1.5 * np.log1p(-stated) - 1)
    y = (rng.random(len(truth)) < truth).astype(int)
    free = fit_calibrator(y, stated, calibration="vector")
    assert free.mapping.weight.min() < 0
    beta = fit_calibrator(y, stated, calibration="beta")
    assert beta.mapping.weight.min() == 0
    x = -np.log1p(-stated)[:, None]
    one_sided = LogisticRegression(C=1e10, tol=1e-8).fit(x, y)
    np.testing.assert_allclose(beta.predict_proba(stated), one_sided.predict_proba(x), atol=1e-4)


def test_beta_is_for_two_classes():
    y, proba = draw(100, 3)
    with pytest.raises(ValueError, match=r"Expected two classes .*got 3.*'matrix'"):
        fit_calibrator(y, proba, calibration="beta")


def test_isotonic_is_scikit_learns_away_from_the_ends():
    y, proba = draw(5_000, 2)
    peer = IsotonicRegression().fit_transform(proba[:, 1], y)
    ours = fit_calibrator(y, proba, calibration="isotonic").predict_proba(proba)[:, 1]
    middle = (peer > 0.1) & (peer < 0.9)
    np.testing.assert_allclose(ours[middle], peer[middle], atol=1e-12)
    assert 0 < ours.min() < ours.max() < 1
    assert (np.diff(ours[np.argsort(proba[:, 1])]) >= 0).all()


@pytest.mark.parametrize("method", [*METHODS, "beta"])
def test_calibrating_the_truth_changes_little(method):
    n_classes = 2 if method == "beta" else 3
    rng = np.random.default_rng(5)
    truth = softmax(rng.normal(size=(20_000, n_classes)), axis=1)
    y = (truth.cumsum(axis=1) < rng.random((len(truth), 1))).sum(axis=1)
    ours = fit_calibrator(y, truth, calibration=method).predict_proba(truth)
    divergence = (truth * (np.log(truth) - np.log(ours))).sum(axis=1).mean()
    assert divergence < (0.005 if method == "isotonic" else 0.0005)


@pytest.mark.parametrize("method", [*METHODS, "beta"])
def test_integer_weights_are_repetitions(method):
    n_classes = 2 if method == "beta" else 3
    y, proba = draw(400, n_classes)
    weight = np.random.default_rng(6).integers(0, 4, size=400)
    weighted = fit_calibrator(y, proba, calibration=method, sample_weight=weight)
    repeated = fit_calibrator(y.repeat(weight), proba.repeat(weight, axis=0), calibration=method)
    np.testing.assert_allclose(
        weighted.predict_proba(proba), repeated.predict_proba(proba), atol=1e-5
    )


@pytest.mark.parametrize("method", [*METHODS, "beta"])
def test_order_of_the_classes_does_not_matter(method):
    n_classes = 2 if method == "beta" else 4
    y, proba = draw(1_000, n_classes)
    order = np.random.default_rng(7).permutation(n_classes)[::-1]
    order = order if n_classes > 2 else np.array([1, 0])
    plain = fit_calibrator(y, proba, calibration=method).predict_proba(proba)
    turned = fit_calibrator(y, proba[:, order], calibration=method, labels=order)
    np.testing.assert_allclose(turned.predict_proba(proba[:, order]), plain[:, order], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Every probability is 0 or 1")
@given(
    seed=st.integers(0, 10_000),
    n_classes=st.integers(2, 4),
    method=st.sampled_from(METHODS),
    certain=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.HardLabelsWarning")
def test_result_is_a_distribution_and_finite(seed, n_classes, method, certain):
    y, proba = draw(60, n_classes, seed=seed)
    if certain:
        proba = np.eye(n_classes)[proba.argmax(axis=1)]
    calibrator = fit_calibrator(y, proba, calibration=method, labels=np.arange(n_classes))
    ours = calibrator.predict_proba(np.vstack([proba, np.eye(n_classes)]))
    assert (ours > 0).all()
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-12)
    if method in ("temperature", "affine"):
        assert calibrator.mapping.weight >= 0


@given(
    seed=st.integers(0, 2**31),
    n_classes=st.integers(2, 5),
    method=st.sampled_from([*METHODS, "beta"]),
    smallest=st.sampled_from([0, 2, 4, 8, 12, 200]),
    largest=st.sampled_from([0, 2, 4, 8, 12, 150]),
)
@settings(max_examples=300)
def test_no_weights_make_a_map_worse_than_none(seed, n_classes, method, smallest, largest):
    n_classes = 2 if method == "beta" else n_classes
    rng = np.random.default_rng(seed)
    n_samples = rng.integers(n_classes, 60)
    proba = rng.dirichlet(np.full(n_classes, 10 ** rng.uniform(-1.5, 1)), size=n_samples)
    y = rng.integers(n_classes, size=n_samples)
    weight = 10.0 ** rng.uniform(-smallest, largest, size=n_samples)
    fitted = fit_calibrator(
        y, proba, calibration=method, sample_weight=weight, labels=np.arange(n_classes)
    )
    log_proba = np.log(np.maximum(proba, np.finfo(float).eps))
    gain = (fitted.mapping.log_proba(log_proba) - log_proba)[np.arange(n_samples), y]
    assert np.average(gain, weights=weight) > -1e-12


@pytest.mark.parametrize(("ratio", "seed"), [(1e4, 564), (1e8, 978)])
def test_few_heavy_rows_are_fitted_as_well_as_scipy_does(ratio, seed):
    """Nearly separated by the heavy rows: a Newton step from far away overshoots."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(3, 0.3), size=9)
    y = np.r_[np.arange(3), rng.integers(3, size=9)][:9]
    weight = ratio ** rng.choice([0, 1], size=9)
    log_proba = np.log(np.maximum(proba, np.finfo(float).eps))

    def loss(theta):
        fitted = log_softmax(theta[:3] * log_proba + theta[3:], axis=1)
        pull = ((theta - np.r_[np.ones(3), np.zeros(3)]) ** 2).sum() / (2 * 10**2 * weight.sum())
        return pull - np.average(fitted[np.arange(9), y], weights=weight)

    peer = min(
        minimize(loss, start, method="L-BFGS-B", options={"maxiter": 10_000, "maxfun": 10**6}).fun
        for start in (np.zeros(6), np.r_[np.ones(3), np.zeros(3)], np.full(6, 5.0))
    )
    mapping = fit_calibrator(y, proba, calibration="vector", sample_weight=weight).mapping
    assert loss(np.r_[mapping.weight, mapping.bias]) < peer + 1e-6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_separated_classes_and_an_absent_class(method, n_classes):
    """The right class is always first: a finite map, and a fair price for the class unseen."""
    rng = np.random.default_rng(8)
    y = rng.integers(2, size=300)
    proba = np.full((300, n_classes), 0.1)
    proba[np.arange(300), y] = 0.9
    proba /= proba.sum(axis=1, keepdims=True)
    ours = fit_calibrator(y, proba, calibration=method, labels=np.arange(n_classes)).predict_proba(
        proba
    )
    assert nats(y, ours) < 0.01
    if n_classes == 3 and method != "temperature":
        assert 0 < ours[:, 2].max() < 0.01


def test_a_reversed_ranking_is_ignored_not_turned_round():
    y, proba = draw(2_000, 2)
    for method, expected in (("temperature", 0.5), ("affine", (1 - y).mean())):
        calibrator = fit_calibrator(1 - y, proba, calibration=method)
        assert calibrator.mapping.weight == 0
        np.testing.assert_allclose(calibrator.predict_proba(proba)[:, 1], expected, atol=1e-5)


def test_reversed_ranking_of_three_classes_gives_the_frequencies():
    rng = np.random.default_rng(9)
    proba = softmax(rng.normal(loc=[0.5, 0, -0.5], size=(3_000, 3)), axis=1)
    y = proba.argmin(axis=1)
    ours = fit_calibrator(y, proba).predict_proba(proba)
    np.testing.assert_allclose(ours, np.tile(np.bincount(y) / len(y), (len(y), 1)), atol=1e-5)


def test_affine_repairs_a_wrong_base_rate_and_temperature_cannot():
    """0.1 % positives, and a model that was trained as if the classes were balanced."""
    rng = np.random.default_rng(10)
    x = rng.normal(size=200_000)
    y = (rng.random(len(x)) < expit(x - 7.6)).astype(int)
    assert 0.0005 < y.mean() < 0.002
    balanced = expit(x - 0.5)
    entropy = nats(y, np.tile([1 - y.mean(), y.mean()], (len(y), 1)))
    temperature, affine = (
        nats(y, cross_fit_calibration(y, balanced, calibration=method, random_state=0))
        for method in ("temperature", "affine")
    )
    assert 1 - temperature / entropy < -10
    assert 0.01 < 1 - affine / entropy < 0.15
    calibrated = cross_fit_calibration(y, balanced, random_state=0)[:, 1]
    assert calibrated.mean() == pytest.approx(y.mean(), rel=0.02)


@pytest.mark.parametrize("method", ["temperature", "affine", "isotonic"])
def test_random_labels_give_no_gain_when_cross_fitted(method):
    gains, fake_gains = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        proba = rng.uniform(0.1, 0.9, size=300)
        y = rng.integers(2, size=300)
        fair = np.full((300, 2), 0.5)
        crossed = cross_fit_calibration(y, proba, calibration=method, random_state=seed)
        same = fit_calibrator(y, proba, calibration=method).predict_proba(proba)
        gains.append(nats(y, fair) - nats(y, crossed))
        fake_gains.append(nats(y, fair) - nats(y, same))
    assert np.mean(gains) < 0.0005
    assert np.mean(fake_gains) > np.mean(gains)


def test_rows_are_calibrated_by_other_rows():
    """Changing a row's label leaves its own calibrated probability as it was."""
    y, proba = draw(200, 2)
    folds = [(np.arange(100, 200), np.arange(100)), (np.arange(100), np.arange(100, 200))]
    before = cross_fit_calibration(y, proba, cv=folds)
    after = cross_fit_calibration(np.r_[1 - y[:100], y[100:]], proba, cv=folds)
    np.testing.assert_array_equal(before[:100], after[:100])
    assert np.abs(before[100:] - after[100:]).max() > 0.05


def is_one_affine_map(proba, calibrated):
    """Whether all rows went through the same line on the logit."""
    before, after = (np.log(p[:, 1] / p[:, 0]) for p in (proba, calibrated))
    return np.abs(np.polyval(np.polyfit(before, after, 1), before) - after).max() < 1e-9


def test_groups_stay_whole():
    y, proba = draw(200, 2)
    groups = np.arange(200) // 10
    cut, whole = (
        cross_fit_calibration(y, proba, cv=4, groups=labels, random_state=0)
        for labels in (None, groups)
    )
    members = [groups == g for g in range(20)]
    assert all(is_one_affine_map(proba[rows], whole[rows]) for rows in members)
    assert not any(is_one_affine_map(proba[rows], cut[rows]) for rows in members)
    splitter = GroupKFold(4)
    expected = cross_fit_calibration(y, proba, cv=list(splitter.split(proba, y, groups)))
    np.testing.assert_array_equal(
        cross_fit_calibration(y, proba, cv=splitter, groups=groups), expected
    )
    with pytest.raises(ValueError, match="between 2 and 3, the number of groups"):
        cross_fit_calibration(y, proba, cv=5, groups=np.arange(200) % 3)


def test_classes_rarer_than_the_folds():
    y, proba = draw(300, 3)
    y[y == 2] = 1
    y[[5, 77]] = 2  # two rows, five folds
    assert np.isfinite(cross_fit_calibration(y, proba, random_state=0)).all()


def test_a_class_of_one_row_is_charged_and_told():
    y, proba = draw(300, 3)
    y[y == 2] = 1
    y[5] = 2
    with pytest.warns(MissingClassWarning, match="1 of 300 rows"):
        calibrated = cross_fit_calibration(y, proba, random_state=0)
    assert 0 < calibrated[5, 2] < 0.01


def test_random_state_decides_the_folds():
    y, proba = draw(300, 2)
    first, again, other = (cross_fit_calibration(y, proba, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_string_labels_in_another_order():
    y, proba = draw(300, 2)
    names = np.array(["late", "on time"])
    plain = cross_fit_calibration(y, proba, random_state=0)
    named = cross_fit_calibration(names[y], proba, labels=names, random_state=0)
    np.testing.assert_array_equal(named, plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": "platt"}, r"Expected calibration as one of .*got 'platt'"),
        ({"cv": 1}, "Expected cv between 2 and 50"),
        ({"cv": TimeSeriesSplit(4)}, "tests 10 rows never"),
        ({"sample_weight": np.full(50, -1.0)}, "negative sample_weight"),
    ],
)
def test_bad_options(options, message):
    y, proba = draw(50, 2)
    with pytest.raises(ValueError, match=message):
        cross_fit_calibration(y, proba, **options)


def test_against_betacal():
    betacal = pytest.importorskip("betacal")
    y, proba = draw(20_000, 2)
    peer = betacal.BetaCalibration("abm").fit(proba[:, [1]], y).predict(proba[:, 1])
    ours = fit_calibrator(y, proba, calibration="beta").predict_proba(proba)[:, 1]
    np.testing.assert_allclose(ours, peer, atol=1e-3)
    assert nats(y, np.c_[1 - ours, ours]) - nats(y, np.c_[1 - peer, peer]) < 1e-8


def test_against_scikit_learns_temperature():
    calibration = pytest.importorskip("sklearn.calibration")
    if not hasattr(calibration, "_TemperatureScaling"):
        pytest.skip("scikit-learn has temperature scaling from 1.8 on")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    rng = np.random.default_rng(11)
    X = rng.normal(size=(3_000, 3))
    y = rng.integers(3, size=3_000)
    y[:1500] = X[:1500].argmax(axis=1)
    model = LogisticRegression().fit(3 * X[1000:2000], y[1000:2000])
    peer = CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(X, y)
    proba = model.predict_proba(X)
    ours = fit_calibrator(y, proba, calibration="temperature").predict_proba(proba)
    np.testing.assert_allclose(ours, peer.predict_proba(X), atol=1e-4)
    assert nats(y, ours) - nats(y, peer.predict_proba(X)) < 1e-8
