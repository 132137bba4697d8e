"""
The model with the worst log-loss knows the most
================================================

A log-loss adds up two faults: what a model does not know, and how wrongly it states how sure it is.
Calibration repairs the second and leaves the first, so that the two can be told apart.

We draw data whose inputs explain 40 % of the label entropy, through interactions only, and look at
the out-of-fold loss of four models. The irreducible part, H(Y|X), is known here.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import CalibratedNLL
from sklearn_learnability.datasets import make_interaction_classification

X, y, truth = make_interaction_classification(
    3000, n_features=10, learnability=0.4, random_state=0, return_truth=True
)
models = {
    "logistic regression": LogisticRegression(),
    "naive Bayes": GaussianNB(),
    "extremely random trees": ExtraTreesClassifier(100, min_samples_leaf=10, random_state=0),
    "boosting, many trees": HistGradientBoostingClassifier(
        learning_rate=0.3, max_iter=800, max_leaf_nodes=8, random_state=0
    ),
}
fitted = {name: CalibratedNLL(model, random_state=0).fit(X, y) for name, model in models.items()}

print(f"{'bits a row':24}  loss = calibrated + calibration loss   scale of the log-odds")
for name, model in fitted.items():
    print(
        f"{name:24} {model.nll_:5.2f} = {model.calibrated_nll_:10.2f} + "
        f"{model.calibration_loss_:16.2f}   {model.calibrator_.mapping.weight:21.2f}"
    )

# %%
# Boosting has the highest loss, above the label entropy: taken as it is, it is worse than the class
# frequencies. It is also the model that knows most; its log-odds are almost four times too large.
# The random trees know nearly as much and err the other way: averaging makes them too modest.
# Logistic regression states its confidence well, and has nothing to state.

irreducible = truth.conditional_entropy()
known_entropy = fitted["naive Bayes"].label_entropy_
calibrated = np.array([model.calibrated_nll_ for model in fitted.values()])
loss = np.array([model.calibration_loss_ for model in fitted.values()])
half_width = np.array(
    [
        model.decomposition_.calibration_loss.upper - model.calibration_loss_
        for model in fitted.values()
    ]
)

figure, ax = plt.subplots(figsize=(8.5, 3.6), layout="constrained")
ax.barh(list(fitted), irreducible, color="#CCCCCC")
ax.barh(list(fitted), calibrated - irreducible, left=irreducible, color="#0072B2")
visible = np.maximum(loss, 0)
ax.barh(
    list(fitted),
    visible,
    left=calibrated,
    color="#D55E00",
    xerr=np.where(visible > 0, half_width, np.nan),
    error_kw={"elinewidth": 1, "capsize": 3},
)
ax.axvline(known_entropy, color="#222222", linewidth=1)
ax.invert_yaxis()
ax.set_xlim(0, 1.4)
ax.set_xlabel("bits a row")
ax.spines[["top", "right"]].set_visible(False)
above = {"transform": ax.get_xaxis_transform(), "va": "bottom"}
ax.text(irreducible / 2, 1.01, "irreducible, H(Y|X)", color="#777777", ha="center", **above)
ax.text((irreducible + 1) / 2, 1.01, "not known", color="#0072B2", ha="center", **above)
ax.text(known_entropy + 0.02, 1.01, "H(Y)", color="#222222", **above)
_ = ax.text(1.15, 1.01, "calibration loss", color="#D55E00", **above)

# %%
# **What to do with it.** Where the calibration loss is large, calibrate
# (:class:`~sklearn_learnability.CalibratedNLL` predicts calibrated probabilities), or regularise
# and train anew. Where the blue part is large, calibration will not help: the model needs other
# features, another form or more rows. Comparing models by their raw log-loss would have picked the
# wrong one here.
