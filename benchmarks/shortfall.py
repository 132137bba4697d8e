"""Fit the rule of the shortfall on tasks of known truth, and test it on families left out.

    python benchmarks/shortfall.py measure [--tasks 640]
    python benchmarks/shortfall.py fit
    python benchmarks/shortfall.py known

`measure` fits the "fast" ceiling and gathers its evidence, a task at a time, in an order that makes
any beginning a fair sample; what is in output/shortfall.csv is not measured again. `fit` makes the
rule from it, writes it into the package, and judges rules without each family by that family.
`known` draws brackets by the rule on tables it was not fitted on.
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
from _shortfall_fit import CONFIDENCE, EVIDENCE, fit_rule, judge_left_out, told
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_military
from sklearn_learnability.exceptions import LearnabilityWarning

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "shortfall.json"
MEASURED = HERE.parent / "output" / "shortfall.csv"
RULE = HERE.parent / "sklearn_learnability" / "ceilings" / "data" / "shortfall_fast.json"

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
    started = time.process_time()
    ceiling = GoldenModelCeiling("fast", random_state=seed).fit(X, y)
    middle = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        found = ceiling.shortfall(X, y)
    row = found.to_frame().iloc[0].drop(["outside", "reason", "units", "confidence"]).to_dict()
    weights = ceiling.candidates_["weight"] / max(ceiling.candidates_["weight"].sum(), 1e-9)
    mean_loss = float(weights @ ceiling.candidates_["calibrated_nll"])
    return row | {
        "reason": found.reason or "-",
        "features": X.shape[1],
        "error": ceiling.learnability_standard_error_,
        "limit": ceiling.learnability_lower_limit_,
        "ambiguity": (mean_loss - ceiling.nll_) / ceiling.label_entropy_,
        "rarest": int(pd.Series(y).value_counts().min()),
        "truth": truth.learnability,
        "gap": truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_),
        "CPU s": middle - started,
        "CPU s of evidence": time.process_time() - middle,
    }


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
    return {
        "tasks": len(judged),
        "gap": judged["gap"].median(),
        "holds": judged["holds"].mean(),
        "silent": (~judged["holds"] & ~judged["cannot_tell"]).mean(),
        "cannot tell": judged["cannot_tell"].mean(),
        "width": judged["width"].median(),
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
        worst = found.groupby("family")["holds"].mean().min()
        tried.append({"evidence": list(names), "worst": worst} | summary(found))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results |= {
        "failed": failed,
        "families": [{"family": f} | summary(part) for f, part in judged.groupby("family")],
        "sizes": [{"rows": r} | summary(part) for r, part in judged.groupby(size, observed=True)],
        "all": summary(judged),
        "evidence": tried,
        "CPU s": judged["CPU s"].sum(),
        "CPU s of evidence": judged["CPU s of evidence"].sum(),
    }
    RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n")


def known():
    """Write brackets of tables that no rule was fitted on."""
    rows = []
    for name, n_samples, make in known_tables():
        X, y, truth = make()
        started = time.process_time()
        ceiling = GoldenModelCeiling("fast", random_state=0, bracket=True).fit(X, y)
        row = {"table": name, "rows": n_samples, "truth": truth.learnability}
        found = ceiling.shortfall_
        row |= {key: getattr(found, key) for key in ("learnability", "lower", "upper", "source")}
        row |= {"reason": found.reason, "outside": list(found.outside)}
        rows.append(row | {"CPU s": time.process_time() - started})
        print(rows[-1], flush=True)
    results = json.loads(RESULTS.read_text()) | {"known": rows}
    RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n")


def known_tables():
    """Return the population of the armed forces, for each of its targets."""
    for target in ("grade", "branch", "rank"):
        for n_samples in (2_000, 20_000):
            make = partial(load_military, n_samples, target=target, random_state=0)
            yield f"military, {target}", n_samples, partial(make, return_truth=True)


def percent(share):
    return f"{share:.1%}".replace("%", " %")


def summary_table(rows, label):
    """Return summaries as strings, in bold where fewer than 90 % hold."""
    return pd.DataFrame(
        {
            label: [row[label] for row in rows],
            "tasks": [row["tasks"] for row in rows],
            "median gap": [f"{row['gap']:.3f}" for row in rows],
            "truth at or below the upper end": [
                percent(row["holds"]) if row["holds"] >= 0.9 else f"**{percent(row['holds'])}**"
                for row in rows
            ],
            "cannot tell": [percent(row["cannot tell"]) for row in rows],
            "median width": [f"{row['width']:.3f}" for row in rows],
        }
    )


def tables(results):
    """Return the tables of the documentation."""
    everything = results["all"] | {"family": "all", "rows": "all"}
    evidence = [
        row
        | {"evidence": ", ".join(["rows"] + [NAMES.get(name, name) for name in row["evidence"]])}
        for row in results["evidence"]
    ]
    tried = summary_table(evidence, "evidence").drop(columns=["tasks", "median gap", "cannot tell"])
    tried.insert(2, "in the worst family", [percent(row["worst"]) for row in evidence])
    known = pd.DataFrame(results["known"])
    brackets = known[["table"]].assign(
        rows=known["rows"].map("{:,}".format),
        **{
            "truth": known["truth"].map("{:.4f}".format),
            "ceiling": known["learnability"].map("{:.4f}".format),
            "lower": known["lower"].map("{:.4f}".format),
            "upper": known["upper"].map("{:.4f}".format),
            "upper end from": known["source"],
        },
    )
    return {
        "shortfall_families": summary_table([*results["families"], everything], "family"),
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
        MEASURED.parent.mkdir(exist_ok=True)
        finish_grid(cells(options.tasks), measure, MEASURED)
    else:
        {"fit": fit, "known": known}[options.step]()


if __name__ == "__main__":
    main()
