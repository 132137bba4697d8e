"""Distance of classifiers from the exact truth, over all data sets of the suite.

    python benchmarks/suite.py                              # a few CPU minutes
    python benchmarks/suite.py --model package.MyClassifier # yours beside them
    python benchmarks/suite.py --only linear-low --rows 500

`sklearn_learnability.report.run_suite` measures and says what the numbers mean. Finished fits are
kept in output/cache, so that a run that was interrupted continues; delete that folder after a
change of a model's code.
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
import sklearn
from _results import records

import sklearn_learnability
from sklearn_learnability.report import run_suite, suite_models

RESULTS = Path(__file__).parent / "results" / "suite.json"
#: Names of the models in the head of a wide table.
SHORT = {
    "logistic regression": "logistic",
    "naive Bayes": "Bayes",
    "boosting": "boosted",
    "random forest": "forest",
    "neural network": "net",
}


def tables(results):
    """Return the tables of the documentation."""
    rows = pd.DataFrame(results["table"])
    return {
        "suite_ceiling": ceiling_beside_truth(rows),
        "suite_gap": by_model(rows, "gap", "{:.3f}"),
        "suite_efficiency": by_model(rows, "efficiency", "{:.2f}"),
        "suite_calibrated_efficiency": by_model(rows, "calibrated_efficiency", "{:.2f}"),
    }


def by_model(rows, value, form):
    """Return one row a data set and one column a model, under short names."""
    wide = rows.pivot_table(index="dataset", columns="model", values=value, sort=False)
    wide = wide.rename(columns=SHORT).map(form.format)
    learnability = rows.groupby("dataset", sort=False)["learnability"].first()
    wide.insert(0, "L", learnability.map("{:.3g}".format))
    return wide.reset_index()


def ceiling_beside_truth(rows):
    """Return the ceiling's estimate beside the truth, by data set."""
    table = rows.query("model == 'ceiling'")
    shown = ["learnability", "estimate", "standard_error", "gap"]
    numbers = table[shown].map("{:.3f}".format)
    numbers.columns = ["learnability", "estimate", "standard error", "gap of its predictions"]
    return pd.concat([table["dataset"], numbers], axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="rows to fit on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", action="append", default=[], help="dotted path of a classifier")
    parser.add_argument("--only", nargs="+", default=None, help="names of data sets")
    parser.add_argument("--output", type=Path, default=None, help="JSON file for the results")
    options = parser.parse_args()
    sys.path.insert(0, "")
    report = run_suite(
        suite_models(options.seed) | {path: path for path in options.model},
        datasets=options.only,
        n_samples=options.rows,
        random_state=options.seed,
        memory="output/cache",
        verbose=1,
    )
    for value in ("gap", "efficiency", "calibration_loss", "calibrated_efficiency"):
        print(f"\n{value}\n{report.compare(value).to_string(float_format='%.3f', na_rep='-')}")
    rows = report.to_frame()
    print(f"\nCPU seconds of all fits: {rows['cpu_seconds'].sum():.0f}")

    # the results of another configuration are not those of the suite
    is_default = not (options.model or options.only or options.seed or options.rows != 2000)
    output = options.output or (RESULTS if is_default else Path("output/suite.json"))
    output.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "suite_version": report.suite_version,
        "sklearn_learnability": sklearn_learnability.__version__,
        "scikit_learn": sklearn.__version__,
        "n_samples": report.n_samples,
        "seed": report.random_state,
        "table": records(rows),
    }
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"Results: {output}")


if __name__ == "__main__":
    main()
