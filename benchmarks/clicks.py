"""Clicks: how much of them can be learned, and from which width on a network learns no more.

    python benchmarks/clicks.py                 # on what stands in for a log of clicks
    python benchmarks/clicks.py PATH            # on Avazu's train file, which is not part of this

A golden ceiling of boosted trees, TabTransformer, factorization machine and the usual family is
fitted on the earlier rows and predicts the later ones. Networks of growing width are measured
against it there, as they are and calibrated. Prints tables; writes a figure and the numbers as
JSON. Every fit is kept in output/clicks: an interrupted run resumes.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _click_logs import STAND_INS, click_log
from _networks import MLP
from _results import records
from joblib import Memory
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from sklearn_learnability import GoldenModelCeiling, select_capacity
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import compare_models, cross_fit_calibration, log_loss_per_sample

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "clicks.json"
MEMORY = Memory(ROOT / "output" / "clicks", verbose=0)

DEFAULT = ["prior", "logistic", "splines", "sparse_splines", "catboost", "network"]
#: The last two are those for columns of many levels. A family that begins with another one shares
#: its fits.
FAMILIES = {
    "default": DEFAULT,
    "with factorization machine": [*DEFAULT, "factorization_machine"],
    "with both": [*DEFAULT, "factorization_machine", "tab_transformer"],
}
FOLDS = 3
WIDTHS = (8, 32, 128, 512, 1024)
#: Steps of 200 rows that a network is trained for, or at most where it may stop early.
STEPS = 1500
TRAINING = {"fixed": False, "early": True}
#: Blocks of test rows that the smallest sufficient width is chosen over.
N_BLOCKS = 20


def fit_ceiling(name, path, family):
    """Return a golden ceiling of the earlier rows."""
    X, y, groups = click_log(name, path).train
    options = {"cv": FOLDS, "memory": MEMORY, "random_state": 0}
    return GoldenModelCeiling(FAMILIES[family], **options).fit(X, y, groups=groups)


@MEMORY.cache
def predict(X, y, later, width, training):
    """Return a network's probabilities of the later rows, and the CPU seconds it took."""
    started = time.process_time()
    epochs = max(1, round(STEPS * 200 / len(y)))
    network = MLP(width, max_epochs=epochs, early_stopping=TRAINING[training], random_state=0)
    proba = make_pipeline(columns_of(X), network).fit(X, y).predict_proba(later)
    return proba, time.process_time() - started


def columns_of(X):
    """Return a step that makes numbers of a table, levels of many by the clicks on each."""
    names = X.select_dtypes(exclude="number").columns
    few = [name for name in names if X[name].nunique() <= 30]
    many = [name for name in names if name not in few]
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return make_column_transformer(
        (encode, few),
        (make_pipeline(TargetEncoder(cv=folds), StandardScaler()), many),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )


