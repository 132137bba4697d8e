"""Check that the ceiling's interval covers when the whole out-of-fold pipeline makes it.

    python benchmarks/ceiling_coverage.py --sets 300

Every set is drawn from the linear generator with a known truth. The interval should cover the
noise-free information score of the golden model itself: the true learnability less the
Kullback-Leibler gap of its out-of-fold probabilities. The lower limit should lie below the true
learnability. Sets already done are read from the cache, so that an interrupted run goes on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification

RESULTS = Path(__file__).parent / "results" / "ceiling_coverage.json"

FAMILY = ["prior", "logistic", "splines", "hist_gradient_boosting"]
STRENGTHS = (0.5, 1.5, 4.0)


def simulate(strength, n_samples, seed):
    """Return what one set gives."""
    X, y, truth = make_learnability_classification(
        n_samples,
        n_features=10,
        n_active=5,
        signal_strength=strength,
        random_state=seed,
        return_truth=True,
    )
    ceiling = GoldenModelCeiling(FAMILY, random_state=seed).fit(X, y)
    return {
        "strength": strength,
        "seed": seed,
        "truth": truth.learnability,
        "noise_free": truth.learnability - truth.gap(ceiling.oof_proba_, X),
        "learnability": ceiling.learnability_,
        "standard_error": ceiling.learnability_standard_error_,
        "lower": ceiling.learnability_interval_[0],
        "upper": ceiling.learnability_interval_[1],
        "lower_limit": ceiling.learnability_lower_limit_,
    }


def summarise(sets):
    """Return the coverage of one strength, with the simulation's own standard error."""
    covered = (sets["lower"] <= sets["noise_free"]) & (sets["noise_free"] <= sets["upper"])
    error = sets["learnability"] - sets["noise_free"]
    return pd.Series(
        {
            "sets": len(sets),
            "true learnability": sets["truth"].mean(),
            "noise-free": sets["noise_free"].mean(),
            "estimate": sets["learnability"].mean(),
            "bias": error.mean(),
            "sd of error": error.std(),
            "mean standard error": sets["standard_error"].mean(),
            "coverage": covered.mean(),
            "coverage +-": np.sqrt(covered.mean() * (1 - covered.mean()) / len(sets)),
            "lower limit <= truth": (sets["lower_limit"] <= sets["truth"]).mean(),
        }
    )


def tables(results):
    """Return the tables of the documentation."""
    return {
        "ceiling_coverage": coverage(results),
    }


def coverage(results):
    """Return coverage by signal strength."""
    table = pd.DataFrame(results["table"])
    return pd.DataFrame(
        {
            "strength": table["strength"].map("{:g}".format),
            "sets": table["sets"].astype(int),
            "true learnability": table["true learnability"].map("{:.3f}".format),
            "mean estimate": table["estimate"].map("{:.3f}".format),
            "standard deviation of the error": table["sd of error"].map("{:.4f}".format),
            "mean standard error": table["mean standard error"].map("{:.4f}".format),
            "coverage": table["coverage"].map("{:.1%}".format),
            "lower limit ≤ truth": table["lower limit <= truth"].map("{:.1%}".format),
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=300, help="sets a strength")
    parser.add_argument("--samples", type=int, default=500, help="rows a set")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    run = Memory("output/cache", verbose=0).cache(simulate)
    sets = Parallel(n_jobs=options.jobs, verbose=1)(
        delayed(run)(strength, options.samples, seed)
        for strength in STRENGTHS
        for seed in range(options.sets)
    )
    table = pd.DataFrame(sets).groupby("strength").apply(summarise).reset_index()
    print(table.round(4).to_string(index=False))
    results = {"n_samples": options.samples, "family": FAMILY, "table": table.to_dict("records")}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
