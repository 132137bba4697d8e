"""What is known exactly about a generated data set: its posterior and its entropies."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, xlogy
from sklearn.utils import check_array, check_consistent_length

from sklearn_learnability._probabilities import (
    SMALLEST_PROBABILITY,
    align_probabilities,
    draw_labels,
)
from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    as_numbers,
    check_count,
    check_random_state,
    nats_per_unit,
    warn,
)
from sklearn_learnability.exceptions import ZeroProbabilityWarning


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassificationTruth(ABC):
    r"""Exact posterior and entropies of a generated classification problem.

    .. math:: L = \frac{I(X; Y)}{H(Y)} = 1 - \frac{H(Y \mid X)}{H(Y)}

    Base of every truth about class labels; generators and loaders return its subclasses. Classes
    are the integers 0, 1, ... in the order of the columns of :meth:`predict_proba`, unless the
    subclass names them.

    Attributes
    ----------
    class_frequencies : ndarray of shape (n_classes,)
        Probability of each class over the distribution, not over the drawn rows.
    conditional_entropy_nats : float
        H(Y|X) in nats.
    conditional_entropy_error_nats : float
        Its standard error where it is integrated by randomised quasi-Monte Carlo, 0 where it is
        known in closed form or by quadrature (then good to about 1e-9).
    """

    class_frequencies: Floats
    conditional_entropy_nats: float
    conditional_entropy_error_nats: float = 0.0

    @abstractmethod
    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Draw `n_samples` rows of features."""

    @abstractmethod
    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, n_classes)."""

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class labels in the order of the columns of the posterior."""
        return np.arange(len(self.class_frequencies))

    @property
    def learnability(self) -> float:
        """Share of the label entropy that the features explain, between 0 and 1."""
        return max(0.0, 1.0 - self.conditional_entropy_nats / self._label_nats)

    @property
    def learnability_error(self) -> float:
        """Standard error of the learnability; 0 where it is exact."""
        return self.conditional_entropy_error_nats / self._label_nats

    @property
    def _label_nats(self) -> float:
        return float(entr(self.class_frequencies).sum())

    def label_entropy(self, units: Units = "bits") -> float:
        """Return H(Y), the entropy of the class frequencies."""
        return self._label_nats / nats_per_unit(units)

    def conditional_entropy(self, units: Units = "bits") -> float:
        """Return H(Y|X), the smallest log-loss any model can have."""
        return self.conditional_entropy_nats / nats_per_unit(units)

    def sample(self, n_samples: int, random_state: RandomState = None) -> tuple[Any, NDArray[Any]]:
        """Draw fresh rows X and labels y of the same distribution."""
        rng = check_random_state(random_state)
        X = self.sample_features(check_count("n_samples", n_samples), rng)
        return X, self.classes[draw_labels(self.predict_proba(X), rng)]

    def kl_per_sample(
        self,
        model: Any,
        X: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        units: Units = "bits",
    ) -> Floats:
        r"""Divergence of a model from the posterior, row by row.

        .. math:: \mathrm{KL}_i = \sum_k p^*(k \mid x_i) \log \frac{p^*(k \mid x_i)}{q(k \mid x_i)}

        Lower is better; 0 is the posterior itself. It needs no labels, so it has none of their
        noise.

        Parameters
        ----------
        model : estimator or array-like of shape (n_samples, n_classes)
            A fitted classifier, or its probabilities on `X`.
        X : array-like of shape (n_samples, n_features)
            Inputs. Best of rows that the model was not fitted on.
        labels : array-like of shape (n_classes,), optional
            Classes in the order of the columns; for an array, by default 0, 1, ... The classes of
            an estimator are read from its ``classes_``.
        units : {"bits", "nats"}, default="bits"
            Unit of information: bits are logarithms of base 2, nats of base e.

        Returns
        -------
        ndarray of shape (n_samples,)
            Divergences in `units`.

        Raises
        ------
        ValueError
            If the probabilities or their labels do not fit the truth.

        Warns
        -----
        ZeroProbabilityWarning
            If the model gives probability 0 to a class that can occur.
        """
        true = self.predict_proba(X)
        if hasattr(model, "predict_proba"):
            raw, labels = model.predict_proba(X), getattr(model, "classes_", labels)
        else:
            raw = model
        check_consistent_length(true, raw)
        columns = self.classes if labels is None else np.asarray(labels)
        given = clip_possible(align_probabilities(raw, columns, self.classes), true)
        divergence = (xlogy(true, true) - xlogy(true, given)).sum(axis=1)
        return np.maximum(divergence, 0.0) / nats_per_unit(units)

    def kl_divergence(
        self,
        model: Any,
        X: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        units: Units = "bits",
    ) -> float:
        """Return the mean over the rows of :meth:`kl_per_sample`: the excess log-loss."""
        return float(self.kl_per_sample(model, X, labels=labels, units=units).mean())

    def gap(self, model: Any, X: ArrayLike, *, labels: ArrayLike | None = None) -> float:
        """Return the mean divergence over H(Y): how far a model stays below the learnability."""
        return self.kl_divergence(model, X, labels=labels, units="nats") / self._label_nats

    def to_frame(self, units: Units = "bits") -> pd.DataFrame:
        """Return entropies and learnability as a table of one row."""
        return pd.DataFrame(
            {
                "label_entropy": [self.label_entropy(units)],
                "conditional_entropy": [self.conditional_entropy(units)],
                "learnability": [self.learnability],
                "learnability_error": [self.learnability_error],
            }
        )


def check_features(X: ArrayLike, n_features: int) -> Floats:
    """Return rows as float64, refusing another number of columns."""
    rows = check_array(X, dtype=np.float64)
    if rows.shape[1] != n_features:
        raise ValueError(f"Expected X with {n_features} columns, got {rows.shape[1]}.")
    return rows


def check_class_frequencies(frequencies: Sequence[float] | None, n_classes: int) -> Floats:
    """Return probabilities of the classes, equal ones by default."""
    if frequencies is None:
        return np.full(n_classes, 1 / n_classes)
    given = as_numbers("class_frequencies", frequencies)
    if given.shape != (n_classes,) or not (given > 0).all() or abs(given.sum() - 1) > 1e-9:
        raise ValueError(
            f"Expected class_frequencies as {n_classes} positive numbers that sum to 1, "
            f"got {frequencies!r}."
        )
    return given


def clip_possible(given: Floats, true: Floats) -> Floats:
    """Raise the smallest probabilities, with a warning where that hides a large divergence."""
    possible = true > np.sqrt(SMALLEST_PROBABILITY)
    hopeless = ((given < SMALLEST_PROBABILITY) & possible).any(axis=1)
    if hopeless.any():
        warn(
            f"{hopeless.sum()} of {len(given)} rows give probability 0 to a class that can occur; "
            f"it is raised to {SMALLEST_PROBABILITY:.1e}. The true divergence is infinite.",
            ZeroProbabilityWarning,
        )
    return np.maximum(given, SMALLEST_PROBABILITY)
