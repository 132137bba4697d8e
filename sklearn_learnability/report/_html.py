"""A report as one HTML file, with nothing fetched from anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from sklearn_learnability._validation import missing_package
from sklearn_learnability.displays._drawing import import_pyplot
from sklearn_learnability.report._figures import Figure
from sklearn_learnability.report._finding import Finding


class Table(NamedTuple):
    """A table of the page: an anchor, a caption, and the cells as texts."""

    anchor: str
    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page shows, in its order.

    `answer` pairs each sentence with the anchor of its table.
    """

    target: str
    sizes: str
    answer: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    figures: Sequence[Figure]
    tables: Sequence[Table]
    warnings: Sequence[str]
    settings: Mapping[str, str]
    versions: Mapping[str, str]


def render(page: Page) -> str:
    """Return the page as HTML."""
    return str(template().render(page=page))


def check_installed() -> None:
    """Refuse to begin a report that could not be written in the end."""
    template()
    import_pyplot()


@cache
def template() -> Any:
    """Return the template, in which every value is escaped."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise missing_package("jinja2", "report", "writes reports") from error
    environment = Environment(
        loader=PackageLoader("sklearn_learnability.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def table(anchor: str, caption: str, frame: pd.DataFrame) -> Table:
    """Return a table with its numbers to three digits."""
    header = [str(name).replace("_", " ") for name in frame.columns]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return Table(anchor.replace(" ", "-"), caption, header, rows)


def surprising(surprises: pd.DataFrame, name: str, show_rows: pd.DataFrame | None) -> Table:
    """Return the table of rows that surprise a model, with their values where these are given."""
    if show_rows is not None:
        values = show_rows.iloc[surprises["position"]].reset_index(drop=True)
        surprises = pd.concat([surprises, values], axis=1)
    return table("surprises", f"Rows that surprise {name} most", surprises)


def cell(value: Any) -> str:
    """Return a value as text, floats to three digits, nothing where there is none."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)
