"""Settings of Langevin chains, chosen from the curvature, the noise and a pilot chain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sklearn_learnability.torch._flat_loss import FlatLoss
from sklearn_learnability.torch._samplers import SAMPLERS, GibbsPosterior

RESOLUTION = 0.5  # step size x (n beta h_max + gamma)
SHARE_DISCARDED = 0.4
MIXING_TIMES = 10  # of the slowest direction, that a chain lasts
NATS_FROM_MINIMUM, SHARE_OF_CHANCE = 0.1, 0.1  # where a chain is local
NOISE_TOLERANCE = 0.03  # of the excess loss, from the noise of gradients
PILOT_ROUNDS, FIRST_BATCHES = 8, 16


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
    curvature_along_noise : float
        v' H v / v' v of that noise v.
    curvature : float
        Top curvature h_max.
    curvature_along_gradient : float
        g' H g / g' g.
    n_seen : int
        Rows that were looked at.
    """

    initial_loss: float
    gradient: Tensor
    squared_gradient: float
    noise: float
    curvature_along_noise: float
    curvature: float
    curvature_along_gradient: float
    n_seen: int


def look_around(flat: FlatLoss, batch_size: int, generator: torch.Generator) -> Neighbourhood:
    """Return the loss, gradient and curvature at w*, from some batches."""
    n = flat.surface.rows.n
    order = torch.randperm(n, generator=generator)
    seen = order[: FIRST_BATCHES * batch_size]
    loss, gradient, noise, n_batches = mean_gradient(flat, seen, batch_size)
    squared = float(gradient.square().sum())
    if len(seen) < n:
        squared = max(squared - noise / n_batches, 0.0)
    probe = flat.surface.batch(order[: 2 * batch_size])
    curvature, _ = flat.curvature(flat.start, probe)
    one, other = (
        flat.values_and_gradients(flat.start[None], flat.surface.batch(rows))[1][0]
        for rows in (order[:batch_size], order[-batch_size:])
    )
    return Neighbourhood(
        initial_loss=loss,
        gradient=gradient,
        squared_gradient=squared,
        noise=noise,
        curvature_along_noise=curvature_along(flat, one - other, probe),
        curvature=curvature,
        curvature_along_gradient=curvature_along(flat, gradient, probe),
        n_seen=len(seen),
    )


def mean_gradient(
    flat: FlatLoss, rows: Tensor, batch_size: int
) -> tuple[float, Tensor, float, int]:
    """Return the mean loss and gradient at w*, the noise of a batch's, and the batches seen."""
    total = torch.zeros_like(flat.start, dtype=torch.float64)
    loss = squares = 0.0
    n_batches = 0
    for batch, size in flat.batches(rows, batch_size):
        values, gradients = flat.values_and_gradients(flat.start[None], batch)
        share = size / len(rows)
        loss += share * float(values[0])
        total.add_(gradients[0], alpha=share)
        squares += share * float(gradients[0].double().square().sum())
        n_batches += 1
    noise = max(squares - float(total.square().sum()), 0.0)
    noise *= n_batches / max(n_batches - 1, 1)
    return loss, total.to(flat.start.dtype), noise, n_batches


def curvature_along(flat: FlatLoss, direction: Tensor, batch: object) -> float:
    """Return the curvature of the loss along a direction, by differences of gradients."""
    norm = float(direction.norm())
    if norm == 0.0:
        return 0.0
    unit, step = direction / norm, 1e-3 * max(1.0, float(flat.start.norm()) ** 0.5)
    ends = torch.stack([flat.start + step * unit, flat.start - step * unit])
    _, gradients = flat.values_and_gradients(ends, batch)
    return float(((gradients[0] - gradients[1]) @ unit) / (2 * step))


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
    reasons: tuple[str, ...] = ()

    @property
    def n_steps(self) -> int:
        """Draws discarded and kept."""
        return self.n_discarded + self.n_draws

    def because(self, reason: str, **changes: object) -> "ChainSettings":
        """Return other settings and why."""
        return replace(self, **changes, reasons=(*self.reasons, reason))  # type: ignore[arg-type]


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
    size = batch_size or rows.batch_size or automatic_batch_size(rows.n, flat.surface.dim)
    known = {name: 0.0 if isinstance(value, str) else float(value) for name, value in given.items()}
    return ChainSettings(
        sampler=sampler,
        temperature=known["temperature"],
        localization=known["localization"],
        step_size=known["step_size"],
        n_chains=n_chains,
        n_draws=draws,
        n_discarded=discarded(draws),
        batch_size=min(size, rows.n),
    )


def automatic_draws(dim: int) -> int:
    """Return draws kept of each chain: many where steps are cheap."""
    return round((1 - SHARE_DISCARDED) * min(max(4e7 / dim, 200.0), 4000.0))


def automatic_batch_size(n: int, dim: int) -> int:
    """Return rows to a gradient: many where they are cheap."""
    return min(n, round(min(max(1e7 / dim, 16.0), 256.0)))


def discarded(n_draws: int) -> int:
    """Return the draws to discard before those kept: 40 % of all."""
    return math.ceil(n_draws * SHARE_DISCARDED / (1 - SHARE_DISCARDED))


def local_limit(initial_loss: float, chance_loss: float) -> float:
    """Return the excess loss up to which a chain is local."""
    distance = chance_loss - initial_loss
    if math.isfinite(distance) and distance > 0:
        return min(NATS_FROM_MINIMUM, SHARE_OF_CHANCE * distance)
    return NATS_FROM_MINIMUM


