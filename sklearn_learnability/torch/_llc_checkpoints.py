"""The local learning coefficient over training, at one setting."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sklearn_learnability.torch._langevin_settings import ChainSettings
from sklearn_learnability.torch._llc_estimate import LLCEstimate
from sklearn_learnability.torch._trajectory import load_or_skip


@dataclass(frozen=True)
class LLCTrajectory:
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
        table = pd.concat([found.to_frame() for found in self.estimates], ignore_index=True)
        table.insert(0, "checkpoint", list(self.names))
        return table


def whole_checkpoints(
    named: Mapping[str, Any], load: Callable[[Any], Any] | None, skipped: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    """Yield the name and model of every whole checkpoint; note the others with a warning."""
    for name, source in named.items():
        if name in skipped:
            continue
        loaded = load_or_skip(name, source, load, skipped)
        if loaded is None:
            continue
        model = loaded[0]
        del loaded
        yield name, model
        del model  # or two models would be held while the next is loaded


def first_middle_last(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return up to three checkpoints, spread over training."""
    names = list(named)
    chosen = dict.fromkeys((names[0], names[len(names) // 2], names[-1])) if names else {}
    return {name: named[name] for name in chosen}


def strongest(chosen: Sequence[ChainSettings]) -> dict[str, float]:
    """Return the highest temperature, and with it the strongest localization."""
    if not chosen:
        return {}
    temperature = max(settings.temperature for settings in chosen)
    pulls = [s.localization * temperature / s.temperature for s in chosen]
    return {"temperature": temperature, "localization": max(pulls)}


def file_name(name: str) -> str:
    """Return a name fit for a file."""
    return name.replace(os.sep, "_")
