"""Randomised quasi-Monte Carlo over Gaussian features, with its standard error."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from sklearn_learnability._validation import Floats

#: Independently shifted point sets; their spread gives the standard error.
N_REPLICATES = 16
#: Points of every set, a power of 2.
N_POINTS = 2048


def gaussian_points(n_features: int, rng: np.random.RandomState) -> Floats:
    """Return Sobol points under a Gaussian, one random shift a replicate, replicates in order."""
    sobol = qmc.Sobol(n_features, scramble=False).random(N_POINTS)
    shifts = rng.random_sample((N_REPLICATES, 1, n_features))
    uniform = (sobol + shifts) % 1.0
    return ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)).reshape(-1, n_features)


def mean_over_replicates(values: Floats) -> tuple[float, float]:
    """Return the mean over all points and its standard error from the replicates."""
    means = values.reshape(N_REPLICATES, -1).mean(axis=1)
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(N_REPLICATES))
