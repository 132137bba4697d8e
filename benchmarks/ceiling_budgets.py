"""What each budget of the ceiling costs and how far it falls short of the truth.

    python benchmarks/ceiling_budgets.py --draws 3 --budgets fast

Every draw is a new task of a family with exact posteriors, and 10,000 rows of it. The gap is
E_x KL(p* || q) / H(Y), free of the noise of the labels: of `predict_proba` on 20,000 fresh rows,
which averages the models of five folds, and of the out-of-fold probabilities, which the estimate is
made of. Lower is better. CPU seconds are those of `fit`, every fit on one thread. Draws already
measured are read from output/, so that an interrupted run goes on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from _hard_tasks import FAMILIES, UNSEEN, HardTask, draw_labels
from _results import cpu_seconds, records
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "ceiling_budgets.json"
MEASURED = HERE.parent / "output" / "ceiling_budgets"

N_SAMPLES, N_FRESH = 10_000, 20_000
BUDGETS = ("fast", "default")


def measure(name, budget, draw):
    """Return the row of one draw, measured now or before."""
    path = MEASURED / f"{name}_{budget}_{draw}.json"
    if path.exists():
        return json.loads(path.read_text())
    task = HardTask(name, draw)
    rng = np.random.default_rng([draw, 1])
    X, proba = task.draw(N_SAMPLES, rng)
    y = draw_labels(proba, rng)
    fresh, fresh_proba = task.draw(N_FRESH, rng)
    ceiling = GoldenModelCeiling(budget, random_state=0)
    seconds, _ = cpu_seconds(ceiling.fit, X, y)
    row = {
        "task": name,
        "budget": budget,
        "draw": draw,
        "learnability": task.learnability,
        "gap": task.gap(fresh_proba, ceiling.predict_proba(fresh)),
        "out-of-fold gap": task.gap(proba, ceiling.oof_proba_),
        "CPU s": seconds,
        "weights": dict(zip(*ceiling.candidates_[["candidate", "weight"]].T.values, strict=True)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row))
    return row


def tables(results):
    """Return the tables of the documentation."""
    return {"ceiling_budgets": gaps(results)}


def gaps(results):
    """Return gaps and CPU seconds, means over the draws, by task and budget."""
    table = pd.DataFrame(results["table"])
    n_budgets = table.groupby(["task", "draw"])["budget"].transform("nunique")
    table["gap, same draws"] = table["gap"].where(n_budgets == len(BUDGETS))
    cells = table.groupby(["task", "budget"], sort=False)
    columns = ["learnability", "gap", "gap, same draws", "out-of-fold gap", "CPU s"]
    means = cells[columns].mean()
    shown = means.map("{:.4f}".format)
    shown["learnability"] = means["learnability"].map("{:.2f}".format)
    shown["CPU s"] = means["CPU s"].map("{:.0f}".format)
    shown.insert(1, "draws", cells.size().astype(str))
    shown = shown.reset_index()
    shown["task"] = [f"{name} (unseen)" if name in UNSEEN else name for name in shown["task"]]
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--budgets", nargs="+", choices=BUDGETS, default=BUDGETS)
    parser.add_argument("--tasks", nargs="+", choices=FAMILIES, default=FAMILIES)
    options = parser.parse_args()
    for draw in range(options.draws):
        for budget in options.budgets:
            for name in options.tasks:
                with threadpool_limits(1):
                    print(measure(name, budget, draw), flush=True)
    order = {name: place for place, name in enumerate([*FAMILIES, *BUDGETS])}
    rows = [json.loads(path.read_text()) for path in MEASURED.glob("*.json")]
    rows.sort(key=lambda row: (order[row["task"]], order[row["budget"]], row["draw"]))
    table = pd.DataFrame(rows)
    RESULTS.write_text(
        json.dumps({"n_samples": N_SAMPLES, "table": records(table)}, indent=1) + "\n"
    )
    print(gaps({"table": rows}).to_string(index=False))


if __name__ == "__main__":
    main()
