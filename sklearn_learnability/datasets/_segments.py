"""Segments of different learnability in one data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability._validation import Floats, RandomState, check_count, check_random_state
from sklearn_learnability.datasets._local_truth import (
    GaussianScoreLaw,
    LocalLaw,
    LocalScoreTruth,
    with_local_truth,
)
from sklearn_learnability.datasets._score_truth import (
    LabelChannel,
    truth_of_learnability,
    truth_of_strength,
)


@dataclass(frozen=True, eq=False)
class SegmentLaw(LocalLaw):
    """The code of a segment, then Gaussian features with a strength of its own per segment.

    Attributes
    ----------
    n_features : int
        Number of columns, the code included.
    active : ndarray of shape (n_active,)
        Columns that enter the score.
    strengths : ndarray of shape (n_segments,)
        Strength of the sum of the active features in each segment.
    """

    n_features: int
    active: NDArray[np.int64]
    strengths: Floats

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""
        X = np.empty((n_samples, self.n_features))
        X[:, 0] = rng.randint(len(self.strengths), size=n_samples)
        X[:, 1:] = rng.standard_normal((n_samples, self.n_features - 1))
        return X

    def score(self, X: Floats) -> Floats:
        """Return the sum of the active features times the strength of the segment."""
        return self.strengths[X[:, 0].astype(int)] * X[:, self.active].sum(axis=1)

    def local_scale(self, place: Floats) -> Floats:
        """Return the standard deviation of the score in each segment."""
        return self.strengths[place.astype(int)] * np.sqrt(len(self.active))

    @property
    def places(self) -> Floats:
        """Codes of the segments."""
        return np.arange(len(self.strengths), dtype=np.float64)


def make_segmented_classification(
    n_samples: int = 1000,
    n_features: int = 10,
    *,
    learnabilities: Sequence[float] = (0.05, 0.3, 0.8),
    n_active: int = 5,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], LocalScoreTruth]:
    r"""Draw two classes whose learnability differs between the segments of one data set.

    .. math:: \operatorname{logit} P(Y = 1 \mid x, s) = \beta_s \sum_{j \in A} x_j

    with the strengths :math:`\beta_s` solved for the wanted learnability of every segment s. The
    first column is the code of the segment; all segments are equally frequent and have equally
    frequent classes.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=10
        Number of features. The segment included.
    learnabilities : sequence of float, default=(0.05, 0.3, 0.8)
        Wanted learnability of every segment.
    n_active : int, default=5
        Number of active features. The same in all segments.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the active features, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Code of the segment, then features.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1.
    truth : LocalScoreTruth
        Exact posterior, entropies and divergences, over all and in every segment; only with
        ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or a wanted learnability out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_segmented_classification
    >>> X, y, truth = make_segmented_classification(random_state=0, return_truth=True)
    >>> truth.local()["learnability"].round(6).tolist()
    [0.05, 0.3, 0.8]
    >>> round(truth.learnability, 6)
    0.383333
    """
    check_count("n_samples", n_samples)
    check_count("n_features", n_features, 2)
    check_count("n_active", n_active, 1, n_features - 1)
    if np.ndim(learnabilities) != 1 or not len(learnabilities):
        raise ValueError(f"Expected one learnability per segment, got {learnabilities!r}.")
    channel = LabelChannel("logistic")
    law = GaussianScoreLaw(float(np.sqrt(n_active)))
    strengths = [
        truth_of_learnability(wish, law, channel, 0.5).signal_strength for wish in learnabilities
    ]
    rng = check_random_state(random_state)
    active = 1 + np.sort(rng.permutation(n_features - 1)[:n_active])
    segments = SegmentLaw(n_features, active, np.array(strengths))
    truth = with_local_truth(truth_of_strength(1.0, segments, channel, 0.5))
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
