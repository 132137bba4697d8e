"""The divergence of a model's predictions from those it began with, as a loss."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.models._batch_loss import (
    IGNORED,
    logits_of,
    next_token_logits,
    next_token_targets,
)
from sklearn_learnability.torch.models._data_rows import Batch
from sklearn_learnability.torch.models._digest import digest
from sklearn_learnability.torch.models._held_still import copied


def self_divergence_loss(model: nn.Module) -> Callable[[nn.Module, Batch], Tensor]:
    r"""Return the divergence from the model's present predictions, as a loss.

    .. math:: \mathrm{KL}(p_{w^*} \Vert p_w) = \sum_y p_{w^*}(y) \log (p_{w^*}(y) / p_w(y))

    with :math:`p_{w^*}` the predictions of the model as it is now, in nats, the mean over a row's
    positions; padding (an "attention_mask" of 0, labels of -100) does not count. It is 0 there and
    positive elsewhere, so :math:`w^*` is always its minimum, wherever training has stopped. Its
    local learning coefficient is another quantity than that of the loss on the labels: it counts
    the directions in which predictions stay as they are.

    Parameters
    ----------
    model : Module
        The model. It returns logits (..., n_classes), or an object with `logits`. It is copied.

    Returns
    -------
    callable
        Takes a model and a batch, returns the divergence of every row (B,). Of a tuple, all but the
        last are inputs; tokens (B, T + 1), a tensor or "input_ids" of a dict, are taken as
        :func:`next_token_loss` takes them.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import self_divergence_loss
    >>> model = torch.nn.Linear(1, 2, bias=False)
    >>> loss = self_divergence_loss(model)
    >>> batch = (torch.ones(1, 1), torch.tensor([0]))
    >>> loss(model, batch).tolist()
    [0.0]
    """
    return _SelfDivergence(model)


class _SelfDivergence:
    """Keeps the predictions for the last batch, as all chains read the same."""

    def __init__(self, model: nn.Module) -> None:
        self.reference = copied(model).eval().requires_grad_(False)
        with suppress(ValueError):  # told now, as the copy is cast later
            self.store_key = digest(self.reference, "loss")
        self.batch: Batch = None
        self.expected = torch.empty(0)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the divergence of every row."""
        total, count = self.sums(model, batch)
        return total / count

    def sums(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the summed divergence of every row, and of how many positions."""
        parameter = next(model.parameters())
        if batch is not self.batch:
            self.reference.to(parameter.device, parameter.dtype)
            with torch.no_grad():
                self.expected = log_predictions(self.reference, batch)
            self.batch = batch
        found = log_predictions(model, batch)
        never = self.expected.isneginf()  # such a class adds nothing
        difference = (self.expected - found).masked_fill(never, 0.0)
        divergence = (self.expected.exp() * difference).sum(-1)
        counted = positions_counted(batch, divergence.shape)
        divergence = torch.where(counted, divergence, 0.0).reshape(len(divergence), -1)
        return divergence.sum(1), counted.reshape(len(divergence), -1).sum(1)

    def counted(self, batch: Batch) -> Tensor | None:
        """Return how many positions of a batch count; None where all do."""
        if isinstance(batch, Mapping):
            return (next_token_targets(batch) != IGNORED).sum()
        targets = batch[-1] if isinstance(batch, tuple | list) else None
        if not isinstance(targets, Tensor) or targets.is_floating_point():
            return None
        return (targets != IGNORED).sum()


def positions_counted(batch: Batch, shape: torch.Size) -> Tensor:
    """Return which positions of the predictions count: none that is padding or has no label."""
    if isinstance(batch, Mapping):
        return next_token_targets(batch) != IGNORED
    tensor = batch[-1] if isinstance(batch, tuple | list) else batch
    if isinstance(batch, tuple | list) and tensor.shape == shape:
        return tensor != IGNORED
    return torch.ones(shape, dtype=torch.bool, device=tensor.device)


def log_predictions(model: nn.Module, batch: Batch) -> Tensor:
    """Return log-probabilities (B, ..., n_classes)."""
    if isinstance(batch, tuple | list):
        logits = logits_of(model(*batch[:-1]))
    else:
        logits = next_token_logits(model, batch)
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
