"""Train a small language model, and keep checkpoints at steps evenly spaced on a log scale.

    python benchmarks/train_small_lm.py                  # minutes on two cores
    python benchmarks/train_small_lm.py --text FILE      # on a text of yours

A decoder transformer of 0.4 million parameters reads the English text that every installation
carries: Python's own topics, and the docstrings of the standard library, numpy, scipy and
scikit-learn. A tenth of the texts is held out. In output/small_lm: tokenizer.json, config.json,
held_out.json (the texts held out), step_000000.safetensors ... and losses.csv. One seed gives one
run. A killed run goes on from its last checkpoint, with the same result.
"""

import argparse
import json
import math
import os
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _small_lm import (
    FOLDER,
    SmallLM,
    SmallLMConfig,
    pack,
    read_texts,
    save_config,
    split_texts,
    train_tokenizer,
)
from safetensors.torch import save_file
from torch.nn import functional as F

N_STEPS = 4000
PEAK_RATE, WARM_UP, BATCH = 3e-3, 100, 32


def checkpoint_steps(n_steps, n_checkpoints=21):
    """Return 0 and steps evenly spaced on a log scale, from 4 to the end."""
    spaced = np.geomspace(min(4, n_steps), n_steps, n_checkpoints - 1)
    return [0, *(int(step) for step in np.unique(spaced.round()))]


def learning_rate(step, n_steps):
    """Return the rate: a linear rise, then a cosine down to a tenth."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    share = (step - WARM_UP) / max(n_steps - WARM_UP, 1)
    return PEAK_RATE * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


def draw_batch(tokens, context, step, seed):
    """Return the inputs and targets (B, T) of a step, whatever was drawn before it."""
    rng = np.random.RandomState([seed, step])
    starts = rng.randint(len(tokens) - context, size=BATCH)
    rows = torch.from_numpy(np.stack([tokens[s : s + context + 1] for s in starts]))
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def held_out_loss(model, tokens, n_sequences=256):
    """Return nats a token on the first held-out sequences."""
    context = model.config.context
    n = min(n_sequences, (len(tokens) - 1) // context)
    inputs = torch.from_numpy(tokens[: n * context]).view(n, context)
    targets = torch.from_numpy(tokens[1 : n * context + 1]).view(n, context)
    logits = torch.cat([model(rows) for rows in inputs.split(32)])
    return float(F.cross_entropy(logits.flatten(0, 1), targets.flatten()))


def make_optimizer(model):
    """Return AdamW with decay on the matrices alone."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95))


@cache
def tokenized(text, n_vocabulary):
    """Return a tokenizer, the texts held out, and the packed tokens to train on and held out."""
    train, held_out = split_texts(read_texts(text))
    tokenizer = train_tokenizer(train, n_vocabulary)
    return tokenizer, held_out, pack(tokenizer, train), pack(tokenizer, held_out)


def prepare(folder, text, config):
    """Return the packed tokens to train on and those held out, the same for every seed."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, held_out, *tokens = tokenized(text, config.n_vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "held_out.json").write_text(json.dumps(held_out))
    save_config(config, folder)
    return tokens


def resume(folder, model, optimizer):
    """Load what a killed run left; return the step to go on from and the losses so far."""
    state_path, losses_path = folder / "training_state.pt", folder / "losses.csv"
    if not state_path.exists():
        return 0, []
    state = torch.load(state_path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    losses = pd.read_csv(losses_path)
    return state["step"], losses[losses["step"] <= state["step"]].to_dict("records")


def keep(folder, step, model, optimizer, losses):
    """Write a checkpoint, the losses and what a killed run needs, each put in place when whole."""
    beside = folder / "part"
    save_file(model.state_dict(), beside)
    os.replace(beside, folder / f"step_{step:06d}.safetensors")
    pd.DataFrame(losses).to_csv(beside, index=False, float_format="%.6g")
    os.replace(beside, folder / "losses.csv")
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, beside)
    os.replace(beside, folder / "training_state.pt")


def train(tokens, held_out, config, folder, n_steps, seed, n_checkpoints=21):
    """Train from scratch, or from the last checkpoint, and write the others."""
    torch.manual_seed(seed)
    model = SmallLM(config)
    optimizer = make_optimizer(model)
    first, losses = resume(folder, model, optimizer)
    wanted = set(checkpoint_steps(n_steps, n_checkpoints))
    start = time.process_time()
    recent = []
    for step in range(first, n_steps + 1):
        if step in wanted and not (losses and losses[-1]["step"] == step):
            loss = held_out_loss(model, held_out)
            train_loss = float(np.mean(recent)) if recent else float("nan")
            losses.append({"step": step, "tokens": step * BATCH * config.context})
            losses[-1] |= {"train_loss": train_loss, "held_out_loss": loss}
            keep(folder, step, model, optimizer, losses)
            seconds = time.process_time() - start
            print(f"step {step:6d}  held-out loss {loss:.3f} nats  {seconds:.0f} CPU-s", flush=True)
            recent = []
        if step == n_steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, n_steps)
        inputs, targets = draw_batch(tokens, config.context, step, seed)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append(loss.item())


def run(folder=FOLDER, text=None, n_steps=N_STEPS, seed=0, config=None, n_checkpoints=21):
    """Train, or finish a killed run."""
    torch.set_num_threads(1)
    config = config or SmallLMConfig()
    tokens, held_out = prepare(folder, text, config)
    n_parameters = sum(p.numel() for p in SmallLM(config).parameters())
    print(f"{len(tokens)} tokens to train on, {len(held_out)} held out, {n_parameters} parameters")
    train(tokens, held_out, config, folder, n_steps, seed, n_checkpoints)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="a text file, blank lines between its texts")
    parser.add_argument("--steps", type=int, default=N_STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    run(arguments.output, arguments.text, arguments.steps, arguments.seed)


if __name__ == "__main__":
    main()
