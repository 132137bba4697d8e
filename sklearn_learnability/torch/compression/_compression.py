"""What a way to compress a model is, and how it changes parameters and gives them back."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sklearn_learnability._results import Result
from sklearn_learnability.torch.models._devices import check_in_memory

LossNow = Callable[[], float]  # the loss of the model as it is at the time of the call


@dataclass(frozen=True, eq=False)
class CompressedLoss(Result):
    """The loss of a compressed model.

    Attributes
    ----------
    value : float
        The loss.
    standard_error : float
        Of the value, for a scheme that draws; otherwise 0.
    setting : float
        What the scheme chose by the loss, such as the clamp; NaN if nothing.
    n_evaluations : int
        How many times the loss was evaluated.
    """

    value: float
    standard_error: float = 0.0
    setting: float = math.nan
    n_evaluations: int = 1


class CompressionScheme:
    """A way to compress a model by an amount, undone afterwards.

    Subclasses say what happens in `__call__`, a context manager: inside it the model is compressed
    in place, after it every parameter is as before, whatever happened inside. A plain function of a
    model and an amount that returns such a context manager is a scheme as well; the other methods
    are for schemes that know more about their amounts.

    Attributes
    ----------
    quantity : str
        What the amount is called.
    amounts : tuple of float
        The amounts to scan if no others are given, from the least compressed to the most.

    Examples
    --------
    >>> from contextlib import contextmanager
    >>> import torch
    >>> from sklearn_learnability.torch import CompressionScheme
    >>> class Shrinkage(CompressionScheme):
    ...     quantity = "factor"
    ...     amounts = (0.9, 0.5, 0.1)
    ...
    ...     @contextmanager
    ...     def __call__(self, model, amount):
    ...         kept = model.weight.detach().clone()
    ...         try:
    ...             model.weight.data.mul_(amount)
    ...             yield
    ...         finally:
    ...             model.weight.data.copy_(kept)
    >>> model = torch.nn.Linear(1, 1)
    >>> _ = torch.nn.init.ones_(model.weight)
    >>> with Shrinkage()(model, 0.5):
    ...     print(model.weight.item())
    0.5
    >>> model.weight.item()
    1.0
    """

    quantity: ClassVar[str] = "amount"
    amounts: ClassVar[tuple[float, ...]] = ()

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Compress a model inside the context.

        Parameters
        ----------
        model : Module
            The model, changed in place.
        amount : float
            By how much.

        Returns
        -------
        context manager
            Gives the parameters back at its end.
        """
        raise NotImplementedError

    def check(self, amount: float) -> None:
        """Raise ValueError if there is no such amount.

        Parameters
        ----------
        amount : float
            The amount.
        """

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return an amount between two, None if they are as close as they need to be.

        Parameters
        ----------
        tolerated, exceeding : float
            The two amounts, the less compressed first.

        Returns
        -------
        float or None
            By default the middle, unless the two differ by less than 2 %.
        """
        close = abs(tolerated - exceeding) <= 0.02 * max(abs(tolerated), abs(exceeding))
        return None if close else (tolerated + exceeding) / 2

    def size(self, model: nn.Module, amount: float) -> float:
        """Return what the compressed model takes, in a unit of the scheme; NaN if it has none.

        Parameters
        ----------
        model : Module
            The model, not compressed.
        amount : float
            The amount.

        Returns
        -------
        float
            Bits a coordinate, or parameters left as a share of all.
        """
        return math.nan

    def measure(
        self,
        model: nn.Module,
        amount: float,
        loss: LossNow,
        near: CompressedLoss | None = None,
    ) -> CompressedLoss:
        """Return the loss of the compressed model.

        Parameters
        ----------
        model : Module
            The model, not compressed.
        amount : float
            By how much to compress it.
        loss : callable
            Returns the loss of the model as it is at the time of the call.
        near : CompressedLoss, default=None
            What was measured at a similar amount.

        Returns
        -------
        CompressedLoss
            By default of one evaluation.
        """
        with self(model, amount):
            return CompressedLoss(loss())


class FunctionScheme(CompressionScheme):
    """A plain function of a model and an amount as a scheme."""

    def __init__(
        self,
        function: Callable[[nn.Module, float], AbstractContextManager[None]],
        amounts: Sequence[float],
    ) -> None:
        self.function = function
        self.whole = all(float(amount).is_integer() for amount in amounts)

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Compress a model inside the context."""
        return self.function(model, int(amount) if self.whole else amount)

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", type(self.function).__qualname__)

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return the middle, a whole number if the amounts are."""
        if not self.whole:
            return super().between(tolerated, exceeding)
        near = abs(tolerated - exceeding) < 2
        return None if near else float((tolerated + exceeding) // 2)


def check_model(model: nn.Module) -> None:
    """Refuse a model that is not in memory, has no shapes yet, or holds itself.

    Raises
    ------
    ValueError
        If it is such a model.
    """
    check_in_memory(model)
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(
            f"Expected a model whose parameters have shapes, got one whose {lazy[0]} has none yet: "
            "its layer is lazy. Call the model once on a batch."
        )
    at = _circle(model, (), set())
    if at:
        raise ValueError(
            f"Expected a model of modules in modules, got one whose {at} is a module that it is "
            "in. Hold that module in a tuple, where torch does not look for modules."
        )


def _circle(module: nn.Module, above: tuple[nn.Module, ...], done: set[nn.Module]) -> str:
    """Return where a module is that it is in itself, "" if nowhere."""
    for name, part in module.named_children():
        if part is module or part in above:
            return name
        if part not in done and (found := _circle(part, (*above, module), done)):
            return f"{name}.{found}"
    done.add(module)
    return ""


def float_parameters(model: nn.Module) -> list[Tensor]:
    """Return the floating parameters of a model, each once however often it is used."""
    check_model(model)
    found = [p.data for p in model.parameters() if p.is_floating_point()]
    if not found:
        raise ValueError("Expected a model with floating parameters, got none.")
    return found


def memory_of(tensor: Tensor) -> tuple[str, int, int]:
    """Return the device of a tensor, where it begins there and where it ends."""
    start = tensor.data_ptr()
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((n - 1) * stride for n, stride in steps) if tensor.numel() else -1
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()


@contextmanager
def restored(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Keep a copy of tensors, which it yields, and write it back at the end, whatever happens."""
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        yield kept
    finally:
        try:
            _write_back(tensors, kept)
        except BaseException:  # an interrupt meanwhile: nothing may be left half done
            _write_back(tensors, kept)
            raise


@torch.no_grad()
def _write_back(tensors: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    for tensor, copy in zip(tensors, kept, strict=True):
        tensor.copy_(copy)
