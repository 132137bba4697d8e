"""
Wider networks grow more complex after they have stopped learning more
======================================================================

Networks of four widths learn from the same 1,000 rows, whose posterior is known: the ceiling is the
truth. One call measures what each extracts of held-out rows, how much of the rest calibration would
repair, what its layers keep and tell, its local learning coefficient, and the bits its parameters
need.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sklearn_learnability.datasets import make_interaction_classification
from sklearn_learnability.displays import NetworkProfileDisplay
from sklearn_learnability.metrics import log_loss_per_sample
from sklearn_learnability.torch import LocalLearningCoefficient, profile_checkpoints

torch.set_num_threads(1)
N = 1000  # rows to train on; 3,000 are held out
X, y, truth = make_interaction_classification(
    4000, n_features=5, n_blocks=1, learnability=0.4, random_state=0, return_truth=True
)
X = X.astype("float32")
train, test = slice(N), slice(N, None)
ceiling = log_loss_per_sample(y[test], truth.predict_proba(X[test]))

# %%
# All are trained for as long, with steps that grow smaller until they come to rest.


def fit(width):
    """Return a trained network of two hidden layers."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(X.shape[1], width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, 2),
    )  # fmt: skip
    inputs, labels = torch.tensor(X[train]), torch.tensor(y[train])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        rows = torch.randint(N, (100,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
        optimizer.step()
        schedule.step()
    return model


networks = {f"{width}": fit(width) for width in (4, 16, 64, 256)}

# %%
# The coefficient is given its temperature and pull, so that all widths are measured alike. The
# chains are short, to be quick: each value is flagged, and its error stands beside it.

profiles = profile_checkpoints(
    networks,
    *(X[train], y[train], X[test], y[test]),
    ceiling=ceiling,
    layers=["1", "3"],
    llc=LocalLearningCoefficient(
        nn.CrossEntropyLoss(),
        sampler="leimkuhler-matthews",
        inverse_temperature=N / np.log(N),
        localization=30.0,
        n_draws=300,
        random_state=0,
        progress=False,
    ),
    progress=False,
)
columns = ["checkpoint", "training_nll", "nll", "efficiency", "calibrated_efficiency"]
columns += ["llc", "llc_total_error", "critical_bits", "description_length"]
profiles.to_frame()[columns].round(2)

# %%
# The efficiency is highest at 64 units, and at 256 calibration repairs most of what is lost. The
# coefficient goes on rising, and so do the bits of a parameter. The code does not see the place: it
# is of training rows alone, which the widest network explains best, and the coefficient of that one
# is the least sure.

NetworkProfileDisplay.from_result(profiles)
plt.show()
