"""
A law that turns: what is learnable when
========================================

Rows come in the order of time, and the law that ties labels to inputs turns. A model fitted on all
rows until now is misled by the old ones. Who forecasts from recent rows follows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.datasets import make_drifting_classification
from sklearn_learnability.displays import SequentialLearnabilityDisplay

n_steps = 6000
X, y, truth = make_drifting_classification(
    n_steps, learnability=0.3, random_state=0, return_truth=True
)
times = (np.arange(n_steps) + 0.5) / n_steps
exact = truth.local(times)["learnability"].to_numpy()

# %%
# Every label is predicted before it is learned. The classifier is fitted before each of about fifty
# blocks: on all rows before it, and on the last 300.

family = ["prior", ("logistic", LogisticRegression())]
found = SequentialLearnability(family, window=300, random_state=0).fit(y, X[:, 1:])
print(found.forecasters_.round(3))

# %%
# The first column, time itself, was left out. The weights went to the forecaster that forgets, and
# what was found follows the truth, from below and a little late.

_, axes = plt.subplots(2, figsize=(7, 5.6), layout="constrained", sharex=True)
SequentialLearnabilityDisplay.from_estimator(found, truth=exact, ax=axes[0])
for name in ("logistic", "recent logistic"):
    axes[1].plot(found.weights_[name].rolling(100).mean(), label=name)
axes[1].set(xlabel="step", ylabel="weight in the pool", ylim=(0, 1))
axes[1].legend(edgecolor="none")
plt.show()

# %%
# All losses together are a code for the labels. What is above its late level is what had to be
# learned; of a law that never rests there is no end to it.

print(found.code_length_.to_frame().round(0))
