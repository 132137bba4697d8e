"""Pooling of forecasts over time: the mixture that tracks the best of them."""

import numpy as np
from scipy.special import logsumexp

from sklearn_learnability._validation import Floats, Integers


def fixed_share(log_probas: Floats, codes: Integers) -> tuple[Floats, Floats]:
    r"""Return the log-probabilities of the mixture, (n, K), and the weights it had, (n, M).

    .. math:: p_t = \sum_m w_{tm}\, p_{tm}, \qquad
              w_{t+1,m} = (1 - \alpha_t) \frac{w_{tm}\, p_{tm}(y_t)}{p_t(y_t)} +
              \frac{\alpha_t}{M - 1} \sum_{l \ne m} \frac{w_{tl}\, p_{tl}(y_t)}{p_t(y_t)}, \qquad
              \alpha_t = \frac{1}{t + 1}

    Of n rows cut into k + 1 stretches with a best forecaster each, the loss in nats is at most
    :math:`\log M + k \log(M - 1) + (k + 1) \log(n + 1)` above that of choosing the best in every
    stretch. Nothing is known beforehand of the number of stretches.

    Parameters
    ----------
    log_probas : ndarray of shape (n_forecasters, n_samples, n_classes)
        What each said before each label, natural logarithms.
    codes : ndarray of shape (n_samples,)
        Column of every label.

    References
    ----------
    M. Herbster, M. K. Warmuth. Tracking the best expert. Machine Learning, 1998.
    https://doi.org/10.1023/A:1007424614876
    T. van Erven, P. Grünwald, S. de Rooij. Catching up faster by switching sooner. Journal of the
    Royal Statistical Society B, 2012. https://doi.org/10.1111/j.1467-9868.2011.01025.x
    """
    n_forecasters, n_samples, _ = log_probas.shape
    told = log_probas[:, np.arange(n_samples), codes].T
    told = np.exp(told - told.max(axis=1, keepdims=True))
    weights = np.empty((n_samples, n_forecasters))
    weight = np.full(n_forecasters, 1 / n_forecasters)
    for step in range(n_samples):
        weights[step] = weight
        weight = weight * told[step]
        weight /= weight.sum()
        if n_forecasters > 1:
            rate = 1 / (step + 2)
            weight = (1 - rate) * weight + rate / (n_forecasters - 1) * (1 - weight)
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights.T)[:, :, None]
    pooled: Floats = logsumexp(log_probas + log_weights, axis=0)
    return pooled, weights
