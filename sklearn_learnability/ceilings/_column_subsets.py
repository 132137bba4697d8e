"""The family of a ceiling on some of its columns: the same rows, folds and seeds."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t
from sklearn.dummy import DummyClassifier
from sklearn.utils import _safe_indexing

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._tables import number_rows, take_rows
from sklearn_learnability._validation import (
    Floats,
    Integers,
    Units,
    names_of_columns,
    nats_per_unit,
)
from sklearn_learnability.ceilings._family import check_members, make_family
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._out_of_fold import (
    FoldFit,
    TrainingData,
    fit_candidate,
    gather_log_proba,
)
from sklearn_learnability.ceilings._refit import RefitError, data_of_fit, weights_of
from sklearn_learnability.ceilings._side_by_side import fit_family
from sklearn_learnability.metrics._blending import cross_fit_pool
from sklearn_learnability.metrics._information import surprisal_of_frequencies
from sklearn_learnability.metrics._information_estimate import (
    effective_rows,
    information_estimate,
    unseen_variance,
)
from sklearn_learnability.metrics._resampling import (
    Estimate,
    covariance_of_units,
    degrees_of_freedom,
    ratio_estimate,
    unit_deviations,
)

Column = str | int
Columns = Column | Iterable[Column]


@dataclass(frozen=True, eq=False)
class PairedRows:
    """The rows that a ceiling scored, and what contrasts of their losses say.

    Attributes
    ----------
    surprisal : ndarray of shape (n_scored,)
        Loss of the class frequencies, in `units`.
    weight : ndarray of shape (n_scored,)
        Weights.
    groups : array-like of shape (n_scored,) or None
        What the interval counts as independent.
    units : {"bits", "nats"}
        Unit of losses.
    extra : float
        Variance of a mean information that rows do not show, in squared `units`.
    """

    surprisal: Floats
    weight: Floats
    groups: Any
    units: Units
    extra: float

    @classmethod
    def of_ceiling(cls, ceiling: GoldenModelCeiling) -> "PairedRows":
        """Return the scored rows of a fitted ceiling."""
        record = ceiling._record
        scored = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
        codes, weight, units = record.codes[scored], record.weight[scored], ceiling.units_
        surprisal = surprisal_of_frequencies(codes, weight, len(ceiling.classes_))[codes]
        groups = independent_units(record.groups, record.folds, scored)
        nats = nats_per_unit(units)
        loss = ceiling.oof_nll_[scored] * nats
        n_rows = effective_rows(surprisal, loss, weight, groups)
        extra = unseen_variance(surprisal, weight, n_rows) / nats**2
        return cls(surprisal / nats, weight, groups, units, extra)

    def level(self, loss: Floats) -> Estimate:
        """Return the learnability of losses, as a ceiling states it."""
        return information_estimate(
            self.surprisal,
            loss,
            units=self.units,
            calibrated=True,
            sample_weight=self.weight,
            groups=self.groups,
        )

    def difference(
        self, gain: Floats, sampling_variance: float = 0.0, inflation: float = 1.0
    ) -> Estimate:
        r"""Return a gain per row as a share of H(Y), its interval widened by what rows do not show.

        The variances added are those of :func:`unseen_variance` and of a sampling, the latter in
        squared `units`, with a factor for the few draws that it is estimated from.
        """
        part = ratio_estimate(
            gain,
            self.surprisal,
            sample_weight=self.weight,
            groups=self.groups,
            unseen_variance=(self.extra + inflation * sampling_variance, 0.0),
        )
        lower, upper = part.lower, part.upper
        if not -np.inf < lower <= upper < np.inf:
            lower = upper = float("nan")
        entropy = (self.weight @ self.surprisal / self.weight.sum()) or np.nan
        error = float(np.hypot(part.standard_error, np.sqrt(sampling_variance) / entropy))
        return Estimate(part.value, error, lower, upper, part.confidence)

    def p_value(self, gain: Floats) -> float:
        """Return the one-sided p-value of a mean gain of at most 0; NaN for a single unit."""
        (mean,), deviation = unit_deviations(gain[:, None], self.weight, self.groups)
        error = np.sqrt(covariance_of_units(deviation)[0, 0] + self.extra)
        return float(t.sf(mean / error, degrees_of_freedom(deviation[:, 0])))


def check_fitted(
    golden_model: Any,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
) -> TrainingData:
    """Return the rows of a fitted ceiling, refusing what is none, and rows of one class."""
    if not isinstance(golden_model, GoldenModelCeiling):
        raise TypeError(f"Expected a fitted GoldenModelCeiling, got {type(golden_model).__name__}.")
    data = data_of_fit(golden_model, X, y, sample_weight, groups)
    table = data.X if hasattr(data.X, "shape") else np.asarray(data.X)
    if len(table.shape) != 2:
        raise ValueError(f"Expected X with columns, got shape {tuple(table.shape)}.")
    if golden_model.label_entropy_ == 0:
        raise ValueError(
            "Expected predicted rows of at least 2 classes, got one class that has weight: with "
            "H(Y) = 0 there is nothing to split."
        )
    return replace(data, X=table)


def loss_on(ceiling: GoldenModelCeiling, data: TrainingData, table: Any) -> Floats:
    """Return the out-of-fold losses of the ceiling's scored rows by its family on another table."""
    record = ceiling._record
    members, own = check_members(record.candidates), replace(data, X=table)
    kept = set(ceiling.candidates_["candidate"])
    failed = {candidate.name for candidate in make_family(members, data)} - kept
    family = [one for one in make_family(members, own) if one.name not in failed]
    splits = record.folds.splits
    seeds = np.random.RandomState(record.seed).randint(
        np.iinfo(np.int32).max, size=(len(family), len(splits))
    )
    fits = fit_family(
        family,
        own,
        splits,
        seeds,
        memory=ceiling.memory,
        n_jobs=ceiling.n_jobs,
        verbose=ceiling.verbose,
    )
    fits = [
        [fit_of_constants(*fold, own) for fold in zip(one, splits, strict=True)] for one in fits
    ]
    for candidate, of_candidate in zip(family, fits, strict=True):
        errors = [fold.error for fold in of_candidate if fold.error]
        if errors:
            raise RefitError(
                f"Expected candidates that can be fitted on some of the columns, got an error from "
                f"{candidate.name!r} on {table.shape[1]}: {errors[0]}"
            )
    log_probas = [gather_log_proba(own, record.folds, len(data.classes)) for own in fits]
    pooled = cross_fit_pool(
        data.codes,
        np.stack(log_probas),
        weights_of(data),
        record.folds.tuning_rows(weights_of(data)),
        calibration=record.calibration,
        blend=record.blend,
    )[1]
    scored = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
    loss: Floats = -pooled[scored, data.codes[scored]] / nats_per_unit(ceiling.units_)
    return loss


