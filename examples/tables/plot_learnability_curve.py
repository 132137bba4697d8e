"""
More rows, or other columns?
============================

Two tables have ceilings of about a third of the label entropy. One says all it has to say; the
other would say more to a model that saw more rows. The ceilings alone do not tell them apart.

The first table is linear, and its truth is known to be 0.37. The second holds products of its
columns, and its truth is 0.5.
"""

import matplotlib.pyplot as plt

from sklearn_learnability import GoldenModelCeiling, learnability_curve
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
)
from sklearn_learnability.displays import LearnabilityCurveDisplay

tables = {
    "linear, truth 0.37": make_learnability_classification(3000, learnability=0.37, random_state=0),
    "products, truth 0.5": make_interaction_classification(1200, learnability=0.5, random_state=0),
}

# %%
# The curve fits the ceiling's family again on an eighth, a quarter and half of its rows.

curves = {}
for name, (X, y) in tables.items():
    ceiling = GoldenModelCeiling("fast", bracket=True, random_state=0).fit(X, y)
    curves[name] = learnability_curve(ceiling, X, y)
    print(f"{name}: found {ceiling.learnability_:.2f}, answer: {curves[name].answer}")

# %%
# A band that goes on flat says that more rows bring next to nothing. The bar on the right is where
# the learnability itself may lie, for any number of rows and any model.

_, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, curve) in zip(axes, curves.items(), strict=True):
    LearnabilityCurveDisplay.from_curve(curve, ax=ax)
    ax.set_title(name)

# %%
# The ends, size by size: training rows of a fold, then 2 and 10 times as many, then any number.

for name, curve in curves.items():
    print(name)
    print(curve.to_frame().to_string(index=False, float_format="%.2f"))
