"""Rank correlations against brute force, a peer's numbers and known truths."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_learnability.exceptions import (
    DeterminedByCovariatesWarning,
    UndefinedAssociationWarning,
)
from sklearn_learnability.metrics import partial_spearman, size_groups, spearman
from sklearn_learnability.metrics._max_statistic import adjusted_p_values

X = [2.1, 3.4, 1.0, 5.5, 4.2, 6.0, 2.8, 7.7, 3.0, 6.6, 5.1, 8.4]
Y = [1.2, 2.2, 0.9, 5.4, 2.9, 3.9, 1.9, 6.1, 2.4, 6.9, 4.0, 5.2]
Z = [1, 2, 1, 4, 3, 5, 2, 6, 2, 5, 4, 6]
W = [9, 1, 4, 4, 2, 7, 8, 3, 6, 5, 2, 9]


def walks(n_runs, n_steps, seed):
    return np.random.default_rng(seed).normal(size=(2, n_runs, n_steps)).cumsum(axis=-1)


def over_runs(x, y, **settings):
    runs, steps = np.indices(x.shape)
    return spearman(x.ravel(), y.ravel(), runs=runs.ravel(), steps=steps.ravel(), **settings)


def test_spearman_is_scipys_with_ties_too():
    for x, y in ((X, Y), (Z, W), (Z, Y)):
        assert_allclose(spearman(x, y).rho, stats.spearmanr(x, y).statistic)


def test_the_exact_p_value_is_that_of_all_orders():
    x, y = W[:6], Y[:6]
    brute = stats.permutation_test(
        (x,),
        lambda order: abs(stats.spearmanr(order, y).statistic),
        permutation_type="pairings",
        alternative="greater",
        n_resamples=np.inf,
    )
    found = spearman(x, y)
    assert_allclose(found.p_value, brute.pvalue)
    assert found.n_orders == math.factorial(6)
    assert found.smallest_p_value >= 2 / math.factorial(6)


def test_partial_spearman_is_pingouins():
    """Against pingouin 0.7.0: partial_corr(..., method="spearman"), its r to 8 digits."""
    assert_allclose(partial_spearman(X, Y, Z).rho, 0.3851568309, atol=1e-8)
    assert_allclose(partial_spearman(X, Y, np.column_stack([Z, W])).rho, 0.3827304272, atol=1e-8)


def residuals(values, design):
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def rank_from_minus_1(values):
    return 2 * stats.rankdata(values) / (len(values) + 1) - 1


def robust_distance(e_x, e_y):
    slope = e_x @ e_y / (e_x @ e_x)
    return abs(e_x @ e_y) / np.sqrt(np.sum(e_x**2 * (e_y - slope * e_x) ** 2))


@pytest.mark.parametrize("degree", [1, 2])
def test_freedman_and_lane_within_groups_is_brute_force(degree):
    groups = np.array(list("aaaabbbbb"))
    x, y, z = np.random.default_rng(4).normal(size=(3, 9))
    halves = slice(4), slice(4, 9)
    ranks = [np.concatenate([rank_from_minus_1(v[half]) for half in halves]) for v in (x, y, z)]
    powers = [ranks[2] ** power for power in range(1, degree + 1)]
    design = np.column_stack([groups == "a", groups == "b", *powers]).astype(float)
    e_x, e_y = residuals(ranks[0], design), residuals(ranks[1], design)
    seen = robust_distance(e_x, e_y)
    orders = [
        [*one, *two]
        for one in itertools.permutations(range(4))
        for two in itertools.permutations(range(4, 9))
    ]
    far = [robust_distance(e_x, residuals(e_y[order], design)) for order in orders]
    found = partial_spearman(x, y, z, groups, degree=degree)
    assert_allclose(found.rho, np.corrcoef(e_x, e_y)[0, 1])
    assert found.n_orders == 24 * 120
    assert_allclose(found.p_value, np.mean(np.array(far) >= seen * (1 - 1e-9)))


def test_whole_runs_change_places():
    x, y = walks(4, 5, seed=0)
    ranks_x, ranks_y = stats.rankdata(x, axis=0), stats.rankdata(y, axis=0)
    per_step = [np.corrcoef(a, b)[0, 1] for a, b in zip(ranks_x.T, ranks_y.T, strict=True)]
    means = [
        abs(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(ranks_x.T, moved.T, strict=True)]))
        for moved in (ranks_y[list(order)] for order in itertools.permutations(range(4)))
    ]
    found = over_runs(x, y)
    assert_allclose(found.rho, np.mean(per_step))
    assert_allclose(found.p_value, np.mean(np.array(means) >= abs(np.mean(per_step)) - 1e-9))


def test_whole_runs_change_places_within_groups():
    x, y = walks(5, 4, seed=2)
    halves = slice(3), slice(3, 5)
    ranks_x, ranks_y = (
        np.concatenate([2 * stats.rankdata(v[h], axis=0) / (len(v[h]) + 1) - 1 for h in halves])
        for v in (x, y)
    )
    products = [
        abs(np.sum(ranks_x * ranks_y[[*one, *two]]))
        for one in itertools.permutations([0, 1, 2])
        for two in itertools.permutations([3, 4])
    ]
    found = over_runs(x, y, groups=np.repeat([0, 0, 0, 1, 1], 4))
    size = np.sqrt(np.sum(ranks_x**2) * np.sum(ranks_y**2))
    assert_allclose(abs(found.rho), products[0] / size)
    assert_allclose(found.p_value, np.mean(np.array(products) >= products[0] - 1e-9))
    assert (found.n_orders, found.n_groups, found.n_runs) == (12, 2, 5)


def test_a_group_without_which_too_few_are_left_is_not_judged():
    family = [0] * 8 + [1] * 4
    found = partial_spearman(X, Y, np.column_stack([Z, W]), family)
    assert [np.isnan(part.rho) for part in found.without_groups] == [True, False]


def test_two_random_walks_do_not_look_related():
    """As points they do in half of 150 pairs."""
    related = np.zeros((150, 3))
    for seed in range(150):
        x, y = walks(8, 40, seed)
        alone = spearman(x[0], y[0], n_permutations=99)
        one_run = spearman(x[0], y[0], steps=np.arange(40))
        assert one_run.reason.startswith("All points are of one run")
        assert np.isnan([one_run.p_value, one_run.rho]).all()
        runs = over_runs(x, y, n_permutations=99)
        related[seed] = alone.p_value <= 0.05, runs.p_value <= 0.05, runs.lower * runs.upper > 0
    assert related[:, 0].mean() > 0.45
    assert (related[:, 1:].mean(axis=0) < 0.09).all()


def test_few_runs_give_no_verdict():
    two, three = walks(2, 9, seed=1), walks(3, 9, seed=1)
    assert "at least 3" in over_runs(*two).reason
    found = over_runs(*three)
    assert found.p_value >= 1 / 6
    assert "6 orders that the runs can have" in found.reason
    assert np.isnan(found.detectable)
    x, y = walks(3, 9, seed=2)
    runs = np.repeat([0, 1, 2], 9)
    assert "no steps are given" in spearman(x.ravel(), y.ravel(), runs=runs).reason
    steps = np.arange(27)
    assert "No step" in spearman(x.ravel(), y.ravel(), runs=runs, steps=steps).reason


def test_the_order_of_rows_and_names_of_runs_do_not_matter():
    x, y = walks(5, 6, seed=3)
    runs, steps = (a.ravel() for a in np.indices(x.shape))
    shuffled = np.random.default_rng(0).permutation(30)
    names = np.array(list("vwxyz"))[runs[shuffled]]
    again = spearman(x.ravel()[shuffled], y.ravel()[shuffled], runs=names, steps=steps[shuffled])
    first = over_runs(x, y)
    assert_allclose([again.rho, again.p_value], [first.rho, first.p_value])
    assert_allclose([again.lower, again.upper], [first.lower, first.upper])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_monotone_maps_change_nothing(seed, degree):
    rng = np.random.default_rng(seed)
    x, y, z, w = rng.normal(size=(4, 14))
    groups = rng.integers(2, size=14)
    one = partial_spearman(x, y, np.column_stack([z, w]), groups, degree=degree, n_permutations=49)
    maps = [np.exp(x), y**3, np.column_stack([np.arctan(z), 5 - 2 * w])]
    two = partial_spearman(*maps, groups, degree=degree, n_permutations=49)
    assert_allclose(
        [one.rho, one.lower, one.upper, one.p_value], [two.rho, two.lower, two.upper, two.p_value]
    )
    three = partial_spearman(-x, y, z, groups, n_permutations=49).rho
    assert_allclose(three, -partial_spearman(x, y, z, groups, n_permutations=49).rho)
    assert 0 < one.p_value <= 1
    assert -1 <= one.lower <= one.rho <= one.upper <= 1


def test_a_shift_of_families_misleads_the_raw_correlation_alone():
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(6), 8)
    x, y = 3 * family + rng.normal(size=(2, 48))
    assert spearman(x, y).p_value <= 0.001
    assert spearman(x, y, groups=family).p_value > 0.05


def test_collinear_and_constant_covariates_take_out_nothing_more():
    one = partial_spearman(X, Y, Z)
    more = np.column_stack([Z, np.exp(Z), -np.array(Z), np.ones(12)])
    two = partial_spearman(X, Y, more)
    assert_allclose([one.rho, one.lower, one.p_value], [two.rho, two.lower, two.p_value])
    assert one.n_controls == two.n_controls == 1
    assert partial_spearman(X, Y, np.ones(12)).p_value == spearman(X, Y).p_value


def test_what_covariates_determine_is_undefined():
    with pytest.warns(DeterminedByCovariatesWarning, match="determine y"):
        found = partial_spearman(X, np.exp(Z), Z)
    assert np.isnan([found.rho, found.lower, found.p_value, found.detectable]).all()
    assert "determine" in found.reason
    with pytest.warns(UndefinedAssociationWarning, match="x has the same value"):
        assert np.isnan(spearman(np.ones(12), Y).rho)


def test_what_cannot_change_places_is_named():
    assert "No group has two points" in spearman(X, Y, groups=np.arange(12)).reason
    found = spearman(X, Y, groups=[0] * 11 + [1])
    assert (found.n_points, found.n_groups) == (11, 1)
    assert_allclose(found.rho, spearman(X[:11], Y[:11]).rho)
    few = partial_spearman(X[:5], Y[:5], np.column_stack([Z, W])[:5])
    assert few.reason.startswith("5 points less 1 groups and 2 directions of covariates")
    assert spearman(X[:3], Y[:3]).reason.startswith("3 points less 1 groups")
    assert "24 orders that the points can have" in spearman(X[:4], W[:4]).reason


def test_leaving_out_each_group():
    family = list("aaaabbbbcccc")
    found = partial_spearman(X, Y, W, family)
    assert [part.group for part in found.without_groups] == ["a", "b", "c"]
    rest = partial_spearman(X[4:], Y[4:], W[4:], family[4:])
    assert_allclose(found.without_groups[0].rho, rest.rho)
    values = [part.rho for part in found.without_groups]
    row = found.to_frame().iloc[0]
    assert (row["lowest_without_a_group"], row["highest_without_a_group"]) == (
        min(values),
        max(values),
    )


def test_whole_agreement_is_not_taken_for_certainty():
    found = spearman(np.arange(6), np.arange(6))
    assert (found.rho, found.upper) == (1, 1)
    assert 0.1 < found.lower < 0.95


def test_sizes_are_equal_up_to_a_ratio():
    rng = np.random.default_rng(0)
    size = 10 ** rng.uniform(8, 11, 200)
    groups = size_groups(size, ratio=1.5)
    spread = pd.Series(size).groupby(groups).agg(lambda part: part.max() / part.min())
    assert spread.max() <= 1.5
    assert (np.diff(groups[np.argsort(size)]) >= 0).all()
    assert size_groups([3, 3, 3], ratio=1).tolist() == [0, 0, 0]
    assert size_groups([1e-300, 1e300, 1.7e308]).tolist() == [0, 1, 2]


def test_models_of_equal_size_among_each_other():
    """Scale decides both; among models of equal size nothing is left."""
    rng = np.random.default_rng(1)
    size = np.repeat([1e9, 3e9, 7e9, 13e9, 70e9], 8)
    x, y = np.log(size) + 0.3 * rng.normal(size=(2, 40))
    assert spearman(x, y).rho > 0.8
    assert abs(spearman(x, y, groups=size_groups(size)).rho) < 0.3


def test_columns_whose_rows_are_in_other_orders_are_refused():
    """A sorted column keeps the numbers of its rows; one whose rows are numbered anew has none."""
    x, y = pd.Series(X), pd.Series(Y)
    models = [f"model {row}" for row in range(12)]
    named = x.set_axis(models), y.set_axis(models)[::-1]
    for one, other in ((x, y.sort_values()), (x.sort_values(), y), named):
        with pytest.raises(ValueError, match="got another, or another order of it"):
            spearman(one, other)
        with pytest.raises(ValueError, match="got another, or another order of it"):
            partial_spearman(one, Y, Z, groups=other)
    expected = spearman(X, Y).rho
    assert spearman(x, y.sort_values().loc[x.index]).rho == expected
    assert spearman(x, y.rename(lambda row: row + 3)).rho == expected
    assert spearman(x, y.set_axis(models)).rho == expected
    assert spearman(x.sort_values().to_numpy(), y.sort_values()).rho == pytest.approx(1)


def test_the_correction_is_westfall_and_youngs():
    rng = np.random.default_rng(0)
    found = np.abs(rng.normal(size=(500, 4)))
    found[0] = [4.0, 2.0, 1.0, 2.5]
    p = adjusted_p_values(found)
    strongest = (found.max(axis=1) >= 4.0).mean()
    second = (found[:, 1:].max(axis=1) >= 2.5).mean()
    assert_allclose([p[0], p[3]], [strongest, max(strongest, second)])
    assert (np.diff(p[[0, 3, 1, 2]]) >= 0).all()
    same = np.repeat(found[:, :1], 5, axis=1)  # five times the same test needs no correction
    assert_allclose(adjusted_p_values(same), (found[:, 0] >= 4).mean())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spearman(X, Y[:5]), "x, y, covariates of one length"),
        (lambda: spearman([1, 2], [1, 2]), "at least 3 points, got 2"),
        (lambda: spearman([1, np.nan, 3], [1, 2, 3]), "finite x, got NaN or infinity at 1 of 3"),
        (lambda: spearman([X], [Y]), "x as a vector, got 2 dimensions"),
        (lambda: spearman(X, Y, confidence=1), "confidence inside"),
        (lambda: spearman(X, Y, n_permutations=0), "n_permutations as an integer"),
        (lambda: partial_spearman(X, Y, Z, degree=6), "degree as an integer >= 1 and <= 5"),
        (lambda: spearman(X, Y, groups=W, runs=Z, steps=range(12)), "one group a run"),
        (lambda: spearman(X, Y, runs=Z, steps=np.zeros(12)), "one point of a run at each step"),
        (lambda: spearman(range(20_000), range(20_000)), "n_permutations of at most 5000"),
        (lambda: spearman(X, Y, n_permutations=10**9), "n_permutations of at most 8333333"),
        (lambda: spearman([[1], [1, 2], 3], [1, 2, 3]), "numbers as x, got list"),
        (lambda: size_groups([1, 0]), "finite sizes above 0"),
        (lambda: size_groups([1, 2], ratio=0.5), "ratio in"),
        (lambda: size_groups([]), "size as a vector"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        call()
