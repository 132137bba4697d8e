"""Check how often the bracket on repeated labels holds what is true of them.

    python benchmarks/soft_information_bracket.py   # about 5 minutes on one core

Each label has a direction of its own, with little noise ("clear") or much ("noisy"), or none
("meaningless"). Sequences have 5 to 20 positions. Labels are dealt out by position; or by sequence,
or by position with shares of their own in each sequence, where vectors of one sequence share a
direction as well. The truth is the information about the labels that occur at least twice in the
draw, among all positions that have one of them, from 5,000 to 60,000 vectors of each label. The
bracket without sampling error is from `lower` to `upper`, that with it from `bracket_lower` to
`bracket_upper`. Cells already measured with as many draws are kept.
"""

import argparse
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_learnability.torch import calibrate_temperature, soft_mutual_information

RESULTS = Path(__file__).parent / "results" / "soft_information_bracket.json"
DIM, N_POINTS = 8, 50
POINTS = np.random.default_rng(0).normal(size=(N_POINTS, DIM))
POINTS /= np.linalg.norm(POINTS, axis=1, keepdims=True)
TEMPERATURE = calibrate_temperature(DIM, N_POINTS)

KINDS = {"clear": (1.0, 0.03), "noisy": (1.0, 0.5), "meaningless": (0.0, 1.0)}  # direction, noise
SHARED = 0.5  # length of what a sequence shares, where it does
# labels, how they are dealt out, their number, sequences
DESIGNS = [
    ("by position", "equal", 3, 20),
    ("by position", "equal", 3, 200),
    ("by position", "Zipf", 100, 200),
    ("by position", "Zipf", 100, 1000),
    ("by position", "equal", 300, 40),
    ("by sequence", "equal", 3, 20),
    ("by sequence", "equal", 3, 100),
    ("by sequence", "Zipf", 30, 100),
    ("clustered", "equal", 3, 30),
    ("clustered", "Zipf", 100, 100),
]
CELLS = [(kind, *design) for kind in KINDS for design in DESIGNS]


def shares_of(frequency, n_labels):
    """Return the share of each label."""
    shares = np.ones(n_labels) if frequency == "equal" else 1 / np.arange(1, n_labels + 1)
    return shares / shares.sum()


def draw_vectors(kind, design, labels, sequences, rng):
    """Return the vectors of positions with these labels."""
    length, noise = KINDS[kind]
    directions = np.random.default_rng(1).normal(size=(300, DIM))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    z = length * directions[labels] + noise * rng.normal(size=(len(labels), DIM))
    if design != "by position":
        z += SHARED * rng.normal(size=(sequences.max() + 1, DIM))[sequences]
    return z


def draw(cell, rng):
    """Return vectors with their labels and sequences."""
    kind, design, frequency, n_labels, n_sequences = cell
    shares = shares_of(frequency, n_labels)
    lengths = rng.integers(5, 21, size=n_sequences)
    sequences = np.repeat(np.arange(n_sequences), lengths)
    if design == "by position":
        labels = rng.choice(n_labels, len(sequences), p=shares)
    elif design == "by sequence":
        labels = rng.choice(n_labels, n_sequences, p=shares)[sequences]
    else:
        own = rng.dirichlet(3 * min(n_labels, 10) * shares, n_sequences).cumsum(axis=1)
        labels = (rng.random(len(sequences))[:, None] > own[sequences, :-1]).sum(axis=1)
    return draw_vectors(kind, design, labels, sequences, rng), labels, sequences


@cache
def mean_assignments(kind, design, n_labels):
    """Return the mean assignment of each label, one row each."""
    n_labels = n_labels if KINDS[kind][0] else 1
    n = 60_000 if n_labels < 10 else 5_000
    rng, means = np.random.default_rng(2), []
    for label in range(n_labels):
        z = draw_vectors(kind, design, np.full(n, label), np.arange(n), rng)
        logits = z @ POINTS.T / (TEMPERATURE * np.linalg.norm(z, axis=1, keepdims=True))
        means.append(torch.softmax(torch.from_numpy(logits), dim=1).mean(dim=0).numpy())
    return np.array(means)


def true_information(cell, labels):
    """Return the information about the labels that repeat, at their shares of all positions."""
    kind, design, frequency, n_labels, _ = cell
    if not KINDS[kind][0]:
        return 0.0
    values, counts = np.unique(labels, return_counts=True)
    repeated = values[counts > 1]
    shares = shares_of(frequency, n_labels)[repeated]
    shares /= shares.sum()
    means = mean_assignments(kind, design, n_labels)[repeated]

    def entropy(proba):
        return -(proba * np.log(proba)).sum(axis=-1) / np.log(N_POINTS)

    return float(entropy(shares @ means) - shares @ entropy(means))


def measure(cell, n_draws):
    """Return what the draws of one cell give."""
    found = []
    for seed in range(n_draws):
        z, labels, sequences = draw(cell, np.random.default_rng([CELLS.index(cell), seed]))
        one = soft_mutual_information(
            z, labels, reference_points=POINTS, temperature=TEMPERATURE, sequences=sequences
        )
        truth = true_information(cell, labels)
        found.append((truth, one.lower, one.upper, one.bracket_lower, one.bracket_upper))
    truth, lower, upper, wide_lower, wide_upper = np.array(found).T
    return dict(zip(NAMES, cell, strict=True)) | {
        "draws": n_draws,
        "truth": truth.mean(),
        "lower": lower.mean(),
        "upper": upper.mean(),
        "covered before": np.mean((lower <= truth) & (truth <= upper)),
        "width before": np.mean(upper - lower),
        "covered": np.mean((wide_lower <= truth) & (truth <= wide_upper)),
        "below": np.mean(truth < wide_lower),
        "above": np.mean(truth > wide_upper),
        "width": np.mean(wide_upper - wide_lower),
    }


NAMES = ("vectors", "labels", "frequency", "n_labels", "sequences")


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["cells"])
    shown = {
        "vectors": table["vectors"],
        "labels": [f"{n} {by}" for n, by in zip(table["n_labels"], table["labels"], strict=True)],
        "frequency": table["frequency"],
        "sequences": table["sequences"].map("{:,}".format),
        "truth": table["truth"].map("{:.3f}".format),
    }
    for name, covered, width in (
        ("lower to upper", "covered before", "width before"),
        ("bracket", "covered", "width"),
    ):
        shown[f"{name}, covered"] = table[covered].map("{:.0%}".format)
        shown[f"{name}, width"] = table[width].map("{:.3f}".format)
    return {"soft_bracket": pd.DataFrame(shown)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100, help="draws a cell")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text())["cells"] if RESULTS.exists() else []
    rows = []
    for cell in CELLS:
        wanted = dict(zip(NAMES, cell, strict=True)) | {"draws": options.draws}
        kept = [row for row in done if wanted.items() <= row.items()]
        rows.append(kept[0] if kept else measure(cell, options.draws))
        print(pd.DataFrame(rows[-1:]).round(4).to_string(index=False), flush=True)
        later = [row for row in done if row not in rows]
        RESULTS.write_text(json.dumps({"cells": rows + later}, indent=1) + "\n")
    RESULTS.write_text(json.dumps({"cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
