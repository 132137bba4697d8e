"""The best of twenty models on the rows that picked it: its own interval, and the corrected one.

    python benchmarks/model_selection.py [--sets 60]       # about 10 CPU minutes

Models are the exact posterior's logit with Gaussian noise, drawn row by row: "equal", all of one
size and apart; "alike", most of the noise shared; "spread", sizes from small to large. Half of the
labels are positive, or 5 %. The ceiling is the exact posterior. For each kind:

- own: share of data sets in which the picked model's own interval holds its true efficiency;
- corrected: the same of the interval of `ModelComparison.best`;
- optimism: mean of the picked model's efficiency less its true one, own and corrected;
- kept: share of data sets in which every truly best model is in `may_be_best`, and how many are.

The first three are of the sets in which the efficiency is defined. The corrected one is undefined
where that of any model that may be best is, and so more often. The table leaves out what is defined
in fewer than half of the sets. Cells that are done are read from the cache.
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
    """Return one row of the table; None where no set has a defined efficiency."""
    truth = true_efficiencies(*KINDS[kind], positives)
    kept = [row["kept"] for row in sets]
    truly_best = {i for i in range(N_MODELS) if truth[i] > truth.max() - 1e-9}
    table = pd.DataFrame(sets)
    table["true"] = truth[table["model"]]
    own, corrected = table.dropna(subset=["own"]), table.dropna(subset=["corrected"])
    own_width = corrected["own_upper"] - corrected["own_lower"]
    return {
        "models": kind,
        "positives": positives,
        "rows": n_samples,
        "sets": len(sets),
        "own defined": len(own) / len(sets),
        "corrected defined": len(corrected) / len(sets),
        "own": own["true"].between(own["own_lower"], own["own_upper"]).mean(),
        "corrected": corrected["true"].between(corrected["lower"], corrected["upper"]).mean(),
        "own optimism": (own["own"] - own["true"]).mean(),
        "corrected optimism": (corrected["corrected"] - corrected["true"]).mean(),
        "width over own": ((corrected["upper"] - corrected["lower"]) / own_width).median(),
        "best are kept": np.mean([truly_best <= set(names) for names in kept]),
        "models kept": np.mean([len(names) for names in kept]),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])

    def share(values):
        return values.map(lambda value: f"{value:.1%}" if value >= 0.93 else f"**{value:.1%}**")

    def mostly(kind, cells):
        return cells.where(table[f"{kind} defined"] >= 0.5, "-")

    shown = {
        "models": table["models"],
        "positives": table["positives"].map("{:.0%}".format),
        "rows": table["rows"].map("{:,}".format),
    }
    for kind in ("own", "corrected"):
        shown[f"{kind}: defined"] = table[f"{kind} defined"].map("{:.0%}".format)
        shown[f"{kind}: holds"] = mostly(kind, share(table[kind]))
        optimism = table[f"{kind} optimism"].map("{:+.3f}".format)
        shown[f"{kind}: optimism"] = mostly(kind, optimism)
    shown["length over own"] = mostly("corrected", table["width over own"].map("{:.2f}".format))
    shown["best are kept"] = share(table["best are kept"])
    shown["models kept"] = table["models kept"].map("{:.1f}".format)
    return {"model_selection": pd.DataFrame(shown)}


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
