"""
Trained too long, a wider network extracts less
===============================================

Networks of growing width, trained for the same number of epochs, lose a few points of F1 and all of
their efficiency, and calibration gives back only part of it. With weight decay the efficiency stays
between .94 and .96 at every width.

The data are the paper's: a linear-logistic construction whose inputs explain a quarter of the label
entropy. The truth is known, so the efficiency is exact: one less the excess log-loss over the
learnable information.
"""

import warnings

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.metrics import cross_fit_calibration

warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is the point

X, y, truth = make_learnability_classification(
    1500, n_features=10, n_structured=0, learnability=0.25, random_state=0, return_truth=True
)
fresh, labels = truth.sample(10_000, random_state=1)
information = truth.label_entropy() - truth.conditional_entropy()

rows = []
for width in (16, 32, 64, 128, 256):
    for training, alpha in {"no weight decay": 0, "weight decay": 2}.items():
        network = MLPClassifier(
            (width, width), alpha=alpha, max_iter=60, n_iter_no_change=60, random_state=0
        ).fit(X, y)
        proba = network.predict_proba(fresh)
        calibrated = cross_fit_calibration(labels, proba, random_state=0)
        rows.append(
            {
                "training": training,
                "width": width,
                "F1": f1_score(labels, network.predict(fresh)),
                "efficiency": 1 - truth.kl_divergence(proba, fresh) / information,
                "calibrated": 1 - truth.kl_divergence(calibrated, fresh) / information,
            }
        )
table = pd.DataFrame(rows)
print(table.sort_values(["training", "width"]).round(3).to_string(index=False))

# %%
# The same networks as a picture. Zero is no better than the class frequencies, and a solid line
# below it is a network that misinforms whoever takes its probabilities at their word.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for training, color in {"no weight decay": "#D55E00", "weight decay": "#0072B2"}.items():
    part = table[table["training"] == training]
    left.plot(part["width"], part["efficiency"], color=color, marker="o", label=training)
    left.plot(part["width"], part["calibrated"], color=color, marker="o", linestyle="--")
    right.plot(part["width"], part["F1"], color=color, marker="o", label=training)
left.axhline(0, color="0.5", linewidth=0.8)
left.set(title="efficiency (dashed: calibrated)", xlabel="width")
right.set(title="F1", xlabel="width", ylim=(0, 1))
for ax in (left, right):
    ax.set_xscale("log", base=2)
    ax.set_xticks(table["width"].unique(), table["width"].unique())
    ax.spines[["top", "right"]].set_visible(False)
_ = left.legend(frameon=False)

# %%
# Overconfidence is the larger part of the loss, and the part that calibration repairs. The rest is
# information that the wide network no longer extracts. With weight decay most of both stays.
# :doc:`The study </user_guide/paper>` has more widths, learnabilities and draws; where less can be
# learned, widths differ with weight decay too.
