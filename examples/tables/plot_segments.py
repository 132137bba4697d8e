"""
The segment with the worst accuracy may be the one with nothing to learn
========================================================================

Accuracy by segment points at the segment in which no model can do anything. A report by segment
points at those in which this model leaves something: here the one with the best accuracy.

We draw customers of four kinds. What the inputs say about the label differs between the kinds, from
nothing to 80 % of its entropy, and is known exactly.
"""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import make_segmented_classification
from sklearn_learnability.displays import SegmentDisplay
from sklearn_learnability.metrics import information_by_segment

X, y, truth = make_segmented_classification(
    8000, learnabilities=(0.0, 0.15, 0.4, 0.8), random_state=0, return_truth=True
)
kind = pd.Categorical.from_codes(X[:, 0].astype(int), ["new", "occasional", "regular", "frequent"])


def with_kinds_apart():
    """Return a table in which the kind is a category, not a number."""
    return make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")


# %%
# The model weighs the inputs alike for all kinds. The ceiling may weigh them by kind.

model = make_pipeline(with_kinds_apart(), LogisticRegression())
proba = cross_val_predict(model, X, y, cv=5, method="predict_proba")

by_kind = make_pipeline(
    with_kinds_apart(),
    PolynomialFeatures(interaction_only=True, include_bias=False),
    LogisticRegression(max_iter=1000),
)
family = [
    ("by kind", by_kind),
    ("boosting", HistGradientBoostingClassifier(learning_rate=0.05, max_leaf_nodes=8)),
]
ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)

# %%
# Accuracy says that new customers are the problem.

for name in kind.categories:
    rows = kind == name
    print(f"{name}: accuracy {accuracy_score(y[rows], proba[rows].argmax(axis=1)):.2f}")

# %%
# In bits it is the other way round. Nothing can be learned about new customers, and there the model
# is worse than saying nothing; most is missed about frequent ones. Every verdict allows for having
# looked at four segments.

report = information_by_segment(y, proba, kind, reference_nll=ceiling.oof_nll_)
_ = SegmentDisplay.from_report(report)

# %%
# The truth of each segment is close to the ceiling. A ceiling is fitted too, and what that costs
# shows most where there is nothing to gain.

found = report.to_frame().loc[:3, ["segment", "learnability", "learnability_lower"]]
found["learnability_upper"] = report.to_frame()["learnability_upper"]
found["truth"] = truth.local()["learnability"]
print(found.to_string(index=False, float_format="%.3f"))

# %%
# Calibrating the model over all rows does not help: it is too bold for some kinds and too timid for
# others, and right on average.

calibrated = information_by_segment(
    y, proba, kind, reference_nll=ceiling.oof_nll_, calibration="affine"
)
print(np.round([report.within.efficiency.value, calibrated.within.efficiency.value], 3))
