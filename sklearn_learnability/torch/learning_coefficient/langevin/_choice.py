"""The choice of automatic settings, by short chains around w*."""

import math

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import (
    Neighbourhood,
    look_closer,
)
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import SAMPLERS
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    NOISE_TOLERANCE,
    RESOLUTION,
    ChainSettings,
    can_be_more_local,
    gradient_bias,
    more_local,
    noise_share,
    rows_probed,
    settle,
)
from sklearn_learnability.torch.models._flat_loss import FlatLoss

SMALLEST_SLOWDOWN = 0.2  # of the step, for the sake of the noise of paired gradients
MOMENTUM_TOLERANCE = 0.02  # of the excess loss, from the noise of paired gradients
AS_PUBLISHED = ("sgld", "rmsprop-sgld")  # whose gradients are those of the batch alone
PILOT_ROUNDS, PILOT_BATCHES = 8, 8


def choose(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    limit: float,
    automatic: frozenset[str],
    generator: torch.Generator,
) -> tuple[ChainSettings, Neighbourhood]:
    """Return settings with the automatic ones of inverse temperature, localization and step chosen.

    The inverse temperature starts at n / log n, the localization where the slowest direction mixes
    within the chain. A pilot chain then says whether the excess loss is local; while it is not, the
    localization and, where the loss rose, the inverse temperature are raised. Gradients are paired
    with those at w* where their noise would show.
    """
    n = flat.surface.rows.n
    curvature = around.curvature
    if "inverse_temperature" in automatic:
        value = n / math.log(n) if n > 2 else float(n)
        settings = settings.because(f"n beta = n / log n = {value:.4g}", inverse_temperature=value)
    settings = settle(settings, curvature, automatic)
    settings, around = pair_gradients(flat, settings, around, limit, generator)
    if not automatic:
        return settings, around
    for _ in range(PILOT_ROUNDS):
        excess, end = pilot(flat, settings, around, generator)
        rise = abs(excess - gradient_bias(settings, around) / settings.inverse_temperature)
        if math.isfinite(rise) and "step_size" in automatic:
            slower = slow_down(flat, settings, around, end, rise, generator)
            if slower is not settings:
                settings = settle(slower, curvature, automatic)
                continue
        if abs(excess) <= limit or not can_be_more_local(settings, excess, n, automatic):
            break
        settings = more_local(settings, excess, limit, n, automatic)
        settings = settle(settings, curvature, automatic)
    if not math.isfinite(rise):
        return settings, around
    if "step_size" in automatic:
        there = curvature_at(flat, end, rows_probed(settings), generator)
        if there > 1.2 * curvature:
            settings = settings.because(f"the pilot ended where the top curvature is {there:.4g}")
            settings = settle(settings, there, automatic)
    return pair_gradients(flat, settings, around, rise, generator)


def pair_gradients(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    rise: float,
    generator: torch.Generator,
) -> tuple[ChainSettings, Neighbourhood]:
    """Pair gradients with those at w* if their noise would show in a rise of the loss.

    That needs the gradient at w* of many rows: of all, or of as many as a chain sees. With a
    momentum they always are.
    """
    n = flat.surface.rows.n
    share = noise_share(settings, around, around.noise)
    whole = settings.batch_size >= n or settings.sampler in AS_PUBLISHED
    few, slow = share <= NOISE_TOLERANCE * rise, SAMPLERS[settings.sampler].speed == 1
    if whole or settings.paired_gradients or (few and slow):
        return settings, around
    most = min(n, settings.n_steps * settings.batch_size)
    if around.n_seen < most:
        rows = torch.randperm(n, generator=generator)[:most]
        around = look_closer(flat, around, rows, settings.batch_size)
    told = "gradients are paired with those at w*"
    if not few:
        told += f": their noise would add up to {share:.2g} nats"
    return settings.because(told, paired_gradients=True), around


def slow_down(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    position: Tensor,
    rise: float,
    generator: torch.Generator,
) -> ChainSettings:
    """Return settings with a smaller step, once, if the noise of paired gradients would show."""
    if not settings.paired_gradients or settings.resolution < RESOLUTION:
        return settings
    n, ends = flat.surface.rows.n, torch.stack([position, flat.start])
    differences = []
    for _ in range(PILOT_BATCHES):
        rows = torch.randint(n, (settings.batch_size,), generator=generator)
        _, gradients = flat.values_and_gradients(ends, flat.batch(rows))
        differences.append(gradients[0] - gradients[1])
    noise = float(torch.stack(differences).double().var(dim=0).sum())
    share = noise_share(settings, around, noise)
    tolerance = NOISE_TOLERANCE if SAMPLERS[settings.sampler].speed == 1 else MOMENTUM_TOLERANCE
    if share <= tolerance * rise:
        return settings
    factor = max(tolerance * rise / share, SMALLEST_SLOWDOWN)
    told = f"step x {factor:.2g}: the noise of paired gradients would add up to {share:.2g} nats"
    return settings.because(told, resolution=RESOLUTION * factor)


def pilot(
    flat: FlatLoss, settings: ChainSettings, around: Neighbourhood, generator: torch.Generator
) -> tuple[float, Tensor]:
    """Return the excess loss at the end of a short chain, and where it ended."""
    sampler = SAMPLERS[settings.sampler]
    posterior = GibbsPosterior(settings.inverse_temperature, settings.localization, flat.start)
    noise = torch.Generator(flat.start.device).manual_seed(generator.initial_seed())
    state = sampler.init(flat.start[None].clone(), noise)
    trace: list[float] = []
    for _ in range(max(settings.n_steps // 5, 20)):
        excess, gradients = excess_and_gradients(flat, state.position, settings, around, generator)
        trace.append(float(excess[0]))
        if not math.isfinite(trace[-1]):
            return float("nan"), state.position[0]
        state, _ = sampler.step(state, gradients, posterior, settings.step_size, noise)
    late = trace[len(trace) // 2 :]
    return sum(late) / len(late), state.position[0]


def excess_and_gradients(
    flat: FlatLoss,
    positions: Tensor,
    settings: ChainSettings,
    around: Neighbourhood,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the loss above that at w* on the same batch, and the gradients."""
    n = flat.surface.rows.n
    if settings.batch_size >= n:
        values, gradients = flat.values_and_gradients(positions, flat.all_rows())
        return values - around.initial_loss, gradients
    batch = flat.batch(torch.randint(n, (settings.batch_size,), generator=generator))
    if not (settings.paired_gradients or flat.vectorised):
        values, gradients = flat.values_and_gradients(positions, batch)
        return values - flat.value(flat.start, batch), gradients
    # one more chain, that stays at w*
    values, gradients = flat.values_and_gradients(torch.cat([positions, flat.start[None]]), batch)
    moving = gradients[:-1]
    if settings.paired_gradients:
        moving.sub_(gradients[-1] - around.gradient)
    return values[:-1] - values[-1], moving


def second_excess(
    flat: FlatLoss, positions: Tensor, settings: ChainSettings, generator: torch.Generator
) -> Tensor:
    """Return the loss above that at w* on another batch."""
    n = flat.surface.rows.n
    batch = flat.batch(torch.randint(n, (settings.batch_size,), generator=generator))
    values = flat.values(torch.cat([positions, flat.start[None]]), batch)
    return values[:-1] - values[-1]


def curvature_at(
    flat: FlatLoss, position: Tensor, n_rows: int, generator: torch.Generator
) -> float:
    """Return the top curvature at a position."""
    rows = torch.randperm(flat.surface.rows.n, generator=generator)[:n_rows]
    return flat.curvature(position, flat.batch(rows))[0]
