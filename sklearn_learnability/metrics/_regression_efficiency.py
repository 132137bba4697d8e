"""Efficiency of regressors: the share of the learnable information that forecasts hold."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._folds import make_folds
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Units,
    as_numbers,
    check_groups,
    check_weights,
    is_finite_number,
    nats_per_unit,
    warn,
)
from sklearn_learnability.exceptions import InSampleWarning, UndefinedInformationWarning
from sklearn_learnability.metrics._density_pool import ScoreCalibration
from sklearn_learnability.metrics._forecasts import (
    check_forecast,
    scores_of_location,
    with_log_scale,
)
from sklearn_learnability.metrics._mutual_information import (
    InformationOfRows,
    information_of_rows,
    mutual_information_estimate,
    share_of_nats,
)
from sklearn_learnability.metrics._reference import MOST_OF_A_CEILING, groups_beside
from sklearn_learnability.metrics._resampling import Estimate, check_confidence, ratio_estimate
from sklearn_learnability.metrics._target_bins import TargetBins, check_target

#: Folds within the scored rows, for the distribution of residuals; strata of these.
N_FOLDS, N_STRATA = 5, 5
#: Fewer rows tell nothing of a distribution.
FEWEST_ROWS = 4
NAN = float("nan")
#: The largest information of a row that is taken.
LARGEST_INFORMATION = 1e50


class FittedRegressionCeiling(Protocol):
    """A ceiling of a number that was fitted, such as a GoldenModelCeilingRegressor."""

    units_: Any
    oof_information_: Floats
    _targets: str

    def information(self, X: Any, y: ArrayLike) -> Floats:
        """Return what the inputs tell of new rows, in `units_`."""


#: Information of rows, or the ceiling that knows it.
RegressionReference = ArrayLike | FittedRegressionCeiling


@dataclass(frozen=True, eq=False)
class RegressionEfficiency(Result):
    """Efficiency of a regressor with its interval, what it rests on, and any reason.

    Attributes
    ----------
    value : float
        Share of the ceiling's information that the forecasts hold; NaN where undefined.
    standard_error : float
        Its standard error by the delta method.
    lower, upper : float
        Ends of its interval, Fieller's; -inf to inf where not bounded.
    confidence : float
        Level of every interval.
    information : Estimate
        I_F, what the forecasts hold, in `units`.
    learnable_information : Estimate
        I_G, what the ceiling found.
    learnability_share : float
        The same share of the learnability, :math:`(1 - e^{-2 I_F}) / (1 - e^{-2 I_G})`: between
        Gaussians that of R². Nearer to 1 than `value`.
    reason : str
        Why `value` is NaN; empty where it is defined.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    confidence: float
    information: Estimate
    learnable_information: Estimate
    learnability_share: float
    reason: str

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table of one row."""
        row = asdict(self)
        for name in ("information", "learnable_information"):
            part = row.pop(name)
            row |= {name: part["value"]}
            row |= {f"{name}_{end}": part[end] for end in ("lower", "upper")}
        return pd.DataFrame([row])


def forecast_information(
    y: Floats, scores: Floats, bins: TargetBins, weight: Floats, groups: ArrayLike | None
) -> InformationOfRows | None:
    """Return what forecasts, as scores of the bins' edges, hold of every row; None of too few rows.

    The distribution of the residuals comes from other folds of the rows.
    """
    codes = bins.codes(y)
    units = np.arange(len(y)) if groups is None else check_groups(groups, len(y))
    if len(np.unique(units[weight > 0])) < FEWEST_ROWS or len(bins.mass) < 2:
        return None
    n_units = len(np.unique(units))
    strata = bins.merged(N_STRATA)[codes]
    folds = make_folds(min(N_FOLDS, n_units), strata, strata, groups, random_state=0)
    log_proba = np.empty((len(y), len(bins.mass)))
    for train, test in folds.splits:
        train = train[weight[train] > 0]
        if not len(train):
            return None
        fitted = ScoreCalibration.fit(scores[train], codes[train], weight[train], np.log(bins.mass))
        log_proba[test] = fitted.log_proba(scores[test])
    return information_of_rows(codes, log_proba, weight)


def regression_efficiency(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    y_std: ArrayLike | None = None,
    learnability: float | None = None,
    reference: RegressionReference | None = None,
    X: Any = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    units: Units = "bits",
    confidence: float = 0.95,
) -> RegressionEfficiency:
    r"""Efficiency of a regressor with its interval: its share of what can be learned.

    .. math:: \eta = \frac{I_F}{I_G}, \qquad
              I_F = \frac 1n \sum_i \log \frac{f(y_i \mid \hat y_i)}{\bar f(y_i)}

    Higher is better: 1 is all that the ceiling finds, 0 nothing. f is the density that the
    forecasts mean: a location, or a location and a scale, with the distribution of the residuals of
    other rows around it; its margin is its mean over the rows. A regressor without scales is
    measured by what its point forecasts tell. Between Gaussians :math:`1 - e^{-2 I_F}` is its R².

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets.
    y_pred : array-like of shape (n_samples,)
        Predicted means or medians; the model's on held-out rows.
    y_std : array-like of shape (n_samples,), optional
        Predicted standard deviations.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference`.
    reference : array-like of shape (n_samples,) or fitted GoldenModelCeilingRegressor, optional
        What the ceiling tells of the same rows, in `units`. Model and ceiling are then paired row
        by row. The ceiling itself gives that of the rows it was fitted on, or, with `X`, of rows
        that are new to it.
    X : array-like of shape (n_samples, n_features), optional
        Inputs. Only for a ceiling that is to predict rows new to it.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other; intervals are clustered by group. By default
        those of a ceiling in `reference`, where X is not given.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of `reference`. The efficiency itself has none.
    confidence : float, default=0.95
        Level of the intervals.

    Returns
    -------
    RegressionEfficiency
        Its value is NaN, with a reason, where the ceiling's interval reaches 0.

    Raises
    ------
    ValueError
        If not exactly one ceiling is given, if `learnability` is not inside [0, 1), if shapes
        differ, if a number is not finite, if a standard deviation is not above 0, or if the rows
        are not those of the ceiling.

    Warns
    -----
    UndefinedInformationWarning
        If the value is NaN.
    InSampleWarning
        If the interval lies above 1.2: the model was most likely fitted on these rows.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.model_selection import cross_val_predict
    >>> from sklearn_learnability.datasets import make_learnability_regression
    >>> from sklearn_learnability.metrics import regression_efficiency
    >>> X, y = make_learnability_regression(2000, learnability=0.5, random_state=0)
    >>> predicted = cross_val_predict(LinearRegression(), X, y)
    >>> found = regression_efficiency(y, predicted, learnability=0.5)
    >>> 0.9 < found.value < 1.1
    True
    """
    y = check_target(y_true)
    forecast = check_forecast(y_pred, y_std, y)
    weight = check_weights(sample_weight, len(y))
    nats_per_unit(units)
    check_confidence(confidence)
    known = check_regression_ceiling(learnability, reference, y, X, units)
    groups = groups_beside(reference, X, groups)
    y = y / (np.abs(y).max() or 1.0)
    bins = TargetBins.of(y, weight)
    scores = scores_of_location(with_log_scale(forecast, bins.scale), bins.edges)
    found = efficiency_of_information(
        forecast_information(y, scores, bins, weight, groups),
        known,
        weight,
        groups,
        units=units,
        confidence=confidence,
    )
    warn_of_regression_efficiency(found)
    return found


def efficiency_of_information(
    rows: InformationOfRows | None,
    known: Floats | float,
    weight: Floats,
    groups: ArrayLike | None,
    *,
    units: Units,
    confidence: float,
) -> RegressionEfficiency:
    """Return the efficiency from what forecasts hold, by the ceiling's nats of rows or in all."""
    nothing = Estimate(NAN, NAN, NAN, NAN, confidence)
    if rows is None:
        reason = (
            f"there are fewer than {FEWEST_ROWS} rows or groups with weight, or all targets are "
            "equal"
        )
        return RegressionEfficiency(NAN, NAN, NAN, NAN, confidence, nothing, nothing, NAN, reason)
    options: dict[str, Any] = {"groups": groups, "confidence": confidence}
    own = mutual_information_estimate(rows, sample_weight=weight, **options)
    if isinstance(known, float):
        ceiling = Estimate(known, 0.0, known, known, confidence)
        denominator = np.full(len(weight), known)
    else:
        of_rows = InformationOfRows(known, known, rows.log_margin)
        ceiling = mutual_information_estimate(of_rows, sample_weight=weight, **options)
        denominator = known
    reason = ""
    if not ceiling.lower > 0:
        reason = (
            f"the learnable information {ceiling.value:.4g} nats cannot be told from 0: its "
            f"{confidence:.0%} interval starts at {ceiling.lower:.4g}"
        )
    ratio = ratio_estimate(rows.influence, denominator, sample_weight=weight, **options)
    if not reason and (not np.isfinite(ratio.lower) or ratio.lower > ratio.upper):
        reason = "the learnable information is too near 0 for a bounded interval of the share"
    value, error = (NAN, NAN) if reason else (ratio.value, ratio.standard_error)
    share = NAN if reason else share_of_nats(own.value) / share_of_nats(ceiling.value)
    per_unit = nats_per_unit(units)
    return RegressionEfficiency(
        value,
        error,
        ratio.lower,
        ratio.upper,
        confidence,
        in_units(own, per_unit),
        in_units(ceiling, per_unit),
        share,
        reason,
    )


def in_units(estimate: Estimate, per_unit: float) -> Estimate:
    """Return an estimate in nats in other units."""
    numbers = asdict(estimate)
    confidence = numbers.pop("confidence")
    return Estimate(
        **{name: value / per_unit for name, value in numbers.items()}, confidence=confidence
    )


def check_regression_ceiling(
    learnability: float | None,
    reference: RegressionReference | None,
    y: Floats,
    X: Any,
    units: Units,
) -> Floats | float:
    """Return the ceiling's information in nats: of all rows, or one number."""
    if (learnability is None) == (reference is None):
        many = "neither" if learnability is None else "both"
        raise ValueError(f"Expected one of learnability= and reference=, got {many}.")
    if learnability is not None:
        if X is not None:
            raise ValueError("Expected a fitted ceiling as reference where X is given, got none.")
        return nats_of_learnability(learnability)
    given: Any = reference
    if hasattr(given, "oof_information_"):
        return information_by_ceiling(given, y, X)
    if hasattr(given, "fit") or X is not None:
        raise TypeError(
            "Expected a fitted GoldenModelCeilingRegressor or its information of rows as "
            f"reference, got {type(given).__name__}."
        )
    values = as_numbers("reference", given)
    if values.shape != y.shape:
        raise ValueError(
            f"Expected reference of shape {y.shape}, one number a row, got {values.shape}."
        )
    return check_information(values) * nats_per_unit(units)


def check_information(values: Floats) -> Floats:
    """Return the information of rows, refusing what is not finite, or huge."""
    if not (np.abs(values) <= LARGEST_INFORMATION).all():
        raise ValueError(
            f"Expected finite information of every row, got {np.sum(~np.isfinite(values))} values "
            f"of reference that are not finite, or one above {LARGEST_INFORMATION:g}. Rows that "
            "the ceiling never predicted (NaN) cannot be paired: leave them out of all, and pass "
            "the others' oof_information_ as reference= and independent_units_ as groups=."
        )
    return values


def nats_of_learnability(learnability: Any) -> float:
    """Return the information of a learnability, -log(1 - L) / 2."""
    if not is_finite_number(learnability) or not 0 <= learnability < 1:
        raise ValueError(f"Expected a learnability inside [0, 1), got {learnability!r}.")
    return float(-0.5 * np.log1p(-float(learnability)))


def information_by_ceiling(ceiling: FittedRegressionCeiling, y: Floats, X: Any) -> Floats:
    """Return what a ceiling tells of its own rows, or of new ones, in nats."""
    per_unit = nats_per_unit(ceiling.units_)
    if X is not None:
        return np.asarray(ceiling.information(X, y) * per_unit)
    if hash_targets(y) != ceiling._targets:
        raise ValueError(
            f"Expected the {len(ceiling.oof_information_)} rows that the ceiling was fitted on, "
            f"in their order, got {len(y)} rows with other targets. For rows that are new to it "
            "pass their inputs as X=."
        )
    return check_information(ceiling.oof_information_) * per_unit


def hash_targets(y: Floats) -> str:
    """Return what tells targets, in their order, from others."""
    return str(joblib.hash(np.array(y)))


def warn_of_regression_efficiency(found: RegressionEfficiency) -> None:
    """Warn that an efficiency is NaN, or too high to be that of held-out rows, and why."""
    if found.reason:
        warn(f"The efficiency is undefined (NaN): {found.reason}.", UndefinedInformationWarning)
    elif found.lower > MOST_OF_A_CEILING:
        warn(
            f"The model holds {found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}] of what the "
            "ceiling finds: most likely it was fitted on these rows. Score predictions of held-out "
            "rows, such as those of cross_val_predict. If they are held out, the ceiling is weak: "
            "add the model to its family.",
            InSampleWarning,
        )
