"""
A ceiling finds how much can be learned, and falls short where rows are few
===========================================================================

On data of known learnability the estimate follows the truth. Where the structure is linear it is
close with a thousand rows; where it is made of interactions, it stays below, and more rows bring it
closer.

That is how to read a ceiling: what can be learned is at least this much.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
)

FAMILY = ["prior", "logistic", "splines", "hist_gradient_boosting"]
TRUTHS = np.array([0.02, 0.2, 0.4, 0.6, 0.8])

# %%
# Three kinds of data at five learnabilities each. The generators solve for the strength of the
# signal that gives the learnability asked for.

settings = {
    "linear, 1,000 rows": (make_learnability_classification, 1000),
    "interactions, 1,000 rows": (make_interaction_classification, 1000),
    "interactions, 4,000 rows": (make_interaction_classification, 4000),
}
found = {
    name: [
        GoldenModelCeiling(FAMILY, cv=3, random_state=0).fit(
            *make(n_rows, n_features=10, learnability=truth, random_state=0)
        )
        for truth in TRUTHS
    ]
    for name, (make, n_rows) in settings.items()
}

# %%
# Bars are 95 % intervals. They speak of the golden model's loss on rows like these, not of how far
# the golden model falls short of the truth.

figure, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
ax.annotate("the truth", (0.86, 0.88), rotation=45, ha="center", va="center", color="0.4")
styles = [("#0072B2", "o", -0.012), ("#D55E00", "s", 0.0), ("#E69F00", "D", 0.012)]
for (name, ceilings), (color, marker, shift) in zip(found.items(), styles, strict=True):
    estimate = np.array([ceiling.learnability_ for ceiling in ceilings])
    ends = np.array([ceiling.learnability_interval_ for ceiling in ceilings]).T
    reach = np.abs(ends - estimate)
    ax.errorbar(
        TRUTHS + shift, estimate, reach, fmt=marker, color=color, label=name, capsize=3, ms=6
    )
ax.set(
    xlabel="true learnability", ylabel="estimated learnability", xlim=(-0.06, 1), ylim=(-0.06, 1)
)
ax.axhline(0, color="0.85", linewidth=1, zorder=0)
ax.spines[["top", "right"]].set_visible(False)
_ = ax.legend(frameon=False, loc="upper left")

# %%
# What is safe to claim is the one-sided lower limit. At a learnability of 0.02 it is 0 to two
# digits: next to nothing was shown, and an efficiency relative to that says nothing.

for name, ceilings in found.items():
    limits = ", ".join(f"{ceiling.learnability_lower_limit_:.2f}" for ceiling in ceilings)
    print(f"{name:>26}: at least {limits}")

# %%
# Which candidates carry the pool? One minus the sum of the weights is the weight of the class
# frequencies.

found["interactions, 4,000 rows"][2].candidates_.round(3)
