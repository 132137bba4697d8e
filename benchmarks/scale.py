"""What the default ceiling costs in CPU time and memory as rows grow, and what its thinning costs.

    python benchmarks/scale.py
    python benchmarks/scale.py --only growth --rows 10000 30000

Growth: 20 columns of known truth ("sums" of _hard_tasks.py) at 10,000 to 1,000,000 rows, one fit
at a time, beside scikit-learn's boosted trees calibrated in five folds on the same rows. Flights:
every flight of 2013, two fits side by side. Thinning: 300,000 rows, one of five folds; members
that are thinned are fitted on several numbers of rows, CatBoost with two numbers of trees, and each
takes its turn in a pool of the others at their largest. The gap is E_x KL(p* || q) / H(Y), free of
the noise of the labels. Lower is better.

Each cell is a process of its own. CPU seconds are those of all its threads; the peak is resident
memory, of one process as Linux counts it, of several the sum of proportional shares, looked at
twice a second. Cells measured before are read from output/.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _scale_cells import flights, growth, thinning

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.json"
MEASURED = HERE.parent / "output" / "scale"

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
THINNING_TASKS = ("sums", "network")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def cells(only, rows):
    """Return the settings of every cell asked for."""
    growth = [
        {"kind": "growth", "rows": n, "model": model}
        for n in rows
        for model in ("default", "boosting")
    ]
    thinning = [{"kind": "thinning", "task": task} for task in THINNING_TASKS]
    everything = [*growth, *thinning, {"kind": "flights", "n_jobs": 2}]
    return [cell for cell in everything if only in (None, cell["kind"])]


def measured_at(cell):
    """Return where the result of a cell is kept."""
    return MEASURED / ("_".join(map(str, cell.values())) + ".json")


def run(cell):
    """Measure a cell in a process of its own and keep what it found."""
    command = [sys.executable, __file__, "--cell", json.dumps(cell)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, megabytes_of_tree(process.pid))
        time.sleep(0.5)
    if process.returncode:
        raise RuntimeError(f"Expected a result of {cell}, got the exit code {process.returncode}.")
    found = json.loads(process.stdout.read().splitlines()[-1])
    found.setdefault("peak MB", peak)
    MEASURED.mkdir(parents=True, exist_ok=True)
    measured_at(cell).write_text(json.dumps(cell | found))
    print(cell | found, flush=True)


def megabytes_of_tree(pid):
    """Return the memory of a process and all that it started, shared pages counted once."""
    try:
        share = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = int(share[1]) / 1024 if share else 0.0
    return own + sum(map(megabytes_of_tree, children))


def tables(results):
    """Return the tables of the documentation."""
    cells = results["cells"]
    of_kind = {kind: [cell for cell in cells if cell["kind"] == kind] for kind in MEASURES}
    default = {cell["rows"]: cell for cell in of_kind["growth"] if cell["model"] == "default"}
    boosting = {cell["rows"]: cell for cell in of_kind["growth"] if cell["model"] == "boosting"}
    rows = [
        {
            "rows": f"{n:,}",
            "CPU s": f"{own['CPU s']:.0f}",
            "over n log n": growth_ratio(default, n, "CPU s"),
            "peak MB": f"{own['peak MB']:.0f}",
            "before MB": f"{own['before MB']:.0f}",
            "gap": f"{own['gap']:.4f}",
            "boosting CPU s": f"{boosting[n]['CPU s']:.0f}",
            "boosting peak MB": f"{boosting[n]['peak MB']:.0f}",
            "boosting gap": f"{boosting[n]['gap']:.4f}",
        }
        for n, own in default.items()
    ]
    members = {
        name: {n: own | {"rows": n} for n, cell in default.items() for own in cell["members"]
               if own["candidate"] == name}
        for name in [own["candidate"] for own in next(iter(default.values()))["members"]]
    }  # fmt: skip
    of_members = [
        {
            "member": name,
            "rows": f"{n:,}",
            "fitted on": f"{own['n_train']:,}",
            "CPU s": f"{own['seconds']:.1f}",
            "over n log n": growth_ratio(by_rows, n, "seconds"),
            "peak MB": f"{own['peak MB']:.0f}",
        }
        for name, by_rows in members.items()
        for n, own in by_rows.items()
    ]
    thinning = [
        {
            "task": cell["task"],
            "member": row["member"],
            "as": row["as"],
            "CPU s": f"{row['CPU s']:.0f}" if "CPU s" in row else "",
            "gap": f"{row['gap']:.4f}" if "gap" in row else "",
            "gap of the pool": f"{row['gap of the pool']:.4f}",
        }
        for cell in of_kind["thinning"]
        for row in cell["members"]
        if row["member"] not in ("prior", "logistic")
    ]
    real = [
        {
            "rows": f"{cell['rows']:,}",
            "columns": cell["columns"],
            "fits side by side": cell["n_jobs"],
            "CPU s": f"{cell['CPU s']:.0f}",
            "peak MB of all processes": f"{cell['peak MB']:.0f}",
            "learnability": f"{cell['learnability']:.3f}",
        }
        for cell in of_kind["flights"]
    ]
    found = {"scale_rows": rows, "scale_members": of_members, "scale_thinning": thinning}
    return {name: pd.DataFrame(table) for name, table in (found | {"scale_flights": real}).items()}


def growth_ratio(by_rows, n, what):
    """Return how much more than from the fewest rows by n log n a cost has grown."""
    first = min(by_rows)
    expected = by_rows[first][what] * (n * np.log(n)) / (first * np.log(first))
    return f"{by_rows[n][what] / expected:.2f}"


MEASURES = {"growth": growth, "flights": flights, "thinning": thinning}


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
