"""Coverage of the intervals of a decomposed log-loss, against what the best map takes off.

    python benchmarks/calibration_intervals.py [--draws 200]       # about 10 CPU minutes

Labels are drawn given the log-probabilities of a model, as softmax(f(log q)): "calibrated", f the
identity; "slightly off", scale 0.85 and one bias of 0.1; "too sure", scale 0.4 and one bias of
-0.5; "too modest", scale 1.7; "wavy", a sine that no map of the family follows. The model's logits
are normal: balanced classes; 5 % positives, where it is calibrated; four classes. In "groups of 5"
a row repeats the first of its group with probability 0.6; "weights" are exponential.

The truth of the calibration loss is what the best map of the family takes off, of the calibrated
loss what it leaves; both from 100,000 rows with the probabilities of their labels as weights. A
cell that is done is read from the cache.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory
from scipy.special import log_softmax, softmax

from sklearn_learnability.metrics import fit_calibrator, nll_decomposition

RESULTS = Path(__file__).parent / "results" / "calibration_intervals.json"

MODELS = ("calibrated", "slightly off", "too sure", "too modest", "wavy")
PARTS = ("calibration_loss", "nll", "calibrated_nll", "information_score")


def cells():
    """Return the cells: family of maps, data, model, rows."""
    data = ("balanced", "5 % positives", "four classes")
    few = ("calibrated", "slightly off", "too sure")
    plain = [
        ("affine", kind, model, n) for n in (200, 2000, 500) for kind in data for model in MODELS
    ]
    dependent = [
        ("affine", kind, model, n)
        for kind in ("groups of 5", "weights")
        for model in few
        for n in (200, 2000)
    ]
    families = [
        ("temperature", kind, model, n) for kind in data for model in few for n in (200, 2000)
    ]
    families += [
        (family, kind, model, n)
        for family, kind in (
            ("isotonic", "balanced"),
            ("isotonic", "5 % positives"),
            ("matrix", "four classes"),
        )
        for model in few
        for n in (200, 2000)
    ]
    large = [("affine", kind, model, 10_000) for kind in data for model in few]
    return plain + dependent + families + large


def model_log_proba(kind, n, rng):
    """Return the model's log-probabilities."""
    if kind == "four classes":
        return log_softmax(1.2 * rng.normal(size=(n, 4)) + [0.8, 0.3, 0, -0.5], axis=1)
    scale, shift = (1.2, -3.6) if kind == "5 % positives" else (1.5, 0.0)
    return log_softmax(np.column_stack([np.zeros(n), scale * rng.normal(size=n) + shift]), axis=1)


def label_proba(model, log_proba):
    """Return the probabilities of the labels, given what the model says."""
    last = np.eye(log_proba.shape[1])[-1]
    logits = {
        "calibrated": log_proba,
        "slightly off": 0.85 * log_proba + 0.1 * last,
        "too sure": 0.4 * log_proba - 0.5 * last,
        "too modest": 1.7 * log_proba,
        "wavy": log_proba + 0.6 * np.sin(2 * log_proba),
    }[model]
    return softmax(logits, axis=1)


def draw(kind, model, n, rng):
    """Return labels, probabilities of the model, and the options of the decomposition."""
    log_proba = model_log_proba(kind, n, rng)
    proba = label_proba(model, log_proba)
    y = (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=proba.shape[1] - 1)
    if kind == "groups of 5":
        groups = np.arange(n) // 5
        source = np.where(rng.random(n) < 0.6, 5 * groups, np.arange(n))
        return y[source], np.exp(log_proba[source]), {"groups": groups}
    options = {"sample_weight": rng.exponential(size=n)} if kind == "weights" else {}
    return y, np.exp(log_proba), options


def truths(family, kind, model, n=100_000):
    """Return the truth of every part in bits."""
    log_proba = model_log_proba(kind, n, np.random.default_rng(0))
    label = label_proba(model, log_proba)
    k = label.shape[1]
    best = fit_calibrator(
        np.tile(np.arange(k), n),
        np.repeat(np.exp(log_proba), k, axis=0),
        calibration=family,
        sample_weight=label.ravel() * (1e9 / n),
    ).predict_proba(np.exp(log_proba))
    nll = -(label * log_proba).sum(axis=1).mean() / np.log(2)
    calibrated = -(label * np.log(best)).sum(axis=1).mean() / np.log(2)
    rate = label.mean(axis=0)
    return {
        "calibration_loss": max(nll - calibrated, 0.0),
        "nll": nll,
        "calibrated_nll": calibrated,
        "information_score": 1 + nll / (rate @ np.log2(rate)),
    }


def simulate(family, kind, model, n, draws):
    """Return coverages, and the calibration loss's truth, mean, error and ends, of one cell."""
    truth = truths(family, kind, model)
    rows = []
    for seed in range(draws):
        rng = np.random.default_rng([seed, n])
        y, proba, options = draw(kind, model, n, rng)
        labels = np.arange(proba.shape[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = nll_decomposition(
                y, proba, calibration=family, labels=labels, random_state=seed, **options
            )
        found = {name: getattr(parts, name) for name in PARTS}
        row = {
            name: part.lower <= truth[name] + 1e-9 and truth[name] <= part.upper
            for name, part in found.items()
        }
        loss = found["calibration_loss"]
        row["too high"] = loss.lower > truth["calibration_loss"] + 1e-9
        row |= {
            "value": loss.value,
            "width": loss.upper - loss.lower,
            "standard error": loss.standard_error,
        }
        rows.append(row)
    table = pd.DataFrame(rows).astype(float)
    return table.mean().to_dict() | {
        "truth": truth["calibration_loss"],
        "sd of value": float(table["value"].std()),
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    is_affine = table["family"] == "affine"
    return {
        "calibration_intervals": by_rows(table[is_affine], "model"),
        "calibration_intervals_families": by_rows(table[~is_affine], "family"),
        "calibration_intervals_parts": other_parts(table[is_affine]),
    }


def by_rows(table, within):
    """Return the coverage of the calibration loss: one row a kind of data and `within`."""
    order = ["data", "model"] if within == "model" else ["family", "data", "model"]
    wide = table.pivot_table(index=order, columns="rows", values="calibration_loss", sort=False)
    shown = wide.sort_index(axis=1).map(lambda share: "" if np.isnan(share) else f"{share:.3f}")
    return shown.rename(columns="{:,} rows".format).reset_index()


def other_parts(table):
    """Return the coverage of the other numbers, averaged over the models."""
    means = table.groupby(["data", "rows"], sort=False)[list(PARTS[1:])].mean().reset_index()
    means = means.sort_values(["data", "rows"])
    for name in PARTS[1:]:
        means[name] = means[name].map("{:.3f}".format)
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--cache", default="output/calibration_intervals")
    options = parser.parse_args()
    cached = Memory(options.cache, verbose=0).cache(simulate)
    rows = []
    for family, kind, model, n in cells():
        row = {"family": family, "data": kind, "model": model, "rows": n}
        rows.append(row | cached(family, kind, model, n, options.draws))
        print(
            " ".join(
                str(part if isinstance(part, str) else round(part, 5)) for part in rows[-1].values()
            ),
            flush=True,
        )
    RESULTS.write_text(json.dumps({"draws": options.draws, "table": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
