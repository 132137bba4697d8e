"""The family of candidates: who is in it, and its fits side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from joblib import Memory, Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_learnability._folds import Folds
from sklearn_learnability._validation import Floats, Integers, check_classifier, warn
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._golden_candidates import (
    BUDGETS,
    FAMILY,
    candidates_of,
    named_candidate,
)
from sklearn_learnability.ceilings._kept_fits import KeptFits
from sklearn_learnability.ceilings._out_of_fold import (
    CandidateModel,
    FoldFit,
    TrainingData,
    dtype_kept,
    fit_candidate,
    gather_log_proba,
    one_thread,
    weight_parameter,
)
from sklearn_learnability.exceptions import CandidateFailedWarning, UnusedWeightsWarning

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
    """The members that could be fitted: names, out-of-fold (M, n, K), CPU seconds, models."""

    names: list[str]
    log_probas: NDArray[np.floating]
    seconds: list[float]
    models: list[list[CandidateModel]]


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
    memory: str | Memory | None,
    n_jobs: int | None,
    verbose: int,
) -> FittedFamily:
    """Fit every candidate on every fold and keep those without an error."""
    family = make_family(members, data)
    warn_of_unused_weights(family, data.weight)
    splits = list(folds.splits)
    if not folds.is_partition:
        splits.append((np.arange(len(data.codes)), np.arange(0)))  # the fit that predicts
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
    fits = fit_family(family, data, splits, seeds, memory=memory, n_jobs=n_jobs, verbose=verbose)
    n_samples, n_classes = len(data.codes), len(data.classes)
    shape = len(family), n_samples, n_classes
    log_probas = np.empty(shape, dtype=dtype_kept(n_samples, n_classes))
    names: list[str] = []
    seconds, models_of = [], []
    for candidate in family:
        own = fits.pop(0)  # so that what was gathered is let go
        errors = [fold.error for fold in own if fold.error]
        if errors:
            warn(
                f"The candidate {candidate.name!r} is left out: {errors[0]}",
                CandidateFailedWarning,
            )
            continue
        log_probas[len(names)] = gather_log_proba(own, folds, n_classes)
        names.append(candidate.name)
        seconds.append(sum(fold.seconds for fold in own))
        models = [fold.model for fold in own if fold.model is not None]
        models_of.append(models if folds.is_partition else models[-1:])
    if not names:
        raise type(errors[0])(
            f"Expected a candidate that can be fitted, got errors from all, such as {errors[0]}"
        )
    return FittedFamily(names, log_probas[: len(names)], seconds, models_of)


def fit_family(
    family: Sequence[Candidate],
    data: Any,
    splits: list[tuple[Integers, Integers]],
    seeds: Integers,
    *,
    memory: str | Memory | None,
    n_jobs: int | None,
    verbose: int,
    fit_one: Callable[..., Any] = fit_candidate,
) -> list[list[Any]]:
    """Return the fit of every candidate on every split, by a function of module level."""
    kept = KeptFits(memory, fit_one, data)
    # the family is listed from cheap to dear: the dearest first balances the load
    jobs = [(m, f) for m in reversed(range(len(family))) for f in range(len(splits))]
    keys = {(m, f): kept.key(family[m], splits[f], int(seeds[m, f])) for m, f in jobs}
    fits = {job: kept.find(keys[job]) for job in jobs}
    needs = sorted({module for candidate in family for module in candidate.needs})
    calls = [
        delayed(attempt)((m, f), fit_one, needs, family[m], data, splits[f], int(seeds[m, f]))
        for m, f in jobs
        if fits[m, f] is None
    ]
    try:
        for job, fit in as_they_finish(calls, n_jobs=n_jobs, verbose=verbose):
            fits[job] = fit
            if not fit.error:
                kept.keep(keys[job], fit)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(what_is_left(kept, list(keys.values())))
        raise
    return [[fits[m, f] for f in range(len(splits))] for m in range(len(family))]


def as_they_finish(calls: list[Any], *, n_jobs: int | None, verbose: int) -> Iterator[Any]:
    """Run delayed calls side by side and yield what they return, each as soon as it can be had."""
    try:
        parallel = Parallel(n_jobs=n_jobs, verbose=verbose, return_as="generator_unordered")
        portions = [calls]
    except ValueError:  # the backend returns what it is given all at once
        parallel = Parallel(n_jobs=n_jobs, verbose=verbose)
        size = effective_n_jobs(n_jobs)
        portions = [calls[start : start + size] for start in range(0, len(calls), size)]
    with one_thread(), parallel:
        for portion in portions:
            yield from parallel(portion)


def what_is_left(kept: KeptFits, keys: list[str]) -> str:
    """Return the line that an interrupt is told with."""
    if kept.location is None:
        return "Nothing of this fit is kept: with memory= set, the next one would go on from here."
    n_kept = sum(map(kept.has, keys))
    return (
        f"{n_kept} of {len(keys)} fits are kept in {str(kept.location)!r}: the same call goes on "
        "from them."
    )


def attempt(
    job: tuple[int, int],
    fit_one: Callable[..., Any],
    needs: list[str],
    candidate: Candidate,
    data: Any,
    split: tuple[Integers, Integers],
    seed: int,
) -> tuple[tuple[int, int], Any]:
    """Return a job and its fit, or its error: the family does without that candidate."""
    # A worker process is restarted if it grows after its first job, as by what that job imports.
    for module in needs:
        import_module(module)
    try:
        return job, fit_one(candidate.estimator, data, split, seed, **candidate.how)
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        return job, FoldFit(None, None, 0.0, kind(f"{type(error).__name__}: {error}"))
