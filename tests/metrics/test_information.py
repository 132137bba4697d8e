"""Entropy, log-loss and information score, against closed forms and scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import d2_log_loss_score, log_loss

from sklearn_learnability.exceptions import (
    LearnabilityWarning,
    UndefinedInformationWarning,
    ZeroProbabilityWarning,
)
from sklearn_learnability.metrics import (
    information_score,
    label_entropy,
    log_loss_per_sample,
    negative_log_likelihood,
    pointwise_information,
)

OF_LABELS_AND_PROBABILITIES = [
    log_loss_per_sample,
    negative_log_likelihood,
    information_score,
    pointwise_information,
]
WEIGHTED = [negative_log_likelihood, information_score, pointwise_information]


def in_bits(nats):
    return nats / np.log(2)


@st.composite
def problems(draw):
    """Labels of 2 to 6 classes, each of them present, with probabilities and weights."""
    n_classes = draw(st.integers(2, 6))
    n_samples = draw(st.integers(n_classes, 60))
    rng = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    y = np.concatenate([np.arange(n_classes), rng.randint(n_classes, size=n_samples - n_classes)])
    sharpness = draw(st.sampled_from([0.2, 1.0, 10.0]))
    proba = rng.dirichlet(np.full(n_classes, sharpness), size=n_samples) + 1e-9
    proba /= proba.sum(axis=1, keepdims=True)
    weight = rng.uniform(0.01, 100, size=n_samples)
    weight[n_classes:] *= rng.uniform(size=n_samples - n_classes) > 0.2
    return rng.permutation(n_classes)[y], proba, weight


class TestAgreesWithScikitLearn:
    @given(problems())
    def test_information_score_is_d2(self, problem):
        y, proba, weight = problem
        ours = information_score(y, proba, sample_weight=weight)
        assert_allclose(ours, d2_log_loss_score(y, proba, sample_weight=weight), 1e-12, 1e-12)
        assert_allclose(information_score(y, proba), d2_log_loss_score(y, proba), 1e-12, 1e-12)

    @given(problems())
    def test_negative_log_likelihood_is_log_loss(self, problem):
        y, proba, weight = problem
        ours = negative_log_likelihood(y, proba, sample_weight=weight, units="nats")
        assert_allclose(ours, log_loss(y, proba, sample_weight=weight), 1e-12)

    def test_labels_missing_from_y(self):
        y, proba = ["a", "c", "a"], [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]]
        labels = ["a", "b", "c"]
        expected = 1 - log_loss(y, proba, labels=labels) / label_entropy(y, units="nats")
        assert_allclose(information_score(y, proba, labels=labels), expected, 1e-12)


class TestClosedForms:
    @pytest.mark.parametrize("n_classes", [2, 3, 10])
    def test_entropy_of_equal_classes(self, n_classes):
        y = np.repeat(np.arange(n_classes), 7)
        assert_allclose(label_entropy(y), np.log2(n_classes), rtol=1e-14)

    def test_entropy_of_one_in_a_thousand(self):
        y = np.arange(1000) == 0
        p = 0.001
        assert_allclose(label_entropy(y), -p * np.log2(p) - (1 - p) * np.log2(1 - p), rtol=1e-13)

    def test_entropy_of_a_single_class_is_zero(self):
        assert label_entropy(["a", "a"]) == 0
        assert label_entropy(["a", "b"], sample_weight=[2, 0]) == 0

    def test_class_frequencies_score_zero(self):
        y = np.array([0, 0, 0, 1, 2, 2])
        assert_allclose(information_score(y, np.tile([3 / 6, 1 / 6, 2 / 6], (6, 1))), 0, atol=1e-15)
        assert_allclose(
            pointwise_information(y, np.tile([1 / 2, 1 / 6, 1 / 3], (6, 1))), 0, 0, 1e-15
        )

    def test_certainty_that_is_right_scores_one(self):
        y = np.array([0, 1, 2, 1])
        assert information_score(y, np.eye(3)[y]) == 1
        assert_allclose(log_loss_per_sample(y, np.eye(3)[y]), 0)
        assert not np.signbit(log_loss_per_sample(y, np.eye(3)[y])).any()

    def test_losses_row_by_row(self):
        proba = [[0.5, 0.5], [0.125, 0.875], [0.75, 0.25]]
        assert_allclose(log_loss_per_sample([1, 0, 1], proba), [1, 3, 2])

    def test_pointwise_information_is_the_log_ratio_to_the_frequency(self):
        y = ["rare", "common", "common", "common"]
        proba = [[0.5, 0.5], [0.25, 0.75], [0.75, 0.25], [1.0, 0.0]]
        expected = [
            np.log2(0.5 / 0.25),
            np.log2(0.25 / 0.75),
            np.log2(0.75 / 0.75),
            np.log2(1 / 0.75),
        ]
        assert_allclose(pointwise_information(y, proba), expected, atol=1e-15)


class TestProperties:
    @given(problems())
    def test_pointwise_information_averages_to_entropy_minus_loss(self, problem):
        y, proba, weight = problem
        mean = np.average(pointwise_information(y, proba, sample_weight=weight), weights=weight)
        gap = label_entropy(y, sample_weight=weight) - negative_log_likelihood(
            y, proba, sample_weight=weight
        )
        assert_allclose(mean, gap, atol=1e-12)

    @given(problems(), st.integers(0, 2**32 - 1))
    def test_order_of_rows_does_not_matter(self, problem, seed):
        y, proba, weight = problem
        order = np.random.RandomState(seed).permutation(len(y))
        for function in (negative_log_likelihood, information_score):
            expected = function(y, proba, sample_weight=weight)
            shuffled = function(y[order], proba[order], sample_weight=weight[order])
            assert_allclose(shuffled, expected, 1e-12, 1e-13)
        assert_allclose(
            pointwise_information(y[order], proba[order], sample_weight=weight[order]),
            pointwise_information(y, proba, sample_weight=weight)[order],
            atol=1e-12,
        )

    @given(problems(), st.integers(0, 2**32 - 1))
    def test_order_and_names_of_classes_do_not_matter(self, problem, seed):
        y, proba, _ = problem
        order = np.random.RandomState(seed).permutation(proba.shape[1])
        names = np.array([f"class {k}" for k in range(len(order))])
        renamed = log_loss_per_sample(names[y], proba[:, order], labels=names[order])
        assert_allclose(renamed, log_loss_per_sample(y, proba))
        assert_allclose(
            information_score(names[y], proba[:, order], labels=names[order]),
            information_score(y, proba),
        )

    @given(problems(), st.integers(0, 2**32 - 1))
    def test_weights_are_repetitions(self, problem, seed):
        y, proba, _ = problem
        times = np.random.RandomState(seed).randint(1, 5, size=len(y))
        repeated = np.repeat(np.arange(len(y)), times)
        assert_allclose(label_entropy(y, sample_weight=times), label_entropy(y[repeated]), 1e-12)
        for function in WEIGHTED:
            expected = function(y[repeated], proba[repeated])
            weighted = function(y, proba, sample_weight=times)
            if np.ndim(weighted):
                weighted = np.repeat(weighted, times)
            assert_allclose(weighted, expected, 1e-12, 1e-12)

    @given(problems(), st.floats(1e-6, 1e6))
    def test_scale_of_weights_does_not_matter(self, problem, scale):
        y, proba, weight = problem
        for function in WEIGHTED:
            expected = function(y, proba, sample_weight=weight)
            assert_allclose(function(y, proba, sample_weight=scale * weight), expected, 1e-9, 1e-9)

    @given(problems())
    def test_bits_are_nats_over_ln_two(self, problem):
        y, proba, weight = problem
        options = {"sample_weight": weight}
        for function in (negative_log_likelihood, pointwise_information):
            nats = function(y, proba, units="nats", **options)
            assert_allclose(function(y, proba, **options), in_bits(nats), 1e-12, 1e-12)
        assert_allclose(label_entropy(y), in_bits(label_entropy(y, units="nats")), 1e-12)
        assert_allclose(log_loss_per_sample(y, proba), in_bits(-np.log(proba[range(len(y)), y])))

    @given(problems())
    @settings(max_examples=30)
    def test_frequencies_are_the_best_constant(self, problem):
        """No constant prediction has a lower loss than the label entropy."""
        y, proba, weight = problem
        constant = np.tile(proba[0], (len(y), 1))
        loss = negative_log_likelihood(y, constant, sample_weight=weight)
        assert loss >= label_entropy(y, sample_weight=weight) - 1e-12


class TestInputs:
    proba = ((0.7, 0.3), (0.4, 0.6), (0.2, 0.8))

    @pytest.mark.parametrize(
        "y",
        [
            ["late", "on time", "on time"],
            [False, True, True],
            [-1, 1, 1],
            [2.0, 3.0, 3.0],
            pd.Series(["a", "b", "b"], index=[7, 3, 5]),
            pd.Series(["a", "b", "b"], dtype="category"),
            pd.Series(["a", "b", "b"], dtype=object),
            pl.Series(["a", "b", "b"]),
            pl.Series([0, 1, 1]),
        ],
        ids=[
            "strings",
            "booleans",
            "negative",
            "whole floats",
            "pandas with an index",
            "pandas category",
            "pandas object",
            "polars strings",
            "polars integers",
        ],
    )
    def test_any_kind_of_label(self, y):
        expected = -np.log2([0.7, 0.6, 0.8])
        assert_allclose(log_loss_per_sample(y, self.proba), expected)
        assert_allclose(label_entropy(y), label_entropy([0, 1, 1]))

    @pytest.mark.parametrize("container", [np.array, pd.DataFrame, pl.DataFrame, list])
    def test_any_kind_of_probabilities(self, container):
        proba = np.array(self.proba)
        if container is pl.DataFrame:
            proba = pl.DataFrame(proba, schema=["a", "b"])
        else:
            proba = container(proba)
        assert_allclose(log_loss_per_sample([0, 1, 1], proba), -np.log2([0.7, 0.6, 0.8]))

    @pytest.mark.parametrize("container", [list, pd.Series, pl.Series])
    def test_any_kind_of_weights(self, container):
        weight = container([1.0, 2.0, 3.0])
        expected = -np.average(np.log2([0.7, 0.6, 0.8]), weights=[1, 2, 3])
        assert_allclose(
            negative_log_likelihood([0, 1, 1], self.proba, sample_weight=weight), expected
        )

    def test_vector_is_the_second_class(self):
        second = [0.3, 0.6, 0.8]
        expected = log_loss_per_sample([0, 1, 1], self.proba)
        assert_allclose(log_loss_per_sample([0, 1, 1], second), expected)
        assert_allclose(log_loss_per_sample([0, 1, 1], np.transpose([second])), expected)
        assert_allclose(log_loss_per_sample(["b", "a", "a"], second, labels=["b", "a"]), expected)

    @pytest.mark.parametrize("function", OF_LABELS_AND_PROBABILITIES)
    def test_arguments_are_not_changed(self, function):
        y, proba = np.array([0, 1, 1]), np.array([[1.0, 0.0], [0.4, 0.6], [0.2, 0.8]])
        y_before, proba_before = y.copy(), proba.copy()
        function(y, proba)
        np.testing.assert_array_equal(y, y_before)
        np.testing.assert_array_equal(proba, proba_before)


class TestZeroProbability:
    y = (0, 1, 1, 0)
    proba = ((1.0, 0.0), (1.0, 0.0), (0.25, 0.75), (0.0, 1.0))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_is_counted_and_costs_the_same_in_every_dtype(self, dtype):
        with pytest.warns(ZeroProbabilityWarning, match="2 of 4 rows have probability 0"):
            loss = log_loss_per_sample(self.y, np.array(self.proba, dtype=dtype))
        assert loss.dtype == np.float64
        assert_allclose(loss, [0, 52, -np.log2(0.75), 52])

    @pytest.mark.parametrize("function", OF_LABELS_AND_PROBABILITIES)
    def test_every_function_warns_at_the_caller(self, function):
        with pytest.warns(ZeroProbabilityWarning) as caught:
            result = function(self.y, self.proba)
        assert len(caught) == 1
        assert np.isfinite(result).all()

    def test_zero_on_another_label_is_no_matter(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert negative_log_likelihood([0, 1], [[1.0, 0.0], [0.5, 0.5]]) == 0.5

    def test_one_warning_class_catches_all(self):
        with pytest.warns(LearnabilityWarning):
            log_loss_per_sample(self.y, self.proba)


class TestUndefined:
    def test_single_class(self):
        with pytest.warns(UndefinedInformationWarning, match=r"H\(Y\) = 0"):
            score = information_score([1, 1, 1], [0.9, 0.8, 0.9], labels=[0, 1])
        assert np.isnan(score)

    def test_class_without_weight(self):
        y, proba = [0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]
        with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
            score = information_score(y, proba, sample_weight=[1, 1, 0])
        assert np.isnan(score)

    def test_class_without_weight_among_several_counts_for_nothing(self):
        y, proba = [0, 0, 1, 1, 2], np.array([[0.6, 0.2, 0.2]] * 2 + [[0.2, 0.7, 0.1]] * 3)
        assert_allclose(
            information_score(y, proba, sample_weight=[1, 1, 1, 1, 0]),
            information_score(y[:4], proba[:4], labels=[0, 1, 2]),
        )

    def test_single_class_needs_labels(self):
        with pytest.raises(ValueError, match=r"Expected labels=.*1 distinct label"):
            log_loss_per_sample([1, 1], [[0.1, 0.9], [0.2, 0.8]])


@pytest.mark.parametrize("function", OF_LABELS_AND_PROBABILITIES)
class TestRefuses:
    def test_continuous_target(self, function):
        with pytest.raises(ValueError, match="Expected class labels, got a continuous target"):
            function([0.1, 2.7, 1.4], [0.2, 0.4, 0.6])

    def test_several_targets(self, function):
        with pytest.raises(ValueError, match="1d array"):
            function([[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]])

    def test_labels_of_another_length(self, function):
        with pytest.raises(ValueError, match="Expected probabilities of 2 rows, got 3"):
            function([0, 1], [0.2, 0.4, 0.6])

    @pytest.mark.parametrize(
        "y", [[0.0, np.nan, 1.0], ["a", None, "b"], pd.Series(["a", pd.NA, "b"])]
    )
    def test_missing_label(self, function, y):
        with pytest.raises(ValueError, match="got 1 missing labels of 3"):
            function(y, [0.2, 0.4, 0.6])

    def test_infinite_label(self, function):
        with pytest.raises(ValueError, match="y contains infinity"):
            function([0.0, np.inf, 1.0], [0.2, 0.4, 0.6])

    def test_no_rows(self, function):
        with pytest.raises(ValueError, match=r"[Ee]xpected at least one row"):
            function([], np.empty((0, 2)), labels=[0, 1])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_probability_that_is_not_finite(self, function, bad):
        with pytest.raises(ValueError, match="finite probabilities, got NaN or infinity in 1 of 2"):
            function([0, 1], [[0.5, 0.5], [bad, 0.5]])

    def test_rows_that_do_not_sum_to_one(self, function):
        with pytest.raises(ValueError, match=r"sum to 1, got a sum of 0\.8 in row 1"):
            function([0, 1], [[0.5, 0.5], [0.3, 0.5]])

    @pytest.mark.parametrize("bad", [-0.2, 1.2, 3.0])
    def test_scores_that_are_no_probabilities(self, function, bad):
        with pytest.raises(ValueError, match=r"Expected probabilities in \[0, 1\], got"):
            function([0, 1], [[1 - bad, bad], [0.5, 0.5]])

    def test_wrong_number_of_columns(self, function):
        with pytest.raises(ValueError, match=r"Expected labels=.*got 3 column"):
            function([0, 1], [[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
        with pytest.raises(ValueError, match=r"Expected 3 columns of probabilities.*got 2"):
            function([0, 1, 2], [[0.5, 0.5]] * 3)

    def test_unknown_label(self, function):
        with pytest.raises(ValueError, match=r"got .* without \['c'\]"):
            function(["a", "c"], [[0.5, 0.5], [0.5, 0.5]], labels=["a", "b"])

    @pytest.mark.parametrize("y", [3, None, {}, object(), [[0, 1], [1]], [[0, 1], [1, 0]]])
    def test_labels_that_are_no_vector(self, function, y):
        with pytest.raises(ValueError, match=r"^Expected (y as a 1d array|at least one row)"):
            function(y, [[0.5, 0.5], [0.5, 0.5]])

    @pytest.mark.parametrize("proba", [3, None, {}, object(), "late", [[0.5, 0.5], [1]], [1j, 0]])
    def test_probabilities_that_are_none(self, function, proba):
        with pytest.raises(ValueError, match=r"^Expected "):
            function([0, 1], proba)

    @pytest.mark.parametrize("labels", [3, {}, object(), [[0, 1], [1]], [[0, 1], [1, 0]]])
    def test_classes_that_are_no_vector(self, function, labels):
        with pytest.raises(ValueError, match=r"^Expected labels as a 1d array"):
            function([0, 1], [0.5, 0.5], labels=labels)

    def test_repeated_labels(self, function):
        with pytest.raises(ValueError, match="Expected each of the labels once"):
            function(["a", "b"], [[0.3, 0.3, 0.4]] * 2, labels=["a", "b", "b"])


@pytest.mark.parametrize("function", [label_entropy, *WEIGHTED])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 2], r"negative sample_weight \(-1\)"),
        ([1, np.nan, 2], "NaN or infinity in sample_weight"),
        ([1, np.inf, 2], "NaN or infinity in sample_weight"),
        ([0, 0, 0], "zero in every row"),
        (["a", "b", "c"], "Expected numbers as sample_weight, got list"),
        ([[1], [1, 2], 1], "Expected numbers as sample_weight, got list"),
        ([1, 2], r"of shape \(3,\).*got shape \(2,\)"),
        ([[1], [1], [1]], r"of shape \(3,\).*got shape \(3, 1\)"),
    ],
)
def test_bad_weights(function, weight, message):
    arguments = ([0, 1, 1],) if function is label_entropy else ([0, 1, 1], [0.3, 0.6, 0.8])
    with pytest.raises(ValueError, match=message):
        function(*arguments, sample_weight=weight)


@pytest.mark.parametrize(
    "function", [label_entropy, log_loss_per_sample, negative_log_likelihood, pointwise_information]
)
def test_unknown_units(function):
    arguments = ([0, 1],) if function is label_entropy else ([0, 1], [0.3, 0.6])
    with pytest.raises(ValueError, match="Expected units as 'bits' or 'nats', got 'bans'"):
        function(*arguments, units="bans")


def test_rare_class_is_not_noise():
    """0.1 % positives: the class frequencies score 0 and the exact posterior above 0."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=200_000)
    posterior = 1 / (1 + np.exp(8.7 - 2 * x))
    y = rng.uniform(size=len(x)) < posterior
    assert 0.0005 < y.mean() < 0.004
    assert_allclose(information_score(y, np.full(len(y), y.mean())), 0, atol=1e-12)
    assert information_score(y, posterior) > 0.05


def test_a_class_of_vanishing_weight_is_no_class():
    """Its entropy would be of the order of rounding, and every score relative to it huge."""
    with pytest.warns(UndefinedInformationWarning, match="one class holds all the weight"):
        score = information_score([0, 1, 1], [0.5, 0.6, 0.7], sample_weight=[1e-20, 1, 1])
    assert np.isnan(score)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e160, 1e308])
def test_weights_of_any_size_count(scale):
    assert label_entropy([0, 1], sample_weight=[scale, scale]) == 1
