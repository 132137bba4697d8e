"""What the command line says of a table: its report, of classes or of numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from sklearn_learnability._validation import missing_package
from sklearn_learnability.report._learnability_report import LearnabilityReport
from sklearn_learnability.report._measured_regression import regression_report
from sklearn_learnability.report._measured_report import learnability_report
from sklearn_learnability.report._read_table import TableFile, read_table
from sklearn_learnability.report._regression_report import RegressionReport
from sklearn_learnability.report._report import Report


@dataclass(frozen=True)
class Answer:
    """The report of a table, and its numbers as JSON has them."""

    report: Report
    numbers: dict[str, Any]
    X: pd.DataFrame

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer and the findings."""
        found = (f"{one.code} {one.sentence}" for one in self.report.findings)
        return (*self.report.sentences, *found)

    def write(self, path: Path, *, show_rows: bool) -> None:
        """Write the report."""
        self.report.to_html(path, show_rows=self.X if show_rows else None)


def score_table(
    table: TableFile,
    *,
    models: Sequence[str] | None,
    predictions: Path | None,
    budget: str,
    store: Path | None,
    seed: int,
) -> Answer:
    """Return the answer for a table, by the kind of its target."""
    given: dict[str, Any] = {
        "models": [model_of(one) for one in models] if models else None,
        "predictions": None if predictions is None else read_predictions(predictions, table),
        "groups": table.groups,
        "time": table.time,
        "candidates": str(budget),
        "memory": store,
        "random_state": seed,
        "verbose": 1,
    }
    left_out = {"left out": "; ".join(table.left_out) or "nothing"}
    if table.is_quantity:
        number_report = regression_report(table.X, table.y, **given)
        number_report = replace(number_report, settings=number_report.settings | left_out)
        return Answer(number_report, numbers_of_quantity(number_report), table.X)
    class_report = learnability_report(table.X, table.y, **given)
    class_report = replace(class_report, settings=class_report.settings | left_out)
    return Answer(class_report, numbers_of(class_report), table.X)


def numbers_of_quantity(report: RegressionReport) -> dict[str, Any]:
    """Return the numbers of a report on a number, without NaN, which JSON does not know."""
    share, told = report.learnability, report.information
    return {
        "n_samples": report.n_samples,
        "units": report.units,
        "learnability": number(share.value),
        "learnability_interval": [number(share.lower), number(share.upper)],
        "mutual_information": number(told.value),
        "mutual_information_interval": [number(told.lower), number(told.upper)],
        "r2": number(report.r2),
        "models": [
            {
                "name": one.name,
                "efficiency": number(one.efficiency.value),
                "efficiency_interval": [number(one.efficiency.lower), number(one.efficiency.upper)],
                "r2": number(one.r2),
                "standing": one.standing,
            }
            for one in report.models
        ],
        **said_of(report),
    }


def numbers_of(report: LearnabilityReport) -> dict[str, Any]:
    """Return the numbers of a report, without NaN, which JSON does not know."""
    ends, found = report.shortfall, report.learnability
    return {
        "n_samples": report.n_samples,
        "label_entropy": report.label_entropy,
        "units": report.units,
        "learnability": number(found.value),
        "learnability_interval": [number(found.lower), number(found.upper)],
        "learnability_bracket": [number(ends.lower), number(ends.upper)],
        "models": [
            {
                "name": one.model,
                "efficiency": number(one.efficiency.value),
                "efficiency_interval": [number(one.efficiency.lower), number(one.efficiency.upper)],
                "calibrated_efficiency": number(one.calibrated_efficiency.value),
                "verdict": assessed.verdict.answer,
            }
            for one, assessed in zip(report.comparison.models, report.models, strict=True)
        ],
        **said_of(report),
    }


def said_of(report: LearnabilityReport | RegressionReport) -> dict[str, Any]:
    """Return what a report says in words."""
    return {
        "findings": [{"code": str(one.code), "sentence": one.sentence} for one in report.findings],
        "sentences": list(report.sentences),
        "warnings": list(report.warnings),
    }


def number(value: float) -> float | None:
    """Return a finite number, else None."""
    return float(value) if math.isfinite(value) else None


def model_of(path: str) -> Any:
    """Return the model of a skops file, or the dotted path as it is."""
    if not path.endswith(".skops"):
        return path
    try:
        from skops.io import get_untrusted_types, load
    except ImportError as error:
        raise missing_package("skops", "report", "reads models") from error
    untrusted = get_untrusted_types(file=path)
    if untrusted:
        raise ValueError(f"Expected a file of known types in {path!r}, got {', '.join(untrusted)}.")
    return load(path)


def read_predictions(path: Path, table: TableFile) -> dict[str, Any]:
    """Return held-out predictions from a table: of a number, one column; else probabilities.

    These are a column a class, or one of the second.

    All are of all rows of the file; those without a target are left out.
    """
    read = read_table(path)
    if len(read) != len(table.has_target):
        raise ValueError(
            f"Expected a prediction of each of {len(table.has_target)} rows, got {len(read)}."
        )
    named = read.rename(columns=str)[table.has_target]
    texts = [name for name in named.columns if not is_numeric_dtype(named[name])]
    if texts:
        raise ValueError(f"Expected numbers in {path.name!r}, got texts in {texts[0]!r}.")
    if table.is_quantity:
        if named.shape[1] != 1:
            raise ValueError(f"Expected one column of forecasts, got {', '.join(named.columns)}.")
        return {path.stem: named.to_numpy(dtype=np.float64)[:, 0]}
    classes = [str(label) for label in np.unique(table.y)]
    if set(classes) <= set(named.columns):
        return {path.stem: named[classes].to_numpy()}
    if named.shape[1] == 1 and len(classes) == 2:
        only = named.to_numpy(dtype=np.float64)[:, 0]
        return {path.stem: 1 - only if named.columns[0] == classes[0] else only}
    raise ValueError(
        f"Expected a column for each class, {', '.join(classes)}, got {', '.join(named.columns)}."
    )
