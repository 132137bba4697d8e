"""The paper's two results on networks of growing width: what holds, and when it does not.

    python benchmarks/paper_learnability.py            # 300 networks, or those not yet trained
    python benchmarks/paper_learnability.py --report   # from what is finished; trains none
    python benchmarks/paper_learnability.py --small    # 24 networks, under a minute

Networks of two hidden layers learn from 2,000 rows of the linear-logistic construction, whose
posterior is known, in three ways: for a fixed number of epochs, with early stopping, and with
weight decay. Every trained network is a row of benchmarks/results/paper_learnability.csv. A run
that is killed continues from there; remove the file to start afresh. Writes three figures, the
tables of the documentation and a summary as JSON.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import _paper_report as report
import pandas as pd
import torch
from _grid import finish_grid, finished_cells
from _networks import MLP
from _results import records
from sklearn.metrics import accuracy_score, f1_score

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import ZeroProbabilityWarning
from sklearn_learnability.metrics import cross_fit_calibration

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "paper_learnability.json"
N_FEATURES = 10
N_TRAIN, N_TEST = 2_000, 10_000
EPOCHS = 60
ARMS = {
    "fixed epochs": {},
    "early stopping": {"early_stopping": True},
    "weight decay": {"weight_decay": 0.01},
}


def grid(small):
    """Return the cells, the cheap ones first; the widest network skips the middle sparsity."""
    widths = (32, 256) if small else (32, 128, 512, 1024)
    strengths = (0.5, 4.0) if small else (0.5, 1.5, 4.0, 10.0)
    sparsities = (1.0,) if small else (1.0, 0.5, 0.1)
    seeds = range(2 if small else 3)
    cells = [
        {"arm": arm, "width": width, "strength": strength, "sparsity": sparsity, "seed": seed}
        for width in widths
        for seed in seeds
        for sparsity in sparsities
        for strength in strengths
        for arm in ARMS
        if arm != "weight decay" or (sparsity == 1 and strength in report.LEVELS)
        if width < 1024 or sparsity != 0.5
    ]
    return sorted(cells, key=lambda cell: cell["width"] == 1024 and cell["sparsity"] < 1)


def measure(arm, width, strength, sparsity, seed):
    """Train one network and compare it with the truth on fresh rows; entropies in bits."""
    X, y, truth = make_learnability_classification(
        N_TRAIN,
        N_FEATURES,
        n_structured=0,
        n_active=round(sparsity * N_FEATURES),
        signal_strength=strength,
        random_state=seed,
        return_truth=True,
    )
    fresh, labels = truth.sample(N_TEST, random_state=1_000 + seed)
    started = time.process_time()
    model = MLP(width, max_epochs=EPOCHS, random_state=seed, **ARMS[arm]).fit(X, y)
    seconds = time.process_time() - started
    proba = model.predict_proba(fresh)
    calibrated = cross_fit_calibration(labels, proba, random_state=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ZeroProbabilityWarning)
        excess = truth.kl_divergence(proba, fresh)
    calibrated_excess = truth.kl_divergence(calibrated, fresh)
    information = truth.label_entropy() - truth.conditional_entropy()
    predicted = proba.argmax(axis=1)
    return {
        "learnability": truth.learnability,
        "conditional_entropy": truth.conditional_entropy(),
        "f1": f1_score(labels, predicted),
        "accuracy": accuracy_score(labels, predicted),
        "nll": truth.conditional_entropy() + excess,
        "calibrated_nll": truth.conditional_entropy() + calibrated_excess,
        "efficiency": 1 - excess / information,
        "calibrated_efficiency": 1 - calibrated_excess / information,
        "n_epochs": model.n_epochs_,
        "hit_floor": bool(caught),
        "cpu_seconds": seconds,
    }


def tables(results):
    """Return the tables of the documentation."""
    claims = pd.DataFrame(results["claims"])
    by_width = pd.DataFrame(results["by_width"])
    names = {
        "arm": "Training",
        "level": "Learnability",
        "width": "Width",
        "f1": "F1",
        "nll": "NLL (bits)",
        "calibrated_nll": "Calibrated NLL",
        "efficiency": "Efficiency",
        "calibrated_efficiency": "Calibrated efficiency",
    }
    shown = by_width[list(names)].rename(columns=names)
    numbers = shown.columns[3:]
    titles = {"claim": "Claim", "holds": "Holds here", "evidence": "Numbers"}
    return {
        "paper_claims": claims.rename(columns=titles),
        "paper_by_width": shown.assign(**shown[numbers].map("{:.3f}".format)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few, small networks")
    parser.add_argument("--report", action="store_true", help="report what is finished")
    options = parser.parse_args()
    # moments of vanished gradients are slow otherwise; for the whole process, hence only here
    torch.set_flush_denormal(True)

    cells = grid(options.small)
    if options.small:
        results = figures = ROOT / "output"
        results.mkdir(exist_ok=True)
    else:
        results, figures = RESULTS.parent, ROOT / "docs" / "_static"
    path = results / "paper_learnability.csv"
    table = finished_cells(cells, path) if options.report else finish_grid(cells, measure, path)

    claims = report.judge(table)
    print(claims.to_string(index=False, max_colwidth=100))
    by_width = report.summarise(table)
    print(by_width.round(3).to_string(index=False))
    print(
        f"{len(table)} of {len(cells)} networks, {table['cpu_seconds'].sum():.0f} CPU-seconds of "
        f"training; {table['hit_floor'].sum()} gave some row probability 0."
    )
    report.draw(table, figures)
    summary = {
        "n_networks": len(table),
        "cpu_seconds": round(table["cpu_seconds"].sum()),
        "n_train": N_TRAIN,
        "n_test": N_TEST,
        "epochs": EPOCHS,
        "hit_floor": int(table["hit_floor"].sum()),
        "claims": claims.to_dict("records"),
        "by_width": records(by_width),
    }
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
