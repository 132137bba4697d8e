"""The amount of compression at which a model's loss rises by a tolerance."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from torch import nn
from tqdm import tqdm

from sklearn_learnability._validation import check_count, warn
from sklearn_learnability.exceptions import UndefinedLossWarning
from sklearn_learnability.torch.compression._compression import (
    CompressionScheme,
    FunctionScheme,
    check_model,
)
from sklearn_learnability.torch.compression._compression_curve import (
    CompressionCurve,
    CriticalAmount,
)
from sklearn_learnability.torch.compression._measured_curve import MeasuredCurve
from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._devices import device_of, dtype_of

Scheme = CompressionScheme | Callable[[nn.Module, float], AbstractContextManager[None]]


def critical_amount(
    model: nn.Module,
    loss: Loss,
    data: Any,
    scheme: Scheme,
    *,
    tolerance: float = 0.5,
    amounts: Sequence[float] | None = None,
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> CriticalAmount:
    r"""Measure how far a model can be compressed before its loss rises by a tolerance.

    With :math:`L(a)` the loss of the model compressed by an amount, and :math:`L` that of the model
    as it is, the critical amount is where :math:`L(a) - L` first exceeds the tolerance
    :math:`\epsilon`, coming from the least compression, and stays beyond it at the next amount
    measured. The more a model can be compressed, the less complex it is.

    The amounts given are scanned first; then amounts are halved between the last that is tolerated
    and the next, until the scheme knows none between them, and the answer is interpolated. A loss
    that is not finite counts as beyond the tolerance.

    Parameters
    ----------
    model : Module
        The model; its parameters, gradients and modes are afterwards as before.
    loss : Module or callable
        A criterion of outputs and targets, or a function of the model and a batch. A criterion is
        one such as `torch.nn.CrossEntropyLoss()`. A function returns the mean loss, the loss of
        every row, or a pair: the sum of the losses and the number of targets they are of. Batches
        weigh as many targets as they have that count.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them. Their mean loss is taken.
    scheme : CompressionScheme or callable
        How to compress: :class:`Quantization`, :class:`Factorization`, :class:`GaussianNoise`,
        :class:`HeadPruning`, or a function of a model and an amount that returns a context manager.
    tolerance : float, default=0.5
        The increase of the loss that is tolerated, in the units of the loss.
    amounts : sequence of float, default=None
        The amounts to scan, from the least compressed to the most. None takes the scheme's own.
    batch_size : int, default=None
        Rows to a batch. None takes that of the data loader, or 64.
    store : path-like, default=None
        Where to keep what is done: a file, written amount by amount. What it holds already, for
        this model, loss, data and scheme, is not measured again. See :ref:`stores`.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    CriticalAmount
        The answer with its bracket, and the whole curve.

    Raises
    ------
    ValueError
        If the tolerance is not positive, the amounts are not strictly monotone or not the scheme's,
        the loss is a sum or not finite for the model itself, or `store` holds something else.
    CheckpointError
        If `store` is damaged.

    Warns
    -----
    UndefinedLossWarning
        If the loss is not finite at some amounts.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory. 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import Quantization, critical_amount
    >>> generator = torch.Generator().manual_seed(0)
    >>> X = torch.randn(200, 10, generator=generator)
    >>> model = torch.nn.Linear(10, 1, bias=False)
    >>> _ = torch.nn.init.normal_(model.weight, generator=generator)
    >>> y = model(X).detach()
    >>> found = critical_amount(
    ...     model, torch.nn.MSELoss(), (X, y), Quantization(), tolerance=0.1, progress=False
    ... )
    >>> found.status
    'crossed'
    >>> found.bracket[0] - found.bracket[1]
    2.0
    """
    if not tolerance > 0:
        raise ValueError(f"Expected a tolerance above 0, got {tolerance}.")
    (found,) = critical_amounts(
        model,
        loss,
        data,
        scheme,
        (tolerance,),
        amounts=amounts,
        batch_size=batch_size,
        store=store,
        progress=progress,
    )
    return found


def critical_amounts(
    model: nn.Module,
    loss: Loss,
    data: Any,
    scheme: Scheme,
    tolerances: Sequence[float],
    *,
    amounts: Sequence[float] | None = None,
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> tuple[CriticalAmount, ...]:
    """Return the critical amount at every tolerance; each refines the curve of those before."""
    wrapped = _as_scheme(scheme, amounts)
    scan = _check_amounts(wrapped, amounts)
    if getattr(loss, "reduction", "mean") == "sum":
        raise ValueError('Expected a loss that is a mean over rows, got one with reduction="sum".')
    check_model(model)
    if batch_size is not None:
        check_count("batch_size", batch_size)
    rows = data_rows(data, device_of(model), dtype_of(model))
    size = batch_size or rows.batch_size or 64
    measured = MeasuredCurve(model, loss, rows, size, wrapped, store)
    with (
        measured.held(),
        tqdm(desc=f"critical {wrapped.quantity}", unit="amount", disable=not progress) as bar,
    ):

        def measure(amount: float) -> None:
            value = measured.measure(amount).value
            bar.update()
            bar.set_postfix({wrapped.quantity: f"{amount:g}", "loss": value})

        for amount in scan:
            measure(amount)
        found: list[CriticalAmount] = []
        while len(found) < len(tolerances):
            curve = measured.curve(downwards=scan[0] > scan[-1])
            critical = curve.critical(tolerances[len(found)])
            wanted = _next_amount(wrapped, critical)
            if wanted is None or wanted in measured.measured:
                found.append(critical)
            else:
                measure(wanted)
    _warn_undefined(curve)
    return tuple(found)


def _as_scheme(scheme: Scheme, amounts: Sequence[float] | None) -> CompressionScheme:
    if isinstance(scheme, CompressionScheme):
        return scheme
    if not callable(scheme):
        raise TypeError(
            "Expected a scheme, a callable of a model and an amount that returns a context "
            f"manager, got {type(scheme).__name__}."
        )
    return FunctionScheme(scheme, amounts or ())


def _check_amounts(scheme: CompressionScheme, amounts: Sequence[float] | None) -> list[float]:
    """Return the amounts to scan."""
    scan = [float(amount) for amount in (scheme.amounts if amounts is None else amounts)]
    steps = np.diff(scan)
    if len(scan) < 2 or not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(
            "Expected at least two different amounts, in order from the least compressed to the "
            f"most, got {scan}."
        )
    for amount in scan:
        scheme.check(amount)
    return scan


def _next_amount(scheme: CompressionScheme, critical: CriticalAmount) -> float | None:
    """Return the amount to measure next: inside the bracket, then just beyond it."""
    if critical.status != "crossed":
        return None
    tolerated, exceeding = critical.bracket
    inside = scheme.between(tolerated, exceeding)
    if inside is not None:
        return inside
    amounts = critical.curve.amounts
    beyond = amounts[int(np.flatnonzero(amounts == exceeding)[0]) + 1 :]
    return scheme.between(exceeding, float(beyond[0])) if len(beyond) else None


def _warn_undefined(curve: CompressionCurve) -> None:
    undefined = curve.amounts[~np.isfinite(curve.losses)]
    if len(undefined):
        listed = ", ".join(f"{amount:g}" for amount in undefined)
        warn(
            f"The loss is not finite at {curve.quantity} = {listed}; it is taken as beyond any "
            "tolerance.",
            UndefinedLossWarning,
        )
