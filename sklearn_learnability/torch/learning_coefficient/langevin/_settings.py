"""Settings of Langevin chains, and what is known of them from formulas alone."""

import math
from dataclasses import dataclass, replace
from typing import Any

from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import Neighbourhood
from sklearn_learnability.torch.learning_coefficient.langevin._request import LangevinRequest
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import (
    SAMPLERS,
    STABILISER,
)
from sklearn_learnability.torch.models._flat_loss import FlatLoss

DEFAULT_CHAINS = 4
RESOLUTION = 0.5  # step size x (n beta h_max + gamma)
SHARE_DISCARDED = 0.4
MIXING_TIMES = 10  # of the slowest direction, that a chain lasts
LARGEST_EXCESS = 0.1  # nats, or share of a chance loss below 1, where a chain is local
LARGEST_SHARE_OF_ROWS = 0.3  # n beta / n, above which a singular model looks regular
NOISE_TOLERANCE = 0.05  # of the excess loss, from the noise of gradients


@dataclass(frozen=True)
class ChainSettings:
    """What chains need to run.

    Attributes
    ----------
    sampler : str
        Name of the sampler.
    inverse_temperature, localization, step_size : float
        Inverse temperature n beta, pull gamma, and the step.
    n_chains, n_draws, n_discarded : int
        Chains, draws kept, draws discarded before.
    batch_size : int
        Rows to a batch: those of one gradient.
    paired_gradients : bool
        Whether gradients are g_B(w) - g_B(w*) + g(w*).
    resolution : float
        Automatic step size x (n beta h_max + gamma).
    reasons : tuple of str
        Why the automatic ones were chosen.
    """

    sampler: str
    inverse_temperature: float
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


def first_settings(flat: FlatLoss, request: LangevinRequest) -> ChainSettings:
    """Return the settings given, and those that follow from sizes alone; 0 where to be chosen."""
    dim, rows = flat.surface.n_parameters, flat.surface.rows
    draws = automatic_draws(dim) if isinstance(request.n_draws, str) else request.n_draws
    size = request.batch_size or rows.batch_size or automatic_batch_size(dim)
    return ChainSettings(
        sampler=request.sampler,
        inverse_temperature=request.given("inverse_temperature"),
        localization=request.given("localization"),
        step_size=request.given("step_size"),
        n_chains=DEFAULT_CHAINS if isinstance(request.n_chains, str) else int(request.n_chains),
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
    steps = settings.n_steps * SAMPLERS[settings.sampler].speed
    return max(settings.resolution * steps / (2 * MIXING_TIMES) - 1, 1.0)


def settle(settings: ChainSettings, curvature: float, automatic: frozenset[str]) -> ChainSettings:
    """Return settings whose localization lets the chain mix and whose step suits the curvature."""
    if "localization" in automatic:
        lowest = max(settings.inverse_temperature * curvature / largest_ratio(settings), 1.0)
        if settings.localization < lowest:
            settings = settings.because(
                f"gamma = {lowest:.4g}, at which the slowest direction mixes "
                f"{MIXING_TIMES} times in {settings.n_steps} steps",
                localization=lowest,
            )
    if "step_size" in automatic:
        stiffest = settings.inverse_temperature * curvature + settings.localization
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
    below = settings.inverse_temperature < LARGEST_SHARE_OF_ROWS * n
    return "inverse_temperature" in automatic and not excess < 0 and below


def more_local(
    settings: ChainSettings, excess: float, limit: float, n: int, automatic: frozenset[str]
) -> ChainSettings:
    """Return settings that hold the chain closer to w*."""
    factor = min(max(1.5 * abs(excess) / limit, 2.0), 10.0) if math.isfinite(excess) else 10.0
    told = f"excess loss {excess:.3g} of a pilot chain, expected at most {limit:.3g}"
    highest = max(LARGEST_SHARE_OF_ROWS * n, settings.inverse_temperature)
    if "inverse_temperature" in automatic and not excess < 0:
        inverse_temperature = min(settings.inverse_temperature * factor, highest)
        settings = settings.because(
            f"n beta = {inverse_temperature:.4g}: {told}", inverse_temperature=inverse_temperature
        )
    if "localization" in automatic:
        gamma = settings.localization * factor
        settings = settings.because(f"gamma = {gamma:.4g}: {told}", localization=gamma)
    return settings


def noise_share(settings: ChainSettings, around: Neighbourhood, noise: float) -> float:
    """Return the most that the noise of gradients adds to the excess loss, in nats.

    A step e adds e^2 (n beta)^2 C / 4 to a variance that decays by e A a step, with
    A = n beta h + gamma: an excess loss of e (n beta)^2 tr(H C / A) / 8. As h / A is concave in h,
    it is at most that of all noise at its mean curvature. A momentum adds up noise as it adds up
    drift.
    """
    curvature = max(around.curvature_along_noise, 0.0)
    decay = settings.inverse_temperature * curvature + settings.localization
    if decay == 0.0:
        return 0.0
    step = settings.step_size * SAMPLERS[settings.sampler].speed
    return step * settings.inverse_temperature**2 * curvature * noise / (8 * decay)


def gradient_bias(settings: ChainSettings, around: Neighbourhood) -> float:
    """Return what a slope at w* adds to the value, to second order along the gradient.

    The chain's mean lies n beta g / A from w*, A = n beta h + gamma with h the curvature along g:
    -(n beta)^2 |g|^2 / A (1 - n beta h / (2 A)).
    """
    t = settings.inverse_temperature
    stiffness = t * max(around.curvature_along_gradient, 0.0)
    total = stiffness + settings.localization
    if total == 0.0:
        return 0.0
    return -(t**2) * around.squared_gradient / total * (1 - stiffness / (2 * total))
