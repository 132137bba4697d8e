"""Training of a pruned model, what was pruned held at zero."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from sklearn_learnability._validation import check_count, check_random_state
from sklearn_learnability.torch.compression._compression import LossNow
from sklearn_learnability.torch.models._attention_heads import HeadWeights, zero_heads
from sklearn_learnability.torch.models._batch_loss import Loss, batch_loss, placed_loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._devices import device_of, dtype_of, gradients_of


@dataclass(frozen=True)
class Retraining:
    """How a pruned model is trained on.

    Adam at a tenth of the learning rate of the training before; the weights that were pruned stay
    zero. The model is in evaluation mode, without dropout.

    Parameters
    ----------
    loss : Module or callable
        As in :func:`critical_amount`.
    data : Tensor, tuple or dict of Tensor, Dataset, or DataLoader
        The rows to train on.
    learning_rate : float
        That of the training before, of which a tenth is used.
    n_steps : int, default=1000
        Number of steps.
    batch_size : int, default=32
        Rows to a step.
    n_checks : int, default=10
        How many times on the way the loss is evaluated, evenly spaced.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the batches.

    Raises
    ------
    ValueError
        If there are fewer steps than evaluations, less than one evaluation or row to a step, or the
        learning rate is not positive.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import HeadPruning, Retraining, next_token_loss
    >>> tokens = torch.zeros(8, 5, dtype=torch.long)
    >>> retraining = Retraining(next_token_loss, tokens, learning_rate=1e-3, n_steps=100)
    >>> scheme = HeadPruning(retraining=retraining)
    """

    loss: Loss = field(repr=False)
    data: Any = field(repr=False, compare=False)
    learning_rate: float
    n_steps: int = 1000
    batch_size: int = 32
    n_checks: int = 10
    random_state: Any = field(default=0, repr=False)
    seed: int = field(init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.n_checks <= self.n_steps:
            raise ValueError(
                "Expected at least one evaluation and as many steps, got "
                f"n_checks={self.n_checks} and n_steps={self.n_steps}."
            )
        check_count("batch_size", self.batch_size)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"Expected a learning_rate above 0, got {self.learning_rate}.")
        drawn = check_random_state(self.random_state).randint(2**31 - 1)
        object.__setattr__(self, "seed", int(drawn))


def retrain(
    model: nn.Module, heads: Sequence[Sequence[HeadWeights]], how: Retraining, loss: LossNow
) -> Iterator[tuple[int, float]]:
    """Train a pruned model, yield a few steps and the loss there, and give gradients back."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError(
            "Expected a model with parameters to train on, got one where all are frozen. Let some "
            "require gradients, or leave out the retraining."
        )
    before = {name: p.grad for name, p in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=how.learning_rate / 10)
    rows = data_rows(how.data, device_of(model), dtype_of(model))
    criterion = placed_loss(how.loss, device_of(model), dtype_of(model))
    generator = torch.Generator().manual_seed(how.seed)
    every = how.n_steps // how.n_checks
    try:
        for step in range(1, how.n_steps + 1):
            optimizer.zero_grad()
            batch = rows.take(torch.randint(rows.n, (how.batch_size,), generator=generator))
            with gradients_of(model):
                batch_loss(model, criterion, batch).mean.backward()
            grads = {name: p.grad for name, p in parameters.items() if p.grad is not None}
            zero_heads([[w for w in head if w.parameter in grads] for head in heads], grads)
            optimizer.step()
            if step % every == 0:
                yield step, loss()
    finally:
        for name, p in parameters.items():
            p.grad = before[name]
