"""The loss around w*: its gradient, the noise of that, and its curvature."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sklearn_learnability.torch.models._flat_loss import FlatLoss, Piece, check_gradient

FIRST_BATCHES = 16


@dataclass(frozen=True)
class Neighbourhood:
    """What is known of the loss around w* before any chain.

    Attributes
    ----------
    initial_loss : float
        L(w*) of the rows that were looked at.
    gradient : Tensor of shape (d,)
        Their mean gradient.
    squared_gradient : float
        Squared norm of the gradient of all rows, without the noise of having seen some.
    noise : float
        Trace of the variance of a batch's gradient.
    curvature : float
        Top curvature h_max.
    curvature_along_noise, curvature_along_gradient : float
        v' H v / v' v of that noise, and of the gradient.
    n_seen : int
        Rows that were looked at.
    """

    initial_loss: float
    gradient: Tensor
    squared_gradient: float
    noise: float
    curvature: float
    curvature_along_noise: float
    curvature_along_gradient: float
    n_seen: int


def look_around(
    flat: FlatLoss, batch_size: int, n_probed: int, generator: torch.Generator
) -> Neighbourhood:
    """Return the loss and gradient at w* of 16 batches, and the curvature of the probed rows."""
    n = flat.surface.rows.n
    order = torch.randperm(n, generator=generator)
    probe = flat.batch(order[:n_probed])
    curvature, _ = flat.curvature(flat.start, probe)
    one, other = (
        flat.values_and_gradients(flat.start[None], flat.batch(rows))[1][0]
        for rows in (order[:batch_size], order[-batch_size:])
    )
    along_noise = curvature_along(flat, one - other, probe)
    unseen = torch.zeros_like(flat.start)
    around = Neighbourhood(0.0, unseen, 0.0, 0.0, curvature, along_noise, 0.0, 0)
    around = look_closer(flat, around, order[: FIRST_BATCHES * batch_size], batch_size)
    check_gradient(flat, around.gradient)
    along_gradient = curvature_along(flat, around.gradient, probe)
    return replace(around, curvature_along_gradient=along_gradient)


def look_closer(
    flat: FlatLoss, around: Neighbourhood, rows: Tensor, batch_size: int
) -> Neighbourhood:
    """Return what is known with the loss and the gradient of these rows."""
    total = torch.zeros_like(flat.start, dtype=torch.float64)
    loss = squares = 0.0
    parts = rows.split(batch_size)
    for part in parts:
        values, gradients = flat.values_and_gradients(flat.start[None], flat.batch(part))
        share = len(part) / len(rows)
        loss += share * float(values[0])
        total.add_(gradients[0], alpha=share)
        squares += share * float(gradients[0].double().square().sum())
    squared = float(total.square().sum())
    noise = around.noise
    if len(parts) > 1:
        noise = max(squares - squared, 0.0) * len(parts) / (len(parts) - 1)
    if len(rows) < flat.surface.rows.n:
        squared = max(squared - noise * batch_size / len(rows), 0.0)
    return replace(
        around,
        initial_loss=loss,
        gradient=total.to(flat.start.dtype),
        squared_gradient=squared,
        noise=noise,
        n_seen=len(rows),
    )


def curvature_along(flat: FlatLoss, direction: Tensor, batch: Sequence[Piece]) -> float:
    """Return the curvature of the loss along a direction, by differences of gradients."""
    norm = float(direction.norm())
    if norm == 0.0:
        return 0.0
    unit, step = direction / norm, flat.difference_step(flat.start)
    ends = torch.stack([flat.start + step * unit, flat.start - step * unit])
    _, gradients = flat.values_and_gradients(ends, batch)
    return float(((gradients[0] - gradients[1]) @ unit) / (2 * step))
