"""Gaussian noise on a model's parameters."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.torch.compression._compression import (
    CompressedLoss,
    CompressionScheme,
    LossNow,
    restored,
)
from sklearn_learnability.torch.compression._layers import checked_layers, chosen_parameters


@dataclass(frozen=True)
class GaussianNoise(CompressionScheme):
    r"""Add Gaussian noise to every parameter.

    .. math::

        w \leftarrow w + \sigma z \quad\text{(absolute)}, \qquad
        w \leftarrow w + w \sigma z \quad\text{(relative)}, \qquad z \sim N(0, 1)

    The amount is :math:`\sigma`; the larger a model tolerates, the less precisely it needs to be
    told. The loss is the mean over draws, the same draws at every :math:`\sigma`, and has the
    standard error of that mean.

    Parameters
    ----------
    relative : bool, default=False
        Whether the noise is in proportion to the parameter.
    n_draws : int, default=5
        Number of draws to average over, at least 2.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the draws.
    layers : sequence of str, default=None
        Names of the modules to compress, with all that is in them; shell patterns such as
        "blocks.*.mlp" are names too, and "*" is everything. Named layers are compressed whether
        frozen or not. None takes all that the scheme applies to and that is trained; frozen
        parameters (`requires_grad=False`) too where nothing is trained.

    Attributes
    ----------
    seeds : tuple of int
        The seed of each draw.
    quantity : str
        "sigma".
    amounts : tuple of float
        0.0001 to 3.

    Raises
    ------
    ValueError
        If there are less than 2 draws, :math:`\sigma` is not positive, or a name stands for no
        layer or for one without parameters.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory. 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import GaussianNoise, critical_amount
    >>> generator = torch.Generator().manual_seed(0)
    >>> X = torch.randn(500, 100, generator=generator)
    >>> model = torch.nn.Linear(100, 1, bias=False)
    >>> y = model(X).detach()  # sigma^2 d = 0.25 where sigma = 0.05
    >>> found = critical_amount(
    ...     model, torch.nn.MSELoss(), (X, y), GaussianNoise(), tolerance=0.25, progress=False
    ... )
    >>> abs(found.value - 0.05) < 0.01
    True
    """

    relative: bool = False
    n_draws: int = 5
    random_state: Any = field(default=0, repr=False)
    layers: Sequence[str] | None = None
    seeds: tuple[int, ...] = field(init=False)

    quantity: ClassVar[str] = "sigma"
    amounts: ClassVar[tuple[float, ...]] = (
        *(1e-4, 3e-4, 1e-3, 3e-3, 0.01),
        *(0.03, 0.1, 0.3, 1.0, 3.0),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", checked_layers(self.layers))
        if self.n_draws < 2:
            raise ValueError(f"Expected at least 2 draws to average over, got {self.n_draws}.")
        drawn = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_draws)
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in drawn))

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Add the first draw to the parameters of a model inside the context.

        Parameters
        ----------
        model : Module
            The model, changed in place.
        amount : float
            The standard deviation.

        Returns
        -------
        context manager
            Gives the parameters back at its end.
        """
        self.check(amount)
        return self._perturbed(model, amount)

    @contextmanager
    def _perturbed(self, model: nn.Module, sigma: float) -> Iterator[None]:
        parameters = chosen_parameters(model, self.layers)
        with restored(parameters) as kept:
            self._perturb(parameters, kept, sigma, self.seeds[0])
            yield

    def check(self, amount: float) -> None:
        """Raise ValueError unless the amount is positive and finite.

        Parameters
        ----------
        amount : float
            The standard deviation.
        """
        if not 0 < amount < math.inf:
            raise ValueError(f"Expected a standard deviation above 0, got {amount}.")

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return the geometric mean, None if the two are within 10 %.

        Parameters
        ----------
        tolerated, exceeding : float
            Two standard deviations.

        Returns
        -------
        float or None
            The mean.
        """
        near = max(tolerated, exceeding) < 1.1 * min(tolerated, exceeding)
        return None if near else math.sqrt(tolerated * exceeding)

    def measure(
        self,
        model: nn.Module,
        amount: float,
        loss: LossNow,
        near: CompressedLoss | None = None,
    ) -> CompressedLoss:
        """Return the mean loss over the draws.

        Parameters
        ----------
        model : Module
            The model, as it was trained.
        amount : float
            The standard deviation.
        loss : callable
            Returns the loss of the model as it is at the time of the call.
        near : CompressedLoss, default=None
            Not used.

        Returns
        -------
        CompressedLoss
            The mean and its standard error.
        """
        self.check(amount)
        parameters = chosen_parameters(model, self.layers)
        losses = []
        with restored(parameters) as kept:
            for seed in self.seeds:
                self._perturb(parameters, kept, amount, seed)
                losses.append(loss())
        error = float(np.std(losses, ddof=1)) / math.sqrt(len(losses))
        return CompressedLoss(float(np.mean(losses)), error, n_evaluations=len(losses))

    def _perturb(
        self, targets: Sequence[Tensor], values: Sequence[Tensor], sigma: float, seed: int
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        for target, value in zip(targets, values, strict=True):
            noise = torch.randn(value.shape, generator=generator).to(value.device, value.dtype)
            if self.relative:
                noise.mul_(value)
            torch.add(value, noise, alpha=sigma, out=target)
