"""Which score should pick a model's capacity, and what calibrating the pick adds.

    python benchmarks/width_selection.py            # all searches, or those not yet made
    python benchmarks/width_selection.py --report   # from what is finished; searches nothing
    python benchmarks/width_selection.py --small    # two searches of each kind, two minutes

Each repetition draws 600 rows of one of three problems and searches the width of a network that is
trained for a fixed number of epochs, or the leaves of boosted trees, in five folds. Rules pick from
the same out-of-fold probabilities; the pick is deployed as it is, or calibrated on these rows by
CalibratedNLL. What is deployed is compared with the exact posterior: no label is used beyond the
600. A plain search of the boosted trees, one of calibrated models and a calibrated search are also
fitted as they stand, and what each says of itself is compared with its true loss. Every repetition
is a row of benchmarks/results/width_selection.csv or width_selection_recipes.csv. A run that is
killed continues from there; remove the files to start afresh. Writes a summary as JSON.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid, finished_cells
from _results import cpu_seconds, records
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from sklearn_learnability import CalibratedNLL, select_capacity
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
    make_mixture_classification,
)
from sklearn_learnability.metrics import cross_fit_calibration, log_loss_per_sample

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "width_selection.json"
REPETITIONS = {"network": 6, "boosting": 15}
RECIPE_REPETITIONS = 3
BIT = np.log(2)  # nats
DEPLOYED = ("raw", "calibrated")
N_TRAIN, N_TEST, N_FOLDS = 600, 5_000, 5
EPOCHS = 60
PROBLEMS = {
    "linear": partial(
        make_learnability_classification, n_features=10, n_structured=0, learnability=0.25
    ),
    "interactions": partial(
        make_interaction_classification, n_features=5, n_blocks=1, learnability=0.3
    ),
    "mixture": partial(make_mixture_classification, n_features=5, n_clusters=2, learnability=0.4),
}
LEARNERS = {
    "network": (
        MLPClassifier(max_iter=EPOCHS, n_iter_no_change=EPOCHS, batch_size=200, alpha=0),
        "hidden_layer_sizes",
        {width: (width, width) for width in (8, 32, 64, 128)},
    ),
    "boosting": (
        XGBClassifier(n_estimators=50, max_depth=0, grow_policy="lossguide", n_jobs=1),
        "max_leaves",
        {leaves: leaves for leaves in (2, 4, 8, 16)},
    ),
}


def best_mean(found, metric):
    """Return the index of the candidate with the largest mean score."""
    return int(np.argmax(found[f"mean_test_{metric}"]))


def within_error_of_best(found, metric):
    """Return the smallest candidate within one standard error of the best one's own mean."""
    means = found[f"mean_test_{metric}"]
    scores = np.array([found[f"split{k}_test_{metric}"] for k in range(N_FOLDS)])
    error = scores[:, means.argmax()].std(ddof=1) / np.sqrt(N_FOLDS)
    return int(np.flatnonzero(means >= means.max() - error)[0])


RULES = {
    "accuracy": partial(best_mean, metric="accuracy"),
    "log-loss": partial(best_mean, metric="neg_log_loss"),
    "log-loss, one standard error": partial(within_error_of_best, metric="neg_log_loss"),
    "paired with the truth, one standard error": partial(within_error_of_best, metric="paired"),
    "one standard error of the difference": select_capacity("capacity", metric="neg_log_loss"),
    "calibrated loss of each fold": partial(best_mean, metric="calibrated_by_fold"),
    "calibrated loss": partial(best_mean, metric="calibrated"),
}

RECIPES = {
    "search": lambda model, name, values: log_loss_search(model, {name: values}),
    "search of calibrated models": lambda model, name, values: log_loss_search(
        CalibratedNLL(model, random_state=0), {f"estimator__{name}": values}
    ),
    "calibrated search": lambda model, name, values: CalibratedNLL(
        log_loss_search(model, {name: values}), random_state=0
    ),
}


def log_loss_search(model, grid):
    """Return a search by log-loss."""
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    return GridSearchCV(model, grid, scoring="neg_log_loss", cv=folds)


def candidates(learner, seed):
    """Return a model for each capacity."""
    model, name, settings = LEARNERS[learner]
    return {
        capacity: clone(model).set_params(**{name: setting, "random_state": seed})
        for capacity, setting in settings.items()
    }


