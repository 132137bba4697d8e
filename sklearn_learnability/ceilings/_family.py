"""The family of candidates: who is in it, and its fits side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_learnability._folds import Folds
from sklearn_learnability._validation import Floats, check_classifier, warn
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._golden_candidates import (
    BUDGETS,
    FAMILY,
    candidates_of,
    named_candidate,
)
from sklearn_learnability.ceilings._out_of_fold import (
    CandidateModel,
    TrainingData,
    dtype_kept,
    gather_log_proba,
    weight_parameter,
)
from sklearn_learnability.ceilings._side_by_side import fit_family
from sklearn_learnability.ceilings._time_limit import LeftOut, TimeLimit, leave_out
from sklearn_learnability.exceptions import UnusedWeightsWarning

#: A member as the user gives it: a name of the default family, or an own classifier and its name.
Member = str | tuple[str, BaseEstimator]

#: The name of a budget, or members.
Members = str | list[Member]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A member of the family, unfitted; an own one is given labels, a named one their codes."""

    name: str
    estimator: BaseEstimator
    is_own: bool
    needs: tuple[str, ...] = ()

    @property
    def how(self) -> dict[str, Any]:
        """Return how it is fitted, beside rows and seed."""
        return {"gets_labels": self.is_own}


@dataclass(frozen=True, eq=False)
class FittedFamily:
    """The members that were fitted: names, out-of-fold (M, n, K), CPU seconds, models; the rest."""

    names: list[str]
    log_probas: NDArray[np.floating]
    seconds: list[float]
    models: list[list[CandidateModel]]
    left_out: list[LeftOut]

    def to_frame(self, losses: pd.DataFrame, label_entropy: float, weights: Floats) -> pd.DataFrame:
        """Return a table with one row a member: its name, losses, weight, rows and seconds."""
        table = losses.assign(
            information_score=1 - losses["nll"] / (label_entropy or np.nan),
            weight=weights,
            n_train=[max(model.n_train for model in models) for models in self.models],
            seconds=self.seconds,
        )
        table.insert(0, "candidate", self.names)
        return table


def check_members(
    candidates: str | Sequence[Member],
    *,
    budgets: Sequence[str] = tuple(BUDGETS),
    kind: str = "classifier",
    check: Callable[[str, Any], None] = check_classifier,
) -> Members:
    """Return the budget or members asked for, refusing what is no name and no named `kind`."""
    if isinstance(candidates, str):
        if candidates not in budgets:
            raise ValueError(
                f"Expected candidates as one of {list(budgets)} or a list of names and pairs "
                f"(name, {kind}), got {candidates!r}."
            )
        return candidates
    if not isinstance(candidates, Sequence) or not candidates:
        raise TypeError(
            f"Expected candidates as one of {list(budgets)} or a list of names and pairs (name, "
            f"{kind}), got "
            f"{candidates if isinstance(candidates, Sequence) else type(candidates).__name__}."
        )
    for member in candidates:
        if isinstance(member, str):
            continue
        if not isinstance(member, tuple | list) or len(member) != 2:
            raise TypeError(f"Expected a candidate as (name, {kind}), got {member!r}.")
        name, estimator = member
        check(f"the candidate {name!r}", estimator)
    names = [member if isinstance(member, str) else member[0] for member in candidates]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected candidates of different names, got {names}.")
    return list(candidates)


def make_family(members: Members, data: TrainingData) -> list[Candidate]:
    """Return the candidates, named ones built for the columns of a clean table."""
    table = None
    if isinstance(members, str):
        table = Table.of(data.X, len(data.classes))
        members = list(candidates_of(members, table))
    family = []
    for member in members:
        if isinstance(member, str):
            table = table or Table.of(data.X, len(data.classes))
            built = named_candidate(member, table)
            family.append(Candidate(member, built, is_own=False, needs=FAMILY[member][1]))
        else:
            family.append(Candidate(*member, is_own=True))
    return family


def warn_of_unused_weights(family: Sequence[Candidate], weight: Floats | None) -> None:
    """Name the candidates that weights do not reach."""
    if weight is None:
        return
    for candidate in family:
        if not weight_parameter(candidate.estimator, weight):
            warn(
                f"The candidate {candidate.name!r} takes no sample_weight: it is fitted without, "
                "and the weights are used for its calibration, the pool and the scores.",
                UnusedWeightsWarning,
            )


def fit_on_folds(
    members: Members,
    data: TrainingData,
    folds: Folds,
    rng: np.random.RandomState,
    *,
    memory: str | PathLike[str] | Memory | None,
    n_jobs: int | None,
    verbose: int,
    limit: TimeLimit | None,
) -> FittedFamily:
    """Fit every candidate on every fold and keep those without an error."""
    family = make_family(members, data)
    warn_of_unused_weights(family, data.weight)
    splits = list(folds.splits)
    if not folds.is_partition:
        splits.append((np.arange(len(data.codes)), np.arange(0)))  # the fit that predicts
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
    options: dict[str, Any] = {"memory": memory, "n_jobs": n_jobs, "verbose": verbose}
    fits = fit_family(family, data, splits, seeds, limit=limit, **options)
    left_out = leave_out([candidate.name for candidate in family], fits, limit)
    n_samples, n_classes = len(data.codes), len(data.classes)
    shape = len(family), n_samples, n_classes
    log_probas = np.empty(shape, dtype=dtype_kept(n_samples, n_classes))
    names: list[str] = []
    seconds, models_of = [], []
    for candidate in family:
        own = fits.pop(0)  # so that what was gathered is let go
        if any(fold.error for fold in own):
            continue
        log_probas[len(names)] = gather_log_proba(own, folds, n_classes)
        names.append(candidate.name)
        seconds.append(sum(fold.seconds for fold in own))
        models = [fold.model for fold in own if fold.model is not None]
        models_of.append(models if folds.is_partition else models[-1:])
    return FittedFamily(names, log_probas[: len(names)], seconds, models_of, left_out)
