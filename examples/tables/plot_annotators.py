"""
How many labels a row are enough?
=================================

Every row is labelled by k people. How much of their labels could a model explain? Shares of few
labels are not odds, and taking them for odds reads too much. The bracket says what k labels leave
open.

The rows resemble a set of pictures: three quarters are clear to everybody, the others are not.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import entr

from sklearn_learnability.metrics import annotator_learnability

rng = np.random.default_rng(0)
n_rows, n_classes = 4000, 10
odds = rng.dirichlet(np.full(n_classes, 0.05), n_rows)
clear = rng.random(n_rows) < 0.75
odds[clear] = np.eye(n_classes)[rng.integers(n_classes, size=clear.sum())]
odds /= odds.sum(axis=1, keepdims=True)
truth = 1 - entr(odds).sum(axis=1).mean() / entr(odds.mean(axis=0)).sum()

# %%
# The odds are known here, and the learnability of these rows with them. The same annotators, asked
# for more and more labels:

numbers = [2, 3, 4, 5, 8, 12, 20, 50]
found = [annotator_learnability(rng.multinomial(k, odds)) for k in numbers]
for k, one in zip(numbers, found, strict=True):
    print(f"{k:2d} labels: {one.lower:.3f} to {one.upper:.3f}, plug-in {one.plug_in:.3f}")

# %%
# The plug-in falls with every label, and is still too high at fifty. The bracket holds the truth
# from two labels on.

_, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.fill_between(
    numbers,
    [one.lower for one in found],
    [one.upper for one in found],
    color="C0",
    alpha=0.3,
    label="bracket",
)
ax.plot(numbers, [one.plug_in for one in found], "o-", color="C1", label="plug-in")
ax.axhline(truth, color="black", linestyle="--", label="truth")
ax.set(xscale="log", xlabel="labels a row", ylabel="learnability")
ax.set_xticks(numbers, labels=map(str, numbers))
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# Of the quadratic loss the learnability is a number from two labels on:

exact = 1 - (1 - (odds**2).sum(axis=1)).mean() / (1 - (odds.mean(axis=0) ** 2).sum())
for k, one in zip(numbers[:3], found, strict=False):
    print(f"{k} labels: {one.quadratic.value:.3f} for {exact:.3f}")
