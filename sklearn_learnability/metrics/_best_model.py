"""The best of several models: which it may be, and what it extracts, corrected for the choice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Integers, check_groups
from sklearn_learnability.metrics._efficiency import Efficiency
from sklearn_learnability.metrics._resampling import covariance_of_means

#: Draws of the models' noise, and of multipliers of the rows.
N_DRAWS, N_MULTIPLIERS = 4000, 1000
#: Rows or groups are summed up to at most as many units before they get multipliers.
MOST_UNITS = 1000
#: Noise added before a model is picked, in units of its own: as of a pick from four fifths of rows.
PICKING_NOISE = 0.5
#: Mean losses closer than this many nats are the same but for rounding.
SMALLEST_DIFFERENCE = 1e-6
#: Differences whose variance is below this share of the models' own are nothing but rounding.
SMALLEST_VARIANCE = 1e-12
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class BestModel(Result):
    """The model of the lowest loss, its efficiency corrected for the choice, and its rivals.

    The model that looks best of many was lucky as well: its own efficiency is too high on average,
    and its own interval lies too high.

    Attributes
    ----------
    model : str
        Name of the model of the lowest mean loss, the first of equals.
    value : float
        Its efficiency, corrected: the mean efficiency of a model that is picked by part of what the
        rows say and scored by the rest. NaN where efficiencies are undefined.
    lower, upper : float
        Ends of an interval that holds the efficiency of the picked model, and that of the model
        that is best in truth, whichever it is.
    confidence : float
        Level of the interval and of `may_be_best`.
    may_be_best : tuple of str
        The models that may be the best, lowest loss first. With the probability `confidence` every
        best model is among them.
    """

    model: str
    value: float
    lower: float
    upper: float
    confidence: float
    may_be_best: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the best model as a table of one row."""
        row = {
            "model": self.model,
            "efficiency": self.value,
            "efficiency_lower": self.lower,
            "efficiency_upper": self.upper,
            "confidence": self.confidence,
            "may_be_best": ", ".join(self.may_be_best),
        }
        return pd.DataFrame([row])


def best_of_models(
    names: Sequence[str],
    losses: Floats,
    efficiencies: Sequence[Efficiency],
    *,
    surprisal: Floats,
    learnable: Floats,
    sample_weight: Floats,
    groups: ArrayLike | None,
    rounding: float,
    random_state: int,
) -> BestModel:
    r"""Return the best of models from their losses (n_samples, n_models) on the same rows.

    The set of those that may be best is a model confidence set: a model leaves it where its paired
    loss exceeds that of another by more than the largest difference, in standard errors, that
    equal models of the same covariance show; then the rest is asked again.

    The lower end has the quantile of the largest studentised error of all models in the set, which
    holds whichever of them was picked. The upper end needs none: the picked model's error is never
    below that of the best one, so that the highest of the upper ends covers both.

    References
    ----------
    P. R. Hansen, A. Lunde, J. M. Nason. The model confidence set. Econometrica, 2011.
    https://doi.org/10.3982/ECTA5771
    """
    order = np.argsort(sample_weight @ losses, kind="stable")
    names, efficiencies = [names[i] for i in order], [efficiencies[i] for i in order]
    losses = losses[:, order]
    confidence = efficiencies[0].confidence
    freedom = count_units(sample_weight, groups) - 1
    noise = Noise(len(names), freedom, random_state)

    means, covariance = covariance_of_means(losses, sample_weight, groups)
    kept = model_confidence_set(means, covariance, noise, confidence, rounding)
    value = lower = upper = float("nan")
    best = efficiencies[0]
    if not any(efficiencies[i].reason for i in kept):
        share_of_rows = learnable / np.average(learnable, weights=sample_weight)
        gain = (surprisal[:, None] - losses) / np.average(learnable, weights=sample_weight)
        shares = np.average(gain, axis=0, weights=sample_weight)
        influence = gain - np.outer(share_of_rows, shares)
        _, covariance = covariance_of_means(influence, sample_weight, groups)
        value = efficiency_of_pick(shares, noise.normal(covariance))
        lower, upper = best.lower, best.upper
        if len(kept) > 1:
            parts = np.column_stack([share_of_rows, influence[:, kept]])
            largest = largest_error(sums_of_units(parts, sample_weight, groups), random_state)
            limit = float(np.quantile(largest, (1 + confidence) / 2))
            lower = min(lower, best.value - limit * best.standard_error)
            upper = max(efficiencies[i].upper for i in kept)
        value = max(lower, min(value, best.value))
    return BestModel(names[0], value, lower, upper, confidence, tuple(names[i] for i in kept))


def count_units(sample_weight: Floats, groups: ArrayLike | None) -> int:
    """Return the number of rows or groups that have weight."""
    weighty = sample_weight > 0
    if groups is None:
        return int(weighty.sum())
    return len(np.unique(check_groups(groups, len(weighty))[weighty]))


