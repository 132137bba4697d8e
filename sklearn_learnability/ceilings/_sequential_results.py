"""What a sequence of losses says: its trajectory, and the two parts of its code."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Integers, Units
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import Estimate, mean_estimate

#: Blocks of neighbouring steps that an interval counts, over all steps and within one window.
N_BLOCKS, BLOCKS_OF_WINDOW = 20, 10
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class SequentialTrajectory(Result):
    """Learnability over time, in windows of neighbouring steps.

    Attributes
    ----------
    step : ndarray of shape (n_points,)
        Middle of each window, as a number of steps.
    learnability, lower, upper : ndarray of shape (n_points,)
        Share of the marginal loss that the forecasters explain in the window, and its 95 % interval
        by ten blocks of neighbouring steps. Each interval is for its own window: all of them
        together hold less often.
    loss, marginal_loss : ndarray of shape (n_points,)
        Mean losses in the window, in `units`.
    width : int
        Steps of a window.
    units : {"bits", "nats"}
        Unit of the losses.
    """

    step: Integers
    learnability: Floats
    lower: Floats
    upper: Floats
    loss: Floats
    marginal_loss: Floats
    width: int
    units: Units

    def to_frame(self) -> pd.DataFrame:
        """Return a row a window."""
        names = ("step", "learnability", "lower", "upper", "loss", "marginal_loss")
        return pd.DataFrame({name: getattr(self, name) for name in names})


@dataclass(frozen=True, eq=False)
class SequenceCodeLength(Result):
    """Prequential code length of a sequence, and the two parts it falls into.

    Attributes
    ----------
    total : float
        What it takes to tell all labels, each by the forecast before it: the summed losses.
    irreducible : float
        Steps times the entropy rate: what is left when nothing is to be learned any more.
    learned : float
        The rest, the area between the loss curve and its level in the second half: bits of the law
        that forecasters had to be told before they knew it. Above 0 where losses fell.
    marginal : float
        What it takes by frequencies alone.
    n_samples : int
        Number of steps.
    units : {"bits", "nats"}
        Unit of the lengths.
    """

    total: float
    irreducible: float
    learned: float
    marginal: float
    n_samples: int
    units: Units

    def to_frame(self) -> pd.DataFrame:
        """Return the lengths as a table of one row."""
        return pd.DataFrame([asdict(self)])


def blocks_of(n_steps: int, n_blocks: int) -> Integers:
    """Return the number of the block that each of so many steps is in."""
    return np.arange(n_steps) * min(n_blocks, n_steps) // n_steps


def explained(surprisal: Floats, loss: Floats, units: Units, n_blocks: int) -> Estimate:
    """Return the explained share of the marginal loss with an interval by blocks of steps."""
    groups = blocks_of(len(loss), n_blocks)
    return information_estimate(surprisal, loss, units=units, groups=groups, confidence=CONFIDENCE)


def entropy_rate_of(loss: Floats) -> Estimate:
    """Return the mean loss of the second half with its interval by blocks of steps."""
    half = loss[len(loss) // 2 :]
    return mean_estimate(half, groups=blocks_of(len(half), N_BLOCKS), confidence=CONFIDENCE)


def code_length_of(
    loss: Floats, surprisal: Floats, rate: float, units: Units
) -> SequenceCodeLength:
    """Return the code length of losses and its parts at an entropy rate."""
    total, irreducible = float(loss.sum()), rate * len(loss)
    return SequenceCodeLength(
        total, irreducible, total - irreducible, float(surprisal.sum()), len(loss), units
    )


def trajectory_of(
    loss: Floats, surprisal: Floats, width: int, n_points: int, units: Units
) -> SequentialTrajectory:
    """Return the learnability in windows whose middles are spread over the steps."""
    starts = np.unique(np.linspace(0, len(loss) - width, n_points).round().astype(int))
    windows = [slice(start, start + width) for start in starts]
    found = [explained(surprisal[w], loss[w], units, BLOCKS_OF_WINDOW) for w in windows]
    return SequentialTrajectory(
        step=starts + width // 2,
        learnability=np.array([one.value for one in found]),
        lower=np.array([one.lower for one in found]),
        upper=np.array([one.upper for one in found]),
        loss=np.array([loss[w].mean() for w in windows]),
        marginal_loss=np.array([surprisal[w].mean() for w in windows]),
        width=width,
        units=units,
    )
