"""The rows that a prediction rests on most, and those that harm it most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability._validation import check_count
from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    check_result,
    row_axes,
)
from sklearn_learnability.displays._layout import (
    name_width,
    say_if_nothing,
    short_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.learning_coefficient._influence import Influence


class InfluenceDisplay(Display):
    """The rows that a prediction rests on most, and those that harm it most.

    One bar a row, the most helpful on top: how much the loss would rise if the row were left out of
    the training data. Bars to the left are of rows without which it would fall. Lines are two
    standard errors either way; where one crosses zero, the chains do not tell which it is.

    Parameters
    ----------
    names : sequence of str
        Names of the rows, first on top.
    value, standard_error : array-like of shape (n_rows,)
        The influence of each and its standard error.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import InfluenceDisplay
    >>> display = InfluenceDisplay(
    ...     ["row 7", "row 3"], value=[0.02, -0.01], standard_error=[0.002, 0.004]
    ... )
    >>> display.plot().ax_.get_xlabel()
    'rise of the loss without the row'
    """

    def __init__(
        self, names: Sequence[str], *, value: ArrayLike, standard_error: ArrayLike
    ) -> None:
        self.names = names
        self.value = value
        self.standard_error = standard_error

    @classmethod
    def from_influence(
        cls, influence: Influence, *, on: int = 0, n_each: int = 5, ax: Axes | None = None
    ) -> Self:
        """Draw the rows of highest and of lowest influence on one loss.

        Parameters
        ----------
        influence : Influence
            What :meth:`~sklearn_learnability.torch.PosteriorLosses.influence` returns.
        on : int, default=0
            The column: which of the losses that the influence is on.
        n_each : int, default=5
            Rows drawn from either end.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InfluenceDisplay
            The display, drawn.
        """
        check_result(influence, "of_row", "PosteriorLosses.influence")
        n_rows, n_columns = influence.value.shape
        check_count("on", on, 0, n_columns - 1)
        check_count("n_each", n_each)
        order = np.argsort(-influence.value[:, on], kind="stable")
        shown = order if n_rows <= 2 * n_each else np.r_[order[:n_each], order[-n_each:]]
        tokens = bool((influence.of_position > 0).any())
        names = [
            f"row {influence.of_row[i]}" + (f", token {influence.of_position[i]}" if tokens else "")
            for i in shown
        ]
        return cls(
            names,
            value=influence.value[shown, on],
            standard_error=influence.standard_error[shown, on],
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the bars."""
        check_consistent_length(self.names, self.value, self.standard_error)
        value, error = (np.asarray(x, dtype=float) for x in (self.value, self.standard_error))
        ax = row_axes(ax, [short_name(name, name_width(ax)) for name in self.names])
        style: dict[str, Any] = {"height": 0.6, "zorder": 2}
        y = np.arange(len(value))
        for helps, color in ((True, BLUE), (False, VERMILION)):
            chosen = (value > 0) == helps
            ax.barh(y[chosen], value[chosen], color=color, **style)
        known = np.isfinite(error) & np.isfinite(value)
        ax.errorbar(
            value[known], y[known], xerr=2 * error[known], fmt="none", ecolor=INK, elinewidth=1.2
        )
        ax.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        say_if_nothing(ax, value)
        ax.set_xlabel("rise of the loss without the row")
        return ax
