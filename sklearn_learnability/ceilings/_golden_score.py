"""What a family finds out of fold: calibrated, pooled and scored on rows it has not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._folds import Folds
from sklearn_learnability._validation import Floats, Integers, Units, nats_per_unit
from sklearn_learnability.metrics._blending import (
    CalibratedPool,
    cross_fit_pool,
    fit_pool_of_rows,
)
from sklearn_learnability.metrics._information import surprisal_of_frequencies, warn_single_class
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import Estimate


@dataclass(frozen=True, eq=False)
class GoldenScore:
    """A family's score out of fold.

    Attributes
    ----------
    pool : CalibratedPool
        Calibration and weights from all predicted rows, for prediction.
    oof_proba : ndarray of shape (n_samples, n_classes)
        Pooled probabilities; NaN where a row was not predicted.
    oof_nll : ndarray of shape (n_samples,)
        Their losses.
    n_unpredicted, n_independent : int
        Rows left out, and units with weight that are taken as independent.
    label_entropy, nll : float
        Of the predicted rows.
    learnability : Estimate
        With its 95 % interval.
    lower_limit : float
        Its one-sided 95 % lower limit.
    losses : DataFrame
        `nll` and `calibrated_nll` of each member.
    """

    pool: CalibratedPool
    oof_proba: Floats
    oof_nll: Floats
    n_unpredicted: int
    n_independent: int
    label_entropy: float
    nll: float
    learnability: Estimate
    lower_limit: float
    losses: pd.DataFrame


def score_out_of_fold(
    codes: Integers,
    log_probas: NDArray[np.floating],
    weight: Floats,
    folds: Folds,
    groups: ArrayLike | None,
    *,
    units: Units,
    **options: Any,
) -> GoldenScore:
    """Calibrate and pool each fold on other folds, and all folds for prediction.

    The options are `calibration` and `blend`.
    """
    pairs = folds.tuning_rows(weight)
    calibrated, pooled = cross_fit_pool(codes, log_probas, weight, pairs, **options)
    predicted = np.flatnonzero(folds.fold_of >= 0)
    pool = fit_pool_of_rows(codes, log_probas, weight, predicted, **options)
    scored = np.flatnonzero(~np.isnan(pooled[:, 0]))
    codes, weight = codes[scored], weight[scored]
    independent = independent_units(groups, folds, scored)
    per_unit = nats_per_unit(units)
    oof_nll = np.full(len(pooled), np.nan)
    oof_nll[scored] = -pooled[scored, codes] / per_unit
    surprisal = surprisal_of_frequencies(codes, weight, pooled.shape[1])[codes] / per_unit
    if not surprisal.any():
        warn_single_class("The learnability of the predicted rows")
    estimate, one_sided = (
        information_estimate(
            surprisal,
            oof_nll[scored],
            units=units,
            calibrated=True,
            sample_weight=weight,
            groups=independent,
            confidence=confidence,
        )
        for confidence in (0.95, 0.90)
    )
    counted = np.arange(len(scored)) if independent is None else independent
    losses = [
        -of_labels @ weight / (weight.sum() * per_unit)
        for of_labels in (log_probas[:, scored, codes].astype(np.float64), calibrated[:, scored])
    ]
    return GoldenScore(
        pool,
        np.exp(pooled, out=pooled),
        oof_nll,
        n_unpredicted=len(pooled) - len(scored),
        n_independent=len(np.unique(counted[weight > 0])),
        label_entropy=float(np.average(surprisal, weights=weight)),
        nll=float(np.average(oof_nll[scored], weights=weight)),
        learnability=estimate,
        lower_limit=one_sided.lower,
        losses=pd.DataFrame({"nll": losses[0], "calibrated_nll": losses[1]}),
    )