def largest_ratio(n_steps: int) -> float:
    """Return the largest n beta h_max / gamma at which chains of this length mix."""
    return max(RESOLUTION * n_steps / (2 * MIXING_TIMES) - 1, 1.0)


def step_for(sampler: str, temperature: float, localization: float, curvature: float) -> float:
    """Return the step size for a curvature."""
    step = RESOLUTION / (temperature * curvature + localization)
    return step / 10 if sampler == "rmsprop-sgld" else step  # its scale is at most 1 / delta


def choose(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    limit: float,
    automatic: frozenset[str],
    generator: torch.Generator,
) -> ChainSettings:
    """Return settings with the automatic ones of temperature, localization and step chosen.

    The temperature starts at n / log n, the localization where the slowest direction mixes within
    the chain. A pilot chain then says whether the excess loss is local; while it is not, the
    localization and, where the loss rose, the temperature are raised.
    """
    if not automatic:
        return settings
    n = flat.surface.rows.n
    curvature = around.curvature
    if "temperature" in automatic:
        value = n / math.log(n) if n > 2 else float(n)
        settings = settings.because(f"n beta = n / log n = {value:.4g}", temperature=value)
    settings = settle(settings, curvature, automatic)
    for _ in range(PILOT_ROUNDS):
        excess, end = pilot(flat, settings, around, generator)
        if math.isfinite(excess) and (abs(excess) <= limit or not free_to_move(excess, automatic)):
            break
        settings = more_local(settings, excess, limit, n, automatic)
        settings = settle(settings, curvature, automatic)
    if "step_size" in automatic and torch.isfinite(end).all():
        rows = torch.randint(n, (min(n, 2 * settings.batch_size),), generator=generator)
        there, _ = flat.curvature(end, flat.surface.batch(rows))
        if there > 1.2 * curvature:
            settings = settle(settings, there, automatic)
            settings = settings.because(f"top curvature {there:.4g} where the pilot chain ended")
    return settings


def free_to_move(excess: float, automatic: frozenset[str]) -> bool:
    """Return whether what would make a chain more local is automatic."""
    return "localization" in automatic or ("temperature" in automatic and excess > 0)


def settle(settings: ChainSettings, curvature: float, automatic: frozenset[str]) -> ChainSettings:
    """Return settings whose localization lets the chain mix and whose step suits the curvature."""
    if "localization" in automatic:
        lowest = settings.temperature * curvature / largest_ratio(settings.n_steps)
        if settings.localization < max(lowest, 1.0):
            settings = settings.because(
                f"gamma = {max(lowest, 1.0):.4g}, at which the slowest direction mixes "
                f"{MIXING_TIMES} times in {settings.n_steps} steps",
                localization=max(lowest, 1.0),
            )
    if "step_size" in automatic:
        step = step_for(settings.sampler, settings.temperature, settings.localization, curvature)
        settings = settings.because(
            f"step = {step:.4g} from top curvature {curvature:.4g}", step_size=step
        )
    return settings


def more_local(
    settings: ChainSettings, excess: float, limit: float, n: int, automatic: frozenset[str]
) -> ChainSettings:
    """Return settings that hold the chain closer to w*."""
    factor = min(1.5 * abs(excess) / limit, 10.0) if math.isfinite(excess) else 10.0
    told = f"excess loss {excess:.3g} of a pilot chain is above {limit:.3g}"
    if "temperature" in automatic and not excess < 0 and settings.temperature < n:
        temperature = min(settings.temperature * factor, float(n))
        settings = settings.because(f"n beta = {temperature:.4g}: {told}", temperature=temperature)
    if "localization" in automatic:
        gamma = settings.localization * factor
        settings = settings.because(f"gamma = {gamma:.4g}: {told}", localization=gamma)
    return settings


def pilot(
    flat: FlatLoss, settings: ChainSettings, around: Neighbourhood, generator: torch.Generator
) -> tuple[float, Tensor]:
    """Return the excess loss at the end of a short chain, and where it ended."""
    n_steps = max(settings.n_steps // 5, 20)
    sampler = SAMPLERS[settings.sampler]
    posterior = GibbsPosterior(settings.temperature, settings.localization, flat.start)
    noise = torch.Generator(flat.start.device).manual_seed(generator.initial_seed())
    state = sampler.init(flat.start[None].clone(), noise)
    trace = []
    for _ in range(n_steps):
        rows = torch.randint(flat.surface.rows.n, (settings.batch_size,), generator=generator)
        pair = torch.cat([state.position, flat.start[None]])
        values, gradients = flat.values_and_gradients(pair, flat.surface.batch(rows))
        trace.append(float(values[0] - values[1]))
        if not math.isfinite(trace[-1]):
            return float("nan"), state.position[0]
        gradient = gradients[:1]
        if settings.sampler == "leimkuhler-matthews":
            gradient = gradient - gradients[1:] + around.gradient
        state, _ = sampler.step(state, gradient, posterior, settings.step_size, noise)
    late = trace[n_steps // 2 :]
    return sum(late) / len(late), state.position[0]


def noise_share(settings: ChainSettings, around: Neighbourhood) -> float:
    """Return the most that the noise of gradients adds to the excess loss, in nats.

    A step e adds e^2 (n beta)^2 C / 4 to a variance that decays by e A a step, with
    A = n beta h + gamma: an excess loss of e (n beta)^2 tr(H C / A) / 8. As h / A is concave in h,
    it is at most that of all noise at its mean curvature.
    """
    curvature = max(around.curvature_along_noise, 0.0)
    decay = settings.temperature * curvature + settings.localization
    if decay == 0.0:
        return 0.0
    return settings.step_size * settings.temperature**2 * curvature * around.noise / (8 * decay)
