"""The local learning coefficient where it is known, with one automatic setting, beside devinterp.

    pip install -e ".[torch,benchmark]"
    python benchmarks/llc_known_truth.py            # about 25 CPU-minutes
    python benchmarks/llc_known_truth.py --small    # two seeds a case, the cheap cases
    python benchmarks/llc_known_truth.py --peer     # devinterp too, 5 CPU-minutes more
    python benchmarks/llc_known_truth.py --tables   # of the runs there are, without a new one

Every case is a model at its minimum and real rows of data, given to `LocalLearningCoefficient` with
nothing set but the random state, and no limit of time but for the case of 20,000 rows, so that all
are sampled by Hamiltonian chains. devinterp runs as its page shows (lr=0.001, n_beta=30, 4 chains
of 200 draws); without --peer its columns stay those of the results. The seeds start at 7000, and
devinterp's at 5000; none of them was looked at while the rules were made. Each run is written to
output/llc_known_truth.csv at once, and not repeated when the script is started again. The column
of seeds says how many runs of a case the table is of, beside how many there are to be.
"""

import argparse
import io
import json
import time
import warnings
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from _known_truth_cases import CASES
from torch import nn
from tqdm import tqdm

from sklearn_learnability.torch import LocalLearningCoefficient

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "llc_known_truth.json"
RUNS = HERE.parent / "output" / "llc_known_truth.csv"
FIRST_SEEDS = {"ours": 7000, "devinterp": 5000}
PEER_SEEDS, SMALL_SEEDS = 2, 2
MOST_ROWS = 10_000  # that are all taken, however long that is
COLUMNS = [
    "value",
    "standard_error",
    "total_error",
    "variance_based",
    "variance_based_error",
    "low",
    "high",
    "corrected",
    "inverse_temperature",
    "flags",
    "seconds",
]
AIMS = {  # what is aimed at over the groups, and how a number is written
    "good cases: within 3 %": ("all", "{:.1%}"),
    "good cases: rms z": ("about 1", "{:.2f}"),
    "good cases: flagged": ("at most 5 %", "{:.1%}"),
    "other cases: bracket holds truth": ("at least 90 %", "{:.1%}"),
    "other cases: flagged": ("at most 30 %", "{:.1%}"),
    "other cases: off by more than 5 %, which are to be flagged": ("", "{:.1%}"),
    "all cases: wrong by more than 5 % without a flag": ("none", "{:.1%}"),
    "runs": ("", "{:.0f}"),
}
EXPENSIVE = ("d=1000", "n=10000", "n=4000", "[20, 30, 20]")


def ours(known, loss, seed):
    """Return one run of the public estimator."""
    limit = "auto" if len(known.data[0]) > MOST_ROWS else None
    estimator = LocalLearningCoefficient(loss, max_seconds=limit, random_state=seed, progress=False)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the flags hold the same texts
        found = estimator.estimate(known.model, known.data)
    return {
        "value": found.value,
        "standard_error": found.standard_error,
        "total_error": found.total_error,
        "variance_based": found.variance_based,
        "variance_based_error": found.variance_based_error,
        "low": found.bracket[0],
        "high": found.bracket[1],
        "corrected": found.multiplicity_corrected,
        "inverse_temperature": found.settings.inverse_temperature,
        "flags": " | ".join(flag.code for flag in found.flags),
        "seconds": time.process_time() - start,
    }


def peer(known, loss, seed):
    """Return one run of devinterp, as its page shows, with row numbers for tokens."""
    from datasets import Dataset
    from devinterp.slt.llc import llc

    inputs, targets = known.data
    rows = torch.arange(len(inputs)).repeat(2, 1).T.tolist()

    def row_loss(model, input_ids):
        which = input_ids[:, 0]
        outputs = model(inputs[which])
        if isinstance(loss, nn.CrossEntropyLoss):
            return nn.functional.cross_entropy(outputs, targets[which], reduction="none")[:, None]
        return (outputs - targets[which]).square().mean(1, keepdim=True)

    dataset = Dataset.from_dict({"input_ids": rows}).with_format("torch")
    start = time.process_time()
    with TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        result = llc(
            model=known.model,
            dataset=dataset,
            observables={},
            lr=0.001,
            n_beta=30,
            num_chains=4,
            num_draws=200,
            init_seed=seed,
            loss_fn=row_loss,
            device="cpu",
            output_path=f"{folder}/samples.zarr",
        )
        value = float(result["llc_mean"])
    return {"value": value, "flags": "", "seconds": time.process_time() - start}


def run(cases, *, small, with_peer):
    """Run what was not run before."""
    done = read_runs(cases)[["case", "package", "seed"]].itertuples(index=False, name=None)
    seen = set(done)
    wanted = [
        (case, package, FIRST_SEEDS[package] + number)
        for case in cases
        for package, most in (("ours", case.n_seeds), ("devinterp", PEER_SEEDS * with_peer))
        for number in range(min(most, SMALL_SEEDS) if small else most)
    ]
    left = [w for w in wanted if (w[0].name, w[1], w[2]) not in seen]
    left.sort(key=lambda w: w[2] - FIRST_SEEDS[w[1]])  # every case once before any case twice
    try:
        for case, package, seed in tqdm(left, desc="runs"):
            known = case.make(seed)
            found = {"ours": ours, "devinterp": peer}[package](known, case.loss, seed)
            row = {"case": case.name, "package": package, "seed": seed}
            row["truth"] = known.truth.value
            row |= {name: found.get(name, "") for name in COLUMNS}
            RUNS.parent.mkdir(exist_ok=True)
            pd.DataFrame([row]).to_csv(RUNS, mode="a", header=not RUNS.exists(), index=False)
    except KeyboardInterrupt:
        print("Interrupted; the table is of the runs so far.")


