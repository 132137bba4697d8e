"""The best value of a metric against what the exact posterior reaches.

    python benchmarks/score_ceiling.py [--again]       # about 30 CPU minutes, resumable

Tasks of the eight kinds of the shortfall's benchmark, of seeds that no rule was fitted on, and rows
drawn from three real populations whose truth is counted. The ceiling is "fast", with its bracket.
The truth is the best expected score of the exact posterior on 60,000 fresh rows. A metric that is
done is kept in results/score_ceiling.csv; --again measures all anew, for which finished fits are
found in output/score_ceiling.
"""

import argparse
import json
import time
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _results import records
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_berkeley, load_military, load_titanic
from sklearn_learnability.metrics import best_expected_score

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "score_ceiling.json"
MEASURED = RESULTS.with_suffix(".csv")
KEPT = str(HERE.parent / "output" / "score_ceiling")

METRICS = (
    "roc_auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "neg_brier_score",
    "neg_log_loss",
)
#: What stands for a metric where there are more than two classes.
OF_SEVERAL = {"roc_auc": "roc_auc_ovr", "f1": "f1_macro"}
#: Ranges of sizes, and how often a task is of each.
SIZES = {(500, 1500): 0.3, (1500, 4000): 0.35, (4000, 8000): 0.29, (20_000, 20_001): 0.06}
N_TASKS, FIRST_SEED = 96, 5000
N_TRUTH = 60_000
#: Answers that are equal are told apart by so little: ties cost average precision.
TIE_BREAK = 1e-9
LOADERS = {"titanic": load_titanic, "berkeley": load_berkeley}
#: A gap of the ceiling up to which its score should be the truth within as many points.
SMALL_GAP, NEAR = 0.01, 0.01


def tasks():
    """Return the settings of the tasks: generated ones, then draws of real populations."""
    rng = np.random.default_rng(14)
    names, ranges = list(FAMILIES), list(SIZES)
    found = []
    for number in range(N_TASKS):
        low, high = ranges[rng.choice(len(ranges), p=list(SIZES.values()))]
        n_samples = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        table = names[number % len(names)]
        found.append({"table": table, "n": n_samples, "seed": FIRST_SEED + number})
    for draw in range(3):
        for target in ("grade", "branch", "rank"):
            sizes = (2000, 20_000) if draw == 0 else (2000,)
            found += [{"table": f"military, {target}", "n": n, "seed": draw} for n in sizes]
        found += [{"table": name, "n": 4000, "seed": draw} for name in LOADERS]
    return found


def draw(table, n, seed):
    """Return rows, labels and truth."""
    if table in FAMILIES:
        return make_task(table, n, seed)
    options = {"random_state": seed, "return_truth": True}
    if table in LOADERS:
        return LOADERS[table](n, **options)
    return load_military(n, target=table.removeprefix("military, "), **options)


@lru_cache(maxsize=1)
def fitted(table, n, seed):
    """Return a ceiling, its gap, the CPU seconds, and the posterior of rows and of fresh rows."""
    X, y, truth = draw(table, n, seed)
    started = time.process_time()
    ceiling = GoldenModelCeiling("fast", bracket=True, random_state=seed, memory=KEPT).fit(X, y)
    seconds = time.process_time() - started
    gap = truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_)
    rng = np.random.RandomState(99)
    fresh = truth.predict_proba(truth.sample_features(N_TRUTH, rng))
    fresh = fresh + TIE_BREAK * rng.random_sample(fresh.shape)
    columns = [list(truth.classes).index(label) for label in ceiling.classes_]
    fresh = fresh[:, columns]
    return ceiling, gap, seconds, truth.learnability, fresh / fresh.sum(axis=1, keepdims=True)


def measure(table, n, seed, metric):
    """Return both ends of one metric, and the truth; of a task that fails, the reason."""
    try:
        ceiling, gap, seconds, learnability, fresh = fitted(table, n, seed)
    except ValueError as error:
        return {"reason": f"failed: {error}"}
    n_classes = len(ceiling.classes_)
    scoring = metric if n_classes == 2 else OF_SEVERAL.get(metric, metric)
    started = time.process_time()
    found = ceiling.score_ceiling(scoring)
    return {
        "n_classes": n_classes,
        "learnability": learnability,
        "bracket_lower": ceiling.learnability_bracket_[0],
        "bracket_upper": ceiling.learnability_bracket_[1],
        "gap": gap,
        "truth": best_expected_score(fresh, scoring),
        "score": found.score.value,
        "expected": found.expected.value,
        "expected_error": found.expected.standard_error,
        "observed": found.observed.value,
        "observed_error": found.observed.standard_error,
        "lower": found.lower,
        "upper": found.upper,
        "scattered": found.scattered,
        "sharpened": found.sharpened,
        "perfect": found.perfect,
        "reason": found.reason or "-",
        "CPU s of fit": seconds,
        "CPU s": time.process_time() - started,
    }


