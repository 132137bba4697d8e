"""FactorizationMachine: levels that act alone and in pairs, the pairs through few factors."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_learnability.torch.candidates._early_stopping import stopped_early
from sklearn_learnability.torch.candidates._level_index import LevelIndex
from sklearn_learnability.torch.candidates._network_bag import NetworkBag
from sklearn_learnability.torch.candidates._periodic_network import (
    WeightedNetClassifier,
    weighted_training,
)

#: Size of the factors at the start, and of a step.
FIRST_SCALE, LEARNING_RATE = 0.1, 0.2
FEWEST_ROWS = 2
WEIGHT_DECAY = 10.0
BATCH_SIZE = 256


class FactorizedSum(nn.Module):
    """Logits of a factorization machine."""

    def __init__(
        self,
        n_numeric: int,
        index: LevelIndex,
        n_classes: int,
        n_factors: int,
        generator: torch.Generator,
        scale: float = FIRST_SCALE,
    ) -> None:
        super().__init__()
        self.n_numeric = n_numeric
        self.index = index
        n_inputs = n_numeric + index.n_levels
        self.intercept = nn.Parameter(torch.zeros(n_classes))
        self.effects = nn.Parameter(torch.zeros(n_inputs, n_classes))
        factors = torch.randn(n_inputs, n_factors, generator=generator)
        self.factors = nn.Parameter(scale * factors)
        head = torch.randn(n_factors, n_classes, generator=generator)
        self.head = nn.Parameter(head)

    def forward(self, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return logits (B, K) of numbers and codes (B, F); the weights are for the loss alone."""
        numbers, codes = X[:, : self.n_numeric], X[:, self.n_numeric :]
        numbers = (numbers / torch.sqrt(1 + (numbers / 3) ** 2)).to(self.effects.dtype)
        row = self.n_numeric + self.index(codes)  # (B, C)
        effects = numbers @ self.effects[: self.n_numeric] + self.effects[row].sum(dim=1)
        of_numbers = numbers[:, :, None] * self.factors[: self.n_numeric]
        factors = torch.cat([of_numbers, self.factors[row]], dim=1)  # (B, F, factors)
        pairs = (factors.sum(dim=1) ** 2 - (factors**2).sum(dim=1)) / 2
        return self.intercept + effects + pairs @ self.head

    def trained(self) -> Self:
        """Return the model ready to predict, in float64."""
        return self.eval().double()


class FactorizationMachine(NetworkBag):
    r"""Bag of factorization machines: effects of levels and numbers, and of all pairs of them.

    .. math:: f_k(x) = b_k + \sum_i w_{ik} x_i
              + \sum_q h_{qk} \sum_{i < j} v_{iq} v_{jq} x_i x_j

    Levels of fewer than two rows, and those that were not seen, share one in each column. Training
    stops early on a part of the rows. Needs torch and skorch.

    Parameters
    ----------
    n_categorical : int, default=0
        The last columns, which hold whole numbers that stand for levels; numbers come before them
        and should be scaled.
    n_members : int, default=4
        Number of models.
    n_factors : int, default=8
        Factors of each level and number.
    max_epochs : int, default=50
        Passes over the rows at most.
    random_state : int, RandomState instance or None, default=None
        Seeds the models and the rows held out.

    References
    ----------
    S. Rendle. Factorization Machines. ICDM 2010. https://doi.org/10.1109/ICDM.2010.127. The weights
    h let a pair count for each class in its own way: X. He and T.-S. Chua, SIGIR 2017,
    https://doi.org/10.1145/3077136.3080777
    """

    def __init__(
        self,
        n_categorical: int = 0,
        *,
        n_members: int = 4,
        n_factors: int = 8,
        max_epochs: int = 50,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_categorical = n_categorical
        self.n_members = n_members
        self.n_factors = n_factors
        self.max_epochs = max_epochs
        self.random_state = random_state

    def _make_network(
        self, X: NDArray[np.float32], n_classes: int, seed: int
    ) -> WeightedNetClassifier:
        generator = torch.Generator().manual_seed(seed)
        n_numeric = X.shape[1] - self.n_categorical
        return WeightedNetClassifier(
            FactorizedSum,
            module__n_numeric=n_numeric,
            module__index=LevelIndex(X[:, n_numeric:], FEWEST_ROWS),
            module__n_classes=n_classes,
            module__n_factors=self.n_factors,
            module__generator=generator,
            optimizer=torch.optim.Adagrad,
            optimizer__weight_decay=WEIGHT_DECAY / len(X),
            optimizer__param_groups=[("intercept", {"weight_decay": 0.0})],
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            max_epochs=self.max_epochs,
            **weighted_training(n_classes, generator),
            **stopped_early(len(X), seed, patience=3),
        )
