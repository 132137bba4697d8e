"""The local learning coefficient against the settings one chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._layout import say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.learning_coefficient._llc_sensitivity import LLCSensitivity


PULL_COLORS = (BLUE, SKY, ORANGE, VERMILION)


class LLCSensitivityDisplay(Display):
    r"""The coefficient against the inverse temperature, one line for each localization.

    A value that depends on neither has a plateau; one that rises with it or falls with
    the localization all along is a property of the settings as much as of the model. Open points
    are estimates that their own diagnostics do not trust.

    Parameters
    ----------
    inverse_temperature, localization : array-like of shape (n_estimates,)
        Inverse temperature :math:`n\beta` and pull :math:`\gamma` of each estimate.
    value, standard_error : array-like of shape (n_estimates,)
        The coefficient and its standard error.
    trusted : array-like of shape (n_estimates,)
        Whether nothing speaks against it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import LLCSensitivityDisplay
    >>> display = LLCSensitivityDisplay(
    ...     [10, 100], [1, 1], value=[1.3, 1.5], standard_error=[0.1, 0.1], trusted=[True, True]
    ... )
    >>> display.plot().ax_.get_ylabel()
    'local learning coefficient'
    """

    def __init__(
        self,
        inverse_temperature: ArrayLike,
        localization: ArrayLike,
        *,
        value: ArrayLike,
        standard_error: ArrayLike,
        trusted: ArrayLike,
    ) -> None:
        self.inverse_temperature = inverse_temperature
        self.localization = localization
        self.value = value
        self.standard_error = standard_error
        self.trusted = trusted

    @classmethod
    def from_sensitivity(cls, sensitivity: LLCSensitivity, *, ax: Axes | None = None) -> Self:
        """Draw what a sensitivity study found.

        Parameters
        ----------
        sensitivity : LLCSensitivity
            What :func:`~sklearn_learnability.torch.llc_sensitivity` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        LLCSensitivityDisplay
            The display, drawn.
        """
        estimates = sensitivity.estimates
        return cls(
            [found.settings.inverse_temperature for found in estimates],
            [found.settings.localization for found in estimates],
            value=[found.value for found in estimates],
            standard_error=[found.standard_error for found in estimates],
            trusted=[found.trusted for found in estimates],
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the values."""
        columns = [self.inverse_temperature, self.localization, self.value, self.standard_error]
        check_consistent_length(*columns, self.trusted)
        points = np.column_stack([np.asarray(column, dtype=float) for column in columns])
        trusted = np.asarray(self.trusted, dtype=bool)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 4.2), layout="constrained")
        for i, pull in enumerate(np.unique(points[:, 1])):
            chosen = points[:, 1] == pull
            draw_line(ax, points[chosen], trusted[chosen], PULL_COLORS[i % len(PULL_COLORS)])
        say_if_nothing(ax, points[:, 2])
        ax.set_xscale("log")
        ax.set_xlabel("inverse temperature nβ")
        ax.set_ylabel("local learning coefficient")
        ax.legend(title="pull γ", frameon=False, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(colors=MUTED)
        return ax


def draw_line(
    ax: Axes, points: NDArray[np.floating], trusted: NDArray[np.bool_], color: str
) -> None:
    """Draw the values of one localization: means over seeds as a line, each with its error."""
    inverse_temperatures = np.unique(points[:, 0])
    means = [points[points[:, 0] == t, 2].mean() for t in inverse_temperatures]
    ax.plot(inverse_temperatures, means, color=color, linewidth=1.2, label=f"{points[0, 1]:,.5g}")
    for (inverse_temperature, _, value, error), good in zip(points, trusted, strict=True):
        ax.errorbar(
            inverse_temperature,
            value,
            error,
            fmt="o",
            color=color,
            markerfacecolor=color if good else "white",
            markersize=5,
            capsize=2,
            zorder=3,
        )
