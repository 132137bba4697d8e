"""What every display does: draw on given axes or on new ones, and keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sklearn_learnability.displays._layout import within_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Display:
    """A picture on one pair of axes."""

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw, and return the axes: those given, or new ones."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        Display
            The display itself, with `ax_` and `figure_` set.
        """
        if ax is not None and not is_axes(ax):
            raise TypeError(f"Expected ax as matplotlib Axes, got {type(ax).__name__}.")
        return self._plot(ax)

    @within_place
    def _plot(self, ax: Axes | None) -> Self:
        """Draw, and keep the axes."""
        self.ax_ = self._draw(ax)
        self.figure_ = self.ax_.figure
        return self


class PanelsDisplay:
    """A picture of several panels."""

    _n_panels: ClassVar[int] = 2

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw, and return the axes: those given, or new ones."""
        raise NotImplementedError

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            Axes to draw on, one a panel; a new figure by default.

        Returns
        -------
        PanelsDisplay
            The display itself, with `axes_` and `figure_` set.
        """
        return self._plot(None if axes is None else panels_of(axes, self._n_panels))

    @within_place
    def _plot(self, axes: Sequence[Axes] | None) -> Self:
        """Draw, and keep the axes."""
        self.axes_ = np.asarray(self._draw(axes))
        self.figure_ = self.axes_[0].figure
        return self


def is_axes(given: Any) -> bool:
    """Return whether something is matplotlib Axes."""
    from matplotlib.axes import Axes

    return isinstance(given, Axes)


def panels_of(axes: Any, n_panels: int) -> list[Axes]:
    """Return given axes, one a panel; those of a grid row by row."""
    panels = list(np.ravel(np.asarray(axes, dtype=object)))
    if not all(is_axes(panel) for panel in panels):
        raise TypeError(
            f"Expected axes as {n_panels} matplotlib Axes, got {type(axes).__name__} of others."
        )
    if len(panels) != n_panels:
        raise ValueError(f"Expected axes as {n_panels} matplotlib Axes, got {len(panels)}.")
    return panels
