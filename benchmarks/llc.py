"""CPU time and memory of a Langevin step, and CPU time to a standard error, beside devinterp.

    pip install -e ".[torch,benchmark]"
    python benchmarks/train_small_lm.py        # once: the language model
    python benchmarks/llc.py                   # minutes on one core

Both sample with the same inverse temperature, localization, step size, batch size and number of
chains. The time of a step and chain is the difference of runs of two lengths, over a bare forward
and backward pass on a batch of that size; the median of repetitions, CPU seconds of the process.
The standard error of devinterp's mean is computed from its traces as ours is.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _llc_data import digits, digits_mlp, held_out_rows, million_lm, small_lm, train_digits
from _results import cpu_seconds, peak_megabytes
from arviz_stats.base import array_stats
from torch import nn
from torch.nn import functional as F

from sklearn_learnability.torch import LocalLearningCoefficient, next_token_loss

RESULTS = Path(__file__).parent / "results" / "llc.json"
N_CHAINS = 4


def cases():
    """Yield the name of each case, its model, loss, rows and settings."""
    mlp = train_digits(digits_mlp(32))
    fixed = {"inverse_temperature": 240.0, "localization": 20.0, "step_size": 1e-3}
    yield "MLP on digits", mlp, nn.CrossEntropyLoss(), digits(), fixed | {"batch_size": 64}
    rows = held_out_rows()
    fixed = {
        "inverse_temperature": 3000.0,
        "localization": 5e4,
        "step_size": 2.5e-6,
        "batch_size": 8,
    }
    yield "transformer, 0.4M", small_lm(), next_token_loss, rows, fixed
    yield "transformer, 1.1M", million_lm(), next_token_loss, rows, fixed


def bare_milliseconds(model, loss, rows, batch_size, repetitions=15):
    """Return the time of a forward and backward pass."""
    batch = rows[:batch_size] if isinstance(rows, torch.Tensor) else [r[:batch_size] for r in rows]
    parameters = list(model.parameters())

    def both():
        one = isinstance(batch, torch.Tensor)
        losses = loss(model, batch) if one else loss(model(batch[0]), batch[1])
        torch.autograd.grad(losses.mean(), parameters)

    both()
    return 1e3 * float(np.median([cpu_seconds(both)[0] for _ in range(repetitions)]))


def ours(model, loss, rows, settings, n_steps, sampler="leimkuhler-matthews", seed=0):
    """Return our estimate after a number of steps, of which 40 % are discarded."""
    llc = LocalLearningCoefficient(
        loss,
        sampler=sampler,
        n_chains=N_CHAINS,
        n_draws=round(0.6 * n_steps),
        random_state=seed,
        progress=False,
        **settings,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return llc.estimate(model, rows)


def theirs(model, loss, rows, settings, n_steps, folder, seed=0):
    """Return devinterp's trace (n_chains, n_steps) of the batch loss."""
    from datasets import Dataset
    from devinterp.slt.sampling import sample

    if isinstance(rows, torch.Tensor):
        data = Dataset.from_dict({"input_ids": rows}).with_format("torch")

        def loss_fn(network, tokens):
            logits, targets = network(tokens[:, :-1]), tokens[:, 1:]
            losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
            return losses.view(targets.shape)
    else:  # row numbers in place of tokens
        X, y = rows
        numbers = torch.arange(len(X))[:, None].repeat(1, 2)
        data = Dataset.from_dict({"input_ids": numbers}).with_format("torch")

        def loss_fn(network, numbers):
            chosen = numbers[:, 0]
            return F.cross_entropy(network(X[chosen]), y[chosen], reduction="none")[:, None]

    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        found = sample(
            model,
            data,
            {},
            lr=settings["step_size"],
            n_beta=settings["inverse_temperature"],
            localization=settings["localization"],
            num_chains=N_CHAINS,
            num_draws=n_steps,
            batch_size=settings["batch_size"],
            num_init_loss_batches=1,
            init_seed=seed,
            device="cpu",
            output_path=folder / f"{n_steps}_{seed}_{time.time_ns()}",
            loss_fn=loss_fn,
        )
    losses = found.dataset.sampling_loss_micro
    return losses.mean(dim=["batch_sampling", "token_pos"]).values


def milliseconds_a_step(run, short, long):
    """Return the time of one step and chain, from runs of two lengths."""
    first, _ = cpu_seconds(lambda: run(short))
    second, _ = cpu_seconds(lambda: run(long))
    return 1e3 * (second - first) / (long - short) / N_CHAINS


