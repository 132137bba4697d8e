"""Check that the quadratic information is 0 on average for meaningless labels, and its interval.

    python benchmarks/soft_information_intervals.py --draws 1000   # about 10 minutes on one core

Vectors of one sequence share a direction, and sequences have 5 to 20 positions. Labels are dealt
out by sequence, by position, or by position with shares of their own in each sequence; or the two
of a pair are one sequence, and one of them is preferred. Without information the truth is 0; with
information, where each label adds its own direction, the truth is the estimate from 50,000
sequences. Beside it stands, for the first draws, what the same vectors give where each is taken for
a sequence of its own. The models are embeddings, and each text has tokens of its own. Cells already
measured with as many draws are kept.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_learnability.torch import (
    label_information,
    preference_information,
    soft_mutual_information,
)

RESULTS = Path(__file__).parent / "results" / "soft_information_intervals.json"
DIM, N_POINTS, VOCABULARY = 8, 50, 40
N_UNTOLD = 200  # draws
EQUAL, FEW, FOUR, RARE = (0.5, 0.5), (0.8, 0.2), (0.25,) * 4, (0.9, 0.1)

# function, labels, shares of the labels, sequences, separation of the labels
CELLS = [
    ("soft_mutual_information", "by sequence", EQUAL, 20, 0.0),
    ("soft_mutual_information", "by sequence", FEW, 20, 0.0),
    ("soft_mutual_information", "by sequence", FOUR, 20, 0.0),
    ("soft_mutual_information", "by sequence", EQUAL, 100, 0.0),
    ("soft_mutual_information", "by position", EQUAL, 20, 0.0),
    ("soft_mutual_information", "by position", FEW, 100, 0.0),
    ("soft_mutual_information", "clustered", FEW, 20, 0.0),
    ("soft_mutual_information", "clustered", FOUR, 20, 0.0),
    ("soft_mutual_information", "pairs", EQUAL, 20, 0.0),
    ("label_information", "by sequence", EQUAL, 20, 0.0),
    ("label_information", "clustered", FEW, 20, 0.0),
    ("preference_information", "pairs", EQUAL, 20, 0.0),
    ("soft_mutual_information", "by sequence", EQUAL, 20, 2.0),
    ("soft_mutual_information", "by sequence", EQUAL, 100, 2.0),
    ("soft_mutual_information", "by sequence", RARE, 100, 2.0),
    ("soft_mutual_information", "by position", EQUAL, 20, 2.0),
    ("soft_mutual_information", "by position", RARE, 100, 2.0),
    ("soft_mutual_information", "pairs", EQUAL, 20, 2.0),
]


def draw_labels(kind, shares, lengths, rng):
    """Return labels of the positions of sequences, at least two different ones."""
    sequences = np.repeat(np.arange(len(lengths)), lengths)
    while True:
        if kind == "by sequence":
            labels = rng.choice(len(shares), len(lengths), p=shares)[sequences]
        elif kind == "by position":
            labels = rng.choice(len(shares), len(sequences), p=shares)
        elif kind == "clustered":
            own = rng.dirichlet(2 * np.array(shares), len(lengths)).cumsum(axis=1)
            labels = (rng.random(len(sequences))[:, None] > own[sequences, :-1]).sum(axis=1)
        else:
            within = np.arange(len(sequences)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            second = within >= lengths[sequences] // 2
            labels = second ^ rng.integers(2, size=len(lengths))[sequences]
        if len(np.unique(labels)) > 1:
            return labels, sequences


def draw_vectors(kind, shares, n_sequences, separation, rng):
    """Return vectors with their labels and sequences."""
    lengths = rng.integers(5, 21, size=n_sequences)
    labels, sequences = draw_labels(kind, shares, lengths, rng)
    offset = 1.5 * rng.normal(size=(n_sequences, DIM))
    z = rng.normal(size=(len(labels), DIM)) + offset[sequences]
    return z + separation * np.eye(DIM)[labels], labels, sequences


def of_model(function, kind, shares, n_sequences, rng):
    """Return the estimate of one draw of texts, by a model that embeds tokens."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Embedding(VOCABULARY, DIM), torch.nn.Linear(DIM, VOCABULARY)
    )
    options = {"layers": ["0"], "n_permutations": 1, "n_points": N_POINTS, "progress": False}
    lengths = rng.integers(5, 21, size=n_sequences)
    tokens = rng.dirichlet(np.full(VOCABULARY, 0.1), n_sequences)
    texts = [rng.choice(VOCABULARY, size=n, p=own) for n, own in zip(lengths, tokens, strict=True)]
    if function == "preference_information":
        cuts = rng.integers(1, lengths - 1)
        pairs = [([0], text[:cut], text[cut:]) for text, cut in zip(texts, cuts, strict=True)]
        swap = rng.integers(2, size=n_sequences)
        pairs = [(p, *(ab[::-1] if s else ab)) for (p, *ab), s in zip(pairs, swap, strict=True)]
        result = preference_information(model, None, pairs, **options)
    else:
        labels, sequences = draw_labels(kind, shares, lengths, rng)
        labels = [labels[sequences == i] for i in range(n_sequences)]
        if kind == "by sequence":
            labels = [int(of_text[0]) for of_text in labels]
        result = label_information(model, texts, labels=labels, **options)
    return next(result.information.itertuples())


