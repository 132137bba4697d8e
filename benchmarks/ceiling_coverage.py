"""Check that the intervals of the ceiling and of efficiencies cover, the whole pipeline included.

    python benchmarks/ceiling_coverage.py --sets 100

Every set is drawn from a distribution that is known. The target of a ceiling's interval is the
expected score, on fresh rows, of the out-of-fold procedure: the true learnability less the mean,
over the sets of a cell, of the Kullback-Leibler gap of the out-of-fold probabilities. The target of
an efficiency is the same of the model, over that of the ceiling. The score of the one blend that
was fitted, without the noise of the labels, stands beside it. Sets already drawn are read from
output/, so that an interrupted run goes on, and a method is judged again in a minute.
"""

import argparse
import json
import warnings
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from _ceiling_cells import GROUP_SIZE, MODELS, simulate
from tqdm import tqdm

from sklearn_learnability.metrics import efficiency

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "ceiling_coverage.json"
SETS = HERE.parent / "output" / "ceiling_coverage"

#: classes, learnability, rows
CELLS = [
    *product(["balanced"], (0.1, 0.5), [60]),
    *product(["groups"], (0.1, 0.5), [200]),
    *product(["balanced", "rare", "four"], (0.02, 0.1, 0.5), (200, 500, 2000)),
]
NAMES = {"balanced": "balanced", "rare": "5 % positives", "four": "four", "groups": "10 groups"}
BLOCK = 50
#: Coverage below this, of a nominal 95 %, is marked.
SHORT = 0.93


def draw_block(cell, block):
    """Return the sets of a block, drawn now or before."""
    path = SETS / ("_".join(f"{part}" for part in cell) + f"_{block}.pkl")
    if path.exists():
        return joblib.load(path)
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    sets = []
    for seed in seeds:
        try:
            sets.append(simulate(*cell, seed))
        except ValueError:  # a training fold has one class
            continue
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(sets, path)
    return sets


def holds(estimate, value):
    """Return whether a set, bounded or not, holds a value; one that is unknown holds all."""
    if np.isnan(estimate.lower):
        return True
    if estimate.lower <= estimate.upper:
        return estimate.lower <= value <= estimate.upper
    return value <= estimate.upper or value >= estimate.lower


def judge(drawn, groups, expected):
    """Return what the intervals of one set hold."""
    losses = -np.log(drawn["probas"]["ceiling"][np.arange(len(drawn["codes"])), drawn["codes"]])
    row = {}
    for name in MODELS:
        options = {"reference_nll": losses, "groups": groups, "units": "nats"}
        arguments = (drawn["codes"], drawn["probas"][name])
        found = efficiency(*arguments, **options)
        row[name] = holds(found, expected[name] / expected["ceiling"])
        row[f"{name} defined"] = not found.reason
    low = efficiency(*arguments, **options, confidence=0.9).learnability.lower
    ceiling = found.learnability
    return row | {
        "coverage": holds(ceiling, expected["ceiling"]),
        "too high": ceiling.lower > expected["ceiling"],
        "too low": ceiling.upper < expected["ceiling"],
        "limit": not low > expected["ceiling"],
        "noise-free": holds(ceiling, drawn["noise_free"]["ceiling"]),
        "width": ceiling.upper - ceiling.lower,
        "error": ceiling.value - expected["ceiling"],
    }


def summarise(cell, sets):
    """Return the coverage in one cell."""
    classes, learnability, n_samples = cell
    scores = pd.DataFrame([drawn["noise_free"] for drawn in sets])
    expected = scores.mean()
    groups = np.arange(n_samples) // GROUP_SIZE if classes == "groups" else None
    rows = pd.DataFrame([judge(drawn, groups, expected) for drawn in sets])
    shares = ["coverage", "too high", "too low", "limit", "noise-free"]
    result = {
        "classes": classes,
        "learnability": learnability,
        "rows": n_samples,
        "sets": len(sets),
        "expected score": expected["ceiling"],
        "bias": rows["error"].mean(),
        "width": rows["width"].mean(),
    } | {name: rows[name].mean() for name in shares}
    for name in MODELS:
        defined = rows[f"{name} defined"]
        result |= {
            f"{name} efficiency": expected[name] / expected["ceiling"],
            f"{name} coverage": rows[name].mean(),
            f"{name} defined": defined.mean(),
            f"{name} coverage given": rows.loc[defined, name].mean() if defined.any() else None,
        }
    return {name: round(v, 5) if isinstance(v, float) else v for name, v in result.items()}


def percent(share):
    """Return a share as a percentage, in bold where it is short of the nominal 95 %."""
    if share is None or np.isnan(share):
        return ""
    text = f"{share:.1%}".replace("%", " %")
    return f"**{text}**" if share < SHORT else text


def tables(results):
    """Return the tables of the documentation."""
    cells = pd.DataFrame(results["cells"])
    where = pd.DataFrame(
        {
            "classes": cells["classes"].map(NAMES),
            "L": cells["learnability"].map("{:g}".format),
            "rows": cells["rows"].map("{:,}".format),
        }
    )
    ceiling = where.assign(
        sets=cells["sets"],
        **{
            "expected score": cells["expected score"].map("{:.3f}".format),
            "mean width": cells["width"].map("{:.3f}".format),
            "holds the expected score": cells["coverage"].map(percent),
            "lower limit at most that": cells["limit"].map(percent),
            "holds the noise-free score": cells["noise-free"].map(percent),
        },
    )
    shares = [
        where.assign(
            model=name,
            **{
                "efficiency": cells[f"{name} efficiency"].map("{:.2f}".format),
                "set holds it": cells[f"{name} coverage"].map(percent),
                "defined in": cells[f"{name} defined"].map("{:.0%}".format).str.replace("%", " %"),
                "holds it where defined": [
                    percent(given) if defined >= 0.2 else ""
                    for given, defined in zip(
                        cells[f"{name} coverage given"], cells[f"{name} defined"], strict=True
                    )
                ],
            },
        )
        for name in MODELS
    ]
    efficiencies = pd.concat(shares).sort_index(kind="stable")
    return {"ceiling_coverage": ceiling, "efficiency_coverage": efficiencies}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sets", type=int, default=100, help="sets a cell; half as many of 2,000 rows"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # thousands of sets: single rows of a class, undefined shares
    sets = {cell: [] for cell in CELLS}
    blocks = [
        (block, cell)
        for block, cell in product(range(options.sets // BLOCK), CELLS)
        if cell[-1] < 2000 or block < options.sets // BLOCK // 2
    ]
    for block, cell in tqdm(blocks, unit="block"):
        sets[cell] += draw_block(cell, block)
    cells = [summarise(cell, drawn) for cell, drawn in sets.items()]
    print(pd.DataFrame(cells).round(3).to_string(index=False))
    RESULTS.write_text(json.dumps({"cells": cells}, indent=1) + "\n")


if __name__ == "__main__":
    main()
