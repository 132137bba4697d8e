"""The family of candidates of a number: who is in it, and its fits side by side."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from joblib import Memory

from sklearn_learnability._folds import Folds
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._family import (
    Candidate,
    Members,
    warn_of_unused_weights,
)
from sklearn_learnability.ceilings._forecasts import NumberData, fit_forecast, gather_forecasts
from sklearn_learnability.ceilings._golden_density import FittedForecasts
from sklearn_learnability.ceilings._regression_candidates import (
    FAMILY,
    candidates_of,
    named_candidate,
)
from sklearn_learnability.ceilings._side_by_side import fit_family
from sklearn_learnability.ceilings._time_limit import TimeLimit, leave_out


@dataclass(frozen=True, eq=False)
class NumberCandidate(Candidate):
    """A member of the family, and what it is fitted to."""

    reading: str = "own"

    @property
    def how(self) -> dict[str, Any]:
        """Return how it is fitted, beside rows and seed."""
        return {"reading": self.reading}


def make_regression_family(members: Members, X: Any) -> list[NumberCandidate]:
    """Return the candidates, named ones built for the columns of a clean table."""
    table = None
    family = []
    for member in candidates_of(members) if isinstance(members, str) else members:
        if isinstance(member, str):
            table = table or Table.of(X, 2)
            built = named_candidate(member, table)
            _, reading, needs = FAMILY[member]
            family.append(NumberCandidate(member, built, False, needs, reading))
        else:
            family.append(NumberCandidate(*member, is_own=True))
    return family


def fit_forecasts(
    members: Members,
    data: NumberData,
    folds: Folds,
    rng: np.random.RandomState,
    *,
    memory: str | PathLike[str] | Memory | None,
    n_jobs: int | None,
    verbose: int,
    limit: TimeLimit | None,
) -> FittedForecasts:
    """Fit every candidate on every fold and keep those without an error."""
    family = make_regression_family(members, data.X)
    warn_of_unused_weights(family, data.weight)
    splits = list(folds.splits)
    if not folds.is_partition:
        splits.append((np.arange(len(data.y)), np.arange(0)))  # the fit that predicts
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
    options: dict[str, Any] = {"memory": memory, "n_jobs": n_jobs, "verbose": verbose}
    fits = fit_family(family, data, splits, seeds, fit_one=fit_forecast, limit=limit, **options)
    left_out = leave_out([candidate.name for candidate in family], fits, limit)
    kept = FittedForecasts([], [], [], [], left_out)
    for candidate, own in zip(family, fits, strict=True):
        if any(fold.error for fold in own):
            continue
        kept.names.append(candidate.name)
        kept.forecasts.append(gather_forecasts(own, folds))
        kept.seconds.append(sum(fold.seconds for fold in own))
        models = [fold.model for fold in own]
        kept.models.append(models if folds.is_partition else models[-1:])
    return kept
