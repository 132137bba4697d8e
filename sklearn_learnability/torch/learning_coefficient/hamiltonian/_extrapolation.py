"""What values at several inverse temperatures say about the one at an infinite n beta."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SLOWEST_POWER = 1 / 3  # of 1 / t, in the law of a minimum without flat directions: sixth powers
HIGHEST_MULTIPLICITY = 3


class Extrapolation(NamedTuple):
    """Extrapolations of t E[K] to infinite t.

    `slope` is its derivative by log t, `bias` what a law c / t^a adds to the value,
    `multiplicity_corrected` the limit for multiplicity 2,
    `line_limit` the limit at t = 0 of a line in t, `rises_to` the limit by a power law if the rises
    fall too fast for multiplicity 2, `convex` whether the values rise by log t ever
    faster, as such a line does, `bracket` the lowest and highest limit, and `high` the highest for
    a multiplicity of at most 2.
    """

    slope: float
    slope_error: float
    bias: float
    multiplicity_corrected: float
    line_limit: float
    line_error: float
    rises_to: float
    convex: bool
    bracket: tuple[float, float]
    high: float


def extrapolate(
    inverse_temperatures: Floats, values: Floats, errors: Floats, *, has_flats: bool = True
) -> Extrapolation:
    """Extrapolate values at falling inverse temperatures t, the first of them the one asked for.

    With flat directions the multiplicity m may be above 1, and t E[K] = lambda - (m - 1)/(log t +
    c). The rises so far bound what is left for m = 3, two standard errors of them included. The
    limit may also lie below: parts of the posterior whose coefficient is lower but whose volume is
    small win at last, as for tanh networks. The values then rise to that of the larger volume, and
    the bracket goes as far below the value as such a rise goes above it.

    Without flat directions the law is c / t^a, with a at least 1/3. A power law through three
    values and higher values at lower t are in the bracket too: chains at the highest are the
    slowest to converge. All is widened by two standard errors.
    """
    value, error = float(values[0]), float(errors[0])
    if len(values) == 1:
        nan, bracket = float("nan"), (value - 2 * error, value + 2 * error)
        return Extrapolation(nan, nan, nan, nan, nan, nan, nan, False, bracket, nan)
    spans = np.log(inverse_temperatures[0] / inverse_temperatures[1:])
    slopes, slope_errors = (value - values[1:]) / spans, np.hypot(error, errors[1:]) / spans
    slope, slope_error = float(slopes[-1]), float(slope_errors[-1])
    rises = -np.diff(values) / -np.diff(np.log(inverse_temperatures))
    ratio = float(inverse_temperatures[0] / inverse_temperatures[1])
    corrected = value + what_is_left(slopes, spans, multiplicity=2)
    power = power_law_limit(values, errors)
    highest = float((values + 2 * errors).max())
    late = max(value - float(values[1]), 0.0) + 2 * math.hypot(error, errors[1])
    bias = bias_of(values, errors, ratio)
    if has_flats:
        at_most = slopes.clip(0) + 2 * slope_errors
        rests = [what_is_left(at_most, spans, m) for m in (2, HIGHEST_MULTIPLICITY)]
        down = what_is_left(slopes, spans, HIGHEST_MULTIPLICITY)
    else:
        rests, down = [late / (ratio**a - 1) for a in (1.0, SLOWEST_POWER)], 0.0
    limits = [(value + rest + 2 * error, power + 2 * error, highest) for rest in rests]
    high, highest_limit = (float(np.max(ends)) for ends in limits)  # NaN where one is
    return Extrapolation(
        slope=slope,
        slope_error=slope_error,
        bias=bias,
        multiplicity_corrected=corrected,
        line_limit=float(ratio * values[1] - values[0]) / (ratio - 1),
        line_error=math.hypot(ratio * errors[1], errors[0]) / (ratio - 1),
        rises_to=power if rises[0] < 0.5 * rises[-1] else corrected,
        convex=bool(rises[0] > rises[-1] and slope > 0),
        bracket=(value - float(np.max([down, bias, 0.0])) - 2 * error, highest_limit),
        high=high,
    )


def what_is_left(slopes: Floats, spans: Floats, multiplicity: int) -> float:
    """Return how far the limit lies above the value for a multiplicity, 0 without a rise.

    `slopes` are mean derivatives by log t over spans h of it below the value. At x = log t + c the
    rest is (m - 1)/x, and the slope over a span s = (m - 1)/(x (x - h)). The smallest rest is
    returned: the values rise ever slower.
    """
    if (slopes <= 0).any():
        return 0.0
    x = (spans + np.sqrt(spans**2 + 4 * (multiplicity - 1) / slopes)) / 2
    return float(((multiplicity - 1) / x).min())


def bias_of(values: Floats, errors: Floats, ratio: float) -> float:
    """Return what a law c / t through the two highest adds to the value.

    Where the values change for sure: what a power law adds, if that is more; and all of the last
    change where it goes against the one before, so that no law holds yet.
    """
    late = float(values[0] - values[1])
    line = late / (ratio - 1)
    if len(values) < 3 or abs(late) < 2 * math.hypot(errors[0], errors[1]):
        return -line
    if late * float(values[1] - values[2]) < 0:
        return -late
    return -max(line, power_law_limit(values, errors) - float(values[0]), key=abs)


def power_law_limit(values: Floats, errors: Floats) -> float:
    """Return the limit of a power law through three values at a fixed ratio of n beta.

    Returns the first value where they do not rise clearly, or not ever slower.
    """
    value = float(values[0])
    if len(values) < 3 or values[0] - values[2] < 2 * math.hypot(errors[0], errors[2]):
        return value
    late, early = float(values[0] - values[1]), float(values[1] - values[2])
    if early <= 0 or late <= 0 or late >= 0.9 * early:
        return value
    return value + late * late / (early - late)
