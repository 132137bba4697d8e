"""PointsLeft: how much better than a model a metric can be."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._probabilities import check_probabilities
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Integers,
    check_groups,
    check_weights,
    encode_labels,
    relative_weights,
)
from sklearn_learnability.metrics._block_scores import (
    BlockScores,
    block_scores,
    make_blocks,
)
from sklearn_learnability.metrics._expected_score import ExpectedScore
from sklearn_learnability.metrics._resampling import Estimate, two_sided_quantile

#: Two-sided level of the intervals, and that of a limit that holds at 95 %.
CONFIDENCE, ONE_SIDED = 0.95, 0.90


@dataclass(frozen=True, eq=False)
class GoldenRows:
    """The rows that a golden model was scored on, and its scores.

    Attributes
    ----------
    score : ExpectedScore
        The metric.
    classes : ndarray of shape (n_classes,)
        Class labels.
    codes : ndarray of shape (n_samples,)
        Column of the label of every row of `fit`.
    scored : ndarray of shape (n,)
        Positions of the predicted rows.
    posterior, weight, blocks : ndarray
        Their out-of-fold probabilities, weights and blocks.
    expected, observed : BlockScores
        The score on labels of the posterior, and on those that are there.
    """

    score: ExpectedScore
    classes: NDArray[Any]
    codes: Integers
    scored: Integers
    posterior: Floats
    weight: Floats
    blocks: Integers
    expected: BlockScores
    observed: BlockScores


@dataclass(frozen=True, eq=False)
class PointsLeft(Result):
    """How much better than a model a metric can be, in its own unit.

    Attributes
    ----------
    score : Estimate
        The model's score with its two-sided 95 % interval.
    behind : Estimate
        How far it lies below what the golden model reaches, with the interval: points that are
        there for certain, up to noise. Below 0 where the model is better than the golden model.
    lower : float
        The one-sided 95 % lower limit of `behind`, at least 0.
    upper : float
        The one-sided upper limit of `behind`, and what the upper end of the ceiling adds to the
        golden model; at least 0. NaN where there is no upper end. Both are NaN where the spread is
        unknown, as of a single group.
    is_paired : bool
        Whether model and golden model were compared on the same labels.
    """

    score: Estimate
    behind: Estimate
    lower: float
    upper: float
    is_paired: bool

    def to_frame(self) -> pd.DataFrame:
        """Return the points as a table of one row."""
        row: dict[str, Any] = asdict(self)
        for name in ("score", "behind"):
            part = row.pop(name)
            row |= {name: part["value"]}
            row |= {f"{name}_{end}": part[end] for end in ("lower", "upper")}
        return pd.DataFrame([row])


def points_left(
    rows: GoldenRows,
    golden: Estimate,
    upper: float,
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
    labels: ArrayLike | None,
) -> PointsLeft:
    """Return the points between a model and both ends of the ceiling of a metric."""
    columns = rows.classes if labels is None else encode_labels(labels, labels)[0]
    classes, codes = encode_labels(y_true, rows.classes)
    order = encode_labels(classes, columns)[1]
    if len(columns) != len(classes):
        raise ValueError(
            f"Expected labels of the ceiling's classes {classes.tolist()}, got {columns.tolist()}."
        )
    answers = check_probabilities(y_proba, len(codes), columns)[:, order]
    if rows.score.of_decisions:
        answers = np.eye(len(classes))[answers.argmax(axis=1)]
    is_paired = np.array_equal(codes, rows.codes)
    units = None if groups is None else check_groups(groups, len(codes))
    weight = check_weights(sample_weight, len(codes))
    if is_paired:
        if sample_weight is not None and not np.allclose(
            relative_weights(weight[rows.scored]), relative_weights(rows.weight)
        ):
            raise ValueError("Expected the weights of fit for the rows of fit, got others.")
        codes, answers, weight, blocks = (
            codes[rows.scored],
            answers[rows.scored],
            rows.weight,
            rows.blocks,
        )
    else:
        blocks = make_blocks(weight, units, seed=0)
    own = block_scores(rows.score, answers, np.eye(len(classes))[codes], weight, blocks)
    if is_paired:
        behind = rows.observed.minus(own).estimate(CONFIDENCE)
        freedom = len(own.left_out) - 1.0
    else:
        behind, freedom = unpaired(golden, len(rows.observed.left_out), own)
    one_sided = two_sided_quantile(ONE_SIDED, max(freedom, 1.0)) * behind.standard_error
    return PointsLeft(
        score=own.estimate(CONFIDENCE),
        behind=behind,
        lower=float(np.maximum(behind.value - one_sided, 0.0)),
        upper=float(np.maximum(behind.value + one_sided + upper - golden.value, 0.0)),
        is_paired=is_paired,
    )


def unpaired(golden: Estimate, n_blocks: int, own: BlockScores) -> tuple[Estimate, float]:
    r"""Return the difference of scores of unrelated rows, and its degrees of freedom.

    .. math:: \nu = \frac{(a + b)^2}{a^2 / (G_a - 1) + b^2 / (G_b - 1)}

    with the squared standard errors a and b of so many blocks (B. L. Welch, Biometrika 1947,
    https://doi.org/10.1093/biomet/34.1-2.28).
    """
    model = own.estimate(CONFIDENCE)
    value = golden.value - model.value
    squares = np.array([golden.standard_error, model.standard_error]) ** 2
    blocks = np.array([n_blocks, len(own.left_out)])
    below = float(np.sum(squares**2 / np.maximum(blocks - 1, 1)))
    freedom = 1.0 if below == 0 else float(squares.sum() ** 2 / below)
    error = float(np.sqrt(squares.sum()))
    margin = two_sided_quantile(CONFIDENCE, freedom) * error
    return Estimate(value, error, value - margin, value + margin, CONFIDENCE), freedom
