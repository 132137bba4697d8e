"""What sampling takes, and how it is done where that is more time than is to be spent."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import SamplingError, TimeLimitWarning
from sklearn_learnability.torch.learning_coefficient._request import ChainRequest
from sklearn_learnability.torch.learning_coefficient.hamiltonian._pilot import (
    Pilot,
    mean_excess,
    pilot,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    automatic_chains,
    choose_inverse_temperatures,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._stages import (
    BLOCK,
    expected_gradients,
)
from sklearn_learnability.torch.learning_coefficient.langevin._request import LangevinRequest
from sklearn_learnability.torch.learning_coefficient.langevin._settings import first_settings
from sklearn_learnability.torch.models._data_rows import some_rows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import full_batch_loss

ROWS_TIMED, CALLS_TIMED = 1024, 4
LONGEST_TIMED = 0.25  # seconds, after which nothing more is timed
ROWS_PER_PARAMETER, FEWEST_ROWS, MORE_ROWS = 5, 100, 4
LARGEST_RISE = 1.5  # of the loss, from few rows to all
SHARE_OF_PILOT = 0.05  # of the limit, with noise in the labels
FEWEST_DRAWS = 120  # on batches: what the largest models get
FEWEST_TOLD = 10.0  # seconds
STEPS_BEFORE = 0.3  # of those of chains on batches, for the choice of their settings


@dataclass(frozen=True)
class Plan:
    """How chains run.

    Attributes
    ----------
    sampler : str
        Name of the sampler.
    n_rows : int
        Rows that Hamiltonian chains take, drawn at random where they are not all.
    seconds : float
        What is expected, at most.
    n_draws : int or None
        Draws of chains on batches where there is no time for as many as are automatic.
    reasons : tuple of str
        What is told of it.
    """

    sampler: str
    n_rows: int
    seconds: float
    n_draws: int | None = None
    reasons: tuple[str, ...] = ()


def strictest(plans: list[Plan]) -> Plan | None:
    """Return one plan for several models: on batches if one is, otherwise with the most rows."""
    if not plans:
        return None
    first = max(plans, key=lambda plan: (plan.sampler != "hamiltonian", plan.n_rows))
    draws = [plan.n_draws for plan in plans if plan.n_draws is not None]
    alike = f"one plan for {len(plans)} checkpoints"
    return Plan(
        first.sampler,
        first.n_rows,
        max(plan.seconds for plan in plans),
        min(draws) if draws and first.sampler != "hamiltonian" else None,
        (*first.reasons, alike) if len(plans) > 1 else first.reasons,
    )


def rows_drawn(n: int, n_rows: int, seed: int) -> torch.Tensor:
    """Return the numbers of some rows, the first of an order that the seed draws."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:n_rows]


