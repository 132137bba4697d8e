"""Block scores: a score on all rows, and on all but one block of them."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_learnability._validation import Floats, Integers, check_groups
from sklearn_learnability.metrics._expected_score import ExpectedScore
from sklearn_learnability.metrics._resampling import (
    Estimate,
    jackknife_estimate,
    two_sided_quantile,
)

#: Rows or groups are put together into so many blocks, each of which is left out once.
N_BLOCKS = 20


@dataclass(frozen=True, eq=False)
class BlockScores:
    """A score on all rows, and on all but each of the blocks."""

    value: float
    left_out: Floats

    def plus(self, other: "BlockScores", share: float = 1.0) -> "BlockScores":
        """Return the sum of this score and a share of another of the same rows."""
        return BlockScores(self.value + share * other.value, self.left_out + share * other.left_out)

    def minus(self, other: "BlockScores") -> "BlockScores":
        """Return the difference of two scores of the same rows."""
        return self.plus(other, -1.0)

    def estimate(self, confidence: float = 0.95, least_error: float = 0.0) -> Estimate:
        """Return the score with its interval, of a standard error that is at least a given one.

        Where either error is unknown, as where a block holds all rows of a class, so are the ends.
        """
        found = jackknife_estimate(self.value, self.left_out, confidence)
        if not found.standard_error < least_error and not np.isnan(least_error):
            return found
        margin = two_sided_quantile(confidence, len(self.left_out) - 1) * least_error
        value = self.value
        return Estimate(value, least_error, value - margin, value + margin, confidence)


def make_blocks(weight: Floats, units: ArrayLike | None, seed: int) -> Integers:
    """Return the block of every row: units that do not depend on each other, in random order.

    Units are groups, or rows where there are none; those without weight count for nothing.
    """
    codes = np.arange(len(weight)) if units is None else check_groups(units, len(weight))
    weighty = np.flatnonzero(np.bincount(codes, weights=weight) > 0)
    block = np.zeros(codes.max() + 1, dtype=int)
    shuffled = np.random.RandomState(seed).permutation(len(weighty))
    block[weighty] = shuffled % min(N_BLOCKS, len(weighty))
    found: Integers = block[codes]
    return found


def block_scores(
    score: ExpectedScore, answers: Floats, posterior: Floats, weight: Floats, blocks: Integers
) -> BlockScores:
    """Return the expected score of answers to rows whose labels have a posterior.

    Labels that are known are a posterior of zeros and ones. Best decisions stay as they are where
    a block is left out: at the largest value they are of no consequence to first order.
    """
    numbers = np.arange(blocks.max() + 1)
    if len(numbers) == 1:  # without it nothing is left
        return BlockScores(score.expected(answers, posterior, weight), np.array([np.nan]))
    if score.of_decisions:
        called = [
            (weight[own, None] * posterior[own]).T @ answers[own]
            for own in (blocks == number for number in numbers)
        ]
        total = np.sum(called, axis=0)
        left_out = [score.of_confusion(total - part) for part in called]
        return BlockScores(score.of_confusion(total), np.array(left_out))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # of a block with all of a class
        left_out = [
            score.expected(answers[kept], posterior[kept], weight[kept])
            for kept in (blocks != number for number in numbers)
        ]
    return BlockScores(score.expected(answers, posterior, weight), np.array(left_out))


def shrink(expected: BlockScores, observed: BlockScores) -> BlockScores:
    r"""Return the expected score, moved towards the observed one as far as the two surely differ.

    .. math:: \hat S = S_e + \max\Big(0, 1 - \frac{\mathrm{se}(d)^2}{d^2}\Big) d,
              \qquad d = S_o - S_e

    Of a calibrated posterior both have one mean, and the expected score none of the noise of the
    labels. Where the posterior is not calibrated only the observed score is that of the model.
    """
    difference = observed.minus(expected)
    error, value = difference.estimate().standard_error, difference.value
    if not abs(value) > error:  # nor where one is undefined
        return expected
    return expected.plus(difference, 1 - (error / value) ** 2)
