"""RegressionReport: the answer for a table whose target is a number, that can be handed on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.metrics._regression_efficiency import RegressionEfficiency
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.report._finding import (
    Finding,
    FindingCode,
    copies,
    nothing_found,
    percent,
    span,
)
from sklearn_learnability.report._html import Page
from sklearn_learnability.report._number_page import number_page
from sklearn_learnability.report._report import Report
from sklearn_learnability.report._sentences import sentences_of_number

#: Share of the learnable information that is too little to look for a better model.
NEGLIGIBLE = 0.05

Standing = Literal["level with the ceiling", "room for a better model", "cannot tell"]


@dataclass(frozen=True, kw_only=True, eq=False)
class AssessedRegressor(Result):
    """What is known of one regressor.

    Attributes
    ----------
    name : str
        Its name.
    efficiency : RegressionEfficiency
        Its share of the information that the ceiling finds.
    r2 : float
        R² of its held-out forecasts.
    """

    name: str
    efficiency: RegressionEfficiency
    r2: float

    @property
    def standing(self) -> Standing:
        """Where it stands: by the whole interval of its efficiency, 5 % apart counting as level."""
        if self.efficiency.reason:
            return "cannot tell"
        if self.efficiency.upper < 1 - NEGLIGIBLE:
            return "room for a better model"
        return "level with the ceiling" if self.efficiency.lower > 1 - NEGLIGIBLE else "cannot tell"

    def to_frame(self) -> pd.DataFrame:
        """Return the regressor as a table of one row."""
        table = self.efficiency.to_frame()
        names = {"value": "efficiency", "lower": "efficiency_lower", "upper": "efficiency_upper"}
        table = table.rename(columns=names).drop(columns="confidence")
        table.insert(0, "model", self.name)
        return table.assign(r2=self.r2, standing=self.standing)


@dataclass(frozen=True, kw_only=True, eq=False)
class RegressionReport(Report):
    """What can be learned of a number in a table, and what models make of it.

    Made by :func:`regression_report`. In a notebook it shows its first lines; `to_html` gives the
    whole as one file.

    Attributes
    ----------
    target : str
        Name of the number.
    n_samples, n_features : int
        Sizes of the table.
    units : {"bits", "nats"}
        Unit of information.
    information : Estimate
        What the ceiling tells of the number, of one row.
    learnability : Estimate
        The same as a share: between Gaussians, of the variance.
    lower_limit : float
        One-sided 95 % lower limit of the learnability.
    most_learnability : float
        The most that can be read from the target: few distinct values hold little.
    r2 : float
        R² of the ceiling's held-out forecasts.
    candidates : DataFrame
        The family of the ceiling, one row a candidate.
    models : tuple of AssessedRegressor
        The models against the ceiling.
    segments : tuple of (str, DataFrame)
        The information in the levels of some columns, of the ceiling and of the first model.
    forecasts : DataFrame
        Some rows: `actual` numbers and the first model's held-out `forecast`.
    surprises : DataFrame
        The rows that surprise the first model most: `position`, `actual`, `forecast`, `information`
        of its forecast, and `ceiling`, that of the ceiling's.
    duplicate_share : float
        Share of test rows that also stand in their training rows.
    has_copies : bool
        Whether these are telling.
    warnings : tuple of str
        What was warned of on the way.
    settings, versions : dict of str to str
        What it was made with.
    """

    target: str
    n_samples: int
    n_features: int
    units: str
    information: Estimate
    learnability: Estimate
    lower_limit: float
    most_learnability: float
    r2: float
    candidates: pd.DataFrame
    models: tuple[AssessedRegressor, ...]
    segments: tuple[tuple[str, pd.DataFrame], ...]
    forecasts: pd.DataFrame
    surprises: pd.DataFrame
    duplicate_share: float
    has_copies: bool
    warnings: tuple[str, ...]
    settings: dict[str, str]
    versions: dict[str, str]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer: what the inputs tell, what the first model extracts, and as R²."""
        return sentences_of_number(self)

    @property
    def findings(self) -> tuple[Finding, ...]:  # type: ignore[override]
        """What was found, by code: SLL001, SLL005 and SLL006."""
        return (
            *(found for model in self.models for found in headroom(model)),
            *nothing_found(self.lower_limit, self.learnability.value, "target"),
            *copies(self.has_copies, self.duplicate_share),
        )

    def _page(self, show_rows: pd.DataFrame | None) -> Page:
        return number_page(self, show_rows)


def headroom(model: AssessedRegressor) -> Iterator[Finding]:
    """Yield that a model lies behind the ceiling, where its whole interval does."""
    if model.standing == "room for a better model":
        found = model.efficiency
        yield Finding(
            FindingCode.HEADROOM,
            f"{model.name} extracts {percent(found.value)} {span(found.lower, found.upper)} of the "
            "information that the ceiling finds: a better model is there.",
            "models",
        )
