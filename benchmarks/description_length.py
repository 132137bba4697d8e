"""Which rule picks a network's width: log-loss out of fold, BIC or singular description length.

    python benchmarks/description_length.py            # all repetitions, or those not yet made
    python benchmarks/description_length.py --small    # one repetition of two widths, seconds

Labels are drawn from a network of 4 hidden tanh units. Networks of 1 to 16 such units are fitted to
them, so that the truth is among those of 4 units on, and from 8 on it is singular: more parameters
than the function needs. Each rule picks a width from the same rows; what a width is worth is known
exactly. At n beta = n / log n, as here, the description length is the WBIC. Every repetition is
a row of benchmarks/results/description_length.csv. A run that is killed continues from there;
remove the file to start afresh. Writes a summary as JSON.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _grid import finish_grid
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from torch import nn

from sklearn_learnability import select_capacity
from sklearn_learnability.datasets import make_network_classification
from sklearn_learnability.metrics import Minimum, select_by_description_length
from sklearn_learnability.torch import LocalLearningCoefficient

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "description_length.json"
WIDTHS = (1, 2, 4, 8, 16)
N_FEATURES, TRUE_WIDTH = 5, 4
ROWS = (300, 1_000, 3_000)
REPETITIONS = 5
N_TEST = 5_000
NEAR = 0.02
SMALLEST = "log-loss of five folds, one standard error"
RULES = (
    SMALLEST,
    "log-loss of five folds",
    "BIC",
    "singular description length",
    "training loss",
)


def network(width, seed):
    """Return a network of one hidden layer, fitted by L-BFGS; alpha is a normal prior's."""
    return MLPClassifier(
        (width,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=2000, random_state=seed
    )


def as_module(fitted):
    """Return a fitted network of scikit-learn as a module with one logit, in double precision."""
    layers = []
    for weights, bias in zip(fitted.coefs_, fitted.intercepts_, strict=True):
        layer = nn.Linear(*weights.shape, dtype=torch.float64)
        layer.weight.data = torch.tensor(weights.T)
        layer.bias.data = torch.tensor(bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1], nn.Flatten(0))


def minimum_of(fitted, X, y, seed):
    """Return what description length needs to know of a fitted network, in nats."""
    data = torch.tensor(X), torch.tensor(y, dtype=torch.float64)
    estimate = LocalLearningCoefficient(
        nn.BCEWithLogitsLoss(),
        sampler="leimkuhler-matthews",
        n_chains=4,
        n_draws=1000,
        inverse_temperature=len(X) / np.log(len(X)),
        localization=1.0,
        batch_size=len(X),
        random_state=seed,
        progress=False,
    ).estimate(as_module(fitted), data)
    minimum = Minimum(
        nll=estimate.initial_loss,
        llc=max(estimate.value, 0.0),
        n_parameters=estimate.n_parameters,
    )
    return minimum, estimate


def search(X, y, widths, seed):
    """Return the widths picked by the log-loss of five folds."""
    grid = {"hidden_layer_sizes": [(width,) for width in widths]}
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    found = GridSearchCV(network(1, seed), grid, cv=folds, scoring="neg_log_loss", refit=False)
    found = found.fit(X, y).cv_results_
    return {
        SMALLEST: widths[select_capacity("hidden_layer_sizes")(found)],
        "log-loss of five folds": widths[int(np.argmax(found["mean_test_score"]))],
    }


def measure(rows, seed, widths=WIDTHS):
    """Pick a width by every rule on one data set, and return what each width is worth."""
    X, y, truth = make_network_classification(
        rows,
        N_FEATURES,
        n_classes=2,
        n_hidden=TRUE_WIDTH,
        learnability=0.5,
        random_state=seed,
        return_truth=True,
    )
    fresh, _ = truth.sample(N_TEST, random_state=1_000 + seed)
    information = truth.label_entropy() - truth.conditional_entropy()
    row, minima = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.process_time()
        picks = search(X, y, widths, seed)
        row["cpu_seconds_folds"] = time.process_time() - started
        started = time.process_time()
        for width in widths:
            fitted = network(width, seed).fit(X, y)
            minima[str(width)], estimate = minimum_of(fitted, X, y, seed)
            worth = 1 - truth.kl_divergence(fitted.predict_proba(fresh), fresh) / information
            row |= {f"efficiency {width}": worth, f"llc {width}": estimate.value}
            row |= {f"nll {width}": estimate.initial_loss, f"dim {width}": estimate.n_parameters}
            row |= {f"flags {width}": "; ".join(map(str, estimate.flags)) or "none"}
        row["cpu_seconds_llc"] = time.process_time() - started
    return row | {f"pick by {name}": pick for name, pick in picks.items()} | pick(minima, rows)


