"""Two classes from nonlinear scores whose law is known: smooth interactions and parity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import dawsn, jv

from sklearn_learnability._validation import Floats, RandomState, check_count, check_random_state
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._score_truth import (
    ScoreLaw,
    ScoreTruth,
    check_channel,
    draw_from_score,
)

#: Features of one block: one in a sine, two in a product, two in absolute values.
BLOCK_SIZE = 5


@dataclass(frozen=True, eq=False)
class InteractionLaw(ScoreLaw):
    """Gaussian features; the score sums sin(2a) + bc + |d| - |e| over blocks of five features.

    Attributes
    ----------
    n_features : int
        Number of features.
    blocks : ndarray of shape (n_blocks, 5)
        Columns a, b, c, d, e of every block.
    """

    n_features: int
    blocks: NDArray[np.int64]

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""
        return rng.standard_normal((n_samples, self.n_features))

    def score(self, X: Floats) -> Floats:
        """Return the sum over the blocks."""
        total = np.zeros(len(X))
        for a, b, c, d, e in self.blocks:
            total += np.sin(2 * X[:, a]) + X[:, b] * X[:, c] + np.abs(X[:, d]) - np.abs(X[:, e])
        return total

    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""
        sine = jv(0, frequency) + 2 * np.exp(-8) * jv(2, frequency)
        product = 1 / np.sqrt(1 + frequency**2)
        absolute = np.exp(-(frequency**2)) + 4 / np.pi * dawsn(frequency / np.sqrt(2)) ** 2
        return (sine * product * absolute) ** len(self.blocks)

    @property
    def scale(self) -> float:
        """Standard deviation of the score."""
        of_block = (1 - np.exp(-8)) / 2 + 1 + 2 * (1 - 2 / np.pi)
        return float(np.sqrt(len(self.blocks) * of_block))

    @property
    def reach(self) -> float:
        """Distance from 0 beyond which the density of the score is negligible."""
        return float(40 + 12 * np.sqrt(len(self.blocks)))


@dataclass(frozen=True, eq=False)
class ParityLaw(ScoreLaw):
    """Gaussian features; the score is the product of the signs of the active ones.

    Attributes
    ----------
    n_features : int
        Number of features.
    active : ndarray of shape (order,)
        Columns whose signs are multiplied.
    """

    n_features: int
    active: NDArray[np.int64]

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""
        return rng.standard_normal((n_samples, self.n_features))

    def score(self, X: Floats) -> Floats:
        """Return 1 or -1: whether an even number of active features is negative."""
        return np.where((X[:, self.active] < 0).sum(axis=1) % 2 == 0, 1.0, -1.0)

    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""
        return np.cos(frequency)

    @property
    def scale(self) -> float:
        """Standard deviation of the score."""
        return 1.0

    @property
    def reach(self) -> float:
        """Largest absolute value of the score."""
        return 1.0


def make_interaction_classification(
    n_samples: int = 1000,
    n_features: int = 20,
    *,
    n_blocks: int = 2,
    signal_strength: float | Level = "medium",
    learnability: float | None = None,
    label_noise: float | tuple[float, float] = 0.0,
    positive_rate: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], ScoreTruth]:
    r"""Draw two classes from smooth interactions of Gaussian features.

    .. math:: \operatorname{logit} P(Y = 1 \mid x) = b + \beta \sum_j
              \left(\sin 2 x_{j1} + x_{j2} x_{j3} + |x_{j4}| - |x_{j5}|\right)

    with disjoint, randomly drawn features in every block j. A linear model sees only part of the
    sine; the products and absolute values are out of its sight.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=20
        Number of features; those in no block carry nothing.
    n_blocks : int, default=2
        Number of blocks of five features.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain.
    label_noise : float or tuple of two floats, default=0.0
        Probability that a label is flipped; or of a flipped negative and of a flipped positive.
    positive_rate : float, optional
        Wanted probability of class 1; for which the intercept b is solved; by default b = 0.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the blocks, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1.
    truth : ScoreTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or a wish is out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_interaction_classification
    >>> X, y, truth = make_interaction_classification(
    ...     n_samples=500, learnability=0.4, random_state=0, return_truth=True
    ... )
    >>> X.shape, round(truth.learnability, 6)
    ((500, 20), 0.4)
    """
    check_count("n_features", n_features, BLOCK_SIZE)
    check_count("n_blocks", n_blocks, 1, n_features // BLOCK_SIZE)
    rng = check_random_state(random_state)
    columns = rng.permutation(n_features)[: n_blocks * BLOCK_SIZE]
    X, y, truth = draw_from_score(
        InteractionLaw(n_features, columns.reshape(n_blocks, BLOCK_SIZE)),
        n_samples,
        rng,
        signal_strength=check_strength(signal_strength),
        learnability=learnability,
        channel=check_channel("logistic", label_noise),
        positive_rate=positive_rate,
    )
    return (X, y, truth) if return_truth else (X, y)


def make_parity_classification(
    n_samples: int = 1000,
    n_features: int = 10,
    *,
    order: int = 2,
    signal_strength: float | Level = "medium",
    learnability: float | None = None,
    label_noise: float | tuple[float, float] = 0.0,
    positive_rate: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], ScoreTruth]:
    r"""Draw two classes from the parity of the signs of some Gaussian features.

    .. math:: \operatorname{logit} P(Y = 1 \mid x) = b + \beta \prod_{j=1}^{k}
              \operatorname{sign}(x_{a_j})

    Order 2 is the exclusive or. No set of fewer than k features says anything about the label, so
    that greedy and additive models see nothing at all.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=10
        Number of features.
    order : int, default=2
        Number k of active features.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain.
    label_noise : float or tuple of two floats, default=0.0
        Probability that a label is flipped; or of a flipped negative and of a flipped positive.
    positive_rate : float, optional
        Wanted probability of class 1; for which the intercept b is solved; by default b = 0.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the active features, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1.
    truth : ScoreTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or a wish is out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_parity_classification
    >>> X, y, truth = make_parity_classification(
    ...     n_samples=500, learnability=0.5, random_state=0, return_truth=True
    ... )
    >>> truth.predict_proba(X).round(2).max()
    np.float64(0.89)
    """
    check_count("n_features", n_features)
    check_count("order", order, 1, n_features)
    rng = check_random_state(random_state)
    X, y, truth = draw_from_score(
        ParityLaw(n_features, np.sort(rng.permutation(n_features)[:order])),
        n_samples,
        rng,
        signal_strength=check_strength(signal_strength),
        learnability=learnability,
        channel=check_channel("logistic", label_noise),
        positive_rate=positive_rate,
    )
    return (X, y, truth) if return_truth else (X, y)
