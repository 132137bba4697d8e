"""What measures of models say of their scores, raw and beyond scale."""

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
    MUTED,
    PALE,
    check_result,
    draw_interval,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    COLUMN,
    name_width,
    say_if_nothing,
    short_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._performance_relation import PerformanceRelation

# Verdicts that say there is something beyond scale stand out.
FINDINGS = {
    *("related beyond scale", "hangs on one family"),
    *("masked by scale", "turned round by scale"),
}


class PerformanceRelationDisplay(Display):
    """Rank correlations of measures with scores, raw and given scale, with the verdict on each.

    One row for each measure and score. The grey square is the raw correlation, the blue point the
    one given the covariates; lines are their intervals. Between the ends of the bar behind them an
    association is too small to be found in 8 of 10 cases. Verdicts stand beside the axes, unless
    given axes have no room for them.

    Parameters
    ----------
    names : sequence of str
        Names of the rows, first on top.
    raw, raw_lower, raw_upper : array-like of shape (n_rows,)
        Raw correlations and the ends of their intervals; NaN draws none.
    controlled, controlled_lower, controlled_upper : array-like of shape (n_rows,)
        Correlations given the covariates.
    detectable : array-like of shape (n_rows,)
        Size of a correlation found in 8 of 10 cases; NaN draws none.
    verdicts : sequence of str
        Verdict on each row.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    ComplexityAgainstCompressibilityDisplay : One coefficient against critical amounts, over runs.

    Examples
    --------
    >>> from sklearn_learnability.displays import PerformanceRelationDisplay
    >>> display = PerformanceRelationDisplay(
    ...     ["optimality", "width"],
    ...     raw=[0.8, 0.7],
    ...     raw_lower=[0.6, 0.5],
    ...     raw_upper=[0.9, 0.85],
    ...     controlled=[0.6, 0.0],
    ...     controlled_lower=[0.4, -0.3],
    ...     controlled_upper=[0.8, 0.3],
    ...     detectable=[0.45, 0.45],
    ...     verdicts=["related beyond scale", "explained by scale alone"],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'rank correlation with the score'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        raw: ArrayLike,
        raw_lower: ArrayLike,
        raw_upper: ArrayLike,
        controlled: ArrayLike,
        controlled_lower: ArrayLike,
        controlled_upper: ArrayLike,
        detectable: ArrayLike,
        verdicts: Sequence[str],
    ) -> None:
        self.names = names
        self.raw = raw
        self.raw_lower = raw_lower
        self.raw_upper = raw_upper
        self.controlled = controlled
        self.controlled_lower = controlled_lower
        self.controlled_upper = controlled_upper
        self.detectable = detectable
        self.verdicts = verdicts

    @classmethod
    def from_relation(cls, relation: PerformanceRelation, *, ax: Axes | None = None) -> Self:
        """Draw what measures say of scores, in the order of the result.

        Parameters
        ----------
        relation : PerformanceRelation
            What :func:`~sklearn_learnability.metrics.relate_to_performance` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        PerformanceRelationDisplay
            The display, drawn.
        """
        check_result(relation, "relations", "relate_to_performance")
        table = relation.to_frame()
        names = table["measure"].astype(str)
        if table["score"].nunique() > 1:
            names += ", " + table["score"].astype(str)
        ends = ("", "_lower", "_upper")
        columns = {
            f"{name}{end}": table[f"{name}{end}"].to_numpy()
            for name in ("raw", "controlled")
            for end in ends
        }
        return cls(
            names.tolist(),
            **columns,
            detectable=table["detectable"].to_numpy(),
            verdicts=table["verdict"].tolist(),
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the correlations."""
        columns = [
            [self.raw, self.raw_lower, self.raw_upper],
            [self.controlled, self.controlled_lower, self.controlled_upper],
        ]
        flat = [part for parts in columns for part in parts]
        check_consistent_length(self.names, *flat, self.detectable, self.verdicts)
        raw, controlled = np.asarray(columns, dtype=float)
        width = name_width(ax)
        ax = row_axes(ax, [short_name(name, width, lines=2) for name in self.names])
        say_if_nothing(ax, raw[0], controlled[0])
        ax.set_xlim(-1.03, 1.03)
        unseen = np.asarray(self.detectable, dtype=float)
        rows = np.flatnonzero(np.isfinite(unseen))
        if len(rows):
            style: dict[str, Any] = {"color": PALE, "alpha": 0.5, "label": "seldom found"}
            ax.barh(rows, 2 * unseen[rows], 0.7, -unseen[rows], **style)
        draw_correlations(ax, raw, -0.15, MUTED, "s", "raw")
        draw_correlations(ax, controlled, 0.15, BLUE, "o", "given scale")
        ax.axvline(0, color=INK, linewidth=1, zorder=2)
        ax.set_xlabel("rank correlation with the score")
        wide = ax.get_window_extent().width / ax.figure.dpi > 4  # inches
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        ax.legend(**place, ncols=3 if wide else 1, frameon=False, fontsize=9)
        verdict_column(ax, self.verdicts)
        return ax


def draw_correlations(
    ax: Axes, part: np.ndarray, shift: float, color: str, marker: str, label: str
) -> None:
    """Draw the correlations of all rows with their intervals."""
    rows = np.arange(part.shape[1]) + shift
    style: dict[str, Any] = {"color": color, "linestyle": "none", "markersize": 6, "zorder": 4}
    ax.plot(part[0], rows, marker=marker, label=label, **style)
    for y, (_, lower, upper) in zip(rows, part.T, strict=True):
        draw_interval(ax, y, lower, upper, color=color, linewidth=1.6)


def verdict_column(ax: Axes, verdicts: Sequence[str]) -> None:
    """Write the verdicts to the right of the axes."""
    for y, text in enumerate(verdicts):
        ax.annotate(
            text,
            (1, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            gid=COLUMN,
            fontsize=10,
            color=INK if text in FINDINGS else MUTED,
            fontweight="bold" if text in FINDINGS else "normal",
        )
