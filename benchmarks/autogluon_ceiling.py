"""The ceiling beside AutoGluon, which is given the CPU seconds that the ceiling took.

    python -m venv PEER
    PEER/bin/pip install "autogluon.tabular[lightgbm,catboost,xgboost]==1.6.*"
    python benchmarks/autogluon_ceiling.py --peer PEER/bin/python

AutoGluon needs an older pandas, hence an environment of its own. It is fitted for log-loss with
`presets="best_quality"` on one core, without dynamic stacking, which pays for longer fits only, and
without its neural networks, which need torch; its temperature is fitted out of fold. Its limit is
on the clock: it is set by how fast the machine is just then, and CPU seconds are measured. Where it
took more than a quarter too many, it is fitted again with a limit as much shorter.

Tasks with exact posteriors: the gap E_x KL(p* || q) / H(Y) on 20,000 fresh rows; the ceiling's side
is the first draw of `ceiling_budgets.py`, read from its results. Real tables: the loss on held-out
rows in units of H(Y), and the standard error of the difference by pairs of rows. Lower is better.
The rows measured are kept in output/; an interrupted run goes on.
"""

import argparse
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from _hard_tasks import FAMILIES, UNSEEN, HardTask, draw_labels
from _results import cpu_seconds, records
from scipy.special import rel_entr
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_flights, load_military

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "autogluon_ceiling.json"
BUDGETS = HERE / "results" / "ceiling_budgets.json"
MEASURED = HERE.parent / "output" / "autogluon_ceiling"

N_SAMPLES, N_FRESH = 10_000, 20_000
#: AutoGluon is fitted again, at most so often, where it took more than this share of its seconds.
MOST_FITS, MOST_OVERRUN = 3, 1.25
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def hard_task(name):
    """Return training rows, labels, fresh rows and their exact posteriors."""
    task = HardTask(name, 0)
    rng = np.random.default_rng([0, 1])
    X, proba = task.draw(N_SAMPLES, rng)
    y = draw_labels(proba, rng)
    fresh, fresh_proba = task.draw(N_FRESH, rng)
    return X, y, fresh, fresh_proba


def flights():
    """Return 10,000 of the flights, and 20,000 others."""
    X, y = load_flights(return_X_y=True)
    return split(X, y, train_size=N_SAMPLES, test_size=N_FRESH)


def military():
    """Return 10,000 members of the US armed forces, and 20,000 more."""
    X, y = load_military(N_SAMPLES + N_FRESH, target="grade", random_state=0)
    return split(X, y, train_size=N_SAMPLES)


def split(X, y, **sizes):
    """Return training rows, labels, held-out rows and their labels, as one-hot probabilities."""
    codes = pd.factorize(np.asarray(y), sort=True)[0]
    rows = np.arange(len(codes))
    train, test = train_test_split(rows, stratify=codes, random_state=0, **sizes)
    X = pd.DataFrame(X).reset_index(drop=True)
    return X.iloc[train], codes[train], X.iloc[test], np.eye(codes.max() + 1)[codes[test]]


TABLES = {
    **{name: (hard_task, (name,)) for name in FAMILIES if name not in UNSEEN},
    "flights": (flights, ()),
    "military, grade": (military, ()),
    "digits": (lambda: split(*load_digits(return_X_y=True), test_size=1 / 3), ()),
    "breast cancer": (lambda: split(*load_breast_cancer(return_X_y=True), test_size=1 / 3), ()),
}


def divergences(proba, predicted):
    """Return the divergence of each row in units of H(Y); of labels it is the loss."""
    frequencies = proba.mean(axis=0)
    entropy = -frequencies @ np.log(frequencies)
    floored = np.clip(predicted, 1e-9, None)
    floored /= floored.sum(axis=1, keepdims=True)
    return rel_entr(proba, floored).sum(axis=1) / entropy


def ask_peer(python, name, X, y, fresh, seconds):
    """Return AutoGluon's probabilities and the CPU seconds it took."""
    asked = seconds
    for _ in range(MOST_FITS):
        proba, used = fit_peer(python, name, X, y, fresh, asked)
        if used <= MOST_OVERRUN * seconds:
            break
        asked *= seconds / used
    return proba, used


