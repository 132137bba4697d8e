"""What the default ceiling costs in CPU time and memory as rows grow, and what its thinning costs.

    python benchmarks/scale.py
    python benchmarks/scale.py --only growth --rows 10000 30000

Growth: one of five folds of the default family on 20 columns of known truth ("sums" of
_hard_tasks.py) at 10,000 to 1,000,000 rows, and what a fit does beside its folds: checks, folds,
calibration, pool and interval. Beside it scikit-learn's boosted trees, calibrated in five folds of
the same training rows. Flights: one of five folds of whole days, of every flight of 2013. Thinning:
300,000 rows, one of five folds; members that are thinned are fitted on several numbers of rows,
CatBoost with two numbers of trees, and each takes its turn in a pool of the others at their
largest. Whole: five folds of the default family, two side by side, on 1,000,000 rows and on all
flights. The gap is E_x KL(p* || q) / H(Y) on the rows predicted, free of the noise of the labels;
pools are fitted on the other half of these rows. Lower is better.

Each cell is a process of its own. CPU seconds are those of all its threads; the peak is resident
memory since the step began, of two fits side by side the sum of the proportional shares of all
processes, looked at twice a second. Cells measured before are read from output/.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from _scale_cells import flights, growth, side_by_side, thinning, whole

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.json"
MEASURED = HERE.parent / "output" / "scale"

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
#: The member whose folds need the most memory.
HEAVIEST = ("sparse_splines",)

THINNING_TASKS = ("sums",)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def cells(only, rows):
    """Return the settings of every cell asked for."""
    growth = [
        {"kind": "growth", "rows": n, "model": model}
        for n in rows
        for model in ("default", "boosting")
    ]
    thinning = [{"kind": "thinning", "task": task} for task in THINNING_TASKS]
    pairs = [
        {"kind": "side_by_side", "rows": max(ROWS), "member": member, "n_jobs": 2}
        for member in HEAVIEST
    ]
    wholes = [{"kind": "whole", "data": data, "n_jobs": 2} for data in ("sums", "flights")]
    everything = [*growth, *thinning, {"kind": "flights"}, *pairs, *wholes]
    return [cell for cell in everything if only in (None, cell["kind"])]


def measured_at(cell):
    """Return where the result of a cell is kept."""
    return MEASURED / ("_".join(map(str, cell.values())) + ".json")


def run(cell):
    """Measure a cell in a process of its own and keep what it found."""
    command = [sys.executable, __file__, "--cell", json.dumps(cell)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    MEASURED.mkdir(parents=True, exist_ok=True)
    measured_at(cell).write_text(json.dumps(cell | found))
    print(cell | found, flush=True)


def tables(results):
    """Return the tables of the documentation."""
    of_kind = {
        kind: [cell for cell in results["cells"] if cell["kind"] == kind] for kind in MEASURES
    }
    found = {
        "scale_rows": growth_by_rows(of_kind["growth"]),
        "scale_members": growth_by_member(of_kind["growth"]),
        "scale_side_by_side": [pair_row(cell) for cell in of_kind["side_by_side"]],
        "scale_whole": [whole_row(cell) for cell in of_kind["whole"]],
        "scale_flights": [
            flights_row(own) for cell in of_kind["flights"] for own in cell["members"]
        ],
        "scale_thinning": [
            thinning_row(cell, row)
            for cell in of_kind["thinning"]
            for row in cell["members"]
            if row["member"] not in ("prior", "logistic")
        ],
    }
    return {name: pd.DataFrame(table) for name, table in found.items() if table}


def growth_by_rows(cells):
    """Return the rows of the table of growth: one fold, and scikit-learn's trees beside it."""
    default = {cell["rows"]: cell for cell in cells if cell["model"] == "default"}
    boosting = {cell["rows"]: cell for cell in cells if cell["model"] == "boosting"}
    return [
        {
            "rows": f"{n:,}",
            "CPU s": f"{own['CPU s']:.1f}",
            "over n log n": growth_ratio({k: cell["CPU s"] for k, cell in default.items()}, n),
            "before MB": f"{own['before MB']:.0f}",
            "peak MB": f"{own['peak MB']:.0f}",
            "gap": f"{own['gap']:.4f}" if "gap" in own else "not run",
            "boosting CPU s": f"{boosting[n]['CPU s']:.1f}" if n in boosting else "not run",
            "boosting peak MB": f"{boosting[n]['peak MB']:.0f}" if n in boosting else "not run",
            "boosting gap": f"{boosting[n]['gap']:.4f}" if n in boosting else "not run",
        }
        for n, own in default.items()
    ]


