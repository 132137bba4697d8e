"""
A known truth shows how much each model leaves on the table
===========================================================

Three problems are equally learnable, yet one is easy for a linear model, one is hard for it, and
one is out of its reach however many rows it sees. The exact posterior shows this without the noise
of labels.

We draw three data sets whose features explain 40 % of the label entropy, and let two models learn
from more and more rows. The gap of a model is its mean Kullback-Leibler divergence from the
posterior over H(Y): the share of the label entropy that it could still explain.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_learnability.datasets import (
    make_drifting_classification,
    make_interaction_classification,
    make_learnability_classification,
    make_parity_classification,
)

wish = {"n_features": 10, "learnability": 0.4, "random_state": 0, "return_truth": True}
problems = {
    "sum of features": make_learnability_classification(10_000, **wish),
    "smooth interactions": make_interaction_classification(10_000, **wish),
    "exclusive or": make_parity_classification(10_000, **wish),
}
models = {
    "logistic regression": LogisticRegression(),
    "boosting": HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8),
}
sizes = [300, 1_000, 3_000, 10_000]

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for ax, (name, (X, y, truth)) in zip(axes, problems.items(), strict=True):
    fresh_rows, _ = truth.sample(5_000, random_state=1)
    for label, model in models.items():
        gaps = [truth.gap(model.fit(X[:size], y[:size]), fresh_rows) for size in sizes]
        ax.plot(sizes, gaps, marker="o", label=label)
        print(f"{name}, {label}: gap {gaps[-1]:.3f} after {sizes[-1]} rows")
    ax.axhline(truth.learnability, color="0.5", linestyle=":")
    ax.set(xscale="log", title=name, xlabel="rows to learn from")
axes[0].set(ylabel="gap (share of H(Y))", ylim=(0, 0.5))
axes[0].text(sizes[0], 0.41, "as good as the class frequencies", color="0.4")
_ = axes[0].legend(frameon=False, loc="center right")

# %%
# The dotted line is the learnability: a model there knows no more than the class frequencies.
#
# Learnability also can change within a data set. Here the weights of a logistic model turn by a
# right angle while their size swings. The truth is known at every time, and so is what a model
# fitted to the first fifth still explains of it.

X, y, truth = make_drifting_classification(
    20_000, learnability=0.3, turns=0.25, swing=0.8, random_state=0, return_truth=True
)
first_fifth = LogisticRegression().fit(X[:4_000, 1:], y[:4_000])
lost = truth.kl_per_sample(first_fifth.predict_proba(X[:, 1:]), X)
time = X[:, 0].reshape(40, -1).mean(axis=1)
learnability = truth.local(time)["learnability"].to_numpy()
explained = learnability - lost.reshape(40, -1).mean(axis=1) / truth.label_entropy()

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(time, learnability, label="what the features explain")
ax.plot(time, explained, label="what the early model explains")
ax.axhline(0, color="0.5", linestyle=":")
ax.axvspan(0, 0.2, color="0.9", label="fitted here", zorder=0)
ax.set(xlabel="time", ylabel="share of H(Y)", ylim=(-0.8, 0.7))
_ = ax.legend(frameon=False, loc="lower left")
print(f"lowest: {explained.min():.2f} at time {time[np.argmin(explained)]:.2f}")

# %%
# Below zero the early model is worse than the class frequencies: it is confident, and wrong.
