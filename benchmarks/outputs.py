"""Coverage of the total learnability of several outputs, where outputs of a row hang together.

    python benchmarks/outputs.py [--sets 200]      # about 8 CPU minutes

Five Gaussian inputs and four labels, each of its own input and the last; their odds are logistic.
The labels are drawn from these odds independently of each other, or all from one uniform number a
row, so that they also err together. The ceiling is one logistic regression. What the interval
should hold is the expected score of the procedure on fresh rows, the mean over the sets of the
noise-free score of the out-of-fold probabilities. Beside it: an interval that takes the labels of
a row as independent rows.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from joblib import Memory
from scipy.special import entr, expit
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling, learnability_by_output
from sklearn_learnability.metrics import efficiency

RESULTS = Path(__file__).parent / "results" / "outputs.json"
SLOPES, SHIFTS = np.array([2.0, 1.0, 3.0, 0.5]), np.array([0.0, -1.0, -2.0, 0.5])
KINDS = {"of each other": False, "of one number a row": True}


def posterior(X):
    """Return the odds of every output."""
    return expit(SHIFTS + SLOPES * (X[:, :4] + X[:, 4:]) / np.sqrt(2))


def draw(n_rows, together, rng):
    """Return inputs and labels."""
    X = rng.standard_normal((n_rows, 5))
    uniform = rng.uniform(size=(n_rows, 1 if together else len(SLOPES)))
    return X, (uniform < posterior(X)).astype(int)


def truth():
    """Return the total learnability: of sums over a million rows."""
    odds = posterior(np.random.default_rng(0).standard_normal((1_000_000, 5)))
    left = (entr(odds) + entr(1 - odds)).mean(axis=0).sum()
    share = odds.mean(axis=0)
    return 1 - left / (entr(share) + entr(1 - share)).sum()


def entropies():
    """Return the sum of the outputs' entropies in nats."""
    share = posterior(np.random.default_rng(0).standard_normal((1_000_000, 5))).mean(axis=0)
    return (entr(share) + entr(1 - share)).sum()


def simulate(kind, n_rows, n_sets):
    """Return one row a set."""
    whole, rows = entropies(), []
    for seed in range(n_sets):
        X, Y = draw(n_rows, KINDS[kind], np.random.default_rng([seed, n_rows]))
        ceiling = GoldenModelCeiling(
            [("logistic", LogisticRegression())], units="nats", random_state=seed
        )
        found = learnability_by_output(ceiling, X, Y)
        proba = np.column_stack([one.oof_proba_[:, 1] for one in found.ceilings])
        odds = posterior(X)
        excess = odds * np.log(odds / proba) + (1 - odds) * np.log((1 - odds) / (1 - proba))
        stacked = efficiency(Y.T.ravel(), proba.T.ravel(), learnability=0.5).information_score
        width = stacked.upper - stacked.lower
        rows.append(
            {
                "gap": excess.sum(axis=1).mean() / whole,
                "lower": found.total.lower,
                "upper": found.total.upper,
                "independent lower": found.total.value - width / 2,
                "independent upper": found.total.value + width / 2,
            }
        )
    return rows


def summarise(kind, n_rows, sets):
    """Return the coverage of one cell."""
    sets = pd.DataFrame(sets)
    expected = truth() - sets["gap"].mean()

    def covers(prefix):
        lower, upper = sets[f"{prefix}lower"], sets[f"{prefix}upper"]
        return ((lower <= expected) & (expected <= upper)).mean()

    return {
        "labels are drawn": kind,
        "rows": n_rows,
        "sets": len(sets),
        "truth": truth(),
        "expected score": expected,
        "coverage": covers(""),
        "coverage, labels as rows": covers("independent "),
        "width": (sets["upper"] - sets["lower"]).mean(),
    }


def tables(results):
    """Return the table of the documentation."""
    table = pd.DataFrame(results["table"])
    return {
        "outputs": pd.DataFrame(
            {
                "labels are drawn": table["labels are drawn"],
                "rows": table["rows"].map("{:,}".format),
                "truth": table["truth"].map("{:.3f}".format),
                "expected score": table["expected score"].map("{:.3f}".format),
                "coverage": table["coverage"].map("{:.1%}".format),
                "labels as rows": table["coverage, labels as rows"].map("{:.1%}".format),
                "mean width": table["width"].map("{:.3f}".format),
            }
        )
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    options = parser.parse_args()
    run = Memory("output/outputs", verbose=0).cache(simulate)
    rows = []
    for kind in KINDS:
        for n_rows in (300, 1000):
            rows.append(summarise(kind, n_rows, run(kind, n_rows, options.sets)))
            print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
