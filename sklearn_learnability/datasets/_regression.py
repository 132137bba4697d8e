"""A continuous target with Gaussian noise, of constant or changing size."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    check_count,
    check_number,
    check_random_state,
    nats_per_unit,
)
from sklearn_learnability.datasets._linear import Level, check_n_active, check_strength
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import check_features

LARGEST_RELATIVE_STRENGTH = 1000.0
#: Entropy of a standard Gaussian in nats; also of the noise, whose mean log scale is 0.
GAUSSIAN_NATS = 0.5 * (1 + math.log(2 * math.pi))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegressionTruth:
    r"""Truth of a continuous target: its exact distribution given the features.

    .. math:: y \mid x \sim N\left(\beta \sum_{j \in A} x_j,\; e^{2 \gamma x_s}\right), \qquad
              L = 1 - e^{-2 I(X; Y)}

    with I in nats. The learnability has no units and is R² for a constant noise. Dividing by the
    entropy of y instead would depend on its units.

    Attributes
    ----------
    n_features : int
        Number of features, all standard Gaussian.
    active : ndarray of shape (n_active,)
        Columns A that enter the mean.
    scale_feature : int or None
        Column s that sets the size of the noise.
    signal_strength : float
        The strength :math:`\beta`.
    heteroscedasticity : float
        Standard deviation :math:`\gamma` of the logarithm of the size of the noise.
    marginal_entropy_nats : float
        Differential entropy h(Y), by quadrature good to about 1e-9.
    """

    n_features: int
    active: NDArray[np.int64]
    scale_feature: int | None
    signal_strength: float
    heteroscedasticity: float
    marginal_entropy_nats: float

    def mutual_information(self, units: Units = "bits") -> float:
        """Return I(X; Y), how much the features tell about the target."""
        return max(0.0, self.marginal_entropy_nats - GAUSSIAN_NATS) / nats_per_unit(units)

    @property
    def learnability(self) -> float:
        """Return 1 - exp(-2 I), between 0 and 1."""
        return float(-np.expm1(-2 * self.mutual_information("nats")))

    def marginal_entropy(self, units: Units = "bits") -> float:
        """Return the differential entropy h(Y); it changes with the units of y."""
        return self.marginal_entropy_nats / nats_per_unit(units)

    def conditional_entropy(self, units: Units = "bits") -> float:
        """Return the differential entropy h(Y|X); it changes with the units of y."""
        return GAUSSIAN_NATS / nats_per_unit(units)

    def predict(self, X: ArrayLike) -> Floats:
        """Return E[y | x] of every row, shape (n_samples,)."""
        rows = check_features(X, self.n_features)
        return self.signal_strength * rows[:, self.active].sum(axis=1)

    def predict_standard_deviation(self, X: ArrayLike) -> Floats:
        """Return the standard deviation of y given x for every row, shape (n_samples,)."""
        rows = check_features(X, self.n_features)
        if self.scale_feature is None:
            return np.ones(len(rows))
        return np.exp(self.heteroscedasticity * rows[:, self.scale_feature])

    def log_density(self, X: ArrayLike, y: ArrayLike, units: Units = "bits") -> Floats:
        """Return log p(y | x) of every row; minus its mean converges to the conditional entropy."""
        deviation = self.predict_standard_deviation(X)
        standardised = (np.asarray(y, dtype=np.float64) - self.predict(X)) / deviation
        nats = -0.5 * standardised**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
        return nats / nats_per_unit(units)

    def kl_per_sample(
        self,
        mean: ArrayLike,
        standard_deviation: ArrayLike,
        X: ArrayLike,
        units: Units = "bits",
    ) -> Floats:
        """Return the divergence of Gaussian predictions from the truth, row by row.

        Parameters
        ----------
        mean : array-like of shape (n_samples,)
            Predicted means.
        standard_deviation : array-like of shape (n_samples,) or float
            Predicted standard deviations.
        X : array-like of shape (n_samples, n_features)
            Inputs. Of the rows that the predictions are for.
        units : {"bits", "nats"}, default="bits"
            Unit of information: bits are logarithms of base 2, nats of base e.

        Returns
        -------
        ndarray of shape (n_samples,)
            Divergences in `units`; lower is better, 0 is the truth.
        """
        true_mean, true_deviation = self.predict(X), self.predict_standard_deviation(X)
        predicted = np.asarray(mean, dtype=np.float64)
        deviation = np.broadcast_to(
            np.asarray(standard_deviation, dtype=np.float64), true_mean.shape
        )
        if predicted.shape != true_mean.shape:
            raise ValueError(f"Expected means of shape {true_mean.shape}, got {predicted.shape}.")
        if not (deviation > 0).all() or not np.isfinite(deviation).all():
            raise ValueError(
                f"Expected finite, positive standard deviations, got {deviation.min():g}."
            )
        ratio = (true_deviation / deviation) ** 2
        distance = ((true_mean - predicted) / deviation) ** 2
        return 0.5 * (ratio - 1 - np.log(ratio) + distance) / nats_per_unit(units)

    def kl_divergence(
        self,
        mean: ArrayLike,
        standard_deviation: ArrayLike,
        X: ArrayLike,
        units: Units = "bits",
    ) -> float:
        """Return the mean over the rows of :meth:`kl_per_sample`: the excess log-loss."""
        return float(self.kl_per_sample(mean, standard_deviation, X, units).mean())

    def sample(self, n_samples: int, random_state: RandomState = None) -> tuple[Floats, Floats]:
        """Draw fresh rows X and targets y of the same distribution."""
        rng = check_random_state(random_state)
        X = rng.standard_normal((check_count("n_samples", n_samples), self.n_features))
        noise = self.predict_standard_deviation(X) * rng.standard_normal(n_samples)
        return X, self.predict(X) + noise

    def to_frame(self, units: Units = "bits") -> pd.DataFrame:
        """Return entropies, information and learnability as a table of one row."""
        return pd.DataFrame(
            {
                "marginal_entropy": [self.marginal_entropy(units)],
                "conditional_entropy": [self.conditional_entropy(units)],
                "mutual_information": [self.mutual_information(units)],
                "learnability": [self.learnability],
            }
        )


def marginal_entropy_nats(signal_deviation: float, heteroscedasticity: float) -> float:
    """Return h(Y) of a Gaussian with standard deviation sqrt(signal² + exp(2 gamma s)), s Gaussian.

    Trapezoidal sums over s and over y = c sinh(v), both of which converge geometrically.
    """
    if heteroscedasticity == 0:
        return GAUSSIAN_NATS + 0.5 * float(np.log1p(signal_deviation**2))
    s = np.arange(-9, 9.01, 0.1)
    log_weight = -(s**2) / 2
    log_weight -= logsumexp(log_weight)
    deviation = np.hypot(signal_deviation, np.exp(heteroscedasticity * s))
    v, step = np.linspace(0, np.arcsinh(12 * deviation[-1] / deviation[0]), 1500, retstep=True)
    y, slope = deviation[0] * np.sinh(v), deviation[0] * np.cosh(v)
    log_parts = -((y[:, None] / deviation) ** 2) / 2 - np.log(deviation) + log_weight
    log_density = logsumexp(log_parts, axis=1) - 0.5 * np.log(2 * np.pi)
    values = -np.exp(log_density) * log_density * slope
    return float(2 * step * (values.sum() - values[0] / 2))


def make_learnability_regression(
    n_samples: int = 1000,
    n_features: int = 20,
    *,
    signal_strength: float | Level = "medium",
    n_active: int | Level = "medium",
    heteroscedasticity: float = 0.0,
    learnability: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[Floats, Floats] | tuple[Floats, Floats, RegressionTruth]:
    r"""Draw a continuous target with a known or a wanted learnability 1 - exp(-2 I).

    .. math:: y = \beta \sum_{j \in A} x_j + e^{\gamma x_s} \varepsilon, \qquad
              x_j, \varepsilon \sim N(0, 1)

    With :math:`\gamma = 0` the learnability is R². Otherwise the features also tell how uncertain
    y is, which R² does not count.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=20
        Number of features. Written d.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    n_active : int or {"low", "medium", "high"}, default="medium"
        Number of active features; the names stand for 1, d/2 and d.
    heteroscedasticity : float, default=0.0
        Standard deviation :math:`\gamma` of the logarithm of the size of the noise, at most 3; it
        is set by one feature that is not active.
    learnability : float, optional
        Wanted learnability.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the active features, the rows and the noise.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Standard Gaussian features.
    y : ndarray of shape (n_samples,)
        Target.
    truth : RegressionTruth
        Exact distribution, information and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach: with a changing
        noise even a strength of 0 tells something.

    References
    ----------
    H. Linfoot. An informational measure of correlation. Information and Control, 1957.
    https://doi.org/10.1016/S0019-9958(57)90116-X

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_learnability_regression
    >>> X, y, truth = make_learnability_regression(
    ...     n_samples=500, learnability=0.75, random_state=0, return_truth=True
    ... )
    >>> round(truth.learnability, 6), round(truth.mutual_information(), 6)
    (0.75, 1.0)
    """
    check_count("n_samples", n_samples)
    check_count("n_features", n_features)
    check_number("heteroscedasticity", heteroscedasticity, 0.0, 3.0)
    n_active = check_n_active(n_active, n_features)
    if heteroscedasticity > 0:
        check_count("n_active", n_active, 1, n_features - 1)
    strength = check_strength(signal_strength)
    rng = check_random_state(random_state)
    columns = rng.permutation(n_features)

    def truth_at(beta: float) -> RegressionTruth:
        return RegressionTruth(
            n_features=n_features,
            active=np.sort(columns[:n_active]),
            scale_feature=int(columns[n_active]) if heteroscedasticity > 0 else None,
            signal_strength=beta,
            heteroscedasticity=heteroscedasticity,
            marginal_entropy_nats=marginal_entropy_nats(
                beta * float(np.sqrt(n_active)), heteroscedasticity
            ),
        )

    if learnability is not None:
        strength = solve_strength(
            learnability,
            lambda beta: truth_at(beta).learnability,
            LARGEST_RELATIVE_STRENGTH / float(np.sqrt(n_active)),
        )
    truth = truth_at(strength)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
