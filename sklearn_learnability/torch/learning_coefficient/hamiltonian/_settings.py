"""The settings of Hamiltonian chains, and what w* looks like."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.models._flat_loss import FlatLoss, LossAndGradient, check_gradient

NOISE_FREE_INVERSE_TEMPERATURE = 3e4
SHARE_OF_ROWS = 0.3  # of n, the highest inverse temperature of a negative log-likelihood
LOCALIZATION = 1.0
BEYOND_ANY_LOSS = 1e30
MOST_ROWS = 128  # that the noise of the labels is judged from


@dataclass(frozen=True)
class HamiltonianSettings:
    """What Hamiltonian chains run with.

    `inverse_temperatures` fall; the first is the one asked for. `n_draws` and `step_size` are None
    where they are found on the way.
    """

    n_chains: int
    n_cold: int
    n_draws: int | None
    inverse_temperatures: tuple[float, ...]
    localization: float
    step_size: float | None
    highest_inverse_temperature: float
    first_step_size: float
    loss_below: float
    gradient_norm: float
    reasons: tuple[str, ...]


def choose_settings(
    flat: FlatLoss, loss_and_gradient: LossAndGradient, request: ChainRequest
) -> HamiltonianSettings:
    """Return the settings, with the automatic ones chosen."""
    loss, gradient = loss_and_gradient(flat.start[None])
    noise = noise_of_labels(flat, loss_and_gradient, float(loss), request.seed)
    highest = SHARE_OF_ROWS * flat.surface.rows.n * 2 / noise if noise > 0 else math.inf
    inverse_temperatures, reasons = choose_inverse_temperatures(
        request.inverse_temperature, highest
    )
    automatic = isinstance(request.n_chains, str)
    count = automatic_chains(flat.surface.n_parameters) if automatic else int(request.n_chains)
    if count < 2:
        raise ValueError(f"Expected at least 2 chains, one for each start, got {count}.")
    check_gradient(flat, gradient[0])
    curvature = flat.curvature(flat.start, flat.all_rows())[0]
    curvature = curvature if 0 < curvature < math.inf else 1.0  # the step size adapts anyway
    given = request.localization
    gamma = LOCALIZATION if isinstance(given, str) else float(given)
    return HamiltonianSettings(
        n_chains=count,
        n_cold=max(1, count // 4),
        n_draws=None if isinstance(request.n_draws, str) else int(request.n_draws),
        inverse_temperatures=inverse_temperatures,
        localization=gamma,
        step_size=None if isinstance(request.step_size, str) else float(request.step_size),
        highest_inverse_temperature=highest,
        first_step_size=1.0 / math.sqrt(inverse_temperatures[0] * curvature + gamma),
        loss_below=max(float(loss) - lowest_loss(flat.start, loss_and_gradient), 0.0),
        gradient_norm=float(gradient.norm()),
        reasons=reasons,
    )


def choose_inverse_temperatures(
    given: float | Sequence[float] | str, highest: float
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return inverse temperatures, falling, and why the automatic ones were chosen."""
    if isinstance(given, str):
        top = min(NOISE_FREE_INVERSE_TEMPERATURE, highest)
        why = "the labels' noise" if top == highest else "no noise in the labels"
        return (top, top / 4, top / 16), (f"n beta = {top:.4g}: {why}",)
    several = given if isinstance(given, Sequence) else [given]
    inverse_temperatures = tuple(sorted(map(float, several), reverse=True))
    if not all(0 < t < math.inf for t in inverse_temperatures):
        raise ValueError(f"Expected positive inverse temperatures, got {inverse_temperatures}.")
    return inverse_temperatures, ()


def automatic_chains(dim: int) -> int:
    """Return more chains for fewer dimensions, as the relative error of a draw is larger."""
    return min(max(8 * round(160 / dim), 16 if dim <= 500 else 8), 256)


def noise_of_labels(
    flat: FlatLoss, loss_and_gradient: LossAndGradient, start_loss: float, seed: int
) -> float:
    """Return the variance of the rows' losses over their mean, both above w*, close to w*.

    2 for a negative log-likelihood, 0 without noise. The positions are random, at a distance
    where t K is about 1. 2 is returned where w* is not a minimum and the mean is negative, and
    where fewer than two rows have a loss of their own.
    """
    generator = torch.Generator().manual_seed(seed)
    like = flat.start
    directions = torch.randn(8, len(like), generator=generator, dtype=torch.float64).to(like)
    size, total = 1.0, math.inf
    for _ in range(40):
        losses = loss_and_gradient(flat.start + size * directions)[0]
        total = float(losses.mean()) - start_loss
        if not total > 1.0 / NOISE_FREE_INVERSE_TEMPERATURE:
            break
        size /= 2
    rows = torch.randperm(flat.surface.rows.n, generator=generator)[:MOST_ROWS]
    excess = row_losses(flat, flat.start + size * directions, rows)
    excess = excess - row_losses(flat, flat.start[None], rows)
    excess = excess[:, excess.isfinite().all(dim=0)]  # a row without labels has no loss of its own
    if not total > 0 or excess.shape[1] < 2:
        return 2.0
    ratio = float(excess.var(dim=1).mean()) / total
    return ratio if ratio > 100 / NOISE_FREE_INVERSE_TEMPERATURE else 0.0


@torch.no_grad()
def row_losses(flat: FlatLoss, positions: Tensor, rows: Tensor) -> Tensor:
    """Return the loss of every row at every position, (n_positions, n_rows)."""
    return torch.stack([flat.values(positions, flat.batch(row)) for row in rows.split(1)], 1)


def lowest_loss(start: Tensor, loss_and_gradient: LossAndGradient) -> float:
    """Return the lowest loss that a few steps downhill from w* find."""
    position = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([position], max_iter=20, line_search_fn="strong_wolfe")
    found = math.inf

    def closure() -> float:
        nonlocal found
        loss, gradient = loss_and_gradient(position.detach()[None])
        position.grad = gradient[0].to(position.dtype).nan_to_num(0.0, 0.0, 0.0)
        if not math.isfinite(float(loss)):
            return BEYOND_ANY_LOSS  # the line search of LBFGS knows no loss that is not finite
        found = min(found, float(loss))
        return float(loss)

    optimiser.step(closure)
    return found
