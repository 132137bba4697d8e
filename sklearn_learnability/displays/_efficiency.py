"""Efficiency of several models, raw and calibrated, beside a score of their decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._drawing import (
    BLUE,
    MUTED,
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
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._comparison import ModelComparison

HIGHEST = 2.5  # efficiencies beyond are arrows


class EfficiencyDisplay(ComparisonDisplay):
    """Share of the learnable information each model extracts, raw and calibrated.

    One row a model: an open circle for its efficiency as it is, a filled one after calibration,
    each with its interval, and a grey diamond for a score of its decisions, such as F1. 0 is no
    better than the class frequencies and 1 is the ceiling. An efficiency that is NaN is written
    as "undefined"; one far below 0, or far above 1, is drawn as an arrow with its value, and an
    interval that the axes cut off ends in an arrow. The numbers stand beside the axes, unless given
    axes have no room for them. A thin line beside the model of the lowest loss is its interval
    corrected for having been picked among the others. A pale bar under a circle spans what the
    model may extract of the learnability itself, from the upper to the lower end of a bracket.

    Parameters
    ----------
    names : sequence of str
        Names of the models, first on top.
    efficiency : array-like of shape (n_models,)
        Efficiency of the models as they are.
    efficiency_lower, efficiency_upper : array-like of shape (n_models,)
        Ends of its interval; NaN draws none.
    calibrated_efficiency : array-like of shape (n_models,)
        Efficiency after calibration.
    calibrated_efficiency_lower, calibrated_efficiency_upper : array-like of shape (n_models,)
        Ends of its interval; NaN draws none.
    score : array-like of shape (n_models,)
        Score of the models' decisions, on a scale that ends at 1.
    score_name : str
        Its name in the picture.
    best, calibrated_best : tuple of (int, float, float), optional
        Row of the best model, and the ends of its corrected interval; by default none is drawn.
    efficiency_of_upper, efficiency_of_lower : array-like of shape (n_models,), optional
        The least and the most that the models extract as they are; NaN draws no bar, nor does one
        without the other.
    calibrated_efficiency_of_upper : array-like of shape (n_models,), optional
        The least after calibration.
    calibrated_efficiency_of_lower : array-like of shape (n_models,), optional
        The most after calibration.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    LearnabilityDisplay : The same comparison in bits of label entropy.

    Examples
    --------
    >>> from sklearn_learnability.displays import EfficiencyDisplay
    >>> display = EfficiencyDisplay(
    ...     ["small", "large"],
    ...     efficiency=[0.62, 0.25],
    ...     efficiency_lower=[0.57, 0.17],
    ...     efficiency_upper=[0.67, 0.33],
    ...     calibrated_efficiency=[0.70, 0.68],
    ...     calibrated_efficiency_lower=[0.66, 0.63],
    ...     calibrated_efficiency_upper=[0.74, 0.73],
    ...     score=[0.70, 0.69],
    ...     score_name="F1",
    ... )
    >>> display.plot().ax_.get_xlabel()
    'efficiency: share of the learnable information'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        efficiency: ArrayLike,
        efficiency_lower: ArrayLike,
        efficiency_upper: ArrayLike,
        calibrated_efficiency: ArrayLike,
        calibrated_efficiency_lower: ArrayLike,
        calibrated_efficiency_upper: ArrayLike,
        score: ArrayLike,
        score_name: str,
        best: tuple[int, float, float] | None = None,
        calibrated_best: tuple[int, float, float] | None = None,
        efficiency_of_upper: ArrayLike | None = None,
        efficiency_of_lower: ArrayLike | None = None,
        calibrated_efficiency_of_upper: ArrayLike | None = None,
        calibrated_efficiency_of_lower: ArrayLike | None = None,
    ) -> None:
        self.names = names
        self.efficiency = efficiency
        self.efficiency_lower = efficiency_lower
        self.efficiency_upper = efficiency_upper
        self.calibrated_efficiency = calibrated_efficiency
        self.calibrated_efficiency_lower = calibrated_efficiency_lower
        self.calibrated_efficiency_upper = calibrated_efficiency_upper
        self.score = score
        self.score_name = score_name
        self.best = best
        self.calibrated_best = calibrated_best
        self.efficiency_of_upper = efficiency_of_upper
        self.efficiency_of_lower = efficiency_of_lower
        self.calibrated_efficiency_of_upper = calibrated_efficiency_of_upper
        self.calibrated_efficiency_of_lower = calibrated_efficiency_of_lower

    @classmethod
    def from_comparison(
        cls,
        comparison: ModelComparison,
        *,
        score: Literal["f1", "accuracy"] = "f1",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the efficiencies of a comparison of models.

        Parameters
        ----------
        comparison : ModelComparison
            What :func:`~sklearn_learnability.metrics.compare_models` returns.
        score : {"f1", "accuracy"}, default="f1"
            The score shown beside efficiency.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        EfficiencyDisplay
            The display, drawn.
        """
        score_names = {"f1": "F1", "accuracy": "accuracy"}
        if score not in score_names:
            raise ValueError(f"Expected score as one of {sorted(score_names)}, got {score!r}.")
        check_result(comparison, "models", "compare_models")
        models = comparison.models
        raw = [model.efficiency for model in models]
        calibrated = [model.calibrated_efficiency for model in models]
        names = [model.model for model in models]
        picks = [
            (names.index(best.model), best.lower, best.upper) if len(names) > 1 else None
            for best in (comparison.best, comparison.calibrated_best)
        ]
        return cls(
            names,
            efficiency=[part.value for part in raw],
            efficiency_lower=[part.lower for part in raw],
            efficiency_upper=[part.upper for part in raw],
            calibrated_efficiency=[part.value for part in calibrated],
            calibrated_efficiency_lower=[part.lower for part in calibrated],
            calibrated_efficiency_upper=[part.upper for part in calibrated],
            score=[model.f1 if score == "f1" else model.accuracy for model in models],
            score_name=score_names[score],
            best=picks[0],
            calibrated_best=picks[1],
            efficiency_of_upper=[part.efficiency_of_upper for part in raw],
            efficiency_of_lower=[part.efficiency_of_lower for part in raw],
            calibrated_efficiency_of_upper=[part.efficiency_of_upper for part in calibrated],
            calibrated_efficiency_of_lower=[part.efficiency_of_lower for part in calibrated],
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the rows."""
        raw = [self.efficiency, self.efficiency_lower, self.efficiency_upper]
        calibrated = [
            self.calibrated_efficiency,
            self.calibrated_efficiency_lower,
            self.calibrated_efficiency_upper,
        ]
        check_consistent_length(self.names, *raw, *calibrated, self.score)
        width = name_width(ax)
        ax = row_axes(ax, [short_name(name, width, lines=2) for name in self.names])
        points = np.concatenate([raw[0], calibrated[0]]).astype(float)
        say_if_nothing(ax, points, self.score)
        right = min(highest_of(points, least=1.0), HIGHEST)
        ax.set_xlim(left_limit(points, 0.6), 1.05 * right)
        bars = (
            (self.efficiency_of_upper, self.efficiency_of_lower, -0.15, VERMILION),
            (self.calibrated_efficiency_of_upper, self.calibrated_efficiency_of_lower, 0.15, BLUE),
        )
        has_bars = [draw_ends(ax, *bar) for bar in bars]
        for reference in (0, 1):
            ax.axvline(reference, color=MUTED, linewidth=1, zorder=1)
        draw_intervals(ax, raw, VERMILION, offset=-0.15, filled=False)
        draw_intervals(ax, calibrated, BLUE, offset=0.15, filled=True)
        for best, color, offset in (
            (self.best, VERMILION, -0.3),
            (self.calibrated_best, BLUE, 0.3),
        ):
            if best is not None and math.isfinite(best[1] + best[2]):
                row, lower, upper = best
                draw_interval(ax, row + offset, lower, upper, color=color, linewidth=1, zorder=3)
        rows = np.arange(len(self.names))
        ax.scatter(self.score, rows, marker="D", s=30, color="#999999", zorder=2, linewidth=0)
        label = "efficiency: share of the learnable information"
        ax.set_xlabel(label + "\npale bars: against both ends of the learnability" * any(has_bars))
        across = ax.get_xaxis_transform()
        notes: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": "small"}
        notes["color"] = MUTED
        ax.text(0, 1.01, "class\nfrequencies", transform=across, **notes)
        ax.text(1, 1.01, "ceiling", transform=across, **notes)
        number_column(ax, 0, "○ raw", np.asarray(self.efficiency, dtype=float), VERMILION)
        number_column(
            ax, 1, "● calibrated", np.asarray(self.calibrated_efficiency, dtype=float), BLUE
        )
        number_column(ax, 2, f"◆ {self.score_name}", np.asarray(self.score, dtype=float), MUTED)
        return ax


def draw_ends(
    ax: Axes, least: ArrayLike | None, most: ArrayLike | None, offset: float, color: str
) -> bool:
    """Draw a pale bar from the least to the most of each row; return whether there was one."""
    if least is None or most is None:
        return False
    left, right = ax.get_xlim()
    drawn = False
    for row, ends in enumerate(np.asarray([least, most], dtype=float).T):
        if np.isfinite(ends).all():
            low, high = np.clip(ends, left, right)
            ax.barh(row + offset, high - low, 0.24, left=low, color=color, alpha=0.2, zorder=1)
            drawn = True
    return drawn


def draw_intervals(
    ax: Axes, estimate: Sequence[ArrayLike], color: str, *, offset: float, filled: bool
) -> None:
    """Draw one estimate a row with its interval; those beyond an edge as an arrow."""
    left, right = ax.get_xlim()
    for row, (value, lower, upper) in enumerate(np.asarray(estimate, dtype=float).T):
        y = row + offset
        if not math.isfinite(value):
            continue
        if not left <= value <= right:
            mark_off_scale(ax, y, value, color)
            continue
        draw_interval(ax, y, lower, upper, color=color, linewidth=2, zorder=3)
        ax.plot(
            value,
            y,
            marker="o",
            markersize=7,
            color=color,
            markerfacecolor=color if filled else "white",
            markeredgewidth=1.8,
            zorder=4,
        )
