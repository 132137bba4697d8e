"""The paper's two results on networks of growing width: what holds, and when it does not.

    python benchmarks/paper_learnability.py            # 1,584 networks, or those not yet trained
    python benchmarks/paper_learnability.py --report   # from what is finished; trains none
    python benchmarks/paper_learnability.py --small    # 48 networks, a minute or two

Networks of two hidden layers learn from 2,000 rows of the linear-logistic construction, whose
posterior is known, in three ways: for a fixed number of epochs, with early stopping, and with
weight decay. Every trained network is a row of benchmarks/results/paper_learnability.csv. A run
that is killed continues from there; remove the file to start afresh. Writes four figures, the
tables of the documentation and a summary as JSON.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
from _grid import finish_grid, finished_cells
from _networks import MLP
from _paper_claims import CLAIMS, DATA_SET, judge, outcomes
from _paper_figures import draw
from _results import records
from sklearn.metrics import accuracy_score, f1_score

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import ZeroProbabilityWarning
from sklearn_learnability.metrics import cross_fit_calibration

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "paper_learnability.json"
N_FEATURES, N_STRUCTURED = 10, 5
N_TRAIN, N_TEST = 2_000, 10_000
EPOCHS = 60
ARMS = {
    "fixed epochs": {},
    "early stopping": {"early_stopping": True},
    "weight decay": {"weight_decay": 0.01},
}
# claims shown beside the efficiencies of each way of training
BESIDE = {
    "fixed epochs": ["Converged"],
    "early stopping": ["Early stopping: flat", "Early stopping: helps"],
    "weight decay": ["Weight decay: flat", "Weight decay: helps"],
}
TITLES = {
    "features": "Features",
    "sparsity": "Active",
    "strength": "Strength",
    "learnability": "Learnability",
    "width": "Width",
    "f1": "F1",
    "nll": "NLL (bits)",
    "calibrated_nll": "Calibrated NLL",
    "efficiency": "Efficiency",
    "calibrated_efficiency": "Calibrated efficiency",
}
CLAIM_TITLES = {
    "claim": "Claim",
    "third": "Paper says so for",
    "holds": "Holds here",
    "low": "Low",
    "medium": "Medium",
    "high": "High",
}
# every feature part meets every setting; the side parts, only all features active and two arms
FEATURES, SIDE_FEATURES = ("gaussian", "heavy-tailed"), ("bounded", "low-variance")


def grid(small):
    """Return the cells, seed by seed, the cheap ones of a seed first."""
    widths = (32, 256) if small else (32, 64, 128, 256, 512, 1024)
    strengths = (0.5, 4.0) if small else (0.5, 1.5, 4.0, 10.0)
    sparsities = (1.0,) if small else (1.0, 0.5, 0.1)
    features = FEATURES if small else FEATURES + SIDE_FEATURES
    return [
        {
            "features": part,
            "arm": arm,
            "width": width,
            "strength": strength,
            "sparsity": sparsity,
            "seed": seed,
        }
        for seed in range(2 if small else 3)
        for width in widths
        for part in features
        for sparsity in sparsities
        for strength in strengths
        for arm in ARMS
        if part in FEATURES or (sparsity == 1 and arm != "weight decay")
    ]


def measure(features, arm, width, strength, sparsity, seed):
    """Train one network and compare it with the truth on fresh rows; entropies in bits."""
    structured = {} if features == "gaussian" else {"structure": features}
    X, y, truth = make_learnability_classification(
        N_TRAIN,
        N_FEATURES,
        n_structured=N_STRUCTURED if structured else 0,
        **structured,
        n_active=round(sparsity * N_FEATURES),
        signal_location="structured",
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


def by_width(table):
    """Return means over the draws by width where every feature is active; losses in bits."""
    measures = ["f1", "nll", "calibrated_nll", "efficiency", "calibrated_efficiency"]
    dense = table[table["features"].isin(FEATURES) & (table["sparsity"] == 1)]
    dense = dense[dense["arm"] == "fixed epochs"]
    groups = [*DATA_SET, "learnability", "width"]
    return dense.groupby(groups)[measures].mean().reset_index()


def efficiencies(table):
    """Return the mean efficiency as trained of every data set and arm, a column a width."""
    means = table.pivot_table(
        index=["arm", *DATA_SET, "learnability"], columns="width", values="efficiency", sort=False
    )
    return means.rename(columns=str).reset_index()


def tables(results):
    """Return the tables of the documentation, data sets in the order of their learnability."""
    found = pd.DataFrame(results["outcomes"]).fillna({"half": float("inf")})  # of a single draw
    found = found.sort_values("learnability", kind="stable")
    keys = [*DATA_SET, "learnability"]
    judged = found.pivot_table(
        index=keys, columns="claim", values="outcome", aggfunc="first", sort=False
    )
    of_paper = [claim.name for claim in CLAIMS if claim.third != "not claimed"]
    widths = pd.DataFrame(results["by_width"])
    numbers = widths.columns[5:]
    shown = {
        "paper_claims": pd.DataFrame(results["claims"]).rename(columns=CLAIM_TITLES),
        "paper_data_sets": label(judged[of_paper].reset_index()),
        "paper_by_width": label(widths.assign(**widths[numbers].map("{:.3f}".format))).drop(
            columns="Active"
        ),
    }
    rates = pd.DataFrame(results["efficiencies"]).sort_values("learnability", kind="stable")
    for arm, claims in BESIDE.items():
        of_arm = rates[rates["arm"] == arm].drop(columns="arm")
        of_arm = of_arm.assign(**of_arm.iloc[:, len(keys) :].map("{:.2f}".format))
        for claim, title in zip(claims, ("Farthest two", "Excess taken away"), strict=False):
            of_arm = of_arm.merge(with_intervals(found, claim, title), on=DATA_SET)
        shown["paper_" + arm.replace(" ", "_")] = label(of_arm)
    return shown


def with_intervals(found, claim, title):
    """Return a claim's statistic, its interval and the outcome as text, by data set."""
    rows = found[found["claim"] == claim]
    text = [f"{row.value:.2f} ± {row.half:.2f} ({row.outcome})" for row in rows.itertuples()]
    return rows[DATA_SET].assign(**{title: text})


def label(table):
    """Return a table of data sets as the documentation heads it."""
    rounded = table.assign(
        learnability=table["learnability"].map("{:.3f}".format),
        sparsity=(table["sparsity"] * N_FEATURES).round().astype(int),
    )
    return rounded.rename(columns=TITLES)


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

    claims = judge(table)
    print(claims.to_string(index=False, max_colwidth=100))
    print(efficiencies(table).round(3).to_string(index=False))
    print(
        f"{len(table)} of {len(cells)} networks, {table['cpu_seconds'].sum():.0f} CPU-seconds of "
        f"training; {table['hit_floor'].sum()} gave some row probability 0."
    )
    draw(table, figures)
    summary = {
        "n_networks": len(table),
        "cpu_seconds": round(table["cpu_seconds"].sum()),
        "n_train": N_TRAIN,
        "n_test": N_TEST,
        "epochs": EPOCHS,
        "hit_floor": int(table["hit_floor"].sum()),
        "claims": claims.to_dict("records"),
        "outcomes": records(outcomes(table), 4),
        "efficiencies": records(efficiencies(table), 4),
        "by_width": records(by_width(table), 4),
    }
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
