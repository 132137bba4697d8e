"""The temperature at which assignments to reference points are neither flat nor hard."""

import math
from collections.abc import Callable
from numbers import Real

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp

METHODS = ("exact", "paper", "leading")
LOWEST = 1e-12  # at which assignments are hard, and cosines over it far from overflow


def calibrate_temperature(dim: int, n_points: int = 100, method: str = "exact") -> float:
    r"""Return the temperature that makes representations of any dimension comparable.

    It is the :math:`\varepsilon` at which one von Mises-Fisher kernel of concentration
    :math:`\kappa = 1/\varepsilon` on the unit sphere of `dim` dimensions is as far from uniform as
    `n_points` points can tell,

    .. math:: \mathrm{KL}(\kappa) = \kappa A_d(\kappa) - \ln Z_d(\kappa) = \ln m, \qquad
              Z_d(\kappa) = \sum_j \frac{(\kappa^2/4)^j}{j!\,(d/2)_j}, \qquad
              A_d = \frac{d \ln Z_d}{d \kappa}.

    A lower temperature makes the assignments harder.

    Parameters
    ----------
    dim : int
        Dimension of the representations: at least 2.
    n_points : int, default=100
        Number of reference points: m, at least 2.
    method : {"exact", "paper", "leading"}, default="exact"
        "exact" sums the series of Z in log space. "paper" puts a lower bound in the place of the
        divergence, as the published code does; it needs `dim` > 2 and its temperature is lower.
        "leading" is the leading order in high dimensions,
        :math:`\varepsilon = (2 d \ln m)^{-1/2}`, which is higher.

    Returns
    -------
    temperature : float
        The temperature, for cosines as logits.

    Raises
    ------
    ValueError
        If `dim` or `n_points` is below 2, or the method is unknown or undefined there.

    References
    ----------
    H. Conklin et al. Learning is forgetting: LLM training as lossy compression. ICLR, 2026.
    D. E. Amos. Computation of modified Bessel functions and their ratios. Mathematics of
    Computation, 1974. https://doi.org/10.1090/S0025-5718-1974-0333287-7

    Examples
    --------
    >>> from sklearn_learnability.torch import calibrate_temperature
    >>> for dim in (64, 576, 4096):
    ...     print(dim, round(calibrate_temperature(dim), 6))
    64 0.037049
    576 0.013566
    4096 0.00514
    """
    if dim < 2 or n_points < 2:
        raise ValueError(
            f"Expected dim and n_points of at least 2, got dim={dim} and n_points={n_points}."
        )
    if method not in METHODS:
        raise ValueError(f"Expected method to be one of {METHODS}, got {method!r}.")
    target = math.log(n_points)
    leading = math.sqrt(2 * dim * target)  # KL < kappa^2 / (2 d): the solution lies above it
    if method == "leading":
        return 1 / leading
    if method == "paper" and dim == 2:
        raise ValueError("Expected dim > 2 for method='paper', whose bound is empty at 2, got 2.")
    divergence = kernel_divergence if method == "exact" else divergence_lower_bound
    return 1 / solve_increasing(lambda kappa: divergence(kappa, dim) - target, leading)


def solve_increasing(function: Callable[[float], float], start: float) -> float:
    """Return the root of an increasing function that is not above 0 at `start`."""
    high = 2 * start
    while function(high) < 0:
        high *= 2
    log_root = brentq(
        lambda t: function(math.exp(t)), math.log(start / 2), math.log(high), xtol=1e-14
    )
    return math.exp(log_root)


def log_series(kappa: float, b: float) -> float:
    """Return the logarithm of 0F1(; b; kappa^2 / 4), of whose terms all are positive."""
    x = kappa**2 / 4
    # terms rise to j (b + j) = x and fall as a Gaussian of width sqrt(j) at most
    peak = 2 * x / (b + math.sqrt(b**2 + 4 * x))
    width = 12 * math.sqrt(peak + 1) + 40
    j = np.arange(max(0, math.floor(peak - width)), math.ceil(peak + width))
    terms = j * math.log(x) - gammaln(j + 1) - (gammaln(b + j) - gammaln(b))
    return float(logsumexp(terms))


def kernel_divergence(kappa: float, dim: int) -> float:
    """Return KL(von Mises-Fisher of concentration kappa || uniform), in nats."""
    log_partition = log_series(kappa, dim / 2)
    mean_cosine = kappa / dim * math.exp(log_series(kappa, dim / 2 + 1) - log_partition)
    return kappa * mean_cosine - log_partition


def divergence_lower_bound(kappa: float, dim: int) -> float:
    """Return the lower bound of the divergence from bounds of Bessel-function ratios."""
    half, order = dim / 2, dim / 2 - 1
    root = math.hypot(kappa, order)
    mean_cosine = kappa / (half + math.hypot(kappa, half))
    log_partition = root - order - order * math.log((order + root) / (2 * order))
    return kappa * mean_cosine - log_partition


def resolve_temperature(temperature: str | float, dim: int, n_points: int) -> float:
    """Return a temperature given as a number or as a method of calibration."""
    if isinstance(temperature, str):
        return calibrate_temperature(dim, n_points, temperature)
    if not isinstance(temperature, Real) or not LOWEST <= temperature < math.inf:
        raise ValueError(
            f"Expected temperature to be a positive number, at least {LOWEST:g}, or one of "
            f"{METHODS}, got {temperature!r}."
        )
    return float(temperature)
