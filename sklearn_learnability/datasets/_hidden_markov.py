"""Hidden Markov chains: symbols seen through noise."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, softmax

from sklearn_learnability._probabilities import draw_labels
from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    check_count,
    check_number,
    check_random_state,
    nats_per_unit,
)
from sklearn_learnability.datasets._linear import Level, check_strength
from sklearn_learnability.datasets._markov import check_symbols, split_windows
from sklearn_learnability.datasets._score_truth import solve_strength
from sklearn_learnability.datasets._truth import ClassificationTruth

#: Largest number of windows over which entropies are summed exactly.
LARGEST_N_WINDOWS = 2**18
LARGEST_STRENGTH = 200.0
#: Independent chains, and the steps before and after their start-up, for the entropy rate.
RATE_CHAINS, RATE_WARM_UP, RATE_STEPS = 256, 200, 400


@dataclass(frozen=True, eq=False, kw_only=True)
class HiddenMarkovTruth(ClassificationTruth):
    r"""Truth of a stationary hidden Markov chain, one row per time step.

    A row of X holds the `n_lags` symbols before the one to predict, the oldest first. The posterior
    given them comes from the forward recursion; H(Y|X) is summed exactly over all windows. A longer
    past tells more, down to the entropy rate.

    Attributes
    ----------
    hidden_transition : ndarray of shape (n_hidden, n_hidden)
        Probabilities of the next hidden state.
    emission : ndarray of shape (n_hidden, n_symbols)
        Probabilities of the symbol in every hidden state.
    n_lags : int
        Number of preceding symbols in a row.
    signal_strength : float
        Log-odds of the hidden state's own symbol against another.
    entropy_rate_nats, entropy_rate_error_nats : float
        H(Y_t | the whole past) by the forward recursion over 256 independent simulated chains, and
        its standard error.
    """

    hidden_transition: Floats
    emission: Floats
    n_lags: int
    signal_strength: float
    entropy_rate_nats: float
    entropy_rate_error_nats: float

    def entropy_rate(self, units: Units = "bits") -> float:
        """Return H(Y_t | the whole past), the limit of long windows."""
        return self.entropy_rate_nats / nats_per_unit(units)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact probabilities of the next symbol given its window."""
        return self._forward(check_symbols(X, self.n_lags, self.emission.shape[1]))

    def _forward(self, windows: NDArray[np.int64]) -> Floats:
        """Return the predictive probabilities after windows of any length."""
        n_hidden = len(self.hidden_transition)
        belief = np.full((len(windows), n_hidden), 1 / n_hidden)
        for symbol in windows.T:
            belief = self._advance(belief, symbol)
        return belief @ self.emission

    def _advance(self, belief: Floats, symbol: NDArray[np.int64]) -> Floats:
        """Return the belief about the next hidden state after a symbol was seen."""
        seen = belief * self.emission[:, symbol].T
        return seen / seen.sum(axis=1, keepdims=True) @ self.hidden_transition

    def predict_sequence(self, sequence: ArrayLike) -> Floats:
        """Return the exact probabilities of every symbol given all symbols before it.

        Parameters
        ----------
        sequence : array-like of shape (n_steps,)
            Symbols in the order of time; the first is predicted from the stationary distribution.

        Returns
        -------
        ndarray of shape (n_steps, n_symbols)
            Predictive probabilities, those of a learner that knows the chain.
        """
        column = np.asarray(sequence).reshape(-1, 1)
        symbols = check_symbols(column, 1, self.emission.shape[1])
        belief = np.full((1, len(self.emission)), 1 / len(self.emission))
        proba = np.empty((len(symbols), self.emission.shape[1]))
        for step, symbol in enumerate(symbols):
            proba[step] = (belief @ self.emission)[0]
            belief = self._advance(belief, symbol)
        return proba

    def conditional_entropy_per_step(self, n_steps: int, units: Units = "bits") -> Floats:
        """Return H(Y_t | all symbols before t) of the first steps, exactly, by enumeration."""
        largest = int(np.log(LARGEST_N_WINDOWS) / np.log(self.emission.shape[1]))
        check_count("n_steps", n_steps, 1, largest)
        per_step = [self._window_entropy(lags) for lags in range(n_steps)]
        return np.array(per_step) / nats_per_unit(units)

    def _window_entropy(self, n_lags: int) -> float:
        """Return H(next symbol | n_lags symbols), summed over all windows."""
        n_hidden, n_symbols = self.emission.shape
        symbols = np.array(list(product(range(n_symbols), repeat=n_lags)), dtype=np.int64)
        windows = symbols.reshape(n_symbols**n_lags, n_lags)
        # joint[i, s] = P(window i, next hidden state s)
        joint = np.full((len(windows), n_hidden), 1 / n_hidden)
        for symbol in windows.T:
            joint = (joint * self.emission[:, symbol].T) @ self.hidden_transition
        with_next = joint @ self.emission
        return float(entr(with_next).sum() - entr(joint.sum(axis=1)).sum())

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> NDArray[np.int64]:
        """Draw the windows of `n_samples` successive steps."""
        return split_windows(self.sample_path(n_samples + self.n_lags, rng), self.n_lags)[0]

    def sample(
        self, n_samples: int, random_state: RandomState = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Draw a fresh stretch of the chain: windows X and next symbols y, in the order of time."""
        check_count("n_samples", n_samples)
        path = self.sample_path(n_samples + self.n_lags, check_random_state(random_state))
        return split_windows(path, self.n_lags)

    def sample_path(self, n_steps: int, rng: np.random.RandomState) -> NDArray[np.int64]:
        """Draw `n_steps` successive symbols of the stationary chain."""
        thresholds = np.cumsum(self.hidden_transition[:, :-1], axis=1).tolist()
        uniform = rng.random_sample(n_steps).tolist()
        hidden = np.empty(n_steps, dtype=np.int64)
        state = int(rng.randint(len(thresholds)))
        for step in range(n_steps):
            hidden[step] = state
            state = sum(uniform[step] >= bound for bound in thresholds[state])
        return draw_labels(self.emission[hidden], rng)


def simulate_entropy_rate(
    truth: HiddenMarkovTruth, rng: np.random.RandomState
) -> tuple[float, float]:
    """Return the entropy rate in nats and its standard error over independent chains."""
    n_hidden = len(truth.hidden_transition)
    hidden = rng.randint(n_hidden, size=RATE_CHAINS)
    belief = np.full((RATE_CHAINS, n_hidden), 1 / n_hidden)
    total = np.zeros(RATE_CHAINS)
    for step in range(RATE_WARM_UP + RATE_STEPS):
        if step >= RATE_WARM_UP:
            total += entr(belief @ truth.emission).sum(axis=1)
        belief = truth._advance(belief, draw_labels(truth.emission[hidden], rng))
        hidden = draw_labels(truth.hidden_transition[hidden], rng)
    rates = total / RATE_STEPS
    return float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(RATE_CHAINS))


def make_hidden_markov_chain(
    n_samples: int = 1000,
    *,
    n_symbols: int = 2,
    states_per_symbol: int = 2,
    persistence: float = 0.8,
    n_lags: int = 6,
    signal_strength: float | Level = "high",
    learnability: float | None = None,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> (
    tuple[NDArray[np.int64], NDArray[np.int64]]
    | tuple[NDArray[np.int64], NDArray[np.int64], HiddenMarkovTruth]
):
    r"""Draw a hidden Markov chain: a hidden cycle of states seen through noisy symbols.

    .. math:: P(S_{t+1} = s \mid S_t = s) = a, \quad P(S_{t+1} = s + 1 \mid S_t = s) = 1 - a, \quad
              P(Y_t = k \mid S_t = s) \propto e^{\beta\, 1[k = g(s)]}

    Each symbol is shown by several successive states of the cycle, so that its dwell time is not
    geometric and no finite window is enough. The learnability is that of the next symbol given the
    window in X; it rises with the strength :math:`\beta`, because less noise tells more.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows. Each is a step in time.
    n_symbols : int, default=2
        Number of symbols.
    states_per_symbol : int, default=2
        Hidden states that show the same symbol.
    persistence : float, default=0.8
        Probability a of staying in a hidden state.
    n_lags : int, default=6
        Number of preceding symbols in a row of X.
    signal_strength : float or {"low", "medium", "high"}, default="high"
        The strength :math:`\beta`; the names stand for 0.5, 1.5 and 4. Not used if `learnability`
        is given.
    learnability : float, optional
        Wanted learnability. The share of the entropy of a symbol that its window explains.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the chain.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_lags)
        The symbols before each step, the oldest first.
    y : ndarray of shape (n_samples,)
        The chain, in the order of time: symbols 0 to n_symbols - 1.
    truth : HiddenMarkovTruth
        Exact probabilities given the window or the whole past, entropies, entropy rate with its
        standard error, and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range or the wanted learnability out of reach.

    References
    ----------
    L. R. Rabiner. A tutorial on hidden Markov models and selected applications in speech
    recognition. Proceedings of the IEEE, 1989. https://doi.org/10.1109/5.18626

    Examples
    --------
    >>> from sklearn_learnability.datasets import make_hidden_markov_chain
    >>> X, y, truth = make_hidden_markov_chain(
    ...     n_samples=500, learnability=0.2, random_state=0, return_truth=True
    ... )
    >>> X.shape, round(truth.learnability, 6)
    ((500, 6), 0.2)
    >>> truth.entropy_rate() < truth.conditional_entropy() < truth.label_entropy()
    True
    """
    check_count("n_samples", n_samples)
    check_count("n_symbols", n_symbols, 2)
    check_count("states_per_symbol", states_per_symbol)
    check_count("n_lags", n_lags, 1, int(np.log(LARGEST_N_WINDOWS) / np.log(n_symbols)))
    check_number("persistence", persistence, 0.0, 1.0)
    strength = check_strength(signal_strength)
    rng = check_random_state(random_state)
    n_hidden = n_symbols * states_per_symbol
    stay = np.eye(n_hidden)
    shown = np.eye(n_symbols)[np.arange(n_hidden) // states_per_symbol]

    def truth_at(beta: float) -> HiddenMarkovTruth:
        truth = HiddenMarkovTruth(
            class_frequencies=np.full(n_symbols, 1 / n_symbols),
            conditional_entropy_nats=np.nan,
            hidden_transition=persistence * stay + (1 - persistence) * np.roll(stay, 1, axis=1),
            emission=softmax(beta * shown, axis=1),
            n_lags=n_lags,
            signal_strength=beta,
            entropy_rate_nats=np.nan,
            entropy_rate_error_nats=np.nan,
        )
        return replace(truth, conditional_entropy_nats=truth._window_entropy(n_lags))

    if learnability is not None:
        strength = solve_strength(
            learnability, lambda beta: truth_at(beta).learnability, LARGEST_STRENGTH
        )
    truth = truth_at(strength)
    rate, rate_error = simulate_entropy_rate(truth, rng)
    truth = replace(truth, entropy_rate_nats=rate, entropy_rate_error_nats=rate_error)
    X, y = truth.sample(n_samples, rng)
    return (X, y, truth) if return_truth else (X, y)
