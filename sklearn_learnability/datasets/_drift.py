"""A logistic process whose weights turn and swell over time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability._validation import (
    Floats,
    RandomState,
    check_count,
    check_number,
    check_random_state,
)
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._local_truth import LocalLaw, LocalScoreTruth, with_local_truth
from sklearn_learnability.datasets._score_truth import check_channel, draw_from_score

#: Points of the trapezoidal rule over one period of the drift.
TIME_POINTS = 256


@dataclass(frozen=True, eq=False)
class DriftLaw(LocalLaw):
    """Time from 0 to 1, then Gaussian features whose weights turn and swell with it.

    Attributes
    ----------
    n_features : int
        Number of columns, the time included.
    directions : ndarray of shape (2, n_features - 1)
        Orthonormal weights at the beginning and after a quarter turn.
    turns : float
        Turns of the weights from time 0 to 1.
    swing : float
        Relative amplitude of the strength over time.
    """

    n_features: int
    directions: Floats
    turns: float
    swing: float

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features in the order of time."""
        X = np.empty((n_samples, self.n_features))
        X[:, 0] = (np.arange(n_samples) + 0.5) / n_samples
        X[:, 1:] = rng.standard_normal((n_samples, self.n_features - 1))
        return X

    def score(self, X: Floats) -> Floats:
        """Return the score along the weights of the time of every row."""
        angle = 2 * np.pi * self.turns * X[:, 0]
        first, second = self.directions @ X[:, 1:].T
        return self.local_scale(X[:, 0]) * (np.cos(angle) * first + np.sin(angle) * second)

    def local_scale(self, place: Floats) -> Floats:
        """Return the standard deviation of the score at each time."""
        return 1 + self.swing * np.sin(2 * np.pi * place)

    @property
    def places(self) -> Floats:
        """Times over which averages are taken."""
        return (np.arange(TIME_POINTS) + 0.5) / TIME_POINTS


def make_drifting_classification(
    n_samples: int = 1000,
    n_features: int = 10,
    *,
    turns: float = 0.5,
    swing: float = 0.5,
    signal_strength: float | Level = "medium",
    learnability: float | None = None,
    label_noise: float = 0.0,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], LocalScoreTruth]:
    r"""Draw two classes in time order from a logistic model whose weights turn and swell.

    .. math:: \operatorname{logit} P(Y = 1 \mid x, \tau) = \beta\,(1 + a \sin 2\pi\tau)\,
              (u \cos 2\pi r\tau + v \sin 2\pi r\tau)^\top x

    with time :math:`\tau` from 0 to 1, swing a, turns r and random orthonormal weights u and v. The
    first column is the time; the truth knows it. A model that does not is told less.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows. In the order of time.
    n_features : int, default=10
        Number of features; the time included, at least 3.
    turns : float, default=0.5
        Turns of the weights from the first to the last row; 0.5 turns them round.
    swing : float, default=0.5
        Relative amplitude of the strength, between 0 and 1.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. Averaged over time.
    label_noise : float, default=0.0
        Probability that a label is flipped.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the weights, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Time, then features.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1.
    truth : LocalScoreTruth
        Exact posterior, entropies and divergences, over all and at every time; only with
        ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_drifting_classification
    >>> X, y, truth = make_drifting_classification(
    ...     n_samples=500, learnability=0.3, random_state=0, return_truth=True
    ... )
    >>> truth.local([0.25, 0.75])["learnability"].round(3).tolist()
    [0.457, 0.122]
    """
    check_count("n_features", n_features, 3)
    check_number("turns", turns, 0.0, 1e3)
    check_number("swing", swing, 0.0, 1.0)
    check_number("label_noise", label_noise, 0.0, 0.5)
    rng = check_random_state(random_state)
    directions = np.linalg.qr(rng.standard_normal((n_features - 1, 2)))[0].T
    X, y, truth = draw_from_score(
        DriftLaw(n_features, directions, turns, swing),
        n_samples,
        rng,
        signal_strength=check_strength(signal_strength),
        learnability=learnability,
        channel=check_channel("logistic", label_noise),
        positive_rate=None,
    )
    return (X, y, with_local_truth(truth)) if return_truth else (X, y)
