"""Tables of known truth for the findings of a report, and what is true of each."""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import learnability_suite, load_military
from sklearn_learnability.metrics import fit_calibrator

N_SAMPLES, FACTOR = 1500, 10
#: Seeds apart from those that any rule was fitted on.
FIRST_SEED = 700_000
#: Rarer classes have no row in some fold; windows of a series are no rows in any order.
LEFT_OUT = ("one-in-a-hundred", "one-in-a-thousand", "markov-order-three", "hidden-markov", "drift")
SUITE = {
    one.name: one
    for one in learnability_suite()
    if one.target == "classes" and one.name not in LEFT_OUT
}
#: Of these, the tables that are changed in one way each.
SOME = ("linear-low", "linear-medium", "linear-high", "interactions-medium", "mixture-two-classes")
COPIED = 0.05


def models(seed):
    """Return the classifiers that are assessed, by name."""
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "naive Bayes": GaussianNB(),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=seed),
    }


def cells(n_seeds):
    """Return the tables: the suite, and others that are made of it in one way each."""
    plain = [("as it is", name) for name in SUITE]
    changed = [
        (change, name)
        for change in ("labels drawn apart", "copies of rows", "rows with a time")
        for name in SOME
    ]
    cases = [*plain, *changed, ("counted cells", "military")]
    several = [("a law that turns", "turning")] * len(SOME)
    return [
        {"change": change, "table": table, "seed": FIRST_SEED + 100 * number + seed}
        for seed in range(n_seeds)
        for number, (change, table) in enumerate([*cases, *several])
    ]


class Turning:
    """A linear law that turns by a quarter of a circle over the rows."""

    def __init__(self, n):
        turn = np.linspace(0, np.pi / 2, n)
        self.directions = 3 * np.column_stack([np.cos(turn), np.sin(turn)])

    def sample(self, rng):
        """Return inputs and labels."""
        X = rng.standard_normal((len(self.directions), 2))
        return X, (rng.uniform(size=len(X)) < expit((X * self.directions).sum(1))).astype(int)


def draw(change, table, seed, n=N_SAMPLES):
    """Return inputs, labels, the time of rows or None, and the truth or None."""
    rng = np.random.RandomState(seed)
    if change == "a law that turns":
        return *Turning(n).sample(rng), np.arange(n), None
    if change == "counted cells":
        X, y, truth = load_military(n, target="branch", random_state=seed, return_truth=True)
        return X, y.to_numpy(), None, truth
    X, y, truth = SUITE[table].make(n, random_state=seed)
    time = np.arange(n) if change == "rows with a time" else None
    if change == "labels drawn apart":
        return X, rng.permutation(y), time, None
    if change == "copies of rows":
        copies = rng.choice(n, int(COPIED * n), replace=False)
        X, y = np.concatenate([X, X[copies]]), np.concatenate([y, y[copies]])
    return X, y, time, truth


def predictions(X, y, time, seed):
    """Return held-out probabilities of every classifier."""
    folds = StratifiedKFold(5, shuffle=True, random_state=seed) if time is None else KFold(5)
    numbers = pd.get_dummies(pd.DataFrame(X), dtype=float).to_numpy()
    return {
        name: cross_val_predict(model, numbers, y, cv=folds, method="predict_proba")
        for name, model in models(seed).items()
    }


def calibration_loss(truth, X, proba):
    """Return what the best affine map takes off the loss, as a share of H(Y), without noise."""
    true = truth.predict_proba(X)
    n, k = true.shape
    repeated = np.repeat(proba, k, axis=0)
    labels = np.tile(truth.classes, n)
    weights = true.ravel()
    kept = weights > 0
    fitted = fit_calibrator(
        labels[kept], repeated[kept], sample_weight=weights[kept], labels=truth.classes
    )
    before = truth.gap(proba, X, labels=truth.classes)
    return before - truth.gap(fitted.predict_proba(proba), X, labels=truth.classes)


def gap_of_ceiling(table, n, n_folds, seed):
    """Return how far a ceiling fitted on so many rows stays below the learnability."""
    X, y, truth = SUITE[table].make(n, random_state=seed)
    found = GoldenModelCeiling("fast", cv=n_folds, random_state=seed).fit(X, y)
    return truth.gap(found.oof_proba_, X, labels=found.classes_)
