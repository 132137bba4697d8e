"""Replicates: what rows of equal inputs say of the entropy that no model can explain."""

from dataclasses import replace

import numpy as np
from scipy.special import digamma

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.metrics._information import surprisal_of_frequencies
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import Estimate


def replicate_entropy(codes: Integers, cells: Integers) -> tuple[Floats, Floats]:
    r"""Return the entropy in nats that replicates show to be left, row by row, and its losses.

    .. math:: \hat h_i = \psi(n_x) - \psi(n_{xy}), \qquad
              E\, \hat h = \sum_k p_k \sum_{j=1}^{n_x - 1} \frac{(1 - p_k)^j}{j} \le H(Y \mid x)

    of a row among :math:`n_x` of equal inputs, :math:`n_{xy}` of which bear its label. The mean is
    the series of :math:`-\log p` cut off after :math:`n_x - 1` terms: 0 of a lone row, the Gini
    impurity of two, and soon the entropy, which it never exceeds.

    The losses are what the sum of all :math:`\hat h` lacks without the row: their spread over the
    root of n is the jackknife's standard error, right in large cells and too large in small ones.

    References
    ----------
    Z. Zhang. Entropy estimation in Turing's perspective. Neural Computation, 2012.
    https://doi.org/10.1162/NECO_a_00266
    """
    pairs = np.unique(np.column_stack([cells, codes]), axis=0, return_inverse=True)[1].ravel()
    n_rows, n_with_label = np.bincount(cells)[cells], np.bincount(pairs)[pairs]
    entropy = np.asarray(digamma(n_rows) - digamma(n_with_label), dtype=np.float64)
    return entropy, entropy + ((n_rows > 1) & (n_with_label == 1))


def replicate_learnability(codes: Integers, cells: Integers, confidence: float) -> Estimate:
    r"""Return an estimate that lies, in expectation, at or above the learnability.

    .. math:: \hat L = 1 - \frac{1}{n} \sum_i \hat h_i \Big/ H(Y)

    with the entropies of :func:`replicate_entropy`. It needs no model, and independent rows of
    equal weight. 1 where no two rows have equal inputs.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Column of every row's label.
    cells : ndarray of shape (n,)
        Number of the inputs of every row: 0, 1, ..., the same for equal inputs.
    confidence : float
        Level of the two-sided interval.
    """
    entropy, losses = replicate_entropy(codes, cells)
    surprisal = surprisal_of_frequencies(codes, np.ones(len(codes)), int(codes.max()) + 1)[codes]
    found = information_estimate(surprisal, losses, units="nats", confidence=confidence)
    value = float(1 - entropy.mean() / surprisal.mean())
    shift = value - found.value
    return replace(found, value=value, lower=found.lower + shift, upper=found.upper + shift)
