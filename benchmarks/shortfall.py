"""Fit the rule of the shortfall on tasks of known truth, and test it on families left out.

    python benchmarks/shortfall.py measure [--tasks 640]
    python benchmarks/shortfall.py fit
    python benchmarks/shortfall.py known

`measure` fits the "fast" ceiling and gathers its evidence, a task at a time, in an order that makes
any beginning a fair sample; what is in results/shortfall.csv is not measured again. `fit` makes the
rule from it, writes it into the package, and judges rules without each family by that family.
`known` draws brackets by the rule on tables it was not fitted on.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _hard_tasks import FAMILIES as HARD
from _hard_tasks import HardTask, draw_labels
from _shortfall_fit import CONFIDENCE, EVIDENCE, fit_rule, judge_left_out, told, upper_ends
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_military
from sklearn_learnability.exceptions import LearnabilityWarning

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "shortfall.json"
MEASURED = HERE / "results" / "shortfall.csv"
RULE = HERE.parent / "sklearn_learnability" / "ceilings" / "data" / "shortfall_fast.json"

MEASURED_KNOWN = MEASURED.with_name("shortfall_known.csv")
TARGETS = ("grade", "branch", "rank")

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


def measure(family, n, seed):
    """Return the evidence about one ceiling and its true gap; of a task that fails, the reason."""
    try:
        return measured(family, n, seed)
    except ValueError as error:
        return {"reason": f"failed: {error}"}


def measured(family, n, seed):
    """Return the evidence about one ceiling and its true gap."""
    X, y, truth = make_task(family, n, seed)
    ceiling, row = evidence_of(X, y, seed)
    gap = truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_)
    return row | {"features": X.shape[1], "truth": truth.learnability, "gap": gap}


def evidence_of(X, y, seed):
    """Return a fitted ceiling and the evidence about it."""
    started = time.process_time()
    ceiling = GoldenModelCeiling("fast", random_state=seed).fit(X, y)
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
        "budget": "fast",
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
    tried = []
    for names in TRIED:
        found = judge_left_out(table, names)
        worst = (~found["holds"]).groupby(found["family"]).mean().max()
        tried.append({"evidence": list(names), "worst": worst} | summary(found))
    results = {
        "failed": failed,
        "families": [{"family": f} | summary(part) for f, part in judged.groupby("family")],
        "sizes": [{"rows": r} | summary(part) for r, part in judged.groupby(size, observed=True)],
        "all": summary(judged),
        "new": summary(judged[judged["seed"] >= CHOSEN_ON]),
        "evidence": tried,
        "known": known_brackets(rule),
        "CPU s": judged["CPU s"].sum(),
        "CPU s of evidence": judged["CPU s of evidence"].sum(),
    }
    RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n")


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
        "shortfall_known": brackets,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["measure", "fit", "known"])
    parser.add_argument("--tasks", type=int, default=640)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # hundreds of tasks: single rows of a class, equal rows
    if options.step == "measure":
        finish_grid(cells(options.tasks), measure, MEASURED)
    else:
        {"fit": fit, "known": known}[options.step]()


if __name__ == "__main__":
    main()
