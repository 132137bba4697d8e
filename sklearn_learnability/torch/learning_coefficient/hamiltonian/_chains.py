"""Hamiltonian chains on all rows, and the estimate of the local learning coefficient from them.

For small models with their data in memory. A quarter of the chains start at w*, the others in a
hot posterior that is cooled down by and by; where both agree, they have converged.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sklearn_learnability.exceptions import SamplingError
from sklearn_learnability.torch.learning_coefficient._clock import Clock
from sklearn_learnability.torch.learning_coefficient._flag import Flag, FlagCode, warn_of
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.learning_coefficient.hamiltonian import _sampler as hamiltonian
from sklearn_learnability.torch.learning_coefficient.hamiltonian._progress import (
    Progress,
    Saved,
    columns_of,
    content_of,
    progress_from,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._sampler import HamiltonianState
from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    HamiltonianSettings,
    choose_settings,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._stages import (
    BLOCK,
    LONGEST_TRAJECTORY,
    LONGEST_WITHOUT_FLATS,
    MOST_DRAWS,
    Stage,
    mean_length,
    stages_of,
    trajectories,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._steep_directions import (
    steep_directions,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._summary import (
    DrawsOfChains,
    mean_of,
    moved,
    summarise,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss, LossAndGradient, full_batch_loss
from sklearn_learnability.torch.models._store import Store

WANTED_ERROR = 0.0125  # relative
SMALLEST_PULL = 0.02  # share of the localization in the energy, with flat directions
MOST_DIVERGENCES = 0.01  # of a warm-up, before step sizes are varied
LONGEST_JITTER = 4.0  # halvings of the step size
SHORT = 0.5  # of the jitter, from which on a step is short


def hamiltonian_estimate(surface: EmpiricalLoss, request: ChainRequest) -> LLCEstimate:
    """Return the estimate from Hamiltonian chains with a Metropolis test."""
    flat = request.flat(surface)
    loss_and_gradient = full_batch_loss(flat)
    settings = choose_settings(flat, loss_and_gradient, request)
    chains = HamiltonianChains(flat, loss_and_gradient, settings, request.seed, request.max_seconds)
    chains.observe = partial(request.observe, flat)
    chains.resume(request.store)
    chains.run(request.progress)
    top_first = sorted(chains.drawn.values(), key=lambda part: -part.inverse_temperature)
    initial_loss = float(loss_and_gradient(flat.start[None])[0])
    n, dim = surface.rows.n, surface.n_parameters
    found = summarise(top_first, chains.settings, initial_loss, n, dim)
    if not chains.is_late:
        return found
    warn_of([late := out_of_time(found, chains.clock)])
    return replace(found, flags=(*found.flags, late))


def out_of_time(found: LLCEstimate, clock: Clock) -> Flag:
    """Return what is said of chains that stopped for want of time."""
    text = (
        f"The chains stopped for want of time, after {found.settings.n_draws} draws at the highest "
        f"inverse temperature: {clock.spent:.3g} s of max_seconds={clock.limit:g}."
    )
    return Flag(FlagCode.TIME_LIMIT, text)


class HamiltonianChains:
    """Chains on their way through the stages."""

    def __init__(
        self,
        flat: FlatLoss,
        loss_and_gradient: LossAndGradient,
        settings: HamiltonianSettings,
        seed: int,
        max_seconds: float = math.inf,
    ) -> None:
        self.flat, self.start, self.settings, self.seed = flat, flat.start, settings, seed
        self.loss_and_gradient = loss_and_gradient
        self.generator = torch.Generator(self.start.device).manual_seed(seed)
        self.initial = self._at_start(1)
        self.state = self._at_start(settings.n_chains - settings.n_cold)
        self.stages = stages_of(settings.inverse_temperatures)
        scale = math.sqrt(settings.inverse_temperatures[0] / self.stages[0].inverse_temperature)
        self.step_size = settings.step_size or 0.5 * scale * settings.first_step_size
        self.jitter = 0.0
        self.drawn: dict[float, DrawsOfChains] = {}
        self.observe: Callable[[int, Tensor], None] = lambda draw, positions: None
        self.done = 0
        self.here: Progress | None = None
        self.saved = Saved(Store(None, "chains", {}))
        self.clock, self.is_late = Clock(max_seconds), False
        self.longest, self.n_leapfrogs = float(LONGEST_TRAJECTORY), 0

    def run(self, progress: bool) -> None:
        """Go through the stages that are left."""
        bar = tqdm(self.stages, disable=not progress, desc="inverse temperatures")
        try:
            for number, stage in enumerate(bar):
                if number < self.done:
                    continue
                self._warm_up(stage)
                bar.set_postfix_str(f"at most {self._expected(stage):.2g} s in all")
                if stage.draws:
                    self._draw(stage)
                self.done, self.here = number + 1, None
                self._keep()
        finally:
            self.saved.write()

    def cool(self) -> None:
        """Go through all stages without a draw."""
        for stage in self.stages:
            self._warm_up(stage)
            self.here = None

    def _warm_up(self, stage: Stage) -> None:
        if self.here is None:
            self.here = self._begin(stage)
        here, own = self.here, self.settings.step_size is not None
        while here.n_warmed < stage.n_warm_up:
            info = self._step(stage.inverse_temperature, self.step_size)
            if here.n_warmed >= stage.n_warm_up // 2:
                late = math.ceil(stage.n_warm_up / 2)
                here.diverged += float(info.diverged.double().mean()) / late
            here.n_warmed += 1
            if not own:
                accepted = self._worst_acceptance(info, stage)
                target = 0.9 if self.jitter else hamiltonian.TARGET_ACCEPTANCE
                here.adaptation = hamiltonian.adapt(here.adaptation, accepted, target)
                last = here.n_warmed == stage.n_warm_up
                self.step_size = here.adaptation.average if last else here.adaptation.step_size
            self._keep()
        if here.diverged > MOST_DIVERGENCES * (1 if stage.draws else 5):
            self.jitter = LONGEST_JITTER

    def _begin(self, stage: Stage) -> Progress:
        """Let the cold chains join, where they do; return the progress of a stage that begins."""
        if stage.join:
            cold = self._at_start(self.settings.n_cold)
            pairs = zip(cold, self.state, strict=True)
            self.state = HamiltonianState(*(torch.cat(pair) for pair in pairs))
        if self.settings.step_size is not None:
            scale = math.sqrt(self.settings.inverse_temperatures[0] / stage.inverse_temperature)
            self.step_size = self.settings.step_size * scale
        return Progress(hamiltonian.init_adaptation(self.step_size))

    def _draw(self, stage: Stage) -> None:
        here = self.here or self._begin(stage)
        while not self._enough(here.records, stage):
            info = self._step(stage.inverse_temperature, self.step_size)
            if stage.join:
                self.observe(len(here.records), self.state.position)
            here.records.append([value.cpu().numpy() for value in self._record(info, stage)])
            self._keep()
        self.drawn[stage.inverse_temperature] = self._drawn(here.records, stage)

    def _enough(self, records: list[list[np.ndarray]], stage: Stage) -> bool:
        """Return whether to stop drawing, at the end of a block."""
        most = self.settings.n_draws or MOST_DRAWS
        if not records or (len(records) % BLOCK and len(records) < most):
            return False
        drawn = self._drawn(records, stage)
        if not moved(drawn).any():
            raise SamplingError(
                f"Expected chains that move, got none that accepted a step in {len(records)} "
                f"trajectories at n beta {stage.inverse_temperature:.4g} and step size "
                f"{self.step_size:.3g}."
            )
        mean = mean_of(drawn)
        precise = self.settings.n_draws is None and mean.error <= WANTED_ERROR * abs(mean.value)
        if precise or len(records) >= most:
            return True
        after_next = len(records) + BLOCK  # as many draws are left to each of the later stages
        in_time = self._expected(stage, BLOCK, after_next) <= self.clock.limit
        self.is_late |= not in_time
        return not in_time

    def _expected(self, stage: Stage, here: int = MOST_DRAWS, later: int = MOST_DRAWS) -> float:
        """Return the seconds of the whole run, with so many more draws in this and later stages."""
        to_come = self.stages[self.stages.index(stage) + 1 :]
        left = trajectories(to_come, later) + here * stage.draws
        pace = self.clock.spent / max(self.n_leapfrogs, 1)
        return self.clock.spent + left * mean_length(self.longest) * pace

    def _drawn(self, records: list[list[np.ndarray]], stage: Stage) -> DrawsOfChains:
        return DrawsOfChains(stage.inverse_temperature, self.step_size, *columns_of(records))

    def _record(self, info: hamiltonian.HamiltonianInfo, stage: Stage) -> tuple[Tensor, ...]:
        """Return excess loss, virials and pulls of every chain, and means of what happened."""
        gamma, dim = self.settings.localization, len(self.start)
        away = self.state.position - self.start
        force = stage.inverse_temperature * self.state.gradient + gamma * away
        virial, square = (away * force).sum(1).double(), away.square().sum(1).double()
        steep_virial, steep_square, n_steep = virial, square, dim
        if self.steep is not None:
            steep_away, steep_force = away @ self.steep, force @ self.steep
            steep_virial = (steep_away * steep_force).sum(1).double()
            steep_square = steep_away.square().sum(1).double()
            n_steep = self.steep.shape[1]
        return (
            self.state.loss - self.initial.loss,
            steep_virial - n_steep,
            virial - steep_virial - (dim - n_steep),
            gamma * steep_square / max(n_steep, 1),
            gamma * square / dim,
            info.acceptance.double().mean(),
            info.diverged.double().mean(),
        )

    @cached_property
    def steep(self) -> Tensor | None:
        """A basis of the directions in which the loss is steep, (d, k), None for all of them."""
        top, gamma = self.settings.inverse_temperatures[0], self.settings.localization
        return steep_directions(self.flat, self.loss_and_gradient, top, gamma)

    def _step(self, inverse_temperature: float, step_size: float) -> hamiltonian.HamiltonianInfo:
        gamma = self.settings.localization
        self.longest = self._longest_trajectory(step_size)
        uniform = torch.rand(
            len(self.state.loss) + 1, 1, generator=self.generator, device=self.start.device
        ).to(self.start)
        n_leapfrogs = round(self.longest ** float(uniform[0]))
        self.state, info = hamiltonian.step(
            self.state,
            self.loss_and_gradient,
            GibbsPosterior(inverse_temperature, gamma, self.start),
            step_size * torch.exp2(-self.jitter * uniform[1:]),
            n_leapfrogs,
            self.generator,
        )
        self.n_leapfrogs += n_leapfrogs
        if self.jitter:  # a long step that diverges is a rejection; a short one resolves too little
            info = info._replace(diverged=info.diverged & (uniform[1:, 0] > SHORT))
        return info

    def _longest_trajectory(self, step_size: float) -> float:
        """Return how many leapfrogs cross the neighbourhood, few where no direction is flat."""
        across = math.pi / 2 / (step_size * math.sqrt(max(self.settings.localization, 1e-12)))
        return min(max(across, 8.0), LONGEST_TRAJECTORY if self.flats else LONGEST_WITHOUT_FLATS)

    @property
    def flats(self) -> bool:
        """Whether directions are flat: the chains are far from w* for the pull."""
        away = self.state.position - self.start
        return self.settings.localization * float(away.square().mean()) > SMALLEST_PULL

    def _worst_acceptance(self, info: hamiltonian.HamiltonianInfo, stage: Stage) -> float:
        """Return the mean chance of acceptance, of the start where it is lower."""
        cold = self.settings.n_cold if stage.join else 0
        parts = [info.acceptance[:cold], info.acceptance[cold:]]
        return min(float(part.mean()) for part in parts if len(part))

    def _at_start(self, n_chains: int) -> HamiltonianState:
        return hamiltonian.init(self.start.repeat(n_chains, 1), self.loss_and_gradient)

    def resume(self, store: Store) -> None:
        """Go on from where a store left off, and keep the chains in it every now and then."""
        self.saved = Saved(store)
        content = self.saved.content
        if "state" not in content:
            return
        self.settings = HamiltonianSettings(**content["settings"])
        self.stages = stages_of(self.settings.inverse_temperatures)
        self.clock.before, self.is_late = content["seconds"], content["is_late"]
        self.n_leapfrogs = content["n_leapfrogs"]
        self.done, self.step_size = content["done"], content["step_size"]
        self.jitter = content["jitter"]
        self.state = HamiltonianState(*(part.to(self.start.device) for part in content["state"]))
        self.here = progress_from(content["here"])
        if content["device"] == self.start.device.type:
            self.generator.set_state(content["generator"])
        else:  # which has other generators
            self.generator.manual_seed(content["seed"] + content["done"])
        for part in content["drawn"]:
            values: dict[str, Any] = {
                k: v.numpy() if isinstance(v, Tensor) else v for k, v in part.items()
            }
            self.drawn[part["inverse_temperature"]] = DrawsOfChains(**values)

    def _keep(self) -> None:
        """Note where the chains stand, after a trajectory or a stage."""
        self.saved.note(
            {
                "seed": self.seed,
                "settings": asdict(self.settings),
                "done": self.done,
                "here": None if self.here is None else content_of(self.here),
                "step_size": self.step_size,
                "jitter": self.jitter,
                "state": tuple(self.state),
                "generator": self.generator.get_state(),
                "device": self.start.device.type,
                "seconds": self.clock.spent,
                "n_leapfrogs": self.n_leapfrogs,
                "is_late": self.is_late,
                "drawn": [vars(part) for part in self.drawn.values()],
            }
        )