def measure(cell, n_draws):
    """Return what the draws of one cell give."""
    function, kind, shares, n_sequences, separation = cell
    truth = 0.0
    if separation:
        z, labels, sequences = draw_vectors(
            kind, shares, 50_000, separation, np.random.default_rng(12345)
        )
        many = soft_mutual_information(z, labels, N_POINTS, sequences=sequences, n_sampled=2)
        truth = many.quadratic
    found, untold = [], []
    for seed in range(n_draws):
        rng = np.random.default_rng([CELLS.index(cell), seed])
        if function == "soft_mutual_information":
            z, labels, sequences = draw_vectors(kind, shares, n_sequences, separation, rng)
            one = soft_mutual_information(z, labels, N_POINTS, sequences=sequences)
            if not separation and seed < N_UNTOLD:
                other = soft_mutual_information(z, labels, N_POINTS)
                untold.append((other.quadratic, other.quadratic_lower))
        else:
            one = of_model(function, kind, shares, n_sequences, rng)
        found.append((one.quadratic, one.quadratic_error, one.quadratic_lower, one.quadratic_upper))
    value, error, lower, upper = np.array(found).T
    row = {
        "function": function,
        "labels": kind,
        "shares": list(shares),
        "sequences": n_sequences,
        "separation": separation,
        "draws": n_draws,
        "truth": truth,
        "mean": value.mean(),
        "mean, its standard error": value.std(ddof=1) / np.sqrt(n_draws),
        "standard deviation": value.std(ddof=1),
        "mean standard error": error.mean(),
        "covered": np.mean((lower <= truth) & (truth <= upper)),
        "interval above": np.mean(lower > truth),
    }
    if untold:
        value, lower = np.array(untold).T
        row |= {"untold, mean": value.mean(), "untold, interval above": np.mean(lower > 0)}
    return row


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["cells"])
    none = table["separation"] == 0
    return {
        "soft_intervals_null": without_information(table[none]),
        "soft_intervals_truth": with_information(table[~none]),
    }


def design(table):
    """Return the columns that say what was drawn."""
    shares = [" : ".join(f"{100 * share:g}" for share in of_cell) for of_cell in table["shares"]]
    return {"labels": table["labels"], "shares, %": shares, "sequences": table["sequences"]}


def without_information(table):
    """Return means and coverage where the truth is 0."""
    shown = {"function": table["function"], **design(table)}
    error = table["mean, its standard error"]
    shown["mean in its standard errors"] = (table["mean"] / error).map("{:+.1f}".format)
    shown["covered"] = table["covered"].map("{:.1%}".format)
    shown["above 0"] = table["interval above"].map("{:.1%}".format)
    untold = table["untold, interval above"].map("{:.1%}".format)
    shown["above 0, sequences not told"] = untold.where(table["untold, mean"].notna(), "")
    return pd.DataFrame(shown)


def with_information(table):
    """Return means and coverage where labels have directions of their own."""
    shown = design(table)
    for name in ("truth", "mean", "standard deviation", "mean standard error"):
        shown[name] = table[name].map("{:.5f}".format)
    shown["covered"] = table["covered"].map("{:.1%}".format)
    return pd.DataFrame(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000, help="draws a cell")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text())["cells"] if RESULTS.exists() else []
    rows = []
    for cell in CELLS:
        names = ("function", "labels", "shares", "sequences", "separation")
        wanted = dict(zip(names, cell, strict=True)) | {
            "shares": list(cell[2]),
            "draws": options.draws,
        }
        kept = [row for row in done if wanted.items() <= row.items()]
        rows.append(kept[0] if kept else measure(cell, options.draws))
        print(pd.DataFrame(rows[-1:]).round(5).to_string(index=False), flush=True)
        later = [row for row in done if row not in rows]
        RESULTS.write_text(json.dumps({"cells": rows + later}, indent=1) + "\n")
    RESULTS.write_text(json.dumps({"cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
