"""False findings, coverage and power of the report by segment, against the exact truth.

    python benchmarks/segments.py [--repetitions 400]       # about 6 CPU minutes

Five segments of learnability 0.01, 0.05, 0.2, 0.5 and 0.8. Ceiling and model are the exact
posterior with noise of 0.5 on its logit, drawn for each apart, so that neither is better in any
segment. For each number of rows a segment:

- false findings: share of data sets in which any segment "leaves information" or "loses bits";
- coverage of the 95 % interval of the excess loss, whose truth is 0, over all segments;
- coverage of the 95 % interval of the learnability, with the posterior as the ceiling;
- power: share of data sets in which a model that knows nothing in the segment of learnability 0.2
  (and 0.05) is found to leave information there;
- of the segment of learnability 0.2, the share of data sets that call it "nothing to learn".

False findings once more where classes are rare: five segments whose logits spread by 0.2 to 3, half
of the labels positive, 5 % or 1 %. "Model": any segment "leaves information" or "loses bits" though
ceiling and model are equally far from the exact posterior; "ceiling": any is called "ceiling too
low" though the ceiling is the exact posterior.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from sklearn_learnability.datasets import make_segmented_classification
from sklearn_learnability.metrics import information_by_segment, log_loss_per_sample

RESULTS = Path(__file__).parent / "results" / "segments.json"

LEARNABILITIES = (0.01, 0.05, 0.2, 0.5, 0.8)
ROWS_A_SEGMENT = (50, 100, 300, 1000, 3000)
SPREADS = (0.2, 0.5, 1.0, 2.0, 3.0)
POSITIVES = (0.5, 0.05, 0.01)
FINDINGS = {"leaves information", "loses bits"}


def draw(truth, n, rng):
    """Return segments with n rows each, labels, and the logit of the posterior."""
    X, y = truth.sample(2 * n * len(LEARNABILITIES) + 200, rng)
    codes = X[:, 0].astype(int)
    rows = np.concatenate(
        [np.flatnonzero(codes == code)[:n] for code in range(len(LEARNABILITIES))]
    )
    score = logit(np.clip(truth.predict_proba(X[rows])[:, 1], 1e-12, 1 - 1e-12))
    return codes[rows], y[rows], score


def covered(estimates, truths):
    """Return for each estimate whether its interval holds the truth."""
    return [
        part.lower <= truth <= part.upper for part, truth in zip(estimates, truths, strict=True)
    ]


def repeat(truth, n, rng):
    """Return the outcomes of one data set."""
    segments, y, score = draw(truth, n, rng)
    exact = log_loss_per_sample(y, expit(score))
    ceiling, model = (expit(score + 0.5 * rng.standard_normal(len(score))) for _ in range(2))
    null = information_by_segment(
        y, model, segments, reference_nll=log_loss_per_sample(y, ceiling)
    ).segments
    blind = np.where(np.isin(segments, [1, 2]), 0.5, model)
    found = information_by_segment(y, blind, segments, reference_nll=exact).segments
    return {
        "false findings": any(part.status in FINDINGS for part in null),
        "coverage, excess loss": np.mean(covered([part.excess_loss for part in null], [0] * 5)),
        "coverage, learnability": np.mean(
            covered([part.efficiency.learnability for part in found], LEARNABILITIES)
        ),
        "power at 0.05": found[1].status == "leaves information",
        "power at 0.2": found[2].status == "leaves information",
        "0.2 called nothing": null[2].status == "nothing to learn",
    }


def intercepts(positives):
    """Return the intercept of every spread that gives the share of positives."""
    normal = np.random.RandomState(1).standard_normal(100_000)
    return np.array(
        [brentq(lambda b, s=s: expit(b + s * normal).mean() - positives, -20, 10) for s in SPREADS]
    )


def null(middle, n, rng):
    """Return whether a data set without a finding has one, of the model and of the ceiling."""
    segments = np.repeat(np.arange(len(SPREADS)), n)
    score = middle[segments] + np.array(SPREADS)[segments] * rng.standard_normal(len(segments))
    y = (rng.uniform(size=len(score)) < expit(score)).astype(int)
    near = [expit(score + 0.5 * rng.standard_normal(len(score))) for _ in range(2)]
    of_model, of_ceiling = (
        {
            part.status
            for part in information_by_segment(
                y,
                near[0],
                segments,
                labels=[0, 1],
                reference_nll=log_loss_per_sample(y, ceiling, labels=[0, 1]),
            ).segments
        }
        for ceiling in (near[1], expit(score))
    )
    return bool(FINDINGS & of_model), "ceiling too low" in of_ceiling


def tables(results):
    """Return the tables of the documentation."""
    false = pd.DataFrame(results["false findings"])
    false["of"] = false["positives"].map("{:.0%} positive: ".format)
    wide = false.melt(["rows", "of"], ["model", "ceiling"], "what")
    wide["of"] = wide["of"] + wide["what"]
    wide["value"] = wide["value"].map("{:.1%}".format)
    wide = wide.pivot(index="rows", columns="of", values="value")
    order = [
        f"{share:.0%} positive: {what}" for share in POSITIVES for what in ("model", "ceiling")
    ]
    return {
        "segments": shown(results),
        "segments_false": wide[order].reset_index(),
    }


def shown(results):
    """Return what the report by segment finds, by number of rows."""
    table = pd.DataFrame(results["table"])
    short = {
        "false findings": "false findings",
        "coverage, excess loss": "covers Δ",
        "coverage, learnability": "covers L",
        "power at 0.05": "found at 0.05",
        "power at 0.2": "found at 0.2",
        "0.2 called nothing": "0.2 called nothing",
    }
    shares = table[list(short)].rename(columns=short).map("{:.1%}".format)
    return pd.concat([table["rows a segment"].astype(int).rename("rows"), shares], axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400)
    options = parser.parse_args()
    _, _, truth = make_segmented_classification(
        learnabilities=LEARNABILITIES, random_state=0, return_truth=True
    )
    rng = np.random.RandomState(0)
    rows = []
    for n in ROWS_A_SEGMENT:
        outcomes = pd.DataFrame([repeat(truth, n, rng) for _ in range(options.repetitions)])
        rows.append({"rows a segment": n} | outcomes.astype(float).mean().to_dict())
        print(pd.DataFrame(rows[-1:]).to_string(index=False, float_format="%.3f"), flush=True)
    false = []
    for positives in POSITIVES:
        middle = intercepts(positives)
        for n in ROWS_A_SEGMENT[1:]:
            model, ceiling = np.mean(
                [null(middle, n, rng) for _ in range(options.repetitions)], axis=0
            )
            false.append({"positives": positives, "rows": n, "model": model, "ceiling": ceiling})
            print(false[-1], flush=True)
    result = {"repetitions": options.repetitions, "table": rows, "false findings": false}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
