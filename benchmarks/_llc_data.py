"""Models and rows that the benchmarks of the local learning coefficient share."""

import json

import numpy as np
import torch
from _small_lm import END_OF_TEXT, FOLDER, SmallLM, SmallLMConfig, load_small_lm
from sklearn.datasets import load_digits
from torch import nn

CONTEXT = 64


def digits():
    """Return the digits as tensors, pixels from 0 to 1."""
    X, y = load_digits(return_X_y=True)
    return torch.from_numpy(X / 16).float(), torch.from_numpy(y).long()


def digits_mlp(width, seed=0):
    """Return a network with one hidden layer, for the digits."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 10))


def held_out_rows(folder=FOLDER):
    """Return the held-out texts of the small language models as rows of 65 tokens."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = tokenizer.token_to_id(END_OF_TEXT)
    texts = json.loads((folder / "held_out.json").read_text())
    encoded = tokenizer.encode_batch(texts)
    tokens = np.concatenate([[*text.ids, end] for text in encoded])
    n_rows = len(tokens) // (CONTEXT + 1)
    rows = tokens[: n_rows * (CONTEXT + 1)].reshape(n_rows, CONTEXT + 1)
    return torch.from_numpy(rows).long()


def small_lm(step=4000):
    """Return a checkpoint of the small language model of 397,000 parameters."""
    return load_small_lm(FOLDER / f"step_{step:06d}.safetensors")


def million_lm(seed=0):
    """Return an untrained language model of a million parameters."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SmallLM(SmallLMConfig(dim=128, n_layers=5)).eval()


def train_digits(model, n_steps=1500, decay=1e-3):
    """Train on all digits at once, with weight decay, by Adam with a falling rate; return it."""
    X, y = digits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(n_steps):
        penalty = sum(p.square().sum() for p in model.parameters())
        loss = nn.functional.cross_entropy(model(X), y) + decay / 2 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model
