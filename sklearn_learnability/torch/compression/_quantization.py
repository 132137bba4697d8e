"""Quantization of a model's parameters to evenly spaced values."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.compression._compression import (
    CompressedLoss,
    CompressionScheme,
    LossNow,
    restored,
)
from sklearn_learnability.torch.compression._layers import checked_layers, chosen_parameters

# Clamps are searched at 2^(-k/8) of the largest value.
STEPS_PER_OCTAVE = 8
LAST_STEP = 12 * STEPS_PER_OCTAVE


@dataclass(frozen=True)
class Quantization(CompressionScheme):
    r"""Round every parameter to one of :math:`n_q - 1` evenly spaced values.

    .. math::

        \Delta = \frac{m}{n_q / 2 - 1}, \qquad
        w^{\mathrm{quant}} = \Delta \, \mathrm{round}\left(\mathrm{clamp}(w, -m, m) / \Delta\right)

    The values are symmetric and include 0 and :math:`\pm m`. The amount is :math:`n_q`, an even
    number of at least 4; the fewer, the more compressed. A parameter that is used several times is
    rounded once; buffers are left alone.

    Parameters
    ----------
    clamp : "search", "max", or float, default="search"
        The clamp :math:`m` as a share of the largest absolute value: the share with the least
        loss, 1, or a share in (0, 1]. The search needs a loss, which :func:`critical_amount` has;
        it tries shares an eighth of an octave apart and stops where none beside is better.
    scope : "model", "tensor" or "channel", default="model"
        Where the largest absolute value is taken: over all that is rounded, over each tensor, or
        over each row of a matrix (its output, for `torch.nn.Linear`). One share serves all.
    layers : sequence of str, default=None
        Names of the modules to compress, with all that is in them; shell patterns such as
        "blocks.*.mlp" are names too, and "*" is everything. Named layers are compressed whether
        frozen or not. None takes all that the scheme applies to and that is trained; frozen
        parameters (`requires_grad=False`) too where nothing is trained.

    Attributes
    ----------
    quantity : str
        "n_q".
    amounts : tuple of float
        1024 down to 4.

    Raises
    ------
    ValueError
        If the clamp or the scope is unknown, :math:`n_q` is odd or less than 4, a search is asked
        for without a loss, or a name stands for no layer or for one without parameters.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory. 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    T. Kumar et al. Scaling laws for precision. ICLR 2025 (the clamp at the largest value).
    https://openreview.net/forum?id=wg1PCg3CUP

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import Quantization
    >>> model = torch.nn.Linear(4, 1, bias=False)
    >>> model.weight.data = torch.tensor([[-1.0, -0.3, 0.2, 0.6]])
    >>> with Quantization(clamp="max")(model, 6):  # 5 values, half apart
    ...     print(model.weight.data)
    tensor([[-1.0000, -0.5000,  0.0000,  0.5000]])
    >>> model.weight.data
    tensor([[-1.0000, -0.3000,  0.2000,  0.6000]])
    """

    clamp: Literal["search", "max"] | float = "search"
    scope: Literal["model", "tensor", "channel"] = "model"
    layers: Sequence[str] | None = None

    quantity: ClassVar[str] = "n_q"
    amounts: ClassVar[tuple[float, ...]] = (
        *(1024, 256, 128, 96, 64, 48, 32, 24),
        *(16, 12, 8, 6, 4),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", checked_layers(self.layers))
        if self.scope not in ("model", "tensor", "channel"):
            raise ValueError(f'Expected scope="model", "tensor" or "channel", got {self.scope!r}.')
        named = isinstance(self.clamp, str) and self.clamp in ("search", "max")
        share = isinstance(self.clamp, Real) and not isinstance(self.clamp, bool)
        if not named and not (share and 0 < float(self.clamp) <= 1):
            raise ValueError(
                f'Expected clamp="search", "max" or a share in (0, 1], got {self.clamp!r}.'
            )
        if share:
            object.__setattr__(self, "clamp", float(self.clamp))

    @contextmanager
    def _rounded(self, model: nn.Module, n_q: int) -> Iterator[None]:
        parameters = chosen_parameters(model, self.layers)
        share = 1.0 if self.clamp == "max" else float(self.clamp)
        with restored(parameters) as kept:
            limits = _limits(kept, self.scope)
            _round_all(parameters, kept, limits, share, n_q)
            yield

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Round the parameters of a model inside the context.

        Parameters
        ----------
        model : Module
            The model, changed in place.
        amount : int
            The number of intervals :math:`n_q`.

        Returns
        -------
        context manager
            Gives the parameters back at its end.
        """
        self.check(amount)
        if self.clamp == "search":
            raise ValueError(
                'Expected a clamp to round with, got clamp="search", which needs a loss. Call '
                'critical_amount, or give clamp="max" or a share.'
            )
        return self._rounded(model, int(amount))

    def check(self, amount: float) -> None:
        """Raise ValueError unless the amount is an even number of at least 4.

        Parameters
        ----------
        amount : int
            The number of intervals.
        """
        if amount < 4 or amount % 2:
            raise ValueError(
                f"Expected an even number of at least 4 quantization intervals, got {amount:g}."
            )

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return the even number in the middle, None if there is none between.

        Parameters
        ----------
        tolerated, exceeding : int
            Two numbers of intervals.

        Returns
        -------
        float or None
            The number.
        """
        middle = 2 * ((int(tolerated) + int(exceeding)) // 4)
        return None if middle in (tolerated, exceeding) else float(middle)

    def size(self, model: nn.Module, amount: float) -> float:
        """Return the bits a coordinate, the binary logarithm of the amount.

        Parameters
        ----------
        model : Module
            The model.
        amount : int
            The number of intervals.

        Returns
        -------
        float
            Bits.
        """
        return math.log2(amount)

    def measure(
        self,
        model: nn.Module,
        amount: float,
        loss: LossNow,
        near: CompressedLoss | None = None,
    ) -> CompressedLoss:
        """Return the loss of the rounded model, with the best clamp if it is searched.

        Parameters
        ----------
        model : Module
            The model, as it was trained.
        amount : int
            The number of intervals.
        loss : callable
            Returns the loss of the model as it is at the time of the call.
        near : CompressedLoss, default=None
            What was found at a similar number of intervals: the search begins at its clamp.

        Returns
        -------
        CompressedLoss
            The least loss found; its setting is the clamp as a share of the largest value.
        """
        self.check(amount)
        if self.clamp != "search":
            return super().measure(model, amount, loss)
        parameters = chosen_parameters(model, self.layers)
        with restored(parameters) as kept:
            limits = _limits(kept, self.scope)

            def loss_of(step: int) -> float:
                _round_all(parameters, kept, limits, _share(step), int(amount))
                return loss()

            start = None
            if near is not None and math.isfinite(near.setting):
                start = round(-STEPS_PER_OCTAVE * math.log2(near.setting))
            step, losses = _search(loss_of, start)
        return CompressedLoss(losses[step], 0.0, _share(step), len(losses))


def _share(step: int) -> float:
    return 2.0 ** (-step / STEPS_PER_OCTAVE)


def _search(loss_of: Callable[[int], float], start: int | None) -> tuple[int, dict[int, float]]:
    """Return the step of the clamp with the least loss near a start, and the losses seen."""
    losses: dict[int, float] = {}

    def at(step: int) -> float:
        if step not in losses:
            losses[step] = loss_of(step)
        return math.inf if math.isnan(losses[step]) else losses[step]

    if start is None:
        start = min(range(0, LAST_STEP + 1, STEPS_PER_OCTAVE), key=at)
    best = start
    for stride in (2, 1):
        while True:
            beside = [s for s in (best - stride, best + stride) if 0 <= s <= LAST_STEP]
            better = min(beside, key=at)
            if at(better) >= at(best):
                break
            best = better
    return best, losses


def _limits(values: Sequence[Tensor], scope: str) -> list[Tensor]:
    """Return the largest absolute value that holds for each tensor, to be broadcast."""

    def largest(value: Tensor, by_row: bool) -> Tensor:
        if not value.numel():
            return value.new_zeros(())
        dims = tuple(range(1, value.ndim)) if by_row and value.ndim > 1 else None
        return torch.linalg.vector_norm(value, math.inf, dims, keepdim=dims is not None)

    limits = [largest(value, scope == "channel") for value in values]
    if scope != "model":
        return limits
    of_all = torch.stack([limit.cpu().double() for limit in limits]).max()
    return [of_all.to(torch.promote_types(v.dtype, torch.float32)).to(v.device) for v in values]


def _round_all(
    targets: Sequence[Tensor],
    values: Sequence[Tensor],
    limits: Sequence[Tensor],
    share: float,
    n_q: int,
) -> None:
    """Write rounded values to the targets."""
    n_steps = n_q // 2 - 1
    with torch.no_grad():
        for target, value, limit in zip(targets, values, limits, strict=True):
            exact = value if value.dtype in (torch.float32, torch.float64) else value.float()
            delta = (limit.to(exact.dtype) * (share / n_steps)).clamp_min(
                torch.finfo(exact.dtype).tiny
            )
            rounded = torch.div(exact, delta, out=target if exact is value else None)
            rounded.round_().clamp_(-n_steps, n_steps).mul_(delta)
            if rounded is not target:
                target.copy_(rounded)
