"""Hamiltonian chains on all rows, and the estimate of the local learning coefficient from them.

For small models with their data in memory. A quarter of the chains start at w*, the others in a
hot posterior that is cooled down by and by; where both agree, they have converged.
"""

import math
from dataclasses import asdict, dataclass
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
from sklearn_learnability.torch.learning_coefficient.hamiltonian._sampler import HamiltonianState
from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    HamiltonianSettings,
    choose_settings,
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

HALVINGS = 12  # of the inverse temperature, to the hot posterior
WARM_UP = {"hot": 16, "cool": 4, "rest": 12, "join": 30}  # trajectories
BLOCK, MOST_DRAWS = 20, 160
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


@dataclass(frozen=True)
class Stage:
    """What chains do next: warm up for some trajectories, then perhaps draw."""

    inverse_temperature: float
    n_warm_up: int
    draws: bool = False
    join: bool = False


def stages_of(settings: HamiltonianSettings) -> list[Stage]:
    """Return how the inverse temperature rises from a hot posterior to the highest asked for."""
    top = settings.inverse_temperatures[0]
    ladder = [top / 2**k for k in range(HALVINGS, -1, -1)]
    stages = []
    for t in sorted({*ladder, *settings.inverse_temperatures}):
        if t in settings.inverse_temperatures:
            n_warm_up = WARM_UP["join"] if t == top else WARM_UP["rest"]
            stages.append(Stage(t, n_warm_up, draws=True, join=t == top))
        else:
            stages.append(Stage(t, WARM_UP["cool"] if stages else WARM_UP["hot"]))
    return stages


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
        self.store = Store(None, "chains", {})

    def run(self, progress: bool) -> None:
        """Go through the stages that are left."""
        stages = stages_of(self.settings)
        bar = tqdm(stages, disable=not progress, desc="inverse temperatures")
        for number, stage in enumerate(bar):
            if number < self.done:
                continue
            self._warm_up(stage)
            if stage.draws:
                self._draw(stage)
            self.done = number + 1
            self._save()

    def _warm_up(self, stage: Stage) -> None:
        if stage.join:
            cold = self._at_start(self.settings.n_cold)
            pairs = zip(cold, self.state, strict=True)
            self.state = HamiltonianState(*(torch.cat(pair) for pair in pairs))
        if self.settings.step_size is not None:
            scale = math.sqrt(self.settings.inverse_temperatures[0] / stage.inverse_temperature)
            self.step_size = self.settings.step_size * scale
        adaptation = hamiltonian.init_adaptation(self.step_size)
        diverged = 0.0
        for number in range(stage.n_warm_up):
            info = self._step(stage.inverse_temperature, self.step_size)
            if number >= stage.n_warm_up // 2:
                diverged += float(info.diverged.double().mean()) / math.ceil(stage.n_warm_up / 2)
            if self.settings.step_size is None:
                accepted = self._worst_acceptance(info, stage)
                target = 0.9 if self.jitter else hamiltonian.TARGET_ACCEPTANCE
                adaptation = hamiltonian.adapt(adaptation, accepted, target)
                self.step_size = adaptation.step_size
        if self.settings.step_size is None:
            self.step_size = adaptation.average
        if diverged > MOST_DIVERGENCES * (1 if stage.draws else 5):
            self.jitter = LONGEST_JITTER

    def _draw(self, stage: Stage) -> None:
        most = self.settings.n_draws or MOST_DRAWS
        records: list[list[np.ndarray]] = []
        while len(records) < most:
            for _ in range(min(BLOCK, most - len(records))):
                info = self._step(stage.inverse_temperature, self.step_size)
                records.append([value.cpu().numpy() for value in self._record(info, stage)])
            columns = [np.stack(column, axis=-1) for column in zip(*records, strict=True)]
            drawn = DrawsOfChains(stage.inverse_temperature, self.step_size, *columns)
            if not moved(drawn).any():
                raise SamplingError(
                    f"Expected chains that move, got none that accepted a step in {len(records)} "
                    f"trajectories at n beta {stage.inverse_temperature:.4g} and step size "
                    f"{self.step_size:.3g}."
                )
            mean = mean_of(drawn)
            if self.settings.n_draws is None and mean.error <= WANTED_ERROR * abs(mean.value):
                break
        self.drawn[stage.inverse_temperature] = drawn

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
        """Go on from where a store left off, and keep the chains in it after every stage."""
        self.store = store
        content = store.read()
        if content is None:
            return
        self.settings = HamiltonianSettings(**content["settings"])
        self.done, self.step_size = content["done"], content["step_size"]
        self.jitter = content["jitter"]
        self.state = HamiltonianState(*(part.to(self.start.device) for part in content["state"]))
        if content["device"] == self.start.device.type:
            self.generator.set_state(content["generator"])
        else:  # which has other generators
            self.generator.manual_seed(content["seed"] + content["done"])
        for part in content["drawn"]:
            values: dict[str, Any] = {
                k: v.numpy() if isinstance(v, Tensor) else v for k, v in part.items()
            }
            self.drawn[part["inverse_temperature"]] = DrawsOfChains(**values)

    def _save(self) -> None:
        self.store.write(
            {
                "seed": self.seed,
                "settings": asdict(self.settings),
                "done": self.done,
                "step_size": self.step_size,
                "jitter": self.jitter,
                "state": tuple(self.state),
                "generator": self.generator.get_state(),
                "device": self.start.device.type,
                "drawn": [vars(part) for part in self.drawn.values()],
            }
        )
