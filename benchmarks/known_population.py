"""Coverage of interval and bracket on a real population whose learnability is counted.

    python benchmarks/known_population.py [--draws 15]       # about 12 CPU minutes

Rows are drawn from the 1,414,593 members of the US armed forces; the target is grade, branch or
rank, and the ceiling "fast". The interval should hold the expected score of the out-of-fold
procedure, taken as the learnability less the mean noise-free gap over the draws; the bracket the
learnability itself. 20,000 rows are drawn a fifth as often. A draw that is done is kept in
results/known_population.csv: more draws go on from there.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import pandas as pd
from _grid import finish_grid
from _results import records

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_military

RESULTS = Path(__file__).parent / "results" / "known_population.json"
MEASURED = RESULTS.with_suffix(".csv")
TARGETS = ("grade", "branch", "rank")
#: Numbers of rows, and every so manieth draw of which is made.
ROWS = {500: 1, 2000: 1, 20_000: 5}


def cells(n_draws):
    """Return the settings of the draws, all cells of one draw before the next."""
    return [
        {"target": target, "n": n, "draw": draw}
        for draw in range(n_draws)
        for n, every in ROWS.items()
        if draw % every == 0
        for target in TARGETS
    ]


def measure(target, n, draw):
    """Return what one draw says, and what is true."""
    X, y, truth = load_military(n, target=target, random_state=draw, return_truth=True)
    started = time.process_time()
    ceiling = GoldenModelCeiling("fast", bracket=True, random_state=draw).fit(X, y)
    seconds = time.process_time() - started
    interval, bracket = ceiling.learnability_interval_, ceiling.learnability_bracket_
    return {
        "truth": truth.learnability,
        "found": ceiling.learnability_,
        "lower": interval[0],
        "upper": interval[1],
        "bracket lower": bracket[0],
        "bracket upper": bracket[1],
        "source": ceiling.shortfall_.source,
        "gap": truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_),
        "CPU s": seconds,
    }


def summarise(rows):
    """Return coverage, gap and width of one cell."""
    expected = rows["truth"] - rows["gap"].mean()
    width = rows["bracket upper"] - rows["bracket lower"]
    return {
        "draws": len(rows),
        "truth": rows["truth"].iloc[0],
        "gap": rows["gap"].mean(),
        "interval holds": int(((rows["lower"] <= expected) & (expected <= rows["upper"])).sum()),
        "truth below": int((rows["truth"] < rows["bracket lower"]).sum()),
        "truth above": int((rows["truth"] > rows["bracket upper"]).sum()),
        "width": width.median(),
        "CPU s": rows["CPU s"].mean(),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    of_draws = " of " + table["draws"].map(str)
    return {
        "known_population": pd.DataFrame(
            {
                "target": table["target"],
                "rows": table["n"].map("{:,.0f}".format),
                "truth": table["truth"].map("{:.4f}".format),
                "gap": table["gap"].map("{:.4f}".format),
                "interval holds": table["interval holds"].map(str) + of_draws,
                "truth below": table["truth below"].map(str) + of_draws,
                "truth above": table["truth above"].map(str) + of_draws,
                "median width": table["width"].map("{:.3f}".format),
                "CPU s": table["CPU s"].map("{:.1f}".format),
            }
        )
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=15)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # single rows of a rank, equal rows
    table = finish_grid(cells(options.draws), measure, MEASURED)
    rows = [
        {"target": target, "n": n} | summarise(own)
        for (target, n), own in table.groupby(["target", "n"], sort=False)
    ]
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")
    for shown in tables(json.loads(RESULTS.read_text())).values():
        print(shown.to_string(index=False))


if __name__ == "__main__":
    main()
