"""Learnability over time, and who of the forecasters was trusted when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import BLUE, MUTED, SKY, check_result, import_pyplot
from sklearn_learnability.displays._information_plane import plain_axes
from sklearn_learnability.displays._layout import say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.ceilings._sequential_learnability import SequentialLearnability


class SequentialLearnabilityDisplay(Display):
    """Learnability in windows of neighbouring steps, with its interval.

    The line is what forecasters explained in each window, the band its 95 % interval, each for its
    own window. The dashed line is the second half as a whole.

    Parameters
    ----------
    step : array-like of shape (n_points,)
        Middle of each window.
    learnability, lower, upper : array-like of shape (n_points,)
        What was explained, and the ends of its interval.
    late : float, default=None
        Learnability of the second half.
    truth : array-like of shape (n_points,), default=None
        The true learnability, where it is known.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import SequentialLearnabilityDisplay
    >>> display = SequentialLearnabilityDisplay(
    ...     [500, 1500, 2500],
    ...     learnability=[0.1, 0.2, 0.25],
    ...     lower=[0.05, 0.16, 0.2],
    ...     upper=[0.15, 0.24, 0.3],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'step'
    """

    def __init__(
        self,
        step: ArrayLike,
        *,
        learnability: ArrayLike,
        lower: ArrayLike,
        upper: ArrayLike,
        late: float | None = None,
        truth: ArrayLike | None = None,
    ) -> None:
        self.step = step
        self.learnability = learnability
        self.lower = lower
        self.upper = upper
        self.late = late
        self.truth = truth

    @classmethod
    def from_estimator(
        cls,
        estimator: SequentialLearnability,
        *,
        width: int | None = None,
        truth: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted sequence.

        Parameters
        ----------
        estimator : SequentialLearnability
            The fitted sequence.
        width : int, default=None
            Steps of a window; by default a tenth of all.
        truth : array-like of shape (n_samples,), default=None
            The true learnability of every step, where it is known; it is averaged over the windows.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        SequentialLearnabilityDisplay
            The display, drawn.
        """
        check_result(estimator, "late_learnability_", "SequentialLearnability.fit")
        path = estimator.trajectory(width)
        if truth is not None:
            check_consistent_length(truth, estimator.nll_)
            starts = path.step - path.width // 2
            known = np.asarray(truth, dtype=float)
            truth = [known[start : start + path.width].mean() for start in starts]
        return cls(
            path.step,
            learnability=path.learnability,
            lower=path.lower,
            upper=path.upper,
            late=estimator.late_learnability_,
            truth=truth,
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the trajectory."""
        check_consistent_length(self.step, self.learnability, self.lower, self.upper, self.truth)
        step = np.asarray(self.step)
        value, low, high = (
            pd.Series(one, dtype=float).to_numpy()
            for one in (self.learnability, self.lower, self.upper)
        )
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 3.6), layout="constrained")
        ax.fill_between(step, low, high, color=SKY, alpha=0.35, linewidth=0, label="95 % interval")
        ax.plot(step, value, color=BLUE, linewidth=1.6, label="explained")
        if self.truth is not None:
            ax.plot(step, self.truth, color="black", linewidth=1.2, label="truth")
        if self.late is not None:
            ax.axhline(self.late, color=MUTED, linestyle="--", label="second half")
        ax.set_xlabel("step")
        ax.set_ylabel("share explained")
        ax.legend(loc="best", edgecolor="none", framealpha=0.85, fontsize=9)
        plain_axes(ax)
        say_if_nothing(ax, value, low, high)
        return ax
