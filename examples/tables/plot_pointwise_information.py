"""
Which rows a model explains, and which surprise it
==================================================

One row in twenty can cost a model half of what it misses. Looking at the information of each row,
instead of one score, shows which rows these are.

We ask a logistic regression for the probabilities of handwritten digits it was not fitted on, and
measure for each digit how many bits the prediction brought beyond the class frequencies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability.metrics import (
    information_score,
    label_entropy,
    pointwise_information,
)

digits = load_digits()
X, y = digits.data, digits.target
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
proba = cross_val_predict(model, X, y, cv=5, method="predict_proba")
information = pointwise_information(y, proba)

print(f"bits in the labels: {label_entropy(y):.2f}")
print(f"bits explained:     {information.mean():.2f}")
print(f"information score:  {information_score(y, proba):.3f}")

# %%
# The labels hold 3.32 bits, ten classes of about equal size. Most digits are explained almost
# fully. The tail on the left is short in rows and long in bits.

missed = label_entropy(y) - information
order = np.argsort(information)
share = np.cumsum(np.sort(missed)[::-1]) / missed.sum()
few = len(y) // 20
print(f"the most surprising 5 % of the rows hold {share[few]:.0%} of what the model misses")

figure = plt.figure(figsize=(9, 3.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])

ax = left.subplots()
bins = np.arange(np.floor(information.min()), 4, 0.5)
ax.hist(information[information >= 0], bins, color="#0072B2")
ax.hist(information[information < 0], bins, color="#D55E00")
ax.axvline(label_entropy(y), color="#222222", linewidth=1)
ax.set_yscale("log")
ax.set_xlabel("information of a row (bits)")
ax.set_ylabel("rows")
ax.spines[["top", "right"]].set_visible(False)
ax.text(
    label_entropy(y) - 0.15,
    1.02,
    "certain and right",
    ha="right",
    transform=ax.get_xaxis_transform(),
)
ax.text(
    0.02,
    0.9,
    "surprised:\nworse than the\nclass frequencies",
    color="#D55E00",
    va="top",
    transform=ax.transAxes,
)

right.suptitle("what surprises most", fontsize=11)
for axis, row in zip(right.subplots(2, 4).ravel(), order, strict=False):
    axis.imshow(digits.images[row], cmap="gray_r", interpolation="nearest")
    axis.set_title(
        f"a {y[row]}, said {proba[row].argmax()}\n{information[row]:.1f} bits", fontsize=9
    )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_color("#BBBBBB")

# %%
# The same rows by class: which digits hold the surprises?

for digit in range(10):
    of_digit = information[y == digit]
    print(f"{digit}: mean {of_digit.mean():5.2f} bits, surprised by {np.mean(of_digit < 0):.1%}")

# %%
# **What to do with it.** Look at the most surprising rows first: they are wrong labels, unusual
# writing, or a kind of row the model lacks. Do not judge single rows: a model with the exact
# probabilities is surprised now and then as well. A mean over a group of rows is meaningful,
# because these means add up to the whole: the label entropy minus the loss.
