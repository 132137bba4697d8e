"""A limit on the seconds of a fit: which candidates are fitted, and which are left out."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_learnability._validation import Integers, warn
from sklearn_learnability.exceptions import CandidateFailedWarning, TimeLimitWarning

#: Named candidates that are fitted whatever the time. A family without them fits its first.
ALWAYS = ("prior", "logistic", "marginal", "linear")

#: Parts of the training rows on which a candidate is timed before it is fitted. The first of these
#: fits also pays for what a first fit pays for.
PARTS = (64, 16, 4)

#: Fewer rows are not timed.
FEWEST_TIMED = 100

#: In this last part of the time nothing is begun whose seconds are not known.
LAST_SHARE = 0.1

#: A package that a candidate brings with it may take so many seconds when it is first used.
SECONDS_OF_FIRST_USE = 10.0

#: Of the seconds that are left so many go at most to timing a candidate on a part.
SHARE_FOR_TIMING = 0.1

#: The seconds of a first fit, and of one on few rows, grow with this power of the rows or less.
FIRST_POWER = 0.7

#: What a fit may take beyond what is expected of it.
MARGIN = 1.15

#: Fits that follow for each candidate where the shortfall is measured, in fits of a fold.
FITS_OF_SHORTFALL = 2

#: Positions of a candidate and of a split.
Job = tuple[int, int]


class OutOfTimeError(Exception):
    """A candidate whose fits did not fit into the time that was left."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A candidate that is left out, and why.

    Attributes
    ----------
    candidate : str
        Its name.
    reason : str
        "time", or the error of a fit.
    expected_seconds : float
        What its fits would have taken, NaN after an error and where it was not timed.
    """

    candidate: str
    reason: str
    expected_seconds: float


def table_of(left_out: list[LeftOut]) -> pd.DataFrame:
    """Return what is left out as a table of a fitted ceiling."""
    return pd.DataFrame(left_out, columns=["candidate", "reason", "expected_seconds"])


@dataclass(frozen=True, eq=False)
class TimeLimit:
    """The seconds of a fit that has begun.

    Attributes
    ----------
    seconds : float
        The limit.
    fits_to_come : int
        What each candidate that is kept is fitted again afterwards.
    began : float
        When the clock started.
    """

    seconds: float
    fits_to_come: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Return the seconds that are left."""
        return self.began + self.seconds - time.monotonic()


def start_clock(max_seconds: float | None, *, has_bracket: bool = False) -> TimeLimit | None:
    """Return a clock that runs, or None without a limit."""
    if max_seconds is None:
        return None
    is_number = isinstance(max_seconds, Real) and not isinstance(max_seconds, bool | np.bool_)
    try:
        seconds = float(max_seconds) if is_number else math.nan
    except OverflowError:
        seconds = math.inf
    if not 0 < seconds < math.inf:
        raise ValueError(f"Expected max_seconds above 0, or None, got {max_seconds!r}.")
    return TimeLimit(seconds, FITS_OF_SHORTFALL if has_bracket else 0)


def leave_out(names: list[str], fits: list[list[Any]], limit: TimeLimit | None) -> list[LeftOut]:
    """Return the candidates with an error in a fit, with a warning for each kind of them."""
    left_out, late = [], []
    for name, own in zip(names, fits, strict=True):
        errors = [fold.error for fold in own if fold.error]
        if errors and isinstance(errors[0], OutOfTimeError):
            seconds = errors[0].args[0]
            left_out.append(LeftOut(name, "time", seconds))
            late.append(name if math.isnan(seconds) else f"{name} ({seconds:.3g} s)")
        elif errors:
            left_out.append(LeftOut(name, str(errors[0]), math.nan))
            warn(f"The candidate {name!r} is left out: {errors[0]}", CandidateFailedWarning)
            last = errors[0]
    if late and limit is not None:
        warn(
            f"There was no time for {', '.join(late)} within max_seconds={limit.seconds:g}: the "
            "ceiling is that of the others. With memory= set, a further fit goes on from this one.",
            TimeLimitWarning,
        )
    if len(left_out) == len(names):
        raise type(last)(
            f"Expected a candidate that can be fitted, got errors from all, such as {last}"
        )
    return left_out


