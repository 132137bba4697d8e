"""Tables in which it is known whether some columns say more of the labels than the others do.

A case is a function of rows and a RandomState; it returns a frame, labels, groups or None, and a
cv. The columns to test begin with "g".
"""

import numpy as np
import pandas as pd
from scipy.special import expit, xlogy
from sklearn.model_selection import TimeSeriesSplit


def draw(score, rng):
    """Return labels of log-odds."""
    return (rng.uniform(size=len(score)) < expit(score)).astype(int)


def table(x, **others):
    """Return a frame of columns x0, x1, ... and others."""
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])])
    return frame.assign(**others)


def linear(x):
    return x[:, 0] + x[:, 1]


def wave(x):
    return 2 * np.sin(2 * x[:, 0]) + x[:, 1]


def product(x):
    return 1.5 * x[:, 0] * x[:, 1] + x[:, 2]


def step(x):
    return 2 * np.sign(np.abs(x[:, 0]) - 0.7) + x[:, 1]


def plain(n, rng, score, *, group, shift=0.0):
    """Five Gaussian columns, labels by their score, and a group that is drawn from them alone."""
    x = rng.standard_normal((n, 5))
    y = draw(score(x) + shift, rng)
    return table(x, **group(x, rng)), y, None, 5


def noise_columns(x, rng):
    return {f"g{j}": rng.standard_normal(len(x)) for j in range(3)}


def many_levels(x, rng):
    return {"g": rng.randint(50, size=len(x)).astype(str)}


def clustered(n, rng):
    """Forty clusters with intercepts and slopes of their own; the group is constant in each."""
    cluster = np.arange(n) % 40
    x = rng.standard_normal((n, 5))
    score = x[:, 0] + 1.5 * rng.standard_normal(40)[cluster]
    return table(x, g=rng.standard_normal(40)[cluster]), draw(score, rng), cluster, 5


def in_time(n, rng):
    """Two walks that fall back, drawn apart: labels follow the one, the group is the other."""
    steps = rng.standard_normal((2, n))
    for walk in steps:
        for i in range(1, n):
            walk[i] += 0.8 * walk[i - 1]
    x = rng.standard_normal((n, 5))
    score = x[:, 0] + steps[0] / 3
    return table(x, g=steps[1]), draw(score, rng), None, TimeSeriesSplit(5)


#: The group says nothing of the labels that the other columns do not.
NULLS = {
    "noise, 3 columns": lambda n, rng: plain(n, rng, linear, group=noise_columns),
    "50 categories": lambda n, rng: plain(n, rng, linear, group=many_levels),
    "60 rows": lambda n, rng: plain(60, rng, linear, group=noise_columns),
    "7 % of a class": lambda n, rng: plain(n, rng, linear, group=noise_columns, shift=-3.3),
    "clusters": clustered,
    "rows in time": in_time,
    "copy": lambda n, rng: plain(n, rng, linear, group=lambda x, rng: {"g": x[:, 0]}),
    "noisy copy": lambda n, rng: plain(
        n, rng, wave, group=lambda x, rng: {"g": x[:, 0] + 0.3 * rng.standard_normal(len(x))}
    ),
    "sine": lambda n, rng: plain(n, rng, wave, group=lambda x, rng: {"g": np.sin(2 * x[:, 0])}),
    "noisy sine": lambda n, rng: plain(
        n,
        rng,
        wave,
        group=lambda x, rng: {"g": np.sin(2 * x[:, 0]) + 0.3 * rng.standard_normal(len(x))},
    ),
    "product": lambda n, rng: plain(n, rng, product, group=lambda x, rng: {"g": x[:, 0] * x[:, 1]}),
    "bins": lambda n, rng: plain(
        n,
        rng,
        step,
        group=lambda x, rng: {"g": np.digitize(x[:, 0], np.linspace(-1.4, 1.4, 9)).astype(str)},
    ),
}


def alternative(n, rng, strength):
    """Return a case whose group enters the log-odds, correlated .5 with another column."""
    x = rng.standard_normal((n, 5))
    g = 0.5 * x[:, 0] + np.sqrt(0.75) * rng.standard_normal(n)
    return table(x, g=g), draw(linear(x) + strength * g, rng), None, 5


def alternative_truth(strength, n=400_000):
    """Return L(all) - L(without the group) of an alternative, by its law."""
    rng = np.random.RandomState(0)
    x = rng.standard_normal((n, 5))
    g = 0.5 * x[:, 0] + np.sqrt(0.75) * rng.standard_normal(n)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    inner = (linear(x) + 0.5 * strength * x[:, 0])[:, None] + strength * np.sqrt(0.75) * nodes
    without = expit(inner) @ (weights / weights.sum())
    everything = expit(linear(x) + strength * g)
    return float((entropy(without) - entropy(everything)).mean() / np.log(2))


def entropy(p):
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)
