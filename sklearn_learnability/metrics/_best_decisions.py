"""Best decisions: the rule that gives a metric of decisions its largest expected value."""

import numpy as np

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.metrics._expected_score import ExpectedScore

#: Steps of the search, and the share of all rows that a slope is taken over, where whole rows are
#: counted and where they are not.
MOST_STEPS = 30
STEP_OF_WEIGHTS, STEP_OF_ROWS = 1e-6, 2e-3


def best_decisions(score: ExpectedScore, posterior: Floats, weight: Floats) -> Integers:
    r"""Return the decisions with the largest expected score, as columns of the posterior.

    .. math:: d_i = \arg\max_k \sum_j p_{ij} G_{jk}, \qquad
              G_{jk} = \frac{\partial S}{\partial C_{jk}}, \qquad
              C_{jk} = \sum_i w_i p_{ij} [d_i = k]

    A metric of decisions is a function S of the confusion matrix C. At its largest value no row
    gains by another decision, which is the condition above: for accuracy the most probable class,
    for balanced accuracy that of the largest p over its frequency, for F1 all rows with p above
    half of the largest F1. The condition is iterated from the first two; for ratios of linear
    functions, as F1, that is Dinkelbach's method, which ends in the largest value. For others, such
    as a mean of F1 over classes, it may end in a lesser one.

    References
    ----------
    W. Dinkelbach. On nonlinear fractional programming. Management Science, 1967.
    https://doi.org/10.1287/mnsc.13.7.492
    H. Narasimhan, H. G. Ramaswamy, A. Saha, S. Agarwal. Consistent multiclass algorithms for
    complex performance measures. ICML, 2015. https://proceedings.mlr.press/v37/narasimhanb15.html
    """
    weight = weight / weight.sum()
    frequencies = weight @ posterior
    gains = [np.eye(posterior.shape[1]), np.diag(1 / np.maximum(frequencies, 1e-300))]
    found = [climb(score, posterior, weight, gain) for gain in gains]
    return max(found, key=lambda pair: pair[0])[1]


def climb(
    score: ExpectedScore, posterior: Floats, weight: Floats, gain: Floats
) -> tuple[float, Integers]:
    """Return the score and the decisions that the condition leads to from gains of decisions."""
    best = -np.inf
    for _ in range(MOST_STEPS):
        decisions = (posterior @ gain).argmax(axis=1)
        confusion = confusion_of(posterior, decisions, weight)
        value = score.of_confusion(confusion)
        if not value > best:
            break
        best, kept = value, decisions
        gain = slopes(score, confusion, value)
    return (best, kept) if best > -np.inf else (value, decisions)


def slopes(score: ExpectedScore, confusion: Floats, value: float) -> Floats:
    """Return the derivative of a score in every entry of the confusion matrix."""
    step = STEP_OF_WEIGHTS if score.takes_weights else STEP_OF_ROWS
    found = np.zeros_like(confusion)
    for cell in np.ndindex(*confusion.shape):
        moved = confusion.copy()
        moved[cell] += step
        found[cell] = (score.of_confusion(moved) - value) / step
    return found


def confusion_of(posterior: Floats, decisions: Integers, weight: Floats) -> Floats:
    """Return the expected weight of every class, in rows, that is called each class."""
    called = np.eye(posterior.shape[1])[decisions]
    confusion: Floats = (weight[:, None] * posterior).T @ called
    return confusion
