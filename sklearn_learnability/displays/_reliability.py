"""Where on the scale of probabilities a model is miscalibrated, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import PanelsDisplay
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    PALE,
    VERMILION,
    check_result,
    draw_interval,
    import_pyplot,
    left_limit,
    row_axes,
)
from sklearn_learnability.displays._information_plane import plain_axes
from sklearn_learnability.displays._layout import highest_of, say_if_nothing
from sklearn_learnability.displays._predictions import FromPredictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._reliability import Reliability


class ReliabilityDisplay(FromPredictions, PanelsDisplay):
    """What was said and what happened, and how much each deviation adds to the loss.

    On the left a point a bin of rows: the mean probability of the class, and how often it happened.
    A grey bar is where chance alone puts the point of a calibrated model. On the right the cost of
    each bin, in the same order, the largest probabilities on top, with its interval. What is
    outside of its bar, and has an interval above 0, is vermilion. The label says how the costs add
    up to the calibration loss.

    Parameters
    ----------
    predicted, observed : array-like of shape (n_bins,)
        Mean probability of the class in each bin, and the share of the rows that are of it.
    band_lower, band_upper : array-like of shape (n_bins,)
        Ends of the shares that chance alone explains.
    cost, cost_lower, cost_upper : array-like of shape (n_bins,)
        What each bin adds to the mean loss, and the ends of its interval; NaN draws none.
    calibration_loss : float
        The calibration loss of all rows.
    remainder : float
        What of it is in no bin.
    units : {"bits", "nats"}
        Unit of costs and losses.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The two axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The points alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability.displays import ReliabilityDisplay
    >>> y_true = np.tile([0, 0, 0, 1, 0, 1, 1, 1], 100)
    >>> y_proba = np.tile([0.25] * 4 + [0.99] * 4, 100)
    >>> display = ReliabilityDisplay.from_predictions(y_true, y_proba, random_state=0)
    >>> print(display.axes_[1].get_xlabel())
    cost (bits), together 0.43
    calibration loss 0.43, remainder 0.0015
    """

    def __init__(
        self,
        predicted: ArrayLike,
        observed: ArrayLike,
        *,
        band_lower: ArrayLike,
        band_upper: ArrayLike,
        cost: ArrayLike,
        cost_lower: ArrayLike,
        cost_upper: ArrayLike,
        calibration_loss: float,
        remainder: float,
        units: str,
    ) -> None:
        self.predicted = predicted
        self.observed = observed
        self.band_lower = band_lower
        self.band_upper = band_upper
        self.cost = cost
        self.cost_lower = cost_lower
        self.cost_upper = cost_upper
        self.calibration_loss = calibration_loss
        self.remainder = remainder
        self.units = units

    @classmethod
    def from_reliability(
        cls, reliability: Reliability, *, axes: Sequence[Axes] | None = None
    ) -> Self:
        """Draw a calibration loss that was split over the scale of probabilities.

        Parameters
        ----------
        reliability : Reliability
            What :func:`~sklearn_learnability.metrics.reliability` returns.
        axes : sequence of two matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        ReliabilityDisplay
            The display, drawn.
        """
        check_result(reliability, "binned_loss", "reliability")
        bins = reliability.bins
        return cls(
            [part.predicted for part in bins],
            [part.observed for part in bins],
            band_lower=[part.band_lower for part in bins],
            band_upper=[part.band_upper for part in bins],
            cost=[part.cost.value for part in bins],
            cost_lower=[part.cost.lower for part in bins],
            cost_upper=[part.cost.upper for part in bins],
            calibration_loss=reliability.calibration_loss.value,
            remainder=reliability.remainder,
            units=reliability.units,
        ).plot(axes)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        axes: Sequence[Axes] | None = None,
        **options: Any,
    ) -> Self:
        """Split the calibration loss of probabilities and draw it.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels. Of rows that the model was not fitted on.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; a vector is the probability of the second class.
        axes : sequence of two matplotlib Axes, default=None
            Axes to draw on; a new figure by default.
        **options : dict
            Options of :func:`~sklearn_learnability.metrics.reliability`.

        Returns
        -------
        ReliabilityDisplay
            The display, drawn.
        """
        from sklearn_learnability.metrics import reliability

        return cls.from_reliability(reliability(y_true, y_proba, **options), axes=axes)

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw both panels."""
        columns = [self.predicted, self.observed, self.band_lower, self.band_upper]
        costs = [self.cost, self.cost_lower, self.cost_upper]
        check_consistent_length(*columns, *costs)
        if axes is None:
            _, axes = import_pyplot().subplots(1, 2, figsize=(9.2, 4.2), layout="constrained")
        diagram, bars = axes
        points, values = np.asarray(columns, dtype=float), np.asarray(costs, dtype=float)
        colors = np.where(values[1] > 0, VERMILION, BLUE)
        draw_diagram(diagram, points, colors)
        draw_costs(bars, points[0], values, colors)
        total = float(np.sum(values[0]))
        bars.set_xlabel(
            f"cost ({self.units}), together {total:.2g}\n"
            f"calibration loss {self.calibration_loss:.2g}, remainder {self.remainder:.2g}"
        )
        return [diagram, bars]


def draw_diagram(ax: Axes, points: NDArray[np.floating], colors: NDArray[np.str_]) -> None:
    """Draw what happened against what was said, the diagonal, and what chance explains."""
    predicted, observed, lower, upper = points
    highest = min(1.0, 1.08 * highest_of(points, least=0.01))
    ax.plot([0, highest], [0, highest], color=MUTED, linewidth=1, zorder=1)
    ax.vlines(predicted, lower, upper, color=PALE, linewidth=6, zorder=1.5)
    for color in dict.fromkeys(colors):
        own = colors == color
        ax.plot(predicted[own], observed[own], "o", color=color, markersize=5, zorder=3)
    margin = 0.02 * highest
    ax.set_xlim(-margin, highest + margin)
    ax.set_ylim(-margin, highest + margin)
    ax.set_xlabel("probability of the class")
    ax.set_ylabel("share of the rows that are of it")
    say_if_nothing(ax, predicted * observed)
    plain_axes(ax)


def draw_costs(
    ax: Axes,
    predicted: NDArray[np.floating],
    costs: NDArray[np.floating],
    colors: NDArray[np.str_],
) -> None:
    """Draw the cost of each bin with its interval, the largest probabilities on top."""
    row_axes(ax, [name_of(said) for said in predicted])
    ax.invert_yaxis()
    value, lower, upper = costs
    most = highest_of(value, least=1e-6)
    longest = min(highest_of(upper, least=most), 3 * most)
    ax.set_xlim(left_limit(value, 0.4 * longest), 1.05 * longest)
    rows = range(len(value))
    ax.barh(rows, np.nan_to_num(value), height=0.56, color=colors, alpha=0.5)
    for y in rows:
        draw_interval(ax, y, lower[y], upper[y], ends="|", color=INK, linewidth=1)
    ax.axvline(0, color=INK, linewidth=1, zorder=3)
    ax.set_ylabel("probability of the class")
    say_if_nothing(ax, value)


def name_of(said: float) -> str:
    """Return a mean probability as text, by its distance to 1 where it would be rounded to that."""
    near = f"{said:.2g}"
    return f"1 - {1 - said:.1g}" if near == "1" and said < 1 else near
