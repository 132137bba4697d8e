"""Label entropy, log-loss per row and the information score, in bits or nats."""

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability._probabilities import (
    SMALLEST_PROBABILITY,
    check_labels_and_probabilities,
    true_probability,
)
from sklearn_learnability._validation import (
    Floats,
    Units,
    check_weights,
    encode_labels,
    nats_per_unit,
    warn,
)
from sklearn_learnability.exceptions import UndefinedInformationWarning


def surprisal_of_frequencies(codes: np.ndarray, weight: Floats, n_classes: int) -> Floats:
    """Return -ln of the weighted class frequencies, per class; 0 for a class without weight.

    A share of the weight below 2.2e-16 is none: it is lost in the sum of the others.
    """
    mass = np.bincount(codes, weights=weight / weight.max(), minlength=n_classes)
    frequency = mass / mass.sum()
    return -np.log(np.where(frequency > SMALLEST_PROBABILITY, frequency, 1.0))


def label_entropy(
    y: ArrayLike, *, sample_weight: ArrayLike | None = None, units: Units = "bits"
) -> float:
    r"""Entropy of the class frequencies, the information a perfect prediction would give.

    .. math:: H(Y) = -\sum_k p_k \log p_k

    with :math:`p_k` the weighted frequency of class k. It is 0 for one class and at most
    :math:`\log K`. It is neither good nor bad: it is the size of the question.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels. Integers, strings or booleans.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.

    Returns
    -------
    float
        The entropy in `units`.

    Raises
    ------
    ValueError
        If `y` is not a classification target or a weight is negative or not finite.

    References
    ----------
    T. M. Cover and J. A. Thomas. Elements of Information Theory. Wiley, 2006.
    https://doi.org/10.1002/047174882X

    Examples
    --------
    >>> from sklearn_learnability.metrics import label_entropy
    >>> label_entropy(["on time", "late", "late", "on time"])
    1.0
    """
    classes, codes = encode_labels(y)
    weight = check_weights(sample_weight, len(codes))
    surprisal = surprisal_of_frequencies(codes, weight, len(classes))[codes]
    return float(np.average(surprisal, weights=weight) / nats_per_unit(units))


def log_loss_per_sample(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    units: Units = "bits",
) -> Floats:
    r"""Log-loss of every row: the surprise of the model at what happened.

    .. math:: \ell_i = -\log q(y_i \mid x_i)

    Lower is better; 0 is certainty that was right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.

    Returns
    -------
    ndarray of shape (n_samples,)
        Losses in `units`, float64 whatever the dtype of the probabilities.

    Raises
    ------
    ValueError
        If labels and columns do not match, or the probabilities are not finite, leave [0, 1] or do
        not sum to 1.

    Warns
    -----
    ZeroProbabilityWarning
        If a true label has probability below 2.2e-16; the loss is then 52 bits.

    References
    ----------
    T. Gneiting and A. E. Raftery. Strictly proper scoring rules, prediction, and estimation.
    Journal of the American Statistical Association, 2007.
    https://doi.org/10.1198/016214506000001437

    Examples
    --------
    >>> from sklearn_learnability.metrics import log_loss_per_sample
    >>> log_loss_per_sample([0, 1, 1], [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]])
    array([1., 2., 0.])
    """
    _, codes, proba = check_labels_and_probabilities(y_true, y_proba, labels)
    return np.maximum(-np.log(true_probability(proba, codes)), 0.0) / nats_per_unit(units)


