"""Learnability of sequences: entropy rates against exact ones, and a drift.

    python benchmarks/sequential.py [--seeds 10]      # about 20 CPU minutes

Sources of known entropy rate: Markov chains of order 1 to 3 over four symbols and hidden Markov
chains. The estimate is the mean loss of the second half. Beside it on the same sequences: what the
exact law loses on the same steps, the entropy of n-grams of order 3 by counting, the parse of
Lempel and Ziv (1978), and two packers. A drifting law gives the lag, and all give the share of
windows whose interval holds the truth of their steps.
"""

import argparse
import bz2
import json
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, records
from joblib import Memory
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.datasets import (
    make_drifting_classification,
    make_hidden_markov_chain,
    make_markov_chain,
)

RESULTS = Path(__file__).parent / "results" / "sequential.json"
LENGTHS = (5_000, 50_000)
SOURCES = {
    "Markov, order 1": (make_markov_chain, {"n_states": 4, "order": 1, "learnability": 0.3}),
    "Markov, order 2": (make_markov_chain, {"n_states": 4, "order": 2, "learnability": 0.3}),
    "Markov, order 3": (make_markov_chain, {"n_states": 4, "order": 3, "learnability": 0.3}),
    "hidden, 2 symbols": (make_hidden_markov_chain, {}),
    "hidden, 3 symbols": (make_hidden_markov_chain, {"n_symbols": 3}),
}
PEERS = ("3-grams", "Lempel-Ziv", "bz2", "lzma")


def lempel_ziv(y):
    """Return the entropy rate of the parse into distinct phrases, c log2(c) / n."""
    seen, phrase = set(), ()
    for symbol in y.tolist():
        phrase = (*phrase, symbol)
        if phrase not in seen:
            seen.add(phrase)
            phrase = ()
    return len(seen) * np.log2(len(seen)) / len(y)


def counted(y, order):
    """Return the entropy of a symbol after `order` others, from counts."""
    windows = np.lib.stride_tricks.sliding_window_view(y, order + 1)

    def entropy(grams):
        share = np.unique(grams, axis=0, return_counts=True)[1] / len(grams)
        return -(share * np.log2(share)).sum()

    return entropy(windows) - entropy(windows[:, :-1])


