"""Truth of two classes whose learnability changes along the first column."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike

from sklearn_learnability._validation import Floats, Units, nats_per_unit
from sklearn_learnability.datasets._score_truth import ScoreLaw, ScoreTruth, expectation
from sklearn_learnability.datasets._truth import check_features

#: Degree of the polynomial through the entropy as a function of the scale of the score.
INTERPOLATION_DEGREE = 100


@dataclass(frozen=True, eq=False)
class GaussianScoreLaw(ScoreLaw):
    """A Gaussian score, seen directly as the only feature."""

    standard_deviation: float
    n_features: int = 1

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""
        return self.standard_deviation * rng.standard_normal((n_samples, 1))

    def score(self, X: Floats) -> Floats:
        """Return the feature."""
        return X[:, 0]

    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""
        return np.exp(-((self.standard_deviation * frequency) ** 2) / 2)

    @property
    def scale(self) -> float:
        """Standard deviation of the score."""
        return self.standard_deviation

    @property
    def reach(self) -> float:
        """Distance from 0 beyond which the density of the score is negligible."""
        return 10 * self.standard_deviation


class LocalLaw(ScoreLaw):
    """A place in the first column, then Gaussian features whose score has a scale of that place."""

    @abstractmethod
    def local_scale(self, place: Floats) -> Floats:
        """Return the standard deviation of the score at each place."""

    @property
    @abstractmethod
    def places(self) -> Floats:
        """Places over which all averages are taken, with equal weights."""

    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""
        total = np.zeros_like(frequency)
        for scale in self.local_scale(self.places):
            total += np.exp(-((scale * frequency) ** 2) / 2)
        return total / len(self.places)

    @property
    def scale(self) -> float:
        """Standard deviation of the score."""
        return float(np.sqrt((self.local_scale(self.places) ** 2).mean()))

    @property
    def reach(self) -> float:
        """Distance from 0 beyond which the density of the score is negligible."""
        return float(10 * self.local_scale(self.places).max())


@dataclass(frozen=True, eq=False, kw_only=True)
class LocalScoreTruth(ScoreTruth):
    """Truth whose learnability also is known at every place of the first column.

    The place is a time or the code of a segment. Both classes have probability 1/2 at every place,
    so that the place alone says nothing about the label.
    """

    law: LocalLaw

    def local(self, places: ArrayLike | None = None, units: Units = "bits") -> pd.DataFrame:
        """Return entropies and learnability at given places, by default all segments or times.

        Parameters
        ----------
        places : array-like of shape (n_places,), optional
            Values of the first column.
        units : {"bits", "nats"}, default="bits"
            Unit of information: bits are logarithms of base 2, nats of base e.

        Returns
        -------
        DataFrame
            One row per place with the columns ``place``, ``label_entropy``,
            ``conditional_entropy`` and ``learnability``.
        """
        at = self.law.places if places is None else np.asarray(places, dtype=np.float64)
        nats = self._conditional_nats(self.law.local_scale(at))
        label = self.label_entropy("nats")
        return pd.DataFrame(
            {
                "place": at,
                "label_entropy": label / nats_per_unit(units),
                "conditional_entropy": nats / nats_per_unit(units),
                "learnability": 1 - nats / label,
            }
        )

    def learnability_per_sample(self, X: ArrayLike) -> Floats:
        """Return the learnability at the place of every row, shape (n_samples,)."""
        rows = check_features(X, self.law.n_features)
        return self.local(rows[:, 0])["learnability"].to_numpy()

    def _conditional_nats(self, scales: Floats) -> Floats:
        """Return H(Y|X) for each scale of the score; interpolated where there are many of them."""
        distinct, position = np.unique(scales, return_inverse=True)
        if len(distinct) <= INTERPOLATION_DEGREE:
            return self._entropy_of_scales(distinct)[position]
        curve = Chebyshev.interpolate(
            self._entropy_of_scales, INTERPOLATION_DEGREE, domain=[distinct[0], distinct[-1]]
        )
        return curve(distinct)[position]

    def _entropy_of_scales(self, scales: Floats) -> Floats:
        entropies = [
            expectation(
                self.channel.entropy,
                GaussianScoreLaw(float(scale)),
                self.signal_strength,
                self.intercept,
            )
            for scale in scales
        ]
        return np.array(entropies)


def with_local_truth(truth: ScoreTruth) -> LocalScoreTruth:
    """Return the truth of a local law with what is known at every place."""
    return LocalScoreTruth(**vars(truth))
