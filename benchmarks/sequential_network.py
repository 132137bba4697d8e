"""What a recurrent network adds to context trees, on sequences of known entropy rate.

    python benchmarks/sequential_network.py        # about 5 CPU minutes

Hidden Markov chains, and labels each of which is that of ten steps before but for one in ten, which
is beyond a tree of eight labels. The network and the trees are fitted together: beside what each
loses stands the pool of the trees alone, and that of all, over the second half of the steps and
beside what the exact law loses on the same ones.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, records
from joblib import Memory

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.datasets import make_hidden_markov_chain

RESULTS = Path(__file__).parent / "results" / "sequential_network.json"
TREES = ["context_tree", "recent_context_tree"]
LAG, FLIPPED = 10, 0.1
CELLS = (
    ("hidden, 2 symbols", 5_000, 3),
    ("hidden, 3 symbols", 5_000, 3),
    ("hidden, 3 symbols", 50_000, 2),
    (f"{LAG} steps before", 5_000, 3),
    (f"{LAG} steps before", 20_000, 2),
)


def draw(name, n_samples, seed):
    """Return labels and the losses of the exact law."""
    steps = np.arange(n_samples)
    if name.startswith("hidden"):
        n_symbols = int(name.split()[1])
        _, y, truth = make_hidden_markov_chain(
            n_samples, n_symbols=n_symbols, random_state=seed, return_truth=True
        )
        return y, -np.log2(truth.predict_sequence(y)[steps, y])
    rng = np.random.RandomState(seed)
    y, flipped = rng.randint(2, size=n_samples), rng.uniform(size=n_samples) < FLIPPED
    for step in range(LAG, n_samples):
        y[step] = y[step - LAG] ^ flipped[step]
    losses = -np.log2(np.where(flipped, FLIPPED, 1 - FLIPPED))
    return y, np.where(steps < LAG, 1.0, losses)


def measure(name, n_samples, seed):
    """Return what each way loses over the exact law, and CPU seconds."""
    y, exact = draw(name, n_samples, seed)
    known = exact[n_samples // 2 :].mean()
    tree_seconds, trees = cpu_seconds(SequentialLearnability(TREES).fit, y)
    both = SequentialLearnability([*TREES, "recurrent"], random_state=seed)
    seconds, found = cpu_seconds(both.fit, y)
    late = found.forecasters_.set_index("forecaster")["late_nll"]
    return {
        "known": known,
        "trees": trees.entropy_rate_ - known,
        "network": late["recurrent"] - known,
        "both": found.entropy_rate_ - known,
        "tree seconds": tree_seconds,
        "seconds": seconds,
    }


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["table"])
    shown = {
        "source": table["source"],
        "steps": table["steps"].map("{:,}".format),
        "seeds": table["seeds"],
        "exact law, bits": table["known"].map("{:.3f}".format),
    }
    for name in ("trees", "network", "both"):
        shown[name] = (table[name] / table["known"]).map("{:+.2%}".format)
    shown["CPU-s of trees"] = table["tree seconds"].map("{:.1f}".format)
    shown["CPU-s of all"] = table["seconds"].map("{:.1f}".format)
    return {"sequential_network": pd.DataFrame(shown)}


def main():
    run = Memory("output/sequential_network", verbose=0).cache(measure)
    rows = []
    for name, n_samples, n_seeds in CELLS:
        runs = pd.DataFrame([run(name, n_samples, seed) for seed in range(n_seeds)])
        rows.append({"source": name, "steps": n_samples, "seeds": n_seeds, **runs.mean()})
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    RESULTS.write_text(json.dumps({"table": records(pd.DataFrame(rows))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
