"""What values at several inverse temperatures say of their limit, on laws whose limit is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import (  # noqa: E402
    bias_of,
    extrapolate,
    what_is_left,
)

T = 3e4 / np.array([1.0, 4.0, 16.0])
ERRORS = np.full(3, 1e-6)


@pytest.mark.parametrize("multiplicity", [2, 3])
@pytest.mark.parametrize("constant", [-4.0, 0.0, 5.0])
def test_what_is_left_is_exact_for_the_law_of_a_multiplicity(multiplicity, constant):
    values = 2.0 - (multiplicity - 1) / (np.log(T) + constant)
    spans = np.log(T[0] / T[1:])
    rest = what_is_left((values[0] - values[1:]) / spans, spans, multiplicity)
    assert values[0] + rest == pytest.approx(2.0)


@pytest.mark.parametrize("multiplicity", [1, 2, 3])
def test_the_bracket_holds_the_limit_of_a_multiplicity_up_to_three(multiplicity):
    values = 2.0 - (multiplicity - 1) / (np.log(T) + 1.0)
    found = extrapolate(T, values, ERRORS)
    assert found.bracket[0] < 2.0 <= found.bracket[1]
    assert (found.high >= 2.0) == (multiplicity <= 2)


def test_the_bracket_goes_below_values_that_rise():
    """Those of a tanh network of two hidden units, whose coefficient is 2/3."""
    values, errors = np.array([0.748, 0.733, 0.726]), np.full(3, 0.010)
    assert extrapolate(T, values, errors).bracket[0] < 2 / 3
    level = extrapolate(T, np.full(3, 0.748), errors)
    assert level.bracket[0] == pytest.approx(0.748 - 0.020)


@pytest.mark.parametrize("power", [1.0, 0.5, 1 / 3])
def test_without_flat_directions_the_bracket_holds_the_limit_of_powers(power):
    values = 5.0 - 2.0 * T**-power
    found = extrapolate(T, values, ERRORS, has_flats=False)
    assert found.bracket[0] < 5.0 <= found.bracket[1] + 1e-5
    assert found.bracket[1] < 5.0 + 8 * (5.0 - values[0])


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_bias_is_that_of_a_power_law(power):
    values = 5.0 - 2.0 * T**-power
    assert bias_of(values, ERRORS, 4.0) == pytest.approx(values[0] - 5.0, rel=1e-6)


def test_the_bias_is_all_of_the_last_change_where_that_turned():
    assert bias_of(np.array([5.05, 5.10, 4.4]), ERRORS, 4.0) == pytest.approx(0.05)
    unsure = np.full(3, 0.1)
    assert bias_of(np.array([5.05, 5.10, 4.4]), unsure, 4.0) == pytest.approx(0.05 / 3)


@pytest.mark.parametrize("has_flats", [True, False])
@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_an_error_that_is_not_known_leaves_the_end_unknown(has_flats, unknown):
    errors = np.where(np.arange(3) == unknown, np.nan, 0.1)
    found = extrapolate(T, np.array([5.0, 4.9, 5.1]), errors, has_flats=has_flats)
    assert np.isnan(found.bracket[1])
    assert np.isnan(found.high)
