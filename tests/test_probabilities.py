"""Columns of probabilities meet their labels."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_learnability._probabilities import (
    align_probabilities,
    check_probabilities,
    widen_classes,
)
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import HardLabelsWarning
from sklearn_learnability.metrics import (
    calibrated_nll,
    compare_models,
    cross_fit_calibration,
    efficiency,
    fit_calibrator,
    information_by_segment,
    information_score,
    log_loss_per_sample,
    negative_log_likelihood,
    nll_decomposition,
    pointwise_information,
)

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


def test_probabilities_without_columns_are_refused():
    with pytest.raises(ValueError, match=r"Expected probabilities of shape .* got shape \(1, 0\)"):
        check_probabilities([[]], 1, np.array([0, 1]))


@pytest.mark.parametrize("columns", [["ham", "ham"], ["ham", "tea"]])
def test_columns_that_are_no_classes_are_refused(columns):
    with pytest.raises(ValueError, match="Expected distinct labels of"):
        align_probabilities(np.full((2, 2), 0.5), np.array(columns, dtype=object), LABELS)


def test_unseen_labels_come_after_the_classes():
    assert widen_classes(np.array([3, 1]), [2, 1, 2, 3]).tolist() == [3, 1, 2]
    assert widen_classes(np.array(["b", "a"]), ["a", "b", "c"]).tolist() == ["b", "a", "c"]


def test_labels_of_another_type_are_refused():
    with pytest.raises(ValueError, match="same type as the classes"):
        widen_classes(np.array([0, 1]), ["0", "1"])


@pytest.fixture(scope="module")
def calls():
    """Return labels, their probabilities, and every function that takes both, as a number."""
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([3, 2, 1], size=240)
    y = np.array([rng.choice(3, p=row) for row in proba])
    losses = -np.log2(proba[np.arange(240), y])
    return (
        y,
        proba,
        {
            "log_loss_per_sample": lambda y, p: log_loss_per_sample(y, p).sum(),
            "negative_log_likelihood": negative_log_likelihood,
            "pointwise_information": lambda y, p: pointwise_information(y, p)[0],
            "information_score": information_score,
            "fit_calibrator": lambda y, p: fit_calibrator(y, p).mapping.bias[0],
            "calibrator": lambda y, p: fit_calibrator(y, proba).predict_proba(p)[0, 0],
            "cross_fit_calibration": lambda y, p: cross_fit_calibration(y, p, random_state=0)[0, 0],
            "calibrated_nll": lambda y, p: calibrated_nll(y, p, random_state=0),
            "nll_decomposition": lambda y, p: nll_decomposition(y, p, random_state=0).nll.value,
            "efficiency": lambda y, p: efficiency(y, p, learnability=0.5).value,
            "compare_models": lambda y, p: (
                compare_models(y, {"m": p}, learnability=0.5).models[0].calibrated_nll
            ),
            "information_by_segment": lambda y, p: (
                information_by_segment(y, p, y > 9, reference_nll=losses).whole.efficiency.value
            ),
        },
    )


FRAMES = {
    "pandas": lambda values, names: pd.DataFrame(values, columns=names),
    "polars": lambda values, names: pl.DataFrame(values, schema=[str(name) for name in names]),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    "function",
    [
        "log_loss_per_sample",
        "negative_log_likelihood",
        "pointwise_information",
        "information_score",
        "fit_calibrator",
        "calibrator",
        "cross_fit_calibration",
        "calibrated_nll",
        "nll_decomposition",
        "efficiency",
        "compare_models",
        "information_by_segment",
    ],
)
def test_named_columns_are_put_in_the_order_of_the_classes(calls, function, frame):
    y, proba, functions = calls
    expected = functions[function](y, proba)
    shuffled = FRAMES[frame](proba[:, [2, 0, 1]], [2, 0, 1])
    assert functions[function](y, shuffled) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["on time", "late", "gone"], ["on time", "late", "gone"]),
        ([3, 1, 2], [3, 1, 2]),
        ([3, 1, 2], ["3", "1", "2"]),
        ([3.0, 1.0, 2.0], [3, 1, 2]),
        ([3, 1, 2], ["p3", "p1", "p2"]),  # names that say nothing: columns as they stand
        ([3, 1, 2], [0, 1, 2]),
    ],
)
def test_how_names_and_labels_meet(calls, frame, labels, names):
    y, proba, _ = calls
    order = np.argsort(labels)
    columns = order if _say_nothing(names, labels) else range(3)
    table = FRAMES[frame](proba[:, columns], names)
    got = negative_log_likelihood(np.array(labels)[y], table)
    assert got == pytest.approx(negative_log_likelihood(y, proba), rel=1e-12)
    by_labels = negative_log_likelihood(
        np.array(labels)[y],
        FRAMES[frame](proba, names),
        labels=labels,
    )
    assert by_labels == pytest.approx(negative_log_likelihood(y, proba), rel=1e-12)


def _say_nothing(names, labels):
    return names[0] == "p3" or names == [0, 1, 2]


def test_names_that_fit_in_part_are_refused(calls):
    y, proba, _ = calls
    table = pd.DataFrame(proba, columns=["late", "on time", "lost"])
    with pytest.raises(ValueError, match=r"Expected columns named by the classes .*got \['late'"):
        negative_log_likelihood(np.array(["gone", "late", "on time"])[y], table)


@pytest.mark.parametrize("name", ["late", "on time", None, "p"])
@pytest.mark.parametrize("make", [pd.Series, lambda p, name: pl.Series(name or "", p)])
def test_a_named_column_is_the_probability_of_its_class(name, make):
    y = np.array(["late", "on time", "on time"])
    second = np.array([0.2, 0.6, 0.9])
    column = 1 - second if name == "late" else second
    got = log_loss_per_sample(y, make(column, name=name))
    np.testing.assert_allclose(got, -np.log2([0.8, 0.6, 0.9]))


def test_columns_tell_the_classes_that_do_not_occur():
    table = pd.DataFrame([[0.2, 0.5, 0.3]] * 2, columns=["c", "a", "b"])
    np.testing.assert_allclose(log_loss_per_sample(["a", "b"], table), -np.log2([0.5, 0.3]))
    numbers = pl.DataFrame([[0.2], [0.5], [0.3]], schema=["3", "1", "2"])
    np.testing.assert_allclose(log_loss_per_sample([1], numbers), 1.0)


def test_numbers_in_objects_and_decimals_are_probabilities():
    y = [0, 1, 1]
    expected = log_loss_per_sample(y, [0.25, 0.5, 0.75])
    decimals = [decimal.Decimal("0.25"), decimal.Decimal("0.5"), decimal.Decimal("0.75")]
    np.testing.assert_allclose(log_loss_per_sample(y, decimals), expected)
    objects = pd.DataFrame({"p": [0.25, 0.5, 0.75]}, dtype=object)
    np.testing.assert_allclose(log_loss_per_sample(y, objects), expected)


@pytest.mark.parametrize("labels", [["late", "on time"], [True, "x"], [None, "a"]])
def test_labels_in_place_of_probabilities_are_named(labels):
    with pytest.raises(ValueError, match=r"Expected probabilities, got .*not predicted labels"):
        log_loss_per_sample(["late", "on time"], labels)


def test_predicted_labels_are_told():
    X, y = make_learnability_classification(400, learnability=0.5, random_state=0)
    hard = (X[:, 0] > 0).astype(int)
    one_hot = np.eye(2)[hard]
    for labels in (hard, one_hot, hard.astype(float)):
        with pytest.warns(HardLabelsWarning, match="If these are predicted labels"):
            negative_log_likelihood(y, labels)
    with pytest.warns(HardLabelsWarning):
        fit_calibrator(y, hard)
    with pytest.warns(HardLabelsWarning):
        cross_fit_calibration(y, hard, random_state=0)
    assert negative_log_likelihood(y, y) == 0  # certain, and right


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_tables_of_arrow_are_read_by_their_names(order):
    pa = pytest.importorskip("pyarrow")
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    y = np.random.default_rng(1).integers(0, 3, 50)
    table = pa.table({str(k): proba[:, k] for k in order})
    expected = -np.log2(proba[np.arange(50), y])
    np.testing.assert_allclose(log_loss_per_sample(y, table), expected)
