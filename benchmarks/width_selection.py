"""Which score should pick the width of a network: how often each finds the truly best one.

    python benchmarks/width_selection.py            # 100 searches, or those not yet made
    python benchmarks/width_selection.py --report   # from what is finished; searches nothing
    python benchmarks/width_selection.py --small    # 4 searches, seconds

Each repetition draws a data set, estimates its ceiling, and searches the width of a network in five
folds by GridSearchCV; rules then pick a width from the same search. What each width is worth is
known: it is refitted on all rows and compared with the exact posterior. Every repetition is a row
of benchmarks/results/width_selection.csv. A run that is killed continues from there; remove the
file to start afresh. Writes the tables of the documentation and a summary as JSON.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from _grid import finish_grid, finished_cells
from _results import records
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling, select_capacity
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
)
from sklearn_learnability.metrics import cross_fit_calibration

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "width_selection.json"
WIDTHS = (8, 16, 32, 64, 128)
REPETITIONS = 50
N_TRAIN, N_TEST = 1_000, 5_000
EPOCHS = 60
FAMILY = ["prior", "logistic", "splines"]
PROBLEMS = {
    "linear": partial(
        make_learnability_classification, n_features=10, n_structured=0, learnability=0.25
    ),
    "interactions": partial(
        make_interaction_classification, n_features=5, n_blocks=1, learnability=0.3
    ),
}
NEAR = 0.02  # of the best width's efficiency


def largest_mean(cv_results, metric):
    """Return the index of the candidate with the largest mean score."""
    return int(np.argmax(cv_results[f"mean_test_{metric}"]))


def rule_pair(metric):
    """Return the rules that take the best score and the smallest within one standard error."""
    return partial(largest_mean, metric=metric), select_capacity(
        "hidden_layer_sizes", metric=metric
    )


RULES = {
    "accuracy": rule_pair("accuracy")[0],
    "F1": rule_pair("f1")[0],
    "log-loss": rule_pair("neg_log_loss")[0],
    "log-loss, one standard error": rule_pair("neg_log_loss")[1],
    "efficiency": rule_pair("efficiency")[0],
    "efficiency, one standard error": rule_pair("efficiency")[1],
    "calibrated efficiency": rule_pair("calibrated")[0],
    "calibrated efficiency, one standard error": rule_pair("calibrated")[1],
}


def network_and_grid(widths, seed):
    """Return the network and the widths to search."""
    network = MLPClassifier(
        max_iter=EPOCHS, batch_size=200, alpha=0, n_iter_no_change=EPOCHS, random_state=seed
    )
    return network, {"hidden_layer_sizes": [(width, width) for width in widths]}


def search_widths(X, y, ceiling, widths, seed, **options):
    """Return a fitted search; `options` go to GridSearchCV."""
    network, grid = network_and_grid(widths, seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    search = GridSearchCV(network, grid, cv=folds, **options)
    return search.fit(X, y, reference_nll=ceiling.oof_nll_)


def paired_scorer(ceiling, calibration=None):
    """Return an efficiency scorer that is paired with the ceiling, row by row."""
    scorer = EfficiencyScorer(ceiling, calibration=calibration)
    return scorer.set_score_request(reference_nll=True)


def measure(problem, seed, widths=WIDTHS, n_train=N_TRAIN):
    """Search the width once, and return the picks and what every width is worth."""
    started = time.process_time()
    X, y, truth = PROBLEMS[problem](n_train, random_state=seed, return_truth=True)
    ceiling = GoldenModelCeiling(FAMILY, random_state=seed).fit(X, y)
    scoring = {
        "accuracy": "accuracy",
        "f1": "f1",
        "neg_log_loss": "neg_log_loss",
        "efficiency": paired_scorer(ceiling),
        "calibrated": paired_scorer(ceiling, "affine"),
    }
    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = search_widths(X, y, ceiling, widths, seed, scoring=scoring, refit=False)
        worth = worth_of_widths(X, y, truth, widths, seed)
    found = search.cv_results_
    picks = {f"pick by {name}": widths[rule(found)] for name, rule in RULES.items()}
    return (
        {"learnability": truth.learnability, "ceiling": ceiling.learnability_}
        | worth
        | picks
        | standard_errors(found, ceiling)
        | {"cpu_seconds": time.process_time() - started}
    )


def worth_of_widths(X, y, truth, widths, seed):
    """Return the noise-free efficiency of each width fitted on all rows, raw and calibrated."""
    fresh, labels = truth.sample(N_TEST, random_state=1_000 + seed)
    information = truth.label_entropy() - truth.conditional_entropy()
    network, grid = network_and_grid(widths, seed)
    worth = {}
    for width, sizes in zip(widths, grid["hidden_layer_sizes"], strict=True):
        model = clone(network).set_params(hidden_layer_sizes=sizes).fit(X, y)
        proba = model.predict_proba(fresh)
        calibrated = cross_fit_calibration(labels, proba, random_state=seed)
        worth[f"efficiency {width}"] = 1 - truth.kl_divergence(proba, fresh) / information
        worth[f"calibrated {width}"] = 1 - truth.kl_divergence(calibrated, fresh) / information
    return worth


def standard_errors(cv_results, ceiling):
    """Return the best candidate's standard error, paired with the ceiling and not."""
    best = largest_mean(cv_results, "efficiency")
    information = np.log(2) * (ceiling.label_entropy_ - ceiling.nll_)
    splits = np.array(
        [
            [cv_results[f"split{k}_test_{metric}"][best] for k in range(5)]
            for metric in ("efficiency", "neg_log_loss")
        ]
    )
    paired, alone = splits.std(axis=1, ddof=1) / np.sqrt(5)
    return {"standard_error": paired, "standard_error_alone": alone / information}


