"""What every display does: draw on given axes or on new ones, and keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from sklearn_learnability.displays._layout import within_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Display:
    """A picture on one pair of axes."""

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw, and return the axes: those given, or new ones."""
        raise NotImplementedError

    @within_place
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
        self.ax_ = self._draw(ax)
        self.figure_ = self.ax_.figure
        return self


class PanelsDisplay:
    """A picture of several panels."""

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw, and return the axes: those given, or new ones."""
        raise NotImplementedError

    @within_place
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
        self.axes_ = np.asarray(self._draw(axes))
        self.figure_ = self.axes_[0].figure
        return self
