"""Train a zoo of small language models: six sizes, four amounts of text, seeds.

    python benchmarks/train_zoo.py                       # 48 models, about 60 CPU-minutes
    python benchmarks/train_zoo.py --seeds 3             # 72 models

All models take 1,000 steps of 2,048 tokens. They differ in width, depth, seed, and in the share of
the text that they see, again and again: the docstrings of the standard library, numpy, scipy and
scikit-learn. A tenth of the texts is held out of all. In output/zoo: tokenizer.json, held_out.json,
and a folder a model with its checkpoints. A killed run goes on from its last checkpoint.
"""

import argparse
import json
from dataclasses import dataclass

import torch
from _small_lm import (
    FOLDER,
    SmallLM,
    SmallLMConfig,
    pack,
    save_config,
    split_texts,
    texts_by_source,
    train_tokenizer,
)
from tokenizers import Tokenizer
from train_small_lm import train

ZOO = FOLDER.parent / "zoo"
SIZES = {
    "32x2": SmallLMConfig(dim=32, n_layers=2, n_heads=2),
    "48x3": SmallLMConfig(dim=48, n_layers=3, n_heads=3),
    "64x2": SmallLMConfig(dim=64, n_layers=2, n_heads=4),
    "64x6": SmallLMConfig(dim=64, n_layers=6, n_heads=4),
    "96x3": SmallLMConfig(dim=96, n_layers=3, n_heads=4),
    "128x4": SmallLMConfig(dim=128, n_layers=4, n_heads=4),
}
SHARES = (0.01, 0.03, 0.2, 1.0)  # of the text to train on
N_STEPS, N_CHECKPOINTS = 1000, 14
SHORTEST_TEXT = 200


@dataclass(frozen=True)
class Member:
    """A model of the zoo: its size, the share of the text it sees, and its seed."""

    size: str
    share: float
    seed: int

    @property
    def name(self):
        """Name of its folder."""
        return f"{self.size}_share{self.share:g}_seed{self.seed}"

    @property
    def n_parameters(self):
        """Number of its parameters."""
        return sum(p.numel() for p in SmallLM(SIZES[self.size]).parameters())


def members(n_seeds=2):
    """Return the models of the zoo, seed by seed."""
    return [
        Member(size, share, seed) for seed in range(n_seeds) for share in SHARES for size in SIZES
    ]


def read_docstrings():
    """Return the texts to train on and those held out; Python's topics are in neither."""
    sources = texts_by_source()
    sources.pop("topics")
    texts = (text.strip() for texts in sources.values() for text in texts)
    return split_texts(list(dict.fromkeys(t for t in texts if len(t) >= SHORTEST_TEXT)))


def prepare():
    """Return the tokens to train on and those held out, one tokenizer for all."""
    ZOO.mkdir(parents=True, exist_ok=True)
    train_texts, held_out = read_docstrings()
    path = ZOO / "tokenizer.json"
    if not path.exists():
        (ZOO / "held_out.json").write_text(json.dumps(held_out))
        train_tokenizer(train_texts, SmallLMConfig().n_vocabulary).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    return pack(tokenizer, train_texts), pack(tokenizer, held_out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokens, held_out = prepare()
    print(f"{len(tokens)} tokens to train on, {len(held_out)} held out")
    for member in members(arguments.seeds):
        folder = ZOO / member.name
        if (folder / f"step_{N_STEPS:06d}.safetensors").exists():
            continue
        folder.mkdir(exist_ok=True)
        config = SIZES[member.size]
        save_config(config, folder)
        seen = tokens[: round(member.share * len(tokens))]
        print(f"{member.name}: {member.n_parameters} parameters, {len(seen)} tokens", flush=True)
        train(seen, held_out, config, folder, N_STEPS, member.seed, N_CHECKPOINTS)


if __name__ == "__main__":
    main()
