"""Verdict: what a bracket of the learnability says of a model."""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Units
from sklearn_learnability.metrics._efficiency_ends import LearnabilityEnds, efficiency_ends
from sklearn_learnability.metrics._resampling import ratio_estimate

Answer = Literal["at the ceiling", "room for a better model", "cannot tell"]


@dataclass(frozen=True, eq=False)
class Verdict(Result):
    """What can be said of a model between the two ends of the learnability.

    Attributes
    ----------
    answer : {"at the ceiling", "room for a better model", "cannot tell"}
        By the rules of :meth:`~sklearn_learnability.Shortfall.verdict`.
    information_score : float
        The model's, on the given rows.
    efficiency_of_upper, efficiency_of_lower : float
        The least and the most that the model extracts, by the upper and the lower end of the
        learnability: each a one-sided 95 % limit, as by
        :func:`sklearn_learnability.metrics.efficiency`. NaN where undefined, as where the lower end
        is 0.
    behind, behind_lower, behind_upper : float
        How far the model's score lies below the ceiling's on the same rows, as a share of H(Y),
        with the 95 % interval.
    largest_room : float
        `behind_upper` plus the largest gap of the ceiling: by how much the truth itself could be
        better at most.
    negligible : float
        Share of H(Y) that counts as too little to look for a better model.
    """

    answer: Answer
    information_score: float
    efficiency_of_upper: float
    efficiency_of_lower: float
    behind: float
    behind_lower: float
    behind_upper: float
    largest_room: float
    negligible: float

    def to_frame(self) -> pd.DataFrame:
        """Return the verdict as a table of one row."""
        return pd.DataFrame([asdict(self)])


def judge(
    surprisal: Floats,
    loss: Floats,
    reference: Floats,
    *,
    ends: LearnabilityEnds,
    units: Units,
    is_sure: bool,
    negligible: float,
    weight: Floats,
    groups: ArrayLike | None,
) -> Verdict:
    """Return the verdict on a model's losses beside those of the ceiling on the same rows."""
    behind = ratio_estimate(loss - reference, surprisal, sample_weight=weight, groups=groups)
    score = float(1 - (weight @ loss) / (weight @ surprisal))
    between = efficiency_ends(
        surprisal, loss, reference, ends, units=units, sample_weight=weight, groups=groups
    )
    room = max(0.0, behind.upper + (ends.largest_gap or 0.0))
    answer: Answer = "cannot tell"
    if behind.lower > negligible:
        answer = "room for a better model"
    elif is_sure and np.isfinite(behind.upper) and room <= negligible:
        answer = "at the ceiling"
    return Verdict(
        answer,
        score,
        between.of_upper,
        between.of_lower,
        behind.value,
        behind.lower,
        behind.upper,
        room,
        negligible,
    )