def negative_log_likelihood(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
) -> float:
    r"""Mean log-loss of predicted probabilities.

    .. math:: \mathrm{NLL} = \frac{\sum_i w_i \ell_i}{\sum_i w_i}

    Lower is better. In expectation it is at least :math:`H(Y \mid X)`, by the Kullback-Leibler
    divergence of the model from the truth. Meaningful on rows the model was not fitted on.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.

    Returns
    -------
    float
        The mean loss in `units`.

    Raises
    ------
    ValueError
        As for :func:`log_loss_per_sample`, and if a weight is negative or not finite.

    References
    ----------
    T. Gneiting and A. E. Raftery. Strictly proper scoring rules, prediction, and estimation.
    Journal of the American Statistical Association, 2007.
    https://doi.org/10.1198/016214506000001437

    Examples
    --------
    >>> from sklearn_learnability.metrics import negative_log_likelihood
    >>> negative_log_likelihood([0, 1], [[0.5, 0.5], [0.75, 0.25]])
    1.5
    """
    loss = log_loss_per_sample(y_true, y_proba, labels=labels, units=units)
    return float(np.average(loss, weights=check_weights(sample_weight, len(loss))))


def pointwise_information(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
) -> Floats:
    r"""Information the model gives about the label of every row.

    .. math:: i_i = \log q(y_i \mid x_i) - \log p(y_i)

    with p the weighted class frequencies of the same rows. Higher is better; negative marks rows
    on which the model is more surprised than the frequencies are. The weighted mean is
    :math:`H(Y) - \mathrm{NLL}`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights; they enter the class frequencies.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.

    Returns
    -------
    ndarray of shape (n_samples,)
        Information in `units`. A row of a class whose rows all have weight 0 has the surprisal 0.

    Raises
    ------
    ValueError
        As for :func:`log_loss_per_sample`, and if a weight is negative or not finite.

    References
    ----------
    K. Ethayarajh, Y. Choi and S. Swayamdipta. Understanding dataset difficulty with V-usable
    information. ICML, 2022. https://doi.org/10.48550/arXiv.2110.08420

    Examples
    --------
    >>> from sklearn_learnability.metrics import pointwise_information
    >>> pointwise_information([0, 1], [[1.0, 0.0], [0.75, 0.25]])
    array([ 1., -1.])
    """
    loss = log_loss_per_sample(y_true, y_proba, labels=labels, units=units)
    return prior_surprisal(y_true, sample_weight=sample_weight, units=units) - loss


def prior_surprisal(
    y: ArrayLike, *, sample_weight: ArrayLike | None = None, units: Units = "bits"
) -> Floats:
    """Return -log of the weighted frequency of every row's class; its mean is H(Y)."""
    classes, codes = encode_labels(y)
    weight = check_weights(sample_weight, len(codes))
    return surprisal_of_frequencies(codes, weight, len(classes))[codes] / nats_per_unit(units)


def information_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Share of the label entropy that the predictions explain.

    .. math:: I_n = 1 - \mathrm{NLL} / H(Y)

    Higher is better: 1 is certainty that was right, 0 is no better than the class frequencies of
    the same rows, below 0 is worse than them. Free of units. Equal to scikit-learn's
    ``d2_log_loss_score`` where both are defined.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities; a vector is the probability of the second class.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.

    Returns
    -------
    float
        The score, or NaN where only one class has weight, because H(Y) is then 0.

    Raises
    ------
    ValueError
        As for :func:`log_loss_per_sample`, and if a weight is negative or not finite.

    Warns
    -----
    UndefinedInformationWarning
        If only one class has weight.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn_learnability.metrics import information_score
    >>> information_score([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75])
    0.584...
    """
    nll = negative_log_likelihood(
        y_true, y_proba, sample_weight=sample_weight, labels=labels, units="nats"
    )
    entropy = label_entropy(y_true, sample_weight=sample_weight, units="nats")
    if entropy == 0:
        warn_single_class("The information score")
        return float("nan")
    return 1.0 - nll / entropy


def warn_single_class(quantity: str) -> None:
    """Warn that a quantity relative to H(Y) is undefined because one class holds all weight."""
    warn(
        f"{quantity} is undefined (NaN): one class holds all the weight, so that H(Y) = 0 and "
        "there is nothing to explain.",
        UndefinedInformationWarning,
    )
