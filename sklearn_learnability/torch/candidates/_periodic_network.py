"""A multilayer perceptron on periodic embeddings of its numeric inputs, trained by skorch."""

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

#: Rows of a step and the height of the cycle.
BATCH_SIZE, LEARNING_RATE = 256, 4e-3

#: Passes over this many rows, and the decay of the weights there; both fall with more rows. Chosen
#: together on generated tasks of 320 to 32,000 rows.
EPOCHS, WEIGHT_DECAY, AT_ROWS = 14, 2.0, 8000


class Interrupted(BaseException):
    """Ctrl-C in the course of training, under a name that skorch does not swallow."""


class EnoughEpochs(KeyboardInterrupt):
    """No more epochs are wanted: what skorch takes for the end of training."""


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
    """Hidden layers on the inputs and the periodic embeddings of those that vary.

    Every input is bent softly at three standard deviations, so that heavy tails do not dominate.
    Those at the positions `varied` are embedded by sines and cosines of learned frequencies
    (Y. Gorishniy, I. Rubachev and A. Babenko, NeurIPS 2022,
    https://doi.org/10.48550/arXiv.2203.05556). All that is random comes from the generator, never
    from torch's own.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        generator: torch.Generator,
        varied: NDArray[np.integer],
        width: int = 256,
        depth: int = 2,
        n_frequencies: int = 12,
        embedding: int = 8,
        frequency_scale: float = 0.3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.varied: Tensor
        self.register_buffer("varied", torch.from_numpy(varied))
        frequencies = torch.randn(len(varied), 1, n_frequencies, generator=generator)
        self.frequencies = nn.Parameter(frequencies * frequency_scale)
        bound = 1 / math.sqrt(2 * n_frequencies)
        projection = torch.empty(len(varied), 2 * n_frequencies, embedding)
        self.projection = nn.Parameter(projection.uniform_(-bound, bound, generator=generator))
        layers: list[nn.Module] = []
        n_inputs = n_features + len(varied) * embedding
        for _ in range(depth):
            layers += [
                linear(n_inputs, width, generator),
                nn.ReLU(),
                SeededDropout(dropout, generator),
            ]
            n_inputs = width
        self.hidden = nn.Sequential(*layers, linear(n_inputs, n_classes, generator))

    def forward(self, X: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return logits (B, K) of inputs (B, F); the weights are for the loss alone."""
        x = X / torch.sqrt(1 + (X / 3) ** 2)  # (B, F)
        varied = x.T[self.varied, :, None]  # (V, B, 1)
        angles = 2 * math.pi * self.frequencies * varied  # (V, B, frequencies)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded = torch.relu(torch.bmm(waves, self.projection)).transpose(0, 1)
        return self.hidden(torch.cat([x, embedded.flatten(1)], dim=1))

    def trained(self) -> Self:
        """Return the network ready to predict, without its generator, in float64.

        In float32 a row's probabilities depend in the seventh digit on the rows beside it.
        """
        for module in self.modules():
            if isinstance(module, SeededDropout):
                module.generator = None
        return self.eval().double()


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
        except EnoughEpochs:
            raise
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt


def whole_batches(
    dataset: Any, batch_size: int, generator: torch.Generator, shuffle: bool = False
) -> DataLoader:
    """Return a loader that takes a batch by one indexing, not row by row."""
    order = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(order, batch_size, False)
    return DataLoader(dataset, sampler=batches, batch_size=None, generator=generator)


def weighted_training(n_classes: int, generator: torch.Generator) -> dict[str, Any]:
    """Return skorch's options of every network here: a loss of each row, whole seeded batches."""
    return {
        "criterion": nn.CrossEntropyLoss,
        "criterion__reduction": "none",
        "iterator_train": whole_batches,
        "iterator_train__shuffle": True,
        "iterator_train__generator": generator,
        "iterator_valid": whole_batches,
        "iterator_valid__generator": generator,
        "classes": list(range(n_classes)),
        "verbose": 0,
    }


def make_network(
    X: NDArray[np.float32],
    n_classes: int,
    *,
    width: int,
    depth: int,
    max_epochs: int | None,
    training: float,
    seed: int,
) -> WeightedNetClassifier:
    """Return an unfitted network for the given rows, trained by one cycle of the learning rate.

    A strong decay of the weights holds it back, the more the fewer the rows, so that none are spent
    on stopping early (L. N. Smith and N. Topin, https://doi.org/10.48550/arXiv.1708.07120;
    I. Loshchilov and F. Hutter, https://doi.org/10.48550/arXiv.1711.05101).
    """
    generator = torch.Generator().manual_seed(seed)
    n_samples, n_features = X.shape
    is_varied = [len(np.unique(column)) > 2 for column in X.T]
    fewer = AT_ROWS / n_samples
    if max_epochs is None:
        max_epochs = round(training * EPOCHS * min(max(fewer**0.25, 0.4), 3))
    return WeightedNetClassifier(
        PeriodicNetwork,
        module__n_features=n_features,
        module__n_classes=n_classes,
        module__generator=generator,
        module__varied=np.flatnonzero(is_varied),
        module__width=width,
        module__depth=depth,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=WEIGHT_DECAY * min(fewer**0.5, 5),
        lr=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        max_epochs=max_epochs,
        train_split=None,
        callbacks=[
            LRScheduler(
                torch.optim.lr_scheduler.OneCycleLR,
                step_every="batch",
                event_name=None,
                max_lr=LEARNING_RATE,
                total_steps=max_epochs * -(-n_samples // BATCH_SIZE) + 1,
                pct_start=0.2,
            )
        ],
        **weighted_training(n_classes, generator),
    )
