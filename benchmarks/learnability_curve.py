"""What a ceiling finds in two and ten times the rows, and what its learning curve had said.

    python benchmarks/learnability_curve.py [--tasks 48]       # about 6 CPU minutes

Tasks of known truth, eight families in turn, 300 to 800 rows, the "fast" ceiling. The truth of a
multiple is the learnability less the noise-free gap of the out-of-fold probabilities of a ceiling
fitted on so many fresh rows. A task that is done is read from output/learnability_curve.csv.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _results import records
from _shortfall_tasks import FAMILIES, make_task

from sklearn_learnability import GoldenModelCeiling, learnability_curve

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "learnability_curve.json"
MEASURED = HERE.parent / "output" / "learnability_curve.csv"
FACTORS = (2, 10)
#: Seeds apart from those that any rule was fitted on.
FIRST_SEED = 200_000


def cells(n_tasks):
    """Return the settings of the tasks."""
    rng = np.random.default_rng(6)
    names = list(FAMILIES)
    return [
        {
            "family": names[number % len(names)],
            "n": int(np.exp(rng.uniform(np.log(300), np.log(800)))),
            "seed": FIRST_SEED + number,
        }
        for number in range(n_tasks)
    ]


def measure(family, n, seed):
    """Return the curve's ends and what was found in more rows; of a task that fails, the reason."""
    try:
        return measured(family, n, seed)
    except ValueError as error:
        return {"answer": "failed", "reason": str(error)}


def measured(family, n, seed):
    """Return the curve's ends and what was found in more rows."""
    X, y, truth = make_task(family, n, seed)
    ceiling = GoldenModelCeiling("fast", random_state=seed).fit(X, y)
    curve = learnability_curve(ceiling, X, y)
    row = {
        "answer": curve.answer,
        "reason": curve.reason or "-",
        "learnability": truth.learnability,
        "found": truth.learnability - truth.gap(ceiling.oof_proba_, X, labels=ceiling.classes_),
    }
    for part, factor in zip(curve.more_rows, FACTORS, strict=True):
        fresh, labels = truth.sample(factor * n, np.random.RandomState(seed + factor))
        more = GoldenModelCeiling("fast", random_state=seed).fit(fresh, labels)
        gap = truth.gap(more.oof_proba_, fresh, labels=more.classes_)
        row |= {
            f"lower {factor}": part.lower,
            f"upper {factor}": part.upper,
            f"gain lower {factor}": part.gain_lower,
            f"gain upper {factor}": part.gain_upper,
            f"found {factor}": truth.learnability - gap,
        }
    return row


def summarise(table):
    """Return how often the ends held, by multiple of the rows, and how the answers came out."""
    table = table[table["answer"] != "failed"]
    told = table[table["reason"] == "-"]
    ends = []
    for factor in FACTORS:
        found, gain = told[f"found {factor}"], told[f"found {factor}"] - told["found"]
        width = told[f"upper {factor}"] - told[f"lower {factor}"]
        ends.append(
            {
                "factor": factor,
                "tasks": len(told),
                "below": (found < told[f"lower {factor}"]).mean(),
                "above": (found > told[f"upper {factor}"]).mean(),
                "gain below": (gain < told[f"gain lower {factor}"]).mean(),
                "gain above": (gain > told[f"gain upper {factor}"]).mean(),
                "width": width.median(),
                "gain": gain.median(),
            }
        )
    gains = table["found 10"] - table["found"]
    answers = [
        {
            "answer": answer,
            "tasks": int((table["answer"] == answer).sum()),
            "gained": (gains[table["answer"] == answer] > 0.05).mean(),
        }
        for answer in ("more rows", "other columns", "cannot tell")
    ]
    silent = (table["reason"] != "-").mean()
    return {"ends": ends, "answers": answers, "not carried on": silent, "tasks": len(table)}


def tables(results):
    """Return the tables of the documentation."""
    ends, answers = pd.DataFrame(results["ends"]), pd.DataFrame(results["answers"])
    shares = {
        "below the lower end": "below",
        "above the upper end": "above",
        "gain below its lower end": "gain below",
        "gain above its upper end": "gain above",
    }
    return {
        "learnability_curve": pd.DataFrame(
            {"rows": ends["factor"].map("{:.0f} x".format)}
            | {name: ends[column].map("{:.1%}".format) for name, column in shares.items()}
            | {
                "median width": ends["width"].map("{:.3f}".format),
                "median gain": ends["gain"].map("{:.3f}".format),
            }
        ),
        "learnability_curve_answers": pd.DataFrame(
            {
                "answer": answers["answer"],
                "tasks": answers["tasks"].map(str),
                "gained more than .05": answers["gained"].map(
                    lambda share: "-" if pd.isna(share) else f"{share:.0%}"
                ),
            }
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=48)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # small tasks: single rows of a class, equal rows
    MEASURED.parent.mkdir(exist_ok=True)
    table = finish_grid(cells(options.tasks), measure, MEASURED)
    results = summarise(table)
    results |= {"by task": records(table)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for name, shown in tables(results).items():
        print(name, shown.to_string(index=False), sep="\n")


if __name__ == "__main__":
    main()
