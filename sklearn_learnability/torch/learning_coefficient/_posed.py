"""One model held still, and what its chains are asked for."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import check_installed
from sklearn_learnability.torch.learning_coefficient._chance_loss import loss_by_chance
from sklearn_learnability.torch.learning_coefficient._clock import seconds_of
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._llc_options import (
    ON_BATCHES,
    check_settings,
    may_take_all_rows,
)
from sklearn_learnability.torch.learning_coefficient._price import AllRows, Plan, plan_on_batches
from sklearn_learnability.torch.learning_coefficient._request import ChainRequest, Observer, ignore
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
ASKED = (
    "n_chains",
    "n_draws",
    "inverse_temperature",
    "localization",
    "step_size",
    "weight_decay",
)


class Run(NamedTuple):
    """What a run has beside the settings of the estimator.

    Without a seed any will do, without a plan its own is made. With `every_row` a few rows may not
    stand for all.
    """

    seed: int | None
    chance_loss: float | None
    store: str | os.PathLike[str] | None
    plan: Plan | None = None
    every_row: bool = False


def draw_seed(random_state: Any) -> int:
    """Return the seed of all batches and noise."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


class Begun(NamedTuple):
    """A run that has begun: its loss by chance, what its chains are asked for, and its plan."""

    chance_loss: float | None
    asked: dict[str, Any]
    plan: Plan


@dataclass(frozen=True)
class Posed:
    """A loss as a function of the parameters that may vary, and how it is sampled.

    `settings` are the parameters of :class:`LocalLearningCoefficient`, `exact` is the loss for
    Hamiltonian chains, None where there will be none.
    """

    settings: Mapping[str, Any]
    model: nn.Module
    surface: EmpiricalLoss
    exact: EmpiricalLoss | None

    def begin(self, run: Run) -> Begun:
        """Return a run with the seed and the plan of its store, or those that are made for it."""
        store = self._store(run)
        content = store.read() or {}
        seed = content.get("seed", run.seed)
        if seed is None:
            seed = draw_seed(self.settings["random_state"])
        asked = self._asked(seed, store)
        if "plan" in content:
            plan = Plan(**content["plan"])
        else:
            plan = run.plan or self._plan(asked, run)
            store.write({"seed": seed, "plan": asdict(plan)})
        if plan.n_draws is not None:
            asked["n_draws"] = plan.n_draws
        return Begun(run.chance_loss, asked, plan)

    def estimate(self, begun: Begun, observe: Observer = ignore) -> LLCEstimate:
        """Return the estimate of a run, of whose draws an observer is told."""
        plan, n, asked = begun.plan, self.surface.rows.n, begun.asked | {"observe": observe}
        if self.exact is None or plan.sampler != "hamiltonian":
            request = self._langevin_request(asked, begun.chance_loss)
            found = langevin_estimate(self.surface, request)
        else:
            rows = self._all_rows(asked)
            surface = self.exact if plan.n_rows == n else rows.some(plan.n_rows)
            found = hamiltonian_estimate(surface, rows.request)
            found = replace(found, chance_loss=self._chance_loss(begun.chance_loss), n_samples=n)
        reasons = (*found.settings.reasons, *plan.reasons)
        decay = float(self.settings["weight_decay"])
        told = replace(found.settings, reasons=reasons, weight_decay=decay)
        return replace(found, settings=told)

    def chain_settings(self, begun: Begun) -> list[ChainSettings]:
        """Return the settings of chains on batches; none for Hamiltonian ones."""
        if begun.plan.sampler == "hamiltonian":
            return []
        request = self._langevin_request(begun.asked, begun.chance_loss)
        return [langevin_settings(self.surface, request)]

    def _plan(self, asked: dict[str, Any], run: Run) -> Plan:
        """Return how the chains run, from what a gradient takes."""
        reasons: tuple[str, ...] = ()
        if self.exact is not None:
            rows = self._all_rows(asked)
            plan = rows.plan()
            if plan is not None and (plan.n_rows == self.surface.rows.n or not run.every_row):
                return plan
            if self.settings["sampler"] == "hamiltonian":
                return rows.plan_all()
            reasons = (rows.too_dear(),)
        plan = plan_on_batches(self.surface, self._langevin_request(asked, run.chance_loss))
        return replace(plan, reasons=(*reasons, *plan.reasons))

    def _all_rows(self, asked: dict[str, Any]) -> AllRows:
        """Return chains on all rows."""
        settings, model = self.settings, self.model

        def on_rows(data: Any) -> EmpiricalLoss:
            return surface_of(settings, model, data, torch.float64)

        assert self.exact is not None
        return AllRows(self.exact, on_rows, ChainRequest(**asked))

    def _langevin_request(
        self, asked: dict[str, Any], chance_loss: float | None
    ) -> LangevinRequest:
        """Return what chains on batches are asked for."""
        sampler = self.settings["sampler"]
        return LangevinRequest(
            **asked,
            sampler=ON_BATCHES if sampler == "auto" else sampler,
            batch_size=self.settings["batch_size"],
            chance_loss=self._chance_loss(chance_loss),
        )

    def _asked(self, seed: int, store: Store) -> dict[str, Any]:
        """Return what chains of either engine are asked for."""
        given = {name: self.settings[name] for name in (*ASKED, "micro_batch_size", "progress")}
        limit = seconds_of(self.settings["max_seconds"])
        return given | {"seed": seed, "store": store, "max_seconds": limit}

    def _store(self, run: Run) -> Store:
        """Return the store of chains, with all that they depend on."""
        rows, batch_size = self.surface.rows, self.settings["batch_size"]
        described = {name: self.settings[name] for name in (*ASKED, "sampler", "max_seconds")} | {
            "random_state": run.seed,
            "parameters": (list(self.surface.start), self.surface.masks),
        }
        if self.settings["sampler"] != "hamiltonian":
            described |= {
                "batch_size": rows.batch_size if batch_size is None else batch_size,
                "chance_loss": run.chance_loss,
            }
        model, loss = self.surface.module.model, self.settings["loss"]
        return Store(run.store, "chains", described, model=model, loss=loss, data=rows)

    def _chance_loss(self, given: float | None) -> float:
        """Return the loss by chance, as given or of the data."""
        if given is None:
            return loss_by_chance(self.settings["loss"], self.surface.rows)
        return float(given)


