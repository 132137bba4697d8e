"""Both ends of the learnability, the ceiling between them, and models with their verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    SKY,
    VERMILION,
    check_result,
    draw_interval,
    left_limit,
    mark_off_scale,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    COLUMN,
    highest_of,
    name_width,
    say_if_nothing,
    short_name,
)
from sklearn_learnability.displays._predictions import FromPredictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
    from sklearn_learnability.ceilings._shortfall import Shortfall
    from sklearn_learnability.ceilings._verdict import Verdict

UNDEFINED = "undefined"


class ShortfallDisplay(FromPredictions, Display):
    """Where the learnability may lie, and how far below the ceiling models stand.

    The band runs from the lower to the upper end of the learnability, the line within it is the
    ceiling, and a dashed one the truth, where that is known. One row a model: a point as far below
    the ceiling as the model was found, with the interval of that distance. Beside it stand the
    verdict, and the least and the most that the model extracts, unless given axes have no room for
    them.

    Parameters
    ----------
    names : sequence of str
        Names of the models, first on top.
    learnability : float
        The ceiling.
    bracket : tuple of float
        Lower and upper end of the learnability.
    behind, behind_lower, behind_upper : array-like of shape (n_models,)
        How far the models lie below the ceiling, and the ends of its interval; NaN draws none.
    efficiency_of_upper, efficiency_of_lower : array-like of shape (n_models,)
        The least and the most that the models extract; NaN is written as "undefined".
    answer : sequence of str
        The verdicts.
    truth : float, default=None
        The learnability itself, where it is known.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    EfficiencyDisplay : Several models as shares of the ceiling, raw and calibrated.

    Examples
    --------
    >>> from sklearn_learnability.displays import ShortfallDisplay
    >>> display = ShortfallDisplay(
    ...     ["small", "large"],
    ...     learnability=0.22,
    ...     bracket=(0.20, 0.25),
    ...     behind=[0.07, 0.01],
    ...     behind_lower=[0.06, -0.01],
    ...     behind_upper=[0.08, 0.02],
    ...     efficiency_of_upper=[0.55, 0.85],
    ...     efficiency_of_lower=[0.72, 1.02],
    ...     answer=["room for a better model", "at the ceiling"],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'share of H(Y) explained'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        learnability: float,
        bracket: tuple[float, float],
        behind: ArrayLike,
        behind_lower: ArrayLike,
        behind_upper: ArrayLike,
        efficiency_of_upper: ArrayLike,
        efficiency_of_lower: ArrayLike,
        answer: Sequence[str],
        truth: float | None = None,
    ) -> None:
        self.names = names
        self.learnability = learnability
        self.bracket = bracket
        self.behind = behind
        self.behind_lower = behind_lower
        self.behind_upper = behind_upper
        self.efficiency_of_upper = efficiency_of_upper
        self.efficiency_of_lower = efficiency_of_lower
        self.answer = answer
        self.truth = truth

    _names_models = True

    @classmethod
    def from_shortfall(
        cls,
        shortfall: Shortfall,
        verdicts: Mapping[str, Verdict] | None = None,
        *,
        truth: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a bracket, with the verdicts on models that it gave.

        Parameters
        ----------
        shortfall : Shortfall
            The `shortfall_` of a ceiling.
        verdicts : mapping of str to Verdict, default=None
            What its `verdict` says, by name of the model; by default no model is drawn.
        truth : float, default=None
            The learnability itself, where it is known.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        ShortfallDisplay
            The display, drawn.
        """
        check_result(shortfall, "largest_gap", "GoldenModelCeiling.shortfall")
        given = {} if verdicts is None else verdicts
        if not isinstance(given, Mapping):
            raise TypeError(
                "Expected verdicts as a mapping of names to what verdict returns, got "
                f"{type(given).__name__}."
            )
        for verdict in given.values():
            check_result(verdict, "behind_lower", "Shortfall.verdict")
        found = list(given.values())
        return cls(
            list(given),
            learnability=shortfall.learnability,
            bracket=(shortfall.lower, shortfall.upper),
            behind=[verdict.behind for verdict in found],
            behind_lower=[verdict.behind_lower for verdict in found],
            behind_upper=[verdict.behind_upper for verdict in found],
            efficiency_of_upper=[verdict.efficiency_of_upper for verdict in found],
            efficiency_of_lower=[verdict.efficiency_of_lower for verdict in found],
            answer=[verdict.answer for verdict in found],
            truth=truth,
        ).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        reference_nll: GoldenModelCeiling,
        name: str = "model",
        truth: float | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw the bracket of a ceiling, with its verdict on probabilities of held-out rows.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels. Of rows that the model was not fitted on.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; a vector is the probability of the second class.
        reference_nll : fitted GoldenModelCeiling
            A ceiling that was fitted with ``bracket=True``.
        name : str, default="model"
            Name of the model.
        truth : float, default=None
            The learnability itself, where it is known.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.
        **options : dict
            Options of the bracket's `verdict`, such as `X` for rows that are new to the ceiling.

        Returns
        -------
        ShortfallDisplay
            The display, drawn.
        """
        if not hasattr(reference_nll, "shortfall_"):
            raise TypeError(
                "Expected reference_nll as a ceiling fitted with bracket=True, got "
                f"{type(reference_nll).__name__} without a bracket."
            )
        shortfall = reference_nll.shortfall_
        verdict = shortfall.verdict(y_true, y_proba, reference_nll=reference_nll, **options)
        return cls.from_shortfall(shortfall, {name: verdict}, truth=truth, ax=ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the band and the rows."""
        columns = [
            self.behind,
            self.behind_lower,
            self.behind_upper,
            self.efficiency_of_upper,
            self.efficiency_of_lower,
        ]
        check_consistent_length(self.names, *columns, self.answer)
        behind, behind_lower, behind_upper, least, most = np.asarray(columns, dtype=float)
        at, lower, upper = (self.learnability - x for x in (behind, behind_upper, behind_lower))
        width = name_width(ax)
        ax = row_axes(ax, [short_name(name, width, lines=2) for name in self.names])
        marks = [self.learnability, *self.bracket, math.nan if self.truth is None else self.truth]
        say_if_nothing(ax, marks, at)
        longest = highest_of(marks, upper, least=0.01)
        ax.set_xlim(left_limit(np.append(lower, 0.0), 0.6 * longest), 1.06 * longest)
        draw_bracket(ax, self.learnability, self.bracket, self.truth)
        left, right = ax.get_xlim()
        for y, value in enumerate(at):
            if not left <= value <= right:
                if math.isfinite(value):
                    mark_off_scale(ax, y, value, VERMILION)
                continue
            draw_interval(ax, y, lower[y], upper[y], color=VERMILION, linewidth=2, zorder=3)
            ax.plot(value, y, marker="o", markersize=7, color=VERMILION, zorder=4)
        text_column(ax, 0, "efficiency", [between(*ends) for ends in zip(least, most, strict=True)])
        text_column(ax, 1, "verdict", self.answer)
        ax.set_xlabel("share of H(Y) explained")
        return ax


def draw_bracket(
    ax: Axes, learnability: float, bracket: tuple[float, float], truth: float | None
) -> None:
    """Draw the band of the learnability, the ceiling and the truth, with their key above."""
    ax.axvspan(*bracket, color=SKY, alpha=0.3, linewidth=0, zorder=0, label="bracket")
    ax.axvline(learnability, color=BLUE, linewidth=1.6, zorder=2, label="ceiling")
    if truth is not None:
        ax.axvline(truth, color=INK, linewidth=1.4, linestyle="--", zorder=2, label="truth")
    ax.axvline(0, color=MUTED, linewidth=1, zorder=1)
    wide = ax.get_window_extent().width / ax.figure.dpi > 4  # inches
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3 if wide else 1,
        frameon=False,
        fontsize=9,
        handlelength=1.4,
        columnspacing=1.2,
        borderaxespad=0.3,
    )


def between(least: float, most: float) -> str:
    """Return the least and the most of an efficiency as a text."""
    parts = [f"{x:.2f}" if math.isfinite(x) else UNDEFINED for x in (least, most)]
    return UNDEFINED if parts == [UNDEFINED] * 2 else " to ".join(parts)


def text_column(ax: Axes, position: int, header: str, texts: Sequence[str]) -> None:
    """Write a column of texts to the right of the axes, under a header."""
    style: dict[str, Any] = {"textcoords": "offset points", "gid": COLUMN, "color": INK}
    x = 12 + position * 1.3 * COLUMN_WIDTH_POINTS
    style |= {"fontsize": 9}
    ax.annotate(header, (1, 1), xycoords="axes fraction", xytext=(x, 4), va="bottom", **style)
    for y, text in enumerate(texts):
        ax.annotate(
            text, (1, y), xycoords=ax.get_yaxis_transform(), xytext=(x, 0), va="center", **style
        )
