"""The best of twenty models on the rows that picked it: its own interval, and the corrected one.

    python benchmarks/model_selection.py [--sets 60]       # about 15 CPU minutes

Models are the exact posterior's logit with Gaussian noise, drawn row by row: "equal", all of one
size and apart; "alike", most of the noise shared; "spread", sizes from small to large. Half of the
labels are positive, or 5 %. The ceiling is the exact posterior. For each kind:

- own: share of data sets in which the picked model's own interval holds its true efficiency;
- corrected: the same of the interval of `ModelComparison.best`;
- optimism: mean of the picked model's efficiency less its true one, own and corrected;
- kept: share of data sets in which every truly best model is in `may_be_best`, and how many are.

Cells that are done are read from the cache.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from joblib import Memory
from scipy.optimize import brentq
from scipy.special import expit

from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import compare_models, log_loss_per_sample

RESULTS = Path(__file__).parent / "results" / "model_selection.json"
N_MODELS, SPREAD, N_FOR_TRUTH = 20, 1.5, 400_000
#: Noise that is each model's own, and noise that all share.
KINDS = {
    "equal": (np.full(N_MODELS, 0.8), 0.0),
    "alike": (np.full(N_MODELS, 0.2), 0.8),
    "spread": (np.linspace(0.4, 1.2, N_MODELS), 0.0),
}
#: Rows of a set by share of positives: with ten positives no efficiency is defined.
ROWS = {0.5: (200, 500, 2000), 0.05: (500, 2000)}


def intercept(positives):
    """Return the intercept of a share of positives."""
    score = SPREAD * np.random.RandomState(1).standard_normal(N_FOR_TRUTH)
    return brentq(lambda b: expit(score + b).mean() - positives, -15, 15)


def true_efficiencies(own, shared, positives):
    """Return the efficiency of every model on many rows, free of the noise of labels."""
    rng = np.random.RandomState(2)
    score = SPREAD * rng.standard_normal(N_FOR_TRUTH) + intercept(positives)
    noise = rng.standard_normal((2, N_FOR_TRUTH))
    proba = expit(score)

    def nats(logit):
        return np.mean(proba * np.logaddexp(0, -logit) + (1 - proba) * np.logaddexp(0, logit))

    entropy = nats(np.full(N_FOR_TRUTH, np.log(proba.mean() / (1 - proba.mean()))))
    learnable = entropy - nats(score)
    return np.array(
        [(entropy - nats(score + shared * noise[0] + size * noise[1])) / learnable for size in own]
    )


def simulate(kind, positives, n_samples, n_sets):
    """Return one row a set: what was picked, and the intervals."""
    own, shared = KINDS[kind]
    middle = intercept(positives)
    sets = []
    for seed in range(n_sets):
        rng = np.random.RandomState(seed)
        score = SPREAD * rng.standard_normal(n_samples) + middle
        y = (rng.uniform(size=n_samples) < expit(score)).astype(int)
        noise = shared * rng.standard_normal((n_samples, 1))
        noise = noise + own * rng.standard_normal((n_samples, N_MODELS))
        models = {str(i): expit(score + noise[:, i]) for i in range(N_MODELS)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedInformationWarning)
            found = compare_models(
                y, models, reference_nll=log_loss_per_sample(y, expit(score)), random_state=seed
            )
        best = found.best
        picked = found.models[int(best.model)].efficiency
        sets.append(
            {
                "model": int(best.model),
                "own": picked.value,
                "own_lower": picked.lower,
                "own_upper": picked.upper,
                "corrected": best.value,
                "lower": best.lower,
                "upper": best.upper,
                "kept": [int(name) for name in best.may_be_best],
            }
        )
    return sets


def summarise(kind, positives, n_samples, sets):
    """Return one row of the table; sets without a defined efficiency are counted apart."""
    truth = true_efficiencies(*KINDS[kind], positives)
    kept = [row["kept"] for row in sets]
    truly_best = {i for i in range(N_MODELS) if truth[i] > truth.max() - 1e-9}
    table = pd.DataFrame(sets).dropna(subset=["own"])
    true = truth[table["model"]]
    return {
        "models": kind,
        "positives": positives,
        "rows": n_samples,
        "sets": len(sets),
        "defined": len(table) / len(sets),
        "own": ((table["own_lower"] <= true) & (true <= table["own_upper"])).mean(),
        "corrected": ((table["lower"] <= true) & (true <= table["upper"])).mean(),
        "optimism of own": (table["own"] - true).mean(),
        "optimism of corrected": (table["corrected"] - true).mean(),
        "width over own": (
            (table["upper"] - table["lower"]) / (table["own_upper"] - table["own_lower"])
        ).median(),
        "best are kept": np.mean([truly_best <= set(names) for names in kept]),
        "models kept": np.mean([len(names) for names in kept]),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])

    def share(values):
        return values.map(lambda value: f"{value:.1%}" if value >= 0.93 else f"**{value:.1%}**")

    return {
        "model_selection": pd.DataFrame(
            {
                "models": table["models"],
                "positives": table["positives"].map("{:.0%}".format),
                "rows": table["rows"].map(str),
                "own interval": share(table["own"]),
                "corrected": share(table["corrected"]),
                "optimism, own": table["optimism of own"].map("{:+.3f}".format),
                "corrected ": table["optimism of corrected"].map("{:+.3f}".format),
                "length over own": table["width over own"].map("{:.2f}".format),
                "best are kept": share(table["best are kept"]),
                "models kept": table["models kept"].map("{:.1f}".format),
            }
        )
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=60)
    options = parser.parse_args()
    run = Memory("output/model_selection", verbose=0).cache(simulate)
    rows = []
    for positives in ROWS:
        for n_samples in ROWS[positives]:
            for kind in KINDS:
                sets = run(kind, positives, n_samples, options.sets)
                rows.append(summarise(kind, positives, n_samples, sets))
                print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
