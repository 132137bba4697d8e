"""A multilayer perceptron on periodic embeddings of its numeric inputs, trained by skorch."""

import math
from typing import Any

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler


class PeriodicNetwork(nn.Module):
    """Two hidden layers on the inputs and their periodic embeddings.

    Every input is bent softly at three standard deviations, so that heavy tails do not dominate,
    and embedded by sines and cosines of learned frequencies (Y. Gorishniy, I. Rubachev and
    A. Babenko, NeurIPS 2022, https://doi.org/10.48550/arXiv.2203.05556).
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        width: int = 128,
        n_frequencies: int = 12,
        embedding: int = 8,
        frequency_scale: float = 0.3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(n_features, n_frequencies) * frequency_scale)
        bound = 1 / math.sqrt(2 * n_frequencies)
        shape = (n_features, 2 * n_frequencies, embedding)
        self.projection = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.hidden = nn.Sequential(
            nn.Linear(n_features * (1 + embedding), width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_classes),
        )

    def forward(self, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return logits (B, K) of inputs (B, F); the weights are for the loss alone."""
        x = X / torch.sqrt(1 + (X / 3) ** 2)  # (B, F)
        angles = 2 * math.pi * self.frequencies * x[:, :, None]  # (B, F, frequencies)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded = torch.relu(torch.einsum("bfi,fie->bfe", waves, self.projection))
        return self.hidden(torch.cat([x, embedded.flatten(1)], dim=1))


class WeightedNetClassifier(NeuralNetClassifier):
    """skorch's classifier with a loss weighted by the inputs' `sample_weight`."""

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the weighted mean loss of a batch."""
        losses = super().get_loss(y_pred, y_true, X, training)
        weight = X["sample_weight"].to(losses.device)
        return (losses * weight).sum() / weight.sum().clamp_min(1e-12)


def whole_batches(dataset: Any, batch_size: int, shuffle: bool = False) -> DataLoader:
    """Return a loader that takes a batch by one indexing, not row by row."""
    sampler = RandomSampler if shuffle else SequentialSampler
    order = sampler(dataset)
    return DataLoader(dataset, sampler=BatchSampler(order, batch_size, False), batch_size=None)


def make_network(
    n_features: int, n_classes: int, *, width: int, max_epochs: int, seed: int
) -> WeightedNetClassifier:
    """Return an unfitted network that stops early on a seeded validation split."""
    return WeightedNetClassifier(
        PeriodicNetwork,
        module__n_features=n_features,
        module__n_classes=n_classes,
        module__width=width,
        criterion=nn.CrossEntropyLoss,
        criterion__reduction="none",
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=0.03,
        lr=2e-3,
        batch_size=256,
        max_epochs=max_epochs,
        train_split=ValidSplit(0.15, stratified=False, random_state=seed),
        iterator_train=whole_batches,
        iterator_train__shuffle=True,
        iterator_valid=whole_batches,
        callbacks=[("stop", EarlyStopping(patience=6, load_best=True, sink=lambda _: None))],
        classes=list(range(n_classes)),
        verbose=0,
    )
