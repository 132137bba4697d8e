"""
Does this data source earn its price?
=====================================

A model predicts from a table of your own. Two more tables are for sale. One was computed from
columns that you have already, in a form that is easy to use; the other was measured anew. Both make
your model better. Only one of them tells it something.

All is generated, so that it is known what each table says.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from sklearn_learnability import (
    GoldenModelCeiling,
    conditional_contribution,
    learnability_by_feature_group,
)
from sklearn_learnability.displays import FeatureGroupDisplay

rng = np.random.RandomState(0)
n = 1500
own = pd.DataFrame(rng.standard_normal((n, 3)), columns=["age", "income", "tenure"])
computed = pd.DataFrame({"cycle": np.sin(2 * own["age"]) + 0.1 * rng.standard_normal(n)})
measured = pd.DataFrame({"survey": 0.5 * own["income"] + rng.standard_normal(n)})
score = 2 * np.sin(2 * own["age"]) + own["income"] + 0.6 * measured["survey"]
y = (rng.uniform(size=n) < expit(score)).astype(int)
X = pd.concat([own, computed, measured], axis=1)
sources = {"own": list(own), "computed": list(computed), "measured": list(measured)}

# %%
# What each source adds
# ---------------------
# The ceiling's family, here logistic regression alone, is fitted on every coalition of sources, on
# the same folds. The bars are Shapley shares and sum to the ceiling; the points are what a source
# finds alone, and what is lost without it.

ceiling = GoldenModelCeiling(["logistic"], random_state=0).fit(X, y)
report = learnability_by_feature_group(ceiling, X, y, feature_groups=sources)
FeatureGroupDisplay.from_report(report)

# %%
# By these numbers the computed source is the most valuable of all.

print(report.to_frame()[["group", "alone", "on_top", "shapley"]].round(2).to_string(index=False))

# %%
# What only this source says
# --------------------------
# The test gives the other columns their own predictions of the source, which hold nothing new. Of
# what the computed source added nothing is left: a richer family finds it in the columns that you
# have. What the measured source adds stays.

for name in ("computed", "measured"):
    found = conditional_contribution(ceiling, X, y, columns=sources[name])
    print(f"{name}: {found.answer}; on top {found.on_top.value:.2f}, new {found.new.value:.2f}")

# %%
# That is so: with splines in the family the computed source adds next to nothing.

richer = GoldenModelCeiling(["logistic", "splines"], random_state=0).fit(X, y)
report = learnability_by_feature_group(richer, X, y, feature_groups=sources)
print(report.to_frame()[["group", "alone", "on_top", "shapley"]].round(2).to_string(index=False))
