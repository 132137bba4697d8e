"""Estimators of the Bayes error by the published protocol, and where the Bayes error is known.

    python benchmarks/bayes_error.py [--again]       # about 25 CPU minutes, resumable

The protocol is FeeBee: C. Renggli, L. Rimanic, N. Hollenstein and C. Zhang. Evaluating Bayes error
estimators on real-world datasets with FeeBee. NeurIPS Datasets and Benchmarks, 2021.
https://doi.org/10.48550/arXiv.2108.13034. A share rho of the labels of a real table is replaced by
labels drawn uniformly from its C classes. Whatever the Bayes error R is, it becomes

    R(rho) = R + rho (1 - 1/C - R),

and R lies between 0 and the least error s that is known. So R(rho) lies in a band, from
rho (1 - 1/C) to s + rho (1 - 1/C - s). An estimator gives an upper and a lower estimate at each
rho; its area is the mean distance from the band of the one, and of the other, both clipped to
[0, 1 - 1/C]. Less is better. Here rho is 0, .2, ..., 1, with 3 draws of each (the paper: 0, .1,
..., 1, with 30), and the sum of the two areas is compared.

Ours is `GoldenModelCeiling("fast", bracket=True)` on the table as it is; the peers of
`_bayes_error_peers` see it as standardised numbers. s is the least error of eight models in
5-fold cross-validation on up to 20,000 rows; the estimators see at most 2,000 of them.

Then the same estimators without noise on generated tasks and counted populations, whose Bayes error
is the mean of 1 - max p over 60,000 fresh rows. What is measured is kept in three CSV files, row by
row.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _bayes_error_peers import PEERS, without_ties
from _bayes_error_report import make_tables, show, summarise
from _bayes_error_tables import NAMES, encode, least_error, load
from _grid import finish_grid
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_berkeley, load_military, load_titanic

RESULTS = Path(__file__).parent / "results" / "bayes_error.json"
NOISY = RESULTS.with_suffix(".csv")
KNOWN = RESULTS.with_name("bayes_error_known.csv")
LEAST = RESULTS.with_name("bayes_error_least.csv")

LEVELS, N_DRAWS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 3
N_KNOWN, FIRST_SEED, N_TRUTH = 2000, 9000, 60_000
TASKS_A_FAMILY = 4
LOADERS = {"titanic": load_titanic, "berkeley": load_berkeley}


def add_noise(codes, level, rng):
    """Return labels of which a share was replaced by ones drawn uniformly from the classes."""
    noisy = codes.copy()
    rows = rng.permutation(len(codes))[: int(level * len(codes))]
    noisy[rows] = rng.integers(codes.max() + 1, size=len(rows))
    return noisy


def golden(X, codes, seed):
    """Return our estimates: the score, the bracket, and the one-sided limits of its ends."""
    ceiling = GoldenModelCeiling("fast", bracket=True, random_state=seed).fit(X, codes)
    found = ceiling.score_ceiling("accuracy")
    point = 1 - found.score.value
    return {
        "point": (point, point),
        "bracket": (point, 1 - found.upper_score.value),
        "limits": (1 - found.lower, 1 - found.upper),
    }


def estimates(X, codes, seed):
    """Return the upper and the lower estimate of every estimator and setting, and CPU seconds."""
    present, codes = np.unique(codes, return_inverse=True)
    features, row = without_ties(encode(X)), {}
    runs = {"golden model": lambda: golden(X, codes, seed)}
    for name, peer in PEERS.items():
        runs[name] = lambda peer=peer: peer(features, codes, len(present))
    for name, run in runs.items():
        started = time.process_time()
        found = run()
        row[f"{name}|CPU s"] = time.process_time() - started
        for setting, (upper, lower) in found.items():
            row[f"{name}|{setting}|upper"], row[f"{name}|{setting}|lower"] = upper, lower
    return row


def measure_noisy(table, level, draw):
    """Return the estimates of one table at one level of noise."""
    X, codes = load(table)
    place = [NAMES.index(table), LEVELS.index(level), draw]
    noisy = add_noise(codes, level, np.random.default_rng(place))
    return {"n": len(codes), "n_classes": codes.max() + 1} | estimates(X, noisy, draw)


def draw_known(table, seed):
    """Return rows, labels and truth of one task."""
    if table in FAMILIES:
        return make_task(table, N_KNOWN, seed)
    options = {"random_state": seed, "return_truth": True}
    if table in LOADERS:
        return LOADERS[table](N_KNOWN, **options)
    return load_military(N_KNOWN, target=table.removeprefix("military, "), **options)


def measure_known(table, seed):
    """Return the estimates of one task, and its Bayes error."""
    X, y, truth = draw_known(table, seed)
    fresh = truth.predict_proba(truth.sample_features(N_TRUTH, np.random.RandomState(99)))
    return {"truth": float(1 - fresh.max(axis=1).mean())} | estimates(X, np.asarray(y), seed)


def measure_least(table):
    return least_error(table)


def noisy_cells():
    """Return the cells of the protocol: without noise one draw is all there is."""
    return [
        {"table": table, "level": level, "draw": draw}
        for draw in range(N_DRAWS)
        for table in NAMES
        for level in LEVELS
        if level or not draw
    ]


def known_cells():
    """Return the tasks whose Bayes error is known."""
    cells = [
        {"table": table, "seed": FIRST_SEED + number}
        for number in range(TASKS_A_FAMILY)
        for table in FAMILIES
    ]
    populations = [*LOADERS, *(f"military, {target}" for target in ("grade", "branch", "rank"))]
    return cells + [{"table": table, "seed": 0} for table in populations]


def tables(results):
    """Return the tables of the documentation."""
    return make_tables(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure what is done as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # single rows of a class, equal rows
    if options.again:
        for path in (NOISY, KNOWN, LEAST):
            path.unlink(missing_ok=True)
    least = finish_grid([{"table": table} for table in NAMES], measure_least, LEAST)
    noisy = finish_grid(noisy_cells(), measure_noisy, NOISY)
    known = finish_grid(known_cells(), measure_known, KNOWN)
    results = summarise(noisy, known, least)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    show(tables(results))


if __name__ == "__main__":
    main()
