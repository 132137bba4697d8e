"""A look at the posterior by chains on few rows: what chains on more would meet."""

from dataclasses import replace
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.learning_coefficient.hamiltonian._chains import HamiltonianChains
from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    HamiltonianSettings,
    choose_settings,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss, full_batch_loss

LARGEST_BIAS = 0.01  # of t K, from a loss below that of w*


class Pilot(NamedTuple):
    """What chains on few rows met.

    `flats` says whether directions are flat, `is_minimum` whether w* is a minimum of the loss of
    these rows, without noise in their labels. Then where the chains ended (n_chains, d), and their
    mean excess loss there.
    """

    flats: bool
    is_minimum: bool
    positions: Tensor
    excess: float


def pilot(surface: EmpiricalLoss, request: ChainRequest, n_rows: int) -> Pilot:
    """Return what chains on the rows of a surface meet, few of the `n_rows` there are."""
    flat = request.flat(surface)
    loss_and_gradient = full_batch_loss(flat)
    settings = choose_settings(flat, loss_and_gradient, request)
    noise_free = settings.highest_inverse_temperature == inf
    if not noise_free and isinstance(request.inverse_temperature, str):
        settings = hotter(settings, surface.rows.n / n_rows)
    chains = HamiltonianChains(flat, loss_and_gradient, settings, request.seed)
    chains.cool()
    excess = mean_excess(flat, chains.state.position)
    is_minimum = noise_free and settings.loss_below <= LARGEST_BIAS * excess
    return Pilot(chains.flats, is_minimum, chains.state.position, excess)


def hotter(settings: HamiltonianSettings, factor: float) -> HamiltonianSettings:
    """Return the settings at inverse temperatures over a factor."""
    lower = tuple(t / factor for t in settings.inverse_temperatures)
    return replace(settings, inverse_temperatures=lower)


def mean_excess(flat: FlatLoss, positions: Tensor) -> float:
    """Return the mean of the loss of all rows above that at w*."""
    batch = flat.all_rows()
    losses = torch.stack([flat.value(position, batch) for position in positions])
    return float(losses.mean() - flat.value(flat.start, batch))