def source(name, n_samples, seed):
    """Return what is found on one sequence."""
    make, options = SOURCES[name]
    X, y, truth = make(n_samples, random_state=seed, return_truth=True, **options)
    hidden = hasattr(truth, "entropy_rate")
    exact = truth.predict_sequence(y) if hidden else truth.predict_proba(X)
    known = -np.log2(exact[np.arange(n_samples), y])
    seconds, found = cpu_seconds(SequentialLearnability().fit, y)
    rate = truth.entropy_rate() if hidden else truth.conditional_entropy()
    lower, upper = found.entropy_rate_interval_
    learnability = 1 - rate / truth.label_entropy()
    late = found.trajectory(n_samples // 20, 20).to_frame().iloc[10:]
    text = y.astype(np.uint8).tobytes()
    return {
        "rate": rate,
        "found": found.entropy_rate_,
        "known": known[n_samples // 2 :].mean(),
        "held": lower <= rate <= upper,
        "windows held": ((late["lower"] <= learnability) & (learnability <= late["upper"])).mean(),
        "learned": found.code_length_.learned,
        "excess": found.nll_.sum() - known.sum(),
        "3-grams": counted(y, 3),
        "Lempel-Ziv": lempel_ziv(y),
        "bz2": 8 * len(bz2.compress(text)) / n_samples,
        "lzma": 8 * len(lzma.compress(text, preset=9)) / n_samples,
        "seconds": seconds,
    }


def drift(n_samples, seed):
    """Return how well windows hold the truth of a drifting law, and how late they are."""
    X, y, truth = make_drifting_classification(
        n_samples, learnability=0.3, random_state=seed, return_truth=True
    )
    family = ["prior", ("logistic", LogisticRegression())]
    model = SequentialLearnability(family, window=n_samples // 20, random_state=seed)
    seconds, found = cpu_seconds(model.fit, y, X[:, 1:])
    path = found.trajectory(n_samples // 10, 40)
    times = (np.arange(n_samples) + 0.5) / n_samples
    exact = truth.local(times)["learnability"].to_numpy()

    def shifted(lag):
        starts = np.clip(path.step - path.width // 2 - lag, 0, None)
        return np.array([exact[start : start + path.width].mean() for start in starts])

    # what the forecasts explain in expectation over the labels of the windows' own inputs
    p = truth.predict_proba(X)
    marginal = np.exp2(-found.marginal_nll_)
    marginal = np.column_stack([np.where(y == k, marginal, 1 - marginal) for k in (0, 1)])
    losses = [-(p * np.log2(q)).sum(axis=1) for q in (found.proba_, marginal)]
    starts = path.step - path.width // 2
    loss, surprisal = (
        np.array([one[start : start + path.width].mean() for start in starts]) for one in losses
    )
    own = 1 - loss / surprisal
    inside = (path.lower <= shifted(0)) & (shifted(0) <= path.upper)
    lags = np.arange(0, n_samples // 4, n_samples // 100)
    later = slice(10, None)
    fits = [np.corrcoef(path.learnability[later], shifted(lag)[later])[0, 1] for lag in lags]
    return {
        "windows held": inside.mean(),
        "own held": ((path.lower <= own) & (own <= path.upper)).mean(),
        "behind": (shifted(0) - own).mean(),
        "above": (path.lower > shifted(0)).mean(),
        "lag": lags[np.argmax(fits)] / n_samples,
        "found": found.learnability_,
        "truth": truth.learnability,
        "seconds": seconds,
    }


def tables(results):
    """Return the tables of the documentation."""
    source_table = pd.DataFrame(results["sources"])
    per_cent = "{:+.2%}".format
    rates = pd.DataFrame(
        {
            "source": source_table["source"],
            "steps": source_table["steps"].map("{:,}".format),
            "rate, bits": source_table["rate"].map("{:.3f}".format),
            "found": source_table["error"].map(per_cent),
            "root mean square": source_table["rms"].map("{:.2%}".format),
            "above the exact law": source_table["excess"].map(per_cent),
            "interval holds": source_table["held"].map("{:.0%}".format),
            "late windows hold": source_table["windows held"].map("{:.0%}".format),
            "CPU-s": source_table["seconds"].map("{:.1f}".format),
        }
    )
    peers = source_table[["source", "steps"]].assign(
        **{"context tree": source_table["error"].map(per_cent)},
        **{peer: source_table[peer].map(per_cent) for peer in PEERS},
    )
    drifting = pd.DataFrame(results["drift"])
    return {
        "sequential_rates": rates,
        "sequential_peers": peers,
        "sequential_drift": pd.DataFrame(
            {
                "steps": drifting["steps"].map("{:,}".format),
                "truth": drifting["truth"].map("{:.3f}".format),
                "found": drifting["found"].map("{:.3f}".format),
                "windows hold the truth": drifting["windows held"].map("{:.0%}".format),
                "hold what forecasts explain": drifting["own held"].map("{:.0%}".format),
                "which lies below the truth by": drifting["behind"].map("{:.3f}".format),
                "windows above": drifting["above"].map("{:.0%}".format),
                "lag, share of the steps": drifting["lag"].map("{:.1%}".format),
                "CPU-s": drifting["seconds"].map("{:.0f}".format),
            }
        ),
    }


def summarise(name, n_samples, runs):
    """Return the errors of one source, relative to the rate."""
    runs = pd.DataFrame(runs)
    error = runs["found"] / runs["rate"] - 1
    return {
        "source": name,
        "steps": n_samples,
        "seeds": len(runs),
        "rate": runs["rate"].mean(),
        "error": error.mean(),
        "rms": np.sqrt((error**2).mean()),
        "excess": (runs["found"] / runs["known"] - 1).mean(),
        "held": runs["held"].mean(),
        "windows held": runs["windows held"].mean(),
        "learned": runs["learned"].mean(),
        **{peer: (runs[peer] / runs["rate"] - 1).mean() for peer in PEERS},
        "seconds": runs["seconds"].mean(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    memory = Memory("output/sequential", verbose=0)
    run_source, run_drift = memory.cache(source), memory.cache(drift)
    sources, drifting = [], []
    for name in SOURCES:
        for n_samples in LENGTHS:
            runs = [run_source(name, n_samples, seed) for seed in range(options.seeds)]
            sources.append(summarise(name, n_samples, runs))
            print(pd.DataFrame(sources[-1:]).to_string(index=False, header=False), flush=True)
    for n_samples in (2_000, 10_000):
        runs = pd.DataFrame([run_drift(n_samples, seed) for seed in range(options.seeds)])
        drifting.append({"steps": n_samples, **runs.mean().to_dict()})
        print(pd.DataFrame(drifting[-1:]).to_string(index=False, header=False), flush=True)
    found = {"sources": records(pd.DataFrame(sources)), "drift": records(pd.DataFrame(drifting))}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
