"""
Which training rows does a wrong prediction rest on?
====================================================

A softmax regression reads handwritten digits and gets some of them wrong. Chains around its
solution tell, without training anything again, which training images pull one wrong prediction
towards the truth and which pull it away: the covariance of two losses along the chains is how much
the one would rise if the row of the other were left out.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_learnability.displays import InfluenceDisplay
from sklearn_learnability.torch import LocalLearningCoefficient, draw_losses

DECAY = 0.02
N = 200

digits = load_digits()
order = np.random.RandomState(0).permutation(len(digits.data))
X = torch.from_numpy(digits.data[order] / 16)
y = torch.from_numpy(digits.target[order])
train, test = (X[:N], y[:N]), (X[N:], y[N:])


def penalised(model, batch):
    """Return the loss it was trained with: cross-entropy, and a decay of the weights."""
    decay = DECAY / 2 * sum(p.square().sum() for p in model.parameters())
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none") + decay


model = nn.Linear(64, 10, dtype=torch.float64)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
for _ in range(600):
    optimizer.zero_grad()
    penalised(model, train).mean().backward()
    optimizer.step()
    schedule.step()
with torch.no_grad():
    of_test = nn.functional.cross_entropy(model(test[0]), test[1], reduction="none")
    said = model(test[0]).argmax(1)
worst = int(of_test.argmax())
share = float((said == test[1]).double().mean())
print(f"right on {share:.0%} of {len(said)} images; the worst is read as {said[worst]}")

# %%
# The chains run on the loss with its decay; of the rows the cross-entropy alone is kept, as the
# decay belongs to no row.

llc = LocalLearningCoefficient(
    penalised,
    sampler="hamiltonian",
    n_chains=16,
    n_draws=120,
    inverse_temperature=100.0,
    random_state=0,
    progress=False,
)
losses = draw_losses(
    llc,
    model,
    train,
    rows={"train": train, "wrong": (test[0][worst : worst + 1], test[1][worst : worst + 1])},
    row_loss=nn.CrossEntropyLoss(),
)
influence = losses.influence("wrong")
ranked = np.argsort(-influence.value[:, 0])

# %%
# The images that help most have the right label and look alike. Most of those that harm have the
# label that was wrongly read.

figure = plt.figure(figsize=(10, 4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.2, 1))
axes = left.subplots(2, 4)
pictures = [(test[0][worst], f"{test[1][worst]}, read as {said[worst]}"), (None, "")]
pictures[1:] = [(train[0][i], f"helps: {train[1][i]}") for i in ranked[:3]]
pictures += [(None, "")] + [(train[0][i], f"harms: {train[1][i]}") for i in ranked[:-4:-1]]
for ax, (image, title) in zip(axes.flat, pictures, strict=True):
    ax.axis("off")
    ax.set_title(title, fontsize=10)
    if image is not None:
        ax.imshow(image.reshape(8, 8), cmap="gray_r")
_ = InfluenceDisplay.from_influence(influence, n_each=5, ax=right.subplots())

# %%
# **What to do with it.** Look at the rows that harm: a wrong label or a strange image among them
# is a reason for the error. The lines are two standard errors; rows whose line crosses zero say
# nothing. In a network the influence is that at this solution; another training may find another.
