"""What sampled positions contribute to the errors of estimates, of their means and ratios."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.soft_information._quadratic_information import jackknife

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Interval(NamedTuple):
    """A standard error over sequences, and the ends of the 95 % interval."""

    error: float
    lower: float
    upper: float


class Influences(NamedTuple):
    """Shares (R,) of sampled positions in what leaving their sequence out changes.

    Shares of a mean are the means of the shares, whatever the estimates have in common.
    """

    information: Floats  # in units of ln(n_points)
    quadratic: Floats
    sequence: Ints
    n: float  # positions
    n_sequences: int

    @classmethod
    def of_mean(cls, influences: Sequence["Influences"]) -> "Influences":
        """Return the influences on the means of estimates over the same positions."""
        return influences[0]._replace(
            information=np.mean([one.information for one in influences], axis=0),
            quadratic=np.mean([one.quadratic for one in influences], axis=0),
        )

    def interval(self, name: str, value: float) -> Interval:
        """Return the interval of a value: of the information, or the quadratic information."""
        error, quantile = jackknife(getattr(self, name), self.sequence, self.n, self.n_sequences)
        return Interval(error, value - quantile * error, value + quantile * error)

    def ratio_interval(
        self, name: str, value: float, below: "Influences", value_below: float
    ) -> Interval:
        """Return the interval of the ratio of this value to another's, by the delta method.

        It is undefined where the other's interval reaches 0.
        """
        if not below.interval(name, value_below).lower > 0:
            return Interval(math.nan, math.nan, math.nan)
        ratio = value / value_below
        shares = (getattr(self, name) - ratio * getattr(below, name)) / value_below
        return self._replace(**{name: shares}).interval(name, ratio)
