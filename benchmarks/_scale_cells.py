"""Cells of the benchmark of scale: what a fold costs, by rows and of all flights, and thinning."""

import os
import re
import sys
from pathlib import Path
from threading import Event, Thread

import numpy as np
from _hard_tasks import HardTask, draw_labels
from _results import cpu_seconds
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability._tables import clean_table
from sklearn_learnability.ceilings import _family
from sklearn_learnability.ceilings._out_of_fold import TrainingData, fit_candidate
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.metrics._blending import cross_fit_pool

TASK = "sums"
ROWS_OF_A_DRAW = 20_000

#: Rows that thinned members are fitted on, of 240,000.
N_ALL, N_TRAIN = 300_000, 240_000
THINNED_TO = (60_000, 120_000, N_TRAIN)
THINNED = ("splines", "sparse_splines", "network")
MOST_TREES = 2000


def megabytes(what):
    """Return what Linux says of this process: VmRSS, or VmHWM since `forget_peak`."""
    return int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def forget_peak():
    """Set the peak back to what is resident."""
    Path("/proc/self/clear_refs").write_text("5")


def rows_of_task(name, n_rows):
    """Return a task, and its inputs, labels and posteriors, drawn in blocks."""
    task, rng = HardTask(name, 0), np.random.default_rng([0, 1])
    X, y, proba = [], [], []
    for start in range(0, n_rows, ROWS_OF_A_DRAW):
        drawn, posterior = task.draw(min(ROWS_OF_A_DRAW, n_rows - start), rng)
        X.append(drawn)
        y.append(draw_labels(posterior, rng))
        proba.append(posterior)
    return task, np.concatenate(X), np.concatenate(y), np.concatenate(proba)


def growth(rows, model):
    """Return what one of five folds costs and misses, and what a fit does beside its folds."""
    task, X, y, proba = rows_of_task(TASK, rows)
    train, test = np.arange(rows * 4 // 5), np.arange(rows * 4 // 5, rows)
    before = megabytes("VmRSS")
    if model == "boosting":
        forget_peak()
        boosting = HistGradientBoostingClassifier(early_stopping=True, random_state=0)
        calibrated = CalibratedClassifierCV(boosting, method="sigmoid", cv=5)
        seconds, _ = cpu_seconds(calibrated.fit, X[train], y[train])
        gap = gap_of(task, proba[test], calibrated.predict_proba(X[test]))
        return {"CPU s": seconds, "peak MB": megabytes("VmHWM"), "gap": gap}
    data = TrainingData(X, y, np.unique(y), None)
    members, log_probas = fit_members(data, (train, test))
    for member in members:
        member["gap"] = gap_of(task, proba[test], np.exp(log_probas[member["candidate"], None]))
    forget_peak()
    cheap = GoldenModelCeiling(["prior", "logistic"], random_state=0)
    seconds, _ = cpu_seconds(cheap.fit, X, y)
    beside = {"CPU s": seconds - cheap.candidates_["seconds"].sum(), "peak MB": megabytes("VmHWM")}
    return {
        "before MB": before,
        "CPU s": sum(member["CPU s"] for member in members),
        "peak MB": max(row["peak MB"] for row in [*members, beside]),
        "gap": pooled_gap(task, proba[test], y[test], log_probas, dict(log_probas.keys())),
        "members": [*members, {"candidate": "beside the folds", **beside}],
    }


def fit_members(data, split):
    """Return what each member of the default family costs on one fold, and its predictions."""
    members, log_probas = [], {}
    for candidate in _family.make_family("default", data):
        forget_peak()
        fitted = fit_candidate(candidate.estimator, data, split, 0, gets_labels=False)
        log_probas[candidate.name, None] = fitted.log_proba
        members.append(
            {
                "candidate": candidate.name,
                "n_train": fitted.model.n_train,
                "CPU s": fitted.seconds,
                "peak MB": megabytes("VmHWM"),
            }
        )
        print(members[-1], file=sys.stderr, flush=True)
    return members, log_probas


def side_by_side(rows, member, n_jobs):
    """Return the peak of all processes where a member's folds are fitted side by side."""
    _, X, y, _ = rows_of_task(TASK, rows)
    ceiling, peak = fit_watched(GoldenModelCeiling([member], n_jobs=n_jobs, random_state=0), X, y)
    return {"CPU s": float(ceiling.candidates_["seconds"].sum()), "peak MB": peak}


def whole(data, n_jobs):
    """Return what a whole fit of the default family costs and finds, on a task or all flights."""
    groups, truth = None, None
    if data == "flights":
        table = load_flights()
        X, y, groups = table.data.drop(columns="month"), table.target.to_numpy(), table.date
    else:
        _, X, y, proba = rows_of_task(data, 1_000_000)
        shares = proba.mean(axis=0)
        truth = 1 - float((proba * np.log(proba)).sum(axis=1).mean() / (shares @ np.log(shares)))
    started = os.times()
    ceiling = GoldenModelCeiling(n_jobs=n_jobs, random_state=0)
    ceiling, peak = fit_watched(ceiling, X, y, None, groups)
    own = os.times()
    return {
        "rows": len(y),
        "columns": X.shape[1],
        "CPU s of fits": float(ceiling.candidates_["seconds"].sum()),
        "CPU s beside": own.user + own.system - started.user - started.system,
        "peak MB": peak,
        "learnability": ceiling.learnability_,
        "interval": list(ceiling.learnability_interval_),
        "truth": truth,
    }


def fit_watched(ceiling, *rows):
    """Return the ceiling, fitted, and the peak of all processes meanwhile, in MB."""
    peak, is_done = 0.0, Event()

    def watch():
        nonlocal peak
        while not is_done.wait(0.5):
            peak = max(peak, megabytes_of_tree(os.getpid()))

    watching = Thread(target=watch)
    watching.start()
    ceiling.fit(*rows)
    is_done.set()
    watching.join()
    return ceiling, peak


def megabytes_of_tree(pid):
    """Return the memory of a process and all that it started, shared pages counted once."""
    try:
        share = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(share[1]) / 1024 if share else 0.0) + sum(map(megabytes_of_tree, children))


def flights():
    """Return what one of five folds of whole days costs, over all flights."""
    table = load_flights()
    before = megabytes("VmRSS")
    X = clean_table(BaseEstimator(), table.data.drop(columns="month"), reset=True)
    y, days = table.target.to_numpy().astype(int), table.date.to_numpy()
    split = next(GroupKFold(5).split(X, y, days))
    members, log_probas = fit_members(TrainingData(X, y, np.unique(y), None), split)
    for member in members:
        of_labels = log_probas[member["candidate"], None][np.arange(len(split[1])), y[split[1]]]
        entropy = -sum(p * np.log(p) for p in np.bincount(y[split[1]]) / len(split[1]))
        member["information score"] = 1 + float(of_labels.mean()) / entropy
    return {
        "rows": len(y),
        "columns": X.shape[1],
        "before MB": before,
        "CPU s": sum(member["CPU s"] for member in members),
        "peak MB": max(member["peak MB"] for member in members),
        "members": members,
    }


def thinning(task):
    """Return the gaps of members on fewer rows, alone and in the pool, on one of five folds."""
    task, X, y, proba = rows_of_task(task, N_ALL)
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
        if candidate.name in THINNED:
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
        chosen = richest | dict.fromkeys(THINNED, f"{most_rows:,} rows")
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
