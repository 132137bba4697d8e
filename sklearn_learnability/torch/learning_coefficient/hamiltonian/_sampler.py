"""Hamiltonian sampler of the Gibbs posterior around w*, as pure functions.

Samples from p(w) ~ exp(-n beta L(w) - gamma/2 |w - w*|^2) with the loss of all rows; a Metropolis
test makes it exact at any step size. All chains take their steps together, positions (n_chains, d).
pyro's sampler runs one chain to a process, at one inverse temperature: it does not serve here.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.models._flat_loss import LossAndGradient

TARGET_ACCEPTANCE = 0.8
LARGEST_ENERGY_ERROR = 1000.0  # of a trajectory that has not diverged


class HamiltonianState(NamedTuple):
    """Positions (n_chains, d), their losses (n_chains,) and gradients of the loss (n_chains, d)."""

    position: Tensor
    loss: Tensor
    gradient: Tensor


class HamiltonianInfo(NamedTuple):
    """Of each chain (n_chains,): chance of acceptance, whether accepted, whether diverged."""

    acceptance: Tensor
    accepted: Tensor
    diverged: Tensor


def init(position: Tensor, loss_and_gradient: LossAndGradient) -> HamiltonianState:
    """Return the state of chains that start at given positions."""
    return HamiltonianState(position, *loss_and_gradient(position))


def step(
    state: HamiltonianState,
    loss_and_gradient: LossAndGradient,
    posterior: GibbsPosterior,
    step_size: float | Tensor,
    n_leapfrogs: int,
    generator: torch.Generator,
) -> tuple[HamiltonianState, HamiltonianInfo]:
    """Follow one trajectory, and accept its end by Metropolis' rule.

    `step_size` is a number, or one of every chain (n_chains, 1). An end that is not finite is a
    divergence, and rejected.
    """
    like = state.position
    momentum = torch.empty_like(like).normal_(generator=generator)
    uniform = torch.rand(len(like), generator=generator, device=like.device, dtype=like.dtype)
    energy = _energy(state, momentum, posterior)
    moving = state
    momentum = momentum - 0.5 * step_size * _force(moving, posterior)
    for number in range(n_leapfrogs):
        moving = init(moving.position + step_size * momentum, loss_and_gradient)
        last = number == n_leapfrogs - 1
        momentum = momentum - (0.5 if last else 1.0) * step_size * _force(moving, posterior)
    error = _energy(moving, momentum, posterior) - energy
    diverged = ~(error < LARGEST_ENERGY_ERROR)  # also where it is not a number
    error = torch.where(diverged, math.inf, error)
    acceptance = torch.exp(-error.clamp(min=0.0))
    accepted = uniform < acceptance
    mixed = HamiltonianState(
        torch.where(accepted[:, None], moving.position, state.position),
        torch.where(accepted, moving.loss, state.loss),
        torch.where(accepted[:, None], moving.gradient, state.gradient),
    )
    return mixed, HamiltonianInfo(acceptance, accepted, diverged)


def _force(state: HamiltonianState, posterior: GibbsPosterior) -> Tensor:
    """Return the gradient of the potential."""
    pull = posterior.localization * (state.position - posterior.start)
    return posterior.inverse_temperature * state.gradient + pull


def _energy(state: HamiltonianState, momentum: Tensor, posterior: GibbsPosterior) -> Tensor:
    """Return potential and kinetic energy of every chain."""
    distance = (state.position - posterior.start).square().sum(1)
    potential = posterior.inverse_temperature * state.loss + 0.5 * posterior.localization * distance
    return potential + 0.5 * momentum.square().sum(1)


class StepSizeAdaptation(NamedTuple):
    """Dual averaging of the logarithm of a step size."""

    centre: float
    log_step: float
    log_average: float
    mean_error: float = 0.0
    n_done: int = 0

    @property
    def step_size(self) -> float:
        """The step size to try next."""
        return math.exp(self.log_step)

    @property
    def average(self) -> float:
        """The step size to keep."""
        return math.exp(self.log_average)


def init_adaptation(step_size: float) -> StepSizeAdaptation:
    """Return the adaptation of a step size from a first guess."""
    log_step = math.log(step_size)
    return StepSizeAdaptation(log_step, log_step, log_step)


def adapt(
    state: StepSizeAdaptation, acceptance: float, target: float = TARGET_ACCEPTANCE
) -> StepSizeAdaptation:
    """Return the adaptation after one more trajectory (Hoffman and Gelman 2014, with t0 = 3)."""
    count = state.n_done + 1
    share = 1 / (count + 3)
    mean_error = (1 - share) * state.mean_error + share * (target - acceptance)
    log_step = state.centre - math.sqrt(count) / 0.1 * mean_error
    weight = count**-0.75
    log_average = weight * log_step + (1 - weight) * state.log_average
    return state._replace(
        log_step=log_step, log_average=log_average, mean_error=mean_error, n_done=count
    )
