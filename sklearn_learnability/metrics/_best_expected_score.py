"""Best expected score: the largest value of a metric where the posterior is known."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_learnability._probabilities import as_array, check_probabilities
from sklearn_learnability._validation import Floats, check_weights, encode_labels
from sklearn_learnability.metrics._best_decisions import best_decisions
from sklearn_learnability.metrics._expected_score import ExpectedScore


def best_expected_score(
    y_proba: ArrayLike,
    scoring: Any,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Best value of a metric on labels that are drawn from a known posterior.

    .. math:: S^* = \max_d S\big(\{(d(x_i), k) \text{ of weight } w_i\, p(k \mid x_i)\}\big)

    Greater is better, as for every scorer of scikit-learn. A metric of probabilities is given the
    posterior itself, a metric of decisions the best ones: for accuracy the most probable class, so
    that :math:`S^* = E \max_k p_k`; for F1 the rows above the best threshold; for others what a
    search by derivatives in the confusion matrix finds.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; here the posterior that labels are drawn from.
    scoring : str or callable
        Name of a scorer of scikit-learn, such as "roc_auc", "accuracy", "average_precision" or
        "f1", or a scorer with the signature (estimator, X, y). "brier" and "log_loss" are short for
        "neg_brier_score" and "neg_log_loss": losses are negative. With a name and labels that are
        strings, the second class is the positive one.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default 0, 1, ...
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.

    Returns
    -------
    float
        The expected score; that of a mean over rows exactly, else up to a share of order 1/n.

    Raises
    ------
    ValueError
        If the scorer is unknown, fails on so many classes, or is undefined under the posterior.
    TypeError
        If `scoring` is neither a name nor callable.

    Notes
    -----
    The mean of the pairwise areas, "roc_auc_ovo", compares two classes by the probability of one.
    The posterior is the best answer to every other metric here, and to that one only with two
    classes.

    References
    ----------
    O. Koyejo, N. Natarajan, P. Ravikumar, I. S. Dhillon. Consistent binary classification with
    generalized performance metrics. NeurIPS, 2014.
    https://proceedings.neurips.cc/paper/2014/hash/30c8e1ca872524fbf7ea5c519ca397ee-Abstract.html

    Examples
    --------
    >>> from sklearn_learnability.metrics import best_expected_score
    >>> posterior = [[0.9, 0.1], [0.4, 0.6]]
    >>> print(f"{best_expected_score(posterior, 'accuracy'):.2f}")
    0.75
    """
    shape = as_array(y_proba).shape
    n_columns = shape[1] if len(shape) == 2 else 1
    classes = np.arange(max(2, n_columns)) if labels is None else encode_labels(labels, labels)[0]
    proba = check_probabilities(y_proba, shape[0] if shape else 0, classes)
    weight = check_weights(sample_weight, len(proba))
    order = np.argsort(classes)  # that of `classes_`, which scorers go by
    proba, score = proba[:, order], ExpectedScore.from_scoring(scoring, classes[order])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # said below, if it is
        best = score.expected(best_answers(score, proba, weight), proba, weight)
    if not np.isfinite(best):
        raise ValueError(
            f"Expected a posterior under which {score.name!r} is defined, got one with {best}: "
            "is a class certain in all rows?"
        )
    return best


def best_answers(score: ExpectedScore, posterior: Floats, weight: Floats) -> Floats:
    """Return what to answer to rows of a posterior: itself, or the best decisions as certainty."""
    if not score.of_decisions:
        return posterior
    certain: Floats = np.eye(posterior.shape[1])[best_decisions(score, posterior, weight)]
    return certain
