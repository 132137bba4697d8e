"""The loss of several chains at once, each position one row of a matrix."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from sklearn_learnability.torch.models._data_rows import Batch
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss, OfModel, Parameters
from sklearn_learnability.torch.models._recorded import Recorded

LossAndGradient = Callable[[Tensor], tuple[Tensor, Tensor]]

# Above this, a loop over the chains is as fast as one vectorised call (benchmarks/llc.py).
MOST_PARAMETERS_VECTORISED = 20_000


class Piece(NamedTuple):
    """Some rows of a batch, and what share of its rows they are."""

    rows: Batch
    share: float


class FlatLoss:
    """Losses and gradients at positions (n_chains, d), with the penalty of a weight decay.

    What `each` returns, the losses of rows for one, has no penalty in it.

    Parameters
    ----------
    surface : EmpiricalLoss
        The loss as a function of named parameters.
    weight_decay : float, default=0.0
        Half of it times the squared norm of a position is added to its loss.
    micro_batch_size : int or None, default=None
        Rows of a batch that go through the model at once. None takes all.

    Attributes
    ----------
    start : Tensor of shape (d,)
        w*: the coordinates that vary.
    vectorised : bool
        Whether all chains go through the model in one call; otherwise one after the other.
    """

    def __init__(
        self,
        surface: EmpiricalLoss,
        weight_decay: float = 0.0,
        micro_batch_size: int | None = None,
    ) -> None:
        self.surface, self.weight_decay = surface, weight_decay
        self.micro_batch_size = micro_batch_size
        self.shapes = {name: value.shape for name, value in surface.start.items()}
        self.dtypes = {name: value.dtype for name, value in surface.start.items()}
        self.sizes = [value.numel() for value in surface.start.values()]
        self.devices = {name: value.device for name, value in surface.start.items()}
        dtype = torch.promote_types(next(iter(self.dtypes.values())), torch.float32)
        self.everything = flatten(surface.start, surface.device).to(dtype)
        self.free: Tensor | None = None
        if surface.masks:
            masks = {
                name: surface.masks.get(name, torch.ones_like(value, dtype=torch.bool))
                for name, value in surface.start.items()
            }
            self.free = flatten(masks, surface.device).nonzero().squeeze(1)
        self.start = self.everything if self.free is None else self.everything[self.free]
        surface.start = self.unflatten(self.start)  # views where types agree: one copy is enough
        self.vectorised = self.start.numel() <= MOST_PARAMETERS_VECTORISED
        self._whole: list[Piece] = []
        self._at_once = Recorded()

    def batch(self, rows: Tensor) -> list[Piece]:
        """Return the batch of some rows, in pieces that go through the model one by one."""
        parts = rows.split(self.micro_batch_size or len(rows))
        return [Piece(self.surface.batch(part), len(part) / len(rows)) for part in parts]

    def values_and_gradients(
        self, positions: Tensor, batch: Sequence[Piece]
    ) -> tuple[Tensor, Tensor]:
        """Return the losses (n_chains,) in float64 and their gradients (n_chains, d)."""
        values, gradients = self._of_rows(positions, batch)
        if self.weight_decay:
            gradients.add_(positions, alpha=self.weight_decay)
        return self._penalised(values, positions), gradients

    def _of_rows(self, positions: Tensor, batch: Sequence[Piece]) -> tuple[Tensor, Tensor]:
        if self.vectorised and len(positions) > 1:
            try:
                at_once, function = self._at_once, self._values_and_gradients
                found = summed(lambda rows: at_once(function, positions, rows), batch)
                return found[0], found[1]
            except RuntimeError:  # some models have no vectorised form; others fail again below
                self.vectorised = False
        pairs = [
            summed(partial(self._value_and_gradient, position), batch) for position in positions
        ]
        return torch.stack([v for v, _ in pairs]), torch.stack([g for _, g in pairs])

    @torch.no_grad()
    def value(self, position: Tensor, batch: Sequence[Piece]) -> Tensor:
        """Return the loss at one position."""
        (found,) = summed(lambda rows: (self._loss(position, rows).double(),), batch)
        return self._penalised(found, position)

    @torch.no_grad()
    def values(self, positions: Tensor, batch: Sequence[Piece]) -> Tensor:
        """Return the losses (n_chains,) in float64."""
        if self.vectorised:
            try:
                (found,) = summed(
                    lambda rows: (self._vectorised(self.surface, positions, rows).double(),), batch
                )
                return self._penalised(found, positions)
            except RuntimeError:
                self.vectorised = False
        return torch.stack([self.value(position, batch) for position in positions])

    @torch.no_grad()
    def each(
        self, function: OfModel[Tensor], positions: Tensor, batch: Batch, at_once: bool
    ) -> Tensor:
        """Return a function of the model, the loss and a batch at every position (n_chains, ...).

        Raises
        ------
        RuntimeError
            If all are wanted at once, and the model has no vectorised form.
        """

        def at(parameters: Parameters, batch: Batch) -> Tensor:
            return self.surface.call(function, parameters, batch)

        if at_once:
            return self._vectorised(at, positions, batch)
        return torch.stack([at(self.unflatten(position), batch) for position in positions])

    def curvature(
        self, position: Tensor, batch: Sequence[Piece], n_steps: int = 6
    ) -> tuple[float, Tensor]:
        """Return the top curvature of the loss and its direction, by power iteration.

        Products with the Hessian are central differences of gradients, which any model has,
        second derivatives or not.
        """
        _, direction = self.values_and_gradients(position[None], batch)
        if not direction.any():
            generator = torch.Generator(position.device).manual_seed(0)
            direction = torch.empty_like(direction).normal_(generator=generator)
        step = self.difference_step(position)
        size = 0.0
        for _ in range(n_steps):
            direction = direction / direction.norm()
            ends = torch.cat([position + step * direction, position - step * direction])
            _, gradients = self.values_and_gradients(ends, batch)
            product = (gradients[:1] - gradients[1:]) / (2 * step)
            size = float(product.norm())
            if size == 0.0 or not torch.isfinite(product).all():
                break
            direction = product
        return size, direction[0] / direction[0].norm()

    def unflatten(self, positions: Tensor) -> Parameters:
        """Return named parameters of one position (d,), or stacked ones of many (n, d)."""
        if self.free is not None:
            everything = self.everything.expand(*positions.shape[:-1], -1)
            positions = everything.index_copy(-1, self.free, positions)
        parts = positions.split(self.sizes, dim=-1)
        return {
            name: part.reshape(*positions.shape[:-1], *shape).to(
                self.devices[name], self.dtypes[name]
            )
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def difference_step(self, position: Tensor) -> float:
        """Return the length of a step over which gradients are compared."""
        return 1e-3 * max(1.0, float(position.norm()) ** 0.5)

    def all_rows(self) -> list[Piece]:
        """Return all rows as one batch, kept for the next time."""
        if not self._whole:
            self._whole = self.batch(torch.arange(self.surface.rows.n))
        return self._whole

    def _penalised(self, losses: Tensor, positions: Tensor) -> Tensor:
        """Return losses in float64 with the penalty of their positions."""
        if not self.weight_decay:
            return losses
        norms = torch.linalg.vector_norm(positions, dim=-1, dtype=torch.float64)
        return losses + self.weight_decay / 2 * norms.square()

    def _loss(self, position: Tensor, batch: Batch) -> Tensor:
        return self.surface(self.unflatten(position), batch)

    def _values_and_gradients(self, positions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        leaf = positions.detach().requires_grad_()
        values = self._vectorised(self.surface, leaf, batch)
        (gradients,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach().double(), gradients

    def _vectorised(
        self, of: Callable[[Parameters, Batch], Tensor], positions: Tensor, batch: Batch
    ) -> Tensor:
        # the fused kernels of attention know no vectorised form
        with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)
            return vmap(of, in_dims=(0, None))(self.unflatten(positions), batch)

    def _value_and_gradient(self, position: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        leaf = position.detach().requires_grad_()
        value = self._loss(leaf, batch)
        (gradient,) = torch.autograd.grad(value, leaf)
        return value.detach().double(), gradient


def summed(
    function: Callable[[Batch], tuple[Tensor, ...]], batch: Sequence[Piece]
) -> tuple[Tensor, ...]:
    """Return what a function of rows is in the mean over a batch, of one piece after the other."""
    total = function(batch[0].rows)
    if len(batch) == 1:
        return total
    total = tuple(part * batch[0].share for part in total)
    for piece in batch[1:]:
        for part, more in zip(total, function(piece.rows), strict=True):
            part.add_(more, alpha=piece.share)
    return total


def check_gradient(flat: FlatLoss, gradient: Tensor) -> None:
    """Refuse a model whose loss has no finite gradient at w*, naming the parameters."""
    wrong = [name for name, g in flat.unflatten(gradient).items() if not g.isfinite().all()]
    if wrong:
        raise ValueError(
            "Expected a finite gradient of the loss at the given parameters, got others in "
            f"{wrong[0]!r}: is something there the root or the logarithm of 0?"
        )


def flatten(parameters: Parameters, device: torch.device) -> Tensor:
    """Return all values in one row, on a device."""
    return torch.cat([value.flatten().to(device) for value in parameters.values()])


def full_batch_loss(flat: FlatLoss) -> LossAndGradient:
    """Return a function of positions (n_chains, d): losses (n_chains,), gradients (n_chains, d).

    A model that torch.func cannot vectorise is called for one chain after the other.
    """
    batch = flat.all_rows()
    if flat.vectorised:
        try:
            flat.values_and_gradients(flat.start.repeat(2, 1), batch)
        except Exception:  # whatever a model does that cannot be vectorised
            flat.vectorised = False
    return lambda positions: flat.values_and_gradients(positions, batch)
