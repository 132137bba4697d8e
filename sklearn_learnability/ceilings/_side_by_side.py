"""The fits of a family side by side: kept, found again, and within a limit of time."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Memory, Parallel, delayed, effective_n_jobs

from sklearn_learnability._validation import Integers
from sklearn_learnability.ceilings._kept_fits import KeptFits
from sklearn_learnability.ceilings._out_of_fold import FoldFit, fit_candidate, one_thread
from sklearn_learnability.ceilings._time_limit import (
    ALWAYS,
    Job,
    OutOfTimeError,
    Schedule,
    TimeLimit,
    part_of,
    parts_for,
)

if TYPE_CHECKING:
    from sklearn_learnability.ceilings._family import Candidate


def fit_family(
    family: Sequence["Candidate"],
    data: Any,
    splits: list[tuple[Integers, Integers]],
    seeds: Integers,
    *,
    memory: str | PathLike[str] | Memory | None,
    n_jobs: int | None,
    verbose: int,
    fit_one: Callable[..., Any] = fit_candidate,
    limit: TimeLimit | None = None,
) -> list[list[Any]]:
    """Return the fit of every candidate on every split, by a function of module level.

    Fits of candidates that there is no time for hold an OutOfTimeError.
    """
    kept = KeptFits(memory, fit_one, data)
    fits = Fits(family, data, splits, seeds, kept, fit_one, n_jobs=n_jobs, verbose=verbose)
    # the family is listed from cheap to dear: the dearest first balances the load
    jobs = [(m, f) for m in reversed(range(len(family))) for f in range(len(splits))]
    missing = fits.missing(jobs)
    try:
        with one_thread(), fits.parallel:
            if limit is None:
                fits.run(missing)
            else:
                fits.run_within(limit, missing)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(what_is_left(kept, [fits.key(job) for job in jobs]))
        raise
    return [[fits.done[m, f] for f in range(len(splits))] for m in range(len(family))]


def what_is_left(kept: KeptFits, keys: list[str]) -> str:
    """Return the line that an interrupt is told with."""
    if kept.location is None:
        return "Nothing of this fit is kept: with memory= set, the next one would go on from here."
    n_kept = sum(map(kept.has, keys))
    return (
        f"{n_kept} of {len(keys)} fits are kept in {str(kept.location)!r}: the same call goes on "
        "from them."
    )


class Fits:
    """Fits of candidates on splits, and on parts of the first split, which come after these."""

    def __init__(
        self,
        family: Sequence["Candidate"],
        data: Any,
        splits: list[tuple[Integers, Integers]],
        seeds: Integers,
        kept: KeptFits,
        fit_one: Callable[..., Any],
        *,
        n_jobs: int | None,
        verbose: int,
    ) -> None:
        self.family, self.data, self.kept, self.fit_one = family, data, kept, fit_one
        self.n_splits, self.parts = len(splits), parts_for(len(splits[0][0]))
        self.splits = [*splits, *(part_of(*splits[0], part) for part in self.parts)]
        self.seeds = np.hstack([seeds, np.repeat(seeds[:, :1], len(self.parts), axis=1)])
        self.needs = sorted({module for candidate in family for module in candidate.needs})
        self.done: dict[Job, Any] = {}
        self.n_jobs = effective_n_jobs(n_jobs)
        try:
            self.parallel = Parallel(n_jobs, verbose=verbose, return_as="generator_unordered")
            self.at_once: int | None = None
        except ValueError:  # the backend returns what it is given all at once
            self.parallel, self.at_once = Parallel(n_jobs, verbose=verbose), self.n_jobs

    def key(self, job: Job) -> str:
        """Return what names the fit of a job."""
        m, f = job
        return self.kept.key(self.family[m], self.splits[f], int(self.seeds[m, f]))

    def missing(self, jobs: list[Job]) -> list[Job]:
        """Take what is kept, and return the other jobs."""
        for job in jobs:
            fit = self.kept.find(self.key(job))
            if fit is not None:
                self.done[job] = fit
        return [job for job in jobs if job not in self.done]

    def run(self, jobs: list[Job]) -> dict[Job, float]:
        """Fit jobs side by side, keep each when it can be had, and return wall-clock seconds."""
        seconds = {}
        size = self.at_once or max(len(jobs), 1)
        for start in range(0, len(jobs), size):
            calls = [delayed(attempt)(*self._call(job)) for job in jobs[start : start + size]]
            for job, fit, seconds[job] in self.parallel(calls):
                self.done[job] = fit
                if not fit.error:
                    self.kept.keep(self.key(job), self.family[job[0]].name, fit)
        return seconds

    def _call(self, job: Job) -> tuple[Any, ...]:
        m, f = job
        split, seed = self.splits[f], int(self.seeds[m, f])
        return job, self.fit_one, self.needs, self.family[m], self.data, split, seed

    def run_within(self, limit: TimeLimit, jobs: list[Job]) -> None:
        """Fit the candidates that there is time for; the others get an error."""
        members = range(len(self.family))
        schedule = Schedule(
            limit,
            [one.name in ALWAYS and not one.is_own for one in self.family],
            [any(name not in sys.modules for name in one.needs) for one in self.family],
            [[(m, f) for f in range(self.n_splits) if (m, f) in jobs] for m in members],
            self.run,
            self._time_part,
            lambda m: self._error_of(m) is not None,
            self.n_jobs,
            self.kept.location is not None,
            self.parts,
        )
        for (m, _), fit in self.done.items():
            schedule.seconds[m] = max(schedule.seconds.get(m, 0.0), fit.seconds)
        for m, seconds in schedule.fit().items():
            late = FoldFit(None, None, 0.0, OutOfTimeError(seconds))
            self.done |= {(m, f): late for f in range(self.n_splits)}
        for m in members:  # of one that failed the other fits are not begun
            failed = FoldFit(None, None, 0.0, self._error_of(m))
            self.done = {(m, f): failed for f in range(self.n_splits)} | self.done

    def _error_of(self, m: int) -> Exception | None:
        fits = [self.done.get((m, f)) for f in range(self.n_splits)]
        return next((fit.error for fit in fits if fit and fit.error), None)

    def _time_part(self, members: list[int], part: int) -> list[float]:
        """Return what fits on a part of the rows take; CPU seconds of those that are kept.

        NaN where one fails: of all the rows it may not.
        """
        jobs = [(m, self.n_splits + self.parts.index(part)) for m in members]
        seconds = self.run(self.missing(jobs))
        return [
            math.nan if self.done[job].error else seconds.get(job, self.done[job].seconds)
            for job in jobs
        ]


def attempt(
    job: Job,
    fit_one: Callable[..., Any],
    needs: list[str],
    candidate: "Candidate",
    data: Any,
    split: tuple[Integers, Integers],
    seed: int,
) -> tuple[Job, Any, float]:
    """Return a job, its fit or its error, without which the family does, and its seconds."""
    # A worker process is restarted if it grows after its first job, as by what that job imports.
    for module in needs:
        import_module(module)
    started = time.perf_counter()
    try:
        fit = fit_one(candidate.estimator, data, split, seed, **candidate.how)
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        fit = FoldFit(None, None, 0.0, kind(f"{type(error).__name__}: {error}"))
    return job, fit, time.perf_counter() - started
