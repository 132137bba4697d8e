"""Local learning coefficients known in closed form, to test estimators against."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from sklearn_learnability import _results, _validation

__all__ = [
    "LearningCoefficient",
    "deep_linear_network",
    "normal_crossing",
    "reduced_rank_regression",
    "tanh",
]


#: Widths up to this one have coefficients that a float holds exactly.
LARGEST_WIDTH = 10**6
#: Exponents from this one on have coefficients that a float can hold.
SMALLEST_EXPONENT = 1e-300


@dataclass(frozen=True, eq=False)
class LearningCoefficient(_results.Result):
    """A learning coefficient and its multiplicity.

    Attributes
    ----------
    value : float
        The coefficient lambda: half the number of parameters of a regular model, less for a
        singular one.
    multiplicity : int
        The order m of the pole: log evidence falls as lambda log n - (m - 1) log log n.
    """

    value: float
    multiplicity: int


def normal_crossing(*terms: Sequence[float]) -> LearningCoefficient:
    r"""Learning coefficient of a sum of products of powers of separate parameters.

    .. math:: K(w) = \sum_b \prod_i |w_{bi}|^{p_{bi}}, \quad
              \lambda = \sum_b \frac{1}{\max_i p_{bi}}, \quad
              m = 1 + \sum_b (m_b - 1)

    with :math:`m_b` the number of parameters of term b whose exponent is the largest, and a prior
    that is positive at 0. A lower coefficient means a simpler model.

    Parameters
    ----------
    *terms : sequence of float
        The exponents :math:`p_{bi} > 0` of each term. No two terms share a parameter.

    Returns
    -------
    LearningCoefficient
        The coefficient and its multiplicity at w = 0.

    Raises
    ------
    ValueError
        If there is no term, or an exponent is not positive and finite.

    References
    ----------
    S. Watanabe. Algebraic geometry and statistical learning theory. Cambridge University Press,
    2009. https://doi.org/10.1017/CBO9780511800474

    Examples
    --------
    >>> from sklearn_learnability.metrics.theoretical_llc import normal_crossing
    >>> normal_crossing([2, 2])  # one product of squares
    LearningCoefficient(value=0.5, multiplicity=2)
    >>> normal_crossing([4], [4], [4])  # a sum of three fourth powers
    LearningCoefficient(value=0.75, multiplicity=1)
    """
    if not terms:
        raise ValueError("Expected at least one term of at least one exponent, got none.")
    value, multiplicity = Fraction(0), 1
    for term in terms:
        exponents = _checked_exponents(term)
        value += 1 / max(exponents)
        multiplicity += exponents.count(max(exponents)) - 1
    return LearningCoefficient(float(value), multiplicity)


def reduced_rank_regression(
    n_inputs: int, n_hidden: int, n_outputs: int, rank: int
) -> LearningCoefficient:
    r"""Learning coefficient of a linear network with one hidden layer.

    The model is :math:`y = BAx` plus Gaussian noise, the truth a matrix of some rank. With N
    inputs, H hidden units, M outputs and rank r, where no width outweighs the others,

    .. math:: \lambda = \frac{2(H+r)(M+N) + 2MN - (H+r)^2 - M^2 - N^2}{8}

    if N + M + H + r is even, and 1/8 more with multiplicity 2 if odd. Otherwise
    :math:`(HM - Hr + Nr)/2` if M + H < N + r, :math:`(HN - Hr + Mr)/2` if N + H < M + r, and
    :math:`MN/2` if M + N < H + r. A lower coefficient means a simpler model.

    Parameters
    ----------
    n_inputs : int
        Number of inputs.
    n_hidden : int
        Number of hidden units.
    n_outputs : int
        Number of outputs.
    rank : int
        Rank of the true matrix; at most the smallest number of units.

    Returns
    -------
    LearningCoefficient
        The smallest coefficient over all factors of the true matrix, and its multiplicity.
        Balanced factors, both of the true rank, have it.

    Raises
    ------
    ValueError
        If a width is not a positive integer, or the rank does not fit.

    References
    ----------
    M. Aoyagi and S. Watanabe. Stochastic complexities of reduced rank regression in Bayesian
    estimation. Neural Networks 18(7), 2005. https://doi.org/10.1016/j.neunet.2005.03.014

    Examples
    --------
    >>> from sklearn_learnability.metrics.theoretical_llc import reduced_rank_regression
    >>> reduced_rank_regression(10, 10, 10, rank=3)
    LearningCoefficient(value=44.0, multiplicity=2)
    """
    N, H, M = _checked_widths([n_inputs, n_hidden, n_outputs])
    r = _checked_rank([N, H, M], rank)
    if N + r > M + H:
        return LearningCoefficient((H * M - H * r + N * r) / 2, 1)
    if M + r > N + H:
        return LearningCoefficient((H * N - H * r + M * r) / 2, 1)
    if H + r > M + N:
        return LearningCoefficient(M * N / 2, 1)
    odd = (N + M + H + r) % 2
    eighths = 2 * (H + r) * (M + N) + 2 * M * N - (H + r) ** 2 - M**2 - N**2 + odd
    return LearningCoefficient(eighths / 8, 1 + odd)


def deep_linear_network(widths: Sequence[int], rank: int) -> LearningCoefficient:
    r"""Learning coefficient of a linear network of any depth.

    The model is :math:`y = W_L \cdots W_1 x` plus Gaussian noise, the truth a matrix of rank r.
    Let :math:`M_i = H_i - r` for the widths :math:`H_0, \dots, H_L`, and S the l + 1 smallest of
    them (l >= 1) such that, with s their sum,

    .. math:: \max_{i \in S} M_i < \min_{i \notin S} M_i, \quad
              \max_{i \in S} M_i \le s / l < \min_{i \notin S} M_i .

    With :math:`M = \lceil s/l \rceil` and :math:`a = s - (M - 1) l`,

    .. math:: \lambda = \frac{r (H_0 + H_L) - r^2}{2} + \frac{a (l - a)}{4 l}
              - \frac{l (l - 1)}{4} \left(\frac{s}{l}\right)^2
              + \frac{1}{2} \sum_{i < j \in S} M_i M_j, \quad m = a (l - a) + 1 .

    A lower coefficient means a simpler model.

    Parameters
    ----------
    widths : sequence of int
        Numbers of units of the inputs, the hidden layers and the outputs.
    rank : int
        Rank of the true matrix; at most the smallest width.

    Returns
    -------
    LearningCoefficient
        The smallest coefficient over all factors of the true matrix, and its multiplicity.
        Balanced factors, all of the true rank, have it.

    Raises
    ------
    ValueError
        If there are fewer than two widths, one is not a positive integer, or the rank does not
        fit.

    References
    ----------
    M. Aoyagi. Consideration on the learning efficiency of multiple-layered neural networks with
    linear units. Neural Networks 172, 2024. https://doi.org/10.1016/j.neunet.2024.106132

    Examples
    --------
    >>> from sklearn_learnability.metrics.theoretical_llc import deep_linear_network
    >>> deep_linear_network([5, 4, 6, 5], rank=2)
    LearningCoefficient(value=10.5, multiplicity=1)
    """
    widths = _checked_widths(widths)
    r = _checked_rank(widths, rank)
    excess = sorted(width - r for width in widths)
    ell = next(
        ell
        for ell in range(1, len(excess))
        if sum(excess[: ell + 1]) >= ell * excess[ell]
        and (ell + 1 == len(excess) or sum(excess[: ell + 1]) < ell * excess[ell + 1])
    )
    chosen = excess[: ell + 1]
    total = sum(chosen)
    a = total - (math.ceil(Fraction(total, ell)) - 1) * ell
    pairs = sum(x * y for x, y in combinations(chosen, 2))
    value = (
        Fraction(r * (widths[0] + widths[-1]) - r**2, 2)
        + Fraction(a * (ell - a), 4 * ell)
        - Fraction((ell - 1) * total**2, 4 * ell)
        + Fraction(pairs, 2)
    )
    return LearningCoefficient(float(value), a * (ell - a) + 1)


def tanh(n_hidden: int) -> LearningCoefficient:
    r"""Learning coefficient of a tanh network of one input and one output whose truth is 0.

    The model is :math:`y = \sum_h a_h \tanh(b_h x)` plus Gaussian noise. With H hidden units and
    :math:`i = \lfloor \sqrt H \rfloor`,

    .. math:: \lambda = \frac{H + i^2 + i}{4 i + 2},

    and multiplicity 2 if :math:`i^2 = H`, otherwise 1. A lower coefficient means a simpler model.

    Parameters
    ----------
    n_hidden : int
        Number of hidden units.

    Returns
    -------
    LearningCoefficient
        The coefficient and its multiplicity at a = b = 0.

    Raises
    ------
    ValueError
        If the number of hidden units is not a positive integer.

    References
    ----------
    M. Aoyagi and S. Watanabe. Resolution of singularities and the generalization error with
    Bayesian estimation for layered neural network. IEICE Transactions J88-D-II(10), 2005.

    S. Watanabe. Algebraic geometry and statistical learning theory. Cambridge University Press,
    2009. https://doi.org/10.1017/CBO9780511800474

    Examples
    --------
    >>> from sklearn_learnability.metrics.theoretical_llc import tanh
    >>> tanh(4)
    LearningCoefficient(value=1.0, multiplicity=2)
    """
    n_hidden = _validation.check_count("n_hidden", n_hidden, largest=LARGEST_WIDTH)
    root = math.isqrt(n_hidden)
    value = Fraction(n_hidden + root**2 + root, 4 * root + 2)
    return LearningCoefficient(float(value), 2 if root**2 == n_hidden else 1)


def _checked_exponents(term: Sequence[float]) -> list[Fraction]:
    """Return the exponents of a term as exact numbers."""
    try:
        powers = list(term)
    except TypeError:
        powers = []
    if not powers:
        raise ValueError(f"Expected a term of at least one exponent, got {term!r}.")
    if not all(_validation.is_finite_number(p) and p >= SMALLEST_EXPONENT for p in powers):
        raise ValueError(
            f"Expected positive exponents, finite and of at least {SMALLEST_EXPONENT:g}, got "
            f"{powers}."
        )
    return [Fraction(float(power)) for power in powers]


def _checked_widths(widths: Sequence[int]) -> list[int]:
    """Return the widths of the layers."""
    try:
        given = list(widths)
    except TypeError:
        given = []
    if len(given) < 2:
        raise ValueError(f"Expected two or more widths, got {widths!r}.")
    return [_validation.check_count("a width", width, largest=LARGEST_WIDTH) for width in given]


def _checked_rank(widths: Sequence[int], rank: int) -> int:
    """Return the rank, which no layer may be too narrow for."""
    return _validation.check_count("rank", rank, smallest=0, largest=min(widths))
