"""Shapley values against their definition, over all orders of the players."""

from itertools import permutations

import numpy as np
import pytest

from sklearn_learnability.metrics._shapley import plan_shapley, smallest_budget


def values_of(plan, seed=0):
    """Random values of coalitions, the same whichever are asked for; nobody has 0.7."""
    table = np.random.RandomState(seed).uniform(size=2 ** plan.members.shape[1])
    table[0] = 0.7
    return table[plan.members @ (1 << np.arange(plan.members.shape[1]))]


def by_definition(table, n_players):
    shares, orders = np.zeros(n_players), list(permutations(range(n_players)))
    for order in orders:
        before = 0
        for player in order:
            shares[player] += table[before | 1 << player] - table[before]
            before |= 1 << player
    return shares / len(orders)


@pytest.mark.parametrize("n_players", [2, 3, 5])
def test_all_coalitions_give_the_mean_over_all_orders(n_players):
    plan = plan_shapley(n_players, 2**n_players - 2, np.random.RandomState(0))
    assert plan.is_exact
    table = values_of(plan)  # in the order of their numbers
    np.testing.assert_allclose(plan.weights[0] @ table, by_definition(table, n_players))


def test_drawn_orders_keep_the_sum_and_the_budget_and_are_right_on_average():
    exact = plan_shapley(6, 62, np.random.RandomState(0))
    expected = exact.weights[0] @ values_of(exact)
    means = []
    for seed in range(300):
        plan = plan_shapley(6, 30, np.random.RandomState(seed))
        assert len(plan.members) - 2 <= 30
        assert not plan.is_exact
        found = plan.weights @ values_of(plan)
        np.testing.assert_allclose(found.sum(axis=1), expected.sum())
        means.append(found.mean(axis=0))
    error = np.std(means, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(means, axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize("n_players", [4, 7, 12])
def test_the_smallest_budget_reaches(n_players):
    for seed in range(20):
        plan = plan_shapley(n_players, smallest_budget(n_players), np.random.RandomState(seed))
        assert plan.is_exact or len(plan.weights) >= 2


def test_extremes_singles_and_all_but_one_are_there():
    plan = plan_shapley(9, 60, np.random.RandomState(0))
    assert not plan.members[0].any()
    assert plan.members[-1].all()
    only = np.arange(9) == 4
    assert (plan.members[plan.find(only)] == only).all()
    assert (plan.members[plan.find(~only)] == ~only).all()
