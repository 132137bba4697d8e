"""
A parameter that is not needed costs less
=========================================

The classical criterion charges half a log n for every parameter. A network wider than it needs to
be has many parameters that hardly matter: its local learning coefficient, which is what counts, is
far below half their number.

We draw labels from a network of 2 hidden units, fit networks of 1 to 8, and estimate the
coefficient of each. Then we ask which is the shortest description at how many rows.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from sklearn_learnability.datasets import make_network_classification
from sklearn_learnability.displays import DescriptionLengthDisplay
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import Minimum, select_by_description_length
from sklearn_learnability.torch import LocalLearningCoefficient

warnings.simplefilter("ignore", ConvergenceWarning)
warnings.simplefilter("ignore", LearnabilityWarning)  # the flags are shown below

n = 1000
X, y, truth = make_network_classification(
    n, 4, n_classes=2, n_hidden=2, learnability=0.5, random_state=0, return_truth=True
)

# %%
# Each network goes over into torch, where its coefficient is estimated at the inverse temperature
# n / log n. There the code length is the WBIC: n times the mean loss of the chains.


def as_module(fitted):
    """Return a fitted network of scikit-learn as a module with one logit."""
    layers = []
    for weights, bias in zip(fitted.coefs_, fitted.intercepts_, strict=True):
        layer = nn.Linear(*weights.shape, dtype=torch.float64)
        layer.weight.data = torch.tensor(weights.T)
        layer.bias.data = torch.tensor(bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1], nn.Flatten(0))


data = torch.tensor(X), torch.tensor(y, dtype=torch.float64)
coefficient = LocalLearningCoefficient(
    nn.BCEWithLogitsLoss(),
    sampler="leimkuhler-matthews",
    n_draws=1000,
    inverse_temperature=n / np.log(n),
    localization=1.0,
    batch_size=n,
    random_state=0,
    progress=False,
)
fresh, _ = truth.sample(10_000, random_state=2)
information = truth.label_entropy() - truth.conditional_entropy()
minima, rows = {}, []
for width in (1, 2, 4, 8):
    fitted = MLPClassifier(
        (width,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=2000, random_state=0
    ).fit(X, y)
    estimate = coefficient.estimate(as_module(fitted), data)
    minima[f"width {width}"] = Minimum(
        nll=estimate.initial_loss,
        llc=max(estimate.value, 0),
        n_parameters=estimate.n_parameters,
    )
    worth = 1 - truth.kl_divergence(fitted.predict_proba(fresh), fresh) / information
    rows.append({"efficiency": worth, "flags": " ".join(map(str, estimate.flags))})

selection = select_by_description_length(minima, n, units="nats")
table = pd.concat([selection.to_frame(), pd.DataFrame(rows)], axis=1)
table["half the parameters"] = table["n_parameters"] / 2
shown = ["model", "half the parameters", "llc", "code_length", "bic", "efficiency"]
print(table[shown].round(2).to_string(index=False))
print("shortest:", selection.best)
for name, flags in zip(table["model"], table["flags"], strict=True):
    if flags:
        print(f"{name}: {flags}")

# %%
# Few rows are described best by a small network. The lines are in nats a row above the lowest loss;
# each falls while the network is being paid for, and levels off where its fit ends. The losses are
# those of the rows the networks were fitted to, so the phases far beyond the dashed line say what
# the widest network's memory of these rows would be worth, not what it would be on new ones.

display = DescriptionLengthDisplay.from_selection(selection)
_ = display.ax_.set_title("which network describes n rows best", fontsize=11)
plt.show()

# %%
# With few rows it is not the better rule, with many it is. :doc:`How often it picks well
# </user_guide/description_length>` was counted, beside BIC and efficiency.
