"""What the command line says of a table: of classes by a report, of numbers by their ceiling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.model_selection import TimeSeriesSplit

from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import missing_package
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.report._finding import percent, span
from sklearn_learnability.report._learnability_report import LearnabilityReport
from sklearn_learnability.report._measured_report import (
    N_FORWARD_FOLDS,
    learnability_report,
    order_of,
)
from sklearn_learnability.report._read_table import TableFile, read_table


@dataclass(frozen=True)
class Answer:
    """The sentences and numbers of a table, and its report where there is one."""

    sentences: tuple[str, ...]
    numbers: dict[str, Any]
    report: LearnabilityReport | None
    X: pd.DataFrame

    def write(self, path: Path, *, show_rows: bool) -> None:
        """Write the report."""
        if self.report is None:
            raise ValueError(
                "Expected a target of classes for a report, got numbers. Leave --out out."
            )
        self.report.to_html(path, show_rows=self.X if show_rows else None)


def score_classes(
    table: TableFile,
    *,
    models: Sequence[str] | None,
    predictions: Path | None,
    budget: str,
    store: Path | None,
    seed: int,
) -> Answer:
    """Return the answer for a target of classes."""
    report = learnability_report(
        table.X,
        table.y,
        [model_of(one) for one in models] if models else None,
        predictions=None if predictions is None else read_predictions(predictions, table),
        groups=table.groups,
        time=table.time,
        candidates=str(budget),
        memory=store,
        random_state=seed,
        verbose=1,
    )
    found = (f"{one.code} {one.sentence}" for one in report.findings)
    return Answer((*report.sentences, *found), numbers_of(report), report, table.X)


def score_numbers(table: TableFile, *, budget: str, store: Path | None, seed: int) -> Answer:
    """Return the answer for a target of numbers, where rows have a time from earlier rows."""
    cv = 5 if table.time is None else TimeSeriesSplit(N_FORWARD_FOLDS)
    ceiling = GoldenModelCeilingRegressor(str(budget), cv=cv, memory=store, random_state=seed)
    order = order_of(table.time, len(table.y))
    groups = None if table.groups is None else table.groups.to_numpy()[order]
    ceiling.fit(take_rows(table.X, order), table.y.to_numpy()[order], groups=groups)
    lower, upper = ceiling.learnability_interval_
    sentence = (
        f"The inputs explain {percent(ceiling.learnability_)} {span(max(lower, 0.0), upper)} of "
        f"{table.y.name}, as a share of variance between Gaussians: "
        f"{ceiling.mutual_information_:.3g} {ceiling.units_} a row."
    )
    numbers = {
        "learnability": ceiling.learnability_,
        "learnability_interval": [lower, upper],
        "mutual_information": ceiling.mutual_information_,
    }
    return Answer((sentence,), numbers, None, table.X)


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
    """Return held-out probabilities from a table with a column a class, or one of the second.

    They are of all rows of the file; those without a target are left out.
    """
    read, classes = read_table(path), [str(label) for label in np.unique(table.y)]
    if len(read) != len(table.has_target):
        raise ValueError(
            f"Expected a prediction of each of {len(table.has_target)} rows, got {len(read)}."
        )
    named = read.rename(columns=str)[table.has_target]
    texts = [name for name in named.columns if not is_numeric_dtype(named[name])]
    if texts:
        raise ValueError(f"Expected probabilities in {path.name!r}, got texts in {texts[0]!r}.")
    if set(classes) <= set(named.columns):
        return {path.stem: named[classes].to_numpy()}
    if named.shape[1] == 1 and len(classes) == 2:
        only = named.to_numpy(dtype=np.float64)[:, 0]
        return {path.stem: 1 - only if named.columns[0] == classes[0] else only}
    raise ValueError(
        f"Expected a column for each class, {', '.join(classes)}, got {', '.join(named.columns)}."
    )
