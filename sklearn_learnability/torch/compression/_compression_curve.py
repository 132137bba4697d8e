"""The loss of a model against how far it is compressed, and where it crosses a tolerance."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result

Floats = NDArray[np.float64]
Status = Literal["crossed", "never crossed", "crossed at once"]


@dataclass(frozen=True, eq=False)
class CompressionCurve(Result):
    """The loss of a model at several amounts of compression.

    Attributes
    ----------
    quantity : str
        What the amounts are.
    baseline : float
        The loss of the model as it is.
    amounts : ndarray of shape (n_amounts,)
        From the least compressed to the most.
    losses : ndarray of shape (n_amounts,)
        The loss at each; NaN or infinite where the compressed model gave no finite one.
    standard_errors : ndarray of shape (n_amounts,)
        Of the losses, for a scheme that draws; otherwise 0.
    settings : ndarray of shape (n_amounts,)
        What the scheme chose at each by the loss, such as the clamp; NaN if nothing.
    sizes : ndarray of shape (n_amounts,)
        What the compressed model takes, in the scheme's unit; NaN if it has none.
    n_evaluations : int
        How many times the loss was evaluated for all of it.
    """

    quantity: str
    baseline: float
    amounts: Floats
    losses: Floats
    standard_errors: Floats = field(repr=False)
    settings: Floats = field(repr=False)
    sizes: Floats = field(repr=False)
    n_evaluations: int

    @property
    def increases(self) -> Floats:
        """The losses above the baseline; infinite where a loss is not finite."""
        increases = self.losses - self.baseline
        return np.where(np.isfinite(increases), increases, np.inf)

    @property
    def is_logarithmic(self) -> bool:
        """Whether the amounts span so much that they are best seen on a logarithmic axis."""
        return bool((self.amounts > 0).all() and self.amounts.max() > 10 * self.amounts.min())

    @property
    def knee(self) -> float:
        """The tolerance at the knee of the curve, below which compression is almost free.

        The increase at the point farthest below the straight line from the first point to the
        highest [1]_, amounts as on the curve's axis. NaN if no point is below the line.

        References
        ----------
        .. [1] V. Satopaa et al., "Finding a 'Kneedle' in a haystack", ICDCSW 2011.
           https://doi.org/10.1109/ICDCSW.2011.20
        """
        finite = np.isfinite(self.losses)
        x = np.log(self.amounts[finite]) if self.is_logarithmic else self.amounts[finite]
        y = self.increases[finite]
        if len(y) < 3:
            return float("nan")
        last = int(y.argmax())
        if last < 2 or y[last] <= y[0]:
            return float("nan")
        x, y = x[: last + 1], y[: last + 1]
        line = y[0] + (y[-1] - y[0]) * (x - x[0]) / (x[-1] - x[0])
        deepest = int((line - y).argmax())
        return float(y[deepest]) if line[deepest] > y[deepest] else float("nan")

    def critical(self, tolerance: float = 0.5) -> "CriticalAmount":
        """Return where the curve crosses a tolerance for good, from the points at hand.

        Parameters
        ----------
        tolerance : float, default=0.5
            The increase of the loss that is tolerated.
        """
        if not tolerance > 0:
            raise ValueError(f"Expected a tolerance above 0, got {tolerance}.")
        exceeds = self.increases > tolerance
        first = _first_stable(exceeds)
        nan = float("nan")
        if first is None or first == 0:
            status: Status = "never crossed" if first is None else "crossed at once"
            edge = float(self.amounts[-1 if first is None else 0])
            bracket = (edge, nan) if first is None else (nan, edge)
            return CriticalAmount(nan, bracket, status, tolerance, nan, nan, (), self)
        crossings = tuple(
            self._interpolate(self.amounts, i, tolerance)
            for i in range(1, len(exceeds))
            if exceeds[i] != exceeds[i - 1]
        )
        bracket = (float(self.amounts[first - 1]), float(self.amounts[first]))
        value = self._interpolate(self.amounts, first, tolerance)
        size = self._interpolate(self.sizes, first, tolerance)
        error = self._standard_error(first)
        return CriticalAmount(value, bracket, "crossed", tolerance, error, size, crossings, self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row an amount, from the least compressed to the most."""
        return pd.DataFrame(
            {
                self.quantity: self.amounts,
                "loss": self.losses,
                "increase": self.losses - self.baseline,
                "standard_error": self.standard_errors,
                "setting": self.settings,
                "size": self.sizes,
            }
        )

    def _interpolate(self, values: Floats, i: int, tolerance: float) -> float:
        """Return the value where the line through two points crosses the tolerance."""
        before, after = self.increases[i - 1], self.increases[i]
        finite = np.isfinite(before) and np.isfinite(after)
        share = (tolerance - before) / (after - before) if finite else 0.5
        return float(values[i - 1] + share * (values[i] - values[i - 1]))

    def _standard_error(self, i: int) -> float:
        """Return that of the crossing: that of the losses beside it, over the slope."""
        slope = np.diff(self.increases[i - 1 : i + 1]) / np.diff(self.amounts[i - 1 : i + 1])
        return float(self.standard_errors[i - 1 : i + 1].max() / abs(slope[0]))


@dataclass(frozen=True, eq=False)
class CriticalAmount(Result):
    """How far a model can be compressed before its loss rises by a tolerance.

    Attributes
    ----------
    value : float
        The amount at which the curve crosses the tolerance and stays beyond it, interpolated
        between the two of `bracket`. NaN unless `status` is "crossed".
    bracket : tuple of float
        The last amount that is tolerated, and the next one measured, which is not. For a
        quantization measured at every even number, the first is the integer critical :math:`n_q`.
        NaN stands for an amount beyond those measured.
    status : {"crossed", "never crossed", "crossed at once"}
        Whether the tolerance is crossed, never by the amounts measured, or by the least of them.
    tolerance : float
        The increase of the loss that is tolerated.
    standard_error : float
        Of the value, from that of the losses; 0 for a scheme that does not draw.
    size : float
        What the model takes at the value, interpolated too, in the scheme's unit: bits a coordinate
        of a quantization, the share of the parameters left of a factorization or of pruned heads.
    crossings : tuple of float
        Every amount at which the curve crosses the tolerance; more than one if the loss is not
        monotone in the amount.
    curve : CompressionCurve
        All that was measured.
    """

    value: float
    bracket: tuple[float, float]
    status: Status
    tolerance: float
    standard_error: float
    size: float
    crossings: tuple[float, ...]
    curve: CompressionCurve = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the answer as a table of one row."""
        return pd.DataFrame(
            {
                "quantity": [self.curve.quantity],
                "value": [self.value],
                "tolerated": [self.bracket[0]],
                "exceeding": [self.bracket[1]],
                "status": [self.status],
                "tolerance": [self.tolerance],
                "standard_error": [self.standard_error],
                "size": [self.size],
                "n_crossings": [len(self.crossings)],
                "n_evaluations": [self.curve.n_evaluations],
            }
        )


def _first_stable(exceeds: NDArray[np.bool_]) -> int | None:
    """Return the first point beyond the tolerance whose next point is beyond it too."""
    for i, beyond in enumerate(exceeds):
        if beyond and (i + 1 == len(exceeds) or exceeds[i + 1]):
            return i
    return None
