from itertools import product
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from sklearn_learnability.metrics.theoretical_llc import (
    LearningCoefficient,
    deep_linear_network,
    normal_crossing,
    reduced_rank_regression,
    tanh,
)

widths_and_rank = st.lists(st.integers(1, 9), min_size=2, max_size=7).flatmap(
    lambda widths: st.tuples(st.just(widths), st.integers(0, min(widths)))
)


def test_two_layers_are_reduced_rank_regression():
    """Two published formulas of different shape, all widths up to 8."""
    for widths in product(range(1, 9), repeat=3):
        for rank in range(min(widths) + 1):
            expected = reduced_rank_regression(*widths, rank)
            assert deep_linear_network(widths, rank) == expected, (widths, rank)


@pytest.mark.parametrize(
    ("widths", "rank", "value", "multiplicity"),
    [
        ([2, 2, 2], 0, 3 / 2, 1),
        ([2, 2, 2], 1, 2, 2),
        ([3, 2, 3], 0, 5 / 2, 1),
        ([3, 2, 3], 1, 7 / 2, 2),
        ([4, 1, 3], 1, 3, 1),
        ([5, 3, 5], 0, 6.5, 2),
        ([5, 3, 5], 3, 10.5, 1),
        ([10, 10, 10], 3, 44, 2),
        ([10, 10, 10], 10, 50, 1),
        ([20, 30, 20], 5, 197, 2),
        ([20, 30, 20], 10, 200, 1),
        ([5, 4, 6, 5], 2, 10.5, 1),
    ],
)
def test_table_of_linear_networks(widths, rank, value, multiplicity):
    assert deep_linear_network(widths, rank) == LearningCoefficient(value, multiplicity)


@given(widths_and_rank)
def test_properties_of_linear_networks(case):
    """Exact, symmetric, at most a regular model's, and never more by another layer."""
    widths, rank = case
    found = deep_linear_network(widths, rank)
    assert deep_linear_network(widths[::-1], rank) == found
    assert 0 <= found.value <= widths[0] * widths[-1] / 2
    assert found.multiplicity >= 1
    deeper = deep_linear_network([*widths[:1], *widths], rank)
    assert deeper.value <= found.value


@given(st.integers(1, 9), st.integers(1, 9))
def test_one_layer_is_regular(n_inputs, n_outputs):
    expected = LearningCoefficient(n_inputs * n_outputs / 2, 1)
    assert deep_linear_network([n_inputs, n_outputs], min(n_inputs, n_outputs)) == expected


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_one_unit_a_layer_is_a_product(depth):
    """K = (w_1 ... w_L x)^2 is a normal crossing."""
    assert deep_linear_network([1] * (depth + 1), 0) == normal_crossing([2] * depth)


def test_tanh_with_one_unit_is_a_product():
    assert tanh(1) == normal_crossing([2, 2])


def test_tanh_grows_with_the_square_root():
    values = [tanh(h).value for h in range(1, 200)]
    assert np.all(np.diff(values) > 0)
    assert values[-1] == pytest.approx(np.sqrt(200) / 2, rel=0.01)
    assert [h for h in range(1, 30) if tanh(h).multiplicity == 2] == [1, 4, 9, 16, 25]


def moments(log_loss, log_weight, t):
    """Return t E[K] and Var[tK] under the density ~ exp(-tK), from a grid."""
    scaled = t * np.exp(log_loss)
    log_density = log_weight - scaled
    density = np.exp(log_density - logsumexp(log_density))
    mean = float((density * scaled).sum())
    return mean, float((density * (scaled - mean) ** 2).sum())


def quadrature(exponents):
    """Return log K and log weights of a product of powers, on a grid of logarithms of w."""
    log_w = np.linspace(-60, 0, 3001)  # dw = w d(log w)
    first, *others = exponents
    log_loss, log_weight = first * log_w, log_w
    for power in others:
        log_loss = (log_loss[:, None] + power * log_w[None]).ravel()
        log_weight = (log_weight[:, None] + log_w[None]).ravel()
    return log_loss, log_weight


@pytest.mark.parametrize("exponents", [[2], [4], [6], [2, 2], [2, 4], [4, 4], [1, 3]])
def test_normal_crossing_by_quadrature(exponents):
    """Slope of the log evidence: t E[K] = lambda - (m - 1)/log t + ..."""
    expected = normal_crossing(exponents)
    log_t = 45.0 if min(exponents) < 4 else 90.0
    grid = quadrature(exponents)
    mean, variance = moments(*grid, np.exp(log_t))
    corrected = mean + np.sqrt(max((expected.multiplicity - 1) * (mean - variance), 0.0))
    assert corrected == pytest.approx(expected.value, rel=0.004)
    assert (expected.value - mean) * log_t == pytest.approx(expected.multiplicity - 1, abs=0.1)


@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(2, 2), (3, 3), (5, 5), (2, 5), (3, 6)])
def test_reduced_rank_by_quadrature(n_inputs, n_outputs):
    """Two hidden units, truth 0: integrate one factor in closed form, the other by its eigenvalues.

    Under Gaussian priors Z(t) = E det(1 + 2t AA')^(-M/2), with AA' a 2 x 2 Wishart matrix.
    """
    expected = reduced_rank_regression(n_inputs, 2, n_outputs, 0)
    x = np.linspace(-60, 5, 2601)  # logarithms of the eigenvalues, the first the larger
    big, small = np.meshgrid(x, x, indexing="ij")
    keep = big > small
    big, small = big[keep], small[keep]
    log_weight = (
        (n_inputs - 1) / 2 * (big + small)
        + np.log(-np.expm1(small - big))
        + big
        - (np.exp(big) + np.exp(small)) / 2
    )
    log_t = np.array([39.0, 39.1, 39.2])
    log_z = [
        logsumexp(
            log_weight - n_outputs / 2 * (np.logaddexp(0, s + big) + np.logaddexp(0, s + small))
        )
        for s in log_t + np.log(2)
    ]
    mean = -(log_z[2] - log_z[0]) / 0.2
    slope = -(log_z[2] - 2 * log_z[1] + log_z[0]) / 0.01
    corrected = mean + np.sqrt(max((expected.multiplicity - 1) * slope, 0.0))
    assert corrected == pytest.approx(expected.value, rel=0.003)


@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=3), min_size=1, max_size=4))
def test_terms_add(terms):
    parts = [normal_crossing(term) for term in terms]
    whole = normal_crossing(*terms)
    assert whole.value == pytest.approx(sum(part.value for part in parts))
    assert whole.multiplicity == 1 + sum(part.multiplicity - 1 for part in parts)


def test_regular_model_is_half_its_dimension():
    assert normal_crossing(*[[2]] * 7) == LearningCoefficient(3.5, 1)


@pytest.mark.parametrize("terms", [[], [[]], [[2], []], [[0]], [[2, -1]], [[inf]], [[nan]]])
def test_exponents_are_checked(terms):
    with pytest.raises(ValueError, match="Expected"):
        normal_crossing(*terms)


@pytest.mark.parametrize("hidden", [0, -1, 1.5, True, nan])
def test_hidden_units_are_checked(hidden):
    with pytest.raises(ValueError, match="Expected n_hidden as an integer"):
        tanh(hidden)


@pytest.mark.parametrize(
    ("widths", "rank"), [([3], 1), ([3, 0], 0), ([3, 2.0], 1), ([3, 2], 3), ([3, 2], -1)]
)
def test_widths_and_rank_are_checked(widths, rank):
    with pytest.raises(ValueError, match="Expected"):
        deep_linear_network(widths, rank)
