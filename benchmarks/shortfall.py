"""Fit the rule of the shortfall on tasks of known truth, and test it on families left out.

    python benchmarks/shortfall.py measure [--tasks 640]
    python benchmarks/shortfall.py default [--tasks 48]
    python benchmarks/shortfall.py tried [--tasks 640]
    python benchmarks/shortfall.py known
    python benchmarks/shortfall.py fit

`measure` fits the "fast" ceiling and gathers its evidence, a task at a time, in an order that makes
any beginning a fair sample; what is in results/shortfall.csv is not measured again. `default` does
the same with the "default" ceiling, on the first of these tasks. `tried` gathers further evidence
of the "fast" ceilings of 1,200 rows and more, and `known` measures tables that are no such tasks.
`fit` makes the rule, writes it into the package, judges rules without each family by that family,
and draws the brackets of what else was measured.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _hard_tasks import FAMILIES as HARD
from _hard_tasks import HardTask, draw_labels
from _shortfall_fit import (
    CONFIDENCE,
    EVIDENCE,
    fit_rule,
    judge_left_out,
    rank_correlations,
    told,
    upper_ends,
)
from _shortfall_tasks import FAMILIES, make_task
from _shortfall_tried import tried_evidence

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_military
from sklearn_learnability.exceptions import LearnabilityWarning

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "shortfall.json"
MEASURED = HERE / "results" / "shortfall.csv"
RULE = HERE.parent / "sklearn_learnability" / "ceilings" / "data" / "shortfall_fast.json"

MEASURED_KNOWN = MEASURED.with_name("shortfall_known.csv")
MEASURED_DEFAULT = MEASURED.with_name("shortfall_default.csv")
MEASURED_TRIED = MEASURED.with_name("shortfall_tried.csv")
TARGETS = ("grade", "branch", "rank")

#: What tells a task from others.
CELL = ["family", "n", "seed"]
#: Further evidence is gathered where tasks have so many rows.
TRIED_FROM = 1_200

#: What "cannot tell" was chosen on so many of the first tasks.
CHOSEN_ON = 237

#: Ranges of sizes, and how often a task is of each.
SIZES = {(300, 1200): 0.5, (1200, 3000): 0.25, (3000, 8000): 0.2, (20_000, 20_001): 0.05}


def cells(n_tasks):
    """Return the settings of the tasks: families in turn, sizes log-uniform within theirs."""
    rng = np.random.default_rng(13)
    names, ranges = list(FAMILIES), list(SIZES)
    found = []
    for number in range(n_tasks):
        low, high = ranges[rng.choice(len(ranges), p=list(SIZES.values()))]
        n_samples = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        found.append({"family": names[number % len(names)], "n": n_samples, "seed": number})
    return found


def measure(family, n, seed, budget="fast"):
    """Return the evidence about one ceiling and its true gap; of a task that fails, the reason."""
    X, y, truth = make_task(family, n, seed)
    try:
        ceiling, row = evidence_of(X, y, seed, budget)
    except ValueError as error:
        return {"reason": f"failed: {error}"}
    gap = truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_)
    return row | {"features": X.shape[1], "truth": truth.learnability, "gap": gap}


def measure_tried(family, n, seed):
    """Return the evidence about one ceiling that was tried beside the package's."""
    X, y, _ = make_task(family, n, seed)
    try:
        ceiling = GoldenModelCeiling("fast", random_state=seed).fit(X, y)
        return tried_evidence(ceiling, X, y)
    except ValueError:
        return {}


def evidence_of(X, y, seed, budget="fast"):
    """Return a fitted ceiling and the evidence about it."""
    started = time.process_time()
    ceiling = GoldenModelCeiling(budget, random_state=seed).fit(X, y)
    middle = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        found = ceiling.shortfall(X, y)
    return ceiling, found.to_frame().iloc[0].drop(["outside", "reason", "units"]).to_dict() | {
        "reason": found.reason or "-",
        "error": ceiling.learnability_standard_error_,
        "limit": ceiling.learnability_lower_limit_,
        "CPU s": middle - started,
        "CPU s of evidence": time.process_time() - middle,
    }


