"""One model held still, and what its chains are asked for."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.torch.learning_coefficient._chance_loss import loss_by_chance
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._llc_options import check_settings, sampler_for
from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.learning_coefficient.hamiltonian._chains import (
    hamiltonian_estimate,
)
from sklearn_learnability.torch.learning_coefficient.langevin._chains import (
    langevin_estimate,
    langevin_settings,
)
from sklearn_learnability.torch.learning_coefficient.langevin._request import LangevinRequest
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.models._batch_loss import logits_in_full
from sklearn_learnability.torch.models._devices import gradients_of
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.models._store import Store

#: Settings that chains of either engine are asked for as they were given.
ASKED = ("n_chains", "n_draws", "inverse_temperature", "localization", "step_size")


class Run(NamedTuple):
    """What a run has beside the settings of the estimator; without a seed any will do."""

    seed: int | None
    chance_loss: float | None
    store: str | os.PathLike[str] | None


def draw_seed(random_state: Any) -> int:
    """Return the seed of all batches and noise."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@dataclass(frozen=True)
class Posed:
    """A loss as a function of the parameters that may vary, and how it is sampled.

    `settings` are the parameters of :class:`LocalLearningCoefficient`.
    """

    settings: Mapping[str, Any]
    surface: EmpiricalLoss
    sampler: str

    def estimate(self, run: Run) -> LLCEstimate:
        """Return the estimate of a run."""
        if self.sampler != "hamiltonian":
            return langevin_estimate(self.surface, self._langevin_request(run))
        found = hamiltonian_estimate(self.surface, ChainRequest(**self._asked(run)))
        return replace(found, chance_loss=self._chance_loss(run))

    def chain_settings(self, run: Run) -> list[ChainSettings]:
        """Return the settings of chains on batches; none for Hamiltonian ones."""
        if self.sampler == "hamiltonian":
            return []
        return [langevin_settings(self.surface, self._langevin_request(run))]

    def _langevin_request(self, run: Run) -> LangevinRequest:
        """Return what chains on batches are asked for."""
        return LangevinRequest(
            **self._asked(run),
            sampler=self.sampler,
            batch_size=self.settings["batch_size"],
            chance_loss=self._chance_loss(run),
        )

    def _asked(self, run: Run) -> dict[str, Any]:
        """Return what chains of either engine are asked for."""
        store = self._store(run)
        seed = run.seed
        if seed is None:
            content = store.read() or {"seed": draw_seed(self.settings["random_state"])}
            seed = content["seed"]
        given = {name: self.settings[name] for name in ASKED}
        return given | {"seed": seed, "progress": self.settings["progress"], "store": store}

    def _store(self, run: Run) -> Store:
        """Return the store of chains, with all that they depend on."""
        rows, batch_size = self.surface.rows, self.settings["batch_size"]
        described = {name: self.settings[name] for name in ASKED} | {
            "sampler": self.sampler,
            "random_state": run.seed,
            "parameters": (list(self.surface.start), self.surface.masks),
        }
        if self.sampler != "hamiltonian":
            described |= {
                "batch_size": rows.batch_size if batch_size is None else batch_size,
                "chance_loss": run.chance_loss,
            }
        model, loss = self.surface.module.model, self.settings["loss"]
        return Store(run.store, "chains", described, model=model, loss=loss, data=rows)

    def _chance_loss(self, run: Run) -> float:
        """Return the loss by chance, as given or of the data."""
        if run.chance_loss is None:
            return loss_by_chance(self.settings["loss"], self.surface.rows)
        return float(run.chance_loss)


@contextmanager
def posed(settings: Mapping[str, Any], model: nn.Module, data: Any) -> Iterator[Posed]:
    """Hold the model still; yield its loss as a function of parameters, and the sampler."""
    check_settings(settings)
    loss, sampler = settings["loss"], settings["sampler"]
    criterion = [loss] if isinstance(loss, nn.Module) else []
    with held_still(model, *criterion), logits_in_full(model), gradients_of(model):
        surface = surface_of(settings, model, data)
        name = sampler_for(surface) if sampler == "auto" else sampler
        if name == "hamiltonian":
            surface, name = in_float64(settings, model, data, surface)
        yield Posed(settings, surface, name)


def surface_of(
    settings: Mapping[str, Any], model: nn.Module, data: Any, dtype: torch.dtype | None = None
) -> EmpiricalLoss:
    """Return the loss as a function of the parameters that may vary."""
    given = {name: settings[name] for name in ("parameters", "device")}
    return EmpiricalLoss(model, settings["loss"], data, dtype=dtype, **given)


def in_float64(
    settings: Mapping[str, Any], model: nn.Module, data: Any, surface: EmpiricalLoss
) -> tuple[EmpiricalLoss, str]:
    """Return the loss in float64 for Hamiltonian chains; or as it is, for those on batches."""
    try:
        return surface_of(settings, model, data, torch.float64), "hamiltonian"
    except (RuntimeError, TypeError) as error:
        if settings["sampler"] == "auto":
            return surface, "leimkuhler-matthews"
        raise ValueError(
            "Expected a model and a loss that compute in float64 for the Hamiltonian sampler, got "
            f"{type(error).__name__}: {error} Use another sampler, or compute in the type of "
            "the inputs."
        ) from error
