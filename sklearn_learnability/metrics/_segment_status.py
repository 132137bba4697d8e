"""What is found in one segment, the tests behind it, and the verdict."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control
from scipy.stats import t as student_t

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, warn
from sklearn_learnability.exceptions import SmallSegmentWarning
from sklearn_learnability.metrics._efficiency import Efficiency
from sklearn_learnability.metrics._resampling import (
    Estimate,
    covariance_of_units,
    degrees_of_freedom,
    unit_deviations,
)

Status = Literal[
    "leaves information",
    "loses bits",
    "nothing to learn",
    "at its ceiling",
    "ceiling too low",
    "undecided",
    "one class",
    "too few rows",
]

#: A mean excess loss below this many nats is rounding, such as that of float32 probabilities.
SMALLEST_EXCESS = 1e-6


@dataclass(frozen=True, eq=False)
class SegmentAssessment(Result):
    """What can be learned in one segment, and what the model makes of it.

    Attributes
    ----------
    segment : str
        Name of the segment.
    n_samples : int
        Number of rows with positive weight.
    share : float
        Share of the weight of all rows.
    label_entropy : float
        H(Y) of the rows of the segment.
    efficiency : Efficiency
        Efficiency in the segment, with its information score and its learnability.
    excess_loss : Estimate
        Mean loss of the model less that of the ceiling.
    p_excess_loss, p_learnability : float
        Two-sided p-values of an excess loss of 0 and of a learnability of 0; NaN if untested.
    adjusted_p_excess_loss, adjusted_p_learnability : float
        The same, adjusted for the number of segments.
    status : str
        The verdict, see :func:`information_by_segment`.
    """

    segment: str
    n_samples: int
    share: float
    label_entropy: float
    efficiency: Efficiency
    excess_loss: Estimate
    p_excess_loss: float
    p_learnability: float
    adjusted_p_excess_loss: float
    adjusted_p_learnability: float
    status: Status

    def to_frame(self) -> pd.DataFrame:
        """Return the assessment as a table of one row."""
        row: dict[str, object] = {
            "segment": self.segment,
            "n_samples": self.n_samples,
            "share": self.share,
            "label_entropy": self.label_entropy,
        }
        estimates: dict[str, Estimate | Efficiency] = {
            "information_score": self.efficiency.information_score,
            "learnability": self.efficiency.learnability,
            "efficiency": self.efficiency,
            "excess_loss": self.excess_loss,
        }
        for name, part in estimates.items():
            row |= {name: part.value, f"{name}_lower": part.lower, f"{name}_upper": part.upper}
        tests = asdict(self)
        row |= {name: tests[name] for name in tests if "p_" in name}
        return pd.DataFrame([row | {"status": self.status}])


def p_value_of_zero(
    values: Floats,
    weight: Floats,
    groups: ArrayLike | None,
    rounding: float,
    unseen_variance: float = 0.0,
) -> float:
    """Return the two-sided p-value of a mean of 0; a mean as small as rounding is 0.

    Student's test with the degrees of freedom that the spread has, as for the intervals: where a
    few rows of a rare class carry it, the number of rows would promise too much.
    """
    (mean,), deviation = unit_deviations(values[:, None], weight, groups)
    if abs(mean) <= rounding:
        return 1.0
    error = np.sqrt(covariance_of_units(deviation)[0, 0] + unseen_variance)
    with np.errstate(divide="ignore"):
        distance = np.divide(abs(mean), error)
    return float(2 * student_t.sf(distance, degrees_of_freedom(deviation[:, 0])))


def adjust(parts: list[SegmentAssessment]) -> list[SegmentAssessment]:
    """Return the segments with p-values adjusted over those that were tested."""
    tested = [part for part in parts if part.status != "too few rows"]
    if not tested:
        return parts
    excess = iter(false_discovery_control([part.p_excess_loss for part in tested]))
    ceiling = iter(false_discovery_control([part.p_learnability for part in tested]))
    return [
        part
        if part.status == "too few rows"
        else replace(
            part,
            adjusted_p_excess_loss=float(next(excess)),
            adjusted_p_learnability=float(next(ceiling)),
        )
        for part in parts
    ]


def judge(part: SegmentAssessment, negligible: float) -> SegmentAssessment:
    """Return a segment with its status."""
    if part.status == "too few rows":
        return part
    level = 1 - part.excess_loss.confidence
    ceiling, model = part.efficiency.learnability, part.efficiency.information_score
    told_from_zero = part.adjusted_p_learnability <= level
    learnable = told_from_zero and ceiling.value > 0
    differs = part.adjusted_p_excess_loss <= level
    near_zero = -negligible < ceiling.lower and max(ceiling.upper, model.upper) < negligible
    is_near = not part.efficiency.reason and part.efficiency.lower > 1 - negligible
    status: Status = "undecided"
    if part.label_entropy == 0:
        status = "one class"
    elif differs and part.excess_loss.value > 0:
        status = "leaves information" if learnable else "loses bits"
    elif near_zero and not learnable:
        status = "nothing to learn"
    elif differs or (told_from_zero and not learnable):
        status = "ceiling too low"
    elif (learnable and same_losses(part.excess_loss)) or is_near:
        status = "at its ceiling"
    return replace(part, status=status)


def same_losses(excess_loss: Estimate) -> bool:
    """Return whether a model's losses are the ceiling's, but for rounding; then no doubt is left.

    The interval of the efficiency counts what rows do not show of the ceiling and of the model as
    if they were two.
    """
    return max(abs(excess_loss.lower), abs(excess_loss.upper)) <= SMALLEST_EXCESS


def warn_small_segments(parts: list[SegmentAssessment], min_samples: int) -> None:
    """Warn of segments that are too small to be tested."""
    small = [part for part in parts if part.status == "too few rows"]
    if small:
        warn(
            f"{len(small)} of {len(parts)} segments, with {sum(part.share for part in small):.1%} "
            f"of the weight, have fewer than min_samples={min_samples} rows or groups and are not "
            f"tested; the first is {small[0].segment!r}. Merge rare categories, and cut continuous "
            "features into bins with pandas.cut.",
            SmallSegmentWarning,
        )
