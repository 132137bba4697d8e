"""Sets of the coverage benchmark: data with a known truth, and what one set of it gives."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import entr, expit
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import (
    ClassificationTruth,
    make_learnability_classification,
    make_network_classification,
)

N_FEATURES = 10
#: Hermite points for the effect of a group.
N_POINTS = 101
#: Rows a group, and the standard deviation of a group's effect on the log-odds.
GROUP_SIZE, GROUP_EFFECT = 20, 0.7

#: Cheap candidates of different kinds, so that a thousand sets take minutes.
CANDIDATES = [
    ("prior", DummyClassifier()),
    ("logistic", LogisticRegression()),
    ("bayes", GaussianNB()),
    ("tree", DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=10, random_state=0)),
]
#: Models whose efficiency is asked for, and the columns they see: one shrinks, one is half blind.
MODELS = {
    "shrunken": (LogisticRegression(C=0.01), slice(None)),
    "half": (LogisticRegression(), slice(None, None, 2)),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupTruth(ClassificationTruth):
    r"""Truth of two classes whose log-odds, and whose features, share an effect of the group.

    .. math:: P(Y = 1 \mid x, g) = \sigma(\beta \textstyle\sum_{j \le 3} x_j + b_g), \qquad
              b_g \sim N(0, s^2)

    Half of the variance of every feature is the group's as well. Fresh rows are of new groups, so
    that the posterior is the mean over b.
    """

    strength: float

    def sample_features(self, n_samples, rng):
        """Draw rows of standard Gaussian features; GROUP_SIZE in turn share a group."""
        group = np.arange(n_samples) // GROUP_SIZE
        shared = rng.standard_normal((group[-1] + 1, N_FEATURES))[group]
        return np.sqrt(0.5) * (shared + rng.standard_normal((n_samples, N_FEATURES)))

    def predict_proba(self, X):
        """Return the posterior of rows of a new group."""
        positive = mean_over_effects(self.strength * np.asarray(X)[:, :3].sum(axis=1))
        return np.column_stack([1 - positive, positive])

    def sample(self, n_samples, random_state=None):
        """Draw rows and labels; labels of one group share its effect."""
        rng = np.random.RandomState(random_state)
        X = self.sample_features(n_samples, rng)
        group = np.arange(n_samples) // GROUP_SIZE
        effect = GROUP_EFFECT * rng.standard_normal(group[-1] + 1)[group]
        odds = self.strength * X[:, :3].sum(axis=1) + effect
        return X, (rng.random_sample(n_samples) < expit(odds)).astype(int)


def gaussian_rule():
    """Return points and weights of the mean over a standard Gaussian."""
    points, weights = np.polynomial.hermite_e.hermegauss(N_POINTS)
    return points, weights / weights.sum()


def mean_over_effects(score):
    """Return the mean over the groups' effects of the probability of class 1."""
    points, weights = gaussian_rule()
    return expit(score[:, None] + GROUP_EFFECT * points) @ weights


def make_group_truth(learnability):
    """Return the truth of groups with a given learnability; the classes are balanced."""

    def entropy(strength):
        points, weights = gaussian_rule()
        positive = mean_over_effects(strength * np.sqrt(3) * points)
        return weights @ (entr(positive) + entr(1 - positive))

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        weak = 1 - entropy(middle) / np.log(2) < learnability
        low, high = (middle, high) if weak else (low, middle)
    return GroupTruth(
        class_frequencies=np.array([0.5, 0.5]),
        conditional_entropy_nats=entropy(low),
        strength=low,
    )


@cache
def truth_of(classes, learnability):
    """Return the truth of a cell: what does not depend on the number of rows."""
    options = {"learnability": learnability, "random_state": 0, "return_truth": True}
    if classes == "groups":
        return make_group_truth(learnability)
    if classes == "four":
        return make_network_classification(10, N_FEATURES, n_classes=4, **options)[2]
    rate = {"balanced": 0.5, "rare": 0.05}[classes]
    return make_learnability_classification(
        10, N_FEATURES, n_active=5, positive_rate=rate, **options
    )[2]


def simulate(classes, learnability, n_samples, seed):
    """Return labels, out-of-fold probabilities and their noise-free scores of one set."""
    truth = truth_of(classes, learnability)
    X, y = truth.sample(n_samples, seed)
    groups, splitter = None, StratifiedKFold(5, shuffle=True, random_state=seed)
    if classes == "groups":
        groups = np.arange(n_samples) // GROUP_SIZE
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    ceiling = GoldenModelCeiling(CANDIDATES, random_state=seed, units="nats")
    ceiling.fit(X, y, groups=groups)
    columns = ceiling.classes_
    probas = {name: np.empty((n_samples, len(columns))) for name in MODELS}
    for train, test in splitter.split(X, y, groups):
        for name, (model, seen) in MODELS.items():
            fitted = clone(model).fit(X[train, seen], y[train])
            probas[name][test] = fitted.predict_proba(X[test, seen])
    probas["ceiling"] = ceiling.oof_proba_
    return {
        "codes": np.searchsorted(columns, y),
        "probas": probas,
        "noise_free": {
            name: truth.learnability - truth.gap(proba, X, labels=columns)
            for name, proba in probas.items()
        },
    }
