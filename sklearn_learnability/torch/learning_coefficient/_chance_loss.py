"""The loss of a prediction that ignores its input."""

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.models._batch_loss import (
    IGNORED,
    Loss,
    next_token_loss,
    next_token_targets,
    split,
)
from sklearn_learnability.torch.models._data_rows import DataRows

MOST_ROWS = 10_000


def loss_by_chance(loss: Loss, rows: DataRows) -> float:
    """Return the loss of the best constant prediction, NaN where it is not known.

    The entropy of the targets' frequencies for a cross-entropy, that of the tokens' for
    :func:`next_token_loss`, and the targets' variance for the squared error. Of the first 10,000
    rows at most; targets that are ignored do not count, and classes count as they are weighted.
    """
    batch = rows.take(torch.arange(min(rows.n, MOST_ROWS)))
    if loss is next_token_loss:
        targets = next_token_targets(batch)
        return entropy(targets[targets != IGNORED])
    if isinstance(loss, nn.MSELoss):
        return float(split(batch)[1].cpu().double().var(dim=0, correction=0).mean())
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        targets = split(batch)[1]
        if not targets.is_floating_point():
            return entropy(targets[targets != loss.ignore_index], loss.weight)
    return float("nan")


def entropy(labels: Tensor, weights: Tensor | None = None) -> float:
    """Return the entropy of the labels' frequencies, in nats; classes may have weights."""
    values, counts = labels.cpu().flatten().unique(return_counts=True)
    shares = counts.double() if weights is None else counts * weights.cpu().double()[values]
    return float(torch.special.entr(shares / shares.sum()).sum())
