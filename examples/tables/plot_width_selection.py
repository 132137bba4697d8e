"""
Search the width by log-loss, and calibrate what you deploy
===========================================================

A search by log-loss finds a good width. It does not mend what training has spoiled: a network that
is trained for a fixed number of epochs is too sure of itself, the more so the wider it is.
Calibration mends most of that, on the rows that are there anyway.

We search the width of a network on data whose inputs explain a quarter of the label entropy.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from sklearn_learnability import CalibratedNLL, EfficiencyScorer, GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification

warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant

X, y, truth = make_learnability_classification(
    600, n_features=10, n_structured=0, learnability=0.25, random_state=0, return_truth=True
)
ceiling = GoldenModelCeiling(["prior", "logistic", "splines"], random_state=0).fit(X, y)
print(f"learnability: estimated {ceiling.learnability_:.3f}, in truth {truth.learnability:.3f}")

# %%
# The efficiency ranks widths as the log-loss does, and says how much of what can be learned each
# extracts. :class:`~sklearn_learnability.CalibratedNLL` fits the pick out of fold, and calibrates
# it on what it predicts there.

network = MLPClassifier(max_iter=60, n_iter_no_change=60, alpha=0, random_state=0)
sizes = [(8, 8), (32, 32), (64, 64), (128, 128)]
search = GridSearchCV(
    network, {"hidden_layer_sizes": sizes}, scoring=EfficiencyScorer(ceiling.learnability_)
).fit(X, y)
model = CalibratedNLL(search.best_estimator_, random_state=0).fit(X, y)
print("picked:", search.best_params_["hidden_layer_sizes"])
print(f"out of fold: {model.nll_:.3f} bits, {model.calibrated_nll_:.3f} calibrated")

# %%
# What each width is worth, fitted on all rows: the truth is known here, and its exact posterior
# needs no labels.

fresh, _ = truth.sample(10_000, random_state=1)
information = truth.label_entropy() - truth.conditional_entropy()


def efficiency(model):
    """Return the share of the information that a fitted model extracts."""
    return 1 - truth.kl_divergence(model, fresh) / information


raw, calibrated = [], []
for size in sizes:
    fitted = CalibratedNLL(clone(network).set_params(hidden_layer_sizes=size), random_state=0)
    fitted.fit(X, y)
    raw.append(efficiency(fitted.estimator_))
    calibrated.append(efficiency(fitted))
print("as it is:  ", np.round(raw, 2))
print("calibrated:", np.round(calibrated, 2))

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
places = np.arange(len(sizes))
ax.plot(places, search.cv_results_["mean_test_score"], "o:", color="0.5", label="in the search")
ax.plot(places, raw, "s-", color="#0072B2", label="in truth, as it is")
ax.plot(places, calibrated, "D--", color="#D55E00", label="in truth, calibrated")
ax.axvline(search.best_index_, color="0.8", zorder=0)
ax.annotate(" picked", (search.best_index_, ax.get_ylim()[0]), color="0.4", va="bottom")
ax.set(xlabel="width", ylabel="efficiency")
ax.set_xticks(places, [width for width, _ in sizes])
ax.spines[["top", "right"]].set_visible(False)
_ = ax.legend(frameon=False, fontsize=9)

# %%
# :doc:`What it gains on average </user_guide/capacity>` was measured on three kinds of data, with
# networks and with boosted trees.
