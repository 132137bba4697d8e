"""The figures of a report as inline SVG that follows the page's colours."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    PALE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._efficiency import EfficiencyDisplay
from sklearn_learnability.displays._learnability import LearnabilityDisplay
from sklearn_learnability.displays._learnability_curve import LearnabilityCurveDisplay
from sklearn_learnability.displays._segments import SegmentDisplay

if TYPE_CHECKING:
    from sklearn_learnability.report._learnability_report import LearnabilityReport

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


def figures_of(report: "LearnabilityReport") -> Iterator[Figure]:
    """Yield the figures of a report."""
    names = ", ".join(model.name for model in report.models)
    yield Figure(
        "What the models extract",
        f"Efficiency of {names}, raw and calibrated, with 95 % intervals.",
        drawn("efficiency", EfficiencyDisplay.from_comparison, report.comparison),
    )
    yield Figure(
        "Where the bits go",
        f"The label entropy of {report.label_entropy:.3g} {report.units}: what {names} and the "
        "ceiling explain of it.",
        drawn("bits", LearnabilityDisplay.from_comparison, report.comparison),
    )
    if report.curve is not None:
        yield Figure(
            "What more rows may bring",
            "The ceiling by number of training rows, and its continuation.",
            drawn("curve", LearnabilityCurveDisplay.from_curve, report.curve),
        )
    for number, (name, segments) in enumerate(report.segments):
        yield Figure(
            f"Segments by {name}",
            f"What can be learned in each level of {name}, and what {report.models[0].name} "
            "explains.",
            drawn(f"segments{number}", SegmentDisplay.from_report, segments),
        )


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
