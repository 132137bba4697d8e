"""Models at a minimum whose learning coefficient is known in closed form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_learnability._results import Result
from sklearn_learnability._validation import check_random_state
from sklearn_learnability.metrics.theoretical_llc import (
    LearningCoefficient,
    normal_crossing,
)

DOUBLE = torch.float64
RandomState = int | np.random.RandomState | None


@dataclass(frozen=True, eq=False)
class KnownModel(Result):
    """A model at a minimum of its loss, and the learning coefficient there.

    Attributes
    ----------
    model : Module
        The model, in float64, its parameters at w*.
    data : tuple of Tensor
        Inputs and targets.
    truth : LearningCoefficient
        The coefficient and its multiplicity, for :func:`half_squared_error` and any multiple of it.
    """

    model: nn.Module
    data: tuple[Tensor, Tensor]
    truth: LearningCoefficient


def half_squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    r"""Half the squared error of every row, a loss for inputs and targets.

    .. math:: \ell(x, y) = \frac{1}{2} \lVert f(x) - y \rVert^2

    The negative log-likelihood of Gaussian noise of variance 1, but for a constant, in nats. Lower
    is better.

    Parameters
    ----------
    model : Module
        The model: f of the formula.
    batch : tuple of Tensor
        Inputs, and targets of the shape of the model's outputs, (n_rows, n_outputs).

    Returns
    -------
    Tensor of shape (n_rows,)
        The loss of every row.

    Raises
    ------
    ValueError
        If outputs and targets differ in shape.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import half_squared_error
    >>> half_squared_error(torch.nn.Identity(), (torch.ones(2, 3), torch.zeros(2, 3)))
    tensor([1.5000, 1.5000])
    """
    inputs, targets = batch
    outputs = model(inputs)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"Expected targets of the outputs' shape {tuple(outputs.shape)}, got "
            f"{tuple(targets.shape)}."
        )
    return (outputs - targets).square().sum(1) / 2


def make_linear_regression_model(
    n_features: int,
    *,
    n_samples: int,
    condition: float = 1.0,
    noise: float = 0.0,
    random_state: RandomState = None,
) -> KnownModel:
    r"""Make a linear model at its least-squares solution: a regular model.

    .. math:: y = w^\top x + \sigma \epsilon, \qquad \lambda = d / 2

    Parameters
    ----------
    n_features : int
        Number d of inputs, and of parameters.
    n_samples : int
        Number of rows: at least as many.
    condition : float, default=1.0
        Ratio of the largest to the smallest variance of the inputs.
    noise : float, default=0.0
        Standard deviation of the targets' noise: :math:`\sigma`.
    random_state : int, RandomState instance or None, default=None
        Source of randomness.

    Returns
    -------
    KnownModel
        The model, its data and the truth.

    Raises
    ------
    ValueError
        If there are fewer rows than features, `condition` is below 1, or `noise` is negative.

    Examples
    --------
    >>> from sklearn_learnability.torch import make_linear_regression_model
    >>> known = make_linear_regression_model(10, n_samples=200, random_state=0)
    >>> known.truth
    LearningCoefficient(value=5.0, multiplicity=1)
    """
    check_rows(n_samples, n_features, noise)
    if not 1 <= condition < math.inf:
        raise ValueError(f"Expected a finite condition of at least 1, got {condition}.")
    generator = torch_generator(random_state)
    scales = torch.logspace(0, -0.5 * math.log10(condition), n_features, dtype=DOUBLE)
    inputs = normal(generator, n_samples, n_features) * scales
    weights = normal(generator, n_features, 1)
    targets = inputs @ weights + noise * normal(generator, n_samples, 1)
    if noise:
        weights = torch.linalg.lstsq(inputs, targets).solution
    model = linear_layer(weights.T.contiguous())
    return KnownModel(model, (inputs, targets), LearningCoefficient(n_features / 2, 1))


class _Products(nn.Module):
    """Outputs x_b times a product of powers of some parameters, summed over b, at 0."""

    def __init__(self, terms: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.terms = [list(term) for term in terms]
        self.w = nn.Parameter(torch.zeros(sum(map(len, terms)), dtype=DOUBLE))

    def forward(self, inputs: Tensor) -> Tensor:
        parts = self.w.split([len(term) for term in self.terms])
        products = []
        for term, part in zip(self.terms, parts, strict=True):
            powers = [value**power for value, power in zip(part, term, strict=True)]
            products.append(math.prod(powers[1:], start=powers[0]))
        return inputs @ torch.stack(products)[:, None]


def make_normal_crossing_model(
    terms: Sequence[Sequence[int]], *, n_samples: int, random_state: RandomState = None
) -> KnownModel:
    r"""Make a sum of inputs times products of powers of parameters, all of them 0.

    .. math:: f(x) = \sum_b x_b \prod_i w_{bi}^{k_{bi}}

    The truth is 0, so that a power k of a parameter is 2 k in the loss:
    :math:`\lambda = \sum_b 1 / \max_i 2 k_{bi}`
    (:func:`~sklearn_learnability.metrics.theoretical_llc.normal_crossing`).

    Parameters
    ----------
    terms : sequence of sequence of int
        The powers :math:`k_{bi} \ge 1` of each term, one parameter each.
    n_samples : int
        Number of rows: at least as many as terms.
    random_state : int, RandomState instance or None, default=None
        Source of randomness: of the inputs.

    Returns
    -------
    KnownModel
        The model, its data and the truth.

    Raises
    ------
    ValueError
        If there is no term, a power is not a positive integer, or there are fewer rows than terms.

    Examples
    --------
    >>> from sklearn_learnability.torch import make_normal_crossing_model
    >>> make_normal_crossing_model([[1, 1]], n_samples=50, random_state=0).truth  # w1^2 w2^2
    LearningCoefficient(value=0.5, multiplicity=2)
    """
    if not all(isinstance(power, Integral) for term in terms for power in term):
        raise ValueError(f"Expected powers that are positive integers, got {terms}.")
    truth = normal_crossing(*[[2 * power for power in term] for term in terms])
    check_rows(n_samples, len(terms))
    inputs = normal(torch_generator(random_state), n_samples, len(terms))
    return KnownModel(_Products(terms), (inputs, torch.zeros(n_samples, 1, dtype=DOUBLE)), truth)


def linear_layer(weight: Tensor) -> nn.Linear:
    """Return a layer of given weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=DOUBLE)
    layer.weight.data = weight
    return layer


def torch_generator(random_state: RandomState) -> torch.Generator:
    """Return a generator; an integer is its seed."""
    if isinstance(random_state, Integral):
        return torch.Generator().manual_seed(int(random_state))
    return torch.Generator().manual_seed(int(check_random_state(random_state).randint(2**31 - 1)))


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=DOUBLE)


def check_rows(n_samples: int, least: int, noise: float = 0.0) -> None:
    """Refuse data on which the truth is another."""
    if not (isinstance(n_samples, Integral) and isinstance(least, Integral) and least >= 1):
        raise ValueError(f"Expected positive integers, got {n_samples!r} rows of {least!r} inputs.")
    if n_samples < least:
        raise ValueError(f"Expected n_samples of at least {least}, got {n_samples}.")
    if not 0 <= noise < math.inf:
        raise ValueError(f"Expected a finite noise of at least 0, got {noise}.")
