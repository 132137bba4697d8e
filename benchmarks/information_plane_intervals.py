"""Check the intervals of means over layers and of the optimality, over draws of texts.

    python benchmarks/information_plane_intervals.py --draws 1000   # about 8 minutes on one core

Each text is a Markov chain of 8 to 24 tokens with preferences of its own, read by an embedding and
a recurrent layer of random weights. What is estimated is of the layers' mean. The plug-in intervals
hold no bias: their truth is the mean of the draws. That of the quadratic information is the
estimate from 20,000 texts. Beside the standard error of the mean stands the mean of the layers'
errors, which would be right if the layers erred alike.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import cpu_seconds

from sklearn_learnability.torch import measure_information_plane

RESULTS = Path(__file__).parent / "results" / "information_plane_intervals.json"
VOCABULARY, DIM, N_POINTS = 12, 16, 50
N_TEXTS, N_MANY = (20, 60, 200), 20_000
WIDTHS = (1, 2)
QUANTITIES = {
    "past_1": "I(X1)",
    "future_1": "I(Y1)",
    "optimality_1": "I(Y1)/I(X1)",
    "past_2": "I(X2)",
    "future_2": "I(Y2)",
    "optimality_2": "I(Y2)/I(X2)",
}


class Reader(torch.nn.Module):
    """An embedding, a recurrent layer, and logits."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(VOCABULARY, DIM)
        self.recurrent = torch.nn.GRU(DIM, DIM, batch_first=True)
        self.logits = torch.nn.Linear(DIM, VOCABULARY)

    def forward(self, ids):
        """Return logits (B, T, V)."""
        return self.logits(self.recurrent(self.embedding(ids))[0])


def draw_texts(n_texts, rng):
    """Return texts of tokens: a chain that all have in common, mixed with preferences of each."""
    transition = np.random.default_rng(0).dirichlet(np.full(VOCABULARY, 0.3), size=VOCABULARY)
    own = rng.dirichlet(np.full(VOCABULARY, 0.3), size=n_texts)
    mixed = (0.7 * transition + 0.3 * own[:, None]).cumsum(axis=2)
    mixed[..., -1] = 1.0
    lengths = rng.integers(8, 25, size=n_texts)
    tokens = np.zeros((n_texts, lengths.max()), dtype=np.int64)
    tokens[:, 0] = rng.integers(VOCABULARY, size=n_texts)
    for t in range(1, tokens.shape[1]):
        reached = rng.random(n_texts)[:, None] < mixed[np.arange(n_texts), tokens[:, t - 1]]
        tokens[:, t] = reached.argmax(axis=1)
    return [row[:n].tolist() for row, n in zip(tokens, lengths, strict=True)]


def measure(n_texts, seed):
    """Return value, error and interval of everything of the layers' mean, one row each."""
    plane = measure_information_plane(
        Reader().eval(),
        draw_texts(n_texts, np.random.default_rng([n_texts, seed])),
        widths=WIDTHS,
        layers=["embedding", "recurrent"],
        n_points=N_POINTS,
        batch_size=1000,
        progress=False,
    )
    table = plane.information
    of_layers = table[table["layer"] != "mean"].groupby("labels").mean(numeric_only=True)
    rows = []
    for row in table[table["layer"] == "mean"].itertuples():
        found = row.information, row.standard_error, row.interval_lower, row.interval_upper
        rows.append((row.labels, "plug-in", *found, of_layers["standard_error"][row.labels]))
        found = row.quadratic, row.quadratic_error, row.quadratic_lower, row.quadratic_upper
        rows.append((row.labels, "quadratic", *found, of_layers["quadratic_error"][row.labels]))
    nan = float("nan")
    for p in plane.points:
        if p.layer == "mean":
            name, q = f"optimality_{p.width}", p.optimality_quadratic
            ends = p.optimality_lower, p.optimality_upper
            rows.append((name, "plug-in", p.optimality, nan, *ends, nan))
            ends = p.optimality_quadratic_lower, p.optimality_quadratic_upper
            rows.append((name, "quadratic", q, nan, *ends, nan))
    columns = ["quantity", "estimate", "value", "error", "lower", "upper", "layers' error"]
    return pd.DataFrame(rows, columns=columns)


def coverage(n_texts, n_draws, truth):
    """Return what the draws of one number of texts give, one row a quantity and estimate."""
    draws = pd.concat([measure(n_texts, seed) for seed in range(n_draws)])
    rows = []
    for (quantity, estimate), found in draws.groupby(["quantity", "estimate"], sort=False):
        known = truth[quantity] if estimate == "quadratic" else found["value"].mean()
        low, high = found["lower"] > known, found["upper"] < known
        rows.append(
            {
                "texts": n_texts,
                "quantity": quantity,
                "estimate": estimate,
                "draws": n_draws,
                "defined": float(found["upper"].notna().mean()),
                "truth": float(known),
                "mean": float(found["value"].mean()),
                "standard deviation": float(found["value"].std(ddof=1)),
                "mean standard error": float(found["error"].mean()),
                "mean of the layers' errors": float(found["layers' error"].mean()),
                "covered": float(1 - (low | high)[found["upper"].notna()].mean()),
                "above the truth": float(low.mean()),
                "below the truth": float(high.mean()),
            }
        )
    return rows


def tables(results):
    """Return the tables of the documentation."""
    return {"plane_intervals": plane_intervals(results)}


def plane_intervals(results):
    """Return the truth and the coverage of intervals of the layers' mean, by number of texts."""
    table = pd.DataFrame(results["cells"])
    first = table[table["texts"] == N_TEXTS[0]]
    quantities = first["quantity"].map(QUANTITIES)
    shown = {"of": quantities.tolist(), "estimate": first["estimate"].tolist()}
    for n_texts in N_TEXTS:
        found = table[table["texts"] == n_texts]
        shown[f"truth, {n_texts} texts"] = found["truth"].map("{:.3f}".format).tolist()
        shown[f"covered, {n_texts} texts"] = found["covered"].map("{:.1%}".format).tolist()
    return pd.DataFrame(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400, help="draws a number of texts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    many = measure(N_MANY, 0)
    truth = many[many["estimate"] == "quadratic"].set_index("quantity")["value"]
    rows = []
    for n_texts in N_TEXTS:
        seconds, found = cpu_seconds(lambda n=n_texts: coverage(n, options.draws, truth))
        rows += found
        print(pd.DataFrame(found).round(4).to_string(index=False), f"\n{seconds:.0f} CPU-s")
        RESULTS.write_text(json.dumps({"cells": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