def near_the_truth(rows):
    """Return how far scores lie from the truth where the ceiling's gap is small."""
    errors = {name: rows[name] - rows["truth"] for name in ("score", "expected", "observed")}
    return {
        "tasks": len(rows),
        "mean error": errors["score"].mean(),
        "share near": (errors["score"].abs() <= NEAR).mean(),
        "noise": rows["observed_error"].median(),
    } | {name: float(np.sqrt((error**2).mean())) for name, error in errors.items()}


def held(rows):
    """Return how often the two ends hold the truth."""
    told = rows[rows["upper"] < rows["perfect"]]
    return {
        "tasks": len(rows),
        "below": (rows["truth"] < rows["lower"]).mean(),
        "above": (rows["truth"] > rows["upper"]).mean(),
        "holds": ((rows["lower"] <= rows["truth"]) & (rows["truth"] <= rows["upper"])).mean(),
        "cannot tell": 1 - len(told) / len(rows),
        "told above": (told["truth"] > told["upper"]).mean(),
        "scattered above": (told["truth"] > told["scattered"]).mean(),
        "sharpened above": (told["truth"] > told["sharpened"]).mean(),
        "greater above": (told["truth"] > told[["scattered", "sharpened"]].max(axis=1)).mean(),
        "bracket above": (told["learnability"] > told["bracket_upper"]).mean(),
        "width": (told["upper"] - told["lower"]).median(),
        "CPU s": rows["CPU s"].mean(),
    }


def summarise(table):
    """Return what the pages show."""
    table = table[table["gap"].notna()]
    near = table[table["gap"] <= SMALL_GAP]
    is_real = ~table["table"].isin(list(FAMILIES))
    kinds = np.where(is_real, "counted populations", "generated")
    by_metric = [{"metric": name} | held(table[table["metric"] == name]) for name in METRICS]
    return {
        "near": [
            {"metric": name} | near_the_truth(near[near["metric"] == name]) for name in METRICS
        ],
        "held": [*by_metric, {"metric": "all"} | held(table)],
        "kinds": [{"tables": name} | held(part) for name, part in table.groupby(kinds)]
        + [{"tables": name} | held(part) for name, part in table[~is_real].groupby("table")],
        "CPU s of fit": table.groupby(["table", "n", "seed"])["CPU s of fit"].first().mean(),
    }


def percent(share):
    return f"{share:.1%}".replace("%", " %")


def tables(results):
    """Return the tables of the documentation."""
    near, ends = pd.DataFrame(results["near"]), pd.DataFrame(results["held"])
    kinds = pd.DataFrame(results["kinds"])
    points = "{:.4f}".format
    return {
        "score_ceiling_near": pd.DataFrame(
            {
                "metric": near["metric"],
                "tasks": near["tasks"],
                "error of the score": near["score"].map(points),
                "of the expected one": near["expected"].map(points),
                "of the observed one": near["observed"].map(points),
                "mean of the first": near["mean error"].map("{:+.4f}".format),
                f"within {NEAR:g}": near["share near"].map(percent),
                "noise of labels": near["noise"].map(points),
            }
        ),
        "score_ceiling_held": held_table(ends, "metric"),
        "score_ceiling_kinds": held_table(kinds, "tables"),
        "score_ceiling_models": pd.DataFrame(
            {
                "metric": ends["metric"],
                "learnability above its bracket": ends["bracket above"].map(percent),
                "above the scattered": ends["scattered above"].map(percent),
                "above the sharpened": ends["sharpened above"].map(percent),
                "above the greater": ends["greater above"].map(percent),
                "above the greater and its margin": ends["told above"].map(percent),
            }
        ),
    }


def held_table(rows, label):
    """Return shares as strings, in bold where less than 93 % are held."""
    return pd.DataFrame(
        {
            label: rows[label],
            "tasks": rows["tasks"],
            "held": [f"**{percent(x)}**" if x < 0.93 else percent(x) for x in rows["holds"]],
            "truth below": rows["below"].map(percent),
            "truth above": rows["above"].map(percent),
            "cannot tell": rows["cannot tell"].map(percent),
            "above, of those told": rows["told above"].map(percent),
            "median width of those": rows["width"].map("{:.3f}".format),
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure what is done as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # single rows of a class, equal rows
    if options.again:
        MEASURED.unlink(missing_ok=True)
    cells = [task | {"metric": metric} for task in tasks() for metric in METRICS]
    table = finish_grid(cells, measure, MEASURED)
    summary = summarise(table)
    rounded = {
        name: records(pd.DataFrame(part)) if isinstance(part, list) else round(part, 3)
        for name, part in summary.items()
    }
    RESULTS.write_text(json.dumps(rounded, indent=1) + "\n")
    for shown in tables(rounded).values():
        print(shown.to_string(index=False))


if __name__ == "__main__":
    main()
