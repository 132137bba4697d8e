"""Noise-free gap of the ceiling on data of known truth, beside single models.

    python benchmarks/ceiling.py [--rows 5000] [--budget default]

The gap is E_x KL(p* || q) / H(Y) with the exact posterior p*, of out-of-fold probabilities q: how
far a ceiling falls short of the true learnability, free of the noise of the labels. Lower is
better. Beside the ceiling stand its members, calibrated, and models as they come. A member's gap is
the ceiling's plus the difference of their out-of-fold losses. CPU seconds are of one process in
which every fit has one thread.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
    make_mixture_classification,
    make_network_classification,
)

RESULTS = Path(__file__).parent / "results" / "ceiling_default.json"


def tasks(n_samples):
    """Return generators of (X, y, truth) by name."""
    options = {"n_samples": n_samples, "random_state": 0, "return_truth": True}
    linear = {
        f"linear, strength {strength}": partial(
            make_learnability_classification,
            n_features=20,
            n_active=10,
            signal_strength=strength,
            **options,
        )
        for strength in (0.5, 1.5, 4.0)
    }
    return linear | {
        "interactions": partial(make_interaction_classification, learnability=0.39, **options),
        "mixture": partial(make_mixture_classification, learnability=0.58, **options),
        "network, 5 classes": partial(make_network_classification, learnability=0.57, **options),
    }


def peers():
    """Return models as they come."""
    return {
        "boosting, as it comes": HistGradientBoostingClassifier(random_state=0),
        "forest, as it comes": RandomForestClassifier(random_state=0, n_jobs=1),
    }


def measure(name, make, budget):
    """Return one row a model for one task."""
    X, y, truth = make()
    started = time.process_time()
    ceiling = GoldenModelCeiling(budget, random_state=0).fit(X, y)
    gap = truth.gap(ceiling.oof_proba_, X)
    rows = [{"model": "ceiling", "gap": gap, "CPU s": time.process_time() - started}]
    for member in ceiling.candidates_.itertuples():
        excess = (member.calibrated_nll - ceiling.nll_) / ceiling.label_entropy_
        rows.append(
            {
                "model": member.candidate,
                "gap": gap + excess,
                "weight": member.weight,
                "CPU s": member.seconds,
            }
        )
    for peer, model in peers().items():
        started = time.process_time()
        proba = cross_val_predict(model, X, y, cv=5, method="predict_proba")
        # a forest's zeros would cost infinitely much: half a vote a class
        proba = (100 * proba + 0.5) / (100 + 0.5 * proba.shape[1])
        gap = truth.gap(proba, X)
        rows.append({"model": peer, "gap": gap, "CPU s": time.process_time() - started})
    table = pd.DataFrame(rows)
    table.insert(0, "task", name)
    table["truth"] = truth.learnability
    table["estimate"] = np.where(table["model"] == "ceiling", ceiling.learnability_, np.nan)
    table["standard error"] = np.where(
        table["model"] == "ceiling", ceiling.learnability_standard_error_, np.nan
    )
    return table


def tables(results):
    """Return the tables of the documentation."""
    return {
        "ceiling_gap": ceiling_gap(results),
    }


def ceiling_gap(results):
    """Return the gap by model and task."""
    table = pd.DataFrame(results["table"])
    wide = table.pivot_table(index="model", columns="task", values="gap", sort=False)
    return wide.map("{:.4f}".format).reset_index()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--budget", choices=["fast", "default"], default="default")
    options = parser.parse_args()
    measured = []
    for name, make in tasks(options.rows).items():
        with threadpool_limits(1):
            measured.append(measure(name, make, options.budget))
        print(measured[-1].to_string(index=False, float_format="%.4f", na_rep=""), flush=True)
    path = RESULTS.with_name(f"ceiling_{options.budget}.json")
    rows = records(pd.concat(measured), 15)
    path.write_text(json.dumps({"n_samples": options.rows, "table": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
