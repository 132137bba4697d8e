"""What a report finds: stable codes, and the rules that decide on them."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve
from sklearn_learnability.ceilings._random_versus_forward import RandomVersusForward
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.ceilings._verdict import Verdict
from sklearn_learnability.metrics._nll_decomposition import NLLDecomposition

#: Share of H(Y) that calibration must give back for certain to be worth a line.
WORTH_CALIBRATING = 0.01


class FindingCode(StrEnum):
    """What kind of thing a report found; equal to its value, a string.

    Attributes
    ----------
    HEADROOM
        A model leaves information that the ceiling finds: a better model is there.
    CALIBRATION
        Calibration gives a model information back.
    MORE_ROWS
        More rows raise the ceiling, or only other columns can.
    OPTIMISTIC_SPLIT
        A random split says more than a forward one.
    NOTHING_FOUND
        The ceiling is not told from 0.
    COPIES
        Copies of rows stand on both sides of the folds.
    """

    HEADROOM = "SLL001"
    CALIBRATION = "SLL002"
    MORE_ROWS = "SLL003"
    OPTIMISTIC_SPLIT = "SLL004"
    NOTHING_FOUND = "SLL005"
    COPIES = "SLL006"


@dataclass(frozen=True, eq=False)
class Finding(Result):
    """One thing that a report found.

    Attributes
    ----------
    code : FindingCode
        What kind of thing, to branch on.
    sentence : str
        What was found, with the numbers.
    table : str
        Which table of the report it rests on.
    """

    code: FindingCode
    sentence: str
    table: str

    def to_frame(self) -> pd.DataFrame:
        """Return the finding as a table of one row."""
        return pd.DataFrame([asdict(self) | {"code": str(self.code)}])


@dataclass(frozen=True, kw_only=True, eq=False)
class AssessedModel(Result):
    """What is known of one model.

    Attributes
    ----------
    name : str
        Its name.
    verdict : Verdict
        Where it stands below the ceiling.
    decomposition : NLLDecomposition
        Its loss, split into calibration loss and the rest.
    """

    name: str
    verdict: Verdict
    decomposition: NLLDecomposition


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence(Result):
    """What findings are decided from.

    Attributes
    ----------
    shortfall : Shortfall
        Where the learnability may lie.
    models : tuple of AssessedModel
        The models.
    curve : LearnabilityCurve or None
        What more rows may bring, where it was measured.
    split : RandomVersusForward or None
        A random split beside a forward one, where rows have a time.
    duplicate_share : float
        Share of test rows that also stand in their training rows.
    has_copies : bool
        Whether these are telling.
    """

    shortfall: Shortfall
    models: tuple[AssessedModel, ...]
    curve: LearnabilityCurve | None
    split: RandomVersusForward | None
    duplicate_share: float
    has_copies: bool


def findings_of(evidence: Evidence) -> tuple[Finding, ...]:
    """Return all that was found, in the order of the codes."""
    return (
        *(found for model in evidence.models for found in _headroom(model)),
        *(found for model in evidence.models for found in _calibration(model)),
        *_more_rows(evidence.curve),
        *_optimistic_split(evidence.split),
        *nothing_found(evidence.shortfall.lower, evidence.shortfall.learnability, "labels"),
        *copies(evidence.has_copies, evidence.duplicate_share),
    )


def _headroom(model: AssessedModel) -> Iterator[Finding]:
    """Yield that a model lies behind the ceiling, where its verdict says so."""
    verdict = model.verdict
    if verdict.answer == "room for a better model":
        yield Finding(
            FindingCode.HEADROOM,
            f"{model.name} lies {percent(verdict.behind)} of the label entropy "
            f"{span(verdict.behind_lower, verdict.behind_upper)} below the ceiling: a better model "
            "is there.",
            "models",
        )


def _calibration(model: AssessedModel) -> Iterator[Finding]:
    """Yield that calibration pays, where it surely gives back a hundredth of H(Y)."""
    parts = model.decomposition
    loss, entropy = parts.calibration_loss, parts.label_entropy.value
    if entropy > 0 and loss.lower / entropy > WORTH_CALIBRATING:
        yield Finding(
            FindingCode.CALIBRATION,
            f"Calibration gives {model.name} {percent(loss.value / entropy)} of the label entropy "
            f"{span(loss.lower / entropy, loss.upper / entropy)} back.",
            "models",
        )


def _more_rows(curve: LearnabilityCurve | None) -> Iterator[Finding]:
    """Yield which of more rows and other columns pays, where the curve can tell."""
    if curve is None or curve.answer == "cannot tell":
        return
    most = curve.more_rows[-1]
    gain = f"{percent(most.gain_lower)} to {percent(most.gain_upper)} of the label entropy"
    so = "more rows pay" if curve.answer == "more rows" else "for more, get other columns"
    yield Finding(
        FindingCode.MORE_ROWS,
        f"{most.factor:g} times the rows raise the ceiling by {gain}: {so}.",
        "learning curve",
    )


def _optimistic_split(split: RandomVersusForward | None) -> Iterator[Finding]:
    """Yield that a random split is too good for a forecast, where it surely is."""
    if split is not None and split.is_optimistic:
        difference = split.difference
        yield Finding(
            FindingCode.OPTIMISTIC_SPLIT,
            f"A random split finds {percent(split.random.value)}, a forward split "
            f"{percent(split.forward.value)}: {percent(difference.value)} "
            f"{span(difference.lower, difference.upper)} are not there for a forecast.",
            "splits",
        )


def nothing_found(lower: float, learnability: float, target: str) -> Iterator[Finding]:
    """Yield that the ceiling is not told from 0, where its lower limit is 0."""
    if lower <= 0:
        yield Finding(
            FindingCode.NOTHING_FOUND,
            f"The ceiling, {percent(learnability)}, is not told from 0: the inputs may say nothing "
            f"about the {target}.",
            "ceiling",
        )


def copies(has_copies: bool, duplicate_share: float) -> Iterator[Finding]:
    """Yield that copies of rows stand on both sides of the folds, where they are telling."""
    if has_copies:
        yield Finding(
            FindingCode.COPIES,
            f"{percent(duplicate_share)} of the test rows also stand in their training rows: every "
            "score is too good. Drop repeated records, or say which rows belong together.",
            "ceiling",
        )


def percent(share: float) -> str:
    """Return a share in percent, with a digit more where it is small."""
    digits = 1 if abs(share) < 0.0995 else 0
    text = f"{100 * share:.{digits}f}"
    return f"{'0' if float(text) == 0 else text} %"


def span(lower: float, upper: float) -> str:
    """Return an interval of shares in percent, in brackets."""
    if math.isnan(lower) or math.isnan(upper):
        return "[interval unknown]"
    ends = (percent(end).removesuffix(" %") for end in (lower, upper))
    return f"[{', '.join(ends)}]"
