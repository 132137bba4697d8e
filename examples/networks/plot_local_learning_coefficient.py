"""
A coefficient that counts the parameters that matter, and says when it cannot
=============================================================================

A linear model has 20 parameters, but only some of its inputs ever vary. The local learning
coefficient is half the number of parameters that matter, whatever the number there is. Sampled a
little away from the minimum, or with too weak a pull, it is another number altogether; the estimate
comes with what shows that.
"""

import warnings

import matplotlib.pyplot as plt
import torch

from sklearn_learnability.displays import LLCTraceDisplay
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.torch import LocalLearningCoefficient, half_squared_error

N, D = 2000, 20
torch.manual_seed(0)


def at_the_minimum(n_alive):
    """Return a linear model at the minimum of data in which only some inputs vary."""
    X = torch.randn(N, D) * (torch.arange(D) < n_alive)
    y = X.sum(1, keepdim=True) + torch.randn(N, 1)
    model = torch.nn.Linear(D, 1, bias=False)
    model.weight.data = torch.linalg.pinv(X).matmul(y).T.contiguous()
    return model, (X, y)


settings = {"sampler": "leimkuhler-matthews", "random_state": 0, "progress": False}
llc = LocalLearningCoefficient(half_squared_error, n_draws=900, **settings)
alive = [2, 8, 14, 20]
found = [llc.estimate(*at_the_minimum(n)) for n in alive]
for n, estimate in zip(alive, found, strict=True):
    print(f"{n:2d} of {D} matter: {estimate.value:.2f} ± {estimate.standard_error:.2f}")
print(found[1].summary())

# %%
# Inverse temperature, pull and step were chosen from the data, and the reasons are told. Now the
# same model a little away from its minimum: the chains find lower losses than that of w*, and the
# value falls. The gradient at w* tells so, and by how much.

model, data = at_the_minimum(8)
model.weight.data[:, :8] += 0.05
with warnings.catch_warnings():
    warnings.simplefilter("ignore", LearnabilityWarning)
    away = llc.estimate(model, data)
    far = LocalLearningCoefficient(
        half_squared_error, inverse_temperature=1.0, localization=0.5, n_draws=900, **settings
    ).estimate(*at_the_minimum(8))
for name, estimate in (("away from the minimum", away), ("too weak a pull", far)):
    print(f"{name}: {estimate.value:.2f}. {' '.join(map(str, estimate.flags))}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.plot([0, D], [0, D / 2], color="#222222", linewidth=1)
left.annotate("half of them", (13, 6.5), xytext=(8, -12), textcoords="offset points")
left.errorbar(
    alive,
    [estimate.value for estimate in found],
    [2 * estimate.standard_error for estimate in found],
    fmt="o",
    color="#0072B2",
    capsize=3,
)
left.plot([8], [away.value], "x", color="#D55E00", markersize=8)
left.annotate(
    "not at the minimum",
    (8, away.value),
    xytext=(8, -4),
    textcoords="offset points",
    color="#D55E00",
)
left.set_xlabel("parameters that matter, of 20")
left.set_ylabel("local learning coefficient")
left.spines[["top", "right"]].set_visible(False)
_ = LLCTraceDisplay.from_estimate(found[1], ax=right)

# %%
# **What to do with it.** Read ``summary()`` before the value. A flag names what is wrong: a slope
# at w*, chains that left its neighbourhood or disagree, a pull that decides the value.
