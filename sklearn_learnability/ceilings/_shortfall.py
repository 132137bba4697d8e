"""Shortfall: how far the truth may lie above a ceiling."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._folds import Folds
from sklearn_learnability._results import Result
from sklearn_learnability._validation import Units, check_number, check_weights
from sklearn_learnability.ceilings._evidence import ShortfallEvidence, measure_evidence
from sklearn_learnability.ceilings._out_of_fold import TrainingData
from sklearn_learnability.ceilings._shortfall_rule import ShortfallRule, shortfall_rule
from sklearn_learnability.ceilings._verdict import Verdict, judge
from sklearn_learnability.metrics._efficiency_ends import LearnabilityEnds
from sklearn_learnability.metrics._information import (
    log_loss_per_sample,
    prior_surprisal,
)
from sklearn_learnability.metrics._reference import Reference, groups_beside, reference_losses

if TYPE_CHECKING:
    from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling

#: A gain of more rows that is so many standard errors below 0 is no learning curve.
FALLING_CURVE = 2.0
#: A gap that may be so many times what was found is no bound worth the name.
LARGEST_MULTIPLE = 3.0
#: Share of rows with equal ones from which these are heard alone where the rule can only guess.
MANY_REPLICATES = 0.5


@dataclass(frozen=True, eq=False)
class Shortfall(Result):
    r"""Where the learnability may lie: from a ceiling's lower limit to an upper end.

    Attributes
    ----------
    learnability : float
        The ceiling :math:`L_G`.
    lower : float
        Its one-sided lower limit, at least 0: what is safe to claim.
    upper : float
        Upper end of the learnability, at most 1: the lower of what the rule and what rows of equal
        inputs allow. If half of the rows have equal ones and the rule can only guess, it is what
        these rows allow.
    largest_gap : float
        The most by which the ceiling's expected score may lie below the learnability.
    source : {"rule", "replicates", "none"}
        What the upper end is taken from.
    outside : tuple of str
        Which parts of the evidence or the setting are unlike all that the rule was fitted on; empty
        if none is. Otherwise an upper end from the rule is a guess.
    reason : str
        Why the upper end is 1, as it is if nothing can be told; else empty.
    confidence : float
        Level of either end.
    units : str
        Unit of the ceiling.
    evidence : ShortfallEvidence
        The evidence for the upper end.
    """

    learnability: float
    lower: float
    upper: float
    largest_gap: float
    source: str
    outside: tuple[str, ...]
    reason: str
    confidence: float
    units: Units
    evidence: ShortfallEvidence

    def to_frame(self) -> pd.DataFrame:
        """Return the bracket and its evidence as a table of one row."""
        row = asdict(self)
        evidence = row.pop("evidence")
        return pd.DataFrame([row | {"outside": ", ".join(self.outside)} | evidence])

    def verdict(
        self,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        reference_nll: Reference,
        X: Any = None,
        negligible: float = 0.05,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> Verdict:
        r"""Say whether a model is at the ceiling, has room to improve, or cannot be told.

        Let d be how far the model's information score lies below the ceiling's on the same rows,
        with its 95 % interval, and g the largest gap, both as shares of H(Y):

        - "room for a better model" if d is above `negligible` at its lower end: the ceiling itself
          is that better model;
        - "at the ceiling" if d at its upper end, plus g, is at most `negligible`: not even the
          truth is better by more;
        - "cannot tell" otherwise, and instead of "at the ceiling" where `outside` is not empty and
          the rule gives the upper end.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; the model's on held-out rows.
        reference_nll : array-like of shape (n_samples,) or fitted GoldenModelCeiling
            The ceiling's held-out losses of the same rows, in `units`. A ceiling itself is taken
            as by :func:`sklearn_learnability.metrics.efficiency`.
        X : array-like of shape (n_samples, n_features), optional
            Inputs. Only for a ceiling that is to predict rows new to it.
        negligible : float, default=0.05
            Share that counts as nothing. Of H(Y): what is not worth a better model.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.
        groups : array-like of shape (n_samples,), optional
            Rows of one group may depend on each other; the interval is clustered by group. By
            default those of a ceiling in `reference_nll`, where X is not given.
        labels : array-like of shape (n_classes,), optional
            Classes in the order of the columns; by default the sorted distinct labels of `y_true`.

        Returns
        -------
        Verdict
            The answer, with the efficiency against both ends.

        Raises
        ------
        ValueError
            If `negligible` is not in [0, 1], or for the reasons of
            :func:`sklearn_learnability.metrics.efficiency`.
        """
        check_number("negligible", negligible, 0.0, 1.0)
        loss = log_loss_per_sample(y_true, y_proba, labels=labels, units=self.units)
        weight = check_weights(sample_weight, len(loss))
        return judge(
            prior_surprisal(y_true, sample_weight=weight, units=self.units),
            loss,
            reference_losses(reference_nll, y_true, X, units=self.units),
            ends=LearnabilityEnds(self.lower, self.upper, self.largest_gap),
            units=self.units,
            is_sure=self.source == "replicates" or not self.outside,
            negligible=negligible,
            weight=weight,
            groups=groups_beside(reference_nll, X, groups),
        )


def measure_shortfall(
    ceiling: "GoldenModelCeiling", data: TrainingData, groups: ArrayLike | None
) -> Shortfall:
    """Return the shortfall of a fitted ceiling, from the rows it was fitted on."""
    if ceiling.label_entropy_ == 0:
        raise ValueError(
            "Expected predicted rows of at least 2 classes, got one class that has weight: with "
            "one there is nothing to learn, and no shortfall."
        )
    rule = shortfall_rule()
    evidence, reason = measure_evidence(ceiling, data, groups)
    outside = (*strange_setting(ceiling, rule, groups), *rule.strange(evidence))
    value = ceiling.learnability_
    bound = rule.largest_gap(evidence, value)
    reason = reason or why_unknown(ceiling, evidence, bound)
    source, gap, end = "none", 1.0 - value, 1.0
    if not reason:
        source, gap = "rule", bound
        end = value + gap + rule.errors * ceiling.learnability_standard_error_
    is_guess = bool(outside) and evidence.replicate_share >= MANY_REPLICATES
    if evidence.replicate_limit < (1.0 if is_guess else min(end, 1.0)):
        source, reason, end = "replicates", "", evidence.replicate_limit
        gap = end - value
    lower = max(0.0, ceiling.learnability_lower_limit_)
    return Shortfall(
        learnability=value,
        lower=lower,
        upper=float(np.clip(end, lower, 1.0)),
        largest_gap=max(0.0, gap),
        source=source,
        outside=outside,
        reason=reason,
        confidence=rule.confidence,
        units=ceiling.units_,
        evidence=evidence,
    )


def why_unknown(ceiling: "GoldenModelCeiling", evidence: ShortfallEvidence, bound: float) -> str:
    """Return why the rule says nothing, or nothing."""
    lower = ceiling.learnability_lower_limit_
    if np.isnan(lower):
        return "a class has too few rows"
    if lower <= 0:
        return (
            f"nothing was found, the lower limit is {lower:.3g}: there may be nothing, or nothing "
            "that the family sees"
        )
    if evidence.gain < -FALLING_CURVE * evidence.gain_error:
        return (
            f"three times the rows lowered the score by {-evidence.gain:.3g}, which no learning "
            "curve does"
        )
    if bound > LARGEST_MULTIPLE * ceiling.learnability_:
        return (
            f"the shortfall may be {bound:.3g}, more than {LARGEST_MULTIPLE:g} times the "
            f"{ceiling.learnability_:.3g} that was found"
        )
    return ""


def is_shuffled_fifth(folds: Folds) -> bool:
    """Return whether the rule was fitted on folds of this kind: five of any rows."""
    return folds.is_partition and len(folds.splits) == 5 and not folds.along_rows


def strange_setting(
    ceiling: "GoldenModelCeiling", rule: ShortfallRule, groups: ArrayLike | None
) -> tuple[str, ...]:
    """Return the names of the settings that the rule has not seen."""
    record = ceiling._record
    strange = {
        "candidates": record.candidates not in rule.budgets,
        "cv": not is_shuffled_fifth(record.folds),
        "groups": groups is not None,
        "calibration": record.calibration != "affine",
        "blend": record.blend != "log-linear",
    }
    return tuple(name for name, is_strange in strange.items() if is_strange)
