"""Learnability from 2, 3, 5 and 51 labels a row, where the odds of every row are known.

    python benchmarks/annotators.py [--draws 100]      # about 25 CPU minutes

Annotators are simulated: every label of a row is drawn from its own odds. Odds are Dirichlet, a few
points, those of generated tables, or the shares of a table of cells. The truth is the learnability
of 300,000 rows. Beside the bracket and the quadratic learnability: the plug-in value, which takes
shares for odds, the same with the correction of Miller and Madow, and the estimator of Zhang, which
cuts the series of the entropy off at k labels. Cells that are done are read from the cache.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from joblib import Memory
from scipy.special import digamma, entr

from sklearn_learnability.datasets import (
    load_military,
    make_learnability_classification,
    make_mixture_classification,
)
from sklearn_learnability.exceptions import DependentLabelsWarning
from sklearn_learnability.metrics import annotator_learnability

RESULTS = Path(__file__).parent / "results" / "annotators.json"
LABELS, ROWS, MANY = (2, 3, 5, 51), (100, 500, 5000), 300_000


def dirichlet(alpha, sure=0.0):
    """Return a draw of odds, a share of them certain."""

    def draw(n_rows, rng):
        odds = rng.dirichlet(alpha, n_rows)
        certain = rng.random(n_rows) < sure
        odds[certain] = np.eye(len(alpha))[rng.integers(len(alpha), size=certain.sum())]
        return odds

    return draw


def points(odds, shares):
    """Return a draw of odds from a few."""
    return lambda n_rows, rng: np.array(odds)[rng.choice(len(odds), n_rows, p=shares)]


def generated(load, **options):
    """Return a draw of the exact posteriors of rows of a generator or a table of cells."""

    def draw(n_rows, rng):
        truth = load(10, random_state=0, return_truth=True, **options)[2]
        X, _ = truth.sample(n_rows, random_state=int(rng.integers(2**31)))
        return truth.predict_proba(X)

    return draw


ODDS = {
    "two classes, beta(.1, .1)": dirichlet([0.1, 0.1]),
    "two classes, beta(2, 2)": dirichlet([2.0, 2.0]),
    "two classes, .02 or .7": points([[0.98, 0.02], [0.3, 0.7]], [0.8, 0.2]),
    "two classes, 0, 1/2 or 1": points([[1, 0], [0.5, 0.5], [0, 1]], [0.45, 0.1, 0.45]),
    "four classes, Dirichlet(.3)": dirichlet(np.full(4, 0.3)),
    "ten classes, 3/4 certain": dirichlet(np.full(10, 0.05), sure=0.75),
    "twenty classes, most rare": dirichlet(np.r_[3.0, np.full(19, 0.05)]),
    "linear generator": generated(make_learnability_classification, learnability=0.3),
    "mixture generator": generated(make_mixture_classification, n_classes=3, learnability=0.5),
    "ranks in the forces": generated(load_military, target="rank"),
}


def learnability(odds):
    """Return the learnability of the log-loss and of the quadratic loss of known odds."""
    frequency = odds.mean(axis=0)
    quadratic = 1 - (1 - (odds**2).sum(axis=1)).mean() / (1 - (frequency**2).sum())
    return 1 - entr(odds).sum(axis=1).mean() / entr(frequency).sum(), quadratic


def peers(counts):
    """Return the plug-in, Miller and Madow's and Zhang's learnability."""
    k = counts.sum(axis=1)
    share = counts / k[:, None]
    whole = entr(share.mean(axis=0)).sum()
    plug_in = entr(share).sum(axis=1)
    corrected = plug_in + ((counts > 0).sum(axis=1) - 1) / (2 * k)
    series = (share * (digamma(k)[:, None] - digamma(np.maximum(counts, 1)))).sum(axis=1)
    return [1 - left.mean() / whole for left in (plug_in, corrected, series)]


def simulate(name, n_labels, n_rows, n_draws):
    """Return one row a draw."""
    rng = np.random.default_rng([n_labels, n_rows, list(ODDS).index(name)])
    rows = []
    for _ in range(n_draws):
        odds = ODDS[name](n_rows, rng)
        counts = rng.multinomial(n_labels, odds / odds.sum(axis=1, keepdims=True))
        started = time.process_time()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", DependentLabelsWarning)
            found = annotator_learnability(counts)
        seconds = time.process_time() - started
        plug_in, miller_madow, zhang = peers(counts)
        rows.append(
            {
                "lower": found.lower,
                "upper": found.upper,
                "quadratic": found.quadratic.value,
                "quadratic lower": found.quadratic.lower,
                "quadratic upper": found.quadratic.upper,
                "plug-in": plug_in,
                "Miller-Madow": miller_madow,
                "Zhang": zhang,
                "warned": bool(told),
                "seconds": seconds,
            }
        )
    return rows


def truth_of(name):
    """Return the learnability of 300,000 rows, by the log-loss and by the quadratic loss."""
    return learnability(ODDS[name](MANY, np.random.default_rng(1)))


def summarise(name, n_labels, n_rows, draws, truth):
    """Return what one cell shows."""
    draws, (log, quadratic) = pd.DataFrame(draws), truth
    inside = (draws["quadratic lower"] <= quadratic) & (quadratic <= draws["quadratic upper"])
    return {
        "odds": name,
        "labels": n_labels,
        "rows": n_rows,
        "draws": len(draws),
        "truth": log,
        "held": ((draws["lower"] <= log) & (log <= draws["upper"])).mean(),
        "lower": draws["lower"].mean(),
        "upper": draws["upper"].mean(),
        **{peer: draws[peer].mean() for peer in ("plug-in", "Miller-Madow", "Zhang")},
        "quadratic truth": quadratic,
        "quadratic": draws["quadratic"].mean(),
        "quadratic spread": draws["quadratic"].std() / np.sqrt(len(draws)),
        "quadratic held": inside.mean(),
        "warned": draws["warned"].mean(),
        "seconds": draws["seconds"].mean(),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    held = table.pivot_table(
        index="odds", columns="labels", values="held", aggfunc="min", sort=False
    )
    held = held.map(lambda share: f"{share:.0%}" if share >= 0.9 else f"**{share:.1%}**")
    held.columns = [f"k={labels}" for labels in held.columns]
    large = table[table["rows"] == table["rows"].max()]
    values = pd.DataFrame(
        {
            "odds": large["odds"],
            "k": large["labels"],
            "truth": large["truth"].map("{:.3f}".format),
            "bracket": large["lower"].map("{:.3f}".format)
            + " to "
            + large["upper"].map("{:.3f}".format),
            **{
                peer: large[peer].map("{:.3f}".format)
                for peer in ("plug-in", "Miller-Madow", "Zhang")
            },
            "CPU-s": large["seconds"].map("{:.2f}".format),
        }
    )
    error = table["quadratic"] - table["quadratic truth"]
    quadratic = table.assign(error=error).groupby(["rows", "labels"], sort=False)
    return {
        "annotators_held": held.reset_index(),
        "annotators_values": values,
        "annotators_quadratic": pd.DataFrame(
            {
                "largest bias": quadratic["error"].apply(lambda e: f"{e.abs().max():.4f}"),
                "its noise": quadratic["quadratic spread"].max().map("{:.4f}".format),
                "least coverage": quadratic["quadratic held"].min().map("{:.1%}".format),
            }
        ).reset_index(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    memory = Memory("output/annotators", verbose=0)
    run, exact = memory.cache(simulate), memory.cache(truth_of)
    rows = []
    for name in ODDS:
        for n_rows in ROWS:
            for n_labels in LABELS:
                draws = run(name, n_labels, n_rows, options.draws)
                rows.append(summarise(name, n_labels, n_rows, draws, exact(name)))
                print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
