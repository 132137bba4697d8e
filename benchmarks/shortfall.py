"""Fit the rule of the shortfall on tasks of known truth, and test it on families left out.

    python benchmarks/shortfall.py measure [--tasks 480]
    python benchmarks/shortfall.py fit

`measure` fits the "fast" ceiling and gathers its evidence, a task at a time, in an order that makes
any beginning a fair sample; what is in output/shortfall.csv is not measured again. `fit` makes the
rule from it, writes it into the package, and judges rules without each family by that family.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.exceptions import LearnabilityWarning

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "shortfall.json"
MEASURED = HERE.parent / "output" / "shortfall.csv"
RULE = HERE.parent / "sklearn_learnability" / "ceilings" / "data" / "shortfall_fast.json"

#: Ranges of sizes, and how often a task is of each.
SIZES = {(300, 1200): 0.5, (1200, 3000): 0.25, (3000, 8000): 0.2, (20_000, 20_001): 0.05}


def cells(n_tasks):
    """Return the settings of the tasks: families in turn, sizes log-uniform within theirs."""
    rng = np.random.default_rng(13)
    names, ranges = list(FAMILIES), list(SIZES)
    found = []
    for number in range(n_tasks):
        low, high = ranges[rng.choice(len(ranges), p=list(SIZES.values()))]
        n_samples = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        found.append({"family": names[number % len(names)], "n": n_samples, "seed": number})
    return found


def measure(family, n, seed):
    """Return the evidence about one ceiling and its true gap; of a task that fails, the reason."""
    try:
        return measured(family, n, seed)
    except ValueError as error:
        return {"reason": f"failed: {error}"}


def measured(family, n, seed):
    """Return the evidence about one ceiling and its true gap."""
    X, y, truth = make_task(family, n, seed)
    started = time.process_time()
    ceiling = GoldenModelCeiling("fast", random_state=seed).fit(X, y)
    middle = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        found = ceiling.shortfall(X, y)
    row = found.to_frame().iloc[0].drop(["outside", "reason", "units", "confidence"]).to_dict()
    weights = ceiling.candidates_["weight"] / max(ceiling.candidates_["weight"].sum(), 1e-9)
    mean_loss = float(weights @ ceiling.candidates_["calibrated_nll"])
    return row | {
        "reason": found.reason or "-",
        "features": X.shape[1],
        "error": ceiling.learnability_standard_error_,
        "limit": ceiling.learnability_lower_limit_,
        "ambiguity": (mean_loss - ceiling.nll_) / ceiling.label_entropy_,
        "rarest": int(pd.Series(y).value_counts().min()),
        "truth": truth.learnability,
        "gap": truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_),
        "CPU s": middle - started,
        "CPU s of evidence": time.process_time() - middle,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["measure", "fit"])
    parser.add_argument("--tasks", type=int, default=480)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # hundreds of tasks: single rows of a class, equal rows
    if options.step == "measure":
        MEASURED.parent.mkdir(exist_ok=True)
        finish_grid(cells(options.tasks), measure, MEASURED)


if __name__ == "__main__":
    main()
