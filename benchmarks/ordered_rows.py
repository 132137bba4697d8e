"""Rows in order of time whose labels share more than the inputs say: what folds make of them.

    python benchmarks/ordered_rows.py [--sets 100]       # about 15 CPU minutes

Labels have the logit 1.5 x + 1.5 u. The input x is seen and u is not: it is 0; or follows an
autoregression along the rows; or is one number a day of 20 rows. Where the number of the row is an
input too, boosted trees can learn by it what u is nearby. Of a row far from all training rows the
inputs tell what x does, and that is the truth; it is integrated. Beside it the mean ceiling by kind
of fold, and how often the 95 % interval holds the mean over the sets. With blocks of neighbouring
rows as with TimeSeriesSplit the interval counts 20 blocks, with shuffled ones rows, with groups
days. Cells that are done are read from the cache.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, records
from joblib import Memory
from scipy.signal import lfilter
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, PurgedKFold
from sklearn_learnability.exceptions import DependentRowsWarning, OrderedRowsWarning

RESULTS = Path(__file__).parent / "results" / "ordered_rows.json"
N_SAMPLES, SLOPE, DAY, CORRELATION, GAP = 2000, 1.5, 20, 0.95, 60
FAMILY = [
    ("logistic", LogisticRegression()),
    ("boosting", HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=12, random_state=0)),
]
KINDS = ("independent", f"autoregression of {CORRELATION}", f"days of {DAY} rows")
INPUTS = ("x", "x, row number")
FOLDS = {
    "shuffled": 5,
    "blocks": KFold(5),
    f"blocks, {GAP} rows purged": PurgedKFold(5, purge=GAP),
    "TimeSeriesSplit": TimeSeriesSplit(5),
    f"TimeSeriesSplit, gap of {GAP}": TimeSeriesSplit(5, gap=GAP),
    "whole days, groups": GroupKFold(5, shuffle=True, random_state=0),
}


def draw(kind, seed):
    """Return inputs, labels and days."""
    rng = np.random.RandomState(seed)
    x, noise = rng.standard_normal((2, N_SAMPLES))
    day = np.arange(N_SAMPLES) // DAY
    if kind == KINDS[0]:
        hidden = np.zeros(N_SAMPLES)
    elif kind == KINDS[1]:
        scale = np.sqrt(1 - CORRELATION**2)
        noise[0] /= scale
        hidden = lfilter([scale], [1, -CORRELATION], noise)
    else:
        hidden = noise[day]
    y = (rng.uniform(size=N_SAMPLES) < expit(SLOPE * (x + hidden))).astype(int)
    return np.column_stack([x, np.arange(N_SAMPLES)]), y, day


def truth(kind):
    """Return 1 - H(Y|x)/H(Y) of a row whose u is known to be standard normal, or 0."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    hidden = np.zeros(80) if kind == KINDS[0] else points
    p = expit(SLOPE * (points[:, None] + hidden)) @ weights
    return float(1 + weights @ (p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def simulate(kind, inputs, folds, n_sets):
    """Return one row a set."""
    sets = []
    for seed in range(n_sets):
        X, y, day = draw(kind, seed)
        X = X[:, : 1 + INPUTS.index(inputs)]
        ceiling = GoldenModelCeiling(FAMILY, cv=FOLDS[folds], random_state=seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            groups = day if folds.endswith("groups") else None
            seconds, _ = cpu_seconds(ceiling.fit, X, y, None, groups)
        told = {warning.category for warning in caught}
        sets.append(
            {
                "found": ceiling.learnability_,
                "lower": ceiling.learnability_interval_[0],
                "upper": ceiling.learnability_interval_[1],
                "told": bool(told & {DependentRowsWarning, OrderedRowsWarning}),
                "seconds": seconds,
            }
        )
    return sets


def summarise(kind, inputs, folds, sets):
    """Return the bias and the coverage of one cell."""
    sets, exact = pd.DataFrame(sets), truth(kind)
    mean = sets["found"].mean()
    return {
        "hidden": kind,
        "inputs": inputs,
        "folds": folds,
        "sets": len(sets),
        "truth": exact,
        "mean": mean,
        "holds mean": ((sets["lower"] <= mean) & (mean <= sets["upper"])).mean(),
        "above": (sets["lower"] > exact).mean(),
        "told": sets["told"].mean(),
        "seconds": sets["seconds"].mean(),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    share = "{:.0%}".format
    return {
        "ordered_rows": pd.DataFrame(
            {
                "u": table["hidden"],
                "inputs": table["inputs"],
                "folds": table["folds"],
                "truth far from training rows": table["truth"].map("{:.3f}".format),
                "mean ceiling": table["mean"].map("{:.3f}".format),
                "interval holds that mean": table["holds mean"].map(share),
                "interval above the truth": table["above"].map(share),
                "warned of": table["told"].map(share),
            }
        )
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=100)
    options = parser.parse_args()
    run = Memory("output/ordered_rows", verbose=0).cache(simulate)
    rows = []
    for kind in KINDS:
        for inputs in INPUTS:
            for folds in FOLDS:
                if folds.endswith("groups") and kind != KINDS[2]:
                    continue
                if inputs == INPUTS[0] and kind == KINDS[2]:
                    continue  # days are learned by their number alone
                sets = run(kind, inputs, folds, options.sets)
                rows.append(summarise(kind, inputs, folds, sets))
                print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
