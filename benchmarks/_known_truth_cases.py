"""Models at a minimum whose learning coefficient is known, by name and group."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from sklearn_learnability.metrics.theoretical_llc import LearningCoefficient
from sklearn_learnability.torch import (
    KnownModel,
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
    loss: nn.Module = field(default_factory=nn.MSELoss)


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


class _DeadUnits(nn.Module):
    """A linear model beside ReLU units that no row switches on."""

    def __init__(self, weight, n_dead):
        super().__init__()
        n_features = weight.shape[1]
        self.linear = nn.Linear(n_features, 1, bias=False, dtype=torch.float64)
        self.inner = nn.Linear(n_features, n_dead, dtype=torch.float64)
        self.outer = nn.Linear(n_dead, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(weight)
            self.inner.bias.fill_(-100.0)

    def forward(self, inputs):
        return self.linear(inputs) + self.outer(torch.relu(self.inner(inputs)))


def _dead(n_features, n_dead, n, n_seeds):
    def make(seed):
        known = make_linear_regression_model(n_features, n_samples=n, random_state=seed)
        model = _DeadUnits(known.model.weight.detach(), n_dead)
        return KnownModel(model, known.data, known.truth)

    return Case(f"{n_features} weights, {n_dead} dead units, n={n}", "regular", n_seeds, make)


def _softmax(name, n, n_features, n_classes, n_seeds, *, n_copies=0, masked=0.0):
    """Return a softmax regression at its maximum of the likelihood, by Newton's method."""

    def make(seed):
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(n, n_features, generator=generator, dtype=torch.float64)
        weights = torch.randn(n_features, n_classes, generator=generator, dtype=torch.float64) / 2
        y = torch.multinomial(torch.softmax(X @ weights, 1), 1, generator=generator)[:, 0]
        y[: int(masked * n)] = -100
        X = torch.cat([X, X[:, :n_copies]], 1)
        model = nn.Linear(X.shape[1], n_classes, bias=False, dtype=torch.float64)
        nn.init.zeros_(model.weight)
        newton = torch.optim.LBFGS(
            model.parameters(), max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
        )

        def closure():
            newton.zero_grad()
            loss = nn.functional.cross_entropy(model(X), y)
            loss.backward()
            return loss

        newton.step(closure)
        return KnownModel(model, (X, y), LearningCoefficient(n_features * (n_classes - 1) / 2, 1))

    return Case(name, "regular", n_seeds, make, nn.CrossEntropyLoss())


SINGULAR = "small or multiplicity > 1"
CASES = [
    _linear("d=10", 10, 400, 6),
    _linear("d=100", 100, 400, 6),
    _linear("d=100, condition 1000", 100, 400, 6, condition=1e3),
    _linear("d=1000", 1000, 1500, 1),
    _linear("d=10, noise", 10, 1000, 6, noise=1.0),
    _linear("d=10, noise", 10, 10_000, 2, noise=1.0),
    _linear("d=100, noise", 100, 1000, 6, noise=1.0),
    _dead(10, 5, 400, 6),
    _softmax("logistic regression, 10 weights, n=1000", 1000, 10, 2, 6),
    _softmax("softmax of 4, 15 weights, n=1000", 1000, 5, 4, 6),
    _softmax("softmax of 3, copied columns, n=1000", 1000, 5, 3, 6, n_copies=2),
    _softmax("softmax of 3, half of the rows masked, n=2000", 2000, 5, 3, 6, masked=0.5),
    _powers("sum of 10 fourth powers", "quartic", [[2]] * 10, 6),
    _powers("3 fourth powers, 4 squares", "quartic", [[2]] * 3 + [[1]] * 4, 6),
    _network([5, 3, 5], 3, 200, 6),
    _network([5, 3, 5], 1, 200, 6),
    _network([10, 10, 10], 3, 400, 6),
    _network([10, 10, 10], 10, 400, 4),
    _network([20, 30, 20], 10, 400, 3),
    _network([5, 4, 6, 5], 2, 200, 6),
    _network([6, 4, 8], 2, 20_000, 4),
    _network([2, 2, 2], 1, 200, 6, SINGULAR),
    _network([3, 2, 3], 0, 200, 5, SINGULAR),
    _network([3, 2, 3], 1, 200, 6, SINGULAR),
    _network([4, 1, 3], 1, 200, 5, SINGULAR),
    _network([5, 3, 5], 0, 200, 5, SINGULAR),
    _network([5, 3, 5], 1, 1000, 3, "noisy network", 1.0),
    _network([5, 3, 5], 1, 4000, 1, "noisy network", 1.0),
    _powers("w1² w2²", SINGULAR, [[1, 1]], 6),
    _powers("w1² w2⁴", SINGULAR, [[1, 2]], 6),
    _powers("w1² w2² w3²", SINGULAR, [[1, 1, 1]], 6),
    _network([10, 10, 10, 10], 3, 200, 6, "four and five layers"),
    _network([10, 10, 10, 10, 10], 3, 200, 5, "four and five layers"),
    _tanh(1, 4),
    _tanh(2, 2),
    _tanh(4, 2),
]
