"""The best of several models: the set that holds it, and an efficiency corrected for the choice."""

import warnings

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm, studentized_range

from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import compare_models, log_loss_per_sample
from sklearn_learnability.metrics._best_model import (
    Noise,
    best_of_models,
    efficiency_of_pick,
    largest_error,
    model_confidence_set,
    sums_of_units,
)
from sklearn_learnability.metrics._efficiency import efficiency_of_losses
from sklearn_learnability.metrics._information import prior_surprisal


def draw(rng, n, noise, shared=0.0):
    """Return labels, the loss of the posterior, and of models with noise on its logit."""
    score = 1.5 * rng.standard_normal(n)
    y = (rng.random(n) < expit(score)).astype(int)
    common = shared * rng.standard_normal((n, 1))
    scores = score[:, None] + common + noise * rng.standard_normal((n, len(noise)))
    return y, log_loss_per_sample(y, expit(score)), scores


def best_of(y, reference, scores, seed=0):
    """Return the best of models by their logits, and their own efficiencies."""
    weight = np.ones(len(y))
    surprisal = prior_surprisal(y, sample_weight=weight, units="bits")
    losses = np.logaddexp(0, -(2 * y - 1)[:, None] * scores) / np.log(2)
    own = [
        efficiency_of_losses(
            surprisal, loss, units="bits", reference_nll=reference, sample_weight=weight
        )
        for loss in losses.T
    ]
    best = best_of_models(
        [str(i) for i in range(scores.shape[1])],
        losses,
        own,
        surprisal=surprisal,
        learnable=surprisal - reference,
        sample_weight=weight,
        groups=None,
        rounding=1e-6,
        random_state=seed,
    )
    return best, own


def efficiencies(noise, shared=0.0):
    """Return the true efficiency of models with noise on the logit, from many noise-free rows."""
    rng = np.random.default_rng(99)
    score = 1.5 * rng.standard_normal(200_000)
    proba, other = expit(score), rng.standard_normal((2, len(score)))

    def bits(logit):
        return np.mean(proba * np.logaddexp(0, -logit) + (1 - proba) * np.logaddexp(0, logit))

    learnable = np.log(2) - bits(score)
    return np.array(
        [
            (np.log(2) - bits(score + shared * other[0] + size * other[1])) / learnable
            for size in noise
        ]
    )


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y, reference, scores = draw(rng, 400, np.array([0.5, 0.6, 0.7, 2.0]))
    return y, reference, {name: expit(scores[:, i]) for i, name in enumerate("abcd")}


def test_one_model_has_nothing_to_correct(rows):
    y, reference, models = rows
    compared = compare_models(y, {"a": models["a"]}, reference_nll=reference)
    own = compared.models[0].efficiency
    best = compared.best
    assert (best.model, best.may_be_best) == ("a", ("a",))
    assert (best.lower, best.upper) == (own.lower, own.upper)
    assert best.value == pytest.approx(own.value)


def test_a_model_far_ahead_keeps_its_own_interval(rows):
    y, reference, models = rows
    compared = compare_models(y, {"a": models["a"], "d": models["d"]}, reference_nll=reference)
    own = compared.models[0].efficiency
    assert compared.best.may_be_best == ("a",)
    assert (compared.best.lower, compared.best.upper) == (own.lower, own.upper)
    assert compared.best.value == pytest.approx(own.value, abs=1e-3)


def test_rivals_lower_the_value_and_the_lower_end(rows):
    y, reference, models = rows
    compared = compare_models(y, models, reference_nll=reference)
    best = compared.best
    frame = compared.to_frame().set_index("model")
    own = frame.loc[best.model]
    assert best.model == frame["nll"].idxmin()
    assert best.may_be_best[0] == best.model
    assert "d" not in best.may_be_best
    assert len(best.may_be_best) == 3
    assert best.lower < own["efficiency_lower"]
    assert best.lower < best.value < own["efficiency"]
    assert best.upper == frame.loc[list(best.may_be_best), "efficiency_upper"].max()
    assert frame.index[frame["may_be_best"]].tolist() == ["a", "b", "c"]
    assert set(frame.index[frame["calibrated_may_be_best"]]) == set(
        compared.calibrated_best.may_be_best
    )
    row = best.to_frame().iloc[0]
    assert (row["model"], row["efficiency"]) == (best.model, best.value)
    assert row["may_be_best"] == ", ".join(best.may_be_best)


