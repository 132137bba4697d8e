"""Two classes of identifiers with many levels, two of which act together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import entr, expit, logit, ndtr

from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    check_count,
    check_number,
    check_random_state,
)
from sklearn_learnability.datasets._integration import gaussian_points, mean_over_replicates
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import ClassificationTruth

#: Strengths are searched up to here; the score has variance 1.
LARGEST_STRENGTH = 100.0
MOST_LEVELS = 10**6
#: Dimensions of the quasi-Monte Carlo rule, a column each.
MOST_COLUMNS = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class IdentifierTruth(ClassificationTruth):
    r"""Truth of two classes of identifiers with many levels, two of which act together.

    .. math:: P(Y = 1 \mid a, x) = \sigma\Big(b + \beta \Big(\sum_j e_j(a_j)
              + u(a_1) \cdot v(a_2) + w \cdot x\Big)\Big), \qquad
              P(a_j = k) \propto k^{-s}

    Entropies are integrated over 32,768 points of a randomised quasi-Monte Carlo rule; their
    standard error is given.

    Attributes
    ----------
    frequencies : tuple of ndarray of shape (n_levels,)
        Probabilities of the levels of each identifier.
    effects : tuple of ndarray of shape (n_levels,)
        The effects e of the levels of each identifier.
    factors : tuple of two ndarray of shape (n_levels, n_factors)
        The factors u and v of the first two identifiers; each has mean 0 over the levels, so that
        what they say together neither of them says alone.
    weights : ndarray of shape (n_numeric,)
        The weights w of the numbers, which are standard Gaussian.
    signal_strength : float
        The strength :math:`\beta`.
    intercept : float
        b, solved for the rate of positives.
    """

    frequencies: tuple[Floats, ...]
    effects: tuple[Floats, ...]
    factors: tuple[Floats, Floats]
    weights: Floats
    signal_strength: float
    intercept: float

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns: identifiers, then numbers."""
        names = [f"id_{j}" for j in range(len(self.effects))]
        return names + [f"number_{j}" for j in range(len(self.weights))]

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> pd.DataFrame:
        """Draw `n_samples` rows: identifiers of dtype `category`, and numbers."""
        columns: list[Any] = []
        for share in self.frequencies:
            codes = rng.choice(len(share), size=n_samples, p=share)
            columns.append(pd.Categorical.from_codes(codes, pd.Index(names_of_levels(share))))
        columns += [rng.standard_normal(n_samples) for _ in self.weights]
        return pd.DataFrame(dict(zip(self.feature_names, columns, strict=True)))

    def predict_proba(self, X: Any) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, 2).

        The columns of the data frame `X` are found by name. A level that the identifier does not
        have is a ValueError.
        """
        if not isinstance(X, pd.DataFrame):
            raise TypeError(f"Expected X as a data frame, got {type(X).__name__}.")
        missing = [name for name in self.feature_names if name not in X.columns]
        if missing:
            raise ValueError(
                f"Expected X with the columns {self.feature_names}, got none named {missing}."
            )
        names = self.feature_names[: len(self.effects)]
        codes = [
            codes_of(X[name], share) for name, share in zip(names, self.frequencies, strict=True)
        ]
        numbers = X[self.feature_names[len(names) :]].to_numpy(np.float64)
        score = self.intercept + self.signal_strength * self._score(codes, numbers)
        return np.column_stack([expit(-score), expit(score)])

    def _score(self, codes: list[Integers], numbers: Floats) -> Floats:
        """Return the score of rows at strength 1, without the intercept."""
        left, right = self.factors
        own = sum(effect[code] for effect, code in zip(self.effects, codes, strict=True))
        return own + (left[codes[0]] * right[codes[1]]).sum(axis=1) + numbers @ self.weights


def names_of_levels(share: Floats) -> list[str]:
    """Return the names of the levels of an identifier, the most frequent one first."""
    return [str(level) for level in range(len(share))]


def codes_of(column: pd.Series, share: Floats) -> Integers:
    """Return the positions of the levels of a column."""
    codes = pd.Index(names_of_levels(share)).get_indexer(pd.Index(column.astype(str)))
    if (codes < 0).any():
        strange = column[codes < 0].iloc[0]
        raise ValueError(
            f"Expected levels '0' to '{len(share) - 1}' in column {column.name!r}, got {strange!r}."
        )
    return codes


def truth_at(strength: float, truth: IdentifierTruth, score: Floats) -> IdentifierTruth:
    """Return the truth of another strength, integrated over the given scores at strength 1."""
    rate = truth.class_frequencies[1]
    reach = abs(logit(rate)) + strength * np.abs(score).max() + 1.0
    intercept = brentq(lambda b: expit(b + strength * score).mean() - rate, -reach, reach)
    positive = expit(intercept + strength * score)
    mean, error = mean_over_replicates(entr(positive) + entr(1 - positive))
    return replace(
        truth,
        signal_strength=strength,
        intercept=float(intercept),
        conditional_entropy_nats=mean,
        conditional_entropy_error_nats=error,
    )


def make_identifier_classification(
    n_samples: int = 1000,
    *,
    n_levels: Sequence[int] = (2000, 1000, 200),
    n_numeric: int = 2,
    zipf_exponent: float = 1.1,
    interaction: float = 0.3,
    n_factors: int = 2,
    signal_strength: float | Level = "medium",
    learnability: float | None = None,
    positive_rate: float = 0.2,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> (
    tuple[pd.DataFrame, NDArray[np.int64]] | tuple[pd.DataFrame, NDArray[np.int64], IdentifierTruth]
):
    r"""Draw two classes of identifiers with many levels, as in logs of clicks.

    .. math:: P(Y = 1 \mid a, x) = \sigma\Big(b + \beta \Big(\sum_j e_j(a_j)
              + u(a_1) \cdot v(a_2) + w \cdot x\Big)\Big), \qquad
              P(a_j = k) \propto k^{-s}

    Effects, factors and weights are Gaussian. They are scaled so that the score has variance 1, of
    which the interaction of the first two identifiers has its share, and each identifier, and the
    numbers together, an equal part of the rest. The effects of rare levels belong to the
    learnability, and a model needs many rows to find them.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_levels : sequence of int, default=(2000, 1000, 200)
        Levels of each identifier, at least two of two identifiers.
    n_numeric : int, default=2
        Number of Gaussian columns beside the identifiers.
    zipf_exponent : float, default=1.1
        The exponent s; 0 makes all levels equally frequent.
    interaction : float, default=0.3
        Share of the variance of the score that the interaction has, from 0 to 1.
    n_factors : int, default=2
        Number of factors of the interaction.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. The share of the label entropy that the features explain.
    positive_rate : float, default=0.2
        Wanted probability of class 1; for which the intercept b is solved.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws effects, factors and weights, the integration points, the
        rows and the labels.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_identifiers + n_numeric)
        ``id_0``, ... of dtype `category`, and ``number_0``, ....
    y : ndarray of shape (n_samples,)
        Labels 0 and 1.
    truth : IdentifierTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    References
    ----------
    S. Rendle. Factorization Machines. ICDM 2010. https://doi.org/10.1109/ICDM.2010.127

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_identifier_classification
    >>> X, y, truth = make_identifier_classification(
    ...     500, learnability=0.1, random_state=0, return_truth=True
    ... )
    >>> X.columns.tolist(), round(truth.learnability, 6)
    (['id_0', 'id_1', 'id_2', 'number_0', 'number_1'], 0.1)
    """
    check_count("n_samples", n_samples)
    rng = check_random_state(random_state)
    strength = check_strength(signal_strength)
    levels = check_levels(n_levels)
    check_count("n_numeric", n_numeric, 0, MOST_COLUMNS - len(levels))
    check_count("n_factors", n_factors, 1, 1000)
    check_number("interaction", interaction, 0.0, 1.0)
    check_number("zipf_exponent", zipf_exponent, 0.0, 20.0)
    if not 0.0 < check_number("positive_rate", positive_rate, 0.0, 1.0) < 1.0:
        raise ValueError(f"Expected positive_rate inside (0, 1), got {positive_rate!r}.")
    shares = tuple(zipf_frequencies(k, zipf_exponent) for k in levels)
    own = np.sqrt((1 - interaction) / (len(levels) + (n_numeric > 0)))
    effects = tuple(own * standardised(rng.standard_normal((len(p), 1)), p)[:, 0] for p in shares)
    factors = [standardised(rng.standard_normal((len(p), n_factors)), p) for p in shares[:2]]
    weights = rng.standard_normal(n_numeric)
    truth = IdentifierTruth(
        class_frequencies=np.array([1 - positive_rate, positive_rate]),
        conditional_entropy_nats=np.nan,
        frequencies=shares,
        effects=effects,
        factors=scaled_factors(factors, shares, interaction),
        weights=own * weights / np.linalg.norm(weights) if n_numeric else weights,
        signal_strength=strength,
        intercept=0.0,
    )
    score = score_at_points(truth, rng)
    if learnability is not None:
        strength = solve_strength(
            learnability, lambda beta: truth_at(beta, truth, score).learnability, LARGEST_STRENGTH
        )
    truth = truth_at(strength, truth, score)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)


def check_levels(n_levels: Sequence[int]) -> list[int]:
    """Return the numbers of levels."""
    if not isinstance(n_levels, list | tuple) or not 2 <= len(n_levels) <= MOST_COLUMNS:
        raise ValueError(
            f"Expected n_levels as 2 to {MOST_COLUMNS} whole numbers, one an identifier, got "
            f"{n_levels!r}."
        )
    return [check_count("n_levels", k, 2, MOST_LEVELS) for k in n_levels]


def zipf_frequencies(n_levels: int, exponent: float) -> Floats:
    """Return probabilities that fall as a power of the rank."""
    share = np.arange(1.0, n_levels + 1) ** -exponent
    return share / share.sum()


def standardised(values: Floats, share: Floats) -> Floats:
    """Return columns (n_levels, n_factors) of mean 0 and variance 1 over the levels."""
    centred = values - share @ values
    return centred / np.sqrt(share @ centred**2)


def scaled_factors(
    factors: list[Floats], shares: tuple[Floats, ...], interaction: float
) -> tuple[Floats, Floats]:
    """Return the factors, the left ones scaled to the variance of the interaction."""
    left, right = factors
    covariances = [(f.T * p) @ f for f, p in zip(factors, shares, strict=False)]
    variance = np.sum(covariances[0] * covariances[1])
    return left * np.sqrt(interaction / variance), right


def score_at_points(truth: IdentifierTruth, rng: np.random.RandomState) -> Floats:
    """Return the scores of the integration points, at strength 1."""
    n_identifiers = len(truth.effects)
    points = gaussian_points(n_identifiers + len(truth.weights), rng)
    codes = [
        np.minimum(np.searchsorted(share.cumsum(), ndtr(column)), len(share) - 1)
        for share, column in zip(truth.frequencies, points.T, strict=False)
    ]
    return truth._score(codes, points[:, n_identifiers:])
