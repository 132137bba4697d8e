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
        for model in ("boosting", "default")
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


if __name__ == "__main__":
    main()