def pick(minima, rows):
    """Return the widths picked by code lengths, and by the loss alone."""
    chosen = select_by_description_length(minima, rows, units="nats")
    table = chosen.to_frame()
    names = {"BIC": "bic", "singular description length": "code_length", "training loss": "nll"}
    return {
        f"pick by {rule}": int(table["model"][table[column].idxmin()])
        for rule, column in names.items()
    }


def compare(table, widths):
    """Return, by number of rows and rule, what was picked and what it cost."""
    found = []
    for rows, part in table.groupby("rows"):
        worth = part[[f"efficiency {width}" for width in widths]].to_numpy()
        for rule in RULES:
            picked = part[f"pick by {rule}"].to_numpy()
            column = np.searchsorted(widths, picked)[:, None]
            regret = worth.max(axis=1) - np.take_along_axis(worth, column, axis=1)[:, 0]
            found.append(
                {
                    "rows": int(rows),
                    "rule": rule,
                    "true_width": float((picked == TRUE_WIDTH).mean()),
                    "mean_width": float(picked.mean()),
                    "best": float((regret == 0).mean()),
                    "near": float((regret < NEAR).mean()),
                    "regret": float(regret.mean()),
                    "regret_error": float(regret.std(ddof=1) / np.sqrt(max(len(regret), 1)))
                    if len(regret) > 1
                    else float("nan"),
                }
            )
    return pd.DataFrame(found)


def describe_widths(table, widths):
    """Return the coefficient of each width beside half its parameters, and its worth."""
    return [
        {
            "rows": int(rows),
            "width": width,
            "half_the_parameters": float(part[f"dim {width}"].iloc[0] / 2),
            "llc": float(part[f"llc {width}"].mean()),
            "llc_lowest": float(part[f"llc {width}"].min()),
            "llc_highest": float(part[f"llc {width}"].max()),
            "training_nll": float(part[f"nll {width}"].mean()),
            "efficiency": float(part[f"efficiency {width}"].mean()),
            "unflagged": float((part[f"flags {width}"] == "none").mean()),
        }
        for rows, part in table.groupby("rows")
        for width in widths
    ]


def tables(results):
    """Return the tables of the documentation."""
    return {
        "description_rules": description_rules(results),
        "description_widths": description_widths(results),
    }


def description_rules(results):
    """Return how good the widths picked by each rule are."""
    table = pd.DataFrame(results["rules"])
    errors = zip(table["regret"], table["regret_error"], strict=True)
    return pd.DataFrame(
        {
            "rows": table["rows"],
            "width picked by": table["rule"],
            "best picked": table["best"].map("{:.0%}".format),
            "near": table["near"].map("{:.0%}".format),
            "regret": [f"{regret:.3f} ± {error:.3f}" for regret, error in errors],
            "mean width": table["mean_width"].map("{:.1f}".format),
        }
    )


def description_widths(results):
    """Return the coefficient of every width beside half its parameters."""
    table = pd.DataFrame(results["widths"])
    ranges = zip(table["llc"], table["llc_lowest"], table["llc_highest"], strict=True)
    return pd.DataFrame(
        {
            "rows": table["rows"],
            "width": table["width"],
            "half the parameters": table["half_the_parameters"].map("{:.1f}".format),
            "coefficient (lowest to highest)": [
                f"{mean:.1f} ({low:.1f} to {high:.1f})" for mean, low, high in ranges
            ],
            "training loss, nats": table["training_nll"].map("{:.3f}".format),
            "efficiency": table["efficiency"].map("{:.2f}".format),
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="one repetition of two widths")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = ROOT / "output" if options.small else RESULTS.parent
    results.mkdir(exist_ok=True)
    widths = (2, 8) if options.small else WIDTHS
    cells = [
        {"rows": rows, "seed": seed}
        for seed in range(1 if options.small else REPETITIONS)
        for rows in (ROWS[:1] if options.small else ROWS)
    ]
    table = finish_grid(cells, partial(measure, widths=widths), results / "description_length.csv")
    rules = compare(table, widths)
    print(rules.round(3).to_string(index=False))
    by_width = describe_widths(table, widths)
    print(pd.DataFrame(by_width).round(3).to_string(index=False))
    summary = {
        "repetitions": int(table.groupby("rows").size().min()),
        "cpu_seconds_folds": float(table["cpu_seconds_folds"].sum()),
        "cpu_seconds_llc": float(table["cpu_seconds_llc"].sum()),
        "rules": rules.round(4).to_dict("records"),
        "widths": pd.DataFrame(by_width).round(4).to_dict("records"),
    }
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
