"""Forecasts of a sequence by every member of a family: trees, networks and classifiers."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_learnability._validation import Floats, Integers
from sklearn_learnability.ceilings._family import Candidate, Member, make_family
from sklearn_learnability.ceilings._kept_fits import KeptFits
from sklearn_learnability.ceilings._out_of_fold import TrainingData
from sklearn_learnability.ceilings._side_by_side import fit_family
from sklearn_learnability.ceilings.forecasters._blocks import (
    forecast_online,
    gather,
    lag_table,
    learns_online,
    leave_out,
    make_blocks,
    past_splits,
)
from sklearn_learnability.ceilings.forecasters._context_tree import (
    forecast_context_tree,
    forecast_marginal,
)
from sklearn_learnability.ceilings.forecasters._recurrent import (
    NEEDS,
    check_installed,
    forecast_recurrent,
)

#: Names of the forecasters that need no inputs, and labels that the one which forgets remembers.
TREES, FADING = ("context_tree", "recent_context_tree"), 64.0
RECURRENT = "recurrent"


@dataclass(frozen=True, eq=False)
class LabelSequence:
    """Labels in the order of time, with inputs where there are any, and how far is looked back."""

    codes: Integers
    classes: NDArray[Any]
    inputs: Any
    n_lags: int

    def table(self) -> Any:
        """Return what classifiers see of every step: inputs, and labels before it."""
        lags = lag_table(self.codes, self.n_lags)
        if self.inputs is None:
            return lags
        if not self.n_lags:
            return self.inputs
        is_frame = isinstance(self.inputs, pd.DataFrame)
        frame = self.inputs if is_frame else pd.DataFrame(self.inputs).add_prefix("x")
        if any(name in lags for name in frame):
            names = list(frame)
            raise ValueError(f"Expected X without names of lags, {list(lags)}, got {names}.")
        return pd.concat([frame.reset_index(drop=True), lags], axis=1)


@dataclass(frozen=True, eq=False)
class Forecasting:
    """How forecasts are made: in how many blocks, from which rows, with which seeds."""

    n_blocks: int
    window: int
    rng: np.random.RandomState
    memory: str | PathLike[str] | Memory | None
    n_jobs: int | None
    verbose: int

    def forecast(
        self, members: list[Member], sequence: LabelSequence
    ) -> tuple[list[str], list[Floats]]:
        """Return the forecasters' names and log-probabilities of all steps."""
        errors: list[Exception] = []
        names, found = forecast_by_trees([one for one in members if one in TREES], sequence)
        others = [one for one in members if one not in TREES]
        if others and sequence.inputs is None and not sequence.n_lags:
            raise ValueError(f"Expected inputs or n_lags from 1 on for {others}, got neither.")
        if RECURRENT in others:
            self.recurrent(sequence, names, found, errors)
            others.remove(RECURRENT)
        if others:
            self.classifiers(others, sequence, names, found, errors)
        if not names:
            raise type(errors[0])(
                f"Expected a candidate that can be fitted, got errors from all: {errors[0]}"
            )
        return names, found

    def recurrent(
        self,
        sequence: LabelSequence,
        names: list[str],
        found: list[Floats],
        errors: list[Exception],
    ) -> None:
        """Add the network's forecasts."""
        check_installed(RECURRENT)
        codes = sequence.codes
        n_classes, sees_labels = len(sequence.classes), sequence.n_lags > 0
        blocks = make_blocks(len(codes), self.n_blocks)
        seed = int(self.rng.randint(np.iinfo(np.int32).max))
        rows = codes, n_classes, sequence.inputs, sees_labels
        kept = KeptFits(self.memory, forecast_recurrent, rows)
        key = kept.key(
            Candidate(RECURRENT, BaseEstimator(), is_own=False, needs=NEEDS), blocks, seed
        )
        try:
            log_proba = kept.find(key)
            if log_proba is None:
                log_proba = forecast_recurrent(
                    codes, n_classes, sequence.inputs, blocks, seed, sees_labels=sees_labels
                )
                kept.keep(key, RECURRENT, log_proba)
        except Exception as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            leave_out(RECURRENT, kind(f"{type(error).__name__}: {error}"), errors)
            return
        names.append(RECURRENT)
        found.append(log_proba)

    def classifiers(
        self,
        members: list[Member],
        sequence: LabelSequence,
        names: list[str],
        found: list[Floats],
        errors: list[Exception],
    ) -> None:
        """Add the forecasts of classifiers that learn row after row, and of others in blocks."""
        data = TrainingData(sequence.table(), sequence.codes, sequence.classes, None)
        family = make_family(members, data)
        online = [one for one in family if one.is_own and learns_online(one.estimator)]
        for part in (
            forecast_online(online, data, self.rng, errors),
            self.in_blocks([one for one in family if one not in online], data, errors),
        ):
            names += part[0]
            found += part[1]

    def in_blocks(
        self, family: list[Candidate], data: TrainingData, errors: list[Exception]
    ) -> tuple[list[str], list[Floats]]:
        """Return forecasts by fits on all rows before each block, and on the last of them."""
        if not family:
            return [], []
        blocks = make_blocks(len(data.codes), self.n_blocks)
        whole, recent = past_splits(blocks, None), past_splits(blocks, self.window)
        later = [position for position, (train, _) in enumerate(recent) if train[0] > 0]
        splits = [*whole, *(recent[position] for position in later)]
        seeds = self.rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
        fits = fit_family(
            family,
            data,
            splits,
            seeds,
            memory=self.memory,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        first = np.log(forecast_marginal(data.codes, len(data.classes)))
        names, found = [], []
        for candidate, own in zip(family, fits, strict=True):
            failed = [fit.error for fit in own if fit.error]
            if failed:
                leave_out(candidate.name, failed[0], errors)
                continue
            of_recent = dict(zip(later, own[len(blocks) :], strict=True))
            names += [candidate.name, f"recent {candidate.name}"]
            found.append(gather(first, blocks, own[: len(blocks)]))
            found.append(
                gather(first, blocks, [of_recent.get(b, own[b]) for b in range(len(blocks))])
            )
        return names, found


def forecast_by_trees(
    names: list[Member], sequence: LabelSequence
) -> tuple[list[str], list[Floats]]:
    """Return the context trees' forecasts."""
    depth, n_classes = sequence.n_lags, len(sequence.classes)
    if names and not depth:
        raise ValueError(f"Expected n_lags of 1 or more for {names}, got {depth}.")
    memories = [FADING if name == TREES[1] else np.inf for name in names]
    return [str(name) for name in names], [
        np.log(forecast_context_tree(sequence.codes, n_classes, depth, memory))
        for memory in memories
    ]
