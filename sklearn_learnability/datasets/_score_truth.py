"""Two classes drawn through a one-dimensional score whose law is known.

The score is z = f(x), symmetric about 0, with a known characteristic function. The label is drawn
from t = intercept + strength * z through a link and label noise. Expectations over t are sums over
frequencies (Parseval), which converge geometrically because links are analytic.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import entr, expit, ndtr

from sklearn_learnability._validation import Floats, check_choice, check_count, check_number
from sklearn_learnability.datasets._truth import ClassificationTruth, check_features

#: Step of the grid in t; the links' spectra are below 1e-14 at its Nyquist frequency.
GRID_STEP = 0.2
#: Beyond this distance from its transition a link equals its limit to within 1e-17.
LINK_REACH = 45.0
#: Strengths are allowed up to this multiple of 1 / (standard deviation of the score).
LARGEST_RELATIVE_STRENGTH = 500.0
LINKS: dict[str, Callable[[Floats], Floats]] = {"logistic": expit, "probit": ndtr}


class ScoreLaw(ABC):
    """A distribution of features together with a score of them, symmetric about 0."""

    n_features: int

    @abstractmethod
    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw rows of features."""

    @abstractmethod
    def score(self, X: Floats) -> Floats:
        """Return the score of every row, shape (n_samples,)."""

    @abstractmethod
    def characteristic_function(self, frequency: Floats) -> Floats:
        """Return E cos(frequency * score)."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """Standard deviation of the score."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """Distance from 0 beyond which the density of the score is negligible."""


@dataclass(frozen=True)
class LabelChannel:
    """Link from t to the probability of class 1, then label noise.

    Attributes
    ----------
    link : {"logistic", "probit"}
        Inverse link.
    flip_negative, flip_positive : float
        Probability that a 0 is turned into a 1, and that a 1 is turned into a 0.
    """

    link: str
    flip_negative: float = 0.0
    flip_positive: float = 0.0

    def probabilities(self, t: Floats) -> tuple[Floats, Floats]:
        """Return the probabilities of class 0 and class 1, both without cancellation."""
        inverse_link = LINKS[self.link]
        negative, positive = inverse_link(-t), inverse_link(t)
        return (
            self.flip_positive * positive + (1 - self.flip_negative) * negative,
            (1 - self.flip_positive) * positive + self.flip_negative * negative,
        )

    def positive(self, t: Floats) -> Floats:
        """Return the probability of class 1."""
        return self.probabilities(t)[1]

    def entropy(self, t: Floats) -> Floats:
        """Return the entropy of the label in nats."""
        negative, positive = self.probabilities(t)
        return entr(negative) + entr(positive)


def check_channel(link: str, label_noise: float | tuple[float, float]) -> LabelChannel:
    """Return the channel of a link and of label noise, one rate or one per class."""
    check_choice("link", link, tuple(LINKS))
    try:
        rates = np.atleast_1d(np.asarray(label_noise, dtype=np.float64))
    except (TypeError, ValueError):
        rates = np.full(1, np.nan)
    if rates.shape not in ((1,), (2,)) or (rates < 0).any() or not 2 * rates.mean() < 1:
        raise ValueError(
            "Expected label_noise as a rate below 0.5, or as two rates (of the negatives, of the "
            f"positives) that sum to less than 1, got {label_noise!r}."
        )
    return LabelChannel(link, float(rates[0]), float(rates[-1]))


def expectation(
    function: Callable[[Floats], Floats], law: ScoreLaw, strength: float, intercept: float
) -> float:
    r"""Return E f(intercept + strength * z) for a link-like function f.

    .. math:: E f = A + \frac{1}{P} \sum_k \hat r(u_k) \phi_z(\beta u_k)

    with A the mean of the two limits of f and r what is left of f after A and a tanh that carries
    the difference of the limits; E tanh(strength * z / 2) is 0 by symmetry.
    """
    low, high = function(np.array([-np.inf, np.inf]))
    period = 2 * (strength * law.reach + abs(intercept) + LINK_REACH)
    n_points = 2 ** int(np.ceil(np.log2(period / GRID_STEP)))
    step = period / n_points
    s = np.asarray(np.fft.fftfreq(n_points, d=1 / period), dtype=np.float64)
    rest = function(intercept + s) - (low + high) / 2 - (high - low) / 2 * np.tanh(s / 2)
    spectrum = np.fft.rfft(rest).real
    frequency = 2 * np.pi * np.fft.rfftfreq(n_points, d=step)
    terms = spectrum * law.characteristic_function(strength * frequency)
    both_signs = terms[0] + 2 * terms[1:-1].sum() + terms[-1]
    return float((low + high) / 2 + both_signs / n_points)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoreTruth(ClassificationTruth):
    r"""Truth of two classes drawn through a score of the features.

    .. math:: P(Y = 1 \mid x) = (1 - \rho_1) g(t) + \rho_0 (1 - g(t)), \qquad t = b + \beta f(x)

    with the inverse link g, the score f and the noise rates :math:`\rho_0` (of the negatives) and
    :math:`\rho_1` (of the positives). Entropies are exact to about 1e-9: a sum over frequencies of
    the characteristic function of the score.

    Attributes
    ----------
    law : ScoreLaw
        Distribution of the features and their score f.
    channel : LabelChannel
        Link and label noise.
    signal_strength : float
        The strength :math:`\beta`.
    intercept : float
        The intercept b.
    """

    law: ScoreLaw
    channel: LabelChannel
    signal_strength: float
    intercept: float

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> Floats:
        """Draw `n_samples` rows of features."""
        return self.law.sample_features(n_samples, rng)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, 2)."""
        score = self.law.score(check_features(X, self.law.n_features))
        return np.column_stack(
            self.channel.probabilities(self.intercept + self.signal_strength * score)
        )