class Noise:
    """Draws of the joint noise of the means of models, the same for the same models."""

    def __init__(self, n_models: int, freedom: int, random_state: int) -> None:
        rng = np.random.RandomState(random_state)
        self.freedom = max(freedom, 1)
        self._draws = rng.standard_normal((N_DRAWS, n_models))
        self._scale = np.sqrt(self.freedom / rng.chisquare(self.freedom, size=(N_DRAWS, 1)))

    def normal(self, covariance: Floats) -> Floats:
        """Return normal draws (n_draws, n_models) of a covariance."""
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        return self._draws[:, : len(root)] @ root

    def student(self, covariance: Floats) -> Floats:
        """Return the draws over the error that few rows or groups estimate: Student's t."""
        return self.normal(covariance) * self._scale


def model_confidence_set(
    means: Floats, covariance: Floats, noise: Noise, confidence: float, rounding: float
) -> Integers:
    """Return the positions of the models whose mean loss may be the lowest."""
    kept = np.arange(len(means))
    if np.isnan(covariance).any():  # of a single row or group nothing is known
        return kept
    own = np.diag(covariance)
    sums = own[:, None] + own
    error = np.sqrt(np.maximum(sums - 2 * covariance, SMALLEST_VARIANCE * sums + TINY))
    behind = means[:, None] - means
    distance = np.where(np.abs(behind) <= rounding, 0.0, behind / error)
    draws = noise.student(covariance)
    while len(kept) > 1:
        pairs = np.ix_(kept, kept)
        limit = np.quantile(largest_difference(draws[:, kept], error[pairs]), confidence)
        stays = distance[pairs].max(axis=1) <= limit
        if stays.all():
            break
        kept = kept[stays]
    return kept


def largest_difference(draws: Floats, error: Floats) -> Floats:
    """Return, of every draw, the largest difference of two models over its standard error."""
    largest = np.zeros(len(draws))
    for i in range(draws.shape[1]):
        difference = np.abs(draws[:, i, None] - draws[:, i + 1 :]) / error[i, i + 1 :]
        largest = np.maximum(largest, difference.max(axis=1, initial=0.0))
    return largest


def sums_of_units(values: Floats, weight: Floats, groups: ArrayLike | None) -> Floats:
    """Return weighted sums of the rows of a group, or of neighbouring rows, at most MOST_UNITS.

    The skewness of their mean is that of the mean of the rows.
    """
    values = weight[:, None] * values / weight.mean()
    codes = np.arange(len(weight)) if groups is None else check_groups(groups, len(weight))
    n_units = codes.max() + 1
    codes = codes * min(n_units, MOST_UNITS) // n_units
    return np.column_stack([np.bincount(codes, weights=column) for column in values.T])


def largest_error(units: Floats, random_state: int) -> Floats:
    r"""Return draws of the largest studentised error of ratios, by Mammen's wild bootstrap.

    The first column of `units` is that of the denominator, the others the influences of the ratios.
    The multipliers have the moments 0, 1, 1, so that the draws are as skewed as the errors are:
    losses have long tails, and a model looks best where its own have not come.

    References
    ----------
    E. Mammen. Bootstrap and wild bootstrap for high dimensional linear models. Annals of
    Statistics, 1993. https://doi.org/10.1214/aos/1176349025
    """
    rng = np.random.RandomState(random_state)
    root = np.sqrt(5)
    low = rng.random_sample((N_MULTIPLIERS, len(units))) < (root + 1) / (2 * root)
    drawn = np.where(low, (1 - root) / 2, (1 + root) / 2)
    bottom, influence = units[:, :1], units[:, 1:]
    squared = drawn**2
    top = drawn @ influence
    error = top / (bottom.sum() + drawn @ (bottom - bottom.mean()))
    variance = (
        squared @ influence**2
        - 2 * error * (squared @ (influence * bottom))
        + error**2 * (squared @ bottom**2)
    )
    # error and standard error have the same denominator, which drops out
    return (top / np.sqrt(np.maximum(variance, TINY))).max(axis=1)


def efficiency_of_pick(shares: Floats, noise: Floats) -> float:
    r"""Return the mean efficiency of a pick that is scored by other noise than it was made by.

    With noise :math:`\omega` of the covariance of the efficiencies :math:`\hat\eta`, the sums
    :math:`\hat\eta + \gamma \omega` and :math:`\hat\eta - \omega / \gamma` do not depend on each
    other: the first picks, the second scores. It is the split of the rows into those that pick and
    those that score, averaged over all splits. Models are in the order of their efficiency.

    References
    ----------
    J. Leiner, B. Duan, L. Wasserman, A. Ramdas. Data fission: splitting a single data point.
    Journal of the American Statistical Association, 2025.
    https://doi.org/10.1080/01621459.2023.2270748
    """
    picked = (shares + PICKING_NOISE * noise).argmax(axis=1)
    # the noise of the first model has the mean 0: its sample's mean is taken off
    luck = noise[np.arange(len(noise)), picked] - noise[:, 0]
    return float((shares[picked] - luck / PICKING_NOISE).mean())