def test_the_order_of_the_models_does_not_matter(rows):
    y, reference, models = rows
    first = compare_models(y, models, reference_nll=reference)
    turned = compare_models(y, dict(reversed(models.items())), reference_nll=reference)
    for one, other in [
        (first.best, turned.best),
        (first.calibrated_best, turned.calibrated_best),
    ]:
        assert (one.model, one.may_be_best) == (other.model, other.may_be_best)
        for end in ("value", "lower", "upper"):
            assert getattr(one, end) == pytest.approx(getattr(other, end), abs=1e-9)


def test_neither_the_scale_of_weights_nor_the_unit_matters(rows):
    y, reference, models = rows
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    first = compare_models(y, models, reference_nll=reference, sample_weight=weight).best
    scaled = compare_models(y, models, reference_nll=reference, sample_weight=1e5 * weight).best
    nats = compare_models(
        y, models, reference_nll=reference * np.log(2), sample_weight=weight, units="nats"
    ).best
    for other in (scaled, nats):
        assert other.may_be_best == first.may_be_best
        for end in ("value", "lower", "upper"):
            assert getattr(other, end) == pytest.approx(getattr(first, end), abs=1e-6)


def test_copies_of_a_model_change_nothing(rows):
    y, reference, models = rows
    pair = {"a": models["a"], "d": models["d"]}
    copies = pair | {f"a{i}": models["a"] for i in range(5)}
    own = compare_models(y, pair, reference_nll=reference).best
    best = compare_models(y, copies, reference_nll=reference).best
    assert best.model == "a"
    assert best.may_be_best == ("a", "a0", "a1", "a2", "a3", "a4")
    assert best.value == pytest.approx(own.value, abs=1e-3)
    # six times the same error is one error, but for the draws that its quantile is read from
    assert best.lower == pytest.approx(own.lower, abs=0.05 * (own.upper - own.lower))
    assert best.upper == own.upper


def test_rows_in_groups_count_once(rows):
    y, reference, models = rows
    n = len(y)
    codes = np.arange(n)
    alone = compare_models(y, models, reference_nll=reference, groups=codes).best
    again = {name: np.repeat(proba, 10) for name, proba in models.items()}
    grouped, believed = (
        compare_models(np.repeat(y, 10), again, reference_nll=np.repeat(reference, 10), groups=g)
        for g in (np.repeat(codes, 10), None)
    )
    assert grouped.best.may_be_best == alone.may_be_best
    assert grouped.best.lower == pytest.approx(alone.lower, abs=1e-6)
    assert grouped.best.value == pytest.approx(alone.value, abs=1e-6)
    assert believed.best.lower > alone.lower + 0.02


def test_losses_decide_where_efficiency_is_undefined():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    models = {
        "half": np.full(400, 0.5),
        "near": expit(0.03 * rng.standard_normal(400)),
        "loud": expit(2 * rng.standard_normal(400)),
    }
    with pytest.warns(UndefinedInformationWarning):
        compared = compare_models(y, models, reference_nll=np.ones(400))
    best = compared.best
    assert np.isnan([best.value, best.lower, best.upper]).all()
    assert set(best.may_be_best) == {"half", "near"}


def test_three_classes_and_a_known_learnability():
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.ones(3), 600)
    y = np.array([rng.choice(3, p=p) for p in proba])
    models = {"truth": proba, "flat": 0.5 * proba + 1 / 6, "nothing": np.full((600, 3), 1 / 3)}
    best = compare_models(y, models, learnability=0.3).best
    assert best.model == "truth"
    assert "nothing" not in best.may_be_best


def test_of_a_single_group_nothing_is_known(rows):
    y, reference, _ = rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = np.ones(len(y))
        best = best_of_models(
            ["a", "b"],
            np.column_stack([reference, reference + 1]),
            [
                efficiency_of_losses(
                    reference, reference, units="bits", learnability=0.5, groups=np.zeros(len(y))
                )
            ]
            * 2,
            surprisal=reference,
            learnable=reference,
            sample_weight=weight,
            groups=np.zeros(len(y)),
            rounding=1e-6,
            random_state=0,
        )
    assert best.may_be_best == ("a", "b")


@pytest.mark.parametrize(("freedom", "n_models"), [(10**6, 2), (10**6, 20), (9, 3)])
def test_limit_of_differences_is_the_studentised_range(freedom, n_models):
    """Of equal, independent models the largest difference follows Tukey's law."""
    covariance = np.eye(n_models)
    noise = Noise(n_models, freedom, random_state=0)
    limit = studentized_range.ppf(0.95, n_models, min(freedom, 1e5))
    for shift, stays in ((0.95 * limit, n_models), (1.05 * limit, n_models - 1)):
        means = np.zeros(n_models)
        means[-1] = shift
        kept = model_confidence_set(means, covariance, noise, 0.95, 0.0)
        assert len(kept) == stays


