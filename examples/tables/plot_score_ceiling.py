"""
AUC is .70 and .90 is wanted: is it there?
==========================================

A model's AUC is .70 and someone asks for .90. On one table no model will get there; on another the
family's best model is well above the first one, and what is wanted lies within what cannot be told.

The first table is linear. The second holds products of its columns, of which a linear model finds
little.
"""

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
)

tables = {
    "linear": make_learnability_classification(3000, learnability=0.15, random_state=0),
    "products": make_interaction_classification(3000, learnability=0.5, random_state=0),
}
wanted = 0.9

# %%
# The ceiling answers in the metric that was asked for. The lower end is what the golden model
# reaches; the upper end rests on the bracket of the learnability, and on a model of what is missed.

found, left = {}, {}
for name, (X, y) in tables.items():
    ceiling = GoldenModelCeiling("fast", bracket=True, random_state=0).fit(X, y)
    found[name] = ceiling.score_ceiling("roc_auc")
    proba = cross_val_predict(LogisticRegression(), X, y, method="predict_proba")
    left[name] = found[name].points_left(y, proba)
    print(f"{name}: is {wanted} there? {found[name].verdict(wanted)}")

# %%
# The bar goes from the lower to the upper end, the line across it is what was found. The dot is a
# logistic regression, with its interval.

_, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
for row, name in enumerate(tables):
    ends, model = found[name], left[name].score
    ax.barh(row, ends.upper - ends.lower, left=ends.lower, height=0.4, color="C0", alpha=0.35)
    ax.plot([ends.score.value] * 2, [row - 0.2, row + 0.2], color="C0", linewidth=2)
    margin = [[model.value - model.lower], [model.upper - model.value]]
    ax.errorbar(model.value, row, xerr=margin, fmt="o", color="C1", capsize=3)
ax.axvline(wanted, color="black", linestyle="--")
ax.annotate("wanted", (wanted, 1.35), (3, 0), textcoords="offset points", va="center")
ax.set(yticks=range(len(tables)), yticklabels=list(tables), ylim=(-0.5, 1.5), xlabel="AUC")
ax.set_xlim(0.45, 1.0)
plt.show()

# %%
# The points that are left for the regression, at least and at most:

for name, points in left.items():
    print(name)
    print(
        points.to_frame()[["score", "lower", "upper"]].to_string(index=False, float_format="%.2f")
    )
