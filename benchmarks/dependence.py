"""Coverage of the ceiling's interval where rows depend on each other, and how often it is told.

    python benchmarks/dependence.py [--sets 200]       # about 10 CPU minutes

One Gaussian input x and labels of logit 3 x. Rows are independent; or x follows an autoregression
along the rows; or ten rows in a row share it. The ceiling is one logistic regression, out of fold:
with shuffled folds, as rows come; with TimeSeriesSplit, whose interval counts blocks of neighbours;
with groups, where there are any. What the interval should hold is the expected score of the
procedure on fresh rows, taken as the mean over the sets of the noise-free score of the out-of-fold
probabilities. Cells that are done are read from the cache.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from joblib import Memory
from scipy.integrate import quad
from scipy.signal import lfilter
from scipy.special import entr, expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.exceptions import DependentRowsWarning, OrderedRowsWarning

RESULTS = Path(__file__).parent / "results" / "dependence.json"
SLOPE, GROUP = 3.0, 10
ROWS = {"independent": 0.0, "autoregression of .5": 0.5, "autoregression of .9": 0.9}
SHARED = "ten rows share x"
FOLDS = {"shuffled folds": 5, "TimeSeriesSplit": TimeSeriesSplit(5)}


def draw(kind, n_samples, seed):
    """Return inputs, labels and groups."""
    rng = np.random.RandomState(seed)
    noise = rng.standard_normal(n_samples)
    groups = np.arange(n_samples) // GROUP
    if kind == SHARED:
        x = noise[groups]
    else:
        rho = ROWS[kind]
        scale = np.sqrt(1 - rho**2)
        noise[0] /= scale
        x = lfilter([scale], [1, -rho], noise)
    y = (rng.uniform(size=n_samples) < expit(SLOPE * x)).astype(int)
    return x[:, None], y, groups


def truth():
    """Return the learnability of one independent row."""
    density = lambda x: norm.pdf(x) * (entr(expit(SLOPE * x)) + entr(expit(-SLOPE * x)))  # noqa: E731
    return 1 - quad(density, -12, 12)[0] / np.log(2)


def simulate(kind, procedure, n_samples, n_sets):
    """Return one row a set."""
    sets = []
    for seed in range(n_sets):
        X, y, groups = draw(kind, n_samples, seed)
        ceiling = GoldenModelCeiling(
            [("logistic", LogisticRegression())],
            cv=FOLDS.get(procedure, 5),
            random_state=seed,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ceiling.fit(X, y, groups=groups if procedure == "groups" else None)
        scored = ~np.isnan(ceiling.oof_nll_)
        proba = ceiling.oof_proba_[scored, 1]
        exact = expit(SLOPE * X[scored, 0])
        excess = exact * np.log(exact / proba) + (1 - exact) * np.log((1 - exact) / (1 - proba))
        told = {warning.category for warning in caught}
        sets.append(
            {
                "gap": excess.mean() / np.log(2),
                "lower": ceiling.learnability_interval_[0],
                "upper": ceiling.learnability_interval_[1],
                "told": bool(told & {DependentRowsWarning, OrderedRowsWarning}),
            }
        )
    return sets


def summarise(kind, procedure, n_samples, sets):
    """Return the coverage of one cell."""
    sets = pd.DataFrame(sets)
    expected = truth() - sets["gap"].mean()
    covered = (sets["lower"] <= expected) & (expected <= sets["upper"])
    return {
        "rows are": kind,
        "procedure": procedure,
        "rows": n_samples,
        "sets": len(sets),
        "expected score": expected,
        "coverage": covered.mean(),
        "width": (sets["upper"] - sets["lower"]).mean(),
        "told": sets["told"].mean(),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    return {
        "dependence": pd.DataFrame(
            {
                "rows": table["rows are"],
                "number": table["rows"].map("{:,}".format),
                "sets": table["sets"],
                "procedure": table["procedure"],
                "coverage": table["coverage"].map(
                    lambda share: f"{share:.1%}" if share >= 0.93 else f"**{share:.1%}**"
                ),
                "mean width": table["width"].map("{:.3f}".format),
                "warned of": table["told"].map("{:.0%}".format),
            }
        )
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    options = parser.parse_args()
    run = Memory("output/dependence", verbose=0).cache(simulate)
    rows = []
    for n_samples in (500, 2000):
        for kind in (*ROWS, SHARED):
            for procedure in (*FOLDS, *(["groups"] if kind == SHARED else [])):
                sets = run(kind, procedure, n_samples, options.sets)
                rows.append(summarise(kind, procedure, n_samples, sets))
                print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
