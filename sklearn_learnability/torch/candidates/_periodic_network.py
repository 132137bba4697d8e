"""A multilayer perceptron on periodic embeddings of its numeric inputs, trained by skorch."""

import math
from typing import Any, Self

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler


class Interrupted(BaseException):
    """Ctrl-C in the course of training, under a name that skorch does not swallow."""


class Finished(KeyboardInterrupt):
    """The end of training by early stopping, which skorch tells by an interrupt."""


class SeededDropout(nn.Module):
    """Dropout that draws from a generator of its own."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x with entries dropped while training, and the rest scaled up."""
        if not self.training:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.rate, generator=self.generator)
        return x * kept / (1 - self.rate)


class PeriodicNetwork(nn.Module):
    """Two hidden layers on the inputs and their periodic embeddings.

    Every input is bent softly at three standard deviations, so that heavy tails do not dominate,
    and embedded by sines and cosines of learned frequencies (Y. Gorishniy, I. Rubachev and
    A. Babenko, NeurIPS 2022, https://doi.org/10.48550/arXiv.2203.05556). All that is random comes
    from the generator, never from torch's own.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        generator: torch.Generator,
        width: int = 128,
        n_frequencies: int = 12,
        embedding: int = 8,
        frequency_scale: float = 0.3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        frequencies = torch.randn(n_features, n_frequencies, generator=generator)
        self.frequencies = nn.Parameter(frequencies * frequency_scale)
        bound = 1 / math.sqrt(2 * n_frequencies)
        projection = torch.empty(n_features, 2 * n_frequencies, embedding)
        self.projection = nn.Parameter(projection.uniform_(-bound, bound, generator=generator))
        self.hidden = nn.Sequential(
            linear(n_features * (1 + embedding), width, generator),
            nn.ReLU(),
            SeededDropout(dropout, generator),
            linear(width, width, generator),
            nn.ReLU(),
            SeededDropout(dropout, generator),
            linear(width, n_classes, generator),
        )

    def forward(self, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return logits (B, K) of inputs (B, F); the weights are for the loss alone."""
        x = X / torch.sqrt(1 + (X / 3) ** 2)  # (B, F)
        angles = 2 * math.pi * self.frequencies * x[:, :, None]  # (B, F, frequencies)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded = torch.relu(torch.einsum("bfi,fie->bfe", waves, self.projection))
        return self.hidden(torch.cat([x, embedded.flatten(1)], dim=1))

    def trained(self) -> Self:
        """Return the network ready to predict, without its generator."""
        for module in self.modules():
            if isinstance(module, SeededDropout):
                module.generator = None
        return self.eval()


def linear(n_inputs: int, n_outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with torch's usual first weights, drawn from the generator."""
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
    bound = 1 / math.sqrt(n_inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


class WeightedNetClassifier(NeuralNetClassifier):
    """skorch's classifier with a loss weighted by the inputs' `sample_weight`."""

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the weighted mean loss of a batch."""
        losses = super().get_loss(y_pred, y_true, X, training)
        weight = X["sample_weight"].to(losses.device)
        return (losses * weight).sum() / weight.sum().clamp_min(1e-12)

    def fit_loop(self, *args: Any, **kwargs: Any) -> Self:
        """Train, and let an interrupt through: a network trained in part is no candidate."""
        try:
            return super().fit_loop(*args, **kwargs)
        except Finished:
            raise
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt


class StopEarly(EarlyStopping):
    """skorch's early stopping, told from the user's interrupt."""

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Stop where the loss of the validation rows has not fallen for long."""
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            raise Finished from None


def whole_batches(
    dataset: Any, batch_size: int, generator: torch.Generator, shuffle: bool = False
) -> DataLoader:
    """Return a loader that takes a batch by one indexing, not row by row."""
    order = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(order, batch_size, False)
    return DataLoader(dataset, sampler=batches, batch_size=None, generator=generator)


def make_network(
    n_features: int, n_classes: int, *, width: int, max_epochs: int, seed: int
) -> WeightedNetClassifier:
    """Return an unfitted network that stops early on a seeded validation split."""
    generator = torch.Generator().manual_seed(seed)
    return WeightedNetClassifier(
        PeriodicNetwork,
        module__n_features=n_features,
        module__n_classes=n_classes,
        module__generator=generator,
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
        iterator_train__generator=generator,
        iterator_valid=whole_batches,
        iterator_valid__generator=generator,
        callbacks=[("stop", StopEarly(patience=6, load_best=True, sink=lambda _: None))],
        classes=list(range(n_classes)),
        verbose=0,
    )
