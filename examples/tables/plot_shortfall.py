"""
At the ceiling, or not: three models and a bracket
==================================================

A ceiling is a bound from below. Whether a model at the ceiling is also at the end of what can be
learned depends on how far the truth may lie above it. The bracket says so, and a verdict follows.

Of the people on board the Titanic three columns are known, and who survived. Rows are drawn from
the counted cells, so that the learnability is known: 0.24 of the label entropy.
"""

from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_titanic
from sklearn_learnability.displays import EfficiencyDisplay, ShortfallDisplay
from sklearn_learnability.metrics import compare_models

X, y, truth = load_titanic(4000, random_state=0, return_truth=True)
ceiling = GoldenModelCeiling("fast", bracket=True, random_state=0).fit(X, y)
lower, upper = ceiling.learnability_bracket_
print(f"found {ceiling.learnability_:.2f}, learnability between {lower:.2f} and {upper:.2f}")
print(f"the upper end comes from: {ceiling.shortfall_.source}")

# %%
# One model knows sex alone, one adds up the effects of all three columns, and a tree combines them.

models = {
    "sex alone": make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"])), LogisticRegression()
    ),
    "logistic regression": make_pipeline(OneHotEncoder(), LogisticRegression()),
    "tree": make_pipeline(
        OneHotEncoder(), DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    ),
}
probas = {
    name: cross_val_predict(model, X, y, cv=5, method="predict_proba")
    for name, model in models.items()
}
verdicts = {
    name: ceiling.shortfall_.verdict(y, proba, reference_nll=ceiling)
    for name, proba in probas.items()
}

# %%
# The first has room: the ceiling itself is better, by more than the 0.05 that counts as nothing.
# The tree is at the ceiling: not even the truth is better by more. Of the second neither is shown.
# The dashed truth is known here only because the cells were counted.

_ = ShortfallDisplay.from_shortfall(ceiling.shortfall_, verdicts, truth=truth.learnability)

# %%
# The share of the learnability that a model extracts lies between the least, by the upper end, and
# the most, by the lower end. Here the true share can be computed from the counted cells.

for name, verdict in verdicts.items():
    share = 1 - truth.gap(probas[name], X) / truth.learnability
    ends = f"{verdict.efficiency_of_upper:.2f} to {verdict.efficiency_of_lower:.2f}"
    print(f"{name:>19}: {ends}, in truth {share:.2f}")

# %%
# A comparison has both ends too. Pale bars run from the least to the most.

_ = EfficiencyDisplay.from_comparison(compare_models(y, probas, reference_nll=ceiling))
