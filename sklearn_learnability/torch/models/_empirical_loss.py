"""The mean loss of a model on data, as a function of its parameters."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from sklearn_learnability.exceptions import NotFiniteError
from sklearn_learnability.torch.models._data_rows import Batch, DataRows, data_rows

Loss = nn.Module | Callable[[nn.Module, Batch], Tensor]
Parameters = dict[str, Tensor]
Selection = Sequence[str] | Mapping[str, Tensor]


def next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Return the mean cross-entropy of the next token, in nats, of every sequence.

    Lower is better.

    Parameters
    ----------
    model : Module
        Takes token numbers (B, T), returns logits (B, T, V) or an object with `logits`.
    batch : Tensor, or dict with "input_ids"
        Token numbers (B, T + 1).

    Returns
    -------
    Tensor of shape (B,)
        Nats a token.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import next_token_loss
    >>> model = torch.nn.Embedding.from_pretrained(torch.zeros(4, 4))
    >>> next_token_loss(model, torch.tensor([[0, 1, 2]]))  # log 4
    tensor([1.3863])
    """
    tokens = batch["input_ids"] if isinstance(batch, Mapping) else batch
    outputs = model(tokens[:, :-1])
    logits = getattr(outputs, "logits", outputs)  # (B, T, V)
    targets = tokens[:, 1:]
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(targets.shape).mean(1)


def batch_loss(model: nn.Module, loss: Loss, batch: Batch) -> Tensor:
    """Return the mean loss of a batch, a scalar.

    `loss` is a criterion of outputs and targets such as `torch.nn.CrossEntropyLoss()`, for batches
    of inputs and targets, or a function of the model and the batch that returns the mean loss or
    the loss of every row.
    """
    if isinstance(loss, nn.Module):
        *inputs, targets = batch
        values = loss(model(*inputs), targets)
    else:
        values = loss(model, batch)
    return values.mean()


@contextmanager
def held_still(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation mode; give back its modes and torch's random state at the end."""
    modes = [(module, module.training) for module in model.modules()]
    devices = {p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(devices)):
        try:
            model.eval()
            yield
        finally:
            for module, training in modes:
                module.training = training


class EmpiricalLoss:
    """The mean loss of a model on data, as a function of some of its parameters.

    The model itself is never changed: parameters and buffers are passed in from outside. Use it
    inside :func:`held_still`.

    Parameters
    ----------
    model : Module
        The model, its parameters at w*.
    loss : Module or callable
        As in :func:`batch_loss`.
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
        where = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.device = torch.device(device) if device is not None else where
        self.dtype = dtype
        self.rows: DataRows = data_rows(data, self.device)
        self.module = _ModelLoss(model, loss)
        moved = {name: self._cast(p.detach().clone()) for name, p in model.named_parameters()}
        chosen, self.masks = select_parameters(model, parameters)
        self.start: Parameters = {name: moved[name] for name in chosen}
        self.masks = {name: mask.to(self.device) for name, mask in self.masks.items()}
        self.fixed: Parameters = {name: v for name, v in moved.items() if name not in chosen}
        self.fixed |= {name: self._cast(b.detach().clone()) for name, b in model.named_buffers()}
        self.n_parameters = sum(
            int(self.masks[name].sum()) if name in self.masks else value.numel()
            for name, value in self.start.items()
        )
        self._check()

    def batch(self, rows: Tensor) -> Batch:
        """Return the batch of some rows."""
        return _map_floats(self.rows.take(rows), self._cast)

    def __call__(self, parameters: Parameters, batch: Batch) -> Tensor:
        """Return the mean loss of a batch at some parameters, a scalar with its graph."""
        values = {f"model.{name}": value for name, value in (self.fixed | parameters).items()}
        return functional_call(self.module, values, (batch,))

    def _cast(self, value: Tensor) -> Tensor:
        floating = self.dtype is not None and value.is_floating_point()
        return value.to(self.device, self.dtype if floating else value.dtype)

    def _check(self) -> None:
        n = min(self.rows.n, 8)
        rows = torch.arange(n)
        with torch.no_grad():
            first, again, twice = (
                float(self(self.start, self.batch(r))) for r in (rows, rows, rows.repeat(2))
            )
        if not np.isfinite(first):
            raise NotFiniteError(f"Expected a finite loss at the given parameters, got {first}.")
        if not np.isclose(first, again, rtol=1e-4, atol=1e-7):
            raise ValueError(
                f"Expected the same loss of the same rows, got {first:.6g} and {again:.6g}: the "
                "model's outputs are random even in evaluation mode."
            )
        if not np.isclose(first, twice, rtol=1e-3, atol=1e-6):
            raise ValueError(
                f"Expected a loss that is a mean over rows, got {first:.6g} of {n} rows and "
                f'{twice:.6g} of the same rows twice. Use reduction="mean".'
            )


class _ModelLoss(nn.Module):
    """A model and its loss as one module, so that both can be called with other parameters."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch."""
        return batch_loss(self.model, self.loss, batch)


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


def _map_floats(batch: Batch, cast: Callable[[Tensor], Tensor]) -> Batch:
    if isinstance(batch, Tensor):
        return cast(batch)
    if isinstance(batch, Mapping):
        return {name: _map_floats(value, cast) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(_map_floats(value, cast) for value in batch)
    return batch
