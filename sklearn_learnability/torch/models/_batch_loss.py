"""The loss of a model on a batch, and how many targets it is the mean of."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_learnability.exceptions import NotFiniteError
from sklearn_learnability.torch.models._data_rows import Batch, n_rows

Loss = nn.Module | Callable[[nn.Module, Batch], Tensor | tuple[Tensor, Tensor]]

IGNORED = -100  # the label of a position that does not count, as in torch
LABELS = "labels"  # the key of the targets in batches that are dicts
ELEMENTWISE = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.PoissonNLLLoss)


class BatchLoss(NamedTuple):
    """The mean loss of a batch, and its weight among others: targets, or rows that count alike."""

    mean: Tensor
    weight: Tensor | int


def next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Return the mean cross-entropy of the next token, in nats, of every sequence.

    Lower is better. Padding does not count and is not read, wherever it stands: tokens that a mask
    lets through are moved together. Functions of this package that are given this loss take the
    mean over all tokens that count, so long sequences weigh more than short ones.

    Parameters
    ----------
    model : Module
        The model. It takes token numbers (B, T) and returns logits (B, T, V), alone, as `logits`
        of an object or a dict, or first in a tuple. A model of transformers is given the attention
        mask too.
    batch : Tensor, or dict with "input_ids"
        Token numbers (B, T + 1). Of a dict, tokens whose "attention_mask" is 0 or whose "labels"
        are -100 do not count.

    Returns
    -------
    Tensor of shape (B,)
        Nats a token; NaN for a sequence without a next token that counts.

    Raises
    ------
    TypeError
        If there are no token numbers in the batch.
    ValueError
        If sequences are of fewer than two tokens, or the mask or the labels of another shape.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import next_token_loss
    >>> model = torch.nn.Embedding.from_pretrained(torch.zeros(4, 4))
    >>> next_token_loss(model, torch.tensor([[0, 1, 2]]))  # log 4
    tensor([1.3863])
    """
    total, count = _next_tokens(model, batch)
    return total / count


