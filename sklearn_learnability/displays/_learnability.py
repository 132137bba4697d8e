"""The label entropy of a problem, split by who explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PALE,
    SKY,
    VERMILION,
    check_result,
    draw_interval,
    left_limit,
    mark_off_scale,
    number_column,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    highest_of,
    name_width,
    say_if_nothing,
    short_name,
)
from sklearn_learnability.displays._predictions import ComparisonDisplay

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._comparison import ModelComparison


# What a bar can hold, in the order of the key.
COLORS = {
    "worse than the class frequencies": VERMILION,
    "explained": BLUE,
    "gained by calibration": SKY,
    "explainable, but missed": ORANGE,
    "not explained by the ceiling": PALE,
}


class LearnabilityDisplay(ComparisonDisplay):
    """Label entropy of each row, split into what a model explains, misses and cannot know.

    From left to right a bar holds what the model explains as it is, what calibration adds, what
    the ceiling explains and the model does not, and what the ceiling does not explain: that last
    part may be noise or structure nobody found. The ceiling stands with its interval. A model
    that is worse than the class frequencies has a bar to the left of 0. What an axis cuts off ends
    in an arrow. The numbers stand beside the bars, unless given axes have no room for them; a
    calibrated one below the raw one stands there only.

    Parameters
    ----------
    names : sequence of str
        Names of the rows, models or data sets, first on top.
    label_entropy : array-like of shape (n_rows,)
        Label entropy H(Y).
    information : array-like of shape (n_rows,)
        What the model explains as it is, H(Y) - NLL; may be negative.
    calibrated_information : array-like of shape (n_rows,)
        The same after calibration.
    ceiling : array-like of shape (n_rows,)
        What the ceiling explains.
    ceiling_lower, ceiling_upper : array-like of shape (n_rows,)
        Ends of its interval; NaN draws none.
    units : {"bits", "nats"}
        Unit of all these.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    EfficiencyDisplay : The same comparison as shares of the ceiling, beside F1.

    Examples
    --------
    >>> from sklearn_learnability.displays import LearnabilityDisplay
    >>> display = LearnabilityDisplay(
    ...     ["small", "large"],
    ...     label_entropy=[1.0, 1.0],
    ...     information=[0.16, -0.20],
    ...     calibrated_information=[0.18, 0.17],
    ...     ceiling=[0.25, 0.25],
    ...     ceiling_lower=[0.22, 0.22],
    ...     ceiling_upper=[0.28, 0.28],
    ...     units="bits",
    ... )
    >>> display.plot().ax_.get_xlabel()
    'information about the label (bits)'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        label_entropy: ArrayLike,
        information: ArrayLike,
        calibrated_information: ArrayLike,
        ceiling: ArrayLike,
        ceiling_lower: ArrayLike,
        ceiling_upper: ArrayLike,
        units: str,
    ) -> None:
        self.names = names
        self.label_entropy = label_entropy
        self.information = information
        self.calibrated_information = calibrated_information
        self.ceiling = ceiling
        self.ceiling_lower = ceiling_lower
        self.ceiling_upper = ceiling_upper
        self.units = units

    @classmethod
    def from_comparison(cls, comparison: ModelComparison, *, ax: Axes | None = None) -> Self:
        """Draw the label entropy of a comparison of models, one bar a model.

        Parameters
        ----------
        comparison : ModelComparison
            What :func:`~sklearn_learnability.metrics.compare_models` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        LearnabilityDisplay
            The display, drawn.
        """
        check_result(comparison, "models", "compare_models")
        models = comparison.models
        entropy = np.full(len(models), comparison.label_entropy)
        raw = [model.efficiency.information_score.value for model in models]
        calibrated = [model.calibrated_efficiency.information_score.value for model in models]
        learnability = comparison.learnability
        return cls(
            [model.model for model in models],
            label_entropy=entropy,
            information=entropy * raw,
            calibrated_information=entropy * calibrated,
            ceiling=entropy * learnability.value,
            ceiling_lower=entropy * learnability.lower,
            ceiling_upper=entropy * learnability.upper,
            units=comparison.units,
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the bars."""
        columns = [
            self.label_entropy,
            self.information,
            self.calibrated_information,
            self.ceiling,
            self.ceiling_lower,
            self.ceiling_upper,
        ]
        check_consistent_length(self.names, *columns)
        entropy, raw, calibrated, ceiling, lower, upper = np.asarray(columns, dtype=float)
        width = name_width(ax)
        ax = row_axes(ax, [short_name(name, width, lines=2) for name in self.names])
        say_if_nothing(ax, entropy, raw, calibrated, ceiling)
        longest = highest_of(entropy, least=0.01)
        ax.set_xlim(left_limit(raw, 0.4 * longest), 1.01 * longest)
        seen: set[str] = set()
        for y in range(len(self.names)):
            seen |= draw_bar(ax, y, entropy[y], raw[y], calibrated[y], ceiling[y])
            draw_ceiling(ax, y, ceiling[y], lower[y], upper[y])
        ax.axvline(0, color=INK, linewidth=1, zorder=3)
        ax.set_xlabel(f"information about the label ({self.units})")
        add_key(ax, seen)
        number_column(ax, 0, "raw", raw, BLUE)
        number_column(ax, 1, "calibrated", calibrated, BLUE)
        number_column(ax, 2, "ceiling", ceiling, INK)
        number_column(ax, 3, "H(Y)", entropy, MUTED)
        return ax


def split_bar(
    entropy: float, raw: float, calibrated: float, ceiling: float
) -> list[tuple[str, float, float]]:
    """Return the parts of a bar as (name, start, end), skipping what is not known."""
    explained = max(raw, 0.0) if math.isfinite(raw) else 0.0
    parts = [("explained", 0.0, explained)]
    if raw < 0:
        parts.append(("worse than the class frequencies", raw, 0.0))
    best = explained
    if calibrated > best:
        parts.append(("gained by calibration", best, calibrated))
        best = calibrated
    if ceiling > best:
        parts.append(("explainable, but missed", best, ceiling))
        best = ceiling
    parts.append(("not explained by the ceiling", best, entropy))
    return [part for part in parts if part[2] > part[1]]


def draw_bar(
    ax: Axes, y: int, entropy: float, raw: float, calibrated: float, ceiling: float
) -> set[str]:
    """Draw the parts of one bar and return their names."""
    left = ax.get_xlim()[0]
    parts = split_bar(entropy, raw, calibrated, ceiling)
    for name, start, end in parts:
        start = max(start, left)
        ax.barh(y, end - start, left=start, height=0.56, color=COLORS[name], edgecolor="white")
    if raw < left:
        mark_off_scale(ax, y, raw, VERMILION)
    return {name for name, _, _ in parts}


def draw_ceiling(ax: Axes, y: int, ceiling: float, lower: float, upper: float) -> None:
    """Draw the ceiling as a line across the bar, with its interval."""
    if not math.isfinite(ceiling):
        return
    ax.plot([ceiling, ceiling], [y - 0.36, y + 0.36], color=INK, linewidth=1.8, zorder=4)
    draw_interval(ax, y, lower, upper, ends="|", color=INK, linewidth=1.4, zorder=4)


def add_key(ax: Axes, seen: set[str]) -> None:
    """Name the colours that occur, and the ceiling's mark, above the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.transforms import ScaledTranslation

    handles: list[Artist] = []
    handles += [Patch(color=color, label=name) for name, color in COLORS.items() if name in seen]
    handles.append(Line2D([], [], color=INK, marker="|", markersize=9, label="ceiling, interval"))
    above_headers = ScaledTranslation(0, 18 / 72, ax.figure.dpi_scale_trans)
    wide = ax.get_window_extent().width / ax.figure.dpi > 4  # inches
    ax.legend(
        handles=handles,
        loc="lower left" if wide else "lower right",
        bbox_to_anchor=(0 if wide else 1, 1),
        bbox_transform=ax.transAxes + above_headers,
        ncols=2 if wide else 1,
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        columnspacing=1.2,
        borderaxespad=0.3,
    )
