"""Distance of classifiers from the exact truth, over all data sets of the suite.

    python benchmarks/suite.py                              # a few CPU minutes
    python benchmarks/suite.py --model package.MyClassifier # yours beside them
    python benchmarks/suite.py --only linear-low --rows 500

Every classifier of scikit-learn's interface can be named; a class is made with its defaults.
Each is fitted on `--rows` rows and measured on 20,000 fresh ones against the exact posterior p*:

- gap: E_x KL(p* || q) / H(Y), the loss beyond what cannot be avoided; lower is better;
- efficiency: 1 - gap / gap of the true class frequencies on the same rows; higher is better, 0 is
  the class frequencies, 1 is the truth;
- calibration loss: what of the gap an affine calibration takes away, fitted on other fresh rows;
- zeros: share of the rows on which the model gives probability 0 to some class. Where that class
  can occur the true gap is infinite, and the one given charges 52 bits.

None holds the noise of drawn labels but for that of the calibration. The two data sets of a
continuous target are left out. Finished fits are kept in output/cache, so that a run that was
interrupted continues; delete that folder after a change of a model's code.
"""

import argparse
import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from joblib import Memory
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import sklearn_learnability
from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import learnability_suite
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import cross_fit_calibration

FRESH_ROWS = 20_000
CHEAP_FAMILY = ["prior", "logistic", "splines", "hist_gradient_boosting"]
RESULTS = Path(__file__).parent / "results" / "suite.json"


def default_models(seed):
    """Return the ceiling of a cheap family, and ordinary classifiers as they come."""
    return {
        "ceiling": GoldenModelCeiling(CHEAP_FAMILY, random_state=seed),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "naive Bayes": GaussianNB(),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "random forest": RandomForestClassifier(n_jobs=1, random_state=seed),
        "neural network": make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)),
    }


def model_of_path(path):
    """Return the classifier a dotted path leads to, made with its defaults where it is a class."""
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    model = found() if callable(found) else found
    if not hasattr(model, "predict_proba"):
        raise TypeError(f"Expected a classifier with predict_proba, got {path} without it.")
    return model


def probabilities(model, X, classes):
    """Return the model's probabilities in the order of all classes, 0 for those it never saw."""
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba


def measure(name, model, n_samples, seed):
    """Fit a model to one data set of the suite and measure its distance from the truth."""
    suite = learnability_suite()
    position = [dataset.name for dataset in suite].index(name)
    # a seed of its own for each data set, so that they do not share the luck of a draw
    seed = 100 * seed + position
    X, y, truth = suite[position].make(n_samples, random_state=seed)
    fresh, labels = truth.sample(FRESH_ROWS, random_state=100_000 + seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        # models are shown as they come; the table says what that costs
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LearnabilityWarning)
        started = time.process_time()
        fitted = clone(model).fit(X, y)
        seconds = time.process_time() - started
        proba = probabilities(fitted, fresh, truth.classes)
        gap = truth.gap(proba, fresh)
        nothing = truth.gap(np.tile(truth.class_frequencies, (FRESH_ROWS, 1)), fresh)
        calibrated = cross_fit_calibration(labels, proba, labels=truth.classes, random_state=seed)
        calibrated_gap = truth.gap(calibrated, fresh)
    return {
        "learnability": truth.learnability,
        "gap": gap,
        "efficiency": 1 - gap / nothing,
        "calibration_loss": gap - calibrated_gap,
        "calibrated_efficiency": 1 - calibrated_gap / nothing,
        "zeros": float((proba == 0).any(axis=1).mean()),
        "estimate": getattr(fitted, "learnability_", None),
        "standard_error": getattr(fitted, "learnability_standard_error_", None),
        "cpu_seconds": seconds,
    }


def run(models, names, n_samples, seed):
    """Return one row a data set and model; a fit that fails is a row with its error."""
    cached = Memory("output/cache", verbose=0).cache(measure)
    cells = [(name, model) for name in names for model in models]
    rows = []
    for name, model in tqdm(cells, unit="fit", disable=None):
        row = {"dataset": name, "model": model}
        try:
            row |= cached(name, models[model], n_samples, seed)
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
        rows.append(row)
    return pd.DataFrame(rows)


def table_of(rows, value):
    """Return one row a data set and one column a model."""
    table = rows.pivot(index="dataset", columns="model", values=value)
    table = table.loc[rows["dataset"].unique(), rows["model"].unique()]
    table.insert(0, "learnability", rows.groupby("dataset")["learnability"].first())
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="rows to fit on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", action="append", default=[], help="dotted path of a classifier")
    parser.add_argument("--only", nargs="+", default=[], help="names of data sets")
    parser.add_argument("--output", type=Path, default=None, help="JSON file for the results")
    options = parser.parse_args()
    sys.path.insert(0, "")
    suite = [dataset for dataset in learnability_suite() if dataset.target == "classes"]
    names = [dataset.name for dataset in suite]
    unknown = set(options.only) - set(names)
    if unknown:
        parser.error(f"Got --only {sorted(unknown)}, but expected some of {names}.")
    models = default_models(options.seed) | {path: model_of_path(path) for path in options.model}
    rows = run(models, options.only or names, options.rows, options.seed)
    for value in ("gap", "efficiency", "calibration_loss", "calibrated_efficiency"):
        print(f"\n{value}\n{table_of(rows, value).to_string(float_format='%.3f', na_rep='-')}")
    print(f"\nCPU seconds of all fits: {rows['cpu_seconds'].sum():.0f}")
    for row in rows[rows.get("error", pd.Series(index=rows.index)).notna()].itertuples():
        print(f"failed: {row.dataset}, {row.model}: {row.error}")

    # the results of another configuration are not those of the suite
    is_default = not (options.model or options.only or options.seed or options.rows != 2000)
    output = options.output or (RESULTS if is_default else Path("output/suite.json"))
    output.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "suite_version": 1,
        "sklearn_learnability": sklearn_learnability.__version__,
        "scikit_learn": sklearn.__version__,
        "n_samples": options.rows,
        "seed": options.seed,
        "table": json.loads(rows.to_json(orient="records", double_precision=6)),
    }
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"Results: {output}")


if __name__ == "__main__":
    main()
