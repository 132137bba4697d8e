"""Where a network's representations lie in the information plane over its training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._layout import highest_of, say_if_nothing, within_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.representations._plane_results import PlanePoint
    from sklearn_learnability.torch.representations._trajectory import Trajectory


# Names of points that are no layer.
MEANS = ("mean", "mean without embedding")
# One colour a width, the narrowest first; more widths begin anew.
WIDTH_COLORS = (BLUE, SKY, ORANGE, VERMILION)


class InformationPlaneDisplay:
    r"""Complexity and expressivity over training, one trajectory for each width of context.

    Each point is a checkpoint: to the right it keeps more about the past tokens, further up more
    about those to come. An arrow points the way of training; the last checkpoint is the large
    point. The line :math:`I(Y; Z) = I(X; Z)` is the bound: on it everything kept about the past
    tells of the future. The crosses are what labels without any meaning would have given, that of
    the last checkpoint joined with it by dots: a trajectory near its crosses says nothing about
    the network.

    Parameters
    ----------
    widths : array-like of shape (n_points,)
        Width of context of each point.
    complexity, expressivity : array-like of shape (n_points,)
        The information about past and future, the points of a width in the order of training.
    complexity_null, expressivity_null : array-like of shape (n_points,)
        The same for labels without meaning; NaN draws none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    LayerProfileDisplay : The layers of one network.

    Examples
    --------
    >>> from sklearn_learnability.displays import InformationPlaneDisplay
    >>> display = InformationPlaneDisplay(
    ...     [1, 1, 1],
    ...     complexity=[0.10, 0.30, 0.25],
    ...     expressivity=[0.04, 0.15, 0.16],
    ...     complexity_null=[0.02, 0.03, 0.03],
    ...     expressivity_null=[0.02, 0.03, 0.03],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'complexity I(past; Z)'
    """

    def __init__(
        self,
        widths: ArrayLike,
        *,
        complexity: ArrayLike,
        expressivity: ArrayLike,
        complexity_null: ArrayLike,
        expressivity_null: ArrayLike,
    ) -> None:
        self.widths = widths
        self.complexity = complexity
        self.expressivity = expressivity
        self.complexity_null = complexity_null
        self.expressivity_null = expressivity_null

    @classmethod
    def from_trajectory(
        cls, trajectory: Trajectory, *, layer: int | str = "mean", ax: Axes | None = None
    ) -> Self:
        """Draw the trajectory of a network's checkpoints.

        Parameters
        ----------
        trajectory : Trajectory
            What :func:`~sklearn_learnability.torch.measure_checkpoints` returns.
        layer : int or str, default="mean"
            The layer to draw, or a mean of layers; by default that of all.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InformationPlaneDisplay
            The display, drawn.
        """
        points = of_layer([point for plane in trajectory.planes for point in plane.points], layer)
        return cls(
            [point.width for point in points],
            complexity=[point.complexity for point in points],
            expressivity=[point.expressivity for point in points],
            complexity_null=[point.complexity_null for point in points],
            expressivity_null=[point.expressivity_null for point in points],
        ).plot(ax)

    @within_place
    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the trajectories.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InformationPlaneDisplay
            The display itself, with `ax_` and `figure_` set.
        """
        columns = [
            self.complexity,
            self.expressivity,
            self.complexity_null,
            self.expressivity_null,
        ]
        check_consistent_length(self.widths, *columns)
        widths = np.asarray(self.widths)
        points = np.column_stack([np.asarray(column, dtype=float) for column in columns])
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 5.2), layout="constrained")
        say_if_nothing(ax, points)
        highest = 1.06 * highest_of(points, least=1e-3)
        ax.plot([0, highest], [0, highest], color=INK, linewidth=1, zorder=1)
        for color, width in colored(widths):
            draw_trajectory(ax, points[widths == width], color, width_name(width))
        ax.plot([], [], "x", color=MUTED, label="labels without meaning")
        ax.set_xlim(0, highest)
        ax.set_ylim(0, highest)
        ax.annotate(
            "bound",
            (0.93, 0.93),
            xycoords="axes fraction",
            xytext=(-4, 4),
            textcoords="offset points",
            ha="right",
            color=INK,
            fontsize=9,
        )
        ax.set_xlabel("complexity I(past; Z)")
        ax.set_ylabel("expressivity I(future; Z)")
        ax.legend(loc="upper left", frameon=False, fontsize=9)
        plain_axes(ax)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self


def colored(widths: NDArray[np.integer]) -> list[tuple[str, int]]:
    """Return the widths in order, each with its colour."""
    ordered = np.unique(widths)
    return [(WIDTH_COLORS[i % len(WIDTH_COLORS)], width) for i, width in enumerate(ordered)]


def width_name(width: int) -> str:
    """Return how the key names a width."""
    return "1 token" if width == 1 else f"{width} tokens"


def of_layer(points: list[PlanePoint], layer: int | str) -> list[PlanePoint]:
    """Return the points of a layer, naming the layers there are if it is none of them."""
    chosen = [point for point in points if point.layer == layer]
    if not chosen:
        layers = list(dict.fromkeys(point.layer for point in points))
        raise ValueError(f"Expected a layer among {layers}, got {layer!r}.")
    return chosen


def draw_trajectory(ax: Axes, points: NDArray[np.floating], color: str, name: str) -> None:
    """Draw one trajectory with the arrow of training, and what meaningless labels gave."""
    complexity, expressivity, complexity_null, expressivity_null = points.T
    ax.plot(complexity_null, expressivity_null, "x", color=color, alpha=0.3, markersize=4, zorder=2)
    ax.plot(
        complexity,
        expressivity,
        "-o",
        color=color,
        linewidth=1.4,
        markersize=3.5,
        zorder=3,
        label=name,
    )
    ax.plot(complexity[-1:], expressivity[-1:], "o", color=color, markersize=8, zorder=4)
    ends = [complexity[-1], complexity_null[-1]], [expressivity[-1], expressivity_null[-1]]
    ax.plot(*ends, ":", color=color, linewidth=1.1, zorder=2)
    ax.plot(*np.array(ends)[:, 1:], "x", color=color, markersize=9, markeredgewidth=2, zorder=5)
    draw_arrow(ax, points[:, :2], color)


def draw_arrow(ax: Axes, path: NDArray[np.floating], color: str) -> None:
    """Draw an arrow on the longest step of a path."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    if not len(steps) or not math.isfinite(steps.max()) or steps.max() == 0:
        return
    longest = int(steps.argmax())
    start, end = path[longest], path[longest + 1]
    ax.annotate(
        "",
        start + 0.62 * (end - start),
        xytext=start + 0.5 * (end - start),
        arrowprops={"arrowstyle": "-|>", "color": color, "mutation_scale": 16},
        zorder=5,
    )


def plain_axes(ax: Axes) -> None:
    """Take away what frames the axes beyond need."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=MUTED)
