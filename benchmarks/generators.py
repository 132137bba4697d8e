"""Seconds the generators take, and whether their entropies agree with the rows they draw.

    python benchmarks/generators.py            # 1,000,000 rows of 50 features: about a minute
    python benchmarks/generators.py --small    # 100,000 rows

For each generator: seconds to draw the rows with a wanted learnability and its truth, beside
scikit-learn's make_classification, which has no truth; and how many standard errors H(Y|X) is away
from the mean over the drawn rows of the entropy of the posterior.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from scipy.special import entr
from sklearn.datasets import make_classification

from sklearn_learnability import datasets

RESULTS = Path(__file__).parent / "results" / "generators.json"

FEATURES = {"n_features": 50}
WISH = {"learnability": 0.3}
RUNS = [
    ("make_learnability_classification", FEATURES | WISH),
    ("make_learnability_classification", FEATURES | WISH | {"structure": "bounded"}),
    ("make_learnability_classification", FEATURES | WISH | {"positive_rate": 0.001}),
    ("make_interaction_classification", FEATURES | WISH),
    ("make_parity_classification", FEATURES | WISH),
    ("make_network_classification", FEATURES | WISH),
    ("make_mixture_classification", FEATURES | WISH),
    ("make_drifting_classification", FEATURES | WISH),
    ("make_segmented_classification", FEATURES),
    ("make_markov_chain", WISH),
    ("make_hidden_markov_chain", WISH),
    ("make_learnability_regression", FEATURES | WISH),
]


def distance_in_standard_errors(truth, X):
    """Return (H(Y|X) - mean entropy of the posterior) over the standard error of both."""
    if isinstance(truth, datasets.RegressionTruth):
        return float("nan")
    entropies = entr(truth.predict_proba(X)).sum(axis=1)
    error = np.hypot(
        entropies.std() / np.sqrt(len(entropies)), truth.conditional_entropy_error_nats
    )
    difference = truth.conditional_entropy("nats") - entropies.mean()
    # Rows of one entropy leave only rounding to compare.
    return 0.0 if abs(difference) < 1e-9 else float(difference / error)


def tables(results):
    """Return the tables of the documentation."""
    return {
        "generator_seconds": generator_seconds(results),
    }


def generator_seconds(results):
    """Return seconds a generator, and how far drawn labels are from the stated entropy."""
    table = pd.DataFrame(results["runs"])
    errors = table["standard_errors_off"].map("{:.1f}".format).replace("nan", "")
    return pd.DataFrame(
        {
            "generator": table["generator"].str.replace("sklearn.datasets.", "scikit-learn's "),
            "parameters": table["parameters"],
            "seconds": table["seconds"].map("{:.1f}".format),
            "standard errors off": errors,
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="100,000 rows instead of 1,000,000")
    n_samples = 100_000 if parser.parse_args().small else 1_000_000

    start = time.perf_counter()
    make_classification(n_samples, 50, random_state=0)
    rows = [
        {
            "generator": "sklearn.datasets.make_classification",
            "parameters": "n_features=50",
            "seconds": time.perf_counter() - start,
        }
    ]
    for name, parameters in RUNS:
        start = time.perf_counter()
        X, _, truth = getattr(datasets, name)(
            n_samples, **parameters, random_state=0, return_truth=True
        )
        rows.append(
            {
                "generator": name,
                "parameters": ", ".join(f"{key}={value}" for key, value in parameters.items()),
                "seconds": time.perf_counter() - start,
                "learnability": truth.learnability,
                "standard_errors_off": distance_in_standard_errors(truth, X),
            }
        )
    table = pd.DataFrame(rows).round({"seconds": 2, "learnability": 6, "standard_errors_off": 2})
    print(table.to_string(index=False, na_rep=""))
    RESULTS.write_text(
        json.dumps({"n_samples": n_samples, "runs": records(table, 10)}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
