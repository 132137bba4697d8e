"""Refinements: what a posterior may be that explains more than a calibrated one was found to."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, entr, softmax

from sklearn_learnability._probabilities import log_of_probabilities
from sklearn_learnability._validation import Floats

#: Concentrations, and powers, between which one is looked for.
CONCENTRATIONS = (1e-6, 1e9)
LARGEST_POWER = 1e3
#: Steps towards the class frequencies, and how near is near enough.
MOST_STEPS, NEAR = 100, 1e-9
#: Smallest parameter of a Dirichlet distribution.
TINY = 1e-12


def mean_entropy(posterior: Floats, weight: Floats) -> float:
    """Return the weighted mean entropy of rows of probabilities, in nats."""
    return float(np.average(entr(posterior).sum(axis=1), weights=weight))


def scatter(
    posterior: Floats, weight: Floats, entropy: float, n_draws: int, rng: np.random.RandomState
) -> Floats:
    r"""Return draws of distributions around a posterior, with a given mean entropy in nats.

    .. math:: p_i \sim \mathrm{Dirichlet}(c\, q_i), \qquad E\,p_i = q_i, \qquad
              E\,H(p_i) = \psi(c + 1) - \sum_k q_{ik}\, \psi(c\, q_{ik} + 1)

    A calibrated q is the mean of the truth over all rows that are given this answer, whatever it
    misses: :math:`q = E[p \mid q]`. So the truth is q, scattered. How it is scattered nobody knows:
    the Dirichlet distribution and its one concentration for all rows are a model.

    Parameters
    ----------
    posterior : ndarray of shape (n, n_classes)
        Calibrated probabilities q.
    weight : ndarray of shape (n,)
        Weights of the rows.
    entropy : float
        Mean entropy of what is drawn; the posterior is returned where it has no more.
    n_draws : int
        Draws of every row.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n * n_draws, n_classes)
        All draws of a row stand together.
    """
    repeated = np.repeat(posterior, n_draws, axis=0)
    low, high = np.log(CONCENTRATIONS)

    def excess(log_concentration: float) -> float:
        return scattered_entropy(posterior, weight, np.exp(log_concentration)) - entropy

    if excess(high) <= 0:
        return repeated
    found = low if excess(low) >= 0 else brentq(excess, low, high, xtol=1e-6)
    return draw_dirichlet(np.exp(found) * repeated, rng)


def scattered_entropy(posterior: Floats, weight: Floats, concentration: float) -> float:
    """Return the expected mean entropy, in nats, of what is scattered around a posterior."""
    inner = (posterior * digamma(concentration * posterior + 1)).sum(axis=1)
    return float(np.average(digamma(concentration + 1) - inner, weights=weight))


def draw_dirichlet(shape: Floats, rng: np.random.RandomState) -> Floats:
    """Return a draw of every row's Dirichlet distribution, by logarithms: shapes may be tiny."""
    shape = np.maximum(shape, TINY)
    # a gamma variable of shape a is one of shape a + 1 times a uniform to the power 1 / a
    log_uniform = np.log(1.0 - rng.random_sample(shape.shape))
    return softmax(np.log(rng.standard_gamma(shape + 1)) + log_uniform / shape, axis=1)


def sharpen(posterior: Floats, weight: Floats, entropy: float) -> Floats:
    r"""Return a posterior of more distinct answers, with a given mean entropy in nats.

    .. math:: p_{ik} \propto b_k \Big(\frac{q_{ik}}{\pi_k}\Big)^s, \qquad E\,p_k = \pi_k

    with the class frequencies :math:`\pi = E\,q`. The order of the rows stays: what is missing is
    taken for more of what was found. It is a model as well.

    Parameters
    ----------
    posterior : ndarray of shape (n, n_classes)
        Calibrated probabilities q.
    weight : ndarray of shape (n,)
        Weights of the rows.
    entropy : float
        Mean entropy of what is returned; the posterior where it has no more.
    """
    frequencies = np.average(posterior, axis=0, weights=weight)
    ratio = log_of_probabilities(posterior) - log_of_probabilities(frequencies)

    def power(log_power: float) -> Floats:
        logits, bias = np.exp(log_power) * ratio, log_of_probabilities(frequencies)
        for _ in range(MOST_STEPS):
            found = softmax(logits + bias, axis=1)
            mean = np.average(found, axis=0, weights=weight)
            bias = bias + log_of_probabilities(frequencies) - log_of_probabilities(mean)
            if np.abs(mean - frequencies).max() < NEAR:
                break
        return np.asarray(found)

    def excess(log_power: float) -> float:
        return mean_entropy(power(log_power), weight) - entropy

    if mean_entropy(posterior, weight) <= entropy:
        return posterior
    largest = np.log(LARGEST_POWER)
    if excess(largest) >= 0:
        return power(largest)
    if excess(0.0) <= 0:
        return posterior
    return power(brentq(excess, 0.0, largest, xtol=1e-4))
