"""The ceiling against the rows it was fitted on, and what more rows may bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import BLUE, MUTED, SKY, check_result, import_pyplot
from sklearn_learnability.displays._information_plane import plain_axes
from sklearn_learnability.displays._layout import say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve


class LearnabilityCurveDisplay(Display):
    """What a ceiling finds with its rows, with more of them, and with any number of rows.

    Points with their intervals are measured. The band is where the curve may go on. The bar on the
    right is where the learnability itself may lie, which no number of rows exceeds. Without a band
    the curve could not be carried on.

    Parameters
    ----------
    n_train : array-like of shape (n_sizes,)
        Training rows, rising.
    learnability, lower, upper : array-like of shape (n_sizes,)
        What was found with so many, and the ends of its interval.
    more_rows : array-like of shape (n_factors,), default=()
        Larger numbers of training rows.
    more_lower, more_upper : array-like of shape (n_factors,), default=()
        Where the ceiling may then lie; NaN draws no band.
    bracket : tuple of float, default=None
        Where the learnability itself may lie.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import LearnabilityCurveDisplay
    >>> display = LearnabilityCurveDisplay(
    ...     [400, 800, 1600],
    ...     learnability=[0.20, 0.25, 0.28],
    ...     lower=[0.17, 0.22, 0.25],
    ...     upper=[0.23, 0.28, 0.31],
    ...     more_rows=[3200, 16000],
    ...     more_lower=[0.27, 0.28],
    ...     more_upper=[0.34, 0.40],
    ...     bracket=(0.26, 0.46),
    ... )
    >>> display.plot().ax_.get_xlabel()
    'training rows'
    """

    def __init__(
        self,
        n_train: ArrayLike,
        *,
        learnability: ArrayLike,
        lower: ArrayLike,
        upper: ArrayLike,
        more_rows: ArrayLike = (),
        more_lower: ArrayLike = (),
        more_upper: ArrayLike = (),
        bracket: tuple[float, float] | None = None,
    ) -> None:
        self.n_train = n_train
        self.learnability = learnability
        self.lower = lower
        self.upper = upper
        self.more_rows = more_rows
        self.more_lower = more_lower
        self.more_upper = more_upper
        self.bracket = bracket

    @classmethod
    def from_curve(cls, curve: LearnabilityCurve, *, ax: Axes | None = None) -> Self:
        """Draw a learnability curve.

        Parameters
        ----------
        curve : LearnabilityCurve
            What :func:`~sklearn_learnability.learnability_curve` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        LearnabilityCurveDisplay
            The display, drawn.
        """
        check_result(curve, "more_rows", "learnability_curve")
        return cls(
            curve.n_train,
            learnability=[part.value for part in curve.learnability],
            lower=[part.lower for part in curve.learnability],
            upper=[part.upper for part in curve.learnability],
            more_rows=[part.factor * curve.n_train[-1] for part in curve.more_rows],
            more_lower=[part.lower for part in curve.more_rows],
            more_upper=[part.upper for part in curve.more_rows],
            bracket=(curve.shortfall.lower, curve.shortfall.upper),
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the curve."""
        measured = [self.n_train, self.learnability, self.lower, self.upper]
        beyond = [self.more_rows, self.more_lower, self.more_upper]
        check_consistent_length(*measured)
        check_consistent_length(*beyond)
        rows, value, low, high = np.asarray(measured, dtype=float)
        more, more_low, more_high = np.asarray(beyond, dtype=float)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 4), layout="constrained")
        ax.set_xscale("log")
        ax.vlines(rows, low, high, color=BLUE, linewidth=1.4)
        ax.plot(rows, value, "-o", color=BLUE, linewidth=1.6, markersize=5, label="measured")
        ticks, names = list(rows), [f"{n:,.0f}" for n in rows]
        if np.isfinite(more_low).any():
            ax.fill_between(
                [rows[-1], *more],
                [value[-1], *more_low],
                [value[-1], *more_high],
                color=SKY,
                alpha=0.35,
                linewidth=0,
                label="with more rows",
            )
            ax.vlines(more, more_low, more_high, color=SKY, linewidth=1.4)
            ticks += list(more)
            names += [f"{n:,.0f}" for n in more]
        if self.bracket is not None:
            end = 4 * ticks[-1]
            ax.vlines([end], *self.bracket, color=MUTED, linewidth=4, label="learnability")
            ticks.append(end)
            names.append("any\nnumber")
        ax.set_xticks(ticks, names)
        ax.minorticks_off()
        ax.set_xlabel("training rows")
        ax.set_ylabel("share of H(Y) explained")
        ax.legend(loc="upper left", edgecolor="none", framealpha=0.85, fontsize=9)
        plain_axes(ax)
        say_if_nothing(ax, value, low, high)
        return ax
