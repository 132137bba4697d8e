"""The learning coefficient on batches where it is known: how far the pull takes the value down.

    python benchmarks/llc_batches.py           # 4 CPU-minutes

Models at a minimum, which the automatic setting would give to Hamiltonian chains, are given to
Langevin chains on batches with nothing else set. The pull that lets these mix holds directions in
which the loss is nearly flat. What it takes is told to first order (`bias`), and flagged.
"""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _known_truth_cases import CASES
from tqdm import tqdm

from sklearn_learnability.torch import LocalLearningCoefficient

RESULTS = Path(__file__).parent / "results" / "llc_batches.json"
SEEDS = range(6100, 6103)
NAMES = (
    "linear regression d=10, n=400",
    "linear regression d=10, noise, n=1000",
    "linear regression d=10, noise, n=10000",
    "softmax of 4, 15 weights, n=1000",
    "3 fourth powers, 4 squares",
    "linear regression d=100, noise, n=1000",
    "[2, 2, 2] rank 1, n=200",
    "[4, 1, 3] rank 1, n=200",
    "[5, 3, 5] rank 1, n=200",
    "[5, 3, 5] rank 1, n=4000, noise",
    "[10, 10, 10] rank 3, n=400",
    "[10, 10, 10] rank 10, n=400",
    "[5, 4, 6, 5] rank 2, n=200",
    "sum of 10 fourth powers",
)
WRONG = 0.05


def measure(case, seed):
    """Return one estimate on batches, beside the truth."""
    known = case.make(seed)
    llc = LocalLearningCoefficient(
        case.loss, sampler="leimkuhler-matthews", random_state=seed, progress=False
    )
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the flags hold the same texts
        found = llc.estimate(known.model, known.data)
    return {
        "case": case.name,
        "seed": seed,
        "truth": known.truth.value,
        "value": found.value,
        "standard_error": found.standard_error,
        "bias": found.bias,
        "variance_based": found.variance_based,
        "variance_based_error": found.variance_based_error,
        "lower": found.bracket[0],
        "upper": found.bracket[1],
        "flags": " ".join(flag.code for flag in found.flags),
        "seconds": time.process_time() - start,
    }


def totals(runs):
    """Return how often right and wrong values are flagged."""
    wrong = (runs["value"] / runs["truth"] - 1).abs() > WRONG
    flagged = runs["flags"] != ""
    return {
        "right": int((~wrong).sum()),
        "right, flagged": int((~wrong & flagged).sum()),
        "wrong": int(wrong.sum()),
        "wrong, flagged": int((wrong & flagged).sum()),
    }


def tables(results):
    """Return the table of the documentation."""
    runs = pd.DataFrame(results["runs"])
    rows = []
    for name, part in runs.groupby("case", sort=False):
        truth = part["truth"].iloc[0]
        rows.append(
            {
                "case": name.replace("linear regression", "regression"),
                "truth": f"{truth:.3g}",
                "value": f"{part['value'].mean():.3g}",
                "the pull takes, first order": f"{-part['bias'].mean():.2g}",
                "by the variance": f"{part['variance_based'].mean():.2g}",
                "flagged": f"{(part['flags'] != '').sum()} of {len(part)}",
            }
        )
    return {"llc_batches": pd.DataFrame(rows)}


def main():
    torch.set_num_threads(1)
    cases = [case for name in NAMES for case in CASES if case.name == name]
    todo = [(case, seed) for case in cases for seed in SEEDS]
    runs = pd.DataFrame([measure(*one) for one in tqdm(todo)])
    results = {"totals": totals(runs), "runs": runs.replace(np.nan, None).to_dict("records")}
    print(tables(results)["llc_batches"].to_string(index=False))
    print(results["totals"])
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
