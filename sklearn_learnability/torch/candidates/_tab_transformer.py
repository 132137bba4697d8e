"""TabTransformer: levels that attend to each other, beside numbers, before a perceptron."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_learnability.torch.candidates._early_stopping import stopped_early
from sklearn_learnability.torch.candidates._level_index import LevelIndex
from sklearn_learnability.torch.candidates._network_bag import NetworkBag
from sklearn_learnability.torch.candidates._periodic_network import (
    SeededDropout,
    WeightedNetClassifier,
    linear,
    weighted_training,
)

#: Dimensions of an embedding, those of them that tell the column, and heads of an attention block.
DIMENSIONS, OF_COLUMN, HEADS = 32, 4, 4
#: Rates at which levels are taken for one not seen, and units of the perceptron left out.
FORGOTTEN, DROPOUT = 0.2, 0.1
FIRST_SCALE, FEWEST_ROWS = 0.1, 5
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 256, 1e-3, 3.0


class AttendingLevels(nn.Module):
    """Logits of a TabTransformer; all that is random comes from the generator."""

    def __init__(
        self,
        n_numeric: int,
        index: LevelIndex,
        n_classes: int,
        n_blocks: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_numeric = n_numeric
        self.index = index
        self.generator: torch.Generator | None = generator
        n_columns = index.n_columns
        of_level = torch.randn(index.n_levels, DIMENSIONS - OF_COLUMN, generator=generator)
        of_column = torch.randn(n_columns, OF_COLUMN, generator=generator)
        self.of_level = nn.Parameter(FIRST_SCALE * of_level)
        self.of_column = nn.Parameter(FIRST_SCALE * of_column)
        block = nn.utils.skip_init(
            nn.TransformerEncoderLayer,
            DIMENSIONS,
            HEADS,
            dim_feedforward=2 * DIMENSIONS,
            dropout=0.0,  # torch would draw it from its own generator
            batch_first=True,
        )
        self.blocks = nn.TransformerEncoder(block, n_blocks, enable_nested_tensor=False)
        for name, parameter in self.blocks.named_parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.constant_(parameter, float("norm" in name and name.endswith("weight")))
        self.norm = nn.LayerNorm(n_numeric)
        n_inputs = 2 * n_numeric + n_columns * DIMENSIONS
        width = 4 * DIMENSIONS
        self.head = nn.Sequential(
            linear(n_inputs, width, generator),
            nn.ReLU(),
            SeededDropout(DROPOUT, generator),
            linear(width, width // 2, generator),
            nn.ReLU(),
            SeededDropout(DROPOUT, generator),
            linear(width // 2, n_classes, generator),
        )

    def forward(self, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return logits (B, K) of numbers and codes (B, F); the weights are for the loss alone."""
        numbers = X[:, : self.n_numeric].to(self.of_level.dtype)
        bent = numbers / torch.sqrt(1 + (numbers / 3) ** 2)
        # of one number or two a norm leaves nothing or a sign
        numbers = torch.cat([bent, self.norm(bent)], dim=1)
        if self.index.n_columns == 0:
            return self.head(numbers)
        level = self.index(X[:, self.n_numeric :])  # (B, C)
        if self.training:
            is_kept = torch.rand(level.shape, generator=self.generator) >= FORGOTTEN
            level = torch.where(is_kept, level, self.index.shared)
        column = self.of_column.expand(len(X), -1, -1)
        embedded = torch.cat([column, self.of_level[level]], dim=-1)  # (B, C, DIMENSIONS)
        attended = self.blocks(embedded).flatten(1)
        return self.head(torch.cat([numbers, attended], dim=1))

    def trained(self) -> Self:
        """Return the network ready to predict, without its generators, in float64."""
        for module in self.modules():
            if isinstance(module, SeededDropout | AttendingLevels):
                module.generator = None
        return self.eval().double()


class TabTransformer(NetworkBag):
    """Bag of TabTransformers: embeddings of levels that attend to each other, and numbers.

    Numbers, as they are and layer-normed, are joined to the flattened embeddings for a perceptron
    of two hidden layers. Levels of fewer than five rows, and those that were not seen, share an
    embedding in each column, and others are taken for it now and then in the course of training,
    which stops early on a part of the rows. Needs torch and skorch.

    Parameters
    ----------
    n_categorical : int, default=0
        The last columns, which hold whole numbers that stand for levels; numbers come before them
        and should be scaled.
    n_members : int, default=2
        Number of networks.
    n_blocks : int, default=2
        Number of attention blocks.
    max_epochs : int, default=30
        Passes over the rows at most.
    random_state : int, RandomState instance or None, default=None
        Seeds the networks and the rows held out.

    References
    ----------
    X. Huang, A. Khetan, M. Cvitkovic and Z. Karnin. TabTransformer: Tabular Data Modeling Using
    Contextual Embeddings, 2020. https://doi.org/10.48550/arXiv.2012.06678
    """

    def __init__(
        self,
        n_categorical: int = 0,
        *,
        n_members: int = 2,
        n_blocks: int = 2,
        max_epochs: int = 30,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_categorical = n_categorical
        self.n_members = n_members
        self.n_blocks = n_blocks
        self.max_epochs = max_epochs
        self.random_state = random_state

    def _make_network(
        self, X: NDArray[np.float32], n_classes: int, seed: int
    ) -> WeightedNetClassifier:
        generator = torch.Generator().manual_seed(seed)
        n_numeric = X.shape[1] - self.n_categorical
        return WeightedNetClassifier(
            AttendingLevels,
            module__n_numeric=n_numeric,
            module__index=LevelIndex(X[:, n_numeric:], FEWEST_ROWS),
            module__n_classes=n_classes,
            module__n_blocks=self.n_blocks,
            module__generator=generator,
            optimizer=torch.optim.AdamW,
            optimizer__fused=True,
            optimizer__weight_decay=WEIGHT_DECAY,
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            max_epochs=self.max_epochs,
            **weighted_training(n_classes, generator),
            **stopped_early(len(X), seed, patience=3),
        )
