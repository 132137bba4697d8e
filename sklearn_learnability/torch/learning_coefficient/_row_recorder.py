"""The losses of some rows, or of their tokens, at any parameters."""

from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._data_rows import Batch, DataRows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._row_losses import row_losses, token_losses


class RowRecorder:
    """The losses of some rows at w* and at any positions. Rows that count for nothing are left out.

    Parameters
    ----------
    surface : EmpiricalLoss
        The model and its loss, as a function of parameters.
    rows : DataRows
        The rows.
    loss : Module or callable
        The loss of a row.
    per_token : bool
        Whether to tell the targets of a row apart.
    batch_size : int
        Rows to a batch.

    Attributes
    ----------
    initial, weights : ndarray of shape (n_items,)
        The loss at w* and the weight of every row, or of every token.
    row, position : ndarray of shape (n_items,)
        The number of the row, and the token's position in it, 0 where all of the row counts at
        once.
    """

    def __init__(
        self, surface: EmpiricalLoss, rows: DataRows, loss: Loss, per_token: bool, batch_size: int
    ) -> None:
        self.surface, self.rows, self.loss = surface, rows, loss
        self.losses_of = token_losses if per_token else row_losses
        self.numbers = torch.arange(rows.n).split(batch_size)
        self.at_once = True
        self.counted: list[Tensor] = []
        parts: list[list[Tensor]] = []
        with torch.no_grad():
            for numbers, batch in zip(self.numbers, self._batches(), strict=True):
                losses, weights = surface.call(self._losses, surface.start, batch)
                table = losses.view(len(losses), -1)
                row = numbers[:, None].expand_as(table)
                position = torch.arange(table.shape[1]).expand_as(table)
                counted = weights.flatten() > 0
                self.counted.append(counted)
                of_items = (losses.double(), weights.double(), row, position)
                parts.append([part.flatten()[counted.to(part.device)].cpu() for part in of_items])
        columns = [torch.cat(column).numpy() for column in zip(*parts, strict=True)]
        self.initial, self.weights, self.row, self.position = columns

    @torch.no_grad()
    def at(self, flat: FlatLoss, positions: Tensor) -> NDArray[Any]:
        """Return the losses at positions, (n_chains, n_items)."""
        kept = [
            self._of_batch(flat, positions, batch)[:, counted]
            for batch, counted in zip(self._batches(), self.counted, strict=True)
        ]
        return torch.cat(kept, 1).double().cpu().numpy()

    def _of_batch(self, flat: FlatLoss, positions: Tensor, batch: Batch) -> Tensor:
        """Return the losses of a batch at positions, (n_chains, B) or with all tokens of each."""

        def losses(model: nn.Module, loss: Loss, batch: Batch) -> Tensor:
            return self._losses(model, loss, batch)[0].flatten()

        if self.at_once and flat.vectorised:
            try:
                return flat.each(losses, positions, batch, at_once=True)
            except RuntimeError:  # no vectorised form
                self.at_once = False
        return flat.each(losses, positions, batch, at_once=False)

    def _losses(self, model: nn.Module, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the losses and weights of a batch; `loss` is that of the chains."""
        return self.losses_of(model, self.loss, batch)

    def _batches(self) -> Iterator[Batch]:
        return (self.surface.batch(numbers, self.rows) for numbers in self.numbers)
