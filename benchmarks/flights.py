"""Which of New York's flights of 2013 arrive late: how much can be learned, and by which model.

    python benchmarks/flights.py            # a third of the flights: about 330 CPU-seconds
    python benchmarks/flights.py --full     # all flights

Prints two tables: the ceiling under three ways of setting test rows apart, and what each of a few
ordinary models extracts on the last fifth of the days, beside its F1 at one half and at a threshold
chosen on training rows. Writes a figure and the numbers as JSON. The fits of the ceilings are kept
in output/fits: an interrupted run resumes. What the month does: benchmarks/flights_month.py.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from joblib import Parallel, delayed
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_recall_curve
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.displays import EfficiencyDisplay, LearnabilityDisplay
from sklearn_learnability.exceptions import ZeroProbabilityWarning
from sklearn_learnability.metrics import compare_models, information_score, log_loss_per_sample

RESULTS = Path(__file__).parent / "results" / "flights.json"

TEST_SHARE = 0.2
SAMPLED = 3  # every so manieth flight by default
TRAINED_ON = 5  # and every so manieth of these trains, where it is not for the test

#: A model that learns the month from January to October knows nothing of December. The calendar
#: says so, not the data: flights_month.py has what training rows say, and what it costs.
LEFT_OUT = ["month"]

#: Folds of whole days in which the threshold of each model is chosen.
THRESHOLD_FOLDS = 3

#: All but the neural network, which torch would bring in.
BUDGET = "fast"


def every_so_manieth_flight(every):
    """Return features, labels and days, and print how many flights they are."""
    flights = load_flights()
    y = flights.target.to_numpy()[::every]
    n_recorded = len(flights.target) + flights.n_without_arrival
    print(
        f"{n_recorded:,} flights left New York in 2013; {len(flights.target):,} have an arrival "
        f"time. {len(y):,} of them, evenly over the year; {y.mean():.1%} more than 15 minutes late."
    )
    return flights.data[::every].reset_index(drop=True), y, flights.date.to_numpy()[::every]


def splits_by_name(date, every, rng):
    """Return the train and test rows: later days, random whole days, random rows."""
    days = np.unique(date)
    n_test = round(TEST_SHARE * len(days))
    masks = {
        "later days": np.isin(date, days[-n_test:]),
        "random whole days": np.isin(date, rng.choice(days, n_test, replace=False)),
        "random rows": rng.random(len(date)) < TEST_SHARE,
    }
    return {
        name: (np.flatnonzero(~test)[::every], np.flatnonzero(test)) for name, test in masks.items()
    }


def ordinary_models():
    """Return what a data scientist might try, with one-hot categories and filled gaps."""
    categories = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_exclude="category")
    encode = OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist", dtype=np.float32)

    def table():
        fill = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        return make_column_transformer((encode, categories), (fill, numbers), sparse_threshold=0.0)

    return {
        "logistic regression": make_pipeline(table(), LogisticRegression(max_iter=1000)),
        "gradient boosting": HistGradientBoostingClassifier(
            categorical_features="from_dtype", random_state=0
        ),
        "random forest": make_pipeline(
            table(), RandomForestClassifier(200, max_features=0.2, n_jobs=1, random_state=0)
        ),
        "neural network": make_pipeline(
            table(), MLPClassifier((128, 64), max_iter=20, random_state=0)
        ),
        "naive Bayes": make_pipeline(table(), GaussianNB()),
    }


def measure_ceilings(X, y, date, splits, memory, n_jobs):
    """Return, by way of setting test rows apart, the ceiling's losses, and a table of them all."""
    losses, rows = {}, []
    for name, (train, test) in splits.items():
        started = time.perf_counter()
        ceiling = GoldenModelCeiling(BUDGET, memory=memory, n_jobs=n_jobs, random_state=0)
        ceiling.fit(X.iloc[train], y[train], groups=date[train])
        proba = ceiling.predict_proba(X.iloc[test])
        losses[name] = log_loss_per_sample(y[test], proba)
        options = {"reference_nll": losses[name], "groups": date[test]}
        found = compare_models(y[test], {"ceiling": proba}, **options)
        logistic = ordinary_models()["logistic regression"].fit(X.iloc[train], y[train])
        rows.append(
            {
                "test rows": name,
                "train": len(train),
                "test": len(test),
                "H(Y) bits": found.label_entropy,
                "learnability": found.learnability.value,
                "lower": found.learnability.lower,
                "upper": found.learnability.upper,
                "logistic": information_score(y[test], logistic.predict_proba(X.iloc[test])),
            }
        )
        seconds = time.perf_counter() - started
        print(f"  {name}: {seconds:.0f} s", flush=True)
        if name == "later days":
            print(ceiling.candidates_.to_string(index=False, float_format="%.4f"))
    return losses, pd.DataFrame(rows)


def best_threshold(model, X, y, date):
    """Return the threshold of the highest F1 out of fold, whole days apart."""
    folds = GroupKFold(THRESHOLD_FOLDS, shuffle=True, random_state=0)
    options = {"groups": date, "cv": folds, "method": "predict_proba"}
    proba = cross_val_predict(model, X, y, **options)[:, 1]
    precision, recall, thresholds = precision_recall_curve(y, proba)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return thresholds[f1[:-1].argmax()]


