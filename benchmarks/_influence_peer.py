"""Influence and susceptibilities in a small language model, beside devinterp."""

import io
import time
import warnings
from contextlib import redirect_stderr
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _influence_cases import quiet_losses
from _small_lm import FOLDER, SmallLMConfig, load_small_lm
from torch import nn
from train_small_lm import prepare
from train_small_lm import run as train

from sklearn_learnability.torch import LocalLearningCoefficient, next_token_loss

CONFIG = SmallLMConfig(dim=32, n_layers=2, n_heads=2)
N_STEPS, N_TOKENS, N_ROWS = 400, 33, 32  # rows of one batch, so that all is measured on the same
SETTINGS = {"inverse_temperature": 1000.0, "localization": 1e4, "step_size": 5e-5}
N_CHAINS, N_DRAWS = 4, 100
PART = "blocks.1.attention_out.weight"


def language_model():
    """Return a small language model, sequences it learned from, and held-out ones."""
    folder = FOLDER.parent / "posterior_lm"
    train(folder, None, N_STEPS, 0, CONFIG, 4)
    model = load_small_lm(folder / f"step_{N_STEPS:06d}.safetensors")
    tokens, held_out = prepare(folder, None, CONFIG)
    return model, sequences(tokens, N_ROWS), sequences(held_out, N_ROWS)


def sequences(tokens, n):
    """Return some sequences, from places all over the text (n, T + 1)."""
    starts = np.linspace(0, len(tokens) - N_TOKENS - 1, n).astype(int)
    return torch.from_numpy(np.stack([tokens[s : s + N_TOKENS] for s in starts]))


def ours(model, data, test, seed, part=None):
    """Return the losses of every token at every draw."""
    llc = LocalLearningCoefficient(
        next_token_loss,
        sampler="sgld",
        n_chains=N_CHAINS,
        n_draws=N_DRAWS,
        batch_size=N_ROWS,
        parameters=None if part is None else [part],
        random_state=seed,
        progress=False,
        **SETTINGS,
    )
    rows = {"train": data, "test": test}
    return quiet_losses(llc, model, data, rows=rows, per_token=True)


def of_sequences(losses):
    """Return the mean losses of sequences (n_draws, n_sequences) of all chains."""
    rows = [losses.rows[name].losses for name in ("train", "test")]
    return [r.reshape(-1, N_ROWS, N_TOKENS - 1).mean(2).astype(float) for r in rows]


def covariance(draws):
    """Return the covariances of training and test sequences."""
    train, test = (part - part.mean(0) for part in draws)
    return train.T @ test / len(train)


def published_susceptibility(whole, part):
    """Return the published susceptibilities of a part to test tokens, as the peer computes them.

    They are covariances within the chains of the part, but for the mean loss of tokens, which is
    over the chains of all parameters.
    """
    (part_train, part_test), (train, test) = tokens_of(part), tokens_of(whole)
    phi = part_train.mean(1) - part.rows["train"].initial.mean()
    within = (phi[:, None] * (part_train.mean(1)[:, None] - part_test)).mean(0)
    return within - phi.mean() * (train.mean() - test.mean(0))


def tokens_of(losses):
    """Return the losses of tokens (n_draws, n_tokens) of all chains."""
    rows = [losses.rows[name].losses for name in ("train", "test")]
    return [r.reshape(-1, r.shape[2]).astype(float) for r in rows]


def peer(model, data, test, seed):
    """Return the peer's covariances of sequences, susceptibilities of tokens, and CPU-seconds."""
    from datasets import Dataset
    from devinterp.slt.bif import compute_bif
    from devinterp.slt.sampling import sample
    from devinterp.slt.susceptibilities import compute_susceptibilities

    def dataset(rows):
        return Dataset.from_dict({"input_ids": rows.tolist()}).with_format("torch")

    masks = {"full": {name: None for name, _ in model.named_parameters()}, "part": {PART: None}}
    start, samples = time.process_time(), {}
    with TemporaryDirectory() as folder, redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, mask in masks.items():
            samples[name] = sample(
                model,
                dataset(data),
                {"train": (dataset(data), 1), "test": (dataset(test), 1)},
                lr=SETTINGS["step_size"],
                n_beta=SETTINGS["inverse_temperature"],
                localization=SETTINGS["localization"],
                param_masks=mask,
                num_chains=N_CHAINS,
                num_draws=N_DRAWS,
                num_burnin_steps=round(N_DRAWS * 2 / 3),
                batch_size=N_ROWS,
                num_init_loss_batches=1,
                init_seed=seed,
                device="cpu",
                output_path=f"{folder}/{name}.zarr",
            )
        found = compute_bif(
            samples["full"], correlation_method="sequence", compute_covariance=True, device="cpu"
        )
        answers = compute_susceptibilities(samples, "train")
        full = samples["full"].dataset
        # named after observables, in the order of the alphabet: test before train
        order = {name: places(full[f"input_ids_{name}"].values, rows)
                 for name, rows in (("train", data), ("test", test))}  # fmt: skip
        both = found["influences"].values
        by_sequence = answers["susceptibilities"]["sus"].values.reshape(N_ROWS, N_TOKENS - 1)
    influence = both[N_ROWS:, :N_ROWS][order["train"]][:, order["test"]]
    seconds = time.process_time() - start
    return influence, by_sequence[order["test"]].ravel(), seconds


def places(shown, rows):
    """Return where each of some rows is among those that were shown."""
    shown = shown.reshape(-1, *shown.shape[-2:])[0]
    return [int(np.flatnonzero((shown == row).all(1))[0]) for row in rows.numpy()]


def compare(seeds=(0, 1)):
    """Return correlations of ours and the peer's numbers, and of two seeds of each."""
    model, data, test = language_model()
    assert isinstance(model, nn.Module)
    mine, theirs, took = [], [], []
    for seed in seeds:
        start = time.process_time()
        whole = ours(model, data, test, seed)
        part = ours(model, data, test, seed, PART)
        took.append(time.process_time() - start)
        print(f"seed {seed}: {took[-1]:.0f} CPU-s of ours", flush=True)
        own = part.susceptibility("test").value / -SETTINGS["inverse_temperature"]
        mine.append((covariance(of_sequences(whole)), published_susceptibility(whole, part), -own))
        theirs.append(peer(model, data, test, seed))
        print(f"seed {seed}: {theirs[-1][2]:.0f} CPU-s of devinterp", flush=True)
    rows = []
    for number, name in enumerate(("influence of sequences", "susceptibility of a matrix")):
        pairs = {
            "ours and devinterp": [(m[number], t[number]) for m in mine for t in theirs],
            "ours, two seeds": [(mine[0][number], mine[1][number])],
            "devinterp, two seeds": [(theirs[0][number], theirs[1][number])],
        }
        row = {"quantity": name} | {key: correlation(of) for key, of in pairs.items()}
        sizes = [np.std([m[number] for m in mine]), np.std([t[number] for t in theirs])]
        rows.append(row | {"size, ours over devinterp": float(sizes[0] / sizes[1])})
    own = correlation([(m[1], m[2]) for m in mine])
    seconds = {"ours": float(np.mean(took)), "devinterp": float(np.mean([t[2] for t in theirs]))}
    return rows, {"published and own definition": own}, seconds


def correlation(pairs):
    """Return the mean correlation of pairs."""
    return float(np.mean([np.corrcoef(np.ravel(a), np.ravel(b))[0, 1] for a, b in pairs]))