@dataclass(frozen=True)
class AllRows:
    """Chains on all rows: their price, and that of fewer rows.

    Attributes
    ----------
    surface : EmpiricalLoss
        The loss of all rows.
    on_rows : callable
        Takes data, and returns the loss of it.
    request : ChainRequest
        What chains are asked for.
    """

    surface: EmpiricalLoss
    on_rows: Callable[[object], EmpiricalLoss]
    request: ChainRequest

    @cached_property
    def gradient(self) -> float:
        """Seconds of a gradient of all chains on all rows."""
        return self.seconds_of_gradient(self.surface.rows.n)

    def plan(self) -> Plan | None:
        """Return how the coefficient is had within the limit; None if it is not."""
        limit, n = self.request.max_seconds, self.surface.rows.n
        least, most = (self.seconds(self.gradient, flats) for flats in (False, True))
        if most <= limit:
            return Plan("hamiltonian", n, most, reasons=told(least, most))
        try:
            found, n_few = self.look(least <= limit)
        except (ValueError, SamplingError):  # some rows of all may be no data at all
            return None
        if found is None:
            return None
        expected = self.seconds(self.gradient, found.flats)
        if expected <= limit:
            return Plan("hamiltonian", n, expected, reasons=told(expected))
        if not found.is_minimum:
            return None
        few = self.seconds(self.seconds_of_gradient(n_few), found.flats)
        reason = (
            f"{n_few} of {n} rows, drawn at random: w* is a minimum of every row, and all of them "
            f"would take about {expected:.2g} s of max_seconds={limit:g}"
        )
        return Plan("hamiltonian", n_few, few, reasons=(reason, *told(few)))

    def plan_all(self) -> Plan:
        """Return chains on all rows, that stop at the limit, with a warning where they cannot."""
        limit, seconds = self.request.max_seconds, self.seconds(self.gradient, True)
        least = self.gradient * expected_gradients(self.temperatures, BLOCK, flats=False)
        if least > limit:
            warn(
                f"The chains are expected to take at least {least:.2g} s, more than "
                f"max_seconds={limit:g}. Take another sampler, or fewer rows or chains.",
                TimeLimitWarning,
            )
        return Plan("hamiltonian", self.surface.rows.n, seconds, reasons=told(seconds))

    def too_dear(self) -> str:
        """Return what is said of chains on all rows that are not had."""
        seconds = self.seconds(self.gradient, True)
        return (
            f"on batches: gradients of all {self.surface.rows.n} rows would take up to "
            f"{seconds:.2g} s of max_seconds={self.request.max_seconds:g}"
        )

    def look(self, is_possible: bool) -> tuple[Pilot | None, int]:
        """Return what chains on few rows meet that stand for all, and how many rows these are.

        `is_possible` says whether chains on all rows may be had.
        """
        limit, n = self.request.max_seconds, self.surface.rows.n
        n_few = max(FEWEST_ROWS, ROWS_PER_PARAMETER * self.surface.n_parameters)
        while 2 * n_few <= n and self.seconds(self.gradient * n_few / n, True) <= limit:
            found = self.pilot(n_few)
            if not found.is_minimum:  # and noise moves chains on few rows further than on many
                share = SHARE_OF_PILOT * limit / self.seconds(self.gradient, False)
                more = min(n, int(share * n))
                found = self.pilot(more) if is_possible and more > n_few else found
                return found._replace(is_minimum=False), n_few
            if self.stand_for_all(found):
                return found, n_few
            n_few *= MORE_ROWS
        return None, n_few

    def pilot(self, n_rows: int) -> Pilot:
        """Return what chains on so many rows meet."""
        return pilot(self.some(n_rows), self.request, self.surface.rows.n)

    def stand_for_all(self, found: Pilot) -> bool:
        """Return whether the loss of all rows is as low as theirs where chains on few rows end.

        It is not where a direction matters to rows that were not drawn. Of a quadratic in d
        parameters it is higher by n_rows / (n_rows - d) in the mean.
        """
        flat = self.request.flat(self.surface)
        of_all = mean_excess(flat, found.positions)
        return of_all <= LARGEST_RISE * found.excess

    def some(self, n_rows: int) -> EmpiricalLoss:
        """Return the loss of some rows."""
        rows = self.surface.rows
        return self.on_rows(some_rows(rows, rows_drawn(rows.n, n_rows, self.request.seed)))

    def seconds(self, gradient: float, flats: bool) -> float:
        """Return what a run takes of which a gradient takes so long."""
        given = self.request.n_draws
        n_draws = None if isinstance(given, str) else int(given)
        return gradient * expected_gradients(self.temperatures, n_draws, flats)

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Inverse temperatures that are sampled, but for a factor."""
        return choose_inverse_temperatures(self.request.inverse_temperature, math.inf)[0]

    def seconds_of_gradient(self, n_rows: int) -> float:
        """Return what a gradient of all chains on so many rows takes, from one of fewer rows."""
        n_timed = min(n_rows, ROWS_TIMED)
        try:
            seconds = self.timed(self.some(n_timed)) * n_rows / n_timed
        except ValueError:  # no row of these has a label
            seconds = 0.0
        if seconds > 0 and (n_timed == n_rows or seconds > LONGEST_TIMED):
            return seconds
        return self.timed(self.surface if n_rows == self.surface.rows.n else self.some(n_rows))

    def timed(self, surface: EmpiricalLoss) -> float:
        """Return the seconds of a gradient of all chains, the shortest of some."""
        given = self.request.n_chains
        n_chains = automatic_chains(surface.n_parameters) if isinstance(given, str) else int(given)
        flat = self.request.flat(surface)
        loss_and_gradient = full_batch_loss(flat)
        positions = flat.start.repeat(n_chains, 1)
        return shortest(lambda: loss_and_gradient(positions))


def plan_on_batches(surface: EmpiricalLoss, request: LangevinRequest) -> Plan:
    """Return how chains on batches run."""
    flat = request.flat(surface)
    settings = first_settings(flat, request)
    batch = flat.batch(torch.arange(settings.batch_size))
    positions = flat.start.repeat(settings.n_chains + 1, 1)
    step = shortest(lambda: flat.values_and_gradients(positions, batch))
    of_draw = step * (1 + STEPS_BEFORE) * settings.n_steps / settings.n_draws
    n, limit, automatic = surface.rows.n, request.max_seconds, isinstance(request.n_draws, str)
    seconds, n_draws, reasons = of_draw * settings.n_draws, None, []
    if seconds > limit and automatic and settings.n_draws > FEWEST_DRAWS:
        n_draws = max(int(limit / of_draw), FEWEST_DRAWS)
        reasons.append(
            f"{n_draws} draws: {settings.n_draws} would take about {seconds:.2g} s of "
            f"max_seconds={limit:g}"
        )
        seconds = of_draw * n_draws
    if seconds > limit:
        warn(
            f"The chains are expected to take about {seconds:.2g} s, more than "
            f"max_seconds={limit:g}. Lower n_draws, n_chains or batch_size.",
            TimeLimitWarning,
        )
    return Plan(request.sampler, n, seconds, n_draws, (*reasons, *told(seconds)))


def shortest(call: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Return the seconds of the shortest of a few calls, fewer where they are long.

    What other processes take shows least in it.
    """
    found: list[float] = []
    while len(found) < CALLS_TIMED and sum(found) < LONGEST_TIMED:
        began = time.perf_counter()
        _, gradients = call()
        float(gradients.sum())  # what an accelerator computes is waited for
        found.append(time.perf_counter() - began)
    return min(found)


def told(*seconds: float) -> tuple[str, ...]:
    """Return what is said of the seconds that are expected, nothing where they are few."""
    if max(seconds) < FEWEST_TOLD:
        return ()
    return (f"expected to take about {' to '.join(f'{s:.2g}' for s in seconds)} s",)
