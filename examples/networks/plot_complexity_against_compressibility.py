"""
A richer network needs finer weights, and a line alone does not say why
=======================================================================

Deep linear networks that compute a map of higher rank have larger learning coefficients, which are
known in closed form, and their weights must be kept more finely. The line through the two is good.
So is the line on the norm of the weights, which grows with the rank as well: without the partial
correlation we would not know.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_learnability.metrics import linear_association
from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
    half_squared_error,
    make_rotated_linear_network_model,
)

DIM, TOLERANCE = 10, 0.1

# %%
# Eight networks of each rank, their weights rounded more and more coarsely until the loss has risen
# by a tenth. Of one network of some ranks we estimate the coefficient as well.

coefficient = LocalLearningCoefficient(
    half_squared_error,
    sampler="leimkuhler-matthews",
    n_draws=1200,
    inverse_temperature=8686.0,
    localization=1.0,
    batch_size=DIM,
    random_state=0,
    progress=False,
)
rows = []
for rank in range(1, DIM + 1):
    for teacher in range(8):
        rng = np.random.RandomState([rank, teacher])
        known = make_rotated_linear_network_model(DIM, rank, random_state=rng)
        model, data = known.model, known.data
        found = critical_amount(
            model, half_squared_error, data, Quantization(), tolerance=TOLERANCE, progress=False
        )
        estimated = teacher == 0 and rank in (1, 4, 7, 10)
        rows.append(
            {
                "rank": rank,
                "teacher": teacher,
                "true llc": known.truth.value,
                "llc": coefficient.estimate(model, data).value if estimated else np.nan,
                "critical n_q": found.value,  # NaN where the coarsest grid is fine enough
                "bits": found.size,
                "squared norm": sum(float(p.detach().square().sum()) for p in model.parameters()),
            }
        )
table = pd.DataFrame(rows)
print(table.groupby("rank").mean().drop(columns="teacher").round(2))
print("fine enough on the coarsest grid:", table["critical n_q"].isna().sum(), "of", len(table))

# %%
# Given the norm, little is left of the coefficient.

crossed = table.dropna(subset="critical n_q")
line = linear_association(
    crossed["true llc"],
    crossed["bits"],
    given=crossed["squared norm"],
    groups=np.arange(len(crossed)),  # every network stands alone
)
print(f"R²: {line.r_squared:.2f}, of the norm alone: {line.given_r_squared:.2f}")
ends = f"{line.within_steps_lower:.2f} to {line.within_steps_upper:.2f}"
print(f"left given the norm: {line.within_steps:.2f} ({ends})")

figure, axes = plt.subplots(1, 2, figsize=(9.2, 4), layout="constrained", sharey=True)
style = {"s": 22, "alpha": 0.6, "linewidth": 0}
for ax, name, label in (
    (axes[0], "true llc", "learning coefficient"),
    (axes[1], "squared norm", "squared norm of the weights"),
):
    shown = ax.scatter(crossed[name], crossed["bits"], c=crossed["rank"], cmap="viridis", **style)
    ax.set_xlabel(label)
    ax.spines[["top", "right"]].set_visible(False)
estimated = crossed.dropna(subset="llc")
axes[0].plot(estimated["llc"], estimated["bits"], "x", color="#D55E00", label="estimated")
ends = np.array([crossed["true llc"].min(), crossed["true llc"].max()])
axes[0].plot(ends, line.intercept + line.slope * ends, color="0.3", linewidth=1)
axes[0].set_ylabel("critical bits a weight")
axes[0].legend(frameon=False)
figure.colorbar(shown, ax=axes, label="rank")
plt.show()

# %%
# In :doc:`language models over training </user_guide/complexity_and_compressibility>` the line on
# the coefficient is the better one; what runs at the same step say is told there.
