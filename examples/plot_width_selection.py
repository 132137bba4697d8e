"""
Take the smallest network that is as good as the best
=====================================================

Scored row by row against the ceiling, the folds of a search agree better than they do on the
log-loss alone, so that the rule of one standard error has less noise to hide behind.

We search the width of a network on data whose inputs explain a quarter of the label entropy. The
ceiling is estimated from the same rows out of fold, and its loss of every row travels to the scorer
as metadata.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling, select_capacity
from sklearn_learnability.datasets import make_learnability_classification

warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant
sklearn.set_config(enable_metadata_routing=True)

X, y, truth = make_learnability_classification(
    1000, n_features=10, n_structured=0, learnability=0.25, random_state=0, return_truth=True
)
ceiling = GoldenModelCeiling(["prior", "logistic", "splines"], random_state=0).fit(X, y)
print(f"learnability: estimated {ceiling.learnability_:.3f}, in truth {truth.learnability:.3f}")

# %%
# Several scores may be asked for. The rule names the one it goes by.

widths = [8, 16, 32, 64, 128]
search = GridSearchCV(
    MLPClassifier(max_iter=60, n_iter_no_change=60, alpha=0, random_state=0),
    {"hidden_layer_sizes": [(width, width) for width in widths]},
    scoring={
        "efficiency": EfficiencyScorer(ceiling).set_score_request(reference_nll=True),
        "log_loss": "neg_log_loss",
    },
    refit=select_capacity("hidden_layer_sizes", metric="efficiency"),
).fit(X, y, reference_nll=ceiling.oof_nll_)
print("picked:", search.best_params_["hidden_layer_sizes"])

# %%
# What the search saw, and what each width is worth when it is fitted on all rows and compared with
# the exact posterior. The log-loss is put on the same scale, so that its bars can be compared.


def means_and_errors(metric):
    """Return the mean score of every width and its standard error."""
    results = search.cv_results_
    splits = np.array([results[f"split{fold}_test_{metric}"] for fold in range(5)])
    return splits.mean(axis=0), splits.std(axis=0, ddof=1) / np.sqrt(5)


fresh, _ = truth.sample(10_000, random_state=1)
information = truth.label_entropy() - truth.conditional_entropy()
worth = []
for width in widths:
    network = sklearn.base.clone(search.estimator).set_params(hidden_layer_sizes=(width, width))
    worth.append(1 - truth.kl_divergence(network.fit(X, y), fresh) / information)

efficiency, paired_error = means_and_errors("efficiency")
_, loss_error = means_and_errors("log_loss")
unpaired_error = loss_error / np.log(2) / (ceiling.label_entropy_ - ceiling.nll_)
print("standard errors, paired:  ", paired_error.round(3))
print("standard errors, unpaired:", unpaired_error.round(3))

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
places = np.arange(len(widths))
style = {"fmt": "none", "capsize": 3}
ax.errorbar(places, efficiency, unpaired_error, color="0.7", label="unpaired error", **style)
ax.errorbar(places, efficiency, paired_error, color="#0072B2", linewidth=3, label="paired", **style)
ax.plot(places, efficiency, "o", color="#0072B2", label="efficiency in the search")
ax.plot(places, worth, "D--", color="#D55E00", label="in truth, fitted on all rows")
ax.axvline(search.best_index_, color="0.5", linestyle=":", label="picked")
ax.set(xlabel="width", ylabel="efficiency")
ax.set_xticks(places, widths)
ax.spines[["top", "right"]].set_visible(False)
_ = ax.legend(frameon=False, fontsize=9)
sklearn.set_config(enable_metadata_routing=False)

# %%
# :doc:`How often it helps </user_guide/capacity>` was counted over a hundred searches.
