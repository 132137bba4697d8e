"""The figures of a report as inline SVG that follows the page's colours."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    PALE,
    SKY,
    VERMILION,
    import_pyplot,
)

#: What the page's style sheet decides on, light or dark.
PAGE_COLOURS = {
    INK: "ink",
    MUTED: "muted",
    PALE: "pale",
    BLUE: "blue",
    SKY: "sky",
    VERMILION: "vermilion",
    "#000000": "ink",
    "#ffffff": "paper",
}


@dataclass(frozen=True)
class Figure:
    """One figure: its title, what it shows in words, and the SVG."""

    title: str
    text: str
    svg: str


def drawn(name: str, draw: Callable[..., Any], result: Any) -> str:
    """Return a display of a result as SVG without fixed size, its colours those of the page."""
    plt = import_pyplot()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False}
    buffer = io.StringIO()
    with plt.rc_context(settings), plt.ioff():
        figure = draw(result).figure_
        figure.savefig(
            buffer, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
        )
        plt.close(figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    named = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in named else "", svg)
    # names within a page are unique, and so must be those in its figures
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in PAGE_COLOURS.items():
        svg = re.sub(colour, f"var(--{variable})", svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