def read_runs(cases):
    """Return the runs there are, of the seeds that count."""
    if not RUNS.exists():
        return pd.DataFrame(columns=["case", "package", "seed", "truth", *COLUMNS])
    runs = pd.read_csv(RUNS)
    runs["flags"] = runs["flags"].fillna("")
    first = runs["package"].map(FIRST_SEEDS)
    counts = runs["seed"].between(first, first + 999)
    return runs[counts & runs["case"].isin([case.name for case in cases])]


def of_peer(runs, case, truth):
    """Return the columns of devinterp, those of the results where it was not run again."""
    theirs = runs[(runs["case"] == case.name) & (runs["package"] == "devinterp")]
    if theirs.empty:
        table = pd.DataFrame(json.loads(RESULTS.read_text())["table"]).set_index("case")
        columns = [column for column in table if column.startswith("devinterp")]
        return table[columns].reindex([case.name]).iloc[0].to_dict()
    return {
        "devinterp seeds": len(theirs),
        "devinterp": (theirs["value"] / truth - 1).mean(),
        "devinterp spread": (theirs["value"] / truth).std(),
        "devinterp seconds": theirs["seconds"].mean(),
    }


def summarise(cases, runs):
    """Return one row a case."""
    rows = []
    for case in cases:
        mine = runs[(runs["case"] == case.name) & (runs["package"] == "ours")]
        if mine.empty:
            continue
        truth = mine["truth"].iloc[0]
        error = mine["value"] / truth - 1
        scale = np.maximum(mine["total_error"], 1e-6 * truth)
        flagged = mine["flags"] != ""
        rows.append(
            {
                "group": case.group,
                "case": case.name,
                "truth": truth,
                "seeds": len(mine),
                "seeds wanted": case.n_seeds,
                "bias": error.mean(),
                "largest error": error.abs().max(),
                "within 3 %": (error.abs() <= 0.03).mean(),
                "standard error": (mine["standard_error"] / truth).mean(),
                "total error": (mine["total_error"] / truth).mean(),
                "by the variance": (mine["variance_based"] / truth - 1).mean(),
                "rms z of the variance": float(
                    (((mine["variance_based"] - truth) / mine["variance_based_error"]) ** 2).mean()
                    ** 0.5
                ),
                "rms z": float(np.sqrt((((mine["value"] - truth) / scale) ** 2).mean())),
                "bracket holds truth": mine.eval("low <= truth <= high").mean(),
                "flagged": flagged.mean(),
                "off by more than 5 %": (error.abs() > 0.05).mean(),
                "wrong without flag": ((error.abs() > 0.05) & ~flagged).mean(),
                "seconds": mine["seconds"].mean(),
                **of_peer(runs, case, truth),
            }
        )
    return pd.DataFrame(rows)


def targets(table):
    """Return what was aimed at, over the groups."""
    good = table["group"].isin(["regular", "quartic", "linear network"])

    def share(rows, column):
        return float(np.average(rows[column], weights=rows["seeds"]))

    numbers = (
        share(table[good], "within 3 %"),
        float(np.sqrt(np.average(table[good]["rms z"] ** 2, weights=table[good]["seeds"]))),
        share(table[good], "flagged"),
        share(table[~good], "bracket holds truth"),
        share(table[~good], "flagged"),
        share(table[~good], "off by more than 5 %"),
        share(table, "wrong without flag"),
        int(table["seeds"].sum()),
    )
    return dict(zip(AIMS, numbers, strict=True))


def tables(results):
    """Return the tables of the documentation."""
    return {
        "llc_known_truth": errors_by_case(results),
        "llc_known_truth_targets": aims(results),
    }


def errors_by_case(results):
    """Return relative errors of the learning coefficient by case, and devinterp's."""
    table = pd.DataFrame(results["table"])
    errors = {
        "mean error": table["bias"],
        "largest": table["largest error"],
        "total error": table["total error"],
        "by the variance": table["by the variance"],
    }
    return pd.DataFrame(
        {
            "case": table["case"].str.replace("linear regression", "regression"),
            "truth": table["truth"].map("{:.3g}".format),
            "seeds": table["seeds"].astype(int),
            **{name: error.map("{:.1%}".format) for name, error in errors.items()},
            "in bracket": table["bracket holds truth"].map("{:.0%}".format),
            "flagged": table["flagged"].map("{:.0%}".format),
            "devinterp": table["devinterp"].map("{:.0%}".format),
        }
    ).replace("-0.0%", "0.0%")


def aims(results):
    """Return what was aimed at, and what was reached."""
    reached = results["targets"]
    return pd.DataFrame(
        {
            "": list(reached),
            "aimed at": [AIMS[name][0] for name in reached],
            "reached": [AIMS[name][1].format(value) for name, value in reached.items()],
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two seeds a case, the cheap cases")
    parser.add_argument("--peer", action="store_true", help="run devinterp too")
    parser.add_argument("--tables", action="store_true", help="of the runs there are; no new ones")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = [c for c in CASES if not (given.small and any(part in c.name for part in EXPENSIVE))]
    if not given.tables:
        run(cases, small=given.small, with_peer=given.peer)
    table = summarise(cases, read_runs(cases))
    with pd.option_context("display.width", 250, "display.max_columns", None):
        print(table.round(3).to_string(index=False))
    reached = targets(table)
    for name, value in reached.items():
        print(f"{name}: {value:.3g}")
    if not given.small:
        results = {
            "first seeds": FIRST_SEEDS,
            "targets": reached,
            "table": table.to_dict("records"),
        }
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
