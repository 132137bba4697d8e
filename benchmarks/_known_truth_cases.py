"""Models at a minimum whose learning coefficient is known, by name and group."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn_learnability.torch import (
    make_linear_network_model,
    make_linear_regression_model,
    make_normal_crossing_model,
    make_tanh_network_model,
)


@dataclass(frozen=True)
class Case:
    """A known model by seed, and with how many seeds it is run."""

    name: str
    group: str
    n_seeds: int
    make: Callable


def _linear(name, dim, n, n_seeds, **options):
    def make(seed):
        return make_linear_regression_model(dim, n_samples=n, random_state=seed, **options)

    return Case(f"linear regression {name}, n={n}", "regular", n_seeds, make)


def _powers(name, group, terms, n_seeds):
    def make(seed):
        return make_normal_crossing_model(terms, n_samples=200, random_state=seed)

    return Case(name, group, n_seeds, make)


def _network(widths, rank, n, n_seeds, group="linear network", noise=0.0):
    def make(seed):
        return make_linear_network_model(widths, rank, n_samples=n, noise=noise, random_state=seed)

    noisy = ", noise" if noise else ""
    return Case(f"{widths} rank {rank}, n={n}{noisy}", group, n_seeds, make)


def _tanh(n_hidden, n_seeds):
    def make(seed):
        return make_tanh_network_model(n_hidden, n_samples=200, random_state=seed)

    return Case(f"tanh 1-{n_hidden}-1", "tanh", n_seeds, make)


SINGULAR = "small or multiplicity > 1"
CASES = [
    _linear("d=10", 10, 400, 20),
    _linear("d=100", 100, 400, 20),
    _linear("d=100, condition 1000", 100, 400, 20, condition=1e3),
    _linear("d=1000", 1000, 1500, 2),
    _linear("d=10, noise", 10, 1000, 20, noise=1.0),
    _linear("d=10, noise", 10, 10_000, 2, noise=1.0),
    _linear("d=100, noise", 100, 1000, 20, noise=1.0),
    _powers("sum of 10 fourth powers", "quartic", [[2]] * 10, 20),
    _powers("3 fourth powers, 4 squares", "quartic", [[2]] * 3 + [[1]] * 4, 20),
    _network([5, 3, 5], 3, 200, 20),
    _network([5, 3, 5], 1, 200, 10),
    _network([10, 10, 10], 3, 400, 20),
    _network([10, 10, 10], 10, 400, 5),
    _network([20, 30, 20], 10, 400, 5),
    _network([5, 4, 6, 5], 2, 200, 10),
    _network([2, 2, 2], 1, 200, 10, SINGULAR),
    _network([3, 2, 3], 0, 200, 5, SINGULAR),
    _network([3, 2, 3], 1, 200, 10, SINGULAR),
    _network([4, 1, 3], 1, 200, 5, SINGULAR),
    _network([5, 3, 5], 0, 200, 10, SINGULAR),
    _network([5, 3, 5], 1, 1000, 5, "noisy network", 1.0),
    _network([5, 3, 5], 1, 4000, 1, "noisy network", 1.0),
    _powers("w1² w2²", SINGULAR, [[1, 1]], 8),
    _powers("w1² w2⁴", SINGULAR, [[1, 2]], 8),
    _network([10, 10, 10, 10], 3, 200, 5, "four and five layers"),
    _network([10, 10, 10, 10, 10], 3, 200, 5, "four and five layers"),
    _tanh(1, 5),
    _tanh(2, 2),
    _tanh(4, 2),
]
