"""What fits on dask's and ray's workers cost beside one process, and what travels to them.

    python benchmarks/backends.py
    python benchmarks/backends.py --rows 10000 100000 --backends serial loky

The family of prior, logistic regression and splines in five folds, on two workers that have been
used before: wall-clock seconds of `fit`, and CPU seconds of this process and all its children. The
bytes are those of a pickle: of one fit with its table, and without it, as what travels apart and
once is not in it. ray needs the extra of that name.
"""

import argparse
import json
import pickle
import time
import warnings
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from _results import records
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_flights, make_learnability_classification

RESULTS = Path(__file__).parent / "results" / "backends.json"
BACKENDS = ("serial", "loky", "dask", "ray")
FAMILY = ["prior", "logistic", "splines"]
N_WORKERS = 2


def array(n_samples):
    """Return an array of numbers."""
    return make_learnability_classification(n_samples, 20, learnability=0.3, random_state=0)


def table(n_samples):
    """Return flights with their categories."""
    loaded = load_flights()
    rows = np.linspace(0, len(loaded.data) - 1, n_samples).round().astype(int)
    return loaded.data.iloc[rows].reset_index(drop=True), loaded.target.to_numpy()[rows]


DATA = {"array": array, "table": table}


def start(backend, stack):
    """Start the workers of a backend, and use it until the stack ends."""
    if backend == "dask":
        from distributed import Client, LocalCluster

        cluster = LocalCluster(N_WORKERS, threads_per_worker=1, dashboard_address=None)
        stack.enter_context(cluster)
        stack.enter_context(Client(cluster))
    elif backend == "ray":
        import ray
        from ray.util.joblib import register_ray

        register_ray()
        ray.init(num_cpus=N_WORKERS, include_dashboard=False, log_to_driver=False)
        stack.callback(ray.shutdown)
    if backend != "serial":
        stack.enter_context(joblib.parallel_config(backend=backend))


def cpu_of_all():
    """Return the CPU seconds so far of this process and its children, ended ones too."""
    import psutil  # comes with distributed

    here = psutil.Process()
    times = [one.cpu_times() for one in (here, *here.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def measure(backend, name, n_samples):
    """Return wall-clock and CPU seconds of a fit, and its losses."""
    X, y = DATA[name](n_samples)
    ceiling = GoldenModelCeiling(FAMILY, random_state=0, n_jobs=1 if backend == "serial" else 2)
    cpu, wall = cpu_of_all(), time.perf_counter()
    ceiling.fit(X, y)
    wall = time.perf_counter() - wall
    row = {"backend": backend, "data": name, "rows": n_samples, "wall": wall}
    return row | {"cpu": cpu_of_all() - cpu}, ceiling.oof_nll_


def sizes(name, n_samples):
    """Return the megabytes of one fit's arguments, with the table and without it."""
    X, y = DATA[name](n_samples)
    train = np.arange(n_samples * 4 // 5), np.arange(n_samples // 5)
    table = GoldenModelCeiling(FAMILY)._check_table(X, reset=True)
    whole, rest = (len(pickle.dumps(one, 5)) / 1e6 for one in ((table, y, train), train))
    return {"data": name, "rows": n_samples, "with the table": whole, "without it": rest}


def tables(results):
    """Return the tables of the documentation."""
    found = pd.DataFrame(results["table"])
    shown = found[["data", "rows", "backend"]].astype(str)
    shown["wall s"] = found["wall"].map("{:.1f}".format)
    shown["CPU s"] = found["cpu"].map("{:.1f}".format)
    shown["equal to serial"] = found["equal"].map({True: "yes", False: "no"})
    sent = pd.DataFrame(results["sizes"])
    bytes_sent = sent[["data", "rows"]].astype(str)
    for column in ("with the table", "without it"):
        bytes_sent[f"MB {column}"] = sent[column].map("{:.2f}".format)
    return {"backends": shown, "backends_sizes": bytes_sent}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, serial = [], {}
    for backend in options.backends:
        if backend in ("dask", "ray") and not find_spec(backend):
            continue
        with ExitStack() as stack, threadpool_limits(1):
            start(backend, stack)
            measure(backend, "array", 500)
            for name in DATA:
                for n_samples in options.rows:
                    row, losses = measure(backend, name, n_samples)
                    whole = serial.setdefault((name, n_samples), losses)
                    rows.append(row | {"equal": bool(np.array_equal(losses, whole))})
                    print(rows[-1], flush=True)
    order = {name: place for place, name in enumerate(BACKENDS)}
    rows.sort(key=lambda row: (row["data"], row["rows"], order[row["backend"]]))
    sent = [sizes(name, n_samples) for name in DATA for n_samples in options.rows]
    results = {"table": records(pd.DataFrame(rows)), "sizes": records(pd.DataFrame(sent))}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string(index=False))


if __name__ == "__main__":
    main()