def relative_errors(model, loss, rows, settings, n_steps, folder):
    """Return the standard errors, relative to the value, of ours and of devinterp's trace."""
    found = ours(model, loss, rows, settings, n_steps)
    trace = theirs(model, loss, rows, settings, n_steps, folder)[:, round(0.4 * n_steps) :]
    one_chain = trace.mean(axis=0)[None]  # as the chains share their batches
    error = array_stats.mcse(one_chain, chain_axis=0, draw_axis=1, method="mean")
    error = settings["inverse_temperature"] * float(error)
    return found.standard_error_within / abs(found.value), error / abs(found.value)


def compare(name, model, loss, rows, settings, lengths, repetitions):
    """Return the row of one case."""
    bare, own, peer = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for _ in range(repetitions):
            bare.append(bare_milliseconds(model, loss, rows, settings["batch_size"]))
            own.append(
                milliseconds_a_step(lambda n: ours(model, loss, rows, settings, n), *lengths)
            )
            peer.append(
                milliseconds_a_step(
                    lambda n: theirs(model, loss, rows, settings, n, folder), *lengths
                )
            )
        error, peer_error = relative_errors(model, loss, rows, settings, lengths[1], folder)
    row = {
        "model": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "rows a batch": settings["batch_size"],
        "forward and backward, ms": float(np.median(bare)),
        "ours, ratio": float(np.median(np.divide(own, bare))),
        "devinterp, ratio": float(np.median(np.divide(peer, bare))),
    }
    for whose, milliseconds, relative in (("ours", own, error), ("devinterp", peer, peer_error)):
        steps = lengths[1] * (relative / 0.03) ** 2
        row[f"{whose}, relative error of {lengths[1]} steps"] = relative
        row[f"{whose}, CPU s to 3 %"] = steps * N_CHAINS * float(np.median(milliseconds)) / 1e3
    return row


def megabytes(n_chains):
    """Return the peak memory of a new process that runs so many chains of the largest model."""
    command = [sys.executable, __file__, "--memory", str(n_chains)]
    # glibc keeps what is freed by a history of its own: give back all that is large at once
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    options = {"capture_output": True, "check": True, "text": True, "env": environment}
    return float(subprocess.run(command, **options).stdout)


def run_for_memory(n_chains):
    """Run chains of the largest model and print the peak memory."""
    llc = LocalLearningCoefficient(
        next_token_loss,
        n_chains=n_chains,
        n_draws=3,
        inverse_temperature=3000.0,
        localization=5e4,
        step_size=2.5e-6,
        batch_size=2,
        random_state=0,
        progress=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peak, _ = peak_megabytes(llc.estimate, million_lm(), torch.randint(1000, (64, 65)))
    print(peak)


def tables(results):
    """Return the tables of the documentation."""
    return {
        "llc_memory": llc_memory(results),
        "llc_speed": llc_speed(results),
    }


def llc_speed(results):
    """Return the cost of a step and of a standard error, beside devinterp."""
    table = pd.DataFrame(results["table"])
    shown = {
        "model": table["model"],
        "pass, ms": table["forward and backward, ms"].map("{:.2f}".format),
    }
    for name in ("ours", "devinterp"):
        shown[f"{name}, step"] = table[f"{name}, ratio"].map("{:.2f}".format)
    for name in ("ours", "devinterp"):
        shown[f"{name}, CPU s to 3 %"] = [
            f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.2g}"
            for seconds in table[f"{name}, CPU s to 3 %"]
        ]
    return pd.DataFrame(shown)


def llc_memory(results):
    """Return the memory of a chain."""
    memory = results["memory"]
    return pd.DataFrame(
        {
            "parameters": [f"{memory['parameters']:,}"],
            "MB a chain": [f"{memory['MB a chain']:.0f}"],
            "numbers a parameter": [f"{memory['numbers a parameter']:.1f}"],
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, help="only run so many chains, print peak memory")
    parser.add_argument("--models", nargs="*", help="only these, by their names in the table")
    parser.add_argument("--repetitions", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        run_for_memory(arguments.memory)
        return
    lengths = {"MLP on digits": (200, 800), "transformer, 0.4M": (20, 60)}
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"table": []}
    results |= {"torch": torch.__version__, "chains": N_CHAINS}
    table = {row["model"]: row for row in results["table"]}
    for name, model, loss, rows, settings in cases():
        if arguments.models and name not in arguments.models:
            continue
        steps = lengths.get(name, (10, 30))
        table[name] = compare(name, model, loss, rows, settings, steps, arguments.repetitions)
        print(pd.DataFrame([table[name]]).T.to_string(header=False), flush=True)
        results["table"] = list(table.values())
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    few, many = megabytes(2), megabytes(12)
    memory = {"parameters": sum(p.numel() for p in million_lm().parameters())}
    memory["MB a chain"] = (many - few) / 10
    memory["numbers a parameter"] = memory["MB a chain"] * 2**20 / 4 / memory["parameters"]
    print(memory)
    results["memory"] = memory
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
