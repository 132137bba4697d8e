"""Classification tasks that are hard to learn in full, with exact posteriors.

A family is a function of a generator of random numbers. It returns
`draw(strength, n_samples, rng)`, which gives inputs X and probabilities (n_samples, n_classes); a
greater strength makes the labels more certain. No family is one that a candidate of the ceiling
holds, but for "rare", which is linear.
"""

from functools import partial

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import entr, expit, rel_entr, softmax
from scipy.stats import norm

N_SOLVING = 50_000


def sums(rng):
    """Sines, products and absolute values of 20 normal columns, of which 15 matter."""
    order = rng.permutation(20)
    pitch = rng.uniform(1.5, 3, 5)
    signs = rng.choice([-1, 1], 12) * rng.uniform(0.6, 1.3, 12)

    def draw(strength, n_samples, rng):
        X = rng.standard_normal((n_samples, 20))
        Z = X[:, order]
        terms = [
            np.sin(pitch * Z[:, :5]),
            Z[:, 5:11:2] * Z[:, 6:11:2],
            np.abs(Z[:, 11:15]) - np.sqrt(2 / np.pi),
        ]
        return X, two_classes(strength * np.hstack(terms) @ signs)

    return draw


def mixture(rng):
    """Two classes of four normal clusters each, in ten columns; the strength sets them apart."""
    centre = rng.standard_normal((8, 10))
    spread = rng.uniform(0.6, 1.4, (8, 10))
    share = rng.dirichlet(np.full(8, 6.0))

    def draw(strength, n_samples, rng):
        cluster = rng.choice(8, n_samples, p=share)
        X = strength * centre[cluster] + spread[cluster] * rng.standard_normal((n_samples, 10))
        density = norm.logpdf(X[:, None], strength * centre, spread).sum(axis=2)
        of_cluster = softmax(density + np.log(share), axis=1)
        return X, of_cluster.reshape(n_samples, 2, 4).sum(axis=2)

    return draw


def network(rng):
    """Five classes scored by a random network of 24 tanh units on 15 normal columns."""
    inner = 1.3 * rng.standard_normal((15, 24)) / np.sqrt(15)
    bias = 0.5 * rng.standard_normal(24)
    outer = rng.standard_normal((24, 5))

    def draw(strength, n_samples, rng):
        X = rng.standard_normal((n_samples, 15))
        scores = np.tanh(X @ inner + bias) @ outer
        return X, softmax(strength * (scores - np.tanh(bias) @ outer), axis=1)

    return draw


def categories(rng):
    """Six categorical columns of 5 to 200 levels, two of which interact, and four numbers."""
    levels = (5, 12, 20, 50, 100, 200)
    shares = [rng.dirichlet(np.full(k, 1.5)) for k in levels]
    sizes = (0.4, 0.3, 0.3, 0.8, 0.8, 0.8)
    effects = [s * rng.standard_normal(k) for k, s in zip(levels, sizes, strict=True)]
    pair = 1.5 * rng.standard_normal((12, 20))
    slope = rng.standard_normal(5)
    linear = 0.4 * rng.standard_normal(4)

    def draw(strength, n_samples, rng):
        codes = [rng.choice(len(share), n_samples, p=share) for share in shares]
        numbers = rng.standard_normal((n_samples, 4))
        score = sum(effect[code] for effect, code in zip(effects, codes, strict=True))
        score += pair[codes[1], codes[2]] + slope[codes[0]] * numbers[:, 0]
        score += numbers @ linear + 0.7 * np.sin(2 * numbers[:, 1])
        X = pd.DataFrame(numbers).add_prefix("number ")
        for i, code in enumerate(codes):
            X[f"category {i}"] = pd.Categorical(code.astype(str))
        return X, two_classes(strength * score)

    return draw


def rare(rng):
    """One per cent positives, linear in 20 normal columns."""
    direction = rng.standard_normal(20)
    direction /= np.linalg.norm(direction)
    grid = norm.ppf((np.arange(2000) + 0.5) / 2000)

    def draw(strength, n_samples, rng):
        intercept = brentq(lambda b: expit(strength * grid + b).mean() - 0.01, -9 - 4 * strength, 0)
        X = rng.standard_normal((n_samples, 20))
        return X, two_classes(strength * X @ direction + intercept)

    return draw


def forest(rng):
    """Three classes scored by 40 random trees of depth 4, along the axes of 12 uniform columns."""
    tree = np.arange(40)
    column = rng.integers(12, size=(40, 15))
    threshold = rng.uniform(0.2, 0.8, (40, 15))
    score = rng.standard_normal((40, 16, 3))

    def draw(strength, n_samples, rng):
        X = rng.random((n_samples, 12))
        node = np.zeros((n_samples, 40), dtype=int)
        for _ in range(4):
            value = np.take_along_axis(X, column[tree, node], axis=1)
            node = 2 * node + 1 + (value > threshold[tree, node])
        return X, softmax(strength * score[tree, node - 15].mean(axis=1), axis=1)

    return draw


def shells(rng):
    """Concentric shells about a random centre, in five of eight normal columns."""
    centre = rng.normal(0, 0.5, 5)
    pitch, phase = rng.uniform(2.5, 3.5), rng.uniform(0, 2 * np.pi)

    def draw(strength, n_samples, rng):
        X = rng.standard_normal((n_samples, 8))
        radius = np.linalg.norm(X[:, :5] - centre, axis=1)
        return X, two_classes(strength * np.sin(pitch * radius + phase))

    return draw


#: A family and the learnability to give it. The last two were drawn when the code was settled.
FAMILIES = {
    "sums": (sums, 0.39),
    "mixture": (mixture, 0.58),
    "network": (network, 0.57),
    "categories": (categories, 0.30),
    "rare": (rare, 0.29),
    "forest": (forest, 0.40),
    "shells": (shells, 0.40),
}
UNSEEN = ("forest", "shells")


class HardTask:
    """One random member of a family, at its learnability.

    Attributes
    ----------
    draw : callable of (n_samples, rng)
        Returns X and probabilities.
    learnability, label_entropy : float
        Truth of the population, in nats, over 50,000 rows.
    """

    def __init__(self, name, seed):
        family, target = FAMILIES[name]
        rng = np.random.default_rng([seed, *map(ord, name)])
        draw = family(rng)
        solving = int(rng.integers(2**32))

        def truth(strength):
            _, proba = draw(strength, N_SOLVING, np.random.default_rng(solving))
            entropy = entr(proba.mean(axis=0)).sum()
            return 1 - entr(proba).sum(axis=1).mean() / entropy, entropy

        strength = brentq(lambda s: truth(s)[0] - target, 0.01, 50, xtol=1e-4)
        self.draw = partial(draw, strength)
        self.learnability, self.label_entropy = truth(strength)

    def gap(self, proba, predicted):
        """Return E_x KL(p* || q) / H(Y) of predicted probabilities."""
        return rel_entr(proba, predicted).sum(axis=1).mean() / self.label_entropy


def two_classes(logit):
    """Return the probabilities of both classes."""
    return np.column_stack([expit(-logit), expit(logit)])


def draw_labels(proba, rng):
    """Return a label a row."""
    beyond = proba.cumsum(axis=1) < rng.random(len(proba))[:, None]
    return np.minimum(beyond.sum(axis=1), proba.shape[1] - 1)
