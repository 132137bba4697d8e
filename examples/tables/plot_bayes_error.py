"""
Is my error rate the Bayes error?
=================================

Replace a share of the labels by random ones, and the Bayes error moves along a line that is known.
An estimator that stays near the line has passed a test that needs no truth. The error of the
nearest neighbour lies far above it, the golden model's error nearer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeiling

X, y = load_breast_cancer(return_X_y=True)
levels = np.array([0.0, 0.25, 0.5, 0.75, 1.0])

# %%
# Without noise the Bayes error lies between 0 and the least error that is known, about .02. A share
# rho of random labels moves it from R to R + rho (1/2 - R), where there are two classes.

least = 0.02
lower_line = levels / 2
upper_line = least + levels * (1 / 2 - least)

# %%
# The error of the nearest neighbour is an upper estimate, and Cover and Hart's bound a lower one.

rng = np.random.default_rng(0)
nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
golden, above, below = [], [], []
for level in levels:
    noisy = y.copy()
    replaced = rng.permutation(len(y))[: int(level * len(y))]
    noisy[replaced] = rng.integers(2, size=len(replaced))
    ceiling = GoldenModelCeiling("fast", random_state=0).fit(X, noisy)
    golden.append(1 - ceiling.score_ceiling("accuracy").score.value)
    above.append(np.mean(cross_val_predict(nearest, X, noisy, cv=10) != noisy))
    below.append((1 - np.sqrt(max(0.0, 1 - 2 * above[-1]))) / 2)

# %%
# The theory is the narrow grey band.

_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.fill_between(levels, lower_line, upper_line, color="0.7", label="theory")
ax.plot(levels, above, "v--", color="C1", label="nearest neighbour, upper")
ax.plot(levels, below, "^--", color="C1", markerfacecolor="none", label="and lower")
ax.plot(levels, golden, "o-", color="C0", label="golden model")
ax.set(xlabel="share of random labels", ylabel="Bayes error", ylim=(0, 0.6))
ax.legend(loc="upper left", frameon=False)
plt.show()

# %%
# With all labels random nothing is left to learn, and the error is a half. That an estimate follows
# the line does not say that it is the Bayes error: a model that misses structure misses it at every
# level, and the line is drawn from the least error that is known.

print(f"furthest from the band: {np.max(np.clip(golden - upper_line, 0, None)):.2f} above")