#: Tables that no rule is fitted on, and their rows.
KNOWN = [(name, 5_000) for name in HARD]
KNOWN += [(f"military, {target}", n) for n in (2_000, 20_000) for target in TARGETS]
#: Evidence that rules are tried with, beside the number of rows.
TRIED = [
    (),
    ("gain",),
    ("movement",),
    ("self_gap",),
    ("gain", "self_gap"),
    ("movement", "self_gap"),
    ("gain", "self_gap", "pooling_gain"),
    ("gain", "movement", "self_gap", "pooling_gain"),
]
NAMES = {"self_gap": "self-gap", "pooling_gain": "gain of pooling"}
#: Groups of tasks by their rows.
ROWS = {"300 to 1,199": 1200, "1,200 to 2,999": 3000, "3,000 to 7,999": 8000, "20,000": 1e9}


def summary(judged):
    """Return what a rule achieved on tasks of families it had not seen."""
    told_of = judged[~judged["cannot_tell"]]
    return {
        "tasks": len(judged),
        "gap": judged["gap"].median(),
        "cannot tell": judged["cannot_tell"].mean(),
        "missed": (~judged["holds"]).mean(),
        "holds": told_of["holds"].mean(),
        "width": told_of["width"].median(),
    }


def fit():
    """Write the rule into the package, and how rules did on families left out."""
    table = pd.read_csv(MEASURED)
    failed = int(table["gap"].isna().sum())
    table = table[table["gap"].notna()].reset_index(drop=True)
    seen = told(table)
    coefficients, factor, errors = fit_rule(seen)
    ranges = {name: [seen[name].min(), seen[name].max()] for name in ("n_samples", "n_classes")}
    ranges |= {name: [float(seen[name].min()), float(seen[name].max())] for name in EVIDENCE}
    rule = {
        "budgets": ["fast", "default"],
        "n_tasks": len(seen),
        "coefficients": dict(zip(EVIDENCE, np.round(coefficients[1:], 4), strict=True)),
        "rows": round(coefficients[0], 4),
        "factor": round(factor, 4),
        "errors": round(errors, 4),
        "confidence": CONFIDENCE,
        "ranges": ranges,
    }
    RULE.write_text(json.dumps(rule, indent=1, default=float) + "\n")
    judged = judge_left_out(table)
    size = pd.cut(judged["n"], [0, *ROWS.values()], right=False, labels=list(ROWS))
    results = {
        "failed": failed,
        "families": [{"family": f} | summary(part) for f, part in judged.groupby("family")],
        "sizes": [{"rows": r} | summary(part) for r, part in judged.groupby(size, observed=True)],
        "all": summary(judged),
        "new": summary(judged[judged["seed"] >= CHOSEN_ON]),
        "evidence": [summary_by_evidence(table, names) for names in TRIED],
        "more evidence": more_evidence(table),
        "budgets": budgets(table),
        "known": known_brackets(rule),
        "CPU s": judged["CPU s"].sum(),
        "CPU s of evidence": judged["CPU s of evidence"].sum(),
    }
    RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n")


def summary_by_evidence(table, names):
    """Return what a rule of some evidence achieves."""
    judged = judge_left_out(table, names)
    worst = (~judged["holds"]).groupby(judged["family"]).mean().max()
    return {"evidence": list(names), "worst": worst} | summary(judged)


def more_evidence(table):
    """Return what evidence that is not in the package would have added, where it was gathered."""
    further = pd.read_csv(MEASURED_TRIED).dropna()
    names = [name for name in further.columns if name not in CELL]
    joined = table.merge(further, on=CELL)
    ranks = rank_correlations(joined, names)
    rows = [summary_by_evidence(joined, EVIDENCE)]
    for name in names:
        with_gap, with_rest = ranks[name]
        found = summary_by_evidence(joined, (*EVIDENCE, name))
        rows.append(found | {"of the gap": with_gap, "of what is left": with_rest})
    return rows


def budgets(table):
    """Return what rules of the "fast" ceiling achieve on either ceiling of the same tasks."""
    dear = pd.read_csv(MEASURED_DEFAULT)
    dear = dear[dear["gap"].notna()]
    cheap = table.merge(dear[CELL], on=CELL)
    dear = dear.merge(cheap[CELL], on=CELL)
    return [
        {"budget": name} | summary(judge_left_out(table, judged=judged))
        for name, judged in (("fast", cheap), ("default", dear))
    ]


def known_brackets(rule):
    """Return the ends that a rule gives tables it was not fitted on."""
    table = pd.read_csv(MEASURED_KNOWN)
    coefficients = np.array([rule["rows"], *(rule["coefficients"][name] for name in EVIDENCE)])
    upper = upper_ends(table, coefficients, rule["factor"], rule["errors"], EVIDENCE)
    of_rows = upper >= table["replicate_limit"].fillna(2.0)
    table["source"] = np.where(of_rows, "equal rows", np.where(upper < 1, "the rule", "none"))
    columns = ["table", "n", "truth", "learnability", "lower", "upper", "source"]
    return table.assign(upper=upper)[columns].to_dict("records")