def truth_of_strength(
    strength: float, law: ScoreLaw, channel: LabelChannel, positive_rate: float
) -> ScoreTruth:
    """Return the truth of a given strength, its intercept solved for the rate of positives."""
    if strength * law.scale > LARGEST_RELATIVE_STRENGTH:
        largest = LARGEST_RELATIVE_STRENGTH / law.scale
        raise ValueError(
            f"Expected signal_strength of at most {largest:.4g} for this configuration, got "
            f"{strength:g}: beyond it the labels are as good as certain."
        )
    intercept = solve_intercept(strength, law, channel, positive_rate)
    return ScoreTruth(
        class_frequencies=np.array([1 - positive_rate, positive_rate]),
        conditional_entropy_nats=expectation(channel.entropy, law, strength, intercept),
        law=law,
        channel=channel,
        signal_strength=strength,
        intercept=intercept,
    )


def truth_of_learnability(
    learnability: float, law: ScoreLaw, channel: LabelChannel, positive_rate: float
) -> ScoreTruth:
    """Return the truth whose strength gives the wanted learnability."""
    build = partial(truth_of_strength, law=law, channel=channel, positive_rate=positive_rate)
    strength = solve_strength(
        learnability, lambda beta: build(beta).learnability, LARGEST_RELATIVE_STRENGTH / law.scale
    )
    return build(strength)


def solve_intercept(
    strength: float, law: ScoreLaw, channel: LabelChannel, positive_rate: float
) -> float:
    """Return the intercept at which the rate of positives is the wanted one."""
    lowest, highest = channel.positive(np.array([-np.inf, np.inf]))
    if not lowest < positive_rate < highest:
        raise ValueError(
            f"Expected positive_rate inside ({lowest:g}, {highest:g}), which is what the label "
            f"noise leaves reachable, got {positive_rate:g}."
        )

    def excess(intercept: float) -> float:
        return expectation(channel.positive, law, strength, intercept) - positive_rate

    at_zero = excess(0.0)
    if abs(at_zero) < 1e-13:
        return 0.0
    inner, outer = 0.0, -np.sign(at_zero)
    while excess(outer) * at_zero > 0:
        inner, outer = outer, 2 * outer
    return float(brentq(excess, min(inner, outer), max(inner, outer), xtol=1e-12))


def solve_strength(
    learnability: float, learnability_at: Callable[[float], float], largest: float
) -> float:
    """Return the strength at which an increasing learnability takes the wanted value."""
    check_number("learnability", learnability, 0.0, 1.0)
    low = learnability_at(0.0)
    if abs(learnability - low) <= 1e-12:
        return 0.0
    lower, upper = 0.0, largest / 1024
    reached = learnability_at(upper)
    while low < learnability and reached < learnability and upper < largest:
        lower, upper = upper, min(2 * upper, largest)
        reached = learnability_at(upper)
    if not low < learnability <= reached:
        raise ValueError(
            f"Expected learnability in [{low:.3f}, {learnability_at(largest):.4f}], which this "
            f"configuration reaches, got {learnability:g}."
        )
    return float(
        brentq(lambda beta: learnability_at(beta) - learnability, lower, upper, xtol=1e-12)
    )


def draw_from_score(
    law: ScoreLaw,
    n_samples: int,
    rng: np.random.RandomState,
    *,
    signal_strength: float,
    learnability: float | None,
    channel: LabelChannel,
    positive_rate: float | None,
) -> tuple[Floats, NDArray[np.int64], ScoreTruth]:
    """Draw rows and labels of a score of the given strength, or of the wanted learnability."""
    check_count("n_samples", n_samples)
    if positive_rate is None:
        positive_rate = float(channel.positive(np.array([-np.inf, np.inf])).mean())
    check_number("positive_rate", positive_rate, 0.0, 1.0)
    if learnability is None:
        truth = truth_of_strength(signal_strength, law, channel, positive_rate)
    else:
        truth = truth_of_learnability(learnability, law, channel, positive_rate)
    return *truth.sample(n_samples, rng), truth
