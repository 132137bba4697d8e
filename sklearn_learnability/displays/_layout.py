"""How a picture fits its place: long names, axes that belong to somebody, nothing to draw."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

Plot = TypeVar("Plot", bound=Callable[..., Any])

NAME_WIDTH = 24  # characters
COLUMN = "column"  # marks what may be left out where there is no room beside the axes
LEAST_SHARE = 0.3  # of a place, for the axes themselves
SMALLEST_FONT = 5.0
NOTHING = "nothing to draw:\nno value is finite"


def short_name(name: Any, width: int = NAME_WIDTH, lines: int = 1) -> str:
    """Return a name on as many lines as allowed, without its middle where it is longer."""
    text, room = str(name), width * lines
    if len(text) > room:
        text = f"{text[: room // 2]}…{text[-(room - room // 2 - 1) :]}"
    text = text.replace("$", r"\$")  # no formula
    wrapped = textwrap.wrap(text, width) or [text]
    if len(wrapped) > lines:
        wrapped = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join(wrapped)


def name_width(ax: Axes | None) -> int:
    """Return how many characters a name beside the axes may have, fewer beside small ones."""
    if ax is None:
        return NAME_WIDTH
    points = 72 * ax.get_window_extent().width / ax.figure.dpi
    return min(max(round(0.07 * points), 10), NAME_WIDTH)


def key_columns(ax: Axes, inches: float) -> int:
    """Return how many columns of some inches a key above axes may have."""
    return max(1, int(ax.get_window_extent().width / ax.figure.dpi / inches))


def key_name(name: Any) -> str:
    """Return a name for a key, which passes over those that begin with an underscore."""
    text = short_name(name, 32)
    return f" {text}" if text.startswith("_") else text


def highest_of(*values: ArrayLike, least: float) -> float:
    """Return the highest finite value, or `least`."""
    return max(
        [least, *(float(np.max(x[np.isfinite(x)], initial=least)) for x in map(as_floats, values))]
    )


def as_floats(values: ArrayLike) -> Any:
    """Return values as float64."""
    return np.asarray(values, dtype=float)


def say_if_nothing(ax: Axes, *values: ArrayLike) -> bool:
    """Say so on the axes if none of the values is finite, and return whether that is so."""
    if any(np.isfinite(as_floats(x)).any() for x in values):
        return False
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontstyle": "italic"}
    ax.text(0.5, 0.5, NOTHING, transform=ax.transAxes, color="#666666", **style)
    return True


def within_place(plot: Plot) -> Plot:
    """Keep what a display draws on given axes within the place these had in their figure.

    Columns beside the axes are left out where they would leave no room for the axes. Where the
    figure has a layout engine, the rest is left to that.
    """

    @wraps(plot)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = next(iter([*args, *kwargs.values()]), None)
        if given is None:
            return plot(self, *args, **kwargs)
        axes = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
        places = [place_of(ax) for ax in axes]
        result = plot(self, *args, **kwargs)
        for ax, place in zip(axes, places, strict=True):
            fit(ax, place)
        return result

    return wrapped  # type: ignore[return-value]


def place_of(ax: Axes) -> Bbox:
    """Return the place of axes with their ticks, in pixels."""
    from matplotlib.transforms import Bbox

    return Bbox.union([ax.get_window_extent(), drawn_box(ax)])


def drawn_box(ax: Axes) -> Bbox:
    """Return the box of all that axes hold, in pixels."""
    box = ax.get_tightbbox()
    return ax.get_window_extent() if box is None else box


def fit(ax: Axes, place: Bbox) -> None:
    """Make axes smaller until all they hold lies within a place, in pixels."""
    beside = drawn_box(ax).width - ax.get_window_extent().width
    if place.width - beside < LEAST_SHARE * place.width:
        for text in [text for text in ax.texts if text.get_gid() == COLUMN]:
            text.remove()
    if ax.figure.get_layout_engine() is not None:
        return
    for _ in range(3):  # labels are wrapped anew as the axes shrink
        box = ax.get_window_extent()
        wrap_label(ax.xaxis.label, box.width, upright=False)
        wrap_label(ax.yaxis.label, box.height, upright=True)
        shrink_rows(ax)
        shrink_key(ax, place)
        shrink(ax, place)


def shrink(ax: Axes, place: Bbox) -> None:
    """Move the edges of axes by as much as what they hold exceeds a place."""
    from matplotlib.transforms import Bbox

    box, drawn = ax.get_window_extent(), drawn_box(ax)
    start, end = place.get_points()
    least = LEAST_SHARE * (end - start)
    low = np.maximum(start - drawn.get_points()[0], 0) + box.get_points()[0]
    high = box.get_points()[1] - np.maximum(drawn.get_points()[1] - end, 0)
    low = np.minimum(low, end - least)
    edges = Bbox(np.stack([low, np.maximum(high, low + least)]))
    ax.set_position(edges.transformed(ax.figure.transSubfigure.inverted()))


def wrap_label(label: Text, length: float, *, upright: bool) -> None:
    """Break the label of an axis into lines no longer than the axis."""
    text = " ".join(label.get_text().split("\n"))
    extent = label.get_window_extent()
    longest = max(map(len, label.get_text().split("\n")))
    pixels = extent.height if upright else extent.width
    if pixels > length:
        label.set_text(textwrap.fill(text, max(8, math.floor(longest * length / pixels))))


def shrink_key(ax: Axes, place: Bbox) -> None:
    """Write a key smaller that is wider than the axes it lies in, or than their place."""
    key = ax.get_legend()
    if key is None:
        return
    box, extent = ax.get_window_extent(), key.get_window_extent()
    inside = box.contains((extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2)
    ratio = (box if inside else place).width / extent.width
    if ratio < 1:
        for text in key.get_texts():
            text.set_fontsize(max(0.9 * ratio * float(text.get_fontsize()), SMALLEST_FONT))


def shrink_rows(ax: Axes) -> None:
    """Write the names of rows smaller where two of them would meet."""
    labels = [label for label in ax.get_yticklabels() if "\n" in label.get_text()]
    if labels and len(ax.get_yticks()) > 1:
        tallest = max(label.get_window_extent().height for label in labels)
        step = ax.get_window_extent().height / len(ax.get_yticks())
        if tallest > step:
            size = float(labels[0].get_fontsize()) * step / tallest
            ax.tick_params(axis="y", labelsize=size)
