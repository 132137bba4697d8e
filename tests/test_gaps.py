"""What an array would lose is refused: masked entries, and NaN among the strings of a list."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import CalibratedNLL, EfficiencyScorer, GoldenModelCeiling
from sklearn_learnability.metrics import (
    efficiency,
    label_entropy,
    log_loss_per_sample,
    negative_log_likelihood,
    nll_decomposition,
)

Y = np.tile([0, 1, 1], 20)
X = np.arange(60.0)[:, None] % 7
PROBA = np.full((60, 2), 0.5)
NAN = float("nan")


def masked(values):
    return np.ma.masked_array(values, mask=np.arange(60) < 5)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("y", lambda: label_entropy(masked(Y))),
        ("y", lambda: GoldenModelCeiling(["prior"]).fit(X, masked(Y))),
        ("y", lambda: CalibratedNLL(LogisticRegression()).fit(X, masked(Y))),
        ("y", lambda: EfficiencyScorer(0.5)(LogisticRegression().fit(X, Y), X, masked(Y))),
        ("sample_weight", lambda: label_entropy(Y, sample_weight=masked(np.ones(60)))),
        ("groups", lambda: GoldenModelCeiling(["prior"]).fit(X, Y, groups=masked(np.arange(60)))),
        ("probabilities", lambda: log_loss_per_sample(Y, masked(np.full(60, 0.5)))),
        ("reference_nll", lambda: efficiency(Y, PROBA, reference_nll=masked(np.ones(60)))),
    ],
)
def test_masked_entries_are_refused(name, call):
    with pytest.raises(ValueError, match=f"Expected {name} without masked entries, got 5 of 60"):
        call()


def test_arrays_without_a_masked_entry_are_arrays():
    weight = np.arange(60.0)
    plain = negative_log_likelihood(Y, PROBA, sample_weight=weight)
    whole = np.ma.masked_array(weight, mask=False)
    assert negative_log_likelihood(Y, PROBA, sample_weight=whole) == plain


def test_nan_in_a_list_of_strings_is_no_group_and_no_label():
    groups = [NAN if row < 5 else f"day {row % 9}" for row in range(60)]
    labels = [NAN if row < 5 else "ab"[row % 2] for row in range(60)]
    for call in (
        lambda: GoldenModelCeiling(["prior"]).fit(X, Y, groups=groups),
        lambda: CalibratedNLL(LogisticRegression()).fit(X, Y, groups=groups),
        lambda: nll_decomposition(Y, PROBA, groups=groups),
    ):
        with pytest.raises(ValueError, match="Expected groups for every row, got 5 of 60"):
            call()
    for call in (
        lambda: label_entropy(labels),
        lambda: GoldenModelCeiling(["prior"]).fit(X, labels),
        lambda: CalibratedNLL(LogisticRegression()).fit(X, labels),
    ):
        with pytest.raises(ValueError, match="Expected a label of every row, got 5 missing"):
            call()


def test_numbers_in_objects_are_told_how_to_become_labels():
    with pytest.raises(ValueError, match=r"got objects of int\. .*y\.astype\(int\)"):
        label_entropy(Y.astype(object))
    with pytest.raises(ValueError, match="got objects of int and str"):
        label_entropy(np.array([1, "a", 1], dtype=object))