def largest_of(influence, weight=None, groups=None):
    """Return the 97.5 % quantile of the largest error of means."""
    weight = np.ones(len(influence)) if weight is None else weight
    parts = np.column_stack([np.ones(len(influence)), influence - influence.mean(axis=0)])
    return np.quantile(largest_error(sums_of_units(parts, weight, groups), 0), 0.975)


def test_largest_error_of_independent_means_is_sidak():
    influence = np.random.default_rng(0).standard_normal((5000, 20))
    assert largest_of(influence) == pytest.approx(norm.ppf(0.975 ** (1 / 20)), abs=0.15)
    # twice the same model is one, and neither order nor scale of models counts
    twice = np.repeat(influence[:, :1], 20, axis=1)
    assert largest_of(twice) == pytest.approx(norm.ppf(0.975), abs=0.15)
    assert largest_of(influence[:, ::-1] * 7) == pytest.approx(largest_of(influence))


def test_largest_error_is_as_skewed_as_the_losses():
    """Of few rows with a long lower tail, the mean is too high by more than the normal says."""
    rng = np.random.default_rng(0)
    influence = np.log((np.arange(200) + 0.5) / 200)[:, None]
    samples = -rng.exponential(size=(20_000, 200))
    errors = samples.std(axis=1, ddof=1) / np.sqrt(200)
    truth = np.quantile((samples.mean(axis=1) + 1) / errors, 0.975)
    assert truth > 2.15
    assert largest_of(influence) == pytest.approx(truth, abs=0.12)


def test_rows_of_a_group_are_one_unit():
    rng = np.random.default_rng(0)
    influence, weight = rng.standard_normal((60, 3)), rng.uniform(size=60)
    codes = np.repeat(np.arange(30), 2)
    sums = sums_of_units(influence, weight, codes)
    expected = (weight[:, None] * influence).reshape(30, 2, 3).sum(axis=1) / weight.mean()
    np.testing.assert_allclose(sums, expected)
    assert len(sums_of_units(np.ones((5000, 1)), np.ones(5000), None)) == 1000


def test_efficiency_of_pick_is_that_of_splitting_two_models():
    """Of two independent models the mean is a one-dimensional integral."""
    gap, spread, noise = 0.3, 1.0, Noise(2, 10**6, 0)
    found = efficiency_of_pick(np.array([gap, 0.0]), noise.normal(spread**2 * np.eye(2)))
    # the second is picked where gamma (w_2 - w_1) > gap; its noise then exceeds the first's
    gamma, root = 0.5, np.sqrt(2) * spread
    switch = gap / (gamma * root)
    expected = gap * norm.cdf(switch) - root / gamma * norm.pdf(switch)
    assert found == pytest.approx(expected, abs=0.06)


def test_the_mean_of_the_value_is_the_efficiency_of_equal_models():
    rng = np.random.default_rng(3)
    n_models, values, naive = 10, [], []
    for seed in range(300):
        shares = np.sort(rng.standard_normal(n_models))[::-1]
        values.append(efficiency_of_pick(shares, Noise(n_models, 99, seed).normal(np.eye(10))))
        naive.append(shares[0])
    assert np.mean(naive) > 1.4
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / np.sqrt(300))


def coverage(noise, shared, n, repetitions):
    """Return how often intervals hold the picked model's truth, and the set every best model."""
    truth = efficiencies(noise, shared)
    best_models = {str(i) for i in np.flatnonzero(noise == noise.min())}
    rng = np.random.default_rng(0)
    found = []
    for seed in range(repetitions):
        best, own = best_of(*draw(rng, n, noise, shared), seed=seed)
        picked = int(best.model)
        found.append(
            (
                own[picked].lower <= truth[picked] <= own[picked].upper,
                best.lower <= truth[picked] and truth.max() <= best.upper,
                best_models <= set(best.may_be_best),
            )
        )
    return np.mean(found, axis=0)


def test_the_best_of_twenty_equal_models_is_covered():
    naive, corrected, held = coverage(np.full(20, 0.8), 0.0, 500, 40)
    assert naive < 0.8
    assert corrected >= 0.9
    assert held >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "shared"),
    [
        (np.full(20, 0.8), 0.0),
        (np.full(20, 0.25), 0.76),
        (np.array([0.4] + [0.8] * 19), 0.0),
        (np.linspace(0.4, 1.5, 20), 0.0),
    ],
    ids=["equal", "correlated", "one ahead", "spread"],
)
def test_the_picked_model_and_the_best_one_are_covered(noise, shared):
    _, corrected, held = coverage(noise, shared, 2000, 400)
    assert corrected >= 0.93
    assert held >= 0.93
