"""Settings of Langevin chains, chosen from the curvature, the noise and a pilot chain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import (
    Neighbourhood,
    look_closer,
)
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import SAMPLERS, STABILISER
from sklearn_learnability.torch.models._flat_loss import FlatLoss

RESOLUTION = 0.5  # step size x (n beta h_max + gamma)
SHARE_DISCARDED = 0.4
MIXING_TIMES = 10  # of the slowest direction, that a chain lasts
LARGEST_EXCESS = 0.1  # nats, or share of a chance loss below 1, where a chain is local
LARGEST_SHARE_OF_ROWS = 0.3  # n beta / n, above which a singular model looks regular
NOISE_TOLERANCE = 0.05  # of the excess loss, from the noise of gradients
SMALLEST_SLOWDOWN = 0.2  # of the step, for the sake of that noise
PILOT_ROUNDS, PILOT_BATCHES = 8, 8


@dataclass(frozen=True)
class ChainSettings:
    """What chains need to run.

    Attributes
    ----------
    sampler : str
        Name of the sampler.
    temperature, localization, step_size : float
        Inverse temperature n beta, pull gamma, and the step.
    n_chains, n_draws, n_discarded : int
        Chains, draws kept, draws discarded before.
    batch_size : int
        Rows to a gradient.
    paired_gradients : bool
        Whether gradients are g_B(w) - g_B(w*) + g(w*).
    resolution : float
        Automatic step size x (n beta h_max + gamma).
    reasons : tuple of str
        Why the automatic ones were chosen.
    """

    sampler: str
    temperature: float
    localization: float
    step_size: float
    n_chains: int
    n_draws: int
    n_discarded: int
    batch_size: int
    paired_gradients: bool = False
    resolution: float = RESOLUTION
    reasons: tuple[str, ...] = ()

    @property
    def n_steps(self) -> int:
        """Draws discarded and kept."""
        return self.n_discarded + self.n_draws

    def because(self, reason: str, **changes: Any) -> "ChainSettings":
        """Return other settings and why."""
        return replace(self, **changes, reasons=(*self.reasons, reason))


def first_settings(
    flat: FlatLoss,
    sampler: str,
    n_chains: int,
    n_draws: int | str,
    batch_size: int | None,
    given: Mapping[str, float | str],
) -> ChainSettings:
    """Return the settings as they were given, zero in place of automatic ones."""
    rows = flat.surface.rows
    draws = automatic_draws(flat.surface.dim) if isinstance(n_draws, str) else n_draws
    size = batch_size or rows.batch_size or automatic_batch_size(flat.surface.dim)
    known = {name: 0.0 if isinstance(value, str) else float(value) for name, value in given.items()}
    return ChainSettings(
        sampler=sampler,
        temperature=known["temperature"],
        localization=known["localization"],
        step_size=known["step_size"],
        n_chains=n_chains,
        n_draws=draws,
        n_discarded=math.ceil(draws * SHARE_DISCARDED / (1 - SHARE_DISCARDED)),
        batch_size=min(size, rows.n),
    )


def automatic_draws(dim: int) -> int:
    """Return draws kept of each chain: many where steps are cheap."""
    return round((1 - SHARE_DISCARDED) * min(max(4e7 / dim, 200.0), 4000.0))


def automatic_batch_size(dim: int) -> int:
    """Return rows to a gradient: many where they are cheap."""
    return round(min(max(1e7 / dim, 16.0), 256.0))


def rows_probed(settings: ChainSettings) -> int:
    """Return how many rows to take the curvature of: many where chains are long."""
    return settings.batch_size * max(2, settings.n_steps // 100)


def local_limit(chance_loss: float) -> float:
    """Return the excess loss up to which a chain is local."""
    scale = chance_loss if math.isfinite(chance_loss) and chance_loss > 0 else 1.0
    return LARGEST_EXCESS * min(scale, 1.0)


def largest_ratio(settings: ChainSettings) -> float:
    """Return the largest n beta h_max / gamma at which chains of this length mix."""
    return max(settings.resolution * settings.n_steps / (2 * MIXING_TIMES) - 1, 1.0)


def choose(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    limit: float,
    automatic: frozenset[str],
    generator: torch.Generator,
) -> tuple[ChainSettings, Neighbourhood]:
    """Return settings with the automatic ones of temperature, localization and step chosen.

    The temperature starts at n / log n, the localization where the slowest direction mixes within
    the chain. A pilot chain then says whether the excess loss is local; while it is not, the
    localization and, where the loss rose, the temperature are raised. Gradients are paired with
    those at w* where their noise would show.
    """
    n = flat.surface.rows.n
    curvature = around.curvature
    if "temperature" in automatic:
        value = n / math.log(n) if n > 2 else float(n)
        settings = settings.because(f"n beta = n / log n = {value:.4g}", temperature=value)
    settings = settle(settings, curvature, automatic)
    settings, around = pair_gradients(flat, settings, around, limit, generator)
    if not automatic:
        return settings, around
    for _ in range(PILOT_ROUNDS):
        excess, end = pilot(flat, settings, around, generator)
        rise = abs(excess - gradient_bias(settings, around) / settings.temperature)
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


def settle(settings: ChainSettings, curvature: float, automatic: frozenset[str]) -> ChainSettings:
    """Return settings whose localization lets the chain mix and whose step suits the curvature."""
    if "localization" in automatic:
        lowest = max(settings.temperature * curvature / largest_ratio(settings), 1.0)
        if settings.localization < lowest:
            settings = settings.because(
                f"gamma = {lowest:.4g}, at which the slowest direction mixes "
                f"{MIXING_TIMES} times in {settings.n_steps} steps",
                localization=lowest,
            )
    if "step_size" in automatic:
        stiffest = settings.temperature * curvature + settings.localization
        # the preconditioner scales a step by up to 1 / delta
        scale = STABILISER if settings.sampler == "rmsprop-sgld" else 1.0
        step = scale * settings.resolution / stiffest
        reason = f"step = {step:.4g} from top curvature {curvature:.4g}"
        settings = settings.because(reason, step_size=step)
    return settings


def can_be_more_local(
    settings: ChainSettings, excess: float, n: int, automatic: frozenset[str]
) -> bool:
    """Return whether a setting that would hold the chain closer to w* is automatic."""
    if "localization" in automatic:
        return True
    below = settings.temperature < LARGEST_SHARE_OF_ROWS * n
    return "temperature" in automatic and not excess < 0 and below


def more_local(
    settings: ChainSettings, excess: float, limit: float, n: int, automatic: frozenset[str]
) -> ChainSettings:
    """Return settings that hold the chain closer to w*."""
    factor = min(max(1.5 * abs(excess) / limit, 2.0), 10.0) if math.isfinite(excess) else 10.0
    told = f"excess loss {excess:.3g} of a pilot chain, expected at most {limit:.3g}"
    highest = max(LARGEST_SHARE_OF_ROWS * n, settings.temperature)
    if "temperature" in automatic and not excess < 0:
        temperature = min(settings.temperature * factor, highest)
        settings = settings.because(f"n beta = {temperature:.4g}: {told}", temperature=temperature)
    if "localization" in automatic:
        gamma = settings.localization * factor
        settings = settings.because(f"gamma = {gamma:.4g}: {told}", localization=gamma)
    return settings


def pair_gradients(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    rise: float,
    generator: torch.Generator,
) -> tuple[ChainSettings, Neighbourhood]:
    """Pair gradients with those at w* if their noise would show in a rise of the loss.

    That needs the gradient at w* of many rows: of all, or of as many as a chain sees.
    """
    n = flat.surface.rows.n
    share = noise_share(settings, around, around.noise)
    whole = settings.batch_size >= n or settings.sampler != "leimkuhler-matthews"
    if whole or settings.paired_gradients or share <= NOISE_TOLERANCE * rise:
        return settings, around
    most = min(n, settings.n_steps * settings.batch_size)
    if around.n_seen < most:
        rows = torch.randperm(n, generator=generator)[:most]
        around = look_closer(flat, around, rows, settings.batch_size)
    told = f"gradients are paired with those at w*: their noise would add up to {share:.2g} nats"
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
        _, gradients = flat.values_and_gradients(ends, flat.surface.batch(rows))
        differences.append(gradients[0] - gradients[1])
    noise = float(torch.stack(differences).double().var(dim=0).sum())
    share = noise_share(settings, around, noise)
    if share <= NOISE_TOLERANCE * rise:
        return settings
    factor = max(NOISE_TOLERANCE * rise / share, SMALLEST_SLOWDOWN)
    told = f"step x {factor:.2g}: the noise of paired gradients would add up to {share:.2g} nats"
    return settings.because(told, resolution=RESOLUTION * factor)


def pilot(
    flat: FlatLoss, settings: ChainSettings, around: Neighbourhood, generator: torch.Generator
) -> tuple[float, Tensor]:
    """Return the excess loss at the end of a short chain, and where it ended."""
    sampler = SAMPLERS[settings.sampler]
    posterior = GibbsPosterior(settings.temperature, settings.localization, flat.start)
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
        values, gradients = flat.values_and_gradients(positions, flat.everything_at_once())
        return values - around.initial_loss, gradients
    batch = flat.surface.batch(torch.randint(n, (settings.batch_size,), generator=generator))
    if not (settings.paired_gradients or flat.vectorised):
        values, gradients = flat.values_and_gradients(positions, batch)
        return values - flat.value(flat.start, batch), gradients
    # one more chain, that stays at w*
    values, gradients = flat.values_and_gradients(torch.cat([positions, flat.start[None]]), batch)
    moving = gradients[:-1]
    if settings.paired_gradients:
        moving.sub_(gradients[-1] - around.gradient)
    return values[:-1] - values[-1], moving


def curvature_at(
    flat: FlatLoss, position: Tensor, n_rows: int, generator: torch.Generator
) -> float:
    """Return the top curvature at a position."""
    rows = torch.randperm(flat.surface.rows.n, generator=generator)[:n_rows]
    return flat.curvature(position, flat.surface.batch(rows))[0]


def noise_share(settings: ChainSettings, around: Neighbourhood, noise: float) -> float:
    """Return the most that the noise of gradients adds to the excess loss, in nats.

    A step e adds e^2 (n beta)^2 C / 4 to a variance that decays by e A a step, with
    A = n beta h + gamma: an excess loss of e (n beta)^2 tr(H C / A) / 8. As h / A is concave in h,
    it is at most that of all noise at its mean curvature.
    """
    curvature = max(around.curvature_along_noise, 0.0)
    decay = settings.temperature * curvature + settings.localization
    if decay == 0.0:
        return 0.0
    return settings.step_size * settings.temperature**2 * curvature * noise / (8 * decay)


def gradient_bias(settings: ChainSettings, around: Neighbourhood) -> float:
    """Return what a slope at w* adds to the value, to second order along the gradient.

    The chain's mean lies n beta g / A from w*, A = n beta h + gamma with h the curvature along g:
    -(n beta)^2 |g|^2 / A (1 - n beta h / (2 A)).
    """
    t = settings.temperature
    stiffness = t * max(around.curvature_along_gradient, 0.0)
    total = stiffness + settings.localization
    if total == 0.0:
        return 0.0
    return -(t**2) * around.squared_gradient / total * (1 - stiffness / (2 * total))
