"""Classes drawn from Gaussian mixtures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, logsumexp, softmax

from sklearn_learnability._validation import Floats, RandomState, check_count, check_random_state
from sklearn_learnability.datasets._integration import gaussian_points, mean_over_replicates
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import (
    ClassificationTruth,
    check_class_frequencies,
    check_features,
)

#: Separations are searched up to here; the clusters have standard deviation 1.
LARGEST_STRENGTH = 500.0


@dataclass(frozen=True, eq=False, kw_only=True)
class MixtureTruth(ClassificationTruth):
    r"""Truth of classes that are Gaussian mixtures.

    .. math:: x \mid y \sim \frac{1}{m} \sum_{j=1}^{m} N(\beta \mu_{yj}, I)

    The posterior is Bayes' rule. Entropies are integrated over 32,768 points of a randomised
    quasi-Monte Carlo rule, shared evenly among the clusters; their standard error is given.

    Attributes
    ----------
    centres : ndarray of shape (n_classes, n_clusters, n_features)
        The centres :math:`\mu` at strength 1.
    signal_strength : float
        The strength :math:`\beta`, by which the centres are moved apart.
    """

    centres: Floats
    signal_strength: float

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw `n_samples` rows of features."""
        n_classes, n_clusters, n_features = self.centres.shape
        label = rng.choice(n_classes, size=n_samples, p=self.class_frequencies)
        cluster = rng.randint(n_clusters, size=n_samples)
        noise = rng.standard_normal((n_samples, n_features))
        return self.signal_strength * self.centres[label, cluster] + noise

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, n_classes)."""
        rows = check_features(X, self.centres.shape[2])
        moved = self.signal_strength * self.centres
        log_density = np.einsum("nd,kmd->nkm", rows, moved, optimize=True)
        log_density -= (moved**2).sum(axis=2) / 2
        return softmax(logsumexp(log_density, axis=2) + np.log(self.class_frequencies), axis=1)


def truth_at(
    strength: float,
    centres: Floats,
    class_frequencies: Floats,
    noise: Floats,
    cluster: NDArray[np.int64],
) -> MixtureTruth:
    """Return the truth of a strength, integrated over points that each belong to one cluster."""
    n_clusters, n_features = centres.shape[1:]
    plain = MixtureTruth(
        class_frequencies=class_frequencies,
        conditional_entropy_nats=np.nan,
        centres=centres,
        signal_strength=strength,
    )
    rows = strength * centres.reshape(-1, n_features)[cluster] + noise
    entropies = entr(plain.predict_proba(rows)).sum(axis=1)
    weight = np.repeat(class_frequencies / n_clusters, n_clusters) / np.bincount(cluster)
    mean, error = mean_over_replicates(len(cluster) * weight[cluster] * entropies)
    return replace(plain, conditional_entropy_nats=mean, conditional_entropy_error_nats=error)


def make_mixture_classification(
    n_samples: int = 1000,
    n_features: int = 10,
    *,
    n_classes: int = 2,
    n_clusters: int = 4,
    signal_strength: float | Level = "medium",
    class_frequencies: Sequence[float] | None = None,
    learnability: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, NDArray[np.int64]] | tuple[Floats, NDArray[np.int64], MixtureTruth]:
    r"""Draw classes that are mixtures of Gaussian clusters.

    .. math:: x \mid y \sim \frac{1}{m} \sum_{j=1}^{m} N(\beta \mu_{yj}, I)

    with random centres :math:`\mu_{yj}` drawn from a Gaussian of variance 1/d, so that two centres
    are about :math:`\beta\sqrt 2` apart. The learnability rises with the strength, because less
    noise tells more.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=10
        Number of features. Written d.
    n_classes : int, default=2
        Number of classes.
    n_clusters : int, default=4
        Clusters m per class, all equally frequent in it.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    class_frequencies : sequence of float, optional
        Probabilities of the classes; equal by default.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the centres, the integration points, the rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Labels 0 to n_classes - 1.
    truth : MixtureTruth
        Exact posterior, entropies with their standard error, and divergences; only with
        ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_mixture_classification
    >>> X, y, truth = make_mixture_classification(
    ...     n_samples=500, learnability=0.5, random_state=0, return_truth=True
    ... )
    >>> X.shape, round(truth.learnability, 6), truth.learnability_error < 0.005
    ((500, 10), 0.5, True)
    """
    check_count("n_samples", n_samples)
    check_count("n_features", n_features)
    check_count("n_classes", n_classes, 2)
    check_count("n_clusters", n_clusters, 1, 1024 // n_classes)
    strength = check_strength(signal_strength)
    frequencies = check_class_frequencies(class_frequencies, n_classes)
    rng = check_random_state(random_state)
    centres = rng.standard_normal((n_classes, n_clusters, n_features)) / np.sqrt(n_features)
    noise = gaussian_points(n_features, rng)
    cluster = rng.permutation(np.arange(len(noise)) % (n_classes * n_clusters))
    if learnability is not None:
        strength = solve_strength(
            learnability,
            lambda beta: truth_at(beta, centres, frequencies, noise, cluster).learnability,
            LARGEST_STRENGTH,
        )
    truth = truth_at(strength, centres, frequencies, noise, cluster)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
