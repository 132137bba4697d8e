"""What speaks against the value of exact chains."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    LostChainsWarning,
    NotAMinimumWarning,
    NotLocalWarning,
    UnconvergedChainsWarning,
)
from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    effective_sample_size,
    half_chain_drift,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import Extrapolation

LARGEST_DIFFERENCE = 0.05
LARGEST_R_HAT = 1.3  # with few draws, which noise alone takes to 1.2
SMALL_ERROR = 0.005  # of the value, below which chains that disagree say nothing more
WIDE = 0.1  # of the value, from it to an end of the bracket
LARGEST_SHARE_OF_DIVERGENCES = 0.01
LOWEST_VARIANCE, HIGHEST_VARIANCE = 0.7, 1.4
SURE = 3.0  # standard errors beyond which a difference is not by chance
Flags = list[tuple[str, type[LearnabilityWarning]]]


class Evidence(NamedTuple):
    """What flags are decided from."""

    draws: NDArray[np.float64]  # t K, (n_chains, n_draws), NaN for chains that never moved
    used: NDArray[np.bool_]  # which chains the value is of
    apart: float  # relative difference of the starts, 0 if small
    value: float
    error: float
    r_hat: float
    divergences: float
    temperature: float
    highest_temperature: float  # that the noise of the labels allows
    loss_below: float  # L(w*) less the lowest loss found near it
    gradient_norm: float
    limit: Extrapolation


def flags_of(found: Evidence) -> Flags:
    """Return all that speaks against the value."""
    lost = int(np.isnan(found.draws).any(axis=1).sum())
    text = f"{lost} of {len(found.draws)} chains accepted no step, and were left out."
    flags: Flags = [(text, LostChainsWarning)] if lost else []
    texts = _of_convergence(found.draws[found.used], found)
    if found.apart:
        texts.append(
            f"Chains from a hot start lie {found.apart:+.1%} from those started at w*, which were "
            "left out."
        )
    flags += [(text, UnconvergedChainsWarning) for text in texts]
    flags += [(text, NotAMinimumWarning) for text in _of_minimum(found)]
    return flags + [(text, NotLocalWarning) for text in _of_limit(found)]


def difference_of_starts(means: NDArray[np.float64], cold: NDArray[np.bool_]) -> float:
    """Return how far chains from a hot start lie above those from w*, relative to their mean.

    Returns 0 where the difference is small, or may be chance. `means` are of the chains.
    """
    if min(cold.sum(), (~cold).sum()) < 2:
        return 0.0
    difference = means[~cold].mean() - means[cold].mean()
    rest = np.concatenate([means[group] - means[group].mean() for group in (cold, ~cold)])
    spread = math.sqrt((rest**2).sum() / (len(means) - 2))
    error = spread * math.sqrt(1 / cold.sum() + 1 / (~cold).sum())
    relative = float(difference / abs(means.mean()))
    small = abs(relative) < LARGEST_DIFFERENCE or abs(difference) < SURE * error
    return 0.0 if small else relative


def _of_convergence(whole: NDArray[np.float64], found: Evidence) -> list[str]:
    """Return whether the chains have converged."""
    texts = []
    relative = found.error / abs(found.value)
    if found.r_hat > LARGEST_R_HAT and relative > SMALL_ERROR:
        texts.append(f"The chains disagree: split R-hat {found.r_hat:.3g}.")
    if relative > LARGEST_DIFFERENCE / 2:
        texts.append(f"The standard error is {relative:.1%} of the value. Draw more.")
    drift = half_chain_drift(whole)
    noise = 2 * whole.mean(axis=1).std(ddof=1) / math.sqrt(len(whole)) / abs(whole.mean())
    if abs(drift) > max(LARGEST_DIFFERENCE, SURE * noise):
        texts.append(f"The halves of the chains differ by {drift:.1%} of the value.")
    if found.divergences > LARGEST_SHARE_OF_DIVERGENCES and relative > SMALL_ERROR:
        texts.append(f"{found.divergences:.1%} of the trajectories diverged.")
    ratio = float(whole.var() / whole.mean()) if whole.mean() > 0 else float("nan")
    chance = math.sqrt((2 + 6 / max(whole.mean(), 0.1)) / max(effective_sample_size(whole), 1.0))
    outside = not LOWEST_VARIANCE <= ratio <= HIGHEST_VARIANCE
    if outside and abs(ratio - 1) > SURE * chance and relative > SMALL_ERROR:
        texts.append(f"The variance of t K is {ratio:.2f} times the value, expected about 1.")
    return texts


def _of_minimum(found: Evidence) -> list[str]:
    """Return whether w* is no minimum."""
    bias = -found.temperature * found.loss_below
    texts = []
    if abs(bias) > LARGEST_DIFFERENCE * abs(found.value - bias):
        texts.append(
            f"w* is not a minimum: the gradient's norm is {found.gradient_norm:.3g}, and a loss "
            f"lower by {found.loss_below:.3g} near it adds {bias:.4g} to the value."
        )
    if found.value < 0:
        texts.append(f"The value is negative, {found.value:.4g}: w* is not a minimum.")
    limit = found.limit
    change = limit.line_limit - found.value
    falls = limit.slope < -SURE * limit.slope_error
    if falls and change > LARGEST_DIFFERENCE * abs(limit.line_limit):
        texts.append(
            f"The value falls with the temperature, from about {limit.line_limit:.4g}: there are "
            "lower losses than that of w*."
        )
    return texts


def _of_limit(found: Evidence) -> list[str]:
    """Return whether the value is far from its limit in the temperature, or is no LLC at all."""
    limit, texts = found.limit, []
    if found.temperature > 1.7 * found.highest_temperature:
        texts.append(
            f"The temperature {found.temperature:.4g} is high for noisy labels, expected at most "
            f"{found.highest_temperature:.4g}: a singular model looks regular there."
        )
    if math.isnan(limit.slope) or found.value <= 0:
        return texts
    sure = limit.slope > SURE * limit.slope_error
    if sure and limit.slope > 0.3 * found.value:
        texts.append(
            "The value grows almost in proportion to the temperature: the pull towards w* decides "
            "it, and not the loss. Lower localization or raise temperature."
        )
        return texts
    low, high = (end / found.value - 1 for end in limit.bracket)
    if max(-low, high) > WIDE:
        texts.append(
            f"The bracket of extrapolations, {limit.bracket[0]:.4g} to {limit.bracket[1]:.4g}, is "
            "wide."
        )
    elif sure and limit.rises_to > (1 + LARGEST_DIFFERENCE) * found.value:
        texts.append(f"The value still rises with the temperature, to {limit.rises_to:.4g}.")
    drop = limit.line_limit - found.value
    noisy = limit.convex and found.temperature > 0.5 * found.highest_temperature
    if noisy and drop < -max(LARGEST_DIFFERENCE * found.value, SURE * limit.line_error):
        texts.append(
            f"The value grows with the temperature as if by noise in the labels, from "
            f"{limit.line_limit:.4g}: take more rows."
        )
    return texts
