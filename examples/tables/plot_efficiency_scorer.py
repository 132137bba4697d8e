"""
A grid search scored by efficiency says when to stop searching
==============================================================

Accuracy and log-loss say which setting is best. Efficiency also says how far the best is from what
can be learned at all: a search that ends at 0.6 asks for another model, one that ends at 1 asks for
other data.

Two searches on the same data, one over trees and one over splines, each paired row by row with one
ceiling.
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling, select_capacity
from sklearn_learnability.datasets import make_interaction_classification

X, y, truth = make_interaction_classification(
    3000, n_features=10, learnability=0.4, random_state=0, return_truth=True
)
family = ["prior", "logistic", "splines", "hist_gradient_boosting"]
ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
print(f"learnability: {ceiling.learnability_:.3f}, the truth: {truth.learnability:.3f}")

# %%
# The ceiling's out-of-fold losses are routed to the scorer, so that each fold's efficiency is
# measured on the same rows as the ceiling's. The smallest capacity within one standard error of the
# best is refitted.

sklearn.set_config(enable_metadata_routing=True)
scorer = EfficiencyScorer(ceiling).set_score_request(reference_nll=True)

trees = GridSearchCV(
    DecisionTreeClassifier(min_samples_leaf=60, random_state=0),
    {"max_leaf_nodes": [2, 4, 8, 12, 16, 24]},
    scoring=scorer,
    refit=select_capacity("max_leaf_nodes"),
).fit(X, y, reference_nll=ceiling.oof_nll_)

curves = make_pipeline(
    make_union(SplineTransformer(), PolynomialFeatures(2, interaction_only=True)),
    StandardScaler(),
    LogisticRegression(C=0.03, max_iter=500),
)
knots = "featureunion__splinetransformer__n_knots"
splines = GridSearchCV(
    curves,
    {knots: [2, 3, 4, 6, 8, 12]},
    scoring=scorer,
    refit=select_capacity(knots),
).fit(X, y, reference_nll=ceiling.oof_nll_)
sklearn.set_config(enable_metadata_routing=False)

for name, search in {"trees": trees, "splines": splines}.items():
    score = search.cv_results_["mean_test_score"][search.best_index_]
    print(f"{name}: {search.best_params_}, efficiency {score:.2f}")

# %%
# No tree gets a tenth of what can be learned, however it is tuned; splines with products get
# nearly all of it.


def draw(ax, search, parameter, title):
    """Draw the efficiency of every candidate, and ring the one chosen."""
    results = search.cv_results_
    capacity = np.array([params[parameter] for params in results["params"]])
    n_splits = search.n_splits_
    error = results["std_test_score"] * np.sqrt(1 / (n_splits - 1))
    ax.errorbar(range(len(capacity)), results["mean_test_score"], error, fmt="o-", color="#0072B2")
    ax.plot(
        search.best_index_,
        results["mean_test_score"][search.best_index_],
        "o",
        ms=14,
        mfc="none",
        color="#D55E00",
    )
    ax.set_xticks(range(len(capacity)), capacity)
    ax.set(xlabel=parameter.split("__")[-1], title=title)
    ax.axhline(1, color="0.5", linewidth=1)
    ax.spines[["top", "right"]].set_visible(False)


figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
draw(axes[0], trees, "max_leaf_nodes", "decision trees")
draw(axes[1], splines, knots, "splines with products")
axes[0].set_ylabel("efficiency")
axes[0].annotate("ceiling", (0, 1.01), color="0.4", va="bottom")
_ = axes[0].set_ylim(0, 1.12)
