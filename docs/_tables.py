"""Tables of the pages, written from the JSON of benchmarks/results when the pages are built."""

import json
from functools import partial
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"
GENERATED = HERE / "_generated"


def ceiling_coverage(results):
    """Return coverage by signal strength."""
    table = pd.DataFrame(results["table"])
    return pd.DataFrame(
        {
            "strength": table["strength"].map("{:g}".format),
            "sets": table["sets"].astype(int),
            "true learnability": table["true learnability"].map("{:.3f}".format),
            "mean estimate": table["estimate"].map("{:.3f}".format),
            "standard deviation of the error": table["sd of error"].map("{:.4f}".format),
            "mean standard error": table["mean standard error"].map("{:.4f}".format),
            "coverage": table["coverage"].map("{:.1%}".format),
            "lower limit ≤ truth": table["lower limit <= truth"].map("{:.1%}".format),
        }
    )


def ceiling_gap(results):
    """Return the gap by model and task."""
    table = pd.DataFrame(results["table"])
    wide = table.pivot_table(index="model", columns="task", values="gap", sort=False)
    return wide.map("{:.4f}".format).reset_index()


def flights_ceilings(results):
    """Return the ceiling by way of setting test rows apart."""
    table = pd.DataFrame(results["ceilings"])
    interval = [f"{row.lower:.3f} to {row.upper:.3f}" for row in table.itertuples()]
    return pd.DataFrame(
        {
            "test rows": table["test rows"],
            "H(Y), bits": table["H(Y) bits"].map("{:.3f}".format),
            "learnability": table["learnability"].map("{:.3f}".format),
            "95 % interval": interval,
            "a logistic regression": table["logistic"].map("{:.3f}".format),
        }
    )


def segments(results):
    """Return what the report by segment finds, by number of rows."""
    table = pd.DataFrame(results["table"])
    short = {
        "false findings": "false findings",
        "coverage, excess loss": "covers Δ",
        "coverage, learnability": "covers L",
        "power at 0.05": "found at 0.05",
        "power at 0.2": "found at 0.2",
        "0.2 called nothing": "0.2 called nothing",
    }
    shares = table[list(short)].rename(columns=short).map("{:.1%}".format)
    return pd.concat([table["rows a segment"].astype(int).rename("rows"), shares], axis=1)


def suite(results, value, decimals):
    """Return one row a data set and one column a model, under short names."""
    table = pd.DataFrame(results["table"])
    learnability = table.groupby("dataset", sort=False)["learnability"].first()
    wide = table.pivot_table(index="dataset", columns="model", values=value, sort=False)
    wide.columns = [name.rpartition(" ")[2] for name in wide.columns]
    short = {"regression": "logistic", "boosting": "boosted", "network": "net"}
    wide = wide.rename(columns=short).map(f"{{:.{decimals}f}}".format)
    wide.insert(0, "L", learnability.map("{:.3g}".format))
    return wide.reset_index()


def suite_ceiling(results):
    """Return the ceiling's estimate beside the truth, by data set."""
    table = pd.DataFrame(results["table"]).query("model == 'ceiling'")
    shown = ["learnability", "estimate", "standard_error", "gap"]
    numbers = table[shown].map("{:.3f}".format)
    numbers.columns = ["learnability", "estimate", "standard error", "gap of its predictions"]
    return pd.concat([table["dataset"], numbers], axis=1)


#: Name of the table: the results it is made of, and how.
TABLES = {
    "ceiling_coverage": ("ceiling_coverage.json", ceiling_coverage),
    "ceiling_gap": ("ceiling_default.json", ceiling_gap),
    "flights_ceilings": ("flights.json", flights_ceilings),
    "segments": ("segments.json", segments),
    "suite_ceiling": ("suite.json", suite_ceiling),
    "suite_gap": ("suite.json", partial(suite, value="gap", decimals=3)),
    "suite_efficiency": ("suite.json", partial(suite, value="efficiency", decimals=2)),
    "suite_calibrated_efficiency": (
        "suite.json",
        partial(suite, value="calibrated_efficiency", decimals=2),
    ),
}


def write_tables():
    """Write every table as CSV for the csv-table directive."""
    GENERATED.mkdir(exist_ok=True)
    for name, (source, make) in TABLES.items():
        results = json.loads((RESULTS / source).read_text())
        make(results).to_csv(GENERATED / f"{name}.csv", index=False)
