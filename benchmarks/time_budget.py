"""What a ceiling finds within a limit of time, and how well it keeps to it.

    python benchmarks/time_budget.py
    python benchmarks/time_budget.py --rows 10000 --limits 10 30

Wall-clock seconds of `GoldenModelCeiling(max_seconds=...).fit` in one process, on generated rows
of learnability 0.3 and on flights, the default family. The limit is on the wall-clock: what else
runs on the machine makes fits longer.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_flights, make_learnability_classification

RESULTS = Path(__file__).parent / "results" / "time_budget.json"
LIMITS = (10, 30, 100, 300)


def generated(n_samples):
    """Return rows of a known learnability."""
    return make_learnability_classification(n_samples, 20, learnability=0.3, random_state=0)


def flights(n_samples):
    """Return flights evenly over the year."""
    loaded = load_flights()
    rows = np.linspace(0, len(loaded.data) - 1, n_samples).round().astype(int)
    return loaded.data.iloc[rows].reset_index(drop=True), loaded.target.to_numpy()[rows]


DATA = {"generated": generated, "flights": flights}


def measure(name, n_samples, limit):
    """Return the seconds that a fit used, and what it found."""
    X, y = DATA[name](n_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.monotonic()
        ceiling = GoldenModelCeiling(max_seconds=limit, random_state=0).fit(X, y)
        seconds = time.monotonic() - began
    return {
        "data": name,
        "rows": n_samples,
        "limit": limit,
        "seconds": seconds,
        "candidates": list(ceiling.candidates_["candidate"]),
        "left out": dict(ceiling.left_out_[["candidate", "expected_seconds"]].to_numpy().tolist()),
        "learnability": ceiling.learnability_,
    }


def tables(results):
    """Return the table of the documentation."""
    table = pd.DataFrame(results["table"])
    shown = table[["data", "rows", "limit"]].astype({"limit": int}).astype(str)
    shown["seconds used"] = table["seconds"].map("{:.1f}".format)
    shown["learnability"] = table["learnability"].map("{:.3f}".format)
    shown["beside prior and logistic"] = [
        ", ".join(name for name in names if name not in ("prior", "logistic")) or "none"
        for names in table["candidates"]
    ]
    return {"time_budget": shown}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--limits", type=float, nargs="+", default=LIMITS)
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    options = parser.parse_args()
    old = json.loads(RESULTS.read_text())["table"] if RESULTS.exists() else []
    found = {(row["data"], row["rows"], row["limit"]): row for row in old}
    for name in options.data:
        for n_samples in options.rows:
            for limit in options.limits:
                with threadpool_limits(1):
                    row = measure(name, n_samples, limit)
                print(row, flush=True)
                found[name, n_samples, limit] = row
                rows = [found[key] for key in sorted(found, key=lambda k: (k[0] != "generated", k))]
                results = {"table": records(pd.DataFrame(rows))}
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(tables(results)["time_budget"].to_string(index=False))


if __name__ == "__main__":
    main()
