"""Whether chains have converged, and the standard error of their mean.

All take draws (n_chains, n_draws). Chains with a draw that is not finite are left out.
"""

import math
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._validation import missing_package

FEWEST_DRAWS = 4  # of a chain, for its halves to have a variance


def split_r_hat(draws: ArrayLike) -> float:
    """Return the potential scale reduction of half chains, 1 where they agree."""
    kept = whole_chains(draws)
    if not varies(kept):
        return float("nan")
    return float(_array_stats().rhat(kept, chain_axis=0, draw_axis=1, method="split"))


def effective_sample_size(draws: ArrayLike) -> float:
    """Return the number of independent draws with the same standard error of the mean."""
    kept = whole_chains(draws)
    if not varies(kept):
        return float("nan")
    return float(_array_stats().ess(kept, chain_axis=0, draw_axis=1, method="mean"))


def half_chain_drift(draws: ArrayLike) -> float:
    """Return the second half's mean less the first's, relative to the size of their mean."""
    kept = whole_chains(draws)
    half = kept.shape[1] // 2
    if not kept.size or half < 1 or kept.mean() == 0:
        return float("nan")
    return float((kept[:, -half:].mean() - kept[:, :half].mean()) / abs(kept.mean()))


def standard_error_between(draws: ArrayLike) -> float:
    """Return the standard error of the mean from the spread of the chains' means."""
    kept = whole_chains(draws)
    if len(kept) < 2:
        return float("nan")
    return float(kept.mean(axis=1).std(ddof=1) / np.sqrt(len(kept)))


def standard_error_within(draws: ArrayLike) -> float:
    """Return the standard error of the mean from the autocorrelation within each chain."""
    kept = whole_chains(draws)
    if not varies(kept):
        return float("nan")
    variances = [chain.var(ddof=1) / effective_sample_size(chain[None]) for chain in kept]
    return float(np.sqrt(np.sum(variances)) / len(kept))


def relative_error(error: float, value: float) -> float:
    """Return an error relative to its value, infinite where the value is 0 and the error is not."""
    if value == 0.0:
        return 0.0 if error == 0.0 else math.inf
    return error / abs(value)


def whole_chains(draws: ArrayLike) -> NDArray[np.float64]:
    """Return the chains all of whose draws are finite."""
    checked = np.asarray(draws, dtype=np.float64)
    if checked.ndim != 2:
        raise ValueError(f"Expected draws (n_chains, n_draws), got shape {checked.shape}.")
    return checked[np.isfinite(checked).all(axis=1)]


def varies(draws: NDArray[np.float64]) -> bool:
    """Return whether there are draws enough to speak of a variance, in every chain."""
    if not len(draws) or draws.shape[1] < FEWEST_DRAWS:
        return False
    return bool((draws.std(axis=1) > 0).all())


def check_installed() -> None:
    """Refuse to begin what arviz-stats would have to judge in the end."""
    if find_spec("arviz_stats") is None:
        raise missing_package("arviz-stats", "torch", "measures chains")


def _array_stats() -> Any:
    """Import arviz-stats, which takes a second, when it is needed."""
    from arviz_stats.base import array_stats

    return array_stats
