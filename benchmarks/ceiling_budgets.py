"""What each budget of the ceiling costs and how far it falls short of the truth.

    python benchmarks/ceiling_budgets.py --draws 3 --budgets fast
    python benchmarks/ceiling_budgets.py --draws 1 --rows 50000 --tasks sums --budgets default

Every draw is a new task of a family with exact posteriors, and 10,000 rows of it. The gap is
E_x KL(p* || q) / H(Y), free of the noise of the labels: of `predict_proba` on 20,000 fresh rows,
which averages the models of five folds, and of the out-of-fold probabilities, which the estimate is
made of. Lower is better. CPU seconds are those of `fit`, every fit on one thread; a budget takes
over the fits of a cheaper one on the same rows, and what they cost is added. Draws already measured
are read from output/, so that an interrupted run goes on.
"""

import argparse
import json
import tempfile
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
BUDGETS = ("fast", "default", "best")


def measured_at(name, n_samples, budget, draw):
    """Return where the row of one draw is kept."""
    return MEASURED / f"{name}_{n_samples}_{budget}_{draw}.json"


def measure(name, n_samples, budgets, draw):
    """Measure the budgets on one draw of a task, but for those measured before."""
    task = HardTask(name, draw)
    rng = np.random.default_rng([draw, 1])
    X, proba = task.draw(n_samples, rng)
    y = draw_labels(proba, rng)
    fresh, fresh_proba = task.draw(N_FRESH, rng)
    MEASURED.mkdir(parents=True, exist_ok=True)
    fitted = set()
    with tempfile.TemporaryDirectory() as kept:
        for budget in budgets:
            path = measured_at(name, n_samples, budget, draw)
            if path.exists():
                continue
            ceiling = GoldenModelCeiling(budget, memory=kept, random_state=0)
            seconds, _ = cpu_seconds(ceiling.fit, X, y)
            members = ceiling.candidates_.set_index("candidate")
            row = {
                "task": name,
                "n_samples": n_samples,
                "budget": budget,
                "draw": draw,
                "learnability": task.learnability,
                "gap": task.gap(fresh_proba, ceiling.predict_proba(fresh)),
                "out-of-fold gap": task.gap(proba, ceiling.oof_proba_),
                "CPU s": seconds + members.loc[sorted(fitted), "seconds"].sum(),
                "weights": members["weight"].to_dict(),
            }
            fitted |= set(members.index)
            path.write_text(json.dumps(row))
            print(row, flush=True)


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    usual = table["n_samples"] == N_SAMPLES
    others = gaps(table[~usual], ["task", "n_samples", "budget"])
    return {
        "ceiling_budgets": gaps(table[usual], ["task", "budget"]),
        "ceiling_budgets_rows": others.drop(columns="gap, same draws").rename(
            columns={"n_samples": "rows"}
        ),
    }


def gaps(table, keys):
    """Return gaps and CPU seconds, means over the draws, by task and budget."""
    n_budgets = table.groupby(["task", "draw"])["budget"].transform("nunique")
    table = table.assign(**{"gap, same draws": table["gap"].where(n_budgets == len(BUDGETS))})
    cells = table.groupby(keys, sort=False)
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
    parser.add_argument("--rows", type=int, default=N_SAMPLES)
    options = parser.parse_args()
    for draw in range(options.draws):
        for name in options.tasks:
            with threadpool_limits(1):
                measure(name, options.rows, options.budgets, draw)
    order = {name: place for place, name in enumerate([*FAMILIES, *BUDGETS])}
    rows = [json.loads(path.read_text()) for path in MEASURED.glob("*.json")]
    rows.sort(
        key=lambda row: (order[row["task"]], row["n_samples"], order[row["budget"]], row["draw"])
    )
    results = {"table": records(pd.DataFrame(rows))}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string(index=False))


if __name__ == "__main__":
    main()
