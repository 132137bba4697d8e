"""
What a small network's training keeps of the past
=================================================

While it learns to predict the next character, a network first loses what its random beginning
held of the past, and then gains it back. How much of that is real? At a width of four characters,
labels without any meaning would show most of it: the crosses tell.

We train a small transformer on the characters of Python's own help texts for a few seconds, keep a
checkpoint now and then, and measure what its layers hold about the 1 to 4 characters before and
after each position.
"""

import tempfile
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sklearn_learnability.displays import (
    ContextInformationDisplay,
    InformationPlaneDisplay,
    LayerProfileDisplay,
)
from sklearn_learnability.torch import (
    load_parameters,
    measure_checkpoints,
    measure_information_plane,
    measure_label_checkpoints,
)

torch.set_num_threads(1)
CONTEXT = 48


class SmallTransformer(nn.Module):
    """Two causal layers on characters."""

    def __init__(self, dim=48):
        super().__init__()
        self.characters = nn.Embedding(128, dim)
        self.positions = nn.Embedding(CONTEXT, dim)
        self.embedding = nn.Identity()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, 4, 4 * dim, 0.0, batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.logits = nn.Linear(dim, 128)

    def forward(self, ids):
        """Return logits (B, T, 128)."""
        T = ids.shape[1]
        causal = nn.Transformer.generate_square_subsequent_mask(T)
        x = self.embedding(self.characters(ids) + self.positions(torch.arange(T)))
        for layer in self.layers:
            x = layer(x, src_mask=causal, is_causal=True)
        return self.logits(x)


texts = [text.encode("ascii", "ignore") for text in topics.values()]
characters = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.int64)
n_train = len(characters) * 9 // 10
train_text, held_out = characters[:n_train], characters[n_train:]

folder = Path(tempfile.mkdtemp())


def train(dim, kept=()):
    """Return a network after 300 steps; keep some of them in the folder."""
    torch.manual_seed(0)
    rng = np.random.RandomState(0)
    model = SmallTransformer(dim)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(301):
        if step in kept:
            torch.save(model.state_dict(), folder / f"{step:03d}.pt")
        starts = rng.randint(len(train_text) - CONTEXT, size=16)
        rows = torch.from_numpy(np.stack([train_text[s : s + CONTEXT + 1] for s in starts]))
        logits = model(rows[:, :-1]).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


train(48, kept=(0, 3, 6, 10, 18, 32, 56, 100, 175, 300))

# %%
# Measure every checkpoint on the same held-out characters.


def load(path):
    """Return the network of a checkpoint."""
    network = SmallTransformer()
    network.load_state_dict(load_parameters(path))
    return network.eval()


settings = {
    "layers": ["embedding", "layers.0", "layers.1"],
    "context": CONTEXT,
    "n_sequences": 120,
    "progress": False,
}
checkpoints = sorted(folder.glob("*.pt"))
trajectory = measure_checkpoints(checkpoints, [held_out], load=load, **settings)
mean = trajectory.to_frame().query("layer == 'mean'")
for width in (1, 4):
    table = mean[mean["width"] == width].set_index("checkpoint")
    print(f"width {width}")
    print(table[["loss", "complexity", "complexity_null", "expressivity"]].round(3).to_string())

InformationPlaneDisplay.from_trajectory(trajectory)
plt.show()

# %%
# The layers of the last checkpoint.

LayerProfileDisplay.from_plane(trajectory.planes[-1])
plt.show()

# %%
# What each wider context adds to what the checkpoints keep. The thin bars are what labels without
# any meaning would show: a third and a fourth character seem to add no more than these do.

ContextInformationDisplay.from_trajectory(trajectory)
plt.show()

# %%
# Labels of another kind over the same training: whether a character is a vowel.

rows = held_out[: 120 * CONTEXT].reshape(120, CONTEXT)
vowels = measure_label_checkpoints(
    checkpoints,
    rows.tolist(),
    labels=np.isin(rows, list(b"aeiou")).astype(int).tolist(),
    load=load,
    layers=["layers.1"],
    n_permutations=19,
    progress=False,
)
table = vowels.to_frame().query("layer == 'mean'").set_index("checkpoint")
print(table[["information", "null_upper", "quadratic"]].round(4).to_string())

# %%
# Networks of other sizes, by how well they predict: minus their loss in nats a character.

planes = {
    f"{dim} dimensions": measure_information_plane(train(dim), [held_out], **settings)
    for dim in (4, 8, 16, 32)
}
planes["48 dimensions"] = trajectory.planes[-1]
InformationPlaneDisplay.from_planes(
    planes, performance={name: -plane.loss for name, plane in planes.items()}
)
plt.show()

# %%
# **What to do with it.** Look at a trajectory beside its crosses. Where both stand together the
# contexts are too rare for the number of positions: measure more text, or a narrower width. Compare
# networks on the same text only.
