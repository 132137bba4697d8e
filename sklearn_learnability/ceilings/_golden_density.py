"""What a family of forecasts finds out of fold: calibrated, pooled and scored on unseen rows."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._folds import Folds
from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.ceilings._forecasts import ForecastModel, scores_of
from sklearn_learnability.ceilings._time_limit import LeftOut
from sklearn_learnability.metrics._density_pool import DensityPool, fit_density_pool
from sklearn_learnability.metrics._mutual_information import (
    InformationOfRows,
    information_of_rows,
    mutual_information_estimate,
)
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.metrics._target_bins import TargetBins

#: Residuals and margins are estimated from at most so many rows, evenly spaced.
MOST_ROWS_TO_TUNE = 30_000


@dataclass(frozen=True, eq=False)
class FittedForecasts:
    """The members that were fitted: names, forecasts, CPU seconds, models; and the rest."""

    names: list[str]
    forecasts: list[Floats]
    seconds: list[float]
    models: list[list[ForecastModel]]
    left_out: list[LeftOut]

    def scores(self, member: int, bins: TargetBins, rows: Integers) -> Floats:
        """Return a member's scores of the edges, in some rows."""
        return scores_of(self.models[member][0].reading, self.forecasts[member][rows], bins)


@dataclass(frozen=True, eq=False)
class DensityScore:
    """A family's score out of fold, in nats.

    Attributes
    ----------
    pool : DensityPool
        Calibration and weights from all predicted rows, for prediction.
    oof_log_proba : ndarray of shape (n_samples, G)
        Pooled log-probabilities of the bins; NaN where a row was not predicted.
    scored : ndarray of shape (n_scored,)
        The rows that were.
    rows : InformationOfRows
        What each of them holds.
    information : Estimate
        Their mean, with its 95 % interval.
    lower_limit : float
        Its one-sided 95 % lower limit.
    n_independent : int
        Units with weight that are taken as independent.
    members : DataFrame
        `mutual_information` of each member, in nats.
    """

    pool: DensityPool
    oof_log_proba: Floats
    scored: Integers
    rows: InformationOfRows
    information: Estimate
    lower_limit: float
    n_independent: int
    members: pd.DataFrame


def score_forecasts(
    codes: Integers,
    family: FittedForecasts,
    bins: TargetBins,
    weight: Floats,
    folds: Folds,
    groups: ArrayLike | None,
) -> DensityScore:
    """Calibrate and pool each fold on other folds, and all folds for prediction."""
    n_members, log_mass = len(family.names), np.log(bins.mass)
    pooled = np.full((len(codes), len(log_mass)), np.nan)
    own_bins, margins = np.zeros((n_members, len(codes))), np.zeros((n_members, len(log_mass)))
    for others, rows in folds.tuning_rows(weight):
        pool = _pool_on(others, codes, family, bins, weight)
        evidence = np.zeros((len(rows), len(log_mass)))
        for m in range(n_members):
            own = pool.evidence(m, family.scores(m, bins, rows))
            log_proba = pool.log_proba(own)
            own_bins[m, rows] = log_proba[np.arange(len(rows)), codes[rows]]
            margins[m] += weight[rows] @ np.exp(log_proba)
            evidence += pool.weights[m] * own
        pooled[rows] = pool.log_proba(evidence)
    scored = np.flatnonzero(~np.isnan(pooled[:, 0]))
    units = independent_units(groups, folds, scored)
    codes_of, weight_of = codes[scored], weight[scored]
    found = information_of_rows(codes_of, pooled[scored], weight_of)
    estimate, one_sided = (
        mutual_information_estimate(
            found, sample_weight=weight_of, groups=units, confidence=confidence
        )
        for confidence in (0.95, 0.90)
    )
    # no inputs tell more than the bins hold
    estimate = replace(estimate, upper=min(estimate.upper, max(estimate.value, bins.entropy)))
    counted = np.arange(len(scored)) if units is None else units
    share = weight_of / weight_of.sum()
    log_margins = np.log(margins / weight_of.sum())
    nats = (own_bins[:, scored] - log_margins[:, codes_of]) @ share
    return DensityScore(
        _pool_on(np.flatnonzero(folds.fold_of >= 0), codes, family, bins, weight),
        pooled,
        scored,
        found,
        estimate,
        one_sided.lower,
        n_independent=len(np.unique(counted[weight_of > 0])),
        members=pd.DataFrame({"mutual_information": nats}),
    )


def _pool_on(
    rows: Integers, codes: Integers, family: FittedForecasts, bins: TargetBins, weight: Floats
) -> DensityPool:
    rows = rows[weight[rows] > 0]
    rows = rows[:: -(-len(rows) // MOST_ROWS_TO_TUNE)]
    members = [family.scores(m, bins, rows) for m in range(len(family.names))]
    return fit_density_pool(codes[rows], members, weight[rows], np.log(bins.mass))
