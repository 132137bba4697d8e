"""Langevin samplers of the Gibbs posterior around w*, as pure functions.

All sample from p(w) ~ exp(-n beta L(w) - gamma/2 |w - w*|^2). `init` takes positions (n_chains, d)
and gives a state; `step` takes a state and the gradient of L there, and gives the next state and
what happened. Neither changes what it was given.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior

DECAY, STABILISER = 0.99, 0.1  # a and delta of the preconditioner
KEPT = 0.5  # of a momentum, from step to step


class LangevinState(NamedTuple):
    """Positions (n_chains, d), and what the sampler remembers of the step before."""

    position: Tensor
    memory: Tensor


class LangevinInfo(NamedTuple):
    """The drift and the noise of a step, before their scales."""

    drift: Tensor
    noise: Tensor


class LangevinSampler(NamedTuple):
    """A sampler.

    `speed` is by how much it moves faster along slow directions than one without a momentum at the
    same step size; the noise of gradients weighs as much more.
    """

    init: Callable[[Tensor, torch.Generator], LangevinState]
    step: Callable[..., tuple[LangevinState, LangevinInfo]]
    speed: float = 1.0


def init_sgld(position: Tensor, generator: torch.Generator) -> LangevinState:
    """Return the state of plain Langevin dynamics."""
    return LangevinState(position, position.new_empty(0))


def step_sgld(
    state: LangevinState,
    gradient: Tensor,
    posterior: GibbsPosterior,
    step_size: float,
    generator: torch.Generator,
) -> tuple[LangevinState, LangevinInfo]:
    """Step by w <- w - e/2 [n beta g + gamma (w - w*)] + sqrt(e) xi."""
    drift = posterior_drift(state.position, gradient, posterior)
    noise = draw_noise(state.position, generator)
    position = torch.add(state.position, drift, alpha=-step_size / 2)
    position.add_(noise, alpha=math.sqrt(step_size))
    return LangevinState(position, state.memory), LangevinInfo(drift, noise)


def init_leimkuhler_matthews(position: Tensor, generator: torch.Generator) -> LangevinState:
    """Return the state of Leimkuhler and Matthews' dynamics, with the first noise."""
    return LangevinState(position, draw_noise(position, generator))


def step_leimkuhler_matthews(
    state: LangevinState,
    gradient: Tensor,
    posterior: GibbsPosterior,
    step_size: float,
    generator: torch.Generator,
) -> tuple[LangevinState, LangevinInfo]:
    """Step with the mean of two noises; on a quadratic the variance is exact at any step size."""
    drift = posterior_drift(state.position, gradient, posterior)
    noise = draw_noise(state.position, generator)
    position = torch.add(state.position, drift, alpha=-step_size / 2)
    position.add_(state.memory, alpha=math.sqrt(step_size) / 2)
    position.add_(noise, alpha=math.sqrt(step_size) / 2)
    return LangevinState(position, noise), LangevinInfo(drift, noise)


def init_baoab(position: Tensor, generator: torch.Generator) -> LangevinState:
    """Return the state of Langevin dynamics with a momentum, drawn."""
    return LangevinState(position, draw_noise(position, generator))


def step_baoab(
    state: LangevinState,
    gradient: Tensor,
    posterior: GibbsPosterior,
    step_size: float,
    generator: torch.Generator,
) -> tuple[LangevinState, LangevinInfo]:
    """Kick, drift, refresh the momentum in part, drift; e is the square of the time step.

    On a quadratic the variance is exact at any stable step size. A momentum that keeps nothing is
    the dynamics of Leimkuhler and Matthews.
    """
    drift = posterior_drift(state.position, gradient, posterior)
    noise = draw_noise(state.position, generator)
    time = math.sqrt(step_size)
    kicked = torch.add(state.memory, drift, alpha=-time)
    momentum = torch.mul(kicked, KEPT).add_(noise, alpha=math.sqrt(1 - KEPT**2))
    position = torch.add(state.position, kicked, alpha=time / 2)
    position.add_(momentum, alpha=time / 2)
    return LangevinState(position, momentum), LangevinInfo(drift, noise)


def init_rmsprop_sgld(position: Tensor, generator: torch.Generator) -> LangevinState:
    """Return the state of preconditioned Langevin dynamics, its second moment at zero."""
    return LangevinState(position, torch.zeros_like(position))


def step_rmsprop_sgld(
    state: LangevinState,
    gradient: Tensor,
    posterior: GibbsPosterior,
    step_size: float,
    generator: torch.Generator,
) -> tuple[LangevinState, LangevinInfo]:
    """Step with each coordinate scaled by G = 1/(sqrt(V) + delta), V of the raw gradients."""
    moment = torch.mul(state.memory, DECAY).addcmul_(gradient, gradient, value=1 - DECAY)
    scale = moment.sqrt().add_(STABILISER).reciprocal_()
    drift = posterior_drift(state.position, gradient, posterior).mul_(scale)
    noise = draw_noise(state.position, generator).mul_(scale.sqrt_())
    position = torch.add(state.position, drift, alpha=-step_size / 2)
    position.add_(noise, alpha=math.sqrt(step_size))
    return LangevinState(position, moment), LangevinInfo(drift, noise)


def posterior_drift(position: Tensor, gradient: Tensor, posterior: GibbsPosterior) -> Tensor:
    """Return n beta g + gamma (w - w*), a new tensor."""
    pull = torch.sub(position, posterior.start).mul_(posterior.localization)
    return pull.add_(gradient, alpha=posterior.inverse_temperature)


def draw_noise(position: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise of the positions' shape."""
    return torch.empty_like(position).normal_(generator=generator)


SAMPLERS = {
    "leimkuhler-matthews": LangevinSampler(init_leimkuhler_matthews, step_leimkuhler_matthews),
    "baoab": LangevinSampler(init_baoab, step_baoab, speed=(1 + KEPT) / (1 - KEPT)),
    "sgld": LangevinSampler(init_sgld, step_sgld),
    "rmsprop-sgld": LangevinSampler(init_rmsprop_sgld, step_rmsprop_sgld),
}
