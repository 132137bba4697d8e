"""Fit AutoGluon on one table, in an environment of its own: read by `autogluon_ceiling.py`.

    python benchmarks/_autogluon_fit.py FOLDER CPU_SECONDS

FOLDER holds `train.csv` with the labels in the column "label", and `test.csv`. Writes the
probabilities `proba.csv` and the CPU seconds of the fit, those of child processes included.
AutoGluon calibrates with torch alone, so its temperature is found here, on its own out-of-fold
probabilities and by its own criterion.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def cpu_now():
    """Return the CPU seconds of this process and of its finished children."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def wall_per_cpu_second(seconds=3.0):
    """Return how many seconds pass on this machine, as busy as it is, for one of CPU."""
    start, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < seconds:
        sum(range(100_000))
    return (time.perf_counter() - start) / (time.process_time() - cpu)


def at_temperature(proba, log_temperature):
    """Return log-probabilities at another temperature."""
    return log_softmax(np.log(np.clip(proba, 1e-9, 1)) / np.exp(log_temperature), axis=1)


def log_temperature_of(predictor, train):
    """Return the logarithm of the temperature at which the out-of-fold loss is least."""
    proba = predictor.predict_proba_oof()
    column = {label: place for place, label in enumerate(proba)}
    codes = train.loc[proba.index, "label"].map(column).to_numpy()
    proba, rows = proba.to_numpy(dtype=float), np.arange(len(codes))

    def loss(log_temperature):
        return -at_temperature(proba, log_temperature)[rows, codes].mean()

    return minimize_scalar(loss, bounds=(-3, 3), method="bounded").x


def main(folder, seconds):
    types = json.loads((folder / "types.json").read_text())
    train, test = (pd.read_csv(folder / f"{name}.csv", dtype=types) for name in ("train", "test"))
    predictor = TabularPredictor(
        "label", eval_metric="log_loss", path=str(folder / "models"), verbosity=1
    )
    limit = seconds * wall_per_cpu_second()
    start = cpu_now()
    predictor.fit(
        train,
        presets="best_quality",
        time_limit=limit,
        num_cpus=1,
        num_gpus=0,
        calibrate=False,
        dynamic_stacking=False,
        ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
    )
    log_temperature = log_temperature_of(predictor, train)
    used = cpu_now() - start
    proba = predictor.predict_proba(test)
    proba[:] = np.exp(at_temperature(proba.to_numpy(dtype=float), log_temperature))
    proba.to_csv(folder / "proba.csv", index=False)
    (folder / "used.json").write_text(json.dumps({"CPU s": used}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