def regret_of(worth, picked, widths):
    """Return what the picked widths are worth less than the best ones, repetition by repetition."""
    column = np.searchsorted(widths, picked)[:, None]
    return worth.max(axis=1) - np.take_along_axis(worth, column, axis=1)[:, 0]


def standard_error(values):
    """Return the standard error of the mean."""
    return values.std(ddof=1) / np.sqrt(len(values))


def compare_rules(table, widths):
    """Return, for each problem and rule, how good its picks are; efficiencies are the truth's."""
    rows = []
    for problem, part in table.groupby("problem", sort=False):
        worth = part[[f"efficiency {width}" for width in widths]].to_numpy()
        calibrated = part[[f"calibrated {width}" for width in widths]].to_numpy()
        picks = {name: part[f"pick by {name}"].to_numpy() for name in RULES}
        picks |= {f"always {width}": np.full(len(part), width) for width in (widths[0], widths[-1])}
        by_log_loss = regret_of(worth, picks["log-loss"], widths)
        for name, picked in picks.items():
            regret = regret_of(worth, picked, widths)
            rows.append(
                {
                    "problem": problem,
                    "rule": name,
                    "best": (regret == 0).mean(),
                    "near": (regret < NEAR).mean(),
                    "regret": regret.mean(),
                    "regret_error": standard_error(regret),
                    "more_than_log_loss": (regret - by_log_loss).mean(),
                    "more_than_log_loss_error": standard_error(regret - by_log_loss),
                    "largest_regret": regret.max(),
                    "calibrated_regret": regret_of(calibrated, picked, widths).mean(),
                    "mean_width": picked.mean(),
                }
            )
    return pd.DataFrame(rows)


def summarise(table, rules, widths):
    """Return the numbers of the JSON."""
    worth = {}
    for problem, part in table.groupby("problem", sort=False):
        best = part[[f"efficiency {width}" for width in widths]].idxmax(axis=1)
        worth[problem] = [
            {
                "width": width,
                "efficiency": round(part[f"efficiency {width}"].mean(), 4),
                "calibrated_efficiency": round(part[f"calibrated {width}"].mean(), 4),
                "best_in": int((best == f"efficiency {width}").sum()),
            }
            for width in widths
        ]
    same = table["pick by efficiency"] == table["pick by log-loss"]
    return {
        "repetitions": int(table.groupby("problem").size().min()),
        "n_train": N_TRAIN,
        "cpu_seconds": round(table["cpu_seconds"].sum()),
        "same_pick_by_efficiency_and_log_loss": round(same.mean(), 4),
        "standard_error_paired": round(table["standard_error"].mean(), 4),
        "standard_error_alone": round(table["standard_error_alone"].mean(), 4),
        "worth": worth,
        "rules": records(rules),
    }


def with_error(part, name, form):
    """Return a column of means with their standard errors, as text."""
    pairs = zip(part[name], part[f"{name}_error"], strict=True)
    return [form.format(mean, error).replace(" ", "\N{NO-BREAK SPACE}") for mean, error in pairs]


def tables(results):
    """Return the tables of the documentation, one a problem."""
    rules = pd.DataFrame(results["rules"])
    shown = {}
    for problem, part in rules.groupby("problem", sort=False):
        shown[f"width_selection_{problem}"] = pd.DataFrame(
            {
                "Width picked by": part["rule"],
                "Best picked": part["best"].map("{:.0%}".format),
                "Regret": with_error(part, "regret", "{:.3f} ± {:.3f}"),
                "More than log-loss": with_error(part, "more_than_log_loss", "{:+.3f} ± {:.3f}"),
                "Calibrated regret": part["calibrated_regret"].map("{:.3f}".format),
                "Mean width": part["mean_width"].map("{:.0f}".format),
            }
        )
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few searches of few widths")
    parser.add_argument("--report", action="store_true", help="report what is finished")
    options = parser.parse_args()

    results = ROOT / "output" if options.small else RESULTS.parent
    results.mkdir(exist_ok=True)
    path = results / "width_selection.csv"
    widths = (8, 64) if options.small else WIDTHS
    repetitions = 2 if options.small else REPETITIONS
    cells = [
        {"problem": problem, "seed": seed} for seed in range(repetitions) for problem in PROBLEMS
    ]
    if options.report:
        table = finished_cells(cells, path)
    else:
        table = finish_grid(cells, partial(measure, widths=widths), path)
    rules = compare_rules(table, widths)
    print(rules.round(3).to_string(index=False))
    summary = summarise(table, rules, widths)
    print(json.dumps({key: value for key, value in summary.items() if key != "rules"}, indent=1))
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
