"""The mean loss of a model on data, as a function of its parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sklearn_learnability.torch.models._batch_loss import (
    Loss,
    batch_loss,
    check_is_mean,
    weight_of,
)
from sklearn_learnability.torch.models._data_rows import (
    Batch,
    DataRows,
    data_rows,
    map_floats,
    n_rows,
)
from sklearn_learnability.torch.models._devices import (
    check_in_memory,
    device_of,
    dtype_of,
    has_float64,
)

T = TypeVar("T")
Parameters = dict[str, Tensor]
OfModel = Callable[[nn.Module, Loss, Batch], T]
Selection = Sequence[str] | Mapping[str, Tensor]

MOST_ROWS_WEIGHED = 1024  # of a data set that is not in memory


class EmpiricalLoss:
    """The mean loss of a model on data, as a function of some of its parameters.

    The model itself is never changed: parameters and buffers are passed in from outside. Use it
    inside :func:`held_still`.

    Parameters
    ----------
    model : Module
        The model, its parameters at w*.
    loss : Module or callable
        As in :func:`batch_loss`. A criterion's own tensors are moved and cast with the model.
    data : object
        As in :func:`data_rows`.
    parameters : sequence of str, or dict of str to Tensor, default=None
        What may vary: names of parameters or of modules, or boolean masks by parameter name.
        None takes every floating parameter that requires a gradient.
    device : torch.device or str, default=None
        Where to compute; by default where the model is.
    dtype : torch.dtype, default=None
        Compute in this precision; by default that of the model.

    Attributes
    ----------
    start : dict of str to Tensor
        The parameters that vary, at w*.
    masks : dict of str to Tensor
        Where they vary, of those that do not vary everywhere.
    rows : DataRows
        The data.
    n_parameters : int
        Number of coordinates that vary.

    Raises
    ------
    ValueError
        If no parameter may vary, a name is unknown, the loss is not a mean over rows, is not
        finite at w*, or is random.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        data: Any,
        *,
        parameters: Selection | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_in_memory(model)
        self.device = torch.device(device) if device is not None else device_of(model)
        if not has_float64(self.device):
            raise ValueError(
                f"Expected a device that computes in float64, got {self.device}. Pass device='cpu'."
            )
        self.gathered = device is not None
        self.dtype = dtype
        self.rows: DataRows = data_rows(data, self.device, dtype_of(model))
        self.module = _ModelLoss(model, loss)
        self.places = places_of(self.module)
        of_model = {name: f"model.{name}" for name, _ in model.named_parameters()}
        chosen, masks = select_parameters(model, parameters)
        tensors = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        varying = {of_model[name] for name in chosen}
        self.start: Parameters = {name: self._copy(tensors[of_model[name]]) for name in chosen}
        self.masks = {name: mask.to(self.start[name].device) for name, mask in masks.items()}
        at_least = torch.promote_types(dtype_of(model), torch.float32)
        self.fixed: Parameters = {
            name: self._copy(t, None if name.startswith("model.") else at_least)
            for name, t in tensors.items()
            if name not in varying
        }
        self.n_parameters = sum(
            int(self.masks[name].sum()) if name in self.masks else value.numel()
            for name, value in self.start.items()
        )
        self.weight_per_row = self._weight_per_row()
        self.written: set[str] = set()
        check_is_mean(self._loss_of, self.rows.n, self.dtype or dtype_of(model))
        if self.weight_per_row is None:  # only the function may know what it is a mean of
            self.weight_per_row = self._weight_found_per_row()

    def batch(self, rows: Tensor, of: DataRows | None = None) -> Batch:
        """Return the batch of some rows, of the data or of others."""
        return map_floats((of or self.rows).take(rows), self._cast)

    def __call__(self, parameters: Parameters, batch: Batch) -> Tensor:
        """Return the loss of a batch at some parameters, a scalar with its graph.

        It is the mean loss, scaled where targets tell how much each row counts for, so that its
        mean over batches of equal length is the loss of all rows.
        """
        of_batch = self.call(batch_loss, parameters, batch)
        if self.weight_per_row is None or not isinstance(of_batch.weight, Tensor):
            return of_batch.mean
        share = of_batch.weight.double() / (self.weight_per_row * n_rows(batch))
        return of_batch.mean * share.to(of_batch.mean.dtype)

    def call(self, function: OfModel[T], parameters: Parameters, batch: Batch) -> T:
        """Return a function of the model, the loss and a batch, at some parameters."""
        values = {f"model.{name}": value for name, value in parameters.items()}
        for name, value in self.fixed.items():  # what forward writes to is new every time
            values[name] = value.clone() if name in self.written else value
        placed = {place: values[name] for place, name in self.places.items()}
        return functional_call(self.module, placed, (function, batch), tie_weights=False)

    def _weight_per_row(self) -> float | None:
        """Return what a row counts for on average; None where all count alike."""
        n = self.rows.n
        seen = n if self.rows.in_memory else min(n, MOST_ROWS_WEIGHED)
        spread = torch.arange(seen) * n // seen
        weights = [weight_of(self.module.loss, self.rows.take(r)) for r in spread.split(256)]
        if weights[0] is None:
            return None
        total = float(sum(float(w) for w in weights if w is not None))
        if total == 0:
            raise ValueError("Expected targets that count, got none in all rows.")
        return total / seen

    @torch.no_grad()
    def _weight_found_per_row(self) -> float | None:
        """Return what a row counts for on average, as a function that returns pairs tells it."""
        seen = min(self.rows.n, MOST_ROWS_WEIGHED)
        spread = torch.arange(seen) * self.rows.n // seen
        total = 0.0
        for rows in spread.split(8):
            weight = self.call(batch_loss, self.start, self.batch(rows)).weight
            if not isinstance(weight, Tensor):
                return None
            total += float(weight)
        return total / seen

    def _copy(self, value: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        return self._cast(value.detach().clone(), dtype)

    def _cast(self, value: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return a value where it is to be computed, floats in the type asked for."""
        dtype = self.dtype or dtype
        where = self.device if self.gathered else value.device
        return value.to(where, dtype if dtype and value.is_floating_point() else value.dtype)

    def _loss_of(self, rows: Tensor) -> float:
        """Return the loss of some rows at w*; note the buffers that the model writes to."""
        kept = {name: self.fixed[name].clone() for name, _ in self.module.named_buffers()}
        versions = {name: self.fixed[name]._version for name in kept}
        with torch.no_grad():
            found = float(self(self.start, self.batch(rows)))
        written = {name for name, old in versions.items() if self.fixed[name]._version != old}
        self.fixed |= {name: kept[name] for name in written}
        self.written |= written
        return found


class _ModelLoss(nn.Module):
    """A model and its loss as one module, so that both can be called with other parameters."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, function: OfModel[T], batch: Batch) -> T:
        """Return a function of the model, the loss and a batch."""
        return function(self.model, self.loss, batch)


def places_of(module: nn.Module) -> dict[str, str]:
    """Return every place of a parameter or buffer, and the name the tensor is known by.

    A submodule that is reached by several paths has its places once; a tensor that stands in
    several submodules has one name.
    """
    names: dict[int, str] = {}
    return {
        place: names.setdefault(id(tensor), place)
        for prefix, part in module.named_modules()
        for name, tensor in [*part._parameters.items(), *part._buffers.items()]
        if tensor is not None
        for place in [f"{prefix}.{name}" if prefix else name]
    }


def select_parameters(
    model: nn.Module, selection: Selection | None
) -> tuple[list[str], dict[str, Tensor]]:
    """Return the names of the parameters that may vary, and masks of those that do in part."""
    able = {
        name: p for name, p in model.named_parameters() if p.requires_grad and p.is_floating_point()
    }
    masks: dict[str, Tensor] = {}
    if selection is None:
        chosen = list(able)
    elif isinstance(selection, Mapping):
        for name, mask in selection.items():
            if name not in able or mask.shape != able[name].shape:
                raise ValueError(
                    f"Expected a mask of a parameter that can vary, of its shape, got {name!r} "
                    f"with shape {tuple(mask.shape)}."
                )
        masks = {name: mask.bool() for name, mask in selection.items() if mask.any()}
        chosen = list(masks)
    else:
        wanted = [selection] if isinstance(selection, str) else list(selection)
        for want in wanted:
            if not any(matches(name, want) for name in able):
                raise ValueError(
                    f"Expected the name of a parameter or module with parameters that can vary, "
                    f"got {want!r}. There are {', '.join(able)}."
                )
        chosen = [name for name in able if any(matches(name, want) for want in wanted)]
    if not chosen:
        raise ValueError("Expected at least one parameter that can vary, got none.")
    return chosen, masks


def matches(name: str, want: str) -> bool:
    """Return whether a parameter is the one wanted, or in the module wanted."""
    return name == want or name.startswith(f"{want}.")
