"""What the report of a table with classes shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from sklearn_learnability.displays._efficiency import EfficiencyDisplay
from sklearn_learnability.displays._learnability import LearnabilityDisplay
from sklearn_learnability.displays._learnability_curve import LearnabilityCurveDisplay
from sklearn_learnability.displays._segments import SegmentDisplay
from sklearn_learnability.report._figures import Figure, drawn
from sklearn_learnability.report._html import Page, Table, surprising, table

if TYPE_CHECKING:
    from sklearn_learnability.report._learnability_report import LearnabilityReport


def class_page(report: "LearnabilityReport", show_rows: pd.DataFrame | None) -> Page:
    """Return the page of a report."""
    anchors = ("ceiling", "models", "ceiling" if report.curve is None else "learning-curve")
    sizes = f"{report.n_samples:,} rows, {report.n_features} columns, {report.n_classes} classes"
    return Page(
        target=report.target,
        sizes=f"{sizes}, {report.label_entropy:.3g} {report.units} of label entropy",
        answer=list(zip(report.sentences, anchors, strict=True)),
        findings=report.findings,
        figures=list(figures_of(report)),
        tables=tables_of(report, show_rows),
        warnings=report.warnings,
        settings=report.settings,
        versions=report.versions,
    )


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
    tables.append(surprising(report.surprises, report.models[0].name, show_rows))
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
