"""Evidence of the shortfall that was tried and is not in the package: noise, and other learners."""

from dataclasses import replace

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_learnability._folds import make_folds
from sklearn_learnability._probabilities import log_of_probabilities
from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import nats_per_unit
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._evidence import mean_divergence, refitted_log_proba
from sklearn_learnability.ceilings._golden_candidates import numeric_table, ordinal_table
from sklearn_learnability.ceilings._out_of_fold import fit_candidate
from sklearn_learnability.ceilings._refit import data_of_fit
from sklearn_learnability.metrics._blending import cross_fit_pool

#: Share of the labels that are drawn anew, each class alike.
NOISE = 0.25


def tried_evidence(ceiling, X, y):
    """Return what noise in the labels does to a ceiling, and what other learners add to it.

    All in the last fold, as shares of H(Y).
    """
    data = data_of_fit(ceiling, X, y, None, None)
    rng = np.random.RandomState(ceiling._record.seed)
    return {"noise response": noise_response(ceiling, data, rng)} | added_by_other_learners(
        ceiling, data, rng
    )


def noise_response(ceiling, data, rng):
    """Return the divergence of the family refitted on noisy labels from what theory predicts."""
    train, test = ceiling._record.folds.splits[-1]
    n_classes = len(data.classes)
    is_noise = rng.random_sample(len(data.codes)) < NOISE
    codes = np.where(is_noise, rng.randint(n_classes, size=len(data.codes)), data.codes)
    found = refitted_log_proba(ceiling, replace(data, codes=codes), train, test, rng)
    theory = np.log((1 - NOISE) * ceiling.oof_proba_[test] + NOISE / n_classes)
    return mean_divergence(theory, found, np.ones(len(test))) / entropy_nats(ceiling)


def added_by_other_learners(ceiling, data, rng):
    """Return what each other learner adds to the pool, and what all add together."""
    train, test = ceiling._record.folds.splits[-1]
    codes, rows = data.codes[test], np.arange(len(test))
    tuning = make_folds(5, None, codes, random_state=rng).tuning_rows()

    def score(members):
        pooled = cross_fit_pool(
            codes, np.stack(members), np.ones(len(test)), tuning,
            calibration="affine", blend="log-linear",
        )[1]  # fmt: skip
        return float(pooled[rows, codes].mean()) / entropy_nats(ceiling)

    of_test = take_rows(data.X, test)
    family = [models[-1].log_proba(of_test) for models in ceiling.models_]
    posterior = replace(data, X=log_of_probabilities(ceiling.oof_proba_))
    others = {
        name: fit_candidate(
            model,
            posterior if name == "neighbours, of the posterior" else data,
            (train, test),
            0,
            gets_labels=False,
        ).log_proba
        for name, model in learners(Table.of(data.X, len(data.classes)), len(train)).items()
    }
    alone = score(family)
    added = {name: score([*family, member]) - alone for name, member in others.items()}
    return added | {"all other learners": score([*family, *others.values()]) - alone}


def learners(table, n_rows):
    """Return the learners by name, unfitted."""
    root = int(n_rows**0.5)
    kernel = Nystroem(n_components=min(300, n_rows // 3))
    network = MLPClassifier(
        (64, 32),
        alpha=0.01,
        batch_size=min(128, n_rows // 8),
        learning_rate_init=0.003,
        max_iter=60,
        early_stopping=True,
    )
    linear = LogisticRegression(C=0.01, max_iter=200)
    trees = ExtraTreesClassifier(100, min_samples_leaf=3, max_features=0.5)
    nothing = FunctionTransformer()
    return {
        "neighbours": make_pipeline(numeric_table(table), KNeighborsClassifier(max(10, root // 2))),
        "neighbours, of the posterior": make_pipeline(nothing, KNeighborsClassifier(root)),
        "kernel": make_pipeline(numeric_table(table), kernel, StandardScaler(), linear),
        "extra trees": make_pipeline(ordinal_table(table), trees),
        "network": make_pipeline(numeric_table(table), network),
    }


def entropy_nats(ceiling):
    return ceiling.label_entropy_ * nats_per_unit(ceiling.units_)
