"""LearnabilityReport: the answer for one table, that can be handed on."""

from dataclasses import dataclass

import pandas as pd

from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve
from sklearn_learnability.ceilings._random_versus_forward import RandomVersusForward
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.metrics._comparison import ModelComparison
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.metrics._segments import SegmentReport
from sklearn_learnability.report._class_page import class_page
from sklearn_learnability.report._finding import AssessedModel, Finding
from sklearn_learnability.report._html import Page
from sklearn_learnability.report._report import Report
from sklearn_learnability.report._sentences import sentences_of


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnabilityReport(Report):
    """What can be learned from a table, what models make of it, and what to do next.

    Made by :func:`learnability_report`. In a notebook it shows its first lines; `to_html` gives the
    whole as one file.

    Attributes
    ----------
    target : str
        Name of the labels.
    n_samples, n_features, n_classes : int
        Sizes of the table, and number of its classes.
    units : {"bits", "nats"}
        Unit of information.
    label_entropy : float
        H(Y) of the rows that were predicted.
    learnability : Estimate
        The ceiling.
    shortfall : Shortfall
        Where the learnability itself may lie.
    candidates : DataFrame
        The family of the ceiling, one row a candidate.
    comparison : ModelComparison
        The models against the ceiling.
    models : tuple of AssessedModel
        Where each of them stands, and its calibration loss.
    curve : LearnabilityCurve or None
        What more rows may bring, where it was asked for.
    split : RandomVersusForward or None
        A random split beside a forward one, where rows have a time.
    segments : tuple of (str, SegmentReport)
        What can be learned in the levels of some columns, and what the first model makes of it.
    surprises : DataFrame
        The rows that surprise the first model most: `position`, `label`, `probability` of the
        label, `surprise`, and `ceiling`, the surprise of the ceiling.
    findings : tuple of Finding
        What was found, by code.
    warnings : tuple of str
        What was warned of on the way.
    settings, versions : dict of str to str
        What it was made with.
    """

    target: str
    n_samples: int
    n_features: int
    n_classes: int
    units: str
    label_entropy: float
    learnability: Estimate
    shortfall: Shortfall
    candidates: pd.DataFrame
    comparison: ModelComparison
    models: tuple[AssessedModel, ...]
    curve: LearnabilityCurve | None
    split: RandomVersusForward | None
    segments: tuple[tuple[str, SegmentReport], ...]
    surprises: pd.DataFrame
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    settings: dict[str, str]
    versions: dict[str, str]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer: what the inputs explain, what the first model extracts, what more rows do."""
        return sentences_of(
            self.learnability, self.shortfall, self.comparison, self.models[0], self.curve
        )

    def _page(self, show_rows: pd.DataFrame | None) -> Page:
        return class_page(self, show_rows)
