"""What can be learned in each segment, and what the model leaves of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    COLUMN_WIDTH_POINTS,
    INK,
    MUTED,
    VERMILION,
    check_result,
    left_limit,
    mark_off_scale,
    number_column,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    COLUMN,
    highest_of,
    name_width,
    say_if_nothing,
    short_name,
)
from sklearn_learnability.displays._learnability import COLORS, add_key, draw_ceiling
from sklearn_learnability.displays._predictions import FromPredictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._segments import SegmentReport


# Verdicts that ask for something to be done stand out.
FINDINGS = {"leaves information", "loses bits"}


class SegmentDisplay(FromPredictions, Display):
    """Information about the label in each segment: explained by the model, and missed by it.

    One bar a segment: what the model explains beyond the class frequencies of the segment, and
    what the ceiling explains beyond that. The ceiling stands with its interval; a model that is
    worse than the class frequencies has a bar to the left of 0. What an axis cuts off ends in an
    arrow. Rows, label entropy, efficiency and verdict stand beside the bars, unless given axes have
    no room for them. The axis ends where the most learnable segment does: the label entropy that
    nothing explains is not drawn.

    Parameters
    ----------
    names : sequence of str
        Names of the segments, first on top.
    n_samples : array-like of shape (n_segments,)
        Number of rows.
    label_entropy : array-like of shape (n_segments,)
        Label entropy H(Y) of the rows of the segment.
    information : array-like of shape (n_segments,)
        What the model explains of it, H(Y) - NLL; may be negative.
    ceiling : array-like of shape (n_segments,)
        What the ceiling explains of it.
    ceiling_lower, ceiling_upper : array-like of shape (n_segments,)
        Ends of its interval; NaN draws none.
    efficiency : array-like of shape (n_segments,)
        Share of the ceiling that the model explains; NaN is written as "undefined".
    status : sequence of str
        Verdict on each segment.
    units : {"bits", "nats"}
        Unit of entropies and information.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    LearnabilityDisplay : The label entropy of all rows, split by what models make of it.

    Examples
    --------
    >>> from sklearn_learnability.displays import SegmentDisplay
    >>> display = SegmentDisplay(
    ...     ["night", "day"],
    ...     n_samples=[400, 900],
    ...     label_entropy=[0.9, 0.8],
    ...     information=[0.05, 0.30],
    ...     ceiling=[0.25, 0.31],
    ...     ceiling_lower=[0.20, 0.28],
    ...     ceiling_upper=[0.30, 0.34],
    ...     efficiency=[0.20, 0.97],
    ...     status=["leaves information", "at its ceiling"],
    ...     units="bits",
    ... )
    >>> display.plot().ax_.get_xlabel()
    'information about the label within the segment (bits)'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        n_samples: ArrayLike,
        label_entropy: ArrayLike,
        information: ArrayLike,
        ceiling: ArrayLike,
        ceiling_lower: ArrayLike,
        ceiling_upper: ArrayLike,
        efficiency: ArrayLike,
        status: Sequence[str],
        units: str,
    ) -> None:
        self.names = names
        self.n_samples = n_samples
        self.label_entropy = label_entropy
        self.information = information
        self.ceiling = ceiling
        self.ceiling_lower = ceiling_lower
        self.ceiling_upper = ceiling_upper
        self.efficiency = efficiency
        self.status = status
        self.units = units

    @classmethod
    def from_report(cls, report: SegmentReport, *, ax: Axes | None = None) -> Self:
        """Draw a report, the segment that misses most bits a row on top.

        Segments with too few rows for a verdict follow, and all rows within segments stand last.

        Parameters
        ----------
        report : SegmentReport
            What :func:`~sklearn_learnability.metrics.information_by_segment` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        SegmentDisplay
            The display, drawn.
        """
        check_result(report, "segments", "information_by_segment")
        parts = sorted(
            report.segments,
            key=lambda part: (part.status == "too few rows", -part.excess_loss.value),
        )
        parts.append(report.within)
        entropy = np.array([part.label_entropy for part in parts])
        ceilings = [part.efficiency.learnability for part in parts]
        return cls(
            [part.segment for part in parts],
            n_samples=[part.n_samples for part in parts],
            label_entropy=entropy,
            information=entropy * [part.efficiency.information_score.value for part in parts],
            ceiling=entropy * [ceiling.value for ceiling in ceilings],
            ceiling_lower=entropy * [ceiling.lower for ceiling in ceilings],
            ceiling_upper=entropy * [ceiling.upper for ceiling in ceilings],
            efficiency=[part.efficiency.value for part in parts],
            status=[part.status for part in parts],
            units=report.units,
        ).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        segments: Any,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw what probabilities of held-out rows leave in each segment.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels. Of rows that the model was not fitted on.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; a vector is the probability of the second class.
        segments : array-like of shape (n_samples,)
            The segment of every row.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.
        **options : dict
            Options of :func:`~sklearn_learnability.metrics.information_by_segment`;
            `reference_nll` is among them.

        Returns
        -------
        SegmentDisplay
            The display, drawn.
        """
        from sklearn_learnability.metrics import information_by_segment

        return cls.from_report(information_by_segment(y_true, y_proba, segments, **options), ax=ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the bars."""
        columns = [
            self.n_samples,
            self.label_entropy,
            self.information,
            self.ceiling,
            self.ceiling_lower,
            self.ceiling_upper,
            self.efficiency,
        ]
        check_consistent_length(self.names, *columns, self.status)
        rows, entropy, model, ceiling, lower, upper, efficiency = np.asarray(columns, dtype=float)
        width = name_width(ax)
        names = [short_name(name, width) for name in self.names]
        ax = row_axes(ax, [f"{name}\n{n:,.0f} rows" for name, n in zip(names, rows, strict=True)])
        say_if_nothing(ax, entropy, model, ceiling)
        longest = highest_of(model, ceiling, least=0.01)
        ax.set_xlim(left_limit(model, 0.4 * longest), 1.12 * longest)
        seen: set[str] = set()
        for y in range(len(self.names)):
            seen |= draw_bar(ax, y, model[y], ceiling[y])
            draw_ceiling(ax, y, ceiling[y], lower[y], upper[y])
        ax.axvline(0, color=INK, linewidth=1, zorder=3)
        ax.set_xlabel(f"information about the label within the segment ({self.units})")
        add_key(ax, seen)
        number_column(ax, 0, "efficiency", efficiency, BLUE)
        number_column(ax, 1, "H(Y)", entropy, MUTED)
        status_column(ax, 2, self.status)
        return ax


def draw_bar(ax: Axes, y: int, model: float, ceiling: float) -> set[str]:
    """Draw what the model explains and what it misses; return the names of the parts drawn."""
    left = ax.get_xlim()[0]
    explained = max(model, 0.0)
    parts = {
        "worse than the class frequencies": (max(model, left), 0.0),
        "explained": (0.0, explained),
        "explainable, but missed": (explained, ceiling),
    }
    drawn = {name: ends for name, ends in parts.items() if ends[1] > ends[0]}
    for name, (start, end) in drawn.items():
        ax.barh(y, end - start, left=start, height=0.56, color=COLORS[name], edgecolor="white")
    if model < left:
        mark_off_scale(ax, y, model, VERMILION)
    return set(drawn)


def status_column(ax: Axes, position: int, status: Sequence[str]) -> None:
    """Write the verdicts to the right of the columns of numbers."""
    for y, text in enumerate(status):
        ax.annotate(
            text,
            (1, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(4 + position * COLUMN_WIDTH_POINTS, 0),
            textcoords="offset points",
            va="center",
            gid=COLUMN,
            fontsize=10,
            color=INK if text in FINDINGS else MUTED,
            fontweight="bold" if text in FINDINGS else "normal",
        )
