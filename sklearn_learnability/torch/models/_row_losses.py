"""The loss of every row, or of every target in it, and what each counts for in the mean."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_learnability.torch.models._batch_loss import (
    IGNORED,
    Loss,
    batch_loss,
    next_token_logits,
    next_token_loss,
    next_token_targets,
    outputs_and_targets,
    target_weights,
)
from sklearn_learnability.torch.models._data_rows import Batch, n_rows


def row_losses(model: nn.Module, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the mean loss of every row and its weight, (B,) each; of weight 0, the loss is 0.

    Their weighted mean is the loss of the batch. A loss that gives no values of rows is taken of
    one row after the other.
    """
    if isinstance(loss, nn.Module) and getattr(loss, "reduction", "") in ("mean", "none"):
        losses, weights = _unreduced(model, loss, batch)
        losses, total = (part.reshape(len(part), -1).sum(1) for part in (losses, weights))
        means = losses / torch.where(total > 0, total, 1)
        return means, total if _counts(loss, batch) else torch.ones_like(total)
    if not isinstance(loss, nn.Module):
        if loss is next_token_loss:
            losses, counts = token_losses(model, loss, batch)
            return losses.sum(1) / counts.sum(1).clamp(min=1), counts.sum(1)
        values: Any = getattr(loss, "sums", loss)(model, batch)
        size = n_rows(batch)
        if isinstance(values, Tensor) and values.ndim and len(values) == size:
            means = values.reshape(size, -1).mean(1)
            return means, torch.ones_like(means)
        if _are_pairs(values, size):
            losses, counts = (part.reshape(size, -1).sum(1) for part in values)
            return losses / torch.where(counts > 0, counts, 1), counts.to(losses.dtype)
    return _one_by_one(model, loss, batch)


def token_losses(model: nn.Module, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss of every target and its weight, (B, T) each.

    Raises
    ------
    ValueError
        If a row has one target, or the loss does not tell its targets apart.
    """
    if loss is next_token_loss:
        logits, targets = next_token_logits(model, batch), next_token_targets(batch)
        in_full = logits.to(torch.promote_types(logits.dtype, torch.float32))
        losses = F.cross_entropy(
            in_full.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        return losses.view(targets.shape), (targets != IGNORED).to(losses.dtype)
    if isinstance(loss, nn.Module) and getattr(loss, "reduction", "") in ("mean", "none"):
        losses, weights = _unreduced(model, loss, batch)
        if losses.ndim > 1:
            flat = weights.flatten(1)
            return losses.flatten(1) / torch.where(flat > 0, flat, 1), flat
    raise ValueError(
        "Expected next_token_loss, or a criterion that has a loss for each of several targets of a "
        f"row, for losses of tokens, got {getattr(loss, '__name__', type(loss).__name__)}."
    )


def _unreduced(model: nn.Module, loss: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return weighted losses of targets, and their weights."""
    outputs, targets = outputs_and_targets(model, loss, batch)
    each = copy(loss)
    each.reduction = "none"  # type: ignore[assignment]
    losses = each(outputs, targets)
    weights = target_weights(loss, targets)
    return losses, torch.ones_like(losses) if weights is None else weights.to(losses.dtype)


def _counts(loss: nn.Module, batch: Batch) -> bool:
    """Return whether rows count for their targets; otherwise all count alike."""
    targets = batch["labels"] if isinstance(batch, Mapping) else batch[-1]
    return target_weights(loss, targets) is not None


def _are_pairs(values: Any, size: int) -> bool:
    """Return whether values are sums and counts of every row."""
    return isinstance(values, tuple | list) and all(
        isinstance(part, Tensor) and part.ndim > 0 and len(part) == size for part in values
    )


def _one_by_one(model: nn.Module, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss and weight of every row, as a batch of its own."""
    alone = [batch_loss(model, loss, _row(batch, row)) for row in range(n_rows(batch))]
    losses = torch.stack([of_row.mean for of_row in alone])
    weights = [torch.as_tensor(of_row.weight).to(losses) for of_row in alone]
    return losses, torch.stack(weights)


def _row(batch: Batch, row: int) -> Batch:
    """Return one row of a batch, as a batch."""
    if isinstance(batch, Tensor):
        return batch[row : row + 1]
    if isinstance(batch, Mapping):
        return {name: _row(part, row) for name, part in batch.items()}
    return tuple(_row(part, row) for part in batch)
