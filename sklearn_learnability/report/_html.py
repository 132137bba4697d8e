"""A report as one HTML file, with nothing fetched from anywhere."""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from sklearn_learnability._validation import missing_package
from sklearn_learnability.displays._drawing import import_pyplot
from sklearn_learnability.report._figures import figures_of

if TYPE_CHECKING:
    from sklearn_learnability.report._learnability_report import LearnabilityReport


class Table(NamedTuple):
    """A table of the page: an anchor, a caption, and the cells as texts."""

    anchor: str
    caption: str
    header: list[str]
    rows: list[list[str]]


def render(report: "LearnabilityReport", show_rows: pd.DataFrame | None) -> str:
    """Return the page."""
    anchors = ("ceiling", "models", "ceiling" if report.curve is None else "learning-curve")
    return template().render(
        report=report,
        answer=list(zip(report.sentences, anchors, strict=True)),
        figures=list(figures_of(report)),
        tables=tables_of(report, show_rows),
    )


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


def tables_of(report: "LearnabilityReport", show_rows: pd.DataFrame | None) -> list[Table]:
    """Return the tables that sentences and findings rest on."""
    tables = [
        table("ceiling", "The ceiling, and where the truth may lie", ceiling_of(report)),
        table("models", "The models", models_of(report)),
        table("family", "The family of the ceiling", report.candidates),
    ]
    if report.curve is not None:
        tables.append(table("learning curve", "The learning curve", report.curve.to_frame()))
    if report.split is not None:
        tables.append(table("splits", "Random and forward split", report.split.to_frame()))
    for name, segments in report.segments:
        columns = ["segment", "n_samples", "information_score", "learnability", "status"]
        frame = segments.to_frame()
        shown = frame[[column for column in columns if column in frame]]
        tables.append(table(f"segments {name}", f"Segments by {name}", shown))
    surprises = report.surprises
    if show_rows is not None:
        values = show_rows.iloc[surprises["position"]].reset_index(drop=True)
        surprises = pd.concat([surprises, values], axis=1)
    caption = f"Rows that surprise {report.models[0].name} most"
    tables.append(table("surprises", caption, surprises))
    return tables


def ceiling_of(report: "LearnabilityReport") -> pd.DataFrame:
    """Return what is known of the ceiling, one row a number."""
    found, ends = report.learnability, report.shortfall
    rows = [
        ("label entropy", report.label_entropy, report.units),
        ("learnability of the ceiling", found.value, f"{found.lower:.3g} to {found.upper:.3g}"),
        ("lower end of the truth", ends.lower, "one-sided, 95 %"),
        ("upper end of the truth", ends.upper, ends.reason or f"by {ends.source}"),
        ("not seen by the rule", len(ends.outside), ", ".join(ends.outside) or "nothing"),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "with"])


def models_of(report: "LearnabilityReport") -> pd.DataFrame:
    """Return the models with verdicts and calibration losses, one row each."""
    compared = report.comparison.to_frame()
    columns = ["efficiency", "efficiency_lower", "efficiency_upper", "calibrated_efficiency"]
    shown = compared[["model", *columns, "accuracy"]].copy()
    entropy = report.comparison.label_entropy
    losses = [model.decomposition.calibration_loss for model in report.models]
    shown["calibration loss / H(Y)"] = [loss.value / entropy for loss in losses]
    shown["verdict"] = [model.verdict.answer for model in report.models]
    return shown


def table(anchor: str, caption: str, frame: pd.DataFrame) -> Table:
    """Return a table with its numbers to three digits."""
    header = [str(name).replace("_", " ") for name in frame.columns]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return Table(anchor.replace(" ", "-"), caption, header, rows)


def cell(value: Any) -> str:
    """Return a value as text, floats to three digits, nothing where there is none."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)
