"""Models as points in the information plane: colours, and names that keep apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability.displays._drawing import INK, MUTED
from sklearn_learnability.displays._layout import as_floats, key_columns, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

COLORS = "cividis"  # as good with any colour vision, and in grey
MOST_ROOM = 3  # times what the models themselves take up
NAME_WIDTH = 22  # characters
#: Directions in which a name may stand from its point, and how far in points, the best first.
DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))
DISTANCES = (6, 16, 30, 46)


def draw_models(
    ax: Axes, names: Sequence[str], points: NDArray[np.floating], performance: ArrayLike | None
) -> None:
    """Draw each model with its name, coloured by its performance, and its meaningless labels.

    The axes hold all models, and what meaningless labels give unless that lies far away.
    """
    models, null = points[:, :2], points[:, 2:]
    shown = set_limits(ax, models, null)
    ax.axline((0, 0), slope=1, color=INK, linewidth=1, zorder=1, label="bound")
    label = "labels without meaning" + ("" if shown else ", off the axes")
    ax.plot(*null.T, "x", color=MUTED, markersize=5, zorder=2, label=label)
    color = np.full(len(models), np.nan) if performance is None else as_floats(performance)
    draw_points(ax, models, color)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    ax.legend(frameon=False, fontsize=9, borderaxespad=0, ncol=key_columns(ax, 2.2), **place)
    ax.figure.canvas.figure.draw_without_rendering()  # a layout engine may move the axes
    write_names(ax, names, models)


def set_limits(ax: Axes, models: NDArray[np.floating], null: NDArray[np.floating]) -> bool:
    """Set the limits of the axes, and return whether they hold what meaningless labels give."""
    models, null = (part[np.isfinite(part).all(axis=1)] for part in (models, null))
    if not len(models):
        return True
    both = np.concatenate([models, null])
    shown = bool((np.ptp(both, axis=0) <= MOST_ROOM * np.ptp(models, axis=0)).all())
    held = both if shown or len(models) == 1 else models
    low, high = held.min(axis=0), held.max(axis=0)
    room = np.where(high > low, 0.15 * (high - low), 0.1 * np.abs(high) + 1e-3)
    ax.set_xlim(low[0] - room[0], high[0] + room[0])
    ax.set_ylim(low[1] - room[1], high[1] + room[1])
    return held is both


def draw_points(ax: Axes, models: NDArray[np.floating], performance: NDArray[np.floating]) -> None:
    """Draw points with a bar of their colours; those without a performance are white."""
    known = np.isfinite(performance)
    x, y = models.T
    ax.scatter(x[~known], y[~known], s=42, facecolor="white", edgecolor=INK, zorder=4)
    if known.any():
        drawn = ax.scatter(
            x[known],
            y[known],
            s=42,
            c=performance[known],
            cmap=COLORS,
            edgecolor=INK,
            linewidth=0.6,
            zorder=4,
        )
        beside = ax.inset_axes((1.03, 0, 0.04, 1))  # it moves with the axes
        ax.figure.colorbar(drawn, cax=beside, label="performance").outline.set_visible(False)


def write_names(ax: Axes, names: Sequence[str], points: NDArray[np.floating]) -> None:
    """Write each name beside its point, where it covers the least of points, names and edges."""
    at = ax.transData.transform(points)
    unit = ax.figure.dpi / 72
    taken = [box_at(place, 4.5 * unit, 4.5 * unit) for place in at if np.isfinite(place).all()]
    frame = np.array([*ax.bbox.min, *ax.bbox.max])
    for name, point, place in zip(names, points, at, strict=True):
        if not np.isfinite(place).all():
            continue
        label = ax.annotate(
            short_name(name, NAME_WIDTH),
            point,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            va="center",
            zorder=5,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0},
        )
        label.set_in_layout(False)
        extent = label.get_window_extent()
        size = extent.width / 2, extent.height / 2
        offsets = [
            (dx * (far * unit + size[0]), dy * (far * unit + size[1]))
            for far in DISTANCES
            for dx, dy in DIRECTIONS
        ]
        boxes = [box_at(place + offset, *size) for offset in offsets]
        costs = [cost(box, taken, frame) for box in boxes]
        best = int(np.argmin(costs))
        put_name(label, np.array(offsets[best]) / unit, line=best > 1)
        taken.append(boxes[best])


def put_name(label: Annotation, offset: NDArray[np.floating], *, line: bool) -> None:
    """Move a name, with a line to its point or without."""
    label.set_position(tuple(offset))
    label.set_horizontalalignment("center")
    if label.arrow_patch is not None:
        label.arrow_patch.set_visible(line)


def box_at(
    place: NDArray[np.floating], half_width: float, half_height: float
) -> NDArray[np.floating]:
    """Return the left, lower, right and upper edge of a box around a place."""
    half = np.array([half_width, half_height])
    return np.concatenate([place - half, place + half])


def cost(
    box: NDArray[np.floating], taken: list[NDArray[np.floating]], frame: NDArray[np.floating]
) -> float:
    """Return the area that a box shares with others, and that of it beyond the frame."""
    others = np.array(taken)
    shared = np.minimum(others[:, 2:], box[2:]) - np.maximum(others[:, :2], box[:2])
    inside = np.minimum(frame[2:], box[2:]) - np.maximum(frame[:2], box[:2])
    outside = np.prod(box[2:] - box[:2]) - np.prod(inside.clip(min=0))
    return float(np.prod(shared.clip(min=0), axis=1).sum() + 2 * outside)
