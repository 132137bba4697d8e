"""Hamiltonian chains on all rows, and the estimate of the local learning coefficient from them.

For small models with their data in memory. A quarter of the chains start at w*, the others in a
hot posterior that is cooled down by and by; where both agree, they have converged.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sklearn_learnability.exceptions import SamplingError
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
    MOST_DRAWS,
    Stage,
    stages_of,
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
LONGEST_TRAJECTORY, LONGEST_WITHOUT_FLATS = 128, 32  # leapfrogs
SMALLEST_PULL = 0.02  # share of the localization in the energy, with flat directions
MOST_DIVERGENCES = 0.01  # of a warm-up, before step sizes are varied
LONGEST_JITTER = 4.0  # halvings of the step size


def hamiltonian_estimate(surface: EmpiricalLoss, request: ChainRequest) -> LLCEstimate:
    """Return the estimate from Hamiltonian chains with a Metropolis test."""
    flat = FlatLoss(surface)
    loss_and_gradient = full_batch_loss(flat)
    settings = choose_settings(flat, loss_and_gradient, request)
    chains = HamiltonianChains(flat, loss_and_gradient, settings, request.seed)
    chains.resume(request.store)
    chains.run(request.progress)
    top_first = sorted(chains.drawn.values(), key=lambda part: -part.inverse_temperature)
    initial_loss = float(loss_and_gradient(flat.start[None])[0])
    return summarise(top_first, chains.settings, initial_loss, surface.rows.n, surface.n_parameters)


class HamiltonianChains:
    """Chains on their way through the stages."""

    def __init__(
        self,
        flat: FlatLoss,
        loss_and_gradient: LossAndGradient,
        settings: HamiltonianSettings,
        seed: int,
    ) -> None:
        self.start, self.settings, self.seed = flat.start, settings, seed
        self.loss_and_gradient = loss_and_gradient
        self.generator = torch.Generator(self.start.device).manual_seed(seed)
        self.initial = self._at_start(1)
        self.state = self._at_start(settings.n_chains - settings.n_cold)
        scale = math.sqrt(
            settings.inverse_temperatures[0] / stages_of(settings)[0].inverse_temperature
        )
        self.step_size = settings.step_size or 0.5 * scale * settings.first_step_size
        self.jitter = 0.0
        self.drawn: dict[float, DrawsOfChains] = {}
        self.done = 0
        self.here: Progress | None = None
        self.saved = Saved(Store(None, "chains", {}))

    def run(self, progress: bool) -> None:
        """Go through the stages that are left."""
        stages = stages_of(self.settings)
        bar = tqdm(stages, disable=not progress, desc="inverse temperatures")
        try:
            for number, stage in enumerate(bar):
                if number < self.done:
                    continue
                self._warm_up(stage)
                if stage.draws:
                    self._draw(stage)
                self.done, self.here = number + 1, None
                self._keep()
        finally:
            self.saved.write()

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
        return precise or len(records) >= most

    def _drawn(self, records: list[list[np.ndarray]], stage: Stage) -> DrawsOfChains:
        return DrawsOfChains(stage.inverse_temperature, self.step_size, *columns_of(records))

    def _record(self, info: hamiltonian.HamiltonianInfo, stage: Stage) -> tuple[Tensor, ...]:
        """Return excess loss, virial and pull of every chain, and means of what happened."""
        away = self.state.position - self.start
        pull = self.settings.localization * away.square().sum(1).double()
        push = stage.inverse_temperature * (away * self.state.gradient).sum(1).double()
        excess = self.state.loss - self.initial.loss
        means = (info.acceptance.double().mean(), info.diverged.double().mean())
        return excess, push + pull - len(self.start), pull / len(self.start), *means

    def _step(self, inverse_temperature: float, step_size: float) -> hamiltonian.HamiltonianInfo:
        gamma = self.settings.localization
        longest = self._longest_trajectory(step_size)
        uniform = torch.rand(
            len(self.state.loss) + 1, 1, generator=self.generator, device=self.start.device
        ).to(self.start)
        self.state, info = hamiltonian.step(
            self.state,
            self.loss_and_gradient,
            GibbsPosterior(inverse_temperature, gamma, self.start),
            step_size * torch.exp2(-self.jitter * uniform[1:]),
            round(longest ** float(uniform[0])),
            self.generator,
        )
        return info

    def _longest_trajectory(self, step_size: float) -> float:
        """Return how many leapfrogs cross the neighbourhood, few where no direction is flat."""
        gamma = self.settings.localization
        away = self.state.position - self.start
        flat = gamma * float(away.square().mean()) > SMALLEST_PULL
        across = math.pi / 2 / (step_size * math.sqrt(max(gamma, 1e-12)))
        return min(max(across, 8.0), LONGEST_TRAJECTORY if flat else LONGEST_WITHOUT_FLATS)

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
        if content is None:
            return
        self.settings = HamiltonianSettings(**content["settings"])
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
                "drawn": [vars(part) for part in self.drawn.values()],
            }
        )
