"""Deep linear networks at a known minimum: balanced factors of a matrix of known rank."""

import torch
from scipy.stats import ortho_group
from sklearn.utils import check_random_state
from torch import nn

DIM = 10
SMALLEST, LARGEST = 0.5, 1.5  # singular values of the teacher


def deep_linear_network(rank, random_state, dim=DIM):
    """Return a network [dim, dim, dim] whose product is a random matrix of a rank.

    Its factors are balanced, so that the local coefficient at them is the global one, and turned at
    random between the layers, so that no parameter is 0.
    """
    rng = check_random_state(random_state)
    left, middle, right = (torch.tensor(ortho_group.rvs(dim, random_state=rng)) for _ in range(3))
    values = torch.zeros(dim, dtype=torch.float64)
    values[:rank] = torch.tensor(rng.uniform(SMALLEST, LARGEST, rank))
    first, second = (nn.Linear(dim, dim, bias=False, dtype=torch.float64) for _ in range(2))
    first.weight.data = middle.T @ torch.diag(values.sqrt()) @ right.T
    second.weight.data = left @ torch.diag(values.sqrt()) @ middle
    return nn.Sequential(first, second)


def whitened_data(network, dim=DIM):
    """Return inputs whose second moment is the identity, and the network's outputs."""
    inputs = dim**0.5 * torch.eye(dim, dtype=torch.float64)
    return inputs, network(inputs).detach()


def half_squared_error(model, batch):
    """Return half the squared error of every row, the negative log-likelihood at variance 1."""
    inputs, targets = batch
    return 0.5 * (model(inputs) - targets).square().sum(1)