def next_token_sums(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed nats of targets (B, T), and how many count, of every sequence (B,)."""
    in_full = logits.to(torch.promote_types(logits.dtype, torch.float32))
    losses = F.cross_entropy(
        in_full.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view(targets.shape).sum(1), (targets != IGNORED).sum(1)


def next_token_targets(batch: Batch) -> Tensor:
    """Return the tokens that are to be predicted (B, T), -100 where they do not count."""
    ids, targets, mask = _sequences(batch)
    targets = ids if targets is None else targets
    return (targets if mask is None else targets.masked_fill(~mask, IGNORED))[:, 1:]


def next_token_logits(model: nn.Module, batch: Batch) -> Tensor:
    """Return the logits (B, T, V) from which the next tokens of a batch are predicted."""
    ids, _, mask = _sequences(batch)
    if mask is None or not hasattr(model, "config"):
        return find_logits(model(ids[:, :-1]))
    return find_logits(model(ids[:, :-1], attention_mask=mask[:, :-1].long()))


def find_logits(outputs: Any) -> Tensor:
    """Return the logits (B, T, V) among the outputs of a model: so named, first, or alone."""
    named = isinstance(outputs, Mapping)
    found = outputs.get("logits", outputs) if named else logits_of(outputs)
    found = found[0] if isinstance(found, tuple) and found else found
    if not isinstance(found, Tensor) or found.ndim != 3:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"Expected the model to return logits (batch, positions, vocabulary), got {got}."
        )
    return found


def logits_of(outputs: Any) -> Any:
    """Return the logits among the outputs of a model, or the outputs where nothing is so named."""
    return getattr(outputs, "logits", outputs)


def batch_loss(model: nn.Module, loss: Loss, batch: Batch) -> BatchLoss:
    """Return the mean loss of a batch, a scalar, and what the batch counts for.

    `loss` is a criterion of outputs and targets such as `torch.nn.CrossEntropyLoss()`, or a
    function of the model and the batch that returns the mean loss, the loss of every row, or a
    pair: the sum of the losses and the number of targets they are of.
    """
    if isinstance(loss, nn.Module):
        return _criterion_loss(model, loss, batch)
    if not callable(loss):
        raise TypeError(
            "Expected a criterion, or a function of the model and a batch, as the loss, got "
            f"{type(loss).__name__}."
        )
    if loss is next_token_loss:
        values: Any = _next_tokens(model, batch)
    else:
        values = getattr(loss, "sums", loss)(model, batch)
    if isinstance(values, Tensor):
        return BatchLoss(values.mean(), n_rows(batch))
    pair = isinstance(values, tuple | list) and len(values) == 2
    if not pair or not isinstance(values[0], Tensor):
        raise TypeError(
            "Expected the loss to return a tensor, or a pair: the sum of the losses and the number "
            f"of targets they are of; got {type(values).__name__}."
        )
    total, count = values[0].sum(), torch.as_tensor(values[1], device=values[0].device).sum()
    return BatchLoss(_mean(total, count), count)


@torch.no_grad()
def mean_loss(model: nn.Module, loss: Loss, batches: Iterable[Batch]) -> float:
    """Return the mean loss of several batches, each as much as its targets count for."""
    losses = [batch_loss(model, loss, batch) for batch in batches]
    weights = [float(of_batch.weight) for of_batch in losses]
    total = sum(w * float(of_batch.mean) for w, of_batch in zip(weights, losses, strict=True))
    return total / sum(weights) if sum(weights) > 0 else math.nan


def weight_of(loss: Loss, batch: Batch) -> Tensor | None:
    """Return the weight of a batch where its targets tell it; None where rows count alike."""
    if isinstance(loss, nn.Module):
        weights = target_weights(loss, split(batch)[1])
        return None if weights is None else weights.sum()
    if loss is next_token_loss:
        return (next_token_targets(batch) != IGNORED).sum()
    counted = getattr(loss, "counted", None)
    return None if counted is None else counted(batch)


def split(batch: Batch) -> tuple[Any, Any]:
    """Return the inputs of a batch, by position or by name, and its targets."""
    if isinstance(batch, Mapping) and LABELS in batch:
        return {name: value for name, value in batch.items() if name != LABELS}, batch[LABELS]
    if isinstance(batch, tuple | list) and len(batch) > 1:
        first = batch[0] if len(batch) == 2 else None
        return (first if isinstance(first, Mapping) else tuple(batch[:-1])), batch[-1]
    raise ValueError(
        'Expected batches of inputs and targets, or dicts with "labels", for a criterion, got '
        f"{sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__}. Give a function "
        "of the model and the batch as the loss."
    )


def placed_loss(loss: Loss, device: torch.device, dtype: torch.dtype) -> Loss:
    """Return a criterion with its own tensors where a model's outputs are, and of their type."""
    if not isinstance(loss, nn.Module):
        return loss
    return deepcopy(loss).to(device, torch.promote_types(dtype, torch.float32))


@contextmanager
def logits_in_full(model: nn.Module) -> Iterator[None]:
    """Let a model that computes in halves give its outputs in float32, so that losses are exact."""
    hook = model.register_forward_hook(lambda module, inputs, outputs: _in_full(outputs))
    try:
        yield
    finally:
        hook.remove()


def check_shapes(loss: nn.Module, outputs: Any, targets: Any) -> None:
    """Refuse targets that would be compared with every output instead of their own."""
    if isinstance(loss, ELEMENTWISE) and outputs.shape != targets.shape:
        raise ValueError(
            f"Expected targets of the shape of the outputs, {tuple(outputs.shape)}, got "
            f"{tuple(targets.shape)}. Reshape the targets, as in y.reshape(-1, 1)."
        )


def check_is_mean(loss_of: Callable[[Tensor], float], n: int, dtype: torch.dtype) -> None:
    """Refuse a loss that is not finite, random, or not a mean, as a function of row numbers.

    `dtype` is that of the model: a batch of another size rounds otherwise.
    """
    rows = torch.arange(min(n, 8))
    first = loss_of(rows)
    if not np.isfinite(first):  # perhaps none of these rows has a label
        rows = torch.arange(min(n, 256))
        first = loss_of(rows)
    again, twice = loss_of(rows), loss_of(rows.repeat(2))
    if not np.isfinite(first):
        raise NotFiniteError(f"Expected a finite loss at the given parameters, got {first}.")
    if not np.isclose(first, again, rtol=1e-4, atol=1e-7):
        raise ValueError(
            f"Expected the same loss of the same rows, got {first:.6g} and {again:.6g}: the "
            "model's outputs are random even in evaluation mode."
        )
    rounding = max(1e-3, 8 * torch.finfo(dtype).eps)
    if not np.isclose(first, twice, rtol=rounding, atol=1e-6):
        raise ValueError(
            f"Expected a loss that is a mean over rows, got {first:.6g} of {len(rows)} rows and "
            f'{twice:.6g} of the same rows twice. Use reduction="mean".'
        )


def outputs_and_targets(model: nn.Module, loss: nn.Module, batch: Batch) -> tuple[Any, Any]:
    """Return what a criterion compares."""
    inputs, targets = split(batch)
    outputs = logits_of(model(**inputs) if isinstance(inputs, Mapping) else model(*inputs))
    check_shapes(loss, outputs, targets)
    return outputs, targets


def _sequences(batch: Batch) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return token numbers, labels and mask (B, T + 1), what the mask lets through moved left."""
    if not isinstance(batch, Mapping):
        return _token_numbers(batch), None, None
    ids = _token_numbers(batch.get("input_ids"))
    labels, given = (batch.get(name) for name in (LABELS, "attention_mask"))
    wrong = [t for t in (labels, given) if t is not None and t.shape != ids.shape]
    if wrong:
        raise ValueError(
            f"Expected labels and an attention_mask of the shape of input_ids, {tuple(ids.shape)}, "
            f"got {tuple(wrong[0].shape)}."
        )
    labels = None if labels is None else labels.long()
    if given is None:
        return ids, labels, None
    mask = given != 0
    order = (~mask).long().argsort(dim=1, stable=True)
    ids, mask = ids.gather(1, order), mask.gather(1, order)
    return ids, None if labels is None else labels.gather(1, order), mask


def _token_numbers(ids: Any) -> Tensor:
    if not isinstance(ids, Tensor):
        raise TypeError(
            'Expected a tensor of token numbers, or a dict with "input_ids", as a batch, got '
            f"{type(ids).__name__}. Of a TensorDataset give the tensor alone."
        )
    if ids.ndim != 2 or ids.shape[1] < 2 or ids.is_floating_point():
        raise ValueError(
            "Expected token numbers (batch, positions) of at least two positions, got shape "
            f"{tuple(ids.shape)} of {ids.dtype}."
        )
    return ids.long()


def _next_tokens(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    return next_token_sums(next_token_logits(model, batch), next_token_targets(batch))


def _criterion_loss(model: nn.Module, loss: nn.Module, batch: Batch) -> BatchLoss:
    outputs, targets = outputs_and_targets(model, loss, batch)
    weights = target_weights(loss, targets)
    if weights is None:
        return BatchLoss(loss(outputs, targets).mean(), n_rows(batch))
    summed = copy(loss)
    summed.reduction = "sum"  # type: ignore[assignment]
    total, count = summed(outputs, targets), weights.sum()
    return BatchLoss(_mean(total, count), count)


def target_weights(loss: nn.Module, targets: Any) -> Tensor | None:
    """Return what each target counts for in the mean of a cross-entropy of labels."""
    known = isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) and loss.reduction != "sum"
    if not known or not isinstance(targets, Tensor) or targets.is_floating_point():
        return None
    counted = targets.ne(int(loss.ignore_index))  # type: ignore[arg-type]
    if not isinstance(loss.weight, Tensor):
        return counted.float()
    return loss.weight[targets * counted] * counted


def _mean(total: Tensor, count: Tensor) -> Tensor:
    """Return a mean that is 0 of nothing."""
    return total / torch.where(count > 0, count, 1)


def _in_full(outputs: Any) -> Any:
    """Return outputs with halves in float32."""
    if isinstance(outputs, Tensor):
        half = outputs.dtype in (torch.float16, torch.bfloat16)
        return outputs.float() if half else outputs
    if isinstance(outputs, tuple) and not hasattr(outputs, "_fields"):
        return tuple(map(_in_full, outputs))
    logits = getattr(outputs, "logits", None)
    if isinstance(logits, Tensor):
        outputs.logits = _in_full(logits)
    return outputs
