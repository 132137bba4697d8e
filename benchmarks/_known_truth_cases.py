"""Models at a minimum whose learning coefficient is known in closed form."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from sklearn_learnability.metrics import theoretical_llc

DOUBLE = torch.float64


@dataclass(frozen=True)
class Case:
    """A model at its minimum, its data, and the coefficient there."""

    name: str
    group: str
    truth: float
    n_seeds: int
    make: Callable


class Powers(nn.Module):
    """Outputs x_b times the product of powers of some parameters, at 0."""

    def __init__(self, terms):
        super().__init__()
        self.terms = terms
        self.w = nn.Parameter(torch.zeros(sum(map(len, terms)), dtype=DOUBLE))

    def forward(self, inputs):
        parts = self.w.split([len(term) for term in self.terms])
        products = []
        for term, part in zip(self.terms, parts, strict=True):
            product = part[0] ** term[0]
            for power, value in zip(term[1:], part[1:], strict=True):
                product = product * value**power
            products.append(product)
        return inputs @ torch.stack(products)[:, None]


def normal(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=DOUBLE)


def powers(terms, n, seed):
    """Squared error of products of powers; a power p of a parameter is 2p in the loss."""
    generator = torch.Generator().manual_seed(seed)
    data = normal(generator, n, len(terms)), torch.zeros(n, 1, dtype=DOUBLE)
    return Powers(terms), data


def linear_regression(dim, n, seed, condition=1.0, noise=0.0):
    """Least squares at its solution."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -0.5 * math.log10(condition), dim, dtype=DOUBLE)
    inputs = normal(generator, n, dim) * scales
    weights = normal(generator, dim, 1)
    targets = inputs @ weights + noise * normal(generator, n, 1)
    if noise:
        weights = torch.linalg.lstsq(inputs, targets).solution
    model = nn.Linear(dim, 1, bias=False, dtype=DOUBLE)
    model.weight.data = weights.T.contiguous()
    return model, (inputs, targets)


def linear_network(widths, rank, n, seed, noise=0.0):
    """Squared error of a deep linear network at balanced factors of its best product.

    Without noise that is the teacher of the rank given; with noise the least-squares product of
    the largest rank the widths allow.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = normal(generator, n, widths[0])
    left, right = normal(generator, widths[-1], rank), normal(generator, rank, widths[0])
    product = left @ right / (math.sqrt(max(rank, 1)) * max(1.0, math.sqrt(widths[0]) / 2))
    targets = inputs @ product.T + noise * normal(generator, n, widths[-1])
    if noise:
        rank = min(widths)
        free = torch.linalg.lstsq(inputs, targets).solution.T
        _, _, directions = torch.linalg.svd(inputs @ free.T, full_matrices=False)
        product = directions[:rank].T @ directions[:rank] @ free
    layers = [nn.Linear(a, b, bias=False, dtype=DOUBLE) for a, b in pairwise(widths)]
    left, values, right = torch.linalg.svd(product)
    for number, layer in enumerate(layers):
        factor = torch.zeros_like(layer.weight)
        factor[:rank, :rank] = torch.diag(values[:rank] ** (1 / len(layers)))
        if number == 0:
            factor = factor[:, :rank] @ right[:rank]
        if number == len(layers) - 1:
            factor = left[:, :rank] @ factor[:rank]
        layer.weight.data = factor
    return nn.Sequential(*layers), (inputs, targets)


def tanh_network(n_hidden, n, seed):
    """Put a tanh network at 0, where the truth is 0."""
    generator = torch.Generator().manual_seed(seed)
    first = nn.Linear(1, n_hidden, bias=False, dtype=DOUBLE)
    last = nn.Linear(n_hidden, 1, bias=False, dtype=DOUBLE)
    for layer in (first, last):
        nn.init.zeros_(layer.weight)
    data = 2 * normal(generator, n, 1), torch.zeros(n, 1, dtype=DOUBLE)
    return nn.Sequential(first, nn.Tanh(), last), data


def _linear(name, dim, n, n_seeds, **options):
    def make(seed):
        return linear_regression(dim, n, seed, **options)

    return Case(f"linear regression {name}, n={n}", "regular", dim / 2, n_seeds, make)


def _powers(name, group, terms, n_seeds):
    truth = theoretical_llc.normal_crossing(*[[2 * power for power in term] for term in terms])
    return Case(name, group, truth.value, n_seeds, lambda seed: powers(terms, 200, seed))


def _network(widths, rank, n, n_seeds, group="linear network", noise=0.0):
    truth = theoretical_llc.deep_linear_network(widths, rank).value
    noisy = ", noise" if noise else ""
    name = f"{widths} rank {rank}, n={n}{noisy}"
    return Case(
        name, group, truth, n_seeds, lambda seed: linear_network(widths, rank, n, seed, noise)
    )


def _tanh(n_hidden, n_seeds):
    truth = theoretical_llc.tanh(n_hidden).value
    return Case(
        f"tanh 1-{n_hidden}-1",
        "tanh",
        truth,
        n_seeds,
        lambda seed: tanh_network(n_hidden, 200, seed),
    )


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
