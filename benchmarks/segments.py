"""False findings, coverage and power of the report by segment, against the exact truth.

    python benchmarks/segments.py [--repetitions 400]       # about 2 CPU minutes

Five segments of learnability 0.01, 0.05, 0.2, 0.5 and 0.8. Ceiling and model are the exact
posterior with noise of 0.5 on its logit, drawn for each apart, so that neither is better in any
segment. For each number of rows a segment:

- false findings: share of data sets in which any segment "leaves information" or "loses bits";
- coverage of the 95 % interval of the excess loss, whose truth is 0, over all segments;
- coverage of the 95 % interval of the learnability, with the posterior as the ceiling;
- power: share of data sets in which a model that knows nothing in the segment of learnability 0.2
  (and 0.05) is found to leave information there;
- of the segment of learnability 0.2, the share of data sets that call it "nothing to learn".
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from sklearn_learnability.datasets import make_segmented_classification
from sklearn_learnability.metrics import information_by_segment, log_loss_per_sample

RESULTS = Path(__file__).parent / "results" / "segments.json"

LEARNABILITIES = (0.01, 0.05, 0.2, 0.5, 0.8)
ROWS_A_SEGMENT = (50, 100, 300, 1000, 3000)
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


def tables(results):
    """Return the tables of the documentation."""
    return {
        "segments": shown(results),
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
    result = {"repetitions": options.repetitions, "table": rows}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
