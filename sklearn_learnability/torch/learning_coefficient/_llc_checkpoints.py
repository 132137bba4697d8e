"""The local learning coefficient over training, at one setting."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sklearn_learnability._results import Result, table_of_named
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings


@dataclass(frozen=True, eq=False)
class LLCTrajectory(Result):
    """The local learning coefficient of several checkpoints.

    Attributes
    ----------
    names : tuple of str
        Names of the checkpoints that were measured, in the order given.
    estimates : tuple of LLCEstimate
        The estimate of each.
    skipped : tuple of (str, str)
        Name of each checkpoint that could not be loaded, and why.
    """

    names: tuple[str, ...]
    estimates: tuple[LLCEstimate, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a checkpoint, its name in the first column."""
        return table_of_named("checkpoint", self.names, self.estimates)


def strongest(chosen: Sequence[ChainSettings]) -> dict[str, float]:
    """Return the highest inverse temperature, and with it the strongest localization."""
    if not chosen:
        return {}
    inverse_temperature = max(settings.inverse_temperature for settings in chosen)
    pulls = [s.localization * inverse_temperature / s.inverse_temperature for s in chosen]
    return {"inverse_temperature": inverse_temperature, "localization": max(pulls)}
