"""Langevin chains on batches, and the estimate of the local learning coefficient from them."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from sklearn_learnability.exceptions import SamplingError
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._posterior import GibbsPosterior
from sklearn_learnability.torch.learning_coefficient.langevin._chain_store import ChainStore
from sklearn_learnability.torch.learning_coefficient.langevin._choice import (
    choose,
    excess_and_gradients,
    second_excess,
)
from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import (
    Neighbourhood,
    look_around,
)
from sklearn_learnability.torch.learning_coefficient.langevin._request import LangevinRequest
from sklearn_learnability.torch.learning_coefficient.langevin._samplers import (
    SAMPLERS,
    LangevinState,
)
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    ChainSettings,
    first_settings,
    local_limit,
    rows_probed,
)
from sklearn_learnability.torch.learning_coefficient.langevin._summary import estimate_from_chains
from sklearn_learnability.torch.learning_coefficient.langevin._traces import (
    STEPS_BETWEEN_SECONDS,
    ChainTraces,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss


def langevin_estimate(surface: EmpiricalLoss, request: LangevinRequest) -> LLCEstimate:
    """Return the estimate from Langevin chains started at w*."""
    flat = request.flat(surface)
    saved = ChainStore(request.store, request.seed)
    settings, around = prepare(flat, request, saved)
    traces = run_chains(flat, settings, around, request, saved)
    return estimate_from_chains(traces, settings, around, surface, request.chance_loss)


def langevin_settings(surface: EmpiricalLoss, request: LangevinRequest) -> ChainSettings:
    """Return the settings that the chains would run with."""
    flat = request.flat(surface)
    return prepare(flat, request, ChainStore(request.store, request.seed))[0]


def prepare(
    flat: FlatLoss, request: LangevinRequest, saved: ChainStore
) -> tuple[ChainSettings, Neighbourhood]:
    """Return the settings and what is known of w*, before the chains."""
    stored = saved.read_prepared(flat.start)
    if stored is not None:
        return stored
    generator = torch.Generator().manual_seed(request.seed)
    settings = first_settings(flat, request)
    around = look_around(flat, settings.batch_size, rows_probed(settings), generator)
    if request.automatic and not math.isfinite(around.curvature):
        raise SamplingError(
            "Expected finite gradients of the loss close to w*, got a curvature of "
            f"{around.curvature}. Give step_size, localization and inverse_temperature, or move w* "
            "away from where the loss is not defined."
        )
    limit = local_limit(request.chance_loss)
    settings, around = choose(flat, settings, around, limit, request.automatic, generator)
    saved.write_prepared(settings, around)
    return settings, around


def run_chains(
    flat: FlatLoss,
    settings: ChainSettings,
    around: Neighbourhood,
    request: LangevinRequest,
    saved: ChainStore,
) -> ChainTraces:
    """Return what is noted of every chain at every step, NaN from where a chain stopped."""
    sampler = SAMPLERS[settings.sampler]
    device = flat.start.device
    posterior = GibbsPosterior(settings.inverse_temperature, settings.localization, flat.start)
    seeds = np.random.SeedSequence(request.seed).generate_state(settings.n_steps + 1, np.uint64)
    traces = ChainTraces.empty(settings.n_chains, settings.n_steps)
    state, done = saved.read_chains(traces, flat.start)
    if state is None:
        first = seeded(seeds[-1], device)
        state = sampler.init(flat.start.repeat(settings.n_chains, 1), first)
    lost = np.isnan(traces.excess[:, max(done - 1, 0)]) & (done > 0)
    bar = tqdm(total=settings.n_steps, initial=done, disable=not request.progress, desc="chains")
    try:
        while done < settings.n_steps:
            rows = seeded(seeds[done])
            values, gradients = excess_and_gradients(flat, state.position, settings, around, rows)
            excess = values.cpu().numpy()
            lost |= ~np.isfinite(excess)
            traces.excess[:, done] = np.where(lost, np.nan, excess)
            if lost.all():
                raise SamplingError(
                    f"Expected a finite loss along the chains, got none finite at step {done} in "
                    f"any of {settings.n_chains}. Lower step_size={settings.step_size:.3g}."
                )
            note(traces, done, flat, state.position, settings, around, seeds[done])
            noise = rows if device.type == "cpu" else seeded(seeds[done], device)
            if done >= settings.n_discarded:
                request.observe(flat, done - settings.n_discarded, state.position)
            moved, _ = sampler.step(state, gradients, posterior, settings.step_size, noise)
            moved = hold(moved, lost, flat.start)
            state, done = moved, done + 1  # in one, so that no interrupt finds half of it
            bar.update()
            saved.write_chains(state, traces, done)
    finally:
        bar.close()
        saved.write_chains(state, traces, done, now=True)
    return traces


def note(
    traces: ChainTraces,
    done: int,
    flat: FlatLoss,
    positions: Tensor,
    settings: ChainSettings,
    around: Neighbourhood,
    seed: np.uint64,
) -> None:
    """Note how far the chains are, and now and then their loss on a second batch."""
    traces.distance[:, done] = (positions - flat.start).square().sum(1).double().cpu().numpy()
    if settings.batch_size >= flat.surface.rows.n:
        traces.second[:, done] = traces.excess[:, done]
    elif done >= settings.n_discarded and done % STEPS_BETWEEN_SECONDS == 0:
        other = seeded(seed ^ np.uint64(1))
        traces.second[:, done] = second_excess(flat, positions, settings, other).cpu().numpy()


def hold(state: LangevinState, lost: NDArray[np.bool_], start: Tensor) -> LangevinState:
    """Return the state with chains that stopped back at w*, where nothing is infinite."""
    if not lost.any():
        return state
    gone = torch.from_numpy(lost).to(start.device)[:, None]
    memory = state.memory
    return LangevinState(
        torch.where(gone, start, state.position),
        torch.where(gone, torch.zeros_like(memory), memory) if memory.numel() else memory,
    )


def seeded(seed: np.uint64, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator."""
    return torch.Generator(device).manual_seed(int(seed))