@contextmanager
def posed(settings: Mapping[str, Any], model: nn.Module, data: Any) -> Iterator[Posed]:
    """Hold the model still; yield its loss as a function of parameters, and the sampler."""
    check_installed()
    check_settings(settings)
    loss, sampler = settings["loss"], settings["sampler"]
    criterion = [loss] if isinstance(loss, nn.Module) else []
    with held_still(model, *criterion), logits_in_full(model), gradients_of(model):
        surface = surface_of(settings, model, data)
        exact = None
        if sampler == "hamiltonian" or (sampler == "auto" and may_take_all_rows(surface)):
            exact = in_float64(settings, model, data)
        yield Posed(settings, model, surface, exact)


def surface_of(
    settings: Mapping[str, Any], model: nn.Module, data: Any, dtype: torch.dtype | None = None
) -> EmpiricalLoss:
    """Return the loss as a function of the parameters that may vary."""
    given = {name: settings[name] for name in ("parameters", "device")}
    return EmpiricalLoss(model, settings["loss"], data, dtype=dtype, **given)


def in_float64(settings: Mapping[str, Any], model: nn.Module, data: Any) -> EmpiricalLoss | None:
    """Return the loss in float64, None where a sampler on batches may do without."""
    try:
        return surface_of(settings, model, data, torch.float64)
    except (RuntimeError, TypeError) as error:
        if settings["sampler"] == "auto":
            return None
        raise ValueError(
            "Expected a model and a loss that compute in float64 for the Hamiltonian sampler, got "
            f"{type(error).__name__}: {error} Use another sampler, or compute in the type of "
            "the inputs."
        ) from error
