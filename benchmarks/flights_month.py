"""What the month says of late flights: on rows to train on, and on later days.

    python benchmarks/flights_month.py      # some 4 CPU-minutes after the demo

The ceiling of the demo is fitted with and without the month, to the same flights, and scored three
times: out of fold on whole days of its training rows, out of fold on later days of its training
rows (four steps forward; the first serves calibration alone), and on the test rows, which are the
last fifth of the days. The first two are what a choice on training rows alone goes by. The ordinary
models of the demo are fitted with and without the month too, and scored on the test rows. The gain
is the loss without the month less the loss with it, as a share of H(Y); its 95 % interval takes
days as independent. Finished fits are kept in output/fits: an interrupted run resumes.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _results import records
from flights import (
    BUDGET,
    LEFT_OUT,
    SAMPLED,
    TRAINED_ON,
    every_so_manieth_flight,
    ordinary_models,
    splits_by_name,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import TimeSeriesSplit
from threadpoolctl import threadpool_limits

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.exceptions import ZeroProbabilityWarning
from sklearn_learnability.metrics import label_entropy, log_loss_per_sample

RESULTS = Path(__file__).parent / "results" / "flights_month.json"


def steps_forward(date, n_steps=4):
    """Return folds of whole days, each predicted from the days before it."""
    days = np.unique(date)
    return [
        (np.flatnonzero(np.isin(date, days[before])), np.flatnonzero(np.isin(date, days[after])))
        for before, after in TimeSeriesSplit(n_steps).split(days)
    ]


def losses_of_ceilings(X, y, date, split, options):
    """Return the ceiling's losses by the rows they are of; NaN where a row has none."""
    train, test = split
    fitted = {
        name: GoldenModelCeiling(BUDGET, cv=cv, random_state=0, **options).fit(
            X.iloc[train], y[train], groups=date[train]
        )
        for name, cv in (("whole days", 5), ("later days", steps_forward(date[train])))
    }
    losses = {f"training rows, {name}": ceiling.oof_nll_ for name, ceiling in fitted.items()}
    proba = fitted["whole days"].predict_proba(X.iloc[test])
    return losses | {"test rows: later days": log_loss_per_sample(y[test], proba)}


def losses_of_models(X, y, split):
    """Return the losses of the ordinary models on the test rows."""
    train, test = split
    losses = {}
    for name, model in ordinary_models().items():
        with threadpool_limits(1):
            proba = model.fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])
        losses[name] = log_loss_per_sample(y[test], proba)
        print(f"  {name}", flush=True)
    return losses


def compare(model, rows, y, date, without, with_month):
    """Return what a model explains without and with the month, and the gain with its interval."""
    scored = np.isfinite(without) & np.isfinite(with_month)
    y, date, without, with_month = (a[scored] for a in (y, date, without, with_month))
    entropy = label_entropy(y)
    gain = (without - with_month) / entropy
    by_day = pd.Series(gain - gain.mean()).groupby(date).sum()
    margin = 1.96 * np.sqrt((by_day**2).sum() * len(by_day) / (len(by_day) - 1)) / len(gain)
    return {
        "model": model,
        "scored on": rows,
        "rows": len(y),
        "without": 1 - without.mean() / entropy,
        "with": 1 - with_month.mean() / entropy,
        "gain": gain.mean(),
        "lower": gain.mean() - margin,
        "upper": gain.mean() + margin,
    }


def tables(results):
    """Return the tables of the documentation."""
    return {
        "flights_month": flights_month(results),
    }


def flights_month(results):
    """Return the share of H(Y) explained without and with the month, and the gain."""
    table = pd.DataFrame(results["table"])
    return pd.DataFrame(
        {
            "model": table["model"],
            "scored on": table["scored on"],
            "without the month": table["without"].map("{:.3f}".format),
            "with it": table["with"].map("{:.3f}".format),
            "gain, 95 % interval": [
                f"{row.gain:+.3f} ({row.lower:+.3f} to {row.upper:+.3f})"
                for row in table.itertuples()
            ],
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="fits to run side by side")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder of the fits")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", ZeroProbabilityWarning)
    options = {"memory": str(arguments.output / "fits"), "n_jobs": arguments.jobs}

    X, y, date = every_so_manieth_flight(SAMPLED)
    split = splits_by_name(date, TRAINED_ON, np.random.RandomState(0))["later days"]
    ceilings, models = {}, {}
    for name, table in {"without": X.drop(columns=LEFT_OUT), "with": X}.items():
        print(f"{name} the month", flush=True)
        ceilings[name] = losses_of_ceilings(table, y, date, split, options)
        models[name] = losses_of_models(table, y, split)
    train, test = split
    rows = []
    for name in ceilings["with"]:
        of = train if name.startswith("training") else test
        pair = ceilings["without"][name], ceilings["with"][name]
        rows.append(compare("ceiling", name, y[of], date[of], *pair))
    for name in models["with"]:
        pair = models["without"][name], models["with"][name]
        rows.append(compare(name, "test rows: later days", y[test], date[test], *pair))
    found = pd.DataFrame(rows)
    print(found.to_string(index=False, float_format="%.4f"))
    RESULTS.write_text(json.dumps({"n_samples": len(y), "table": records(found)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