def fit_peer(python, name, X, y, fresh, seconds):
    """Return AutoGluon's probabilities, fitted with one limit, and the CPU seconds it took."""
    folder = MEASURED / name.replace(", ", "_").replace(" ", "_")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    X, fresh = (pd.DataFrame(part).add_prefix("column ") for part in (X, fresh))
    numeric = X.select_dtypes("number").columns
    types = {column: "float64" if column in numeric else "str" for column in X}
    (folder / "types.json").write_text(json.dumps(types))
    X.assign(label=y).to_csv(folder / "train.csv", index=False)
    fresh.to_csv(folder / "test.csv", index=False)
    command = [python, str(HERE / "_autogluon_fit.py"), str(folder), str(seconds)]
    threads = dict.fromkeys(THREADS, "1")
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, check=True, env={**clean, **threads})
    proba = pd.read_csv(folder / "proba.csv")
    proba = proba[sorted(proba, key=int)].to_numpy()
    used = json.loads((folder / "used.json").read_text())["CPU s"]
    shutil.rmtree(folder)
    return proba, used


def measured_on_task(name, budget):
    """Return gap and CPU seconds of the ceiling on the first draw of a task."""
    table = pd.DataFrame(json.loads(BUDGETS.read_text())["table"])
    found = {"task": name, "n_samples": N_SAMPLES, "budget": budget, "draw": 0}
    row = table[(table[list(found)] == pd.Series(found)).all(axis=1)].iloc[0]
    return row["gap"], row["CPU s"]


def measure(name, budget, python):
    """Return the row of a table, measured now or before."""
    path = MEASURED / f"{name}_{budget}.json"
    if path.exists():
        return json.loads(path.read_text())
    load, arguments = TABLES[name]
    X, y, fresh, proba = load(*arguments)
    if load is hard_task:
        mean, seconds = measured_on_task(name, budget)
        ours = np.full(len(fresh), np.nan)
    else:
        ceiling = GoldenModelCeiling(budget, random_state=0)
        seconds, _ = cpu_seconds(ceiling.fit, X, y)
        ours = divergences(proba, ceiling.predict_proba(fresh))
        mean = ours.mean()
    peer_proba, peer_seconds = ask_peer(python, name, X, y, fresh, seconds)
    theirs = divergences(proba, peer_proba)
    row = {
        "table": name,
        "budget": budget,
        "measure": "gap" if load is hard_task else "loss / H(Y)",
        "rows": len(y),
        "ceiling": mean,
        "AutoGluon": theirs.mean(),
        "standard error": (ours - theirs).std(ddof=1) / np.sqrt(len(fresh)),
        "CPU s, ceiling": seconds,
        "CPU s, AutoGluon": peer_seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row))
    print(row, flush=True)
    return row


def tables(results):
    """Return the tables of the documentation."""
    return {"autogluon_ceiling": beside(pd.DataFrame(results["table"]))}


def beside(table):
    """Return both sides of each table."""
    shown = table[["table", "budget", "measure"]].copy()
    shown["rows"] = table["rows"].map("{:,}".format)
    for column in ("ceiling", "AutoGluon"):
        shown[column] = table[column].map("{:.4f}".format)
    error = table["standard error"]
    shown["s.e. of the difference"] = error.map("{:.4f}".format).where(error.notna(), "")
    for column in ("CPU s, ceiling", "CPU s, AutoGluon"):
        shown[column] = table[column].map("{:.0f}".format)
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of AutoGluon's environment")
    parser.add_argument("--budgets", nargs="+", default=["default"])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    options = parser.parse_args()
    if not options.peer or not Path(options.peer).exists():
        print("Skipped: give the Python of an environment with AutoGluon by --peer.")
        return
    for budget in options.budgets:
        for name in options.tables:
            with threadpool_limits(1):
                measure(name, budget, options.peer)
    rows = [json.loads(path.read_text()) for path in MEASURED.glob("*.json")]
    order = list(TABLES)
    rows.sort(key=lambda row: (row["budget"], order.index(row["table"])))
    table = pd.DataFrame(rows)
    results = {"table": records(table)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(beside(table).to_string(index=False))


if __name__ == "__main__":
    main()
