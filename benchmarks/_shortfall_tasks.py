"""Tasks of the shortfall benchmark: eight kinds of truth, each drawn anew by its seed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import entr, softmax

from sklearn_learnability.datasets import (
    ClassificationTruth,
    load_berkeley,
    load_military,
    load_titanic,
    make_drifting_classification,
    make_hidden_markov_chain,
    make_interaction_classification,
    make_learnability_classification,
    make_markov_chain,
    make_mixture_classification,
    make_network_classification,
    make_parity_classification,
    make_segmented_classification,
)

#: Rows that the strength of a truth is solved on, and those that its entropies are averaged over.
ROWS_TO_SOLVE, ROWS_TO_AVERAGE = 4_000, 60_000


@dataclass(frozen=True, eq=False, kw_only=True)
class DrawnTruth(ClassificationTruth):
    """Truth of features drawn by one function, and labels drawn from the posterior of another."""

    draw: Callable
    posterior: Callable

    def sample_features(self, n_samples, rng):
        """Draw rows."""
        return self.draw(n_samples, rng)

    def predict_proba(self, X):
        """Return the exact posterior."""
        return self.posterior(X)


def with_noise(truth, n_noise):
    """Return a truth with columns of noise behind those that tell something."""
    if not n_noise:
        return truth

    def draw(n, rng):
        return np.column_stack([truth.sample_features(n, rng), rng.standard_normal((n, n_noise))])

    return DrawnTruth(
        class_frequencies=truth.class_frequencies,
        conditional_entropy_nats=truth.conditional_entropy_nats,
        draw=draw,
        posterior=lambda X: truth.predict_proba(np.asarray(X)[:, :-n_noise]),
    )


def frequencies(n_classes, rng):
    """Return class frequencies: equal ones, unequal ones, or one or two common classes."""
    kind = rng.choice(["equal", "unequal", "rare"], p=[0.5, 0.3, 0.2])
    if kind == "equal":
        return np.full(n_classes, 1 / n_classes)
    share = rng.dirichlet(np.full(n_classes, 4.0 if kind == "unequal" else 0.7)) + 0.02
    return share / share.sum()


def wanted_learnability(rng):
    """Return a learnability from .01 to .85."""
    return float(rng.uniform(0.01, 0.08) if rng.random() < 0.15 else rng.uniform(0.08, 0.85))


def truth_of_logits(draw, logits, rng):
    """Return the truth softmax(b + s f(x)), with s and b solved for a learnability and classes."""
    f = logits(draw(ROWS_TO_SOLVE, np.random.RandomState(rng.integers(2**31))))
    centre, scale = f.mean(axis=0), f.std()
    wanted, classes = wanted_learnability(rng), frequencies(f.shape[1], rng)
    standard = (f - centre) / scale

    low, high, b = 0.02, 60.0, np.log(classes)
    for _ in range(16):
        strength = np.sqrt(low * high)
        for _ in range(6):  # towards the intercepts of the wanted classes
            proba = softmax(b + strength * standard, axis=1)
            b = b + np.log(classes) - np.log(proba.mean(axis=0))
        proba = softmax(b + strength * standard, axis=1)
        found = 1 - entr(proba).sum(axis=1).mean() / entr(proba.mean(axis=0)).sum()
        low, high = (strength, high) if found < wanted else (low, strength)

    def posterior(X):
        return softmax(b + strength * (logits(X) - centre) / scale, axis=1)

    proba = posterior(draw(ROWS_TO_AVERAGE, np.random.RandomState(rng.integers(2**31))))
    return DrawnTruth(
        class_frequencies=proba.mean(axis=0),
        conditional_entropy_nats=float(entr(proba).sum(axis=1).mean()),
        draw=draw,
        posterior=posterior,
    )


def gaussian_rows(n_features):
    return lambda n, rng: rng.standard_normal((n, n_features))


def n_classes_of(rng):
    return int(rng.choice([2, 3, 4, 5, 8], p=[0.5, 0.15, 0.15, 0.1, 0.1]))


def of_package(generator, rng, **parameters):
    """Return the truth of a generator of the package at a drawn seed and learnability."""
    seed = int(rng.integers(2**31))
    for wanted in (wanted_learnability(rng), 0.3, 0.1):
        try:
            options = {} if "learnabilities" in parameters else {"learnability": wanted}
            return generator(
                n_samples=10, random_state=seed, return_truth=True, **parameters, **options
            )[2]
        except ValueError:
            continue
    raise ValueError(f"Expected a learnability within reach of {generator.__name__}, got none.")


def linear(rng):
    d = int(rng.integers(4, 30))
    rate = float(rng.choice([0.5, 0.3, 0.1, 0.03, 0.015]))
    if rng.random() < 0.3:  # several classes
        weights = rng.standard_normal((d, n_classes_of(rng) + 1))
        return truth_of_logits(gaussian_rows(d), lambda X: X @ weights, rng)
    return of_package(
        make_learnability_classification,
        rng,
        n_features=d,
        n_active=int(rng.integers(1, d + 1)),
        structure=str(rng.choice(["heavy-tailed", "bounded", "low-variance"])),
        link=str(rng.choice(["logistic", "probit"])),
        label_noise=float(rng.choice([0.0, 0.05])) if rate == 0.5 else 0.0,
        positive_rate=rate,
    )


def interactions(rng):
    if rng.random() < 0.4:
        d = int(rng.integers(5, 30))
        return of_package(
            make_interaction_classification,
            rng,
            n_features=d,
            n_blocks=int(rng.integers(1, max(2, min(4, d // 5) + 1))),
            positive_rate=float(rng.choice([0.5, 0.2, 0.05])),
        )
    d, k = int(rng.integers(6, 20)), n_classes_of(rng)
    sines, products, corners = (
        int(rng.integers(0, 6)),
        int(rng.integers(1, 5)),
        int(rng.integers(0, 5)),
    )
    where = [rng.integers(d, size=(m, 2)) for m in (sines, products, corners)]
    pace = rng.uniform(1.0, 3.5, sines)
    weights = rng.standard_normal((sines + products + corners, k))

    def logits(X):
        parts = [
            np.sin(X[:, where[0][:, 0]] * pace),
            X[:, where[1][:, 0]] * X[:, where[1][:, 1]],
            np.abs(X[:, where[2][:, 0]] - 0.5 * X[:, where[2][:, 1]]),
        ]
        return np.column_stack(parts) @ weights

    return truth_of_logits(gaussian_rows(d), logits, rng)


def networks(rng):
    d = int(rng.integers(4, 20))
    if rng.random() < 0.35:
        return of_package(
            make_network_classification,
            rng,
            n_features=d,
            n_classes=n_classes_of(rng),
            n_hidden=int(rng.integers(4, 48)),
        )
    widths = [d, *(int(rng.integers(6, 40)) for _ in range(rng.integers(1, 3))), n_classes_of(rng)]
    gain = rng.uniform(0.8, 2.0)
    layers = [
        (gain * rng.standard_normal((a, b)) / np.sqrt(a), 0.5 * rng.standard_normal(b))
        for a, b in pairwise(widths)
    ]

    def logits(X):
        for weights, bias in layers[:-1]:
            X = np.tanh(X @ weights + bias)
        return X @ layers[-1][0]

    return truth_of_logits(gaussian_rows(d), logits, rng)


def mixtures(rng):
    return of_package(
        make_mixture_classification,
        rng,
        n_features=int(rng.integers(2, 20)),
        n_classes=n_classes_of(rng),
        n_clusters=int(rng.integers(1, 7)),
    )


def trees(rng):
    d, k, depth = int(rng.integers(4, 20)), n_classes_of(rng), int(rng.integers(2, 6))
    n_trees = int(rng.choice([1, 3, 10, 30]))
    column = rng.integers(d, size=(n_trees, depth, 2**depth))
    place = 0.8 * rng.standard_normal((n_trees, depth, 2**depth))
    leaf = rng.standard_normal((n_trees, 2**depth, k))

    def logits(X):
        total, rows = np.zeros((len(X), k)), np.arange(len(X))
        for tree in range(n_trees):
            node = np.zeros(len(X), dtype=int)
            for level in range(depth):
                passed = X[rows, column[tree, level, node]] > place[tree, level, node]
                node = 2 * node + passed
                node %= 2**depth
            total += leaf[tree, node]
        return total

    return truth_of_logits(gaussian_rows(d), logits, rng)


def symbols(truth):
    """Return the truth of symbols given as strings, the windows of rows drawn apart."""
    return DrawnTruth(
        class_frequencies=truth.class_frequencies,
        conditional_entropy_nats=truth.conditional_entropy_nats,
        draw=lambda n, rng: pd.DataFrame(truth.sample_features(n, rng)).astype(str),
        posterior=lambda X: truth.predict_proba(np.asarray(X).astype(int)),
    )


def categories(rng):
    kind = rng.choice(["drawn", "cells", "markov", "hidden"], p=[0.64, 0.16, 0.1, 0.1])
    seed = int(rng.integers(2**31))
    if kind == "cells":
        load = [load_berkeley, load_titanic, load_military][rng.integers(3)]
        return load(10, random_state=seed, return_truth=True)[2]
    if kind != "drawn":
        make = make_markov_chain if kind == "markov" else make_hidden_markov_chain
        return symbols(of_package(make, rng))
    n_columns, n_numbers, k = int(rng.integers(2, 7)), int(rng.integers(0, 5)), n_classes_of(rng)
    levels = rng.choice([2, 3, 5, 8, 12, 20, 50, 120], size=n_columns)
    shares = [rng.dirichlet(np.full(m, 1.5)) for m in levels]
    main = [rng.uniform(0, 1) * rng.standard_normal((m, k)) for m in levels]
    a, b = rng.permutation(n_columns)[:2]
    pair = rng.uniform(0, 2) * rng.standard_normal((levels[a], levels[b], k))
    slope = rng.uniform(0, 1) * rng.standard_normal((levels[a], n_numbers, k))

    def draw(n, rng):
        codes = [rng.choice(len(share), size=n, p=share) for share in shares]
        table = {f"c{j}": [f"v{v}" for v in code] for j, code in enumerate(codes)}
        return pd.DataFrame(table | {f"n{j}": rng.standard_normal(n) for j in range(n_numbers)})

    def logits(X):
        codes = [X[f"c{j}"].str[1:].astype(int).to_numpy() for j in range(n_columns)]
        total = sum(effect[code] for effect, code in zip(main, codes, strict=True))
        total = total + pair[codes[a], codes[b]]
        numbers = X[[f"n{j}" for j in range(n_numbers)]].to_numpy(dtype=float)
        return total + np.einsum("nj,njk->nk", numbers, slope[codes[a]])

    return truth_of_logits(draw, logits, rng)


def shells(rng):
    d, k = int(rng.integers(2, 12)), n_classes_of(rng)
    active = rng.permutation(d)[: rng.integers(2, d + 1)]
    centres = rng.uniform(0, 1) * rng.standard_normal((int(rng.integers(1, 4)), len(active)))
    turns, phase = rng.uniform(0.5, 3.0, k), rng.uniform(0, 2 * np.pi, k)

    def logits(X):
        radius = np.stack(
            [np.sqrt(((X[:, active] - centre) ** 2).sum(axis=1)) for centre in centres]
        ).min(axis=0)
        return np.sin(radius[:, None] * turns + phase)

    return truth_of_logits(gaussian_rows(d), logits, rng)


def regimes(rng):
    kind = rng.choice(["segments", "drift", "parity"])
    if kind == "segments":
        shares = tuple(rng.uniform(0.02, 0.8, rng.integers(2, 8)))
        d = int(rng.integers(4, 20))
        return of_package(
            make_segmented_classification,
            rng,
            n_features=d,
            learnabilities=shares,
            n_active=int(rng.integers(1, d)),
        )
    if kind == "drift":
        return of_package(
            make_drifting_classification,
            rng,
            n_features=int(rng.integers(3, 15)),
            turns=float(rng.uniform(0.1, 1.5)),
            swing=float(rng.uniform(0, 0.9)),
        )
    return of_package(
        make_parity_classification,
        rng,
        n_features=int(rng.integers(3, 10)),
        order=int(rng.choice([2, 3, 4], p=[0.5, 0.3, 0.2])),
    )


FAMILIES = {
    make.__name__: make
    for make in (
        linear,
        interactions,
        networks,
        mixtures,
        trees,
        categories,
        shells,
        regimes,
    )
}


def make_task(family, n_samples, seed):
    """Return rows, labels and truth of one task."""
    rng = np.random.default_rng([list(FAMILIES).index(family), seed])
    truth = FAMILIES[family](rng)
    if family != "categories" and family != "regimes":
        truth = with_noise(truth, int(rng.choice([0, 0, 0, 3, 10, 25])))
    X, y = truth.sample(n_samples, np.random.RandomState(rng.integers(2**31)))
    return X, y, truth
