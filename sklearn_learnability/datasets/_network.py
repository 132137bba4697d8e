"""Classes drawn from a random network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import entr, softmax

from sklearn_learnability._validation import Floats, RandomState, check_count, check_random_state
from sklearn_learnability.datasets._integration import gaussian_points, mean_over_replicates
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import (
    ClassificationTruth,
    check_class_frequencies,
    check_features,
)

#: Strengths are searched up to here; the outputs have variance 1.
LARGEST_STRENGTH = 500.0
SMALLEST_CURVATURE = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkTruth(ClassificationTruth):
    r"""Truth of classes drawn from a random network.

    .. math:: p(y \mid x) = \operatorname{softmax}(b + \beta f(x)), \qquad
              f(x) = c + W_2 \tanh(W_1 x + b_1)

    Entropies are integrated over 32,768 points of a randomised quasi-Monte Carlo rule; their
    standard error is given.

    Attributes
    ----------
    hidden_weights : ndarray of shape (n_features, n_hidden)
        :math:`W_1`, transposed.
    hidden_bias : ndarray of shape (n_hidden,)
        :math:`b_1`.
    output_weights : ndarray of shape (n_hidden, n_classes)
        :math:`W_2`, transposed and scaled so that every output has variance 1.
    signal_strength : float
        The strength :math:`\beta`.
    intercepts : ndarray of shape (n_classes,)
        b, solved for the class frequencies; c is part of it.
    """

    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    signal_strength: float
    intercepts: Floats

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw `n_samples` rows of standard Gaussian features."""
        return rng.standard_normal((n_samples, len(self.hidden_weights)))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, n_classes)."""
        rows = check_features(X, len(self.hidden_weights))
        hidden = np.tanh(rows @ self.hidden_weights + self.hidden_bias)
        return softmax(
            self.intercepts + self.signal_strength * (hidden @ self.output_weights), axis=1
        )


def solve_intercepts(outputs: Floats, class_frequencies: Floats) -> Floats:
    """Return the intercepts at which the mean of the softmax is the wanted frequencies.

    They minimise the convex function mean(logsumexp(outputs + b)) - frequencies . b; the first is
    fixed at 0.
    """
    by_class = np.ascontiguousarray(outputs.T)  # (n_classes, n_points): sums over rows are fast

    def log_sum_and_softmax(free: Floats) -> tuple[Floats, Floats]:
        shifted = by_class + np.concatenate([[0.0], free])[:, None]
        largest = shifted.max(axis=0)
        exponential = np.exp(shifted - largest)
        total = exponential.sum(axis=0)
        return largest + np.log(total), exponential / total

    def objective(free: Floats) -> tuple[float, Floats]:
        log_sum, p = log_sum_and_softmax(free)
        value = log_sum.mean() - class_frequencies[1:] @ free
        return float(value), p.mean(axis=1)[1:] - class_frequencies[1:]

    def hessian(free: Floats) -> Floats:
        p = log_sum_and_softmax(free)[1][1:]
        # of probabilities that are all 0 or 1 nothing would be left
        return np.diag(p.mean(axis=1) + SMALLEST_CURVATURE) - p @ p.T / p.shape[1]

    start = np.log(class_frequencies[1:] / class_frequencies[0])
    solution = minimize(
        objective, start, jac=True, hess=hessian, method="trust-exact", options={"gtol": 1e-10}
    )
    return np.concatenate([[0.0], solution.x])


def truth_at(strength: float, network: NetworkTruth, outputs: Floats) -> NetworkTruth:
    """Return the truth of another strength, integrated over the given outputs at strength 1."""
    scaled = strength * outputs
    intercepts = solve_intercepts(scaled, network.class_frequencies)
    entropies = entr(softmax(scaled + intercepts, axis=1)).sum(axis=1)
    mean, error = mean_over_replicates(entropies)
    return replace(
        network,
        signal_strength=strength,
        intercepts=intercepts,
        conditional_entropy_nats=mean,
        conditional_entropy_error_nats=error,
    )


def make_network_classification(
    n_samples: int = 1000,
    n_features: int = 15,
    *,
    n_classes: int = 5,
    n_hidden: int = 32,
    signal_strength: float | Level = "medium",
    class_frequencies: Sequence[float] | None = None,
    learnability: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], NetworkTruth]:
    r"""Draw classes from a random network with one hidden layer.

    .. math:: p(y \mid x) = \operatorname{softmax}(b + \beta\, W_2 \tanh(W_1 x + b_1))

    with standard Gaussian features and random weights, scaled so that every output has variance 1
    before it is multiplied by the strength. The intercepts b are solved for the class frequencies;
    the learnability then rises with the strength.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=15
        Number of features. All are active.
    n_classes : int, default=5
        Number of classes.
    n_hidden : int, default=32
        Number of hidden units.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    class_frequencies : sequence of float, optional
        Probabilities of the classes; equal by default.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the weights, the integration points, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Labels 0 to n_classes - 1.
    truth : NetworkTruth
        Exact posterior, entropies with their standard error, and divergences; only with
        ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_network_classification
    >>> X, y, truth = make_network_classification(
    ...     n_samples=500, n_classes=3, learnability=0.5, random_state=0, return_truth=True
    ... )
    >>> truth.predict_proba(X).shape, round(truth.learnability, 6), truth.learnability_error < 0.005
    ((500, 3), 0.5, True)
    """
    check_count("n_samples", n_samples)
    check_count("n_features", n_features)
    check_count("n_classes", n_classes, 2)
    check_count("n_hidden", n_hidden)
    strength = check_strength(signal_strength)
    rng = check_random_state(random_state)
    hidden_weights = rng.standard_normal((n_features, n_hidden)) * np.sqrt(2 / n_features)
    hidden_bias = 0.5 * rng.standard_normal(n_hidden)
    output_weights = rng.standard_normal((n_hidden, n_classes))
    hidden = np.tanh(gaussian_points(n_features, rng) @ hidden_weights + hidden_bias)
    output_weights /= (hidden @ output_weights).std(axis=0)
    outputs = hidden @ output_weights
    network = NetworkTruth(
        class_frequencies=check_class_frequencies(class_frequencies, n_classes),
        conditional_entropy_nats=np.nan,
        hidden_weights=hidden_weights,
        hidden_bias=hidden_bias,
        output_weights=output_weights,
        signal_strength=strength,
        intercepts=np.zeros(n_classes),
    )
    if learnability is not None:
        strength = solve_strength(
            learnability,
            lambda beta: truth_at(beta, network, outputs).learnability,
            LARGEST_STRENGTH,
        )
    truth = truth_at(strength, network, outputs)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
