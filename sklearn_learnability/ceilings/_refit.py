"""What a ceiling was fitted with, and fits of the same family that follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_learnability._folds import Folds
from sklearn_learnability._tables import comparable_rows, hash_rows, is_sparse, take_rows
from sklearn_learnability._validation import (
    Floats,
    Integers,
    check_groups,
    check_weights,
    encode_labels,
    relative_weights,
)
from sklearn_learnability.ceilings._family import Member, check_members, make_family
from sklearn_learnability.ceilings._out_of_fold import FoldFit, TrainingData
from sklearn_learnability.ceilings._side_by_side import fit_family
from sklearn_learnability.metrics._reference import was_fitted_on

if TYPE_CHECKING:
    from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling


class RefitError(ValueError):
    """A family that could be fitted cannot be fitted again, on fewer rows."""


@dataclass(frozen=True, eq=False)
class FitRecord:
    """Settings, rows and folds of a fit, whatever is set afterwards.

    Attributes
    ----------
    candidates : str or sequence
        The family as it was given.
    calibration : str or None
        Family of maps.
    blend : str
        How candidates are pooled.
    has_bracket : bool
        Whether the shortfall was measured.
    folds : Folds
        The folds.
    rows : str
        A fingerprint of rows and groups.
    seed : int
        What seeds the fits that follow.
    codes, weight : ndarray of shape (n_samples,)
        Column of every row's label, and weights.
    groups : array-like of shape (n_samples,) or None
        Groups as they were given.
    """

    candidates: str | Sequence[Member]
    calibration: str | None
    blend: str
    has_bracket: bool
    folds: Folds
    rows: str
    seed: int
    codes: Integers
    weight: Floats
    groups: ArrayLike | None

    @classmethod
    def of_fit(
        cls,
        ceiling: "GoldenModelCeiling",
        data: TrainingData,
        folds: Folds,
        groups: ArrayLike | None,
        rng: np.random.RandomState,
    ) -> Self:
        """Return the record of a fit that is going on."""
        return cls(
            ceiling.candidates,
            ceiling.calibration,
            ceiling.blend,
            ceiling.bracket,
            folds,
            fingerprint(data.X, groups),
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            codes=data.codes,
            weight=weights_of(data),
            groups=groups,
        )


def fingerprint(X: Any, groups: ArrayLike | None) -> str:
    """Return what tells these rows and groups, in this order, from others."""
    frame = None if is_sparse(X) else comparable_rows(X)
    hashes = None if frame is None else hash_rows(frame)
    codes = None if groups is None else check_groups(groups, len(np.asarray(groups)))
    return str(joblib.hash((X if hashes is None else hashes, codes)))


def check_refittable(given: str | Sequence[Member]) -> None:
    """Refuse candidates that stay as they are."""
    own = [] if isinstance(given, str) else [one for one in given if not isinstance(one, str)]
    frozen = [name for name, estimator in own if isinstance(estimator, FrozenEstimator)]
    if frozen:
        raise ValueError(
            f"Expected candidates that can be fitted on fewer rows, got frozen ones: {frozen}."
        )


def data_of_fit(
    ceiling: "GoldenModelCeiling",
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
) -> TrainingData:
    """Return the rows of `fit`, refusing others, and candidates that cannot be fitted again."""
    check_is_fitted(ceiling)
    check_refittable(ceiling._record.candidates)
    table = ceiling._check_table(X, reset=False)
    check_consistent_length(table, y, groups)
    check_rows_of_fit(ceiling, table, y, sample_weight, groups)
    _, codes = encode_labels(y, ceiling.classes_)
    weight = None
    if sample_weight is not None:
        weight = relative_weights(check_weights(sample_weight, len(codes)))
    return TrainingData(table, codes, ceiling.classes_, weight)


def check_rows_of_fit(
    ceiling: "GoldenModelCeiling",
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
) -> None:
    """Refuse other rows, labels, weights or groups than those of the fit."""
    n_samples = len(ceiling.oof_nll_)
    if not was_fitted_on(ceiling, y):
        raise ValueError(
            f"Expected the {n_samples} rows that the ceiling was fitted on, in their order, got "
            f"{np.shape(y)[0]} rows with other labels."
        )
    if fingerprint(X, groups) != ceiling._record.rows:
        raise ValueError(
            f"Expected the {n_samples} rows that the ceiling was fitted on, in their order and "
            "with their groups, got other inputs or groups."
        )
    scored = np.isfinite(ceiling.oof_nll_)
    weight = check_weights(sample_weight, n_samples)
    loss = np.average(ceiling.oof_nll_[scored], weights=weight[scored])
    if not np.isclose(loss, ceiling.nll_, rtol=1e-6):
        raise ValueError(
            f"Expected the weights of fit, with which the ceiling's loss is {ceiling.nll_:.4g}, "
            f"got weights with which it is {loss:.4g}."
        )


def refit(
    ceiling: "GoldenModelCeiling",
    data: TrainingData,
    splits: list[tuple[Integers, Integers]],
    n_rows: int,
    rng: np.random.RandomState,
) -> list[list[FoldFit]]:
    """Return fits of the ceiling's candidates on other splits, built for a table of `n_rows`.

    Candidates that the ceiling left out are left out. One that fails here, and did not there, is an
    error: with it a curve would compare two families.
    """
    some = np.sort(rng.permutation(len(data.codes))[:n_rows])
    members = check_members(ceiling._record.candidates)
    family = make_family(members, replace(data, X=take_rows(data.X, some)))
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
    kept = set(ceiling.candidates_["candidate"])
    positions = [m for m, candidate in enumerate(family) if candidate.name in kept]
    family = [family[m] for m in positions]
    fits = fit_family(
        family,
        data,
        splits,
        seeds[positions],
        memory=ceiling.memory,
        n_jobs=ceiling.n_jobs,
        verbose=ceiling.verbose,
    )
    for candidate, own in zip(family, fits, strict=True):
        errors = [fold.error for fold in own if fold.error]
        if errors:
            fewest = min(len(train) for train, _ in splits)
            raise RefitError(
                f"Expected candidates that can be fitted on {fewest} rows, got an error from "
                f"{candidate.name!r}: {errors[0]}"
            )
    return fits


def weights_of(data: TrainingData) -> Floats:
    """Return the weights of the rows, 1 where there are none."""
    return np.ones(len(data.codes)) if data.weight is None else data.weight
