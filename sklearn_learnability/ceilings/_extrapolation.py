"""A learning curve of losses of the same rows, and the laws that carry it on."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Units
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import Estimate, mean_estimate

#: Exponents of the laws: what is missing falls as n^-1 where the family holds the truth. As slowly
#: as a logarithm, 0, each doubling brings as much as the last.
FASTEST, SLOWEST = 1.0, 0.0
#: A difference of so many standard errors is no noise.
TELLING = 2.0


@dataclass(frozen=True, eq=False)
class Extrapolation(Result):
    """What the ceiling may find in a multiple of the rows.

    Attributes
    ----------
    factor : float
        Multiple of the rows.
    lower, upper : float
        Ends of the learnability that the ceiling would find; NaN where that cannot be told.
    gain_lower, gain_upper : float
        Ends of what it gains over the rows at hand.
    """

    factor: float
    lower: float
    upper: float
    gain_lower: float
    gain_upper: float

    def to_frame(self) -> pd.DataFrame:
        """Return the extrapolation as a table of one row."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True)
class Curve:
    """Losses of the same rows at rising sizes, shares of the training rows."""

    sizes: Floats
    losses: Floats
    surprisal: Floats
    weight: Floats
    groups: ArrayLike | None
    units: Units

    def level(self, loss: Floats, confidence: float = 0.95) -> Estimate:
        """Return the learnability that a loss of each row says."""
        return information_estimate(
            self.surprisal,
            loss,
            units=self.units,
            calibrated=True,
            sample_weight=self.weight,
            groups=self.groups,
            confidence=confidence,
        )

    def difference(self, contrast: Floats, confidence: float = 0.95) -> Estimate:
        """Return a contrast of the sizes' losses, as a share of H(Y)."""
        entropy = np.average(self.surprisal, weights=self.weight)
        return mean_estimate(
            self.losses @ contrast / entropy,
            sample_weight=self.weight,
            groups=self.groups,
            confidence=confidence,
        )

    def why_not_carried_on(self) -> str:
        """Return what no law does, or nothing."""
        half = self.level(self.losses[:, -2], 0.90)
        if np.isnan(half.lower):
            return "a class has too few rows"
        if not half.lower > 0:
            return (
                f"{self.sizes[-2]:.0%} of the rows found nothing, the lower limit is "
                f"{half.lower:.3g}: where a curve begins says nothing of where it ends"
            )
        steps = -np.diff(np.eye(len(self.sizes)), axis=0)  # what each step gained
        last, earlier = (self.difference(step) for step in (steps[-1], steps[-2]))
        if last.value < -TELLING * last.standard_error:
            return f"the last step lowered the score by {-last.value:.3g}, as no more rows do"
        doublings = np.diff(np.log2(self.sizes))
        bend = self.difference(steps[-1] / doublings[-1] - steps[-2] / doublings[-2])
        if bend.value > TELLING * bend.standard_error:
            return (
                f"the last step gained {last.value:.3g}, the one before {earlier.value:.3g}: a "
                "curve that rises faster and faster may bring more than it tells"
            )
        return ""

    def carry_on(self, factor: float) -> Extrapolation:
        """Return what the fastest and the slowest law make of more rows."""
        last = np.eye(len(self.sizes))[-1]
        levels, gains = [self.level(self.losses @ last, 0.90)], []
        for exponent in (FASTEST, SLOWEST):
            at = self.weights_at(factor, exponent)
            levels.append(self.level(self.losses @ at, 0.90))
            gains.append(self.difference(last - at, 0.90))
        return Extrapolation(
            factor,
            # more rows find no less
            lower=max(levels[0].lower, min(part.lower for part in levels[1:])),
            upper=max(part.upper for part in levels),
            gain_lower=max(0.0, min(part.lower for part in gains)),
            gain_upper=max(0.0, *(part.upper for part in gains)),
        )

    def weights_at(self, factor: float, exponent: float) -> Floats:
        """Return the weights of the sizes whose sum is a law's value at a multiple.

        The law goes through the two largest sizes.
        """
        before, last, at = progress(np.array([self.sizes[-2], 1.0, factor]), exponent)
        beyond = (at - last) / (last - before)
        weights = np.zeros(len(self.sizes))
        weights[-2:] = -beyond, 1 + beyond
        return weights


def progress(size: Floats, exponent: float) -> Floats:
    """Return Box and Cox's (1 - n^-c) / c, the logarithm of n for c = 0."""
    return np.log(size) if exponent == 0 else (1 - size**-exponent) / exponent


def limit_extrapolation(found: Extrapolation, shortfall: Shortfall) -> Extrapolation:
    """Return an extrapolation that does not exceed what the truth may be."""
    is_known = shortfall.source != "none" and not shortfall.outside
    most = max(shortfall.upper, shortfall.learnability) if is_known else 1.0
    room = max(most - shortfall.learnability, 0.0)
    lower = min(found.lower, most)
    return Extrapolation(
        found.factor,
        lower=lower,
        upper=min(max(found.upper, lower), most),
        gain_lower=min(found.gain_lower, room),
        gain_upper=min(found.gain_upper, room),
    )
