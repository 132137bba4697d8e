"""Columns of probabilities meet their labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_learnability._probabilities import align_probabilities, widen_classes

LABELS = np.array(["ham", "eggs", "spam", "toast"], dtype=object)


@given(st.permutations(range(4)), st.permutations(range(4)), st.integers(2, 4))
def test_each_column_goes_to_its_class(order, shuffled, n_columns):
    classes, columns = LABELS[order], LABELS[shuffled[:n_columns]]
    proba = np.random.default_rng(0).dirichlet(np.ones(n_columns), size=3)
    aligned = align_probabilities(proba, columns, classes)
    for k, label in enumerate(classes):
        expected = proba[:, columns.tolist().index(label)] if label in columns else 0
        np.testing.assert_allclose(aligned[:, k], expected, rtol=1e-12)


def test_rows_of_halves_and_singles_sum_to_one():
    proba = np.full((5, 3), 1 / 3, dtype=np.float32)
    aligned = align_probabilities(proba, np.arange(3), np.arange(3))
    np.testing.assert_allclose(aligned.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("columns", [["ham", "ham"], ["ham", "tea"]])
def test_columns_that_are_no_classes_are_refused(columns):
    with pytest.raises(ValueError, match="expected distinct ones of"):
        align_probabilities(np.full((2, 2), 0.5), np.array(columns, dtype=object), LABELS)


def test_unseen_labels_come_after_the_classes():
    assert widen_classes(np.array([3, 1]), [2, 1, 2, 3]).tolist() == [3, 1, 2]
    assert widen_classes(np.array(["b", "a"]), ["a", "b", "c"]).tolist() == ["b", "a", "c"]


def test_labels_of_another_type_are_refused():
    with pytest.raises(ValueError, match="same type as the classes"):
        widen_classes(np.array([0, 1]), ["0", "1"])
