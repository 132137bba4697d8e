"""The inverse temperatures that Hamiltonian chains pass, and how many gradients that takes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HALVINGS = 12  # of the inverse temperature, to the hot posterior
WARM_UP = {"hot": 16, "cool": 4, "rest": 12, "join": 30}  # trajectories
BLOCK, MOST_DRAWS = 20, 160
LONGEST_TRAJECTORY, LONGEST_WITHOUT_FLATS = 128, 32  # leapfrogs


@dataclass(frozen=True)
class Stage:
    """What chains do next: warm up for some trajectories, then perhaps draw."""

    inverse_temperature: float
    n_warm_up: int
    draws: bool = False
    join: bool = False


def stages_of(inverse_temperatures: Sequence[float]) -> list[Stage]:
    """Return how the inverse temperature rises from a hot posterior to the highest, the first."""
    top = inverse_temperatures[0]
    ladder = [top / 2**k for k in range(HALVINGS, -1, -1)]
    stages = []
    for t in sorted({*ladder, *inverse_temperatures}):
        if t in inverse_temperatures:
            n_warm_up = WARM_UP["join"] if t == top else WARM_UP["rest"]
            stages.append(Stage(t, n_warm_up, draws=True, join=t == top))
        else:
            stages.append(Stage(t, WARM_UP["cool"] if stages else WARM_UP["hot"]))
    return stages


def trajectories(stages: Iterable[Stage], n_draws: int) -> int:
    """Return the number of trajectories of stages, with so many draws of each that draws."""
    return sum(stage.n_warm_up + n_draws * stage.draws for stage in stages)


def mean_length(longest: float) -> float:
    """Return the mean number of leapfrogs of a trajectory: their logarithm is uniform."""
    return (longest - 1) / math.log(longest)


def expected_gradients(
    inverse_temperatures: Sequence[float], n_draws: int | None, flats: bool
) -> float:
    """Return how many gradients of all chains a run takes, with flat directions or without.

    With them, trajectories are long and draws are as many as they may be; without, a block of draws
    has the precision that is wanted.
    """
    draws = n_draws or (MOST_DRAWS if flats else BLOCK)
    longest = LONGEST_TRAJECTORY if flats else LONGEST_WITHOUT_FLATS
    return trajectories(stages_of(inverse_temperatures), draws) * mean_length(longest)
