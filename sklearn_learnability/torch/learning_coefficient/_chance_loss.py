"""The loss of a prediction that ignores its input."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.models._data_rows import DataRows
from sklearn_learnability.torch.models._empirical_loss import Loss, next_token_loss

MOST_ROWS = 10_000


def loss_by_chance(loss: Loss, rows: DataRows) -> float:
    """Return the loss of the best constant prediction, NaN where it is not known.

    The entropy of the targets' frequencies for a cross-entropy, that of the tokens' for
    :func:`next_token_loss`, and the targets' variance for the squared error. Of the first 10,000
    rows at most.
    """
    batch = rows.take(torch.arange(min(rows.n, MOST_ROWS)))
    if loss is next_token_loss:
        tokens = batch["input_ids"] if isinstance(batch, Mapping) else batch
        return entropy(tokens[:, 1:])
    if isinstance(loss, nn.MSELoss):
        return float(batch[-1].double().var(dim=0, correction=0).mean())
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) and not batch[-1].is_floating_point():
        return entropy(batch[-1])
    return float("nan")


def entropy(labels: Tensor) -> float:
    """Return the entropy of the labels' frequencies, in nats."""
    counts = labels.flatten().unique(return_counts=True)[1].double()
    return float(torch.special.entr(counts / counts.sum()).sum())
