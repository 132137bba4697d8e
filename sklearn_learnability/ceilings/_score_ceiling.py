"""ScoreCeiling: the best value of a metric that the inputs allow."""

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, is_finite_number
from sklearn_learnability.ceilings._points_left import GoldenRows, PointsLeft, points_left
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.metrics._best_expected_score import best_answers
from sklearn_learnability.metrics._block_scores import (
    BlockScores,
    block_scores,
    make_blocks,
    shrink,
)
from sklearn_learnability.metrics._expected_score import ExpectedScore
from sklearn_learnability.metrics._refinement import mean_entropy, scatter, sharpen
from sklearn_learnability.metrics._resampling import Estimate

if TYPE_CHECKING:
    from sklearn_learnability.ceilings._golden_model import GoldenModel

Reach = Literal["within reach", "out of reach", "cannot tell"]

#: Level of the two-sided intervals, and that at which one end of one holds at 95 %.
CONFIDENCE, ONE_SIDED = 0.95, 0.90
#: Rows of what is scattered, at least, and draws of a row.
N_SCATTERED, MOST_DRAWS = 20_000, 32
NO_BRACKET = "no bracket was measured: fit with bracket=True, or pass shortfall="


@dataclass(frozen=True, eq=False)
class ScoreCeiling(Result):
    """The best value of a metric that the inputs allow, between a lower and an upper end.

    Greater is better, as for every scorer of scikit-learn: losses are negative.

    Attributes
    ----------
    scoring : str
        Name of the scorer.
    score : Estimate
        What the golden model reaches on rows new to it, with the best decisions where the metric
        asks for decisions, and its two-sided 95 % interval.
    lower : float
        The one-sided 95 % lower limit of `score`: what is safe to claim.
    upper : float
        An estimate of the most that the truth could reach: `upper_score` plus the one-sided margin
        of `expected`, for how it varies with class frequencies and rows. The bracket of the
        learnability already allows for the noise of labels. `perfect` if the bracket ends at 1, NaN
        without one.
    upper_score : Estimate
        What a truth with the largest learnability in the bracket would reach, under an assumption
        on what the golden model misses, with its two-sided 95 % interval.
    perfect : float
        The score of labels that are known for certain.
    expected : Estimate
        The score expected over labels drawn from the golden posterior.
    observed : Estimate
        The score on the labels themselves, out of fold.
    scattered, sharpened : float
        The upper end under either assumption on what is missed; the greater one is taken.
    reason : str
        Why `upper` is `perfect` or NaN; else empty.
    """

    scoring: str
    score: Estimate
    lower: float
    upper: float
    upper_score: Estimate
    perfect: float
    expected: Estimate
    observed: Estimate
    scattered: float
    sharpened: float
    reason: str
    rows: GoldenRows = field(repr=False, compare=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the ends and what they rest on as a table of one row."""
        row: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Estimate):
                row |= {part.name: value.value}
                row |= {f"{part.name}_{end}": getattr(value, end) for end in ("lower", "upper")}
            elif part.name != "rows":
                row[part.name] = value
        names = ["scoring", "score", "lower", "upper"]
        return pd.DataFrame([row])[[*names, *(name for name in row if name not in names)]]

    def verdict(self, wanted: float) -> Reach:
        """Say whether a value of the metric can be reached.

        Parameters
        ----------
        wanted : float
            A value of the metric.

        Returns
        -------
        {"within reach", "out of reach", "cannot tell"}
            "within reach" up to `lower`: the golden model reaches it. "out of reach" beyond
            `upper`, which depends on the bracket and on an assumption on what is missed. Otherwise,
            and if there is no upper end, "cannot tell".

        Raises
        ------
        ValueError
            If `wanted` is no finite number, or better than perfect.
        """
        if not is_finite_number(wanted) or wanted > self.perfect + 1e-9:
            raise ValueError(
                f"Expected wanted as a number up to {self.perfect:g}, the score of certain labels, "
                f"got {wanted!r}."
            )
        if wanted <= self.lower:
            return "within reach"
        return "out of reach" if wanted > self.upper else "cannot tell"

    def points_left(
        self,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> PointsLeft:
        """Return how much better than a model the metric can be.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels. If they are those of the ceiling's `fit`, row by row, model and golden
            model are compared on the same labels, and the noise of these cancels.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; the model's on held-out rows. Where the metric asks for
            decisions the most probable class is taken, as by `predict`: give a model with a
            threshold of its own as probabilities of 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. For the rows of `fit`, those of `fit`.
        groups : array-like of shape (n_samples,), optional
            Rows of one group may depend on each other; the interval is clustered by group. For the
            rows of `fit` the units of `fit` are taken.
        labels : array-like of shape (n_classes,), optional
            Classes in the order of the columns; by default those of the ceiling.

        Returns
        -------
        PointsLeft
            The model's score, and what is left at both ends.

        Raises
        ------
        ValueError
            If probabilities, labels or weights do not fit each other, or the weights are not those
            of `fit`.
        """
        return points_left(
            self.rows,
            self.score,
            self.upper,
            y_true,
            y_proba,
            sample_weight=sample_weight,
            groups=groups,
            labels=labels,
        )


def measure_score_ceiling(
    ceiling: "GoldenModel", scoring: Any, shortfall: Shortfall | None
) -> ScoreCeiling:
    """Return the ends of a metric from a fitted ceiling's out-of-fold posterior."""
    rows = golden_rows(ceiling, scoring)
    found = shrink(rows.expected, rows.observed)
    error = rows.observed.estimate().standard_error  # labels scatter it; `expected` does not show
    perfect = perfect_score(rows)
    ends = None
    if shortfall is not None:
        ends = upper_end(rows, shortfall, found, perfect, error, ceiling._record.seed)
    nan = float("nan")
    return ScoreCeiling(
        scoring=rows.score.name,
        score=found.estimate(CONFIDENCE, error),
        lower=found.estimate(ONE_SIDED, error).lower,
        upper=nan if ends is None else ends.limit,
        upper_score=Estimate(nan, nan, nan, nan, CONFIDENCE) if ends is None else ends.score,
        perfect=perfect,
        expected=rows.expected.estimate(CONFIDENCE),
        observed=rows.observed.estimate(CONFIDENCE),
        scattered=nan if ends is None else ends.scattered,
        sharpened=nan if ends is None else ends.sharpened,
        reason=NO_BRACKET if shortfall is None else shortfall.reason,
        rows=rows,
    )


def check_shortfall(given: Any, learnability: float) -> None:
    """Refuse what is no shortfall, and that of a ceiling of another learnability."""
    if not isinstance(given, Shortfall):
        raise TypeError(
            "Expected shortfall as a Shortfall, such as that of GoldenModelCeiling.shortfall, got "
            f"{type(given).__name__}."
        )
    if not np.isclose(given.learnability, learnability, equal_nan=True):
        raise ValueError(
            f"Expected the shortfall of this ceiling, whose learnability is {learnability:.4g}, "
            f"got one of a learnability of {given.learnability:.4g}."
        )


@dataclass(frozen=True)
class UpperEnd:
    """The upper end of a metric, its limit, and what either model says of it."""

    score: Estimate
    limit: float
    scattered: float
    sharpened: float


def upper_end(
    rows: GoldenRows,
    shortfall: Shortfall,
    found: BlockScores,
    perfect: float,
    error: float,
    seed: int,
) -> UpperEnd:
    """Return what a truth of the largest learnability would reach.

    It leaves the same share of the golden posterior's entropy as of its loss. What it adds to the
    score is taken from the posterior alone, so that the two share the noise of the labels.
    """
    if shortfall.upper >= 1:
        score = Estimate(perfect, 0.0, perfect, perfect, CONFIDENCE)
        return UpperEnd(score, perfect, perfect, perfect)
    left = (1 - shortfall.upper) / max(1 - shortfall.learnability, 1 - shortfall.upper)
    entropy = left * mean_entropy(rows.posterior, rows.weight)
    n_draws = min(MOST_DRAWS, -(-N_SCATTERED // len(rows.weight)))
    rng = np.random.RandomState(seed)
    models = [
        (scatter(rows.posterior, rows.weight, entropy, n_draws, rng), n_draws),
        (sharpen(rows.posterior, rows.weight, entropy), 1),
    ]
    gains = [gain(rows, posterior, n) for posterior, n in models]
    values = [min(found.value + max(part.value, 0.0), perfect) for part in gains]
    larger = int(np.argmax(values))
    spread = found.plus(gains[larger]).estimate(CONFIDENCE, error)
    shift = values[larger] - spread.value
    score = replace(
        spread,
        value=values[larger],
        lower=spread.lower + shift,
        upper=min(spread.upper + shift, perfect),
    )
    of_rows = rows.expected.estimate(ONE_SIDED)
    limit = float(np.fmin(score.value + of_rows.upper - of_rows.value, perfect))
    return UpperEnd(score, limit, *values)


def gain(rows: GoldenRows, posterior: Floats, n_draws: int) -> BlockScores:
    """Return what a refined posterior, of so many rows for each, adds to the expected score.

    The blocks are left out of the first draw of each row alone, which tells their spread.
    """
    weight = np.repeat(rows.weight, n_draws)
    answers = best_answers(rows.score, posterior, weight)
    value = rows.score.expected(answers, posterior, weight)
    first = slice(None, None, n_draws)
    parts = block_scores(rows.score, answers[first], posterior[first], rows.weight, rows.blocks)
    moved = BlockScores(value, parts.left_out + (value - parts.value))
    return moved.minus(rows.expected)


def golden_rows(ceiling: "GoldenModel", scoring: Any) -> GoldenRows:
    """Return the predicted rows of a ceiling, and the score that they are to be given."""
    record = ceiling._record
    score = ExpectedScore.from_scoring(scoring, ceiling.classes_)
    scored = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
    posterior, weight = ceiling.oof_proba_[scored], record.weight[scored]
    units = independent_units(record.groups, record.folds, scored)
    blocks = make_blocks(weight, units, record.seed)
    answers = best_answers(score, posterior, weight)
    labels = np.eye(posterior.shape[1])[record.codes[scored]]
    return GoldenRows(
        score=score,
        classes=ceiling.classes_,
        codes=record.codes,
        scored=scored,
        posterior=posterior,
        weight=weight,
        blocks=blocks,
        expected=block_scores(score, answers, posterior, weight, blocks),
        observed=block_scores(score, answers, labels, weight, blocks),
    )


def perfect_score(rows: GoldenRows) -> float:
    """Return the score of labels that are known for certain."""
    frequencies = np.average(rows.posterior, axis=0, weights=rows.weight)
    classes = np.arange(len(frequencies))
    return rows.score.observed(np.eye(len(classes)), classes, frequencies) + 0.0  # no -0
