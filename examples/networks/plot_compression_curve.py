"""
What a network has memorised takes more bits
============================================

Two networks of one size fit the same images of digits equally well, one with the true labels, the
other with shuffled ones. The second has more to remember, and it shows: its weights need to be told
more precisely. How precisely is the *critical* :math:`n_q`, the smallest number of quantization
intervals at which the loss rises by no more than a tolerance.
"""

import matplotlib.pyplot as plt
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_learnability.displays import CompressionCurveDisplay
from sklearn_learnability.torch import Factorization, GaussianNoise, Quantization, critical_amount

torch.set_num_threads(1)
digits = load_digits()
images = torch.tensor(digits.data[:1000] / 16, dtype=torch.float32)
generator = torch.Generator().manual_seed(0)
labels = torch.tensor(digits.target[:1000])
shuffled = labels[torch.randperm(len(labels), generator=generator)]
criterion = nn.CrossEntropyLoss()


def fit(targets, loss_wanted=0.02):
    """Return a network trained until its loss is as wanted."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(64, 128), nn.ReLU()),
        *(nn.Linear(128, 128), nn.ReLU()),
        *(nn.Linear(128, 128), nn.ReLU()),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = torch.tensor(float("inf"))
    while loss > loss_wanted:
        loss = criterion(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


networks = {"true labels": (fit(labels), labels), "shuffled labels": (fit(shuffled), shuffled)}

# %%
# Each critical amount is one call. It scans the amounts of the scheme from the least compression to
# the most, and then looks more closely where the loss crosses the tolerance. For the true labels,
# the quantization never crosses it: three values, the fewest there can be, are enough.

settings = {"tolerance": 0.2, "batch_size": 1000, "progress": False}
schemes = {
    "quantization": Quantization(),
    "noise": GaussianNoise(relative=True),
    "singular values": Factorization(layers=["2", "4"]),
}
found = {
    (name, scheme_name): critical_amount(
        *(model, criterion, (images, targets), scheme),
        **settings,
    )
    for scheme_name, scheme in schemes.items()
    for name, (model, targets) in networks.items()
}
rows = pd.concat([one.to_frame() for one in found.values()], keys=list(found))
print(rows[["quantity", "value", "size", "n_evaluations"]].round(3).to_string())

figure, axes = plt.subplots(2, 2, figsize=(9, 7.4), layout="constrained")
axes[1, 1].remove()
for ax, scheme_name in zip(figure.axes, schemes, strict=True):
    CompressionCurveDisplay.from_critical(
        {name.removesuffix(" labels"): found[name, scheme_name] for name in networks}, ax=ax
    )
    ax.set_title(scheme_name, fontsize=11)
plt.show()

# %%
# **The clamp matters too.** At the largest absolute value of all parameters, values are wasted on
# the few parameters that are large; the clamp with the least loss cuts those off. A clamp of its
# own for each tensor, or each row of a matrix, changes little here, where all layers are alike.

model, targets = networks["shuffled labels"]
clamps = {
    "largest value of all": Quantization("max"),
    "one clamp": Quantization(),
    "one for each tensor": Quantization(scope="tensor"),
    "one for each row": Quantization(scope="channel"),
}
CompressionCurveDisplay.from_critical(
    {
        name: critical_amount(model, criterion, (images, targets), scheme, **settings)
        for name, scheme in clamps.items()
    }
)
plt.show()

# %%
# **What to do with it.** Compare critical amounts of one scheme, at one tolerance, on the same
# number of rows. Look at the curve: `status` says when it never crosses the tolerance or does so at
# once, and `crossings` when it does so more than once. Critical amounts by different clamps are
# different quantities.
