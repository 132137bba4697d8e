"""
Complexity, measured while a network trains
===========================================

A small network learns digits. At some steps of its training the local learning coefficient and the
bits that its weights need are measured and kept; the training itself is the same to the last bit.
From step 300 on the loss still falls, and both measures of complexity fall with it. Flags say which
coefficients to trust.
"""

import tempfile

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_learnability.torch import ComplexityCallback, LocalLearningCoefficient

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))

# %%
# One setting for all steps, so that the numbers compare. The bits are those at which rounding the
# weights raises the loss by a tenth of a nat.

STEPS = (100, 300, 600, 1000, 2000, 4000)
llc = LocalLearningCoefficient(
    nn.CrossEntropyLoss(),
    sampler="leimkuhler-matthews",
    inverse_temperature=240.0,
    localization=100.0,
    n_chains=4,
    n_draws=150,
    batch_size=256,
    random_state=0,
    progress=False,
)
callback = ComplexityCallback(llc, (X, y), store=tempfile.mkdtemp(), at_steps=STEPS, tolerance=0.1)

# %%
# In a loop of one's own it is called before each step. A transformers `Trainer` takes it as one of
# its callbacks, a skorch net takes ``callback.for_skorch()``.

optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for step in range(max(STEPS) + 1):
    callback(model, step)
    rows = torch.randint(len(X), (128,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
    optimizer.step()

trajectory = callback.trajectory()
table = trajectory.to_frame()
print(table[["step", "loss", "llc", "size", "flags"]].round(2).to_string(index=False))

# %%
# An open circle is an estimate with a flag. At first the network is at no minimum, and the chains
# find lower losses beside it: a negative coefficient says nothing. At the end the loss is so flat
# that the pull towards the weights decides.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
steps = table["step"]
left.plot(steps, table["llc"], color="#0072B2", linewidth=1)
for step, point in zip(steps, trajectory.points, strict=True):
    face = "white" if point.flags else "#0072B2"
    error = 2 * point.llc_standard_error
    left.errorbar(step, point.llc, error, fmt="o", color="#0072B2", markerfacecolor=face)
left.axhline(0, color="#666666", linewidth=0.8)
left.set_ylabel("local learning coefficient")
right.plot(steps, table["size"], "o-", color="#D55E00", linewidth=1)
right.set_ylabel("bits a weight")
for ax in (left, right):
    ax.set_xscale("log")
    ax.set_xticks(STEPS, [f"{step:,}" for step in STEPS])
    ax.minorticks_off()
    ax.set_xlabel("step of training")
    ax.spines[["top", "right"]].set_visible(False)

# %%
# **What to do with it.** Compare steps of one run, where they have no flag. What is kept stays in
# the folder: a training that was killed goes on there.
