"""Cells of the benchmark of scale: what a fit costs, what all flights cost, what thinning costs."""

import re
import sys
from pathlib import Path

import numpy as np
from _hard_tasks import HardTask, draw_labels
from _results import cpu_seconds, records
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings import _family
from sklearn_learnability.ceilings._out_of_fold import TrainingData, fit_candidate
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.metrics._blending import cross_fit_pool

TASK = "sums"
N_FRESH = 20_000

#: Rows that thinned members are fitted on, of 240,000.
N_ALL, N_TRAIN = 300_000, 240_000
THINNED_TO = (60_000, 120_000, N_TRAIN)
#: What is thinned by task; the second is the network's own ground.
THINNED = {"sums": ("splines", "sparse_splines", "network"), "network": ("network",)}
MOST_TREES = 2000


def megabytes(what):
    """Return what Linux says of this process: VmRSS, or VmHWM since `forget_peak`."""
    return int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def forget_peak():
    """Set the peak back to what is resident."""
    Path("/proc/self/clear_refs").write_text("5")


def rows_of_task(name, n_rows):
    """Return inputs, labels and posteriors, drawn in blocks, and fresh inputs and posteriors."""
    task, rng = HardTask(name, 0), np.random.default_rng([0, 1])
    X, y, proba = [], [], []
    for start in range(0, n_rows, N_FRESH):
        drawn, posterior = task.draw(min(N_FRESH, n_rows - start), rng)
        X.append(drawn)
        y.append(draw_labels(posterior, rng))
        proba.append(posterior)
    fresh = task.draw(N_FRESH, np.random.default_rng([0, 2]))
    return task, np.concatenate(X), np.concatenate(y), np.concatenate(proba), fresh


def growth(rows, model):
    """Return what one fit costs and misses."""
    task, X, y, proba, (fresh, fresh_proba) = rows_of_task(TASK, rows)
    before = megabytes("VmRSS")
    if model == "boosting":
        forget_peak()
        boosting = HistGradientBoostingClassifier(early_stopping=True, random_state=0)
        calibrated = CalibratedClassifierCV(boosting, method="sigmoid", cv=5)
        seconds, _ = cpu_seconds(calibrated.fit, X, y)
        gap = task.gap(fresh_proba, calibrated.predict_proba(fresh))
        return {"CPU s": seconds, "before MB": before, "peak MB": megabytes("VmHWM"), "gap": gap}
    ceiling = GoldenModelCeiling(random_state=0)
    peaks = watch_members()
    forget_peak()
    seconds, _ = cpu_seconds(ceiling.fit, X, y)
    peaks["the rest"] = megabytes("VmHWM")
    members = ceiling.candidates_.assign(**{"peak MB": ceiling.candidates_["candidate"].map(peaks)})
    return {
        "CPU s": seconds,
        "before MB": before,
        "peak MB": max(peaks.values()),
        "peak of the rest MB": peaks["the rest"],
        "gap": task.gap(fresh_proba, ceiling.predict_proba(fresh)),
        "out-of-fold gap": task.gap(proba, ceiling.oof_proba_),
        "learnability": ceiling.learnability_,
        "truth": task.learnability,
        "members": records(members),
    }


def watch_members():
    """Return a dict that gathers the peak of every member's fits, and of what is between them."""
    peaks, attempt = {}, _family.attempt

    def watched(fit, needs, candidate, *arguments):
        peaks["before"] = max(peaks.get("before", 0.0), megabytes("VmHWM"))
        forget_peak()
        fitted = attempt(fit, needs, candidate, *arguments)
        peaks[candidate.name] = max(peaks.get(candidate.name, 0.0), megabytes("VmHWM"))
        forget_peak()
        return fitted

    _family.attempt = watched
    return peaks


def flights(n_jobs):
    """Return what the ceiling of all flights costs; the peak is measured from outside."""
    table = load_flights()
    X, y = table.data.drop(columns="month"), table.target.to_numpy()
    ceiling = GoldenModelCeiling(n_jobs=n_jobs, random_state=0)
    seconds, _ = cpu_seconds(ceiling.fit, X, y, None, table.date.to_numpy())
    return {
        "rows": len(y),
        "columns": X.shape[1],
        "CPU s": seconds + ceiling.candidates_["seconds"].sum(),
        "learnability": ceiling.learnability_,
        "members": records(ceiling.candidates_),
    }


def thinning(task):
    """Return the gaps of members on fewer rows, alone and in the pool, on one of five folds."""
    thinned = THINNED[task]
    task, X, y, proba, _ = rows_of_task(task, N_ALL)
    test = np.arange(N_TRAIN, N_ALL)
    data = TrainingData(X, y, np.unique(y), None)
    split = np.arange(N_TRAIN), test
    members, found = {}, []

    def fit(candidate, label, **changes):
        estimator = clone(candidate.estimator).set_params(**changes)
        fitted = fit_candidate(estimator, data, split, 0, gets_labels=False)
        members[candidate.name, label] = fitted.log_proba
        found.append({"member": candidate.name, "as": label, "CPU s": fitted.seconds})
        print(found[-1], file=sys.stderr, flush=True)

    family = _family.make_family("default", data)
    for candidate in family:
        if candidate.name in thinned:
            for most_rows in THINNED_TO:
                fit(candidate, f"{most_rows:,} rows", most_rows=most_rows)
        elif candidate.name == "catboost":
            n_trees = candidate.estimator[-1].get_params()["iterations"]
            fit(candidate, f"{n_trees} trees")
            trees = round(MOST_TREES * 2 / len(data.classes))
            fit(candidate, f"{trees} trees", catboostclassifier__iterations=trees,
                catboostclassifier__learning_rate=0.08)  # fmt: skip
        else:
            fit(candidate, f"{N_TRAIN:,} rows")
    richest = dict(members.keys())  # the last of each, its largest
    for row in found:
        chosen = richest | {row["member"]: row["as"]}
        row["gap"] = gap_of(task, proba[test], np.exp(members[row["member"], row["as"]]))
        row["gap of the pool"] = pooled_gap(task, proba[test], y[test], members, chosen)
    for most_rows in THINNED_TO:
        chosen = richest | dict.fromkeys(thinned, f"{most_rows:,} rows")
        chosen["catboost"] = next(label for member, label in members if member == "catboost")
        gap = pooled_gap(task, proba[test], y[test], members, chosen)
        found.append({"member": "all", "as": f"{most_rows:,} rows", "gap of the pool": gap})
    return {"members": found}


def gap_of(task, proba, predicted):
    """Return the gap, a float."""
    return float(task.gap(proba, predicted))


def pooled_gap(task, proba, codes, members, chosen):
    """Return the gap of a pool of the members chosen, fitted on the other half of the rows."""
    log_probas = np.stack([members[pair] for pair in chosen.items()])
    rows = np.arange(len(codes))
    halves = rows[::2], rows[1::2]
    pooled = cross_fit_pool(
        codes, log_probas, np.ones(len(codes)), [halves, halves[::-1]],
        calibration="affine", blend="log-linear",
    )[1]  # fmt: skip
    return gap_of(task, proba, np.exp(pooled))