def fit_of_constants(fit: FoldFit, split: tuple[Integers, Integers], data: TrainingData) -> FoldFit:
    """Return a fit, or the class frequencies where it failed on columns that are all constant."""
    if not fit.error or number_rows(take_rows(data.X, split[0])).any():
        return fit
    return fit_candidate(DummyClassifier(strategy="prior"), data, split, 0, gets_labels=False)


def take_columns(table: Any, positions: Sequence[int]) -> Any:
    """Return columns of a table of any library, by their positions."""
    return _safe_indexing(table, [int(at) for at in positions], axis=1)


def find_columns(X: Any, n_columns: int, columns: Columns, where: str = "") -> list[int]:
    """Return the positions of columns, in the order of the table; errors say `where` they stood.

    A column is looked up among the names; an integer that is no name is a position.
    """
    names = names_of_columns(X) or []
    listed: list[Any] = [columns]
    is_name = isinstance(columns, str) or (isinstance(columns, Hashable) and columns in names)
    if isinstance(columns, Iterable) and not is_name and getattr(columns, "ndim", 1) != 0:
        listed = list(columns)
    positions = [position_of(column, names, n_columns, where) for column in listed]
    if not positions:
        raise ValueError(f"Expected at least one column, got none{where}.")
    if len(set(positions)) < len(positions):
        raise ValueError(f"Expected every column once, got {listed}{where}.")
    return sorted(positions)


def position_of(column: Any, names: list[Any], n_columns: int, where: str) -> int:
    """Return the position of one column, or say what there is instead."""
    is_truth = isinstance(column, bool | np.bool_)
    if isinstance(column, Hashable) and column in names and not is_truth:
        return names.index(column)
    if isinstance(column, int | np.integer) and not is_truth:
        if -n_columns <= column < n_columns:
            return int(column) % n_columns
        raise ValueError(f"Expected a column of {n_columns}, got position {column}{where}.")
    near = get_close_matches(str(column), [str(name) for name in names], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    there = f"one of the columns {names}" if names else "the position of a column"
    raise ValueError(f"Expected {there}, got {column!r}{where}.{hint}")