def measure_log(name, path):
    """Return what is found on one log: the ceiling, its candidates, and the networks."""
    log = click_log(name, path)
    X, y, groups = log.test
    ceilings = {family: fit_ceiling(name, path, family) for family in FAMILIES}
    golden = ceilings["with both"]
    losses = {
        family: log_loss_per_sample(y, ceiling.predict_proba(X), labels=[0, 1])
        for family, ceiling in ceilings.items()
    }
    cells = [(width, training) for training in TRAINING for width in WIDTHS]
    earlier = log.train[:2]
    found = {
        f"{training} {width}": predict(*earlier, X, width, training) for width, training in cells
    }
    probas = {model: proba for model, (proba, _) in found.items()}
    comparison = compare_models(
        y, probas, reference_nll=losses["with both"], groups=groups, calibration="affine"
    )
    rows = comparison.to_frame()
    rows[["training", "width"]] = [[training, width] for width, training in cells]
    rows["seconds"] = [seconds for _, seconds in found.values()]
    rows["true_efficiency"], rows["true_calibrated_efficiency"] = np.nan, np.nan
    if log.truth is not None:
        calibrated = [cross_fit_calibration(y, proba, random_state=0) for proba in probas.values()]
        for column, all_probas in (("", probas.values()), ("calibrated_", calibrated)):
            gaps = np.array([log.truth.gap(proba, X) for proba in all_probas])
            rows[f"true_{column}efficiency"] = 1 - gaps / log.truth.learnability
    candidates = golden.candidates_
    candidates["gap"] = np.nan
    families = pd.DataFrame(
        [
            {
                "family": family,
                "loss": losses[family].mean(),
                "gap": np.nan if log.truth is None else gap_out_of_fold(log, ceiling),
                "seconds": ceiling.candidates_["seconds"].sum(),
            }
            for family, ceiling in ceilings.items()
        ]
    )
    if log.truth is not None:
        excess = (candidates["calibrated_nll"] - golden.nll_) / golden.label_entropy_
        candidates["gap"] = gap_out_of_fold(log, golden) + excess
    found = comparison.learnability
    return {
        "log": name,
        "n_train": log.n_train,
        "n_test": len(y),
        "rate": log.y.mean(),
        "n_clicks_test": int(y.sum()),
        "n_levels": int(X.select_dtypes(exclude="number").nunique().max()),
        "label_entropy": comparison.label_entropy,
        "learnability": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "truth": None if log.truth is None else log.truth.learnability,
        "reason": comparison.models[0].efficiency.reason,
        "widths": records(rows),
        "candidates": records(candidates),
        "families": records(families),
        "sufficient": sufficient_widths(y, probas, groups),
    }


def gap_out_of_fold(log, ceiling):
    """Return how far the out-of-fold probabilities are from the truth, in units of H(Y)."""
    return log.truth.gap(ceiling.oof_proba_, log.train[0])


def sufficient_widths(y, probas, groups):
    """Return by training the smallest width as good as the best, as it is and calibrated."""
    block = np.arange(len(y)) * N_BLOCKS // len(y)
    chosen = []
    for training in TRAINING:
        row = {"training": training}
        for how in ("raw", "calibrated"):
            scores = []
            for width in WIDTHS:
                proba = probas[f"{training} {width}"]
                if how == "calibrated":
                    proba = cross_fit_calibration(y, proba, groups=groups, random_state=0)
                loss = log_loss_per_sample(y, proba, labels=[0, 1])
                scores.append([-loss[block == b].mean() for b in range(N_BLOCKS)])
            scores = np.array(scores)
            results = {f"split{b}_test_score": scores[:, b] for b in range(N_BLOCKS)}
            results |= {"mean_test_score": scores.mean(axis=1)}
            results["params"] = [{"width": width} for width in WIDTHS]
            row[how] = WIDTHS[select_capacity("width")(results)]
        chosen.append(row)
    return chosen


def tables(results):
    """Return the tables of the documentation."""
    return {
        "clicks_ceilings": ceilings_table(results),
        "clicks_widths": widths_table(results),
        "clicks_sufficient": sufficient_table(results),
        "clicks_candidates": candidates_table(results),
    }


def ceilings_table(results):
    """Return how much can be learned of each log."""
    rows = []
    for log in results["logs"]:
        rows.append(
            {
                "Log": log["log"],
                "Rows: earlier, later": f"{log['n_train']:,}, {log['n_test']:,}",
                "Positives": f"{log['rate']:.1%}",
                "Most levels": f"{log['n_levels']:,}",
                "H(Y), bits": f"{log['label_entropy']:.3f}",
                "Learnability": f"{log['learnability']:.4f}",
                "95 % interval": f"{log['lower']:.4f} to {log['upper']:.4f}",
                "Truth": "" if log["truth"] is None else f"{log['truth']:.2f}",
            }
        )
    return pd.DataFrame(rows)


def widths_table(results):
    """Return the efficiency of every width, as it is and calibrated, with intervals."""
    rows = []
    for log in results["logs"]:
        for row in log["widths"]:
            shown = {"Log": log["log"], "Training": row["training"], "Width": row["width"]}
            for title, key in (("As it is", "efficiency"), ("Calibrated", "calibrated_efficiency")):
                shown[title] = with_interval(row, key)
                true = row[f"true_{key}"]
                shown[f"{title}, true"] = "" if true is None else f"{true:.2f}"
            rows.append(shown | {"F1": f"{row['f1']:.3f}"})
    return pd.DataFrame(rows)


