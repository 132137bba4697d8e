"""What the displays share: colours, axes for one row a model, columns of numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._validation import missing_package
from sklearn_learnability.displays._layout import COLUMN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with any colour vision, and in grey.
VERMILION = "#D55E00"
BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
PALE = "#DDDDDD"
MUTED = "#666666"
INK = "#222222"

COLUMN_WIDTH_POINTS = 62
ROW_HEIGHT_INCHES = 0.5


def import_pyplot() -> Any:
    """Return matplotlib.pyplot, or say how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise missing_package("matplotlib", "plot", "displays draw with") from error
    return plt


def row_axes(ax: Axes | None, names: Sequence[str]) -> Axes:
    """Return axes with a row for each name, the first on top; new ones unless `ax` is given."""
    if ax is None:
        height = 1.6 + ROW_HEIGHT_INCHES * len(names)
        _, ax = import_pyplot().subplots(figsize=(8, height), layout="constrained")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", colors=MUTED)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(MUTED)
    return ax


def draw_interval(
    ax: Axes, y: float, lower: float, upper: float, *, ends: str = "", **style: Any
) -> None:
    """Draw an interval; an end beyond the axes is cut there, with an arrow; NaN draws none."""
    if math.isnan(lower) or math.isnan(upper):
        return
    left, right = ax.get_xlim()
    low, high = np.clip([lower, upper], left, right)
    ax.plot([low, high], [y, y], **style)
    for at, cut, arrow in ((low, lower < left, "<"), (high, upper > right, ">")):
        marker = arrow if cut else ends
        if marker:
            size = 5 if cut else 7
            ax.plot([at], [y], **style, marker=marker, markersize=size, clip_on=False)


def mark_cut(ax: Axes, x: ArrayLike, y: ArrayLike, color: Any) -> None:
    """Mark what lies above the axes by arrows at their top."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    above = np.isfinite(y) & (y > ax.get_ylim()[1])
    if above.any():
        top = np.full(above.sum(), 0.98)
        ax.plot(x[above], top, "^", color=color, transform=ax.get_xaxis_transform(), zorder=4)


def left_limit(values: ArrayLike, longest: float) -> float:
    """Return where the axis begins on the left: what lies further out is drawn as an arrow."""
    points = np.asarray(values, dtype=float)
    lowest = points[np.isfinite(points)].min(initial=0.0)
    return max(1.08 * lowest, -longest) - 0.02 * longest


def mark_off_scale(ax: Axes, y: float, value: float, color: str) -> None:
    """Write a value that lies beyond an edge there, with an arrow."""
    left, number = value < ax.get_xlim()[0], format_number(value)
    ax.annotate(
        f"◂ {number}" if left else f"{number} ▸",
        (0 if left else 1, y),
        xycoords=ax.get_yaxis_transform(),
        xytext=(2 if left else -2, 0),
        ha="left" if left else "right",
        textcoords="offset points",
        color=color,
        va="center",
        fontsize=9,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


def number_column(
    ax: Axes, position: int, header: str, values: NDArray[np.floating], color: str
) -> None:
    """Write a column of numbers to the right of the axes, under a header; NaN is "undefined"."""
    x = 30 + position * COLUMN_WIDTH_POINTS
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": color}
    style["gid"] = COLUMN
    ax.annotate(
        header, (1, 1), xycoords="axes fraction", xytext=(x, 4), va="bottom", fontsize=9, **style
    )
    for y, value in enumerate(values):
        defined = math.isfinite(value)
        ax.annotate(
            format_number(value) if defined else "undefined",
            (1, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(x, 0),
            va="center",
            fontsize=10 if defined else 8.5,
            fontstyle="normal" if defined else "italic",
            **style,
        )


def format_number(value: float) -> str:
    """Return a number with three decimals, as columns need them; large ones with one."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def check_result(result: Any, attribute: str, maker: str) -> None:
    """Refuse what is not the result that a function returns."""
    if not hasattr(result, attribute):
        raise TypeError(f"Expected what {maker} returns, got {type(result).__name__}.")
