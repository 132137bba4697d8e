"""Markov chains of any order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, softmax

from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    check_count,
    check_random_state,
    nats_per_unit,
)
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import ClassificationTruth, check_features

#: Largest number of contexts for which the transition probabilities are held in memory.
LARGEST_N_CONTEXTS = 2**20
#: Range of the contexts' own factors on the strength: some contexts tell more than others.
CONTEXT_FACTORS = (0.25, 1.75)
LARGEST_STRENGTH = 200.0


def check_symbols(X: ArrayLike, n_lags: int, n_symbols: int) -> NDArray[np.int64]:
    """Return rows of preceding symbols as integers."""
    rows = check_features(X, n_lags)
    symbols = rows.astype(np.int64)
    if (symbols != rows).any() or symbols.min() < 0 or symbols.max() >= n_symbols:
        raise ValueError(
            f"Expected the symbols 0 to {n_symbols - 1} in X, got values between {rows.min():g} "
            f"and {rows.max():g}."
        )
    return symbols


def split_windows(
    sequence: NDArray[np.int64], n_lags: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every symbol after the first `n_lags`, and the symbols before it, oldest first."""
    windows = sliding_window_view(sequence, n_lags + 1)
    return windows[:, :-1].copy(), windows[:, -1].copy()


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkovTruth(ClassificationTruth):
    r"""Truth of a stationary Markov chain, one row per time step.

    .. math:: L = 1 - \frac{H(Y_t \mid Y_{t-m}, \dots, Y_{t-1})}{H(Y_t)}

    A row of X holds the m symbols before the one to predict, the oldest first; nothing before
    them tells more. All contexts are equally frequent.

    Attributes
    ----------
    transition : ndarray of shape (n_states**order, n_states)
        Probabilities of the next symbol after every context; contexts count up like numbers whose
        last digit is the latest symbol.
    order : int
        The order m.
    signal_strength : float
        Strength of the dependence.
    """

    transition: Floats
    order: int
    signal_strength: float

    @property
    def n_states(self) -> int:
        """Number of symbols."""
        return self.transition.shape[1]

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact probabilities of the next symbol, of shape (n_samples, n_states)."""
        digits = check_symbols(X, self.order, self.n_states)
        return self.transition[digits @ self.n_states ** np.arange(self.order)[::-1]]

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> NDArray[np.int64]:
        """Draw the contexts of `n_samples` successive steps."""
        return split_windows(self.sample_path(n_samples + self.order, rng), self.order)[0]

    def sample(
        self, n_samples: int, random_state: RandomState = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Draw a fresh stretch of the chain: contexts X and next symbols y in order of time."""
        check_count("n_samples", n_samples)
        path = self.sample_path(n_samples + self.order, check_random_state(random_state))
        return split_windows(path, self.order)

    def sample_path(self, n_steps: int, rng: np.random.RandomState) -> NDArray[np.int64]:
        """Draw `n_steps` successive symbols, the first ones from the stationary distribution."""
        path = np.empty(n_steps, dtype=np.int64)
        path[: self.order] = rng.randint(self.n_states, size=self.order)
        context = int(path[: self.order] @ self.n_states ** np.arange(self.order)[::-1])
        thresholds = np.cumsum(self.transition[:, :-1], axis=1).tolist()
        uniform = rng.random_sample(n_steps).tolist()
        n_contexts = len(thresholds)
        for step in range(self.order, n_steps):
            symbol = sum(uniform[step] >= bound for bound in thresholds[context])
            path[step] = symbol
            context = (context * self.n_states + symbol) % n_contexts
        return path

    def conditional_entropy_per_step(self, n_steps: int, units: Units = "bits") -> Floats:
        """Return H(Y_t | all symbols before t) of the first steps of a stationary chain.

        The first `order` steps have nothing, or not enough, to look back at; from there on it is
        :meth:`~sklearn_learnability.datasets.ClassificationTruth.conditional_entropy`.
        """
        per_step = np.full(check_count("n_steps", n_steps), self.conditional_entropy_nats)
        # Equally frequent contexts make the first symbols independent of each other.
        per_step[: self.order] = np.log(self.n_states)
        return per_step / nats_per_unit(units)


def transition_probabilities(
    strength: float, successors: NDArray[np.int64], factors: Floats
) -> Floats:
    """Return the probabilities of the next symbol after every context.

    Given the later symbols of a context, its oldest symbol is sent to a successor of its own, so
    that all contexts stay equally frequent. Shape (n_states**order, n_states).
    """
    n_states = successors.shape[1]
    preferred = np.eye(n_states)[successors]  # (later symbols, oldest symbol, next symbol)
    proba = softmax(strength * factors[:, None, None] * preferred, axis=2)
    return proba.transpose(1, 0, 2).reshape(-1, n_states)


def make_markov_chain(
    n_samples: int = 1000,
    *,
    n_states: int = 3,
    order: int = 2,
    signal_strength: float | Level = "medium",
    learnability: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> (
    tuple[NDArray[np.int64], NDArray[np.int64]]
    | tuple[NDArray[np.int64], NDArray[np.int64], MarkovTruth]
):
    r"""Draw a stationary Markov chain of any order.

    .. math:: P(Y_t = k \mid \text{context } c) \propto
              \exp\left(\beta s_c\, 1[k = \pi_c(y_{t-m})]\right)

    where the later symbols of the context choose a random permutation :math:`\pi_c` of the oldest
    one and a random factor :math:`s_c` between 0.25 and 1.75. All symbols are equally frequent,
    and the entropy rate is in closed form. All m symbols are needed: without the oldest, the
    others say nothing.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows. Each is a step in time.
    n_states : int, default=3
        Number of symbols.
    order : int, default=2
        The order m.
    signal_strength : float or {"low", "medium", "high"}, default="medium"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. The share of the entropy of a symbol that its past explains.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the transition probabilities and the chain.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, order)
        The symbols before each step, the oldest first.
    y : ndarray of shape (n_samples,)
        The chain, in the order of time: symbols 0 to n_states - 1.
    truth : MarkovTruth
        Exact probabilities, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_markov_chain
    >>> X, y, truth = make_markov_chain(
    ...     n_samples=500, learnability=0.3, random_state=0, return_truth=True
    ... )
    >>> X.shape, round(truth.learnability, 6), bool((X[1:, -1] == y[:-1]).all())
    ((500, 2), 0.3, True)
    """
    check_count("n_samples", n_samples)
    check_count("n_states", n_states, 2)
    check_count("order", order, 1, int(np.log(LARGEST_N_CONTEXTS) / np.log(n_states)))
    strength = check_strength(signal_strength)
    rng = check_random_state(random_state)
    n_later = n_states ** (order - 1)
    successors = rng.random_sample((n_later, n_states)).argsort(axis=1)
    factors = rng.uniform(*CONTEXT_FACTORS, size=n_later)

    def truth_at(beta: float) -> MarkovTruth:
        transition = transition_probabilities(beta, successors, factors)
        return MarkovTruth(
            class_frequencies=np.full(n_states, 1 / n_states),
            conditional_entropy_nats=float(entr(transition).sum(axis=1).mean()),
            transition=transition,
            order=order,
            signal_strength=beta,
        )

    if learnability is not None:
        strength = solve_strength(
            learnability, lambda beta: truth_at(beta).learnability, LARGEST_STRENGTH
        )
    truth = truth_at(strength)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
