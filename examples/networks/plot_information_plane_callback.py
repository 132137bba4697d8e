"""
The information plane while a model is trained
==============================================

Checkpoints need a disk, and a second run over all of them. A callback measures the model on the way
instead: it keeps each point as it is made, and leaves the training as it was, to the last bit.

We train a small recurrent network on the characters of Python's help texts, and measure what its
layers hold about the characters before and after each position of texts that were held out.
"""

import tempfile
import time
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sklearn_learnability.displays import InformationPlaneDisplay
from sklearn_learnability.torch import InformationPlaneCallback

torch.set_num_threads(1)
CONTEXT = 48


class SmallNetwork(nn.Module):
    """A recurrent layer on characters."""

    def __init__(self, dim=64):
        super().__init__()
        self.embedding = nn.Embedding(128, dim)
        self.dropout = nn.Dropout(0.1)
        self.recurrent = nn.GRU(dim, dim, batch_first=True)
        self.logits = nn.Linear(dim, 128)

    def forward(self, ids):
        """Return logits (B, T, 128)."""
        return self.logits(self.recurrent(self.dropout(self.embedding(ids)))[0])


texts = [text.encode("ascii", "ignore") for text in topics.values()]
characters = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.int64)
n_train = len(characters) * 9 // 10
train_set, held_out = characters[:n_train], characters[n_train:]


def train(callback=None, n_steps=301):
    """Return the network, trained for some steps."""
    torch.manual_seed(0)
    rng = np.random.RandomState(0)
    model = SmallNetwork()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(n_steps):
        if callback is not None:
            callback(model, step)
        starts = rng.randint(len(train_set) - CONTEXT, size=16)
        rows = torch.from_numpy(np.stack([train_set[s : s + CONTEXT + 1] for s in starts]))
        logits = model(rows[:, :-1]).flatten(0, 1)
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, rows[:, 1:].flatten()).backward()
        optimizer.step()
    return model


# %%
# In a loop of one's own the callback is called with the model and the number of its step; a
# ``Trainer`` of transformers takes it among its ``callbacks``. Here it measures at ten steps.

callback = InformationPlaneCallback(
    [held_out],
    store=tempfile.mkdtemp(),
    at_steps=[0, 3, 6, 10, 18, 32, 56, 100, 175, 300],
    layers=["embedding", "recurrent"],
    widths=(1, 2),
    context=CONTEXT,
    n_sequences=80,
)
started = time.perf_counter()
measured = train(callback)
seconds = time.perf_counter() - started
print(f"{callback.seconds_:.1f} of {seconds:.1f} seconds went into measuring")

# %%
# The weights are those of a training without it.

alone = train()
print(
    all(torch.equal(a, b) for a, b in zip(measured.parameters(), alone.parameters(), strict=True))
)

# %%
# The points read back as a trajectory, also in another process, and while the training goes on.

trajectory = callback.trajectory()
frame = trajectory.to_frame().query("layer == 'recurrent' and width == 1")
columns = ["loss", "complexity", "complexity_null", "expressivity", "expressivity_null"]
print(frame.set_index("checkpoint")[columns].round(3).to_string())

InformationPlaneDisplay.from_trajectory(trajectory)
plt.show()

# %%
# **What to do with it.** Give the callback a folder that stays, and few texts: it reads them all at
# every step it measures. A training that is killed and goes on keeps the steps it has.
