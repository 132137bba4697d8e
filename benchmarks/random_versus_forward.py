"""How often random_versus_forward warns without a reason, and with one; and the flights.

    python benchmarks/random_versus_forward.py [--sets 40]     # about 6 CPU minutes

2,000 generated rows, a logistic regression and boosted trees: rows that do not depend on each
other; a hidden level of days of 20 rows that a mark of the day gives away; and a law that turns by
a quarter of a circle. The rule warns of a difference of .02 or more with a 95 % interval above 0.
Then one in forty of New York's flights of 2013, in order of time, whole days as groups.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, records
from joblib import Memory
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling, random_versus_forward
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.exceptions import LearnabilityWarning

RESULTS = Path(__file__).parent / "results" / "random_versus_forward.json"
N_SAMPLES, DAY, EVERY = 2000, 20, 40
FAMILY = [
    ("logistic", LogisticRegression()),
    ("boosting", HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=12, random_state=0)),
]
KINDS = ("independent rows", "days that share", "a law that turns")
NAMES = {
    "random": "random rows",
    "random_groups": "random whole days",
    "forward": "earlier rows",
    "difference": "random less forward",
    "sharing": "of it, sharing of a day",
    "drift": "of it, drift",
}


def draw(kind, seed):
    """Return inputs, labels and days."""
    rng = np.random.RandomState(seed)
    X, day = rng.standard_normal((N_SAMPLES, 2)), np.arange(N_SAMPLES) // DAY
    score = 2 * X[:, 0]
    if kind == KINDS[1]:
        mark, level = rng.standard_normal((2, day.max() + 1))
        X[:, 1], score = mark[day], X[:, 0] + 2 * level[day]
    elif kind == KINDS[2]:
        turn = np.linspace(0, np.pi / 2, N_SAMPLES)
        score = 3 * (X[:, 0] * np.cos(turn) + X[:, 1] * np.sin(turn))
    return X, (rng.uniform(size=N_SAMPLES) < expit(score)).astype(int), day


def simulate(kind, grouped, n_sets):
    """Return the differences of every set, and whether it was told."""
    sets = []
    for seed in range(n_sets):
        X, y, day = draw(kind, seed)
        ceiling = GoldenModelCeiling(FAMILY, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearnabilityWarning)
            found = random_versus_forward(ceiling, X, y, None, day if grouped else None)
        parts = {name: getattr(found, name) for name in ("difference", "sharing", "drift")}
        values = {name: part.value for name, part in parts.items() if part is not None}
        above = {f"{name} above": part.lower > 0 for name, part in parts.items() if part}
        sets.append({"told": found.is_optimistic, **values, **above})
    return sets


def flights():
    """Return what is found in one in so many flights."""
    data = load_flights()
    X = data.data[::EVERY].drop(columns="month").reset_index(drop=True)
    y, day = data.target.to_numpy()[::EVERY], data.date.to_numpy()[::EVERY]
    ceiling = GoldenModelCeiling(["prior", "logistic", "small_catboost"], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        seconds, found = cpu_seconds(random_versus_forward, ceiling, X, y, None, day)
    return {
        "rows": len(y),
        "test rows": found.n_test,
        "told": found.is_optimistic,
        "seconds": seconds,
        "table": records(found.to_frame()),
    }


def tables(results):
    """Return the tables of the documentation."""
    rates, table = pd.DataFrame(results["rates"]), pd.DataFrame(results["flights"]["table"])
    interval = [f"{row.lower:.3f} to {row.upper:.3f}" for row in table.itertuples()]
    number, share = "{:+.3f}".format, "{:.0%}".format
    return {
        "random_versus_forward": pd.DataFrame(
            {
                "rows": rates["rows are"],
                "interval counts": np.where(rates["grouped"], "days", "20 blocks"),
                "sets": rates["sets"],
                "mean difference": rates["difference"].map(number),
                "warned of": rates["told"].map(share),
                "sharing above 0": rates["sharing above"].map(share, na_action="ignore").fillna(""),
                "drift above 0": rates["drift above"].map(share, na_action="ignore").fillna(""),
            }
        ),
        "random_versus_forward_flights": pd.DataFrame(
            {
                "trained on": table["what"].map(NAMES),
                "share of H(Y)": table["value"].map("{:.3f}".format),
                "95 % interval": interval,
            }
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=40)
    options = parser.parse_args()
    memory = Memory("output/random_versus_forward", verbose=0)
    run, rows = memory.cache(simulate), []
    found = memory.cache(flights)()
    print(pd.DataFrame(found["table"]).to_string(index=False), found["seconds"], flush=True)
    for kind in KINDS:
        for grouped in (False, True):
            means = pd.DataFrame(run(kind, grouped, options.sets)).mean()
            rows.append({"rows are": kind, "grouped": grouped, "sets": options.sets, **means})
            print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    results = {"rates": records(pd.DataFrame(rows)), "flights": found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
