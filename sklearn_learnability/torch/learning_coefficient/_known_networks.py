"""Networks at a minimum whose learning coefficient is known in closed form."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from scipy.stats import ortho_group
from torch import Tensor, nn

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.metrics.theoretical_llc import deep_linear_network, tanh
from sklearn_learnability.torch.learning_coefficient._known_models import (
    DOUBLE,
    KnownModel,
    RandomState,
    check_rows,
    linear_layer,
    normal,
    torch_generator,
)

SMALLEST, LARGEST = 0.5, 1.5  # singular values of a random teacher


def make_linear_network_model(
    widths: Sequence[int],
    rank: int,
    *,
    n_samples: int,
    noise: float = 0.0,
    random_state: RandomState = None,
) -> KnownModel:
    r"""Make a linear network at balanced factors of its best product.

    .. math:: f(x) = W_L \cdots W_1 x

    Without noise the product is a random matrix of the rank; with noise it is the least-squares
    solution of the largest rank that the widths allow, and the truth that of the rank without.

    Parameters
    ----------
    widths : sequence of int
        Numbers of units of the inputs, the hidden layers and the outputs.
    rank : int
        Rank of the true matrix: at most the smallest width.
    n_samples : int
        Number of rows: at least as many as inputs.
    noise : float, default=0.0
        Standard deviation of the targets' noise.
    random_state : int, RandomState instance or None, default=None
        Source of randomness.

    Returns
    -------
    KnownModel
        The model, its data and the truth
        (:func:`~sklearn_learnability.metrics.theoretical_llc.deep_linear_network`).

    Raises
    ------
    ValueError
        If a width is not a positive integer, the rank does not fit, there are fewer rows than
        inputs, or `noise` is negative.

    Examples
    --------
    >>> from sklearn_learnability.torch import make_linear_network_model
    >>> make_linear_network_model([5, 4, 6, 5], 2, n_samples=100, random_state=0).truth
    LearningCoefficient(value=10.5, multiplicity=1)
    """
    truth = deep_linear_network(widths, rank)
    check_rows(n_samples, widths[0], noise)
    generator = torch_generator(random_state)
    inputs = normal(generator, n_samples, widths[0])
    left, right = normal(generator, widths[-1], rank), normal(generator, rank, widths[0])
    product = left @ right / (math.sqrt(max(rank, 1)) * max(1.0, math.sqrt(widths[0]) / 2))
    targets = inputs @ product.T + noise * normal(generator, n_samples, widths[-1])
    if noise:
        rank = min(widths)
        free = torch.linalg.lstsq(inputs, targets).solution.T
        _, _, directions = torch.linalg.svd(inputs @ free.T, full_matrices=False)
        product = directions[:rank].T @ directions[:rank] @ free
    return KnownModel(_balanced_network(widths, rank, product), (inputs, targets), truth)


def make_rotated_linear_network_model(
    n_units: int, rank: int, *, random_state: RandomState = None
) -> KnownModel:
    r"""Make a linear network of three equal widths, turned at random between its layers.

    .. math:: f(x) = W_2 W_1 x, \quad W_2^\top W_2 = W_1 W_1^\top

    The product is a random matrix of the rank, its singular values between 0.5 and 1.5. The factors
    are balanced, so that the local coefficient is the global one, and no parameter is 0, as suits
    compression. There is one row for each input, and their second moment is the identity.

    Parameters
    ----------
    n_units : int
        Number of inputs, hidden units and outputs.
    rank : int
        Rank of the true matrix: at most `n_units`.
    random_state : int, RandomState instance or None, default=None
        Source of randomness.

    Returns
    -------
    KnownModel
        The model, its data and the truth
        (:func:`~sklearn_learnability.metrics.theoretical_llc.deep_linear_network`).

    Raises
    ------
    ValueError
        If `n_units` is not a positive integer, or the rank does not fit.

    Examples
    --------
    >>> from sklearn_learnability.torch import make_rotated_linear_network_model
    >>> make_rotated_linear_network_model(10, 3, random_state=0).truth
    LearningCoefficient(value=44.0, multiplicity=2)
    """
    truth = deep_linear_network([n_units] * 3, rank)
    rng = check_random_state(random_state)
    bases = (torch.tensor(ortho_group.rvs(n_units, random_state=rng)) for _ in range(3))
    left, middle, right = bases
    values = torch.zeros(n_units, dtype=DOUBLE)
    values[:rank] = torch.tensor(rng.uniform(SMALLEST, LARGEST, rank))
    root = torch.diag(values.sqrt())
    model = nn.Sequential(
        linear_layer(middle.T @ root @ right.T), linear_layer(left @ root @ middle)
    )
    inputs = n_units**0.5 * torch.eye(n_units, dtype=DOUBLE)
    return KnownModel(model, (inputs, model(inputs).detach()), truth)


def make_tanh_network_model(
    n_hidden: int, *, n_samples: int, random_state: RandomState = None
) -> KnownModel:
    r"""Make a tanh network of one input and one output, all its weights and the truth 0.

    .. math:: f(x) = \sum_h a_h \tanh(b_h x)

    Parameters
    ----------
    n_hidden : int
        Number of hidden units.
    n_samples : int
        Number of rows.
    random_state : int, RandomState instance or None, default=None
        Source of randomness: of the inputs.

    Returns
    -------
    KnownModel
        The model, its data and the truth
        (:func:`~sklearn_learnability.metrics.theoretical_llc.tanh`).

    Raises
    ------
    ValueError
        If a number is not a positive integer.

    Examples
    --------
    >>> from sklearn_learnability.torch import make_tanh_network_model
    >>> make_tanh_network_model(4, n_samples=100, random_state=0).truth
    LearningCoefficient(value=1.0, multiplicity=2)
    """
    truth = tanh(n_hidden)
    check_rows(n_samples, 1)
    first = linear_layer(torch.zeros(n_hidden, 1, dtype=DOUBLE))
    last = linear_layer(torch.zeros(1, n_hidden, dtype=DOUBLE))
    inputs = 2 * normal(torch_generator(random_state), n_samples, 1)
    return KnownModel(
        nn.Sequential(first, nn.Tanh(), last), (inputs, torch.zeros_like(inputs)), truth
    )


def _balanced_network(widths: Sequence[int], rank: int, product: Tensor) -> nn.Sequential:
    """Return a linear network whose factors share the singular values of its product evenly."""
    left, values, right = torch.linalg.svd(product)
    n_layers = len(widths) - 1
    layers = []
    for number, (n_inputs, n_outputs) in enumerate(pairwise(widths)):
        factor = torch.zeros(n_outputs, n_inputs, dtype=DOUBLE)
        factor[:rank, :rank] = torch.diag(values[:rank] ** (1 / n_layers))
        if number == 0:
            factor = factor[:, :rank] @ right[:rank]
        if number == n_layers - 1:
            factor = left[:, :rank] @ factor[:rank]
        layers.append(linear_layer(factor))
    return nn.Sequential(*layers)