@dataclass(eq=False)
class Schedule:
    """Fits a family within a limit.

    Some candidates come first, whatever the time, and the next one where none of these can be
    fitted. The others follow in their order, which is from cheap to dear. Each is timed on parts of
    the rows, and begun if there is time for all its fits, so many side by side as there are
    workers. After each round the rest is expected to take as long as the longest fit of it; a
    candidate for which there is no time is left out. Where fits are kept, the time that is left
    goes to single fits of it, from which a later call goes on.

    Attributes
    ----------
    limit : TimeLimit
        The limit.
    is_first : list of bool
        Whether a candidate is fitted whatever the time.
    brings_package : list of bool
        Whether a candidate needs a package that is not in use yet.
    missing : list of list of tuple
        The jobs of each candidate that are to be done.
    run : callable
        Takes jobs (candidate, split) and returns the wall-clock seconds of each.
    time_part : callable
        Takes candidates and a part, and returns the seconds of a fit of each on so many rows, NaN
        where they are not known.
    has_failed : callable
        Takes a candidate, and returns whether a fit of it on all rows failed.
    n_jobs : int
        Fits side by side.
    is_kept : bool
        Whether finished fits are kept.
    parts : tuple of int
        On which parts of the rows candidates are timed.
    """

    limit: TimeLimit
    is_first: list[bool]
    brings_package: list[bool]
    missing: list[list[Job]]
    run: Callable[[list[Job]], dict[Job, float]]
    time_part: Callable[[list[int], int], list[float]]
    has_failed: Callable[[int], bool]
    n_jobs: int
    is_kept: bool
    parts: tuple[int, ...]

    def __post_init__(self) -> None:
        self.seconds: dict[int, float] = {}  # of a fit on all rows
        self.late: dict[int, float] = {}
        self.reserved = 0.0

    def fit(self) -> dict[int, float]:
        """Fit what there is time for; return the others with the seconds that they need."""
        members = range(len(self.missing))
        fitted = [m for m in members if self.is_first[m]]
        self.run([job for m in fitted for job in self.missing[m]])
        for m in members:
            if not all(map(self.has_failed, fitted)):
                break
            if m not in fitted:
                self.run(self.missing[m])
                fitted.append(m)
        waiting = [m for m in members if m not in fitted and self.missing[m]]
        for start in range(0, len(waiting), self.n_jobs):
            several = waiting[start : start + self.n_jobs]
            self._time(several)
            for m in several:
                self._fit_candidate(m)
        return self.late

    def _left(self) -> float:
        return self.limit.left - self.reserved

    def _time(self, several: list[int]) -> None:
        """Find out what a fit of each takes, on ever more rows as long as there is time for it."""
        timed: dict[int, list[float]] = {m: [] for m in several if m not in self.seconds}
        for part in self.parts:
            now = [m for m in timed if self._is_worth_timing(m, part)]
            for m, seconds in zip(now, self.time_part(now, part) if now else [], strict=True):
                if not math.isnan(seconds):
                    timed[m].append(seconds)
                    self.seconds[m] = expected_seconds(timed[m], part)

    def _is_worth_timing(self, m: int, part: int) -> bool:
        if m not in self.seconds:
            return self._may_begin(m)
        return self.seconds[m] / part < SHARE_FOR_TIMING * self._left()

    def _may_begin(self, m: int) -> bool:
        first_use = SECONDS_OF_FIRST_USE if self.brings_package[m] else 0.0
        return self._left() > max(LAST_SHARE * self.limit.seconds, first_use)

    def _seconds_of(self, m: int) -> float:
        """Return the seconds that a candidate still takes."""
        rounds = math.ceil(len(self.missing[m]) / self.n_jobs) + self.limit.fits_to_come
        return self.seconds.get(m, math.nan) * rounds

    def _fit_candidate(self, m: int) -> None:
        while self.missing[m]:
            left, each = self._left(), self.seconds.get(m)
            last = not self._may_begin(m) if each is None else left <= 0
            if last or MARGIN * self._seconds_of(m) > left:  # never of what is not known
                self.late[m] = self._seconds_of(m)
                if last or not self.is_kept or MARGIN * (each or 0.0) > left:
                    return
            jobs, self.missing[m] = self.missing[m][: self.n_jobs], self.missing[m][self.n_jobs :]
            self.seconds[m] = max(self.run(jobs).values())
            if self.has_failed(m):  # the others have nothing to add
                self.late.pop(m, None)
                return
        self.late.pop(m, None)
        self.reserved += self.limit.fits_to_come * self.seconds.get(m, 0.0)


def expected_seconds(timed: list[float], part: int) -> float:
    """Return the seconds of a fit on all rows, from fits on ever larger parts, four times each.

    A line through the last two, or a power where they grow faster than the rows.
    """
    if len(timed) < 3:
        return timed[-1] * part**FIRST_POWER
    before, last = timed[-2:]
    power = math.log(max(last, 1e-9) / max(before, 1e-9)) / math.log(4)
    if power > 1:
        return last * part ** min(power, 3.0)
    slope = (last - before) / 3
    return max(last + slope * 4 * (part - 1), last * part**0.5)


def part_of(train: Integers, test: Integers, part: int) -> tuple[Integers, Integers]:
    """Return some of the rows of a split, the same in every call."""
    rng = np.random.RandomState(0)
    few = [np.sort(rng.permutation(rows)[: -(-len(rows) // part)]) for rows in (train, test)]
    return few[0], few[1]


def parts_for(n_train: int) -> tuple[int, ...]:
    """Return the parts of so many rows on which candidates are timed."""
    return tuple(part for part in PARTS if n_train >= FEWEST_TIMED * part)
