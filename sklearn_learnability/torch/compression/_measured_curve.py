"""The losses of a model at amounts of compression, each measured once and kept."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
import torch
from torch import nn

from sklearn_learnability.exceptions import NotFiniteError
from sklearn_learnability.torch.compression._compression import CompressedLoss, CompressionScheme
from sklearn_learnability.torch.compression._compression_curve import CompressionCurve
from sklearn_learnability.torch.models._batch_loss import (
    Loss,
    check_is_mean,
    logits_in_full,
    mean_loss,
    placed_loss,
)
from sklearn_learnability.torch.models._data_rows import Batch, DataRows
from sklearn_learnability.torch.models._devices import device_of, dtype_of
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._store import Store


class MeasuredCurve:
    """What has been measured of a model so far, amount by amount.

    Parameters
    ----------
    model : Module
        The model.
    loss : Module or callable
        The loss.
    rows : DataRows
        The rows whose mean loss is taken.
    batch_size : int
        Rows to a batch.
    scheme : CompressionScheme
        How to compress.
    path : path-like or None
        The file to keep it in.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        rows: DataRows,
        batch_size: int,
        scheme: CompressionScheme,
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.model, self.scheme, self.rows = model, scheme, rows
        self.loss = placed_loss(loss, device_of(model), dtype_of(model))
        self.batches = [rows.take(part) for part in torch.arange(rows.n).split(batch_size)]
        self.sizes: dict[float, float] = {}
        self.baseline = math.nan
        self.store = Store(
            path,
            "a curve",
            {"batch_size": batch_size},
            model=model,
            loss=loss,
            data=rows,
            scheme=scheme,
            parameters=[name for name, p in model.named_parameters() if p.requires_grad],
        )
        content = self.store.read() or {"measured": {}}
        self.measured = {a: CompressedLoss(**loss) for a, loss in content["measured"].items()}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the model still to be measured, and take the loss of the model itself."""
        with held_still(self.model, weights=True) as self.state, logits_in_full(self.model):
            self.baseline = self._loss_of(self.batches)
            if not math.isfinite(self.baseline):
                raise NotFiniteError(
                    f"Expected a finite loss of the model itself, got {self.baseline}."
                )
            check_is_mean(
                lambda rows: self._loss_of([self.rows.take(rows)]),
                self.rows.n,
                dtype_of(self.model),
            )
            yield

    def measure(self, amount: float) -> CompressedLoss:
        """Return the loss at an amount; measure it if it is not known."""
        if amount not in self.measured:
            found = self.scheme.measure(
                self.model, amount, lambda: self._loss_of(self.batches), self._nearest(amount)
            )
            if self.state.changed_weight():
                raise ValueError(
                    "Expected a scheme that gives parameters back at the end of its context, got "
                    f"others after {self.scheme.quantity} {amount:g}."
                )
            self.measured[amount] = found
            losses = {amount: asdict(loss) for amount, loss in self.measured.items()}
            self.store.write({"measured": losses})
        return self.measured[amount]

    def curve(self, downwards: bool) -> CompressionCurve:
        """Return the curve of all amounts measured, falling or rising."""
        amounts = sorted(self.measured, reverse=downwards)
        for amount in amounts:
            if amount not in self.sizes:
                self.sizes[amount] = self.scheme.size(self.model, amount)
        found = [self.measured[amount] for amount in amounts]
        return CompressionCurve(
            self.scheme.quantity,
            self.baseline,
            np.array(amounts),
            np.array([loss.value for loss in found]),
            np.array([loss.standard_error for loss in found]),
            np.array([loss.setting for loss in found]),
            np.array([self.sizes[amount] for amount in amounts]),
            1 + sum(loss.n_evaluations for loss in found),
        )

    def _loss_of(self, batches: Sequence[Batch]) -> float:
        found = mean_loss(self.model, self.loss, batches)
        self.state.restore_buffers()  # a model that counts its calls begins anew
        return found

    def _nearest(self, amount: float) -> CompressedLoss | None:
        """Return what was measured at the nearest amount, the less compressed of two."""
        usable = [a for a, found in self.measured.items() if math.isfinite(found.value)]
        return self.measured[min(usable, key=lambda a: abs(a - amount))] if usable else None
