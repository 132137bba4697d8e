"""What the report of a table whose target is a number shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import BLUE, MUTED, VERMILION, import_pyplot, row_axes
from sklearn_learnability.displays._layout import short_name
from sklearn_learnability.report._figures import Figure, drawn
from sklearn_learnability.report._html import Page, Table, surprising, table

if TYPE_CHECKING:
    from sklearn_learnability.report._regression_report import RegressionReport


def number_page(report: "RegressionReport", show_rows: pd.DataFrame | None) -> Page:
    """Return the page of a report."""
    return Page(
        target=report.target,
        sizes=f"{report.n_samples:,} rows, {report.n_features} columns, a target of numbers",
        answer=list(zip(report.sentences, ("ceiling", "models", "ceiling"), strict=True)),
        findings=report.findings,
        figures=list(figures_of(report)),
        tables=tables_of(report, show_rows),
        warnings=report.warnings,
        settings=report.settings,
        versions=report.versions,
    )


def figures_of(report: "RegressionReport") -> Iterator[Figure]:
    """Yield the figures of a report."""
    names = ", ".join(model.name for model in report.models)
    yield Figure(
        "What the models tell",
        f"Information about {report.target} in {report.units} a row, of {names} and the ceiling, "
        "with 95 % intervals.",
        drawn("information", lambda of: InformationBars(of).plot(), report),
    )
    yield Figure(
        f"Forecasts of {report.models[0].name}",
        f"{report.target} against its held-out forecast, {len(report.forecasts)} rows.",
        drawn("forecasts", lambda of: ForecastPoints(of).plot(), report),
    )


class InformationBars(Display):
    """The information of every model and of the ceiling, with intervals."""

    def __init__(self, report: "RegressionReport") -> None:
        self.report = report

    def _draw(self, ax: Any) -> Any:
        report = self.report
        found = [*(model.efficiency.information for model in report.models), report.information]
        ax = row_axes(ax, [*(short_name(model.name, 24) for model in report.models), "ceiling"])
        for row, part in enumerate(found):
            color = BLUE if part is report.information else VERMILION
            ax.plot([part.lower, part.upper], [row, row], color=color, linewidth=2, zorder=3)
            ax.plot(part.value, row, marker="o", color=color, zorder=4)
        ax.axvline(0, color=MUTED, linewidth=1)
        ax.set_xlabel(f"information about {report.target}, {report.units} a row")
        return ax


class ForecastPoints(Display):
    """The number itself against held-out forecasts."""

    def __init__(self, report: "RegressionReport") -> None:
        self.report = report

    def _draw(self, ax: Any) -> Any:
        shown = self.report.forecasts
        ax = ax or import_pyplot().subplots(figsize=(6, 4.5), layout="constrained")[1]
        ax.scatter(shown["forecast"], shown["actual"], s=14, color=BLUE, alpha=0.6, linewidth=0)
        ends = [shown.to_numpy().min(), shown.to_numpy().max()]
        ax.plot(ends, ends, color=MUTED, linewidth=1)
        ax.set_xlabel("held-out forecast")
        ax.set_ylabel(self.report.target)
        ax.spines[["top", "right"]].set_visible(False)
        return ax


def tables_of(report: "RegressionReport", show_rows: pd.DataFrame | None) -> list[Table]:
    """Return the tables that sentences and findings rest on."""
    models = pd.concat([model.to_frame() for model in report.models], ignore_index=True)
    columns = ["model", "efficiency", "efficiency_lower", "efficiency_upper"]
    shown = models[[*columns, "information", "r2", "standing"]]
    tables = [
        table("ceiling", "The ceiling", ceiling_of(report)),
        table("models", "The models", shown.rename(columns={"r2": "R²"})),
        table("family", "The family of the ceiling", report.candidates),
    ]
    for name, frame in report.segments:
        tables.append(table(f"segments {name}", f"Information by {name}", frame))
    tables.append(surprising(report.surprises, report.models[0].name, show_rows))
    return tables


def ceiling_of(report: "RegressionReport") -> pd.DataFrame:
    """Return what is known of the ceiling, one row a number."""
    share, found = report.learnability, report.information
    rows = [
        ("learnability", share.value, f"{share.lower:.3g} to {share.upper:.3g}"),
        (
            "information a row",
            found.value,
            f"{found.lower:.3g} to {found.upper:.3g} {report.units}",
        ),
        ("the most that the target can hold", report.most_learnability, "by its distinct values"),
        ("R² of its forecasts", report.r2, ""),
    ]
    frame = pd.DataFrame(rows, columns=["quantity", "value", "with"])
    return frame.astype({"value": np.float64})
