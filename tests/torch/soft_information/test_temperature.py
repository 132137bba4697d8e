"""The temperature: published values, an independent high-precision sum, and limits."""

import math

import mpmath
import pytest

from sklearn_learnability.torch import calibrate_temperature

# dim: (exact, the published code's bound), both for 100 points
REFERENCE = {
    64: (0.0370494750218, 0.03622987912),
    128: (0.0276111276561, 0.02734796334),
    256: (0.0200491494635, 0.01996193681),
    576: (0.0135661835483, 0.013541419),
    768: (0.0117837599671, 0.01176782191),
    2048: (0.00725660648222, 0.00725301133),
    4096: (0.00513984561222, 0.005138581558),
    5120: (0.00459876736373, 0.004597863891),
}


@pytest.mark.parametrize("dim", REFERENCE)
def test_reference_values(dim):
    exact, bound = REFERENCE[dim]
    assert calibrate_temperature(dim) == pytest.approx(exact, rel=1e-9)
    assert calibrate_temperature(dim, method="paper") == pytest.approx(bound, rel=1e-9)
    leading = calibrate_temperature(dim, method="leading")
    assert leading == pytest.approx(1 / math.sqrt(2 * dim * math.log(100)), rel=1e-14)


@pytest.mark.parametrize(
    ("dim", "n_points", "expected"),
    [
        (8, 100, 0.0480786849165),
        (64, 50, 0.040849759547),
        (576, 50, 0.014745580062),
        (4096, 50, 0.0055780501708),
        (64, 1000, 0.0286675852917),
        (576, 1000, 0.0110106579157),
        (4096, 1000, 0.00419313025035),
    ],
)
def test_reference_values_of_other_numbers_of_points(dim, n_points, expected):
    assert calibrate_temperature(dim, n_points) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("dim", "n_points"), [(2, 2), (2, 100), (3, 1000), (10_000, 100), (100_000, 2)]
)
def test_solves_its_equation(dim, n_points):
    """The divergence at the solution, summed to 40 digits by other code, is ln of the points."""
    with mpmath.workdps(40):
        kappa = 1 / mpmath.mpf(calibrate_temperature(dim, n_points))
        half = mpmath.mpf(dim) / 2
        partition = mpmath.hyp0f1(half, kappa**2 / 4)
        cosine = kappa / dim * mpmath.hyp0f1(half + 1, kappa**2 / 4) / partition
        divergence = float(kappa * cosine - mpmath.log(partition))
    assert divergence == pytest.approx(math.log(n_points), abs=1e-8)


def test_order_of_methods():
    """The published bound is too low, the leading order too high."""
    for dim in (3, 30, 3000):
        paper, exact, leading = (
            calibrate_temperature(dim, method=method) for method in ("paper", "exact", "leading")
        )
        assert paper < exact < leading


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 1}, "at least 2, got dim=1"),
        ({"dim": 8, "n_points": 1}, "n_points=1"),
        ({"dim": 8, "method": "fast"}, "got 'fast'"),
        ({"dim": 2, "method": "paper"}, "dim > 2"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate_temperature(**arguments)