def growth_by_member(cells):
    """Return the rows of the table of growth by member."""
    by_member = {}
    for cell in cells:
        for own in cell.get("members", []):
            by_member.setdefault(own["candidate"], {})[cell["rows"]] = own
    return [
        {
            "member": name,
            "rows": f"{n:,}",
            "fitted on": f"{own['n_train']:,}" if "n_train" in own else "",
            "CPU s": f"{own['CPU s']:.1f}",
            "over n log n": growth_ratio({k: one["CPU s"] for k, one in by_rows.items()}, n),
            "peak MB": f"{own['peak MB']:.0f}",
            "gap": f"{own['gap']:.4f}" if "gap" in own else "",
        }
        for name, by_rows in by_member.items()
        if name != "prior"
        for n, own in by_rows.items()
    ]


def pair_row(cell):
    """Return the row of a member whose folds were fitted side by side."""
    return {
        "member": cell["member"],
        "rows": f"{cell['rows']:,}",
        "side by side": cell["n_jobs"],
        "CPU s": f"{cell['CPU s']:.0f}",
        "peak MB of all processes": f"{cell['peak MB']:.0f}",
    }


def whole_row(cell):
    """Return the row of a whole fit, two folds side by side."""
    low, high = cell["interval"]
    return {
        "data": "sums" if cell["data"] == "sums" else "all flights, folds of whole days",
        "rows": f"{cell['rows']:,}",
        "columns": cell["columns"],
        "CPU s of fits": f"{cell['CPU s of fits']:.0f}",
        "CPU s beside": f"{cell['CPU s beside']:.0f}",
        "peak MB of all processes": f"{cell['peak MB']:.0f}",
        "ceiling": f"{cell['learnability']:.4f} ({low:.4f} to {high:.4f})",
        "truth": "" if cell["truth"] is None else f"{cell['truth']:.4f}",
    }


def flights_row(own):
    """Return the row of a member on one fold of all flights."""
    return {
        "member": own["candidate"],
        "fitted on": f"{own['n_train']:,}",
        "CPU s": f"{own['CPU s']:.1f}",
        "peak MB": f"{own['peak MB']:.0f}",
        "information score": f"{own['information score']:.4f}",
    }


def thinning_row(cell, row):
    """Return the row of a member on some of the rows, or of all thinned ones."""
    return {
        "task": cell["task"],
        "member": row["member"],
        "as": row["as"],
        "CPU s": f"{row['CPU s']:.0f}" if "CPU s" in row else "",
        "gap": f"{row['gap']:.4f}" if "gap" in row else "",
        "gap of the pool": f"{row['gap of the pool']:.4f}",
    }


def growth_ratio(by_rows, n):
    """Return how much more than from the fewest rows by n log n a cost has grown."""
    first = min(by_rows)
    return f"{by_rows[n] / by_rows[first] * first * np.log(first) / (n * np.log(n)):.2f}"


MEASURES = {
    "growth": growth,
    "thinning": thinning,
    "flights": flights,
    "side_by_side": side_by_side,
    "whole": whole,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MEASURES)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--cell", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        settings = dict(options.cell)
        print(json.dumps(MEASURES[settings.pop("kind")](**settings)))
        return
    for cell in cells(options.only, options.rows):
        if not measured_at(cell).exists():
            run(cell)
    kept = [path for cell in cells(None, ROWS) if (path := measured_at(cell)).exists()]
    results = {"cells": [json.loads(path.read_text()) for path in kept]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string(index=False))


if __name__ == "__main__":
    main()
