"""The family of candidates: who is in it, and its fits side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from joblib import Memory, Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_memory

from sklearn_learnability._validation import Integers, check_classifier, warn
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._golden_candidates import (
    BUDGETS,
    FAMILY,
    candidates_of,
    named_candidate,
)
from sklearn_learnability.ceilings._out_of_fold import (
    FoldFit,
    TrainingData,
    fit_candidate,
    one_thread,
    weight_parameter,
)
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


def check_members(candidates: str | Sequence[Member]) -> Members:
    """Return the budget or members asked for, refusing what is no name and no named classifier."""
    if isinstance(candidates, str):
        if candidates not in BUDGETS:
            raise ValueError(
                f"Expected candidates as one of {list(BUDGETS)} or a list of names and pairs "
                f"(name, classifier), got {candidates!r}."
            )
        return candidates
    if not isinstance(candidates, Sequence) or not candidates:
        raise TypeError(
            f"Expected candidates as one of {list(BUDGETS)} or a list of names and pairs (name, "
            f"classifier), got "
            f"{candidates if isinstance(candidates, Sequence) else type(candidates).__name__}."
        )
    for member in candidates:
        if isinstance(member, str):
            continue
        if not isinstance(member, tuple | list) or len(member) != 2:
            raise TypeError(f"Expected a candidate as (name, classifier), got {member!r}.")
        name, estimator = member
        check_classifier(f"the candidate {name!r}", estimator)
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


def warn_of_unused_weights(family: list[Candidate], data: TrainingData) -> None:
    """Name the candidates that weights do not reach."""
    if data.weight is None:
        return
    for candidate in family:
        if not weight_parameter(candidate.estimator, data.weight):
            warn(
                f"The candidate {candidate.name!r} takes no sample_weight: it is fitted without, "
                "and the weights are used for its calibration, the pool and the scores.",
                UnusedWeightsWarning,
            )


def fit_family(
    family: list[Candidate],
    data: TrainingData,
    splits: list[tuple[Integers, Integers]],
    seeds: Integers,
    *,
    memory: str | Memory | None,
    n_jobs: int | None,
    verbose: int,
) -> list[list[FoldFit]]:
    """Return the fit of every candidate on every split."""
    fit = check_memory(memory).cache(fit_candidate)
    needs = sorted({module for candidate in family for module in candidate.needs})
    # the family is listed from cheap to dear: the dearest first balances the load
    jobs = [(m, f) for m in reversed(range(len(family))) for f in range(len(splits))]
    with one_thread():
        fits = Parallel(n_jobs=n_jobs, verbose=verbose)(
            delayed(attempt)(fit, needs, family[m], data, splits[f], int(seeds[m, f]))
            for m, f in jobs
        )
    of_job = dict(zip(jobs, fits, strict=True))
    return [[of_job[m, f] for f in range(len(splits))] for m in range(len(family))]


def attempt(
    fit: Callable[..., FoldFit],
    needs: list[str],
    candidate: Candidate,
    data: TrainingData,
    split: tuple[Integers, Integers],
    seed: int,
) -> FoldFit:
    """Fit a candidate, or tell its error: the family does without it.

    Only fits that succeed are kept by `fit`, a cached function.
    """
    # A worker process is restarted if it grows after its first job, as by what that job imports.
    for module in needs:
        import_module(module)
    try:
        return fit(candidate.estimator, data, split, seed, gets_labels=candidate.is_own)
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        return FoldFit(None, None, 0.0, kind(f"{type(error).__name__}: {error}"))
