"""The answer of a report in three sentences."""

import math
from typing import TYPE_CHECKING

from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.metrics._comparison import ModelComparison
from sklearn_learnability.metrics._efficiency import Efficiency
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.report._finding import (
    WORTH_CALIBRATING,
    AssessedModel,
    percent,
    span,
)

if TYPE_CHECKING:
    from sklearn_learnability.report._regression_report import AssessedRegressor, RegressionReport


def sentences_of(
    learnability: Estimate,
    shortfall: Shortfall,
    comparison: ModelComparison,
    model: AssessedModel,
    curve: LearnabilityCurve | None,
) -> tuple[str, ...]:
    """Return what the inputs explain, what the model extracts of it, and what more rows may do."""
    assessed = next(one for one in comparison.models if one.model == model.name)
    return (
        explained(learnability, shortfall),
        extracted(model, assessed.efficiency),
        to_do(curve),
    )


def explained(learnability: Estimate, shortfall: Shortfall) -> str:
    """Return what the inputs explain of the label entropy, and the most that they may."""
    if math.isnan(learnability.value):
        return "The rows are of one class: there is nothing to learn."
    ends = span(max(learnability.lower, 0.0), min(learnability.upper, 1.0))
    if shortfall.lower <= 0:
        return (
            f"It cannot be told whether the inputs explain anything of the labels: the ceiling is "
            f"{percent(learnability.value)} {ends} of the label entropy."
        )
    text = f"The inputs explain {percent(learnability.value)} {ends} of the label entropy"
    if shortfall.source == "none":
        return f"{text}; how much more there may be cannot be told, as {shortfall.reason}."
    by = "rows of equal inputs" if shortfall.source == "replicates" else "the evidence at hand"
    most = f"{text}, and by {by} no more than {percent(shortfall.upper)}"
    if round(shortfall.upper, 2) >= 1:
        most = f"{text}, and by {by} they may explain all of it"
    if shortfall.source == "rule" and shortfall.outside:
        return f"{most}, which is a guess for a table like this one."
    return f"{most}."


def extracted(model: AssessedModel, efficiency: Efficiency) -> str:
    """Return what the model extracts of it, and what calibration would give back."""
    if math.isnan(efficiency.value):
        return f"What {model.name} extracts of that cannot be told: {efficiency.reason}."
    name = model.name[:1].upper() + model.name[1:]
    text = f"{name} extracts {percent(efficiency.value)}{known_span(efficiency)} of that"
    if efficiency.value < 0:
        text = f"{name} predicts worse than the class frequencies"
    entropy, loss = model.decomposition.label_entropy.value, model.decomposition.calibration_loss
    if loss.lower / entropy > WORTH_CALIBRATING:
        points = percent(loss.value / entropy / efficiency.learnability.value).removesuffix(" %")
        return f"{text}; {points} points are miscalibration, which CalibratedClassifierCV repairs."
    verdicts = {
        "at the ceiling": "it is at the ceiling",
        "room for a better model": "there is room for a better model",
        "cannot tell": "whether a better model is there cannot be told",
    }
    return f"{text}; {verdicts[model.verdict.answer]}."


def known_span(efficiency: Efficiency) -> str:
    """Return the interval of an efficiency, nothing where it is not bounded."""
    ends = (efficiency.lower, efficiency.upper)
    bounded = all(map(math.isfinite, ends)) and efficiency.lower <= efficiency.upper
    return f" {span(*ends)}" if bounded else ""


def to_do(curve: LearnabilityCurve | None) -> str:
    """Return what more rows may do, and what to do then."""
    if curve is None:
        return "Whether more rows would help was not measured."
    if curve.reason:
        return f"Whether more rows would help cannot be told: {curve.reason}."
    most = curve.more_rows[-1]
    gain = f"{percent(max(most.gain_lower, 0.0))} to {percent(most.gain_upper)}"
    so = {
        "more rows": "more rows pay",
        "other columns": "look for other columns rather than for more rows",
        "cannot tell": "whether that pays cannot be told yet",
    }
    return f"Ten times the rows would add {gain} of the label entropy, so {so[curve.answer]}."


def sentences_of_number(report: "RegressionReport") -> tuple[str, ...]:
    """Return what the inputs tell of a number, what the first model extracts, and as R²."""
    return (
        told_of_number(report),
        extracted_of_number(report.models[0]),
        f"The ceiling's own forecasts have an R² of {report.r2:.2f}; whether more rows would help "
        "was not measured.",
    )


def told_of_number(report: "RegressionReport") -> str:
    """Return what the inputs tell of a number, as a share and in bits."""
    share, found = report.learnability, report.information
    ends = span(max(share.lower, 0.0), share.upper)
    if report.lower_limit <= 0:
        return (
            f"It cannot be told whether the inputs say anything of {report.target}: the ceiling is "
            f"{percent(share.value)} {ends}."
        )
    return (
        f"The inputs explain {percent(share.value)} {ends} of {report.target}, as a share of "
        f"variance between Gaussians: {found.value:.2g} {report.units} a row; how much more there "
        "may be was not measured."
    )


def extracted_of_number(model: "AssessedRegressor") -> str:
    """Return what a model extracts of it, and where that leaves the model."""
    found, name = model.efficiency, model.name[:1].upper() + model.name[1:]
    if math.isnan(found.value):
        return f"What {model.name} extracts of that cannot be told: {found.reason}."
    text = f"{name} extracts {percent(found.value)} {span(found.lower, found.upper)} of that"
    if found.value < 0:
        text = f"{name} says less than nothing of it"
    standings = {
        "level with the ceiling": "it is level with the ceiling",
        "room for a better model": "there is room for a better model",
        "cannot tell": "whether a better model is there cannot be told",
    }
    return f"{text}, with an R² of {model.r2:.2f}; {standings[model.standing]}."
