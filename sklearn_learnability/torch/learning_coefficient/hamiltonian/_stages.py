"""The inverse temperatures that Hamiltonian chains pass, and how many trajectories they take."""

from dataclasses import dataclass

from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    HamiltonianSettings,
)

HALVINGS = 12  # of the inverse temperature, to the hot posterior
WARM_UP = {"hot": 16, "cool": 4, "rest": 12, "join": 30}  # trajectories
BLOCK, MOST_DRAWS = 20, 160


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
