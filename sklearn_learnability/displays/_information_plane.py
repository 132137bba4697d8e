"""Where a network's representations lie in the information plane over its training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._layout import highest_of, say_if_nothing
from sklearn_learnability.displays._model_points import draw_models

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.representations._plane_results import (
        InformationPlane,
        PlanePoint,
    )
    from sklearn_learnability.torch.representations._trajectory import Trajectory


# Names of points that are no layer.
MEANS = ("mean", "mean without embedding")
# One colour a width, the narrowest first; more widths begin anew.
WIDTH_COLORS = (BLUE, SKY, ORANGE, VERMILION)


class InformationPlaneDisplay(Display):
    r"""Complexity and expressivity: of a network over training, or of many networks.

    To the right a point keeps more about the past tokens, further up more about those to come. Of
    a network over training there is a trajectory for each width of context: its points are the
    checkpoints, an arrow points the way of training, and the last checkpoint is the large point.
    Many networks are points with their names, coloured by their performance. The line
    :math:`I(Y; Z) = I(X; Z)` is the bound: on it everything kept about the past tells of the
    future. The crosses are what labels without any meaning would have given, that of the last
    checkpoint joined with it by dots: what lies near its crosses says nothing about the network.

    Parameters
    ----------
    widths : array-like of shape (n_points,)
        Width of context of each point.
    complexity, expressivity : array-like of shape (n_points,)
        The information about past and future, the points of a width in the order of training.
    complexity_null, expressivity_null : array-like of shape (n_points,)
        The same for labels without meaning; NaN draws none.
    names : sequence of str of length n_points, default=None
        Names of networks. None: the points are checkpoints of one.
    performance : array-like of shape (n_points,), default=None
        How well each network does, to colour them by; NaN leaves one white.

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
        names: Sequence[str] | None = None,
        performance: ArrayLike | None = None,
    ) -> None:
        self.widths = widths
        self.complexity = complexity
        self.expressivity = expressivity
        self.complexity_null = complexity_null
        self.expressivity_null = expressivity_null
        self.names = names
        self.performance = performance

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

    @classmethod
    def from_planes(
        cls,
        planes: Mapping[str, InformationPlane],
        *,
        performance: Mapping[str, float] | None = None,
        width: int = 1,
        layer: int | str = "mean",
        ax: Axes | None = None,
    ) -> Self:
        """Draw many networks at one width of context.

        Parameters
        ----------
        planes : dict of str to InformationPlane
            What :func:`~sklearn_learnability.torch.measure_information_plane` returns, by the name
            of the network.
        performance : dict of str to float, default=None
            How well networks do, to colour them by; those that are not among them stay white.
        width : int, default=1
            Width of context.
        layer : int or str, default="mean"
            The layer to draw, or a mean of layers; by default that of all.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InformationPlaneDisplay
            The display, drawn.
        """
        points = [of_width(of_layer(list(plane.points), layer), width) for plane in planes.values()]
        known = {} if performance is None else dict(performance)
        if unknown := [name for name in known if name not in planes]:
            raise ValueError(f"Expected performance of {list(planes)}, got that of {unknown[0]!r}.")
        return cls(
            [point.width for point in points],
            complexity=[point.complexity for point in points],
            expressivity=[point.expressivity for point in points],
            complexity_null=[point.complexity_null for point in points],
            expressivity_null=[point.expressivity_null for point in points],
            names=list(planes),
            performance=[known.get(name, math.nan) for name in planes] if known else None,
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the points."""
        columns = [
            self.complexity,
            self.expressivity,
            self.complexity_null,
            self.expressivity_null,
        ]
        check_consistent_length(self.widths, *columns, self.names, self.performance)
        widths = np.asarray(self.widths)
        points = np.column_stack([np.asarray(column, dtype=float) for column in columns])
        if ax is None:
            size = (6.4, 5.2) if self.names is None else (8, 6)
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        say_if_nothing(ax, points)
        ax.set_xlabel("complexity I(past; Z)")
        ax.set_ylabel("expressivity I(future; Z)")
        plain_axes(ax)
        if self.names is None:
            draw_training(ax, points, widths)
        else:
            draw_models(ax, list(self.names), points, self.performance)
        return ax


def draw_training(ax: Axes, points: NDArray[np.floating], widths: NDArray[np.integer]) -> None:
    """Draw a network's trajectory of each width, from 0 on both axes."""
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
    ax.legend(loc="upper left", frameon=False, fontsize=9)


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


def of_width(points: list[PlanePoint], width: int) -> PlanePoint:
    """Return the point of a width, naming the widths there are if it is none of them."""
    for point in points:
        if point.width == width:
            return point
    widths = [point.width for point in points]
    raise ValueError(f"Expected a width among {widths}, got {width}.")


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
