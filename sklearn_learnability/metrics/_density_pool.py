"""Pool of predicted densities, as shares of bins: calibrated, set to one margin, and weighed."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import log_ndtr, log_softmax, logsumexp, ndtri_exp

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.metrics._blending import log_linear_weights

#: Grid of the residuals' distribution: robust standard deviations in the middle, and their
#: logarithm in the tails, where rows are few and kernels have to be wide.
GRID = np.arange(-40.0, 40.0001, 0.02)
#: Points that stand for a row, spread evenly over what its bin holds of the forecast.
POINTS = (np.arange(5) + 0.5) / 5
#: Scores beyond it are as good as certain.
LARGEST_SCORE = 1e8
#: Weights are fitted on at most so many rows.
MOST_ROWS_TO_WEIGH = 3000


@dataclass(frozen=True, eq=False)
class ScoreCalibration:
    r"""Distribution of a forecast's residuals, on rows that the forecast had not seen.

    A forecast is a score of every edge, :math:`\Phi^{-1}(F(e \mid x))`; (e - m(x)) / s(x) for a
    location and scale. The score of the target itself is the residual. Its distribution is
    estimated by a kernel that keeps the variance; a row counts evenly over its bin. So forecasts of
    any family become calibrated on average, whatever the shape of the noise.

    References
    ----------
    C. Czado, T. Gneiting, L. Held. Predictive model assessment for count data. Biometrics, 2009.
    https://doi.org/10.1111/j.1541-0420.2009.01191.x
    """

    centre: float
    spread: float
    levels: Floats
    log_mass: Floats
    n_rows: int

    @classmethod
    def fit(cls, scores: Floats, codes: Integers, weight: Floats, log_mass: Floats) -> Self:
        """Return the distribution of the residuals of rows in given bins."""
        padded = np.pad(within_reach(scores), ((0, 0), (1, 1)), mode="edge")
        rows = np.arange(len(codes))
        low, high = padded[rows, codes], padded[rows, codes + 1]
        first, centre, third = weighted_quantiles((low + high) / 2, weight, (0.16, 0.5, 0.84))
        resolution = weighted_quantiles(high - low, weight, (0.5,))[0] / np.sqrt(12)
        spread = max((third - first) / 2, resolution, 1e-9)
        low, high = (low - centre) / spread, (high - centre) / spread
        points = bent(low) + (bent(high) - bent(low)) * POINTS[:, None]
        # as of a Gaussian beyond the outermost edges
        first, last = codes == 0, codes == scores.shape[1]
        beyond = np.log(POINTS)[:, None]
        points[:, first] = bent(ndtri_exp(beyond + log_ndtr(high[first])))
        points[:, last] = -bent(ndtri_exp(beyond + log_ndtr(-low[last])))
        share = np.tile(weight / weight.sum(), (len(POINTS), 1)) / len(POINTS)
        n_rows = weight.sum() ** 2 / (weight @ weight)
        return cls(
            centre, spread, smooth_levels(points, share, n_rows), log_mass, int(np.ceil(n_rows))
        )

    def log_proba(self, scores: Floats) -> Floats:
        """Return the log-probabilities of the bins (n, G) for scores of the edges (n, G - 1)."""
        levels = np.interp(
            bent((within_reach(scores) - self.centre) / self.spread), GRID, self.levels
        )
        proba = np.diff(np.pad(levels, ((0, 0), (1, 1)), constant_values=(0, 1)), axis=1)
        # a forecast knows no more than its rows
        unseen = 1 / (self.n_rows + 1)
        return np.log((1 - unseen) * np.maximum(proba, 0) + unseen * np.exp(self.log_mass))


def within_reach(scores: Floats) -> Floats:
    """Return scores without those that no distribution of residuals tells apart."""
    return np.clip(scores, -LARGEST_SCORE, LARGEST_SCORE)


def bent(scores: Floats) -> Floats:
    """Return scores as they are in the middle, and as logarithms in the tails."""
    return np.asarray(2 * np.arcsinh(scores / 2))


def smooth_levels(points: Floats, share: Floats, n_rows: float) -> Floats:
    """Return the smoothed distribution function of weighted points at the grid.

    The kernel's width is Silverman's. Points move towards their mean, so that it adds no variance.
    """
    share, mean = share.ravel(), float(share.ravel() @ points.ravel())
    deviation = points.ravel() - mean
    variance = max(float(share @ deviation**2), 1e-12)
    width = 0.9 * min(1.0, np.sqrt(variance)) * n_rows**-0.2
    moved = mean + deviation / np.sqrt(1 + width**2 / variance)
    step = GRID[1] - GRID[0]
    place = np.clip((moved - GRID[0]) / step, 0, len(GRID) - 1.001)
    left = place.astype(np.int64)
    mass = np.bincount(left, weights=share * (1 - place + left), minlength=len(GRID))
    mass += np.bincount(left + 1, weights=share * (place - left), minlength=len(GRID))
    mass = np.maximum(gaussian_filter1d(mass, width / step, mode="constant", truncate=6.0), 0)
    levels = np.cumsum(mass) - mass / 2
    return np.asarray((levels - levels[0]) / (levels[-1] - levels[0]))


def weighted_quantiles(values: Floats, weight: Floats, shares: tuple[float, ...]) -> list[float]:
    """Return the quantiles of weighted values."""
    order = np.argsort(values)
    below = np.cumsum(weight[order]) - weight[order] / 2
    return [float(q) for q in np.interp(np.array(shares) * weight.sum(), below, values[order])]


@dataclass(frozen=True, eq=False)
class DensityPool:
    r"""Calibrated forecasts of one margin, pooled in the logarithm.

    .. math:: \log q(b \mid x) = \log \pi_b
              + \sum_m v_m \log \frac{p_m(b \mid x)}{\bar p_m(b)} - \log Z

    with :math:`\bar p_m` the forecast's own mean over the rows: what it says of all rows together
    is left out, and weights :math:`v \ge 0` of 0 give the margin :math:`\pi` itself.
    """

    calibrations: list[ScoreCalibration]
    log_margins: Floats
    weights: Floats
    log_mass: Floats

    def evidence(self, member: int, scores: Floats) -> Floats:
        """Return what a member's forecasts say beyond its margin (n, G)."""
        return self.calibrations[member].log_proba(scores) - self.log_margins[member]

    def log_proba(self, evidence: Floats) -> Floats:
        """Return the pooled log-probabilities (n, G), of the weighted sum of the evidence."""
        return log_softmax(evidence + self.log_mass, axis=1)


def fit_density_pool(
    codes: Integers, members: list[Floats], weight: Floats, log_mass: Floats
) -> DensityPool:
    """Calibrate members (scores of the edges, n by G - 1) and weigh them on the same rows."""
    share = weight / weight.sum()
    calibrations = [ScoreCalibration.fit(scores, codes, weight, log_mass) for scores in members]
    margins, evidence = [], []
    some = np.arange(len(codes))[:: -(-len(codes) // MOST_ROWS_TO_WEIGH)]
    for calibration, scores in zip(calibrations, members, strict=True):
        log_proba = calibration.log_proba(scores)
        margins.append(log_mean(log_proba, share))
        evidence.append(log_proba[some] - margins[-1])
    weights = log_linear_weights(
        codes[some], np.stack(evidence), share[some] / share[some].sum(), log_mass
    )
    return DensityPool(calibrations, np.stack(margins), weights, log_mass)


def log_mean(log_proba: Floats, share: Floats) -> Floats:
    """Return the logarithm of the weighted mean over the rows."""
    return np.asarray(logsumexp(log_proba, axis=0, b=share[:, None]))
