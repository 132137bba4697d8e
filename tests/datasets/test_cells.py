import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from sklearn_learnability.datasets import load_berkeley, load_military, load_titanic
from sklearn_learnability.datasets._cell_truth import CellTruth

LOADERS = [
    pytest.param(load_military, {"target": target}, id=target)
    for target in ("grade", "branch", "rank")
] + [pytest.param(load_titanic, {}, id="titanic"), pytest.param(load_berkeley, {}, id="berkeley")]


def entropy(counts):
    share = np.asarray(counts, dtype=np.float64).ravel()
    share = share[share > 0] / share.sum()
    return -share @ np.log2(share)


@pytest.mark.parametrize(
    ("target", "label_entropy", "learnability"),
    [("grade", 0.7090, 0.17332), ("branch", 1.9091, 0.07180), ("rank", 2.7578, 0.05260)],
)
def test_learnability_of_the_armed_forces_is_the_counted_one(target, label_entropy, learnability):
    _, _, truth = load_military(1, target=target, random_state=0, return_truth=True)
    assert truth.counts.sum() == 1_414_593
    assert truth.label_entropy() == pytest.approx(label_entropy, abs=5e-5)
    assert truth.learnability == pytest.approx(learnability, abs=5e-6)


def test_marginal_counts_are_the_published_ones():
    _, _, titanic = load_titanic(1, return_truth=True)
    assert dict(zip(titanic.classes, titanic.counts.sum(axis=0), strict=True)) == {
        "no": 1490,
        "yes": 711,
    }
    _, _, berkeley = load_berkeley(1, return_truth=True)
    by_gender = berkeley.counts[:, 1].astype(float)
    women = (berkeley.cells["gender"] == "female").to_numpy()
    assert (by_gender[women].sum(), berkeley.counts[women].sum()) == (557, 1835)
    assert (by_gender[~women].sum(), berkeley.counts[~women].sum()) == (1198, 2691)


@pytest.mark.parametrize(("load", "options"), LOADERS)
def test_chain_rule_holds_for_the_counts(load, options):
    _, _, truth = load(1, random_state=0, return_truth=True, **options)
    joint, inputs = entropy(truth.counts), entropy(truth.counts.sum(axis=1))
    assert truth.conditional_entropy() == pytest.approx(joint - inputs, abs=1e-12)
    assert truth.label_entropy() == pytest.approx(entropy(truth.counts.sum(axis=0)), abs=1e-12)


@pytest.mark.parametrize(("load", "options"), LOADERS)
def test_rows_are_drawn_in_proportion_to_the_counts(load, options):
    X, y, truth = load(20_000, random_state=1, return_truth=True, **options)
    label = np.array([list(truth.classes).index(value) for value in y])
    assert chisquare(np.bincount(label), 20_000 * truth.class_frequencies).pvalue > 1e-4
    surprise = -np.log2(truth.predict_proba(X)[np.arange(len(y)), label])
    margin = 5 * surprise.std() / np.sqrt(len(y))
    assert surprise.mean() == pytest.approx(truth.conditional_entropy(), abs=margin)
    assert truth.gap(truth.predict_proba(X), X) == pytest.approx(0, abs=1e-12)


def test_posterior_is_a_ratio_of_counts_whatever_the_order_of_columns():
    _, _, truth = load_berkeley(1, return_truth=True)
    row = pd.DataFrame({"gender": ["female"], "department": ["A"], "else": [1]})
    assert truth.predict_proba(row)[0] == pytest.approx([19 / 108, 89 / 108])


def test_fresh_rows_have_the_labels_of_the_table():
    _, y, truth = load_military(50, target="branch", random_state=0, return_truth=True)
    _, fresh = truth.sample(50, random_state=0)
    assert set(fresh) <= set(truth.classes)
    assert y.tolist() == fresh.tolist()


def test_a_small_table_by_hand():
    table = pd.DataFrame({"x": ["a", "a", "b"], "y": ["no", "yes", "no"], "n": [1, 1, 2]})
    truth = CellTruth.from_table(table, "y")
    assert truth.conditional_entropy() == pytest.approx(0.5)
    assert truth.label_entropy() == pytest.approx(entropy([3, 1]))


def test_rows_outside_of_the_population_are_refused():
    X, _, truth = load_titanic(10, random_state=0, return_truth=True)
    with pytest.raises(ValueError, match=r"in no cell of it, such as .*fourth"):
        truth.predict_proba(X.assign(**{"class": "fourth"}))
    with pytest.raises(ValueError, match="none named \\['age'\\]"):
        truth.predict_proba(X.drop(columns="age"))
    with pytest.raises(TypeError, match="Expected X as a data frame, got ndarray"):
        truth.predict_proba(X.to_numpy())
    with pytest.raises(ValueError, match="Expected target"):
        load_military(10, target="race")
