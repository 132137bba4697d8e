"""What a local learning coefficient is expected to take, what it takes, and how near it comes.

    python benchmarks/llc_price.py           # about ten minutes on one core
    python benchmarks/llc_price.py --small   # one seed of the cheap cases

Models at a minimum whose coefficient is known, on many rows, and a network on the digits whose
coefficient is not known, given to `LocalLearningCoefficient` with nothing set but the random state:
`max_seconds` is 300. The time that was expected is the one the estimate tells, the highest where it
tells two. The seeds start at 3000; none of them was looked at while the rules were made.
"""

import argparse
import json
import re
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
from _llc_data import digits, digits_mlp, train_digits
from _results import cpu_seconds, records
from torch import nn

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_network_model,
    make_linear_regression_model,
    make_tanh_network_model,
)

RESULTS = Path(__file__).parent / "results" / "llc_price.json"
FIRST_SEED, LIMIT = 3000, 300
CASES = {  # name: how it is made of a seed, and how many seeds
    "[6, 4, 8] rank 2": (lambda s: linear_network([6, 4, 8], 2, s), 5),
    "[6, 4, 8] rank 4": (lambda s: linear_network([6, 4, 8], 4, s), 5),
    "[10, 10, 10] rank 3": (lambda s: linear_network([10, 10, 10], 3, s), 2),
    "[5, 4, 6, 5] rank 2": (lambda s: linear_network([5, 4, 6, 5], 2, s), 2),
    "tanh 1-4-1": (lambda s: make_tanh_network_model(4, n_samples=20_000, random_state=s), 2),
    "regression, 100 inputs": (lambda s: regression(20_000, s, condition=100.0), 2),
    "regression, 100 inputs, noise": (lambda s: regression(10_000, s, noise=1.0), 2),
}
DEAR = ("[10, 10, 10] rank 3", "regression, 100 inputs, noise")


def linear_network(widths, rank, seed):
    """Return a linear network on 20,000 rows."""
    return make_linear_network_model(widths, rank, n_samples=20_000, random_state=seed)


def regression(n_samples, seed, **options):
    """Return a linear model of 100 inputs."""
    return make_linear_regression_model(100, n_samples=n_samples, random_state=seed, **options)


def expected_seconds(reasons):
    """Return the most that an estimate was expected to take, None where it tells none."""
    found = [re.search(r"expected to take about (?:\S+ to )?(\S+) s", text) for text in reasons]
    return max((float(match[1]) for match in found if match), default=None)


def measure(name, model, data, loss, truth, seed):
    """Return one run: what was expected, what it took, and the value."""
    llc = LocalLearningCoefficient(loss, random_state=seed, progress=False)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the flags hold the same texts
        spent, found = cpu_seconds(llc.estimate, model, data)
    settings = found.settings
    row = {
        "case": name,
        "seed": seed,
        "parameters": found.n_parameters,
        "rows": found.n_samples,
        "rows used": settings.batch_size,
        "sampler": settings.sampler,
        "expected seconds": expected_seconds(settings.reasons),
        "seconds": time.perf_counter() - began,
        "CPU seconds": spent,
        "value": found.value,
        "standard error": found.standard_error,
        "truth": truth,
        "flags": ", ".join(flag.code for flag in found.flags),
        "reasons": list(settings.reasons),
    }
    print(pd.DataFrame([row]).drop(columns="reasons").to_string(header=False, index=False))
    return row


def run(small):
    """Return all runs."""
    rows = []
    for name, (make, n_seeds) in CASES.items():
        if small and name in DEAR:
            continue
        for number in range(1 if small else n_seeds):
            seed = FIRST_SEED + number
            known = make(seed)
            truth = known.truth.value
            rows.append(measure(name, known.model, known.data, half_squared_error, truth, seed))
    if not small:
        model, name = train_digits(digits_mlp(82)), "digits, one hidden layer"
        rows.append(measure(name, model, digits(), nn.CrossEntropyLoss(), None, FIRST_SEED))
    return rows


def tables(results):
    """Return the table of the documentation."""
    rows = []
    for name, runs in pd.DataFrame(results).groupby("case", sort=False):
        ratio, expected = runs["value"] / runs["truth"].astype(float), runs["expected seconds"]
        first = runs.iloc[0]
        on_batches = first["sampler"] != "hamiltonian"
        used = f"batches of {first['rows used']}" if on_batches else f"{runs['rows used'].max():,}"
        nearness = f"{ratio.min():.3f} to {ratio.max():.3f}"
        rows.append(
            {
                "case": name,
                "parameters": f"{first['parameters']:,}",
                "rows": f"{first['rows']:,}",
                "rows used": used,
                "seeds": len(runs),
                "expected s": f"{expected.max():.0f}" if expected.notna().any() else "below 10",
                "CPU s": f"{runs['CPU seconds'].mean():.0f}",
                "most CPU s": f"{runs['CPU seconds'].max():.0f}",
                "value / truth": nearness if ratio.notna().all() else "not known",
            }
        )
    return {"llc_price": pd.DataFrame(rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="one seed of the cheap cases")
    small = parser.parse_args().small
    torch.set_num_threads(1)
    results = run(small)
    print(tables(results)["llc_price"].to_string(index=False))
    if not small:
        kept = records(pd.DataFrame(results))
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
