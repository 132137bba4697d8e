"""Columns of many levels: nothing is learned across folds, of new levels or of ids."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._golden_candidates import FAMILY, named_candidate
from sklearn_learnability.ceilings._out_of_fold import TrainingData, fit_candidate
from sklearn_learnability.datasets import make_identifier_classification

INSTALLED = [name for name, (_, needs) in FAMILY.items() if all(map(find_spec, needs))]
#: Those that take longest say nothing that the network and CatBoost do not.
QUICK = [name for name in INSTALLED if name != "large_network"]


def table(n_rows, seed=0):
    X, y, truth = make_identifier_classification(
        n_rows, n_levels=(300, 200, 8), learnability=0.4, random_state=seed, return_truth=True
    )
    frame = pd.DataFrame({name: X[name].astype(object) for name in X if name.startswith("id")})
    return frame.assign(number=X["number_0"]), y, truth


def predictions(name, X, y, train, test):
    candidate = named_candidate(name, Table.of(X, 2))
    data = TrainingData(X, y, np.array([0, 1]), None)
    return fit_candidate(candidate, data, (train, test), 0, gets_labels=False).log_proba


@pytest.mark.parametrize("name", QUICK)
def test_labels_of_the_test_fold_move_nothing(name):
    X, y, _ = table(500)
    train, test = np.arange(400), np.arange(400, 500)
    expected = predictions(name, X, y, train, test)
    changed = y.copy()
    changed[test] = np.random.default_rng(0).integers(2, size=100)
    changed[test[::2]] = 1 - y[test[::2]]
    np.testing.assert_array_equal(predictions(name, X, changed, train, test), expected)


@pytest.mark.parametrize("name", QUICK)
def test_levels_that_are_new_or_missing_are_predicted(name):
    X, y, _ = table(400)
    test = np.arange(380, 400)
    X.loc[test[:5], "id_0"] = "never seen"
    X.loc[test[5:10], ["id_0", "id_1", "id_2"]] = ["never", "seen", "before"]
    X.loc[test[10:15], ["id_0", "number"]] = np.nan
    log_proba = predictions(name, X, y, np.arange(380), test)
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)


@pytest.mark.parametrize(
    "candidates",
    ["fast", *([["prior", "factorization_machine"]] if "network" in INSTALLED else [])],
)
def test_ids_of_one_row_each_say_nothing(candidates):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "id": [f"row {i}" for i in rng.permutation(1500)],
            "user": [f"user {i}" for i in rng.integers(500, size=1500)],
        }
    )
    ceiling = GoldenModelCeiling(candidates, random_state=0).fit(X, rng.random(1500) < 0.2)
    lower, upper = ceiling.learnability_interval_
    assert lower <= 0 <= upper
    assert ceiling.learnability_ < 0.005


@pytest.mark.slow
@pytest.mark.skipif("network" not in INSTALLED, reason="needs torch and skorch")
def test_a_factorization_machine_is_nearest_the_truth_of_two_identifiers():
    X, y, truth = make_identifier_classification(
        20_000, learnability=0.2, interaction=0.5, random_state=1, return_truth=True
    )
    family = ["prior", "logistic", "splines", "factorization_machine"]
    ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
    loss = ceiling.candidates_.set_index("candidate")["calibrated_nll"]
    assert loss.idxmin() == "factorization_machine"
    without = GoldenModelCeiling(family[:-1], random_state=0).fit(X, y)
    gaps = [truth.gap(found.oof_proba_, X) for found in (ceiling, without)]
    assert 0 < gaps[0] < gaps[1] - 0.01
