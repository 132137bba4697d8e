"""
A random split promises too much where days share and laws drift
================================================================

Rows come in the order of time, in days. Trained on random rows, a ceiling knows of a day what its
other rows tell, and of a law what it will become. Trained on earlier rows it does not.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling, random_versus_forward
from sklearn_learnability.exceptions import OptimisticSplitWarning

# %%
# A hundred and fifty days of twenty rows. Each has a level of its own, which is not seen, and a
# mark by which it may be told from other days. The law turns over time.

rng = np.random.default_rng(0)
n_days, per_day = 150, 20
day = np.repeat(np.arange(n_days), per_day)
seen = rng.standard_normal((n_days * per_day, 2))
mark, level = rng.standard_normal((2, n_days))
turn = np.linspace(0, np.pi / 2, len(day))
score = 2 * (seen[:, 0] * np.cos(turn) + seen[:, 1] * np.sin(turn)) + 1.5 * level[day]
y = rng.random(len(day)) < 1 / (1 + np.exp(-score))
X = np.column_stack([seen, mark[day]])

# %%
# The same later rows are predicted three times, from as many rows each time.

trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=12, random_state=0)
family = [("logistic", LogisticRegression()), ("boosting", trees)]
with warnings.catch_warnings():
    warnings.simplefilter("ignore", OptimisticSplitWarning)  # it is what is shown
    found = random_versus_forward(GoldenModelCeiling(family, random_state=0), X, y, groups=day)
table = found.to_frame().set_index("what")
print(table.round(3))

# %%
# What is lost from the top down is what rows of a day tell of each other, and what later days have
# of their own. Intervals are wide, those of the differences less so: they come from the same rows.

shown = table.loc[["forward", "random_groups", "random"]]
_, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
margins = np.abs(shown[["lower", "upper"]].to_numpy().T - shown["value"].to_numpy())
ax.errorbar(shown["value"], range(3), xerr=margins, fmt="o", capsize=3)
ax.set_yticks(range(3), ["earlier rows", "random whole days", "random rows"])
ax.set(xlabel="learnability of the same later rows, 95 % interval", ylabel="trained on")
ax.set_ylim(-0.5, 2.5)
plt.show()
