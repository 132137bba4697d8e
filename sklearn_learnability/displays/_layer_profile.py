"""What each layer of a network keeps about past and future tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import PanelsDisplay
from sklearn_learnability.displays._drawing import MUTED, import_pyplot
from sklearn_learnability.displays._information_plane import MEANS, colored, plain_axes, width_name
from sklearn_learnability.displays._layout import say_if_nothing, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.representations._plane_results import InformationPlane


class LayerProfileDisplay(PanelsDisplay):
    """Complexity and expressivity of each layer, one line for each width of context.

    On the left what a layer keeps about the past tokens, on the right what it tells of those to
    come. The dashed lines of the same colour are what labels without any meaning would have given;
    the grey line is the most that any labels could: only the room between says something about the
    network.

    Parameters
    ----------
    layers : array-like of shape (n_points,)
        Layer of each point; the layers are drawn in the order in which they first occur.
    widths : array-like of shape (n_points,)
        Width of context of each point.
    complexity, expressivity : array-like of shape (n_points,)
        The information about past and future.
    complexity_null, expressivity_null : array-like of shape (n_points,)
        The same for labels without meaning.
    ceiling : array-like of shape (n_points,)
        The information that labels all different would have given.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,)
        The axes drawn on, complexity and expressivity.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    InformationPlaneDisplay : A network over its training.

    Examples
    --------
    >>> from sklearn_learnability.displays import LayerProfileDisplay
    >>> display = LayerProfileDisplay(
    ...     ["embedding", "block"],
    ...     [1, 1],
    ...     complexity=[0.30, 0.25],
    ...     expressivity=[0.10, 0.15],
    ...     complexity_null=[0.03, 0.03],
    ...     expressivity_null=[0.03, 0.03],
    ...     ceiling=[0.31, 0.33],
    ... )
    >>> [ax.get_title() for ax in display.plot().axes_]
    ['complexity I(past; Z)', 'expressivity I(future; Z)']
    """

    def __init__(
        self,
        layers: Sequence[int | str],
        widths: ArrayLike,
        *,
        complexity: ArrayLike,
        expressivity: ArrayLike,
        complexity_null: ArrayLike,
        expressivity_null: ArrayLike,
        ceiling: ArrayLike,
    ) -> None:
        self.layers = layers
        self.widths = widths
        self.complexity = complexity
        self.expressivity = expressivity
        self.complexity_null = complexity_null
        self.expressivity_null = expressivity_null
        self.ceiling = ceiling

    @classmethod
    def from_plane(cls, plane: InformationPlane, *, axes: Sequence[Axes] | None = None) -> Self:
        """Draw the layers of a network.

        Parameters
        ----------
        plane : InformationPlane
            What :func:`~sklearn_learnability.torch.measure_information_plane` returns.
        axes : sequence of two matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        LayerProfileDisplay
            The display, drawn.
        """
        points = [point for point in plane.points if point.layer not in MEANS]
        return cls(
            [point.layer for point in points],
            [point.width for point in points],
            complexity=[point.complexity for point in points],
            expressivity=[point.expressivity for point in points],
            complexity_null=[point.complexity_null for point in points],
            expressivity_null=[point.expressivity_null for point in points],
            ceiling=[point.ceiling for point in points],
        ).plot(axes)

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw the lines."""
        sides = [
            ("complexity I(past; Z)", self.complexity, self.complexity_null),
            ("expressivity I(future; Z)", self.expressivity, self.expressivity_null),
        ]
        check_consistent_length(
            self.layers,
            self.widths,
            self.ceiling,
            *(column for side in sides for column in side[1:]),
        )
        if axes is None:
            _, axes = import_pyplot().subplots(
                1, 2, figsize=(9.2, 4), sharey=True, layout="constrained"
            )
        names = list(dict.fromkeys(self.layers))
        places = np.array([names.index(layer) for layer in self.layers])
        for ax, (title, values, null) in zip(axes, sides, strict=True):
            self._draw_side(ax, places, np.asarray(values, float), np.asarray(null, float))
            say_if_nothing(ax, values, null, self.ceiling)
            name_layers(ax, names)
            ax.set_title(title, fontsize=11)
            ax.set_ylim(bottom=0)
            plain_axes(ax)
        axes[0].set_ylabel("information")
        axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
        return axes

    def _draw_side(
        self,
        ax: Axes,
        places: NDArray[np.integer],
        values: NDArray[np.floating],
        null: NDArray[np.floating],
    ) -> None:
        widths = np.asarray(self.widths)
        ceiling = np.asarray(self.ceiling, dtype=float)
        first = widths == widths[0]
        ax.plot(places[first], ceiling[first], color=MUTED, linewidth=1.2, label="most possible")
        for color, width in colored(widths):
            rows = widths == width
            style: dict[str, Any] = {"color": color, "linewidth": 1.6}
            ax.plot(
                places[rows],
                values[rows],
                marker="o",
                markersize=3,
                label=width_name(width),
                **style,
            )
            ax.plot(places[rows], null[rows], linestyle=(0, (2, 2)), alpha=0.7, **style)
        ax.plot([], [], color=MUTED, linestyle=(0, (2, 2)), label="labels without\nmeaning")


def name_layers(ax: Axes, names: list[int | str]) -> None:
    """Write the names of the layers under the axes: all of them, or as many as fit."""
    every = math.ceil(len(names) / 8)
    places = range(0, len(names), every)
    long = max(len(str(name)) for name in names) > 4
    ax.set_xticks(
        places,
        [short_name(names[place], 20) for place in places],
        rotation=35 if long else 0,
        ha="right" if long else "center",
    )
    ax.set_xlabel("layer")
