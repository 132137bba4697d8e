"""
Where a network's width saturates, on identifiers
=================================================

Logs of clicks are columns of identifiers, with thousands of levels of which most are rare, and
clicks of which little can be known. How wide must a network be to extract it? Here the truth is
known, so the share that each width extracts is exact.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from sklearn_learnability import CalibratedNLL, GoldenModelCeiling
from sklearn_learnability.datasets import make_identifier_classification
from sklearn_learnability.exceptions import DependentRowsWarning

warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant
warnings.simplefilter("ignore", DependentRowsWarning)  # of what rare levels leave unexplained

WIDTHS = (4, 16, 64, 256)


def efficiencies(learnability):
    """Return the share that each width extracts as it is and calibrated, and the ceiling's."""
    X, y, truth = make_identifier_classification(
        4000, n_levels=(500, 300, 50), learnability=learnability, random_state=0, return_truth=True
    )
    fresh, _ = truth.sample(10_000, random_state=1)

    def efficiency(model):
        return 1 - truth.gap(model, fresh) / truth.learnability

    identifiers = [name for name in X if name.startswith("id")]
    encode = make_column_transformer(
        (TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=0)), identifiers),
        remainder="passthrough",
    )
    found = []
    for width in WIDTHS:
        network = MLPClassifier(
            (width, width), alpha=0, max_iter=40, n_iter_no_change=40, random_state=0
        )
        model = make_pipeline(encode, StandardScaler(), network)
        calibrated = CalibratedNLL(model, cv=3, random_state=0).fit(X, y)
        found.append([efficiency(calibrated.estimator_), efficiency(calibrated)])
    family = ["prior", "logistic", "splines", "factorization_machine"]
    ceiling = GoldenModelCeiling(family, cv=3, random_state=0).fit(X, y)
    return np.array(found), efficiency(ceiling)


# %%
# Two logs, of the same identifiers: of one a fiftieth of the label entropy can be learned, of the
# other three tenths. No model comes to 1: of rare levels too little is seen in 4,000 rows.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for ax, learnability in zip(axes, (0.02, 0.3), strict=True):
    found, of_ceiling = efficiencies(learnability)
    print(f"learnability {learnability}: ceiling {of_ceiling:.2f}")
    print("  as it is:  ", found[:, 0].round(2))
    print("  calibrated:", found[:, 1].round(2))
    places = np.arange(len(WIDTHS))
    ax.plot(places, found[:, 0], "o-", color="#D55E00", label="network, as it is")
    ax.plot(places, found[:, 1], "o--", color="#0072B2", label="network, calibrated")
    ax.axhline(of_ceiling, color="0.3", linestyle=":", label="golden model")
    ax.axhline(0, color="0.7", linewidth=0.8)
    ax.set(title=f"learnability {learnability}", xlabel="width")
    ax.set_xticks(places, WIDTHS)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("share of what can be learned")
_ = axes[1].legend(frameon=False, fontsize=9)
