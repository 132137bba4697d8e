"""N-gram labels against tuples of tokens, and the table of labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_learnability.torch import LabelTable, ngram_labels


def tuples(ids, width, direction, mask, documents):
    """Return the n-gram of each position among the tokens of its row, None where there is none."""
    found = dict.fromkeys(np.ndindex(ids.shape))
    for s, (row, there, pieces) in enumerate(zip(ids, mask, documents, strict=True)):
        places = np.flatnonzero(there)
        for t, place in enumerate(places):
            past = direction == "past"
            span = range(t - width + 1, t + 1) if past else range(t + 1, t + width + 1)
            if min(t, *span) >= 0 and max(t, *span) < len(places):
                inside = places[[t, *span]]
                if len(set(pieces[inside])) == 1:
                    found[s, place] = tuple(row[inside[1:]])
    return found


@given(
    ids=hnp.arrays(np.int64, (3, 7), elements=st.integers(0, 3)),
    mask=hnp.arrays(bool, (3, 7)),
    documents=hnp.arrays(np.int64, (3, 7), elements=st.integers(0, 1)),
    width=st.integers(1, 4),
    direction=st.sampled_from(["past", "future"]),
)
def test_codes_agree_if_and_only_if_tokens_do(ids, mask, documents, width, direction):
    labels = ngram_labels(ids, width, direction, mask, documents)
    expected = tuples(ids, width, direction, mask, documents)
    code_of = {}
    for position, gram in expected.items():
        if gram is None:
            assert labels[position] == -1
        else:
            assert code_of.setdefault(gram, labels[position]) == labels[position]
    assert sorted(code_of.values()) == list(range(len(code_of)))


def test_a_large_vocabulary_has_no_collisions():
    """A code that was a number in base V would pass 2**63 at V = 60,000 and width 4."""
    rng = np.random.default_rng(0)
    ids = rng.integers(59_000, 60_000, size=(4, 2000))
    labels = ngram_labels(ids, 4)[:, 3:]
    grams = np.lib.stride_tricks.sliding_window_view(ids, 4, axis=1).reshape(-1, 4)
    assert len(np.unique(labels)) == len(np.unique(grams, axis=0))


def test_tensors_and_one_sequence():
    labels = ngram_labels(torch.tensor([5, 7, 5, 7]), 2)
    np.testing.assert_array_equal(labels, [-1, 0, 1, 0])


def test_left_padding_is_as_good_as_right_padding():
    ids, pad = np.array([[4, 9, 4, 9, 1]]), np.array([[0, 0]])
    none = np.zeros((1, 2), dtype=bool)
    there = np.ones((1, 5), dtype=bool)
    left = ngram_labels(np.hstack([pad, ids]), 2, mask=np.hstack([none, there]))
    right = ngram_labels(np.hstack([ids, pad]), 2, mask=np.hstack([there, none]))
    np.testing.assert_array_equal(left[0, 2:], right[0, :5])


def test_wider_than_the_sequence():
    assert (ngram_labels([[1, 2, 3]], 4) == -1).all()
    assert (ngram_labels([[1, 2, 3]], 4, "future") == -1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": [[1, 2]], "width": 0}, "at least 1, got 0"),
        ({"input_ids": [[1, 2]], "width": 1, "direction": "back"}, "got 'back'"),
        ({"input_ids": [[1.0, 2.0]], "width": 1}, "integers"),
        ({"input_ids": [[1, -2]], "width": 1}, "got -2"),
        ({"input_ids": [[1, 2]], "width": 1, "mask": [[True]]}, r"mask of shape \(1, 2\)"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        ngram_labels(**arguments)


def test_table_of_strings():
    table = LabelTable.from_labels(np.array([["b", "a", None, "b", "c"]], dtype=object))
    assert (table.n_labels, table.n_positions) == (3, 4)
    np.testing.assert_array_equal(table.rows(["b", "a", "b"]), [0, -2, 0])
    with pytest.raises(ValueError, match="got d and 0 other"):
        table.rows(["d"])


def test_table_leaves_masked_positions_out():
    table = LabelTable.from_labels([[3, 3, 5, 5]], mask=[[True, True, True, False]])
    np.testing.assert_array_equal(table.values, [3])
    np.testing.assert_array_equal(table.once, [5])


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
def test_no_tokens_have_no_labels(shape):
    assert ngram_labels(np.zeros(shape, dtype=int), 2).shape == shape
