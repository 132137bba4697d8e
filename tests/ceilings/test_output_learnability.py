"""Several outputs: each as by its own ceiling, the total as their sum."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, learnability_by_output
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import UndefinedInformationWarning

FAMILY = [("logistic", LogisticRegression())]


@pytest.fixture(scope="module")
def task():
    X, y, truth = make_learnability_classification(
        1500, learnability=0.4, random_state=0, return_truth=True
    )
    other = np.random.default_rng(0).permutation(y)
    return X, y, other, truth


def ceiling(**options):
    return GoldenModelCeiling(FAMILY, cv=3, random_state=0, **options)


def test_outputs_are_those_of_their_own_ceilings_and_the_total_their_sum(task):
    X, y, other, truth = task
    found = learnability_by_output(ceiling(), X, pd.DataFrame({"kept": y, "shuffled": other}))
    singles = [ceiling().fit(X, labels) for labels in (y, other)]
    assert found.outputs == ("kept", "shuffled")
    for one, single in zip(found.learnability, singles, strict=True):
        assert one.value == single.learnability_
        assert (one.lower, one.upper) == single.learnability_interval_
    left = sum(single.nll_ for single in singles)
    bits = sum(single.label_entropy_ for single in singles)
    assert found.total.value == pytest.approx(1 - left / bits)
    assert found.total.lower < truth.learnability / 2 < found.total.upper


def test_the_same_output_twice_says_no_more(task):
    X, y, _, _ = task
    twice = learnability_by_output(ceiling(), X, np.column_stack([y, y]))
    assert twice.total.value == pytest.approx(twice.learnability[0].value)
    assert twice.total.standard_error == pytest.approx(
        twice.learnability[0].standard_error, rel=1e-3
    )


def test_missing_labels_leave_the_row_out_of_that_output(task):
    X, y, other, _ = task
    Y = np.column_stack([y, other]).astype(object)
    Y[:300, 1] = None
    found = learnability_by_output(ceiling(), X, Y)
    alone = ceiling().fit(X[300:], other[300:])
    assert found.n_rows == (1500, 1200)
    assert found.learnability[1].value == alone.learnability_
    gaps = np.column_stack([y, other]).astype(float)
    gaps[:300, 1] = np.nan
    assert learnability_by_output(ceiling(), X, gaps).total == found.total


def test_how_labels_are_held_does_not_matter(task):
    X, y, other, _ = task
    Y = np.column_stack([y, other])
    plain = learnability_by_output(ceiling(), X, Y).total
    texts = pd.DataFrame(np.where(Y == 1, "yes", "no"))
    for held in (csr_matrix(Y), Y.tolist(), texts, Y.astype(bool)):
        assert learnability_by_output(ceiling(), X, held).total == plain
    sparse = learnability_by_output(ceiling(), coo_matrix(X), Y).total
    assert sparse.value == pytest.approx(plain.value)


def test_units_do_not_matter(task):
    X, y, other, _ = task
    Y = np.column_stack([y, other])
    bits = learnability_by_output(ceiling(), X, Y)
    nats = learnability_by_output(ceiling(units="nats"), X, Y)
    assert nats.total.value == pytest.approx(bits.total.value)
    assert nats.label_entropy[0] == pytest.approx(bits.label_entropy[0] * np.log(2))


def test_groups_and_weights_reach_the_ceilings(task):
    X, y, other, _ = task
    Y, weight = np.column_stack([y, other]), np.random.default_rng(1).uniform(0.5, 2, 1500)
    groups = np.arange(1500) // 3
    found = learnability_by_output(ceiling(), X, Y, sample_weight=weight, groups=groups)
    single = ceiling().fit(X, y, sample_weight=weight, groups=groups)
    assert found.learnability[0].value == single.learnability_
    scaled = learnability_by_output(ceiling(), X, Y, sample_weight=7 * weight, groups=groups)
    assert scaled.total.value == pytest.approx(found.total.value)


def test_ordered_folds_have_blocks(task):
    X, y, other, _ = task
    forward = GoldenModelCeiling(FAMILY, cv=TimeSeriesSplit(3), random_state=0)
    found = learnability_by_output(forward, X, np.column_stack([y, other]))
    single = forward.fit(X, y)
    assert found.learnability[0].value == single.learnability_
    assert np.isfinite([found.total.lower, found.total.upper]).all()


def test_one_class_is_told(task):
    X, y, _, _ = task
    with pytest.warns(UndefinedInformationWarning, match=r"\['never'\] have one class"):
        found = learnability_by_output(ceiling(), X, pd.DataFrame({"never": 0 * y, "kept": y}))
    assert np.isnan(found.learnability[0].value)
    assert found.ceilings[0] is None
    assert found.total.value == pytest.approx(found.learnability[1].value)
    assert found.to_frame()["output"].tolist() == ["never", "kept", "total"]


def test_wrong_input_is_refused(task):
    X, y, other, _ = task
    with pytest.raises(ValueError, match=r"Expected Y of shape .* got shape \(1500,\)"):
        learnability_by_output(ceiling(), X, y)
    with pytest.raises(ValueError, match="one class"):
        learnability_by_output(ceiling(), X, np.zeros((1500, 2)))
    with pytest.raises(TypeError, match="Expected a GoldenModelCeiling, got LogisticRegression"):
        learnability_by_output(LogisticRegression(), X, np.column_stack([y, other]))
    with pytest.raises(ValueError, match="inconsistent"):
        learnability_by_output(ceiling(), X[:9], np.column_stack([y, other]))
    with pytest.raises(ValueError, match=r"labels of one type in every output, got int and str"):
        learnability_by_output(ceiling(), X, pd.DataFrame({"a": [1, "1"] * 750, "b": other}))
    with pytest.raises(ValueError, match="rows of several lengths"):
        learnability_by_output(ceiling(), X, [[0, 1], [1]] * 750)
    with pytest.raises(TypeError, match=r"Expected X of shape .* got NoneType"):
        learnability_by_output(ceiling(), None, np.column_stack([y, other]))