def predict(name, model, X, y, date, split):
    """Return a model's probabilities of the test rows, and its threshold from the training rows."""
    train, test = split
    started = time.perf_counter()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # shown as they come
        threshold = best_threshold(model, X.iloc[train], y[train], date[train])
        proba = model.fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])
    print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return proba, threshold


def compare_ordinary_models(X, y, date, split, reference_nll, n_jobs):
    """Return what each ordinary model extracts on the test rows, and F1 at its own threshold."""
    models = ordinary_models()
    found = Parallel(n_jobs)(
        delayed(predict)(name, model, X, y, date, split) for name, model in models.items()
    )
    probas = dict(zip(models, (proba for proba, _ in found), strict=True))
    y, date = y[split[1]], date[split[1]]
    options = {"reference_nll": reference_nll, "groups": date, "calibration": "affine"}
    comparison = compare_models(y, probas, **options)
    table = comparison.to_frame()
    table["threshold"] = [threshold for _, threshold in found]
    table["f1_chosen"] = [f1_score(y, proba[:, 1] >= threshold) for proba, threshold in found]
    return comparison, table


def draw(comparison, path):
    """Write the figure: bits of the label beside shares of the ceiling."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 4.4), layout="constrained")
    LearnabilityDisplay.from_comparison(comparison, ax=left)
    EfficiencyDisplay.from_comparison(comparison, ax=right)
    figure.suptitle("Which flights arrive late: what can be learned, and what each model extracts")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def tables(results):
    """Return the tables of the documentation."""
    return {
        "flights_ceilings": flights_ceilings(results),
        "flights_models": flights_models(results),
    }


def flights_ceilings(results):
    """Return the ceiling by way of setting test rows apart."""
    table = pd.DataFrame(results["ceilings"])
    interval = [f"{row.lower:.3f} to {row.upper:.3f}" for row in table.itertuples()]
    return pd.DataFrame(
        {
            "test rows": table["test rows"],
            "H(Y), bits": table["H(Y) bits"].map("{:.3f}".format),
            "learnability": table["learnability"].map("{:.3f}".format),
            "95 % interval": interval,
            "a logistic regression": table["logistic"].map("{:.3f}".format),
        }
    )


def flights_models(results):
    """Return what each model extracts on later days, beside its F1 at two thresholds."""
    table = pd.DataFrame(results["models"]).sort_values("efficiency", ascending=False)
    shown = {"model": table["model"]}
    for title, column in {
        "F1 at .5": "f1",
        "F1, threshold chosen": "f1_chosen",
        "efficiency": "efficiency",
        "calibrated": "calibrated_efficiency",
    }.items():
        shown[title] = table[column].map("{:.3f}".format)
    return pd.DataFrame(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all flights, not a sample")
    parser.add_argument("--jobs", type=int, default=2, help="fits to run side by side")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the figure")
    options = parser.parse_args()
    # the ordinary models are shown as they come, and the tables say what that costs
    warnings.simplefilter("ignore", ZeroProbabilityWarning)

    X, y, date = every_so_manieth_flight(1 if options.full else SAMPLED)
    X = X.drop(columns=LEFT_OUT)
    every = 1 if options.full else TRAINED_ON
    splits = splits_by_name(date, every, np.random.RandomState(0))
    print("Ceilings:")
    memory = str(options.output / "fits")
    losses, ceilings = measure_ceilings(X, y, date, splits, memory, options.jobs)
    print("Models:")
    split, reference_nll = splits["later days"], losses["later days"]
    comparison, models = compare_ordinary_models(X, y, date, split, reference_nll, options.jobs)
    always = f1_score(y[split[1]], np.ones(len(split[1])))

    print("\nHow much can be learned, by how the test rows are set apart (95 % intervals by day):")
    print(ceilings.to_string(index=False, float_format="%.3f"))
    print("logistic: what a logistic regression alone explains of the same rows.")
    print(
        f"\nOn later days the labels hold {comparison.label_entropy:.3f} bits, of which the inputs "
        f"explain {comparison.learnability.value:.1%} "
        f"({comparison.learnability.lower:.1%} to {comparison.learnability.upper:.1%}). "
        "Of that share, each model extracts:"
    )
    shown = ["model", "f1", "f1_chosen", "nll", "calibration_loss", *models.filter(like="effic")]
    print(models[shown].to_string(index=False, float_format="%.3f"))
    print(f"f1: at one half; f1_chosen: at a threshold from training rows; all late: {always:.3f}.")

    options.output.mkdir(exist_ok=True)
    figure = options.output / "flights.png"
    draw(comparison, figure)
    results = RESULTS.with_name("flights_full.json") if options.full else RESULTS
    results.write_text(
        json.dumps(
            {
                "n_samples": len(y),
                "ceilings": records(ceilings),
                "models": records(models),
                "f1_all_late": round(always, 6),
            },
            indent=1,
        )
        + "\n"
    )
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
