"""Shapley values: which coalitions they need, and how each enters them."""

from dataclasses import dataclass
from math import comb

import numpy as np

from sklearn_learnability._validation import Floats, Integers

#: Permutations come with their reverses; so many pairs tell how far they scatter.
FEWEST_PAIRS = 2


@dataclass(frozen=True, eq=False)
class ShapleyPlan:
    r"""Coalitions of players, and the weights of their values in every Shapley value.

    .. math:: \varphi_g = \sum_{S \not\ni g} \frac{|S|!\,(G - |S| - 1)!}{G!}
              \big(v(S \cup g) - v(S)\big)

    Attributes
    ----------
    members : ndarray of bool, shape (n_coalitions, n_players)
        Who is in a coalition; the first is nobody, the last is everybody.
    weights : ndarray of shape (n_draws, n_players, n_coalitions)
        One draw where all coalitions are there, else one for each pair of permutations. Of every
        draw the values sum to that of everybody less that of nobody.
    is_exact : bool
        Whether all coalitions are there.

    References
    ----------
    L. S. Shapley. A value for n-person games. Contributions to the Theory of Games, 1953.
    https://doi.org/10.1515/9781400881970-018
    R. Mitchell, J. Cooper, E. Frank, G. Holmes. Sampling permutations for Shapley value estimation.
    Journal of Machine Learning Research, 2022. https://doi.org/10.48550/arXiv.2104.12199
    """

    members: np.ndarray
    weights: Floats
    is_exact: bool

    def find(self, members: np.ndarray) -> int:
        """Return the position of a coalition."""
        return int(np.flatnonzero((self.members == members).all(axis=1))[0])


def plan_shapley(n_players: int, budget: int, rng: np.random.RandomState) -> ShapleyPlan:
    """Return a plan that needs the values of no more than `budget` coalitions but the two extremes.

    Each player alone and everybody but one are always among them.
    """
    if 2**n_players - 2 <= budget:
        return exact_plan(n_players)
    return sampled_plan(n_players, budget, rng)


def smallest_budget(n_players: int) -> int:
    """Return how many coalitions a plan needs at least, besides nobody and everybody."""
    sampled = 2 * n_players + 2 * FEWEST_PAIRS * max(n_players - 3, 0)
    return min(2**n_players - 2, sampled)


def exact_plan(n_players: int) -> ShapleyPlan:
    """Return all coalitions."""
    numbers = np.arange(2**n_players)
    members = (numbers[:, None] >> np.arange(n_players)) & 1 == 1
    size = members.sum(axis=1)
    with_player = np.array([1 / (n_players * comb(n_players - 1, k - 1)) for k in size[1:]])
    without = np.array([1 / (n_players * comb(n_players - 1, k)) for k in size[:-1]])
    weights = np.where(
        members.T, np.concatenate([[0.0], with_player]), -np.concatenate([without, [0.0]])
    )
    return ShapleyPlan(members, weights[None], is_exact=True)


def sampled_plan(n_players: int, budget: int, rng: np.random.RandomState) -> ShapleyPlan:
    """Return the coalitions of permutations and their reverses, as many as the budget allows."""
    everybody = 2**n_players - 1
    singles = [1 << player for player in range(n_players)]
    known = dict.fromkeys([0, *singles, *(everybody - one for one in singles), everybody])
    pairs: list[Integers] = []
    while True:
        drawn = rng.permutation(n_players)
        wanted = dict.fromkeys([*prefixes(drawn), *prefixes(drawn[::-1])])
        if len(known | wanted) - 2 > budget:
            break
        known |= wanted
        pairs.append(drawn)
    numbers = sorted(known)  # nobody first, everybody last
    position = {number: at for at, number in enumerate(numbers)}
    weights = np.zeros((len(pairs), n_players, len(numbers)))
    for own, pair in zip(weights, pairs, strict=True):
        for order in (pair, pair[::-1]):
            steps = [position[number] for number in prefixes(order)]
            own[order, steps[1:]] += 0.5
            own[order, steps[:-1]] -= 0.5
    members = np.array([[number >> p & 1 == 1 for p in range(n_players)] for number in numbers])
    return ShapleyPlan(members, weights, is_exact=False)


def prefixes(order: Integers) -> list[int]:
    """Return the coalitions of the first players of an order, from nobody to everybody."""
    return [0, *np.cumsum([1 << int(player) for player in order], dtype=object).tolist()]
