"""
What R² does not see: how much the inputs tell of a number
==========================================================

Two tables have the same R². In one that is all there is to know. In the other the inputs also tell
how far off a prediction will be, and the ceiling counts that.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_predict

from sklearn_learnability import GoldenModelCeilingRegressor
from sklearn_learnability.datasets import make_learnability_regression
from sklearn_learnability.metrics import regression_efficiency

spread = make_learnability_regression(
    3000, 4, learnability=0.75, heteroscedasticity=1.0, random_state=0, return_truth=True
)
r2_of_spread = np.var(spread[2].predict(spread[0])) / np.var(spread[1])
plain = make_learnability_regression(
    3000, 4, learnability=round(r2_of_spread, 2), random_state=0, return_truth=True
)
tables = {"even noise": plain, "noise that one input sets": spread}

# %%
# A linear model is right about the mean in both. Of the second table it leaves much of the
# information where it is.

rows = []
for name, (X, y, truth) in tables.items():
    ceiling = GoldenModelCeilingRegressor(
        ["marginal", "linear", "linear_ranks"], random_state=0
    ).fit(X, y)
    predicted = cross_val_predict(LinearRegression(), X, y)
    r2 = 1 - np.mean((y - predicted) ** 2) / np.var(y)
    share = regression_efficiency(y, predicted, reference=ceiling)
    rows.append((name, r2, ceiling, truth.learnability))
    print(
        f"{name}: R² {r2:.2f}, ceiling {ceiling.learnability_:.2f}, truth "
        f"{truth.learnability:.2f}; the linear model holds {share.value:.0%} of the information"
    )

# %%
# The bar is the ceiling's interval, the cross its value, the diamond the truth, and the dot the R²
# of the linear model.

_, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for row, (_, r2, ceiling, truth) in enumerate(rows):
    low, high = ceiling.learnability_interval_
    last = row == len(rows) - 1
    ax.barh(row, high - low, left=low, height=0.4, color="C0", alpha=0.35)
    ax.plot(ceiling.learnability_, row, "x", color="C0", label="ceiling" if last else None)
    ax.plot(truth, row + 0.32, "D", color="black", markersize=5, label="truth" if last else None)
    ax.plot(r2, row, "o", color="C1", label="R² of a linear model" if last else None)
ax.set(yticks=range(len(rows)), yticklabels=[name for name, *_ in rows], ylim=(-0.5, 1.6))
ax.set(xlim=(0, 1), xlabel="learnability 1 - exp(-2 I), or R²")
ax.legend(loc="lower right", frameon=False)
plt.show()

# %%
# The density is at hand: quantiles that are narrow where little is uncertain.

X, y, _ = spread
quantiles = rows[1][2].predict_quantiles(X, [0.05, 0.95])
width = quantiles[:, 1] - quantiles[:, 0]
print(f"90 % of the widths lie between {np.quantile(width, 0.05):.1f} and", end=" ")
print(f"{np.quantile(width, 0.95):.1f}")
