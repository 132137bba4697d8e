"""The findings of a learnability report as checks of skore."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._probabilities import align_probabilities
from sklearn_learnability._validation import missing_package
from sklearn_learnability.report._default_models import as_frame
from sklearn_learnability.report._finding import FindingCode
from sklearn_learnability.report._learnability_report import LearnabilityReport
from sklearn_learnability.report._measured_report import learnability_report

TITLES = {
    FindingCode.HEADROOM: "The model leaves information that the ceiling finds",
    FindingCode.CALIBRATION: "Calibration gives information back",
    FindingCode.MORE_ROWS: "More rows, or other columns",
    FindingCode.OPTIMISTIC_SPLIT: "A random split is too good for a forecast",
    FindingCode.NOTHING_FOUND: "Nothing to learn is found",
    FindingCode.COPIES: "Copies of rows on both sides of a split",
}
TIPS = (FindingCode.MORE_ROWS,)


def skore_checks(
    *,
    groups: ArrayLike | None = None,
    time: ArrayLike | None = None,
    candidates: Any = "fast",
    random_state: int = 0,
) -> list[Any]:
    """Return checks for a report of skore: `report.checks.add(skore_checks())`.

    One check a code of :class:`FindingCode`, of an estimator report with training rows or of a
    cross-validation report, of a classifier. All take the held-out probabilities that are there;
    the ceiling is fitted out of fold on all rows, once for all checks of a report.

    Parameters
    ----------
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. Of an estimator report, training rows first.
    time : array-like of shape (n_samples,), optional
        Numbers or dates that put the rows in order.
    candidates : {"fast", "default", "best"} or list of str and (str, classifier), default="fast"
        The family. That of the ceiling (:class:`~sklearn_learnability.GoldenModelCeiling`).
    random_state : int, default=0
        Source of randomness.

    Returns
    -------
    list of skore.Check
        In the order of the codes; that of splits only where there is a time.

    Raises
    ------
    ImportError
        If skore is missing.

    Examples
    --------
    >>> from sklearn_learnability.report import skore_checks
    >>> report.checks.add(skore_checks())  # doctest: +SKIP
    >>> report.checks.summarize()  # doctest: +SKIP
    """
    try:
        from skore import Check, CheckNotApplicable
    except ImportError as error:
        raise missing_package("skore", "skore", "runs the checks") from error
    settings = {
        "groups": groups,
        "time": time,
        "candidates": candidates,
        "random_state": random_state,
    }
    measured: WeakKeyDictionary[Any, LearnabilityReport] = WeakKeyDictionary()

    class LearnabilityCheck(Check):
        """Whether a report holds a finding of one code."""

        report_types = ["estimator", "cross-validation"]  # noqa: RUF012
        docs_url = None
        slow = True

        def __init__(self, code: FindingCode) -> None:
            self.finding = code
            self.code, self.title = str(code), TITLES[code]
            self.severity = "tip" if code in TIPS else "issue"

        def check_function(self, report: Any) -> str | None:
            """Return what was found, None where nothing was."""
            if report not in measured:
                rows = held_out(report)
                if isinstance(rows, str):
                    raise CheckNotApplicable(rows)
                X, y, proba = rows
                measured[report] = learnability_report(
                    X, y, predictions={"the model": proba}, **settings
                )
            told = [one.sentence for one in measured[report].findings if one.code == self.finding]
            return " ".join(told) or None

    wanted = [code for code in FindingCode if time is not None or code != "SLL004"]
    return [LearnabilityCheck(code) for code in wanted]


def held_out(report: Any) -> tuple[pd.DataFrame, Any, Any] | str:
    """Return rows and held-out probabilities, NaN in others, or why there are none."""
    parts = getattr(report, "reports_", None)
    if parts is None:
        if report.X_train is None or report.y_train is None:
            return "The training rows are not in the report."
        X = pd.concat([as_frame(report.X_train), as_frame(report.X_test)], ignore_index=True)
        y = np.concatenate([np.asarray(report.y_train), np.asarray(report.y_test)])
        tested = [(report.estimator_, report.X_test, np.arange(len(report.y_train), len(y)))]
    else:
        X, y = as_frame(report.X), np.asarray(report.y)
        tested = [
            (part.estimator_, part.X_test, test)
            for part, (_, test) in zip(parts, report.split_indices, strict=True)
        ]
    if not all(hasattr(model, "predict_proba") for model, *_ in tested):
        return "The estimator predicts no probabilities."
    classes = np.unique(y)
    proba = np.full((len(y), len(classes)), np.nan)
    for model, rows, places in tested:
        proba[places] = align_probabilities(model.predict_proba(rows), model.classes_, classes)
    return X, y, proba
