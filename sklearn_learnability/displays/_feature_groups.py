"""What groups of columns add to a ceiling: alone, on top of the others, and in shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    SKY,
    VERMILION,
    check_result,
    draw_interval,
    left_limit,
    mark_off_scale,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    highest_of,
    name_width,
    say_if_nothing,
    short_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.ceilings._feature_groups import FeatureGroupReport


class FeatureGroupDisplay(Display):
    """What groups of columns add to a ceiling: alone, on top of the others, and in shares.

    One row a group. The bar is its Shapley share; the shares sum to the ceiling. The points are
    what the group finds alone and what is lost without it: far apart, with "alone" on the right,
    the other columns say much of it too; with "on top" on the right, the group says more together
    with them. Lines are intervals; what an axis cuts off ends in an arrow.

    Parameters
    ----------
    names : sequence of str
        Names of the groups, first on top.
    shapley, shapley_lower, shapley_upper : array-like of shape (n_groups,)
        Shapley shares and the ends of their intervals; NaN draws none.
    alone, alone_lower, alone_upper : array-like of shape (n_groups,)
        What each group finds alone.
    on_top, on_top_lower, on_top_upper : array-like of shape (n_groups,)
        What is lost without it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    LearnabilityCurveDisplay : What more rows would add.

    Examples
    --------
    >>> from sklearn_learnability.displays import FeatureGroupDisplay
    >>> display = FeatureGroupDisplay(
    ...     ["own data", "bought data"],
    ...     shapley=[0.20, 0.10],
    ...     shapley_lower=[0.18, 0.08],
    ...     shapley_upper=[0.22, 0.12],
    ...     alone=[0.25, 0.15],
    ...     alone_lower=[0.22, 0.12],
    ...     alone_upper=[0.28, 0.18],
    ...     on_top=[0.15, 0.05],
    ...     on_top_lower=[0.13, 0.03],
    ...     on_top_upper=[0.17, 0.07],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'share of H(Y) explained'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        shapley: ArrayLike,
        shapley_lower: ArrayLike,
        shapley_upper: ArrayLike,
        alone: ArrayLike,
        alone_lower: ArrayLike,
        alone_upper: ArrayLike,
        on_top: ArrayLike,
        on_top_lower: ArrayLike,
        on_top_upper: ArrayLike,
    ) -> None:
        self.names = names
        self.shapley = shapley
        self.shapley_lower = shapley_lower
        self.shapley_upper = shapley_upper
        self.alone = alone
        self.alone_lower = alone_lower
        self.alone_upper = alone_upper
        self.on_top = on_top
        self.on_top_lower = on_top_lower
        self.on_top_upper = on_top_upper

    @classmethod
    def from_report(cls, report: FeatureGroupReport, *, ax: Axes | None = None) -> Self:
        """Draw a report, the group of the largest share on top.

        Parameters
        ----------
        report : FeatureGroupReport
            What :func:`~sklearn_learnability.learnability_by_feature_group` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        FeatureGroupDisplay
            The display, drawn.
        """
        check_result(report, "n_orders", "learnability_by_feature_group")
        table = report.to_frame().sort_values("shapley", ascending=False, kind="stable")
        columns = {
            f"{name}{end}": table[f"{name}{end}"].to_numpy()
            for name in ("shapley", "alone", "on_top")
            for end in ("", "_lower", "_upper")
        }
        return cls(table["group"].tolist(), **columns).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the bars and points."""
        columns = [
            [self.shapley, self.shapley_lower, self.shapley_upper],
            [self.alone, self.alone_lower, self.alone_upper],
            [self.on_top, self.on_top_lower, self.on_top_upper],
        ]
        check_consistent_length(self.names, *(part for parts in columns for part in parts))
        shapley, alone, on_top = np.asarray(columns, dtype=float)
        width = name_width(ax)
        ax = row_axes(ax, [short_name(name, width, lines=2) for name in self.names])
        values = [part[0] for part in (shapley, alone, on_top)]
        say_if_nothing(ax, *values)
        longest = highest_of(*values, least=0.01)
        ends = highest_of(shapley[2], alone[2], on_top[2], least=longest)
        right = 1.03 * min(ends, 1.6 * longest)
        ax.set_xlim(left_limit(np.concatenate(values), 0.4 * longest), right)
        for y, (value, lower, upper) in enumerate(shapley.T):
            shown = np.nan_to_num(value)
            ax.barh(y, shown, height=0.56, color=SKY, alpha=0.45, label=None if y else "Shapley")
            draw_interval(ax, y, lower, upper, ends="|", color=INK, linewidth=1)
        draw_points(ax, alone, -0.18, VERMILION, "s", "alone")
        draw_points(ax, on_top, 0.18, BLUE, "o", "on top of the others")
        ax.axvline(0, color=INK, linewidth=1, zorder=3)
        ax.set_xlabel("share of H(Y) explained")
        wide = ax.get_window_extent().width / ax.figure.dpi > 4  # inches
        ax.legend(
            loc="lower left" if wide else "lower right",
            bbox_to_anchor=(0 if wide else 1, 1),
            ncols=3 if wide else 1,
            frameon=False,
            fontsize=9,
        )
        return ax


def draw_points(
    ax: Axes, part: np.ndarray, shift: float, color: str, marker: str, label: str
) -> None:
    """Draw the values of all rows with their intervals, beside the middle of the bars."""
    left, right = ax.get_xlim()
    rows = np.arange(part.shape[1]) + shift
    inside = (part[0] >= left) & (part[0] <= right)
    style: dict[str, Any] = {"color": color, "linestyle": "none", "markersize": 6, "zorder": 4}
    ax.plot(part[0][inside], rows[inside], marker=marker, label=label, **style)
    for y, (value, lower, upper), seen in zip(rows, part.T, inside, strict=True):
        draw_interval(ax, y, lower, upper, color=color, linewidth=1.6)
        if not seen and np.isfinite(value):
            mark_off_scale(ax, y, value, color)
