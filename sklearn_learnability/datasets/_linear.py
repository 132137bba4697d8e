"""The linear construction: Gaussian and structured features, a masked sum, a link."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability._validation import (
    Floats,
    RandomState,
    check_choice,
    check_count,
    check_number,
    check_random_state,
)
from sklearn_learnability.datasets._score_truth import (
    ScoreLaw,
    ScoreTruth,
    check_channel,
    draw_from_score,
)

Level = Literal["low", "medium", "high"]

STRENGTHS = {"low": 0.5, "medium": 1.5, "high": 4.0}
STRUCTURES = ("heavy-tailed", "bounded", "low-variance")
LOCATIONS = ("gaussian", "both", "structured")
DEGREES_OF_FREEDOM = 3
LOW_STANDARD_DEVIATION = 0.1


@dataclass(frozen=True, eq=False)
class LinearLaw(ScoreLaw):
    """Gaussian features, then structured ones; the score is the sum of the active features.

    Attributes
    ----------
    n_features, n_structured : int
        All features, and how many of them (the last ones) are structured.
    structure : {"heavy-tailed", "bounded", "low-variance"}
        Distribution of the structured features.
    active : ndarray of shape (n_active,)
        Columns that enter the score.
    """

    n_features: int
    n_structured: int
    structure: str
    active: NDArray[np.int64]

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""
        X = np.empty((n_samples, self.n_features))
        n_gaussian = self.n_features - self.n_structured
        X[:, :n_gaussian] = rng.standard_normal((n_samples, n_gaussian))
        shape = (n_samples, self.n_structured)
        if self.structure == "heavy-tailed":
            X[:, n_gaussian:] = rng.standard_t(DEGREES_OF_FREEDOM, shape)
        elif self.structure == "bounded":
            X[:, n_gaussian:] = rng.uniform(-1, 1, shape)
        else:
            X[:, n_gaussian:] = rng.normal(0, LOW_STANDARD_DEVIATION, shape)
        return X

    def score(self, X: Floats) -> Floats:
        """Return the sum of the active features."""
        mask = np.zeros(self.n_features)
        mask[self.active] = 1.0
        return X @ mask

    @property
    def _active_counts(self) -> tuple[int, int]:
        structured = int((self.active >= self.n_features - self.n_structured).sum())
        return len(self.active) - structured, structured

    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""
        n_gaussian, n_structured = self._active_counts
        gaussian = np.exp(-n_gaussian * frequency**2 / 2)
        if self.structure == "heavy-tailed":
            scaled = np.sqrt(3) * np.abs(frequency)
            one = (1 + scaled) * np.exp(-scaled)
        elif self.structure == "bounded":
            one = np.sinc(frequency / np.pi)
        else:
            one = np.exp(-((LOW_STANDARD_DEVIATION * frequency) ** 2) / 2)
        return gaussian * one**n_structured

    @property
    def scale(self) -> float:
        """Standard deviation of the score."""
        n_gaussian, n_structured = self._active_counts
        variance = {
            "heavy-tailed": 3.0,
            "bounded": 1 / 3,
            "low-variance": LOW_STANDARD_DEVIATION**2,
        }[self.structure]
        return float(np.sqrt(n_gaussian + n_structured * variance))

    @property
    def reach(self) -> float:
        """Distance from 0 beyond which the density of the score is negligible."""
        n_gaussian, n_structured = self._active_counts
        structured = {
            "heavy-tailed": 300 * np.sqrt(n_structured),
            "bounded": n_structured,
            "low-variance": 10 * LOW_STANDARD_DEVIATION * np.sqrt(n_structured),
        }[self.structure]
        return float(10 * np.sqrt(n_gaussian) + structured)


def choose_active(
    n_features: int, n_structured: int, n_active: int, location: str, rng: np.random.RandomState
) -> NDArray[np.int64]:
    """Draw the active columns, as many from each part as the location asks for."""
    n_gaussian = n_features - n_structured
    wanted = {"gaussian": n_active, "both": (n_active + 1) // 2, "structured": 0}[location]
    from_gaussian = min(n_gaussian, max(wanted, n_active - n_structured))
    gaussian = rng.permutation(n_gaussian)[:from_gaussian]
    structured = n_gaussian + rng.permutation(n_structured)[: n_active - from_gaussian]
    return np.sort(np.concatenate([gaussian, structured]))


def make_learnability_classification(
    n_samples: int = 1000,
    n_features: int = 20,
    *,
    n_structured: int | None = None,
    structure: Literal["heavy-tailed", "bounded", "low-variance"] = "heavy-tailed",
    signal_strength: float | Level = "medium",
    n_active: int | Level = "medium",
    signal_location: Literal["gaussian", "both", "structured"] = "both",
    learnability: float | None = None,
    link: Literal["logistic", "probit"] = "logistic",
    label_noise: float | tuple[float, float] = 0.0,
    positive_rate: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], ScoreTruth]:
    r"""Draw two classes from a sum of active features, with a known or a wanted learnability.

    .. math:: P(Y = 1 \mid x) = g(b + \beta\, w^\top x), \qquad w \in \{0, 1\}^d

    The features are standard Gaussian columns followed by structured ones; w has d' ones in
    randomly drawn places; g is the inverse link. The strength :math:`\beta` is not divided by
    :math:`\sqrt{d'}`, so that more active features are more learnable.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=20
        Number of features. Written d.
    n_structured : int, optional
        How many of them, the last columns, are structured; by default half.
    structure : {"heavy-tailed", "bounded", "low-variance"}, default="heavy-tailed"
        Student's t with 3 degrees of freedom, uniform on [-1, 1], or Gaussian with standard
        deviation 0.1.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    n_active : int or {"low", "medium", "high"}, default="medium"
        Number of active features; d', the names stand for 1, d/2 and d.
    signal_location : {"gaussian", "both", "structured"}, default="both"
        Part from which the active features are drawn first; "both" takes half from each. What
        does not fit there comes from the other part.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain; the strength
        is solved for.
    link : {"logistic", "probit"}, default="logistic"
        Inverse link g.
    label_noise : float or tuple of two floats, default=0.0
        Probability that a label is flipped; or of a flipped negative and of a flipped positive.
    positive_rate : float, optional
        Wanted probability of class 1; after label noise, for which the intercept b is solved. By
        default 0.5, or with label noise what b = 0 gives.
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
        If a parameter is out of range, or the wanted learnability or rate is out of reach (the
        message gives the reachable range).

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y, truth = make_learnability_classification(
    ...     n_samples=500, learnability=0.3, random_state=0, return_truth=True
    ... )
    >>> X.shape, round(truth.learnability, 6), round(truth.conditional_entropy(), 6)
    ((500, 20), 0.3, 0.7)
    """
    check_count("n_features", n_features)
    rng = check_random_state(random_state)
    X, y, truth = draw_from_score(
        check_linear_law(n_features, n_structured, structure, n_active, signal_location, rng),
        n_samples,
        rng,
        signal_strength=check_strength(signal_strength),
        learnability=learnability,
        channel=check_channel(link, label_noise),
        positive_rate=positive_rate,
    )
    return (X, y, truth) if return_truth else (X, y)


def check_strength(signal_strength: float | str) -> float:
    """Return the strength of a name or of a number."""
    if isinstance(signal_strength, str):
        return STRENGTHS[check_choice("signal_strength", signal_strength, tuple(STRENGTHS))]
    return check_number("signal_strength", signal_strength, 0.0, 1e4)


def check_linear_law(
    n_features: int,
    n_structured: int | None,
    structure: str,
    n_active: int | str,
    signal_location: str,
    rng: np.random.RandomState,
) -> LinearLaw:
    """Return the law of the features and the active columns."""
    check_choice("structure", structure, STRUCTURES)
    check_choice("signal_location", signal_location, LOCATIONS)
    if n_structured is None:
        n_structured = n_features // 2
    check_count("n_structured", n_structured, 0, n_features)
    n_active = check_n_active(n_active, n_features)
    active = choose_active(n_features, n_structured, n_active, signal_location, rng)
    return LinearLaw(n_features, n_structured, structure, active)


def check_n_active(n_active: int | str, n_features: int) -> int:
    """Return the number of active features of a name or of a number."""
    if isinstance(n_active, str):
        levels = {"low": 1, "medium": max(1, n_features // 2), "high": n_features}
        return levels[check_choice("n_active", n_active, tuple(levels))]
    return check_count("n_active", n_active, 1, n_features)