def measure(problem, learner, seed):
    """Search the capacity once, and return the picks and what every capacity is worth."""
    started = time.process_time()
    X, y, truth = PROBLEMS[problem](N_TRAIN, random_state=seed, return_truth=True)
    fresh, _ = truth.sample(N_TEST, random_state=1_000 + seed)
    information = truth.label_entropy() - truth.conditional_entropy()
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)

    def efficiency(model):
        return 1 - truth.kl_divergence(model.predict_proba(fresh), fresh) / information

    row = {"label_entropy": truth.label_entropy(), "information": information}
    models = candidates(learner, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        row["seconds calibrated loss"], fitted = cpu_seconds(
            lambda: {c: CalibratedNLL(model, cv=folds).fit(X, y) for c, model in models.items()}
        )
        for capacity, model in fitted.items():
            row[f"raw {capacity}"] = efficiency(model.estimator_)
            row[f"calibrated {capacity}"] = efficiency(model)
            row[f"nll {capacity}"] = model.nll_
            row[f"calibrated nll {capacity}"] = model.calibrated_nll_
        found = results_of(fitted, X, y, folds, log_loss_per_sample(y, truth.predict_proba(X)))
        picks = {name: list(models)[rule(found)] for name, rule in RULES.items()}
        row |= {f"pick by {name}": capacity for name, capacity in picks.items()}
        peer = CalibratedClassifierCV(models[picks["log-loss"]], cv=folds).fit(X, y)
        row["CalibratedClassifierCV"] = efficiency(peer)
    return row | {"cpu_seconds": time.process_time() - started}


def results_of(fitted, X, y, folds, reference):
    """Return what GridSearchCV would have of the same folds, from out-of-fold probabilities.

    `reference` are the losses of the exact posterior: no ceiling pairs better.
    """
    tests = [test for _, test in folds.split(X, y)]
    scores = {name: [] for name in ("accuracy", "neg_log_loss", "paired", "calibrated_by_fold")}
    for model in fitted.values():
        proba = model.oof_proba_
        right = proba.argmax(axis=1) == y
        loss = log_loss_per_sample(y, proba)
        scores["accuracy"].append([right[test].mean() for test in tests])
        scores["neg_log_loss"].append([-loss[test].mean() for test in tests])
        scores["paired"].append([(reference - loss)[test].mean() for test in tests])
        scores["calibrated_by_fold"].append([-calibrated_loss(y[t], proba[t]) for t in tests])
    found = {"params": [{"capacity": capacity} for capacity in fitted]}
    for name, table in scores.items():
        found |= {f"split{k}_test_{name}": column for k, column in enumerate(np.array(table).T)}
        found[f"mean_test_{name}"] = np.mean(table, axis=1)
    found["mean_test_calibrated"] = np.array([-m.calibrated_nll_ for m in fitted.values()])
    return found


def calibrated_loss(y, proba):
    """Return the loss after calibration cross-fitted within the given rows."""
    return log_loss_per_sample(y, cross_fit_calibration(y, proba, random_state=0)).mean()


def measure_recipe(problem, recipe, seed):
    """Fit a recipe for boosted trees; return what it deploys, what it says of it, and its cost."""
    X, y, truth = PROBLEMS[problem](N_TRAIN, random_state=seed, return_truth=True)
    fresh, _ = truth.sample(N_TEST, random_state=1_000 + seed)
    information = truth.label_entropy() - truth.conditional_entropy()
    model, name, settings = LEARNERS["boosting"]
    model = clone(model).set_params(random_state=seed)
    seconds, fitted = cpu_seconds(RECIPES[recipe](model, name, list(settings.values())).fit, X, y)
    lost = truth.kl_divergence(fitted.predict_proba(fresh), fresh)
    said = fitted.calibrated_nll_ if recipe == "calibrated search" else -fitted.best_score_ / BIT
    return {
        "efficiency": 1 - lost / information,
        "loss": truth.conditional_entropy() + lost,
        "said": said,
        "cpu_seconds": seconds,
    }


def deployed(part, rule, how):
    """Return the efficiency of what the rule picked, repetition by repetition."""
    picks = part[f"pick by {rule}"]
    return np.array([part.at[index, f"{how} {pick}"] for index, pick in picks.items()])


def standard_error(values):
    """Return the standard error of the mean."""
    return values.std(ddof=1) / np.sqrt(len(values))


def compare_rules(table):
    """Return, by learner and problem, what each pick is worth as it is and calibrated."""
    rows = []
    for (learner, problem), part in table.groupby(["learner", "problem"], sort=False):
        plain = deployed(part, "log-loss", "raw")
        worth = {(rule, how): deployed(part, rule, how) for how in DEPLOYED for rule in RULES}
        worth["log-loss", "CalibratedClassifierCV"] = part["CalibratedClassifierCV"].to_numpy()
        largest = list(LEARNERS[learner][2])[-1]
        worth |= {("the largest", how): part[f"{how} {largest}"].to_numpy() for how in DEPLOYED}
        for (rule, how), values in worth.items():
            rows.append(
                {
                    "learner": learner,
                    "problem": problem,
                    "rule": rule,
                    "deployed": how,
                    "draws": len(part),
                    "efficiency": values.mean(),
                    "gain": (values - plain).mean(),
                    "gain_error": standard_error(values - plain),
                }
            )
    return pd.DataFrame(rows)


def compare_recipes(table):
    """Return what each recipe is worth, how far its own number is from its true loss, and costs."""
    plain = table[table["recipe"] == "search"].set_index(["problem", "seed"])["efficiency"]
    rows = []
    for recipe, part in table.groupby("recipe", sort=False):
        part = part.set_index(["problem", "seed"])
        gain, off = part["efficiency"] - plain, part["said"] - part["loss"]
        rows.append(
            {
                "recipe": recipe,
                "draws": len(part),
                "gain": gain.mean(),
                "gain_error": standard_error(gain),
                "said_less_true": off.mean(),
                "said_less_true_error": standard_error(off),
                "cpu_seconds": part["cpu_seconds"].mean(),
            }
        )
    return pd.DataFrame(rows)


def with_error(part, name):
    """Return a column of means with their standard errors, as text."""
    pairs = zip(part[name], part[f"{name}_error"], strict=True)
    return [f"{mean:+.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{error:.3f}" for mean, error in pairs]


def tables(results):
    """Return the tables of the documentation."""
    rules = pd.DataFrame(results["rules"])
    shown = {}
    for learner, part in rules.groupby("learner", sort=False):
        shown[f"width_selection_{learner}"] = rules_table(part)
    pooled = pd.DataFrame(results["pooled_over_problems"])
    shown["width_selection_calibrated"] = pd.DataFrame(
        {
            "Learner": pooled["learner"],
            "Calibrating the pick of the log-loss": with_error(pooled, "calibrated"),
            "Picking by the calibrated loss as well": with_error(pooled, "picked_so_too"),
        }
    )
    recipes = pd.DataFrame(results["recipes"])
    shown["width_selection_recipes"] = pd.DataFrame(
        {
            "Fitted": recipes["recipe"],
            "Efficiency above the search": with_error(recipes, "gain"),
            "Own number less true loss, bits": with_error(recipes, "said_less_true"),
            "CPU-seconds": recipes["cpu_seconds"].map("{:.1f}".format),
        }
    )
    return shown


def rules_table(part):
    """Return what each rule gains on the plain search; the first row is what that is worth."""
    columns = {}
    for problem, own in part.groupby("problem", sort=False):
        cells = with_error(own, "gain")
        plain = (own["rule"] == "log-loss") & (own["deployed"] == "raw")
        worth = own["efficiency"].map("{:.3f}".format)
        columns[f"{problem}, {own['draws'].iloc[0]} draws"] = np.where(plain, worth, cells)
        names = own[["rule", "deployed"]].reset_index(drop=True)
    names.columns = ["Picked by", "Deployed"]
    shown = names.assign(**columns)
    return pd.concat([shown[plain.to_numpy()], shown[~plain.to_numpy()]], ignore_index=True)


def summarise(table, recipes):
    """Return the numbers of the JSON."""
    pooled = [
        {
            "learner": learner,
            "calibrated": (gain := calibrated_gain(part, "log-loss")).mean(),
            "calibrated_error": standard_error(gain),
            "picked_so_too": (more := calibrated_gain(part, "calibrated loss") - gain).mean(),
            "picked_so_too_error": standard_error(more),
        }
        for learner, part in table.groupby("learner", sort=False)
    ]
    return {
        "n_train": N_TRAIN,
        "draws": {
            learner: int(part.groupby("problem").size().min())
            for learner, part in table.groupby("learner", sort=False)
        },
        "cpu_seconds": round(table["cpu_seconds"].sum() + recipes["cpu_seconds"].sum()),
        "pooled_over_problems": records(pd.DataFrame(pooled), 4),
        "rules": records(compare_rules(table), 4),
        "recipes": records(compare_recipes(recipes), 4),
    }


def calibrated_gain(part, rule):
    """Return what the rule's pick gains calibrated, on the pick of the log-loss as it is."""
    return deployed(part, rule, "calibrated") - deployed(part, "log-loss", "raw")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two searches of each kind")
    parser.add_argument("--report", action="store_true", help="report what is finished")
    options = parser.parse_args()

    results = ROOT / "output" if options.small else RESULTS.parent
    results.mkdir(exist_ok=True)
    searches = [
        {"problem": problem, "learner": learner, "seed": seed}
        for learner, repetitions in REPETITIONS.items()
        for seed in range(2 if options.small else repetitions)
        for problem in PROBLEMS
    ]
    recipes = [
        {"problem": problem, "recipe": recipe, "seed": seed}
        for seed in range(2 if options.small else RECIPE_REPETITIONS)
        for problem in PROBLEMS
        for recipe in RECIPES
    ]
    grids = (searches, measure), (recipes, measure_recipe)
    found = []
    for (cells, function), name in zip(grids, ("", "_recipes"), strict=True):
        path = results / f"width_selection{name}.csv"
        found.append(
            finished_cells(cells, path) if options.report else finish_grid(cells, function, path)
        )
    summary = summarise(*found)
    for table in tables(summary).values():
        print(table.to_string(index=False), end="\n\n")
    print(json.dumps(summary["pooled_over_problems"], indent=1))
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