def known():
    """Measure tables that no rule is fitted on."""
    names = [{"table": name, "n": n_samples} for name, n_samples in KNOWN]
    finish_grid(names, measure_known, MEASURED_KNOWN)


def measure_known(table, n):
    """Return the evidence about one table, and its true learnability."""
    X, y, learnability = hard_table(table, n) if table in HARD else military(table, n)
    return evidence_of(X, y, 0)[1] | {"truth": learnability}


def hard_table(name, n_samples):
    task, rng = HardTask(name, 0), np.random.default_rng(0)
    X, proba = task.draw(n_samples, rng)
    return X, draw_labels(proba, rng), task.learnability


def military(name, n_samples):
    target = name.removeprefix("military, ")
    X, y, truth = load_military(n_samples, target=target, random_state=0, return_truth=True)
    return X, y, truth.learnability


def percent(share):
    return f"{share:.1%}".replace("%", " %")


def summary_table(rows, label):
    """Return summaries as strings, in bold where more than 10 % are missed."""
    return pd.DataFrame(
        {
            label: [row[label] for row in rows],
            "tasks": [row["tasks"] for row in rows],
            "median gap": [f"{row['gap']:.3f}" for row in rows],
            "cannot tell": [percent(row["cannot tell"]) for row in rows],
            "missed, of all": [
                f"**{percent(row['missed'])}**" if row["missed"] > 0.1 else percent(row["missed"])
                for row in rows
            ],
            "held, of those told": [percent(row["holds"]) for row in rows],
            "median width of those": [f"{row['width']:.3f}" for row in rows],
        }
    )


def tables(results):
    """Return the tables of the documentation."""
    everything = [
        results["all"] | {"family": "all"},
        results["new"] | {"family": f"all but the first {CHOSEN_ON}"},
    ]
    evidence = [
        row
        | {"evidence": ", ".join(["rows"] + [NAMES.get(name, name) for name in row["evidence"]])}
        for row in results["evidence"]
    ]
    tried = summary_table(evidence, "evidence").drop(columns=["tasks", "median gap"])
    tried.insert(3, "missed in the worst family", [percent(row["worst"]) for row in evidence])
    added = results["more evidence"]
    labels = ["gain, self-gap", *(f"and {row['evidence'][-1]}" for row in added[1:])]
    more = summary_table(
        [row | {"evidence": label} for row, label in zip(added, labels, strict=True)], "evidence"
    ).drop(columns=["tasks", "median gap"])
    for place, name in enumerate(("of the gap", "of what is left"), start=1):
        shown = [f"{row[name]:.2f}" if name in row else "" for row in added]
        more.insert(place, f"rank correlation, {name}", shown)
    known = pd.DataFrame(results["known"])
    brackets = known[["table"]].assign(
        rows=known["n"].map("{:,}".format),
        **{
            "truth": known["truth"].map("{:.4f}".format),
            "ceiling": known["learnability"].map("{:.4f}".format),
            "lower": known["lower"].map("{:.4f}".format),
            "upper": known["upper"].map("{:.4f}".format),
            "upper end from": known["source"],
        },
    )
    return {
        "shortfall_families": summary_table([*results["families"], *everything], "family"),
        "shortfall_sizes": summary_table(results["sizes"], "rows"),
        "shortfall_evidence": tried,
        "shortfall_more_evidence": more,
        "shortfall_budgets": summary_table(results["budgets"], "budget"),
        "shortfall_known": brackets,
    }


def main():
    steps = ("measure", "default", "tried", "known", "fit")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=steps, nargs="?", help="by default all, in this order")
    parser.add_argument("--tasks", type=int, help="by default 640, of the default budget 48")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # hundreds of tasks: single rows of a class, equal rows
    for step in [options.step] if options.step else steps:
        take(step, cells(options.tasks or (48 if step == "default" else 640)))


def take(step, tasks):
    """Measure, or fit, what a step is to."""
    if step == "measure":
        finish_grid(tasks, measure, MEASURED)
    elif step == "default":
        finish_grid(tasks, partial(measure, budget="default"), MEASURED_DEFAULT)
    elif step == "tried":
        large = [task for task in tasks if task["n"] >= TRIED_FROM]
        finish_grid(large, measure_tried, MEASURED_TRIED)
    elif step == "known":
        known()
    else:
        fit()


if __name__ == "__main__":
    main()