def with_interval(row, key):
    """Return an efficiency with its interval, or that it cannot be told."""
    if row[key] is None:
        return "cannot tell"
    return f"{row[key]:.2f} ({row[f'{key}_lower']:.2f} to {row[f'{key}_upper']:.2f})"


def sufficient_table(results):
    """Return the smallest width as good as the best, where a share of the ceiling is defined."""
    titles = {"log": "Log", "training": "Training", "raw": "As it is", "calibrated": "Calibrated"}
    rows = [
        {"log": log["log"]} | row
        for log in results["logs"]
        for row in log["sufficient"]
        if log["widths"][0]["efficiency"] is not None
    ]
    return pd.DataFrame(rows).rename(columns=titles)


def candidates_table(results):
    """Return what each candidate misses or loses, and what the pool of each family does."""
    columns = {}
    for log in results["logs"]:
        is_known = log["truth"] is not None
        key = "gap" if is_known else "loss"
        of_family = {row["family"]: row[key] for row in log["families"]}
        of_candidate = {
            row["candidate"]: row["gap"] if is_known else row["calibrated_nll"]
            for row in log["candidates"]
        }
        title = f"{log['log']}: {'gap' if is_known else 'loss'}"
        columns[title] = of_candidate | {
            f"pool, {family}": of_family[family] for family in of_family
        }
    table = pd.DataFrame(columns).map("{:.4f}".format)
    return table.rename_axis("Candidate").reset_index()


def draw(results, path):
    """Write the figure: efficiency against width, a panel a log."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    logs = [log for log in results["logs"] if log["widths"][0]["efficiency"] is not None]
    if not logs:
        print("No figure: no log of which an efficiency can be told.")
        return
    figure, axes = plt.subplots(1, len(logs), figsize=(4.2 * len(logs), 3.9), layout="constrained")
    for ax, log in zip(np.atleast_1d(axes), logs, strict=True):
        table = pd.DataFrame(log["widths"])
        for training, color in {"fixed": "#D55E00", "early": "#0072B2"}.items():
            part = table[table["training"] == training]
            for key, style in (("efficiency", "-"), ("calibrated_efficiency", "--")):
                label = {"fixed": "fixed steps", "early": "stopped early"}[training]
                label += "" if key == "efficiency" else ", calibrated"
                ax.plot(part["width"], part[key], style, color=color, marker="o", label=label)
                if key == "calibrated_efficiency":
                    ends = part[f"{key}_lower"], part[f"{key}_upper"]
                    ax.fill_between(part["width"], *ends, color=color, alpha=0.12, linewidth=0)
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.axhline(1, color="0.6", linewidth=0.8, linestyle=":")
        ax.set_xscale("log", base=2)
        ax.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        ax.minorticks_off()
        lowest = table[["efficiency", "calibrated_efficiency"]].min(axis=None)
        ax.set_ylim(max(-2.0, min(-0.1, lowest - 0.1)), 1.1)
        ax.set(title=f"{log['log']}: {log['learnability']:.3f} found", xlabel="width")
        ax.spines[["top", "right"]].set_visible(False)
    np.atleast_1d(axes)[0].set_ylabel("efficiency")
    np.atleast_1d(axes)[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", help="Avazu's train file, plain or gzip")
    path = parser.parse_args().path
    names = STAND_INS if path is None else ("avazu",)
    logs = []
    for name in names:
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearnabilityWarning)  # shown as "cannot tell"
            warnings.filterwarnings("ignore", message="Persisting input arguments")
            logs.append(measure_log(name, path))
        print(f"  {name}: {time.process_time() - started:.0f} CPU-seconds", flush=True)
    results = {"logs": logs}
    for table in tables(results).values():
        print(f"\n{table.to_string(index=False)}")
    file = RESULTS if path is None else RESULTS.with_name("clicks_avazu.json")
    file.write_text(json.dumps(results, indent=1) + "\n")
    folder = ROOT / ("docs/_static" if path is None else "output")
    draw(results, folder / "clicks.png")


if __name__ == "__main__":
    main()
