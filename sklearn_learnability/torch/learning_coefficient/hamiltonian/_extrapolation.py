"""What values at several inverse temperatures say about the one at an infinite n beta."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Extrapolation(NamedTuple):
    """Extrapolations of t E[K] to infinite t.

    `slope` is its derivative by log t, `bias` what a law c / t through the two highest adds to the
    value, `multiplicity_corrected` the limit for multiplicity 2,
    `line_limit` the limit at t = 0 of a line in t, `rises_to` the limit by a power law if the rises
    fall too fast for multiplicity 2, `convex` whether the values rise by log t ever
    faster, as such a line does, and `bracket` the lowest and highest limit.
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


def extrapolate(
    inverse_temperatures: Floats, values: Floats, errors: Floats, *, has_flats: bool = True
) -> Extrapolation:
    """Extrapolate values at falling inverse temperatures t, the first of them the one asked for.

    With multiplicity m, t E[K] = lambda - (m - 1)/(log t + c) has the derivative
    (m - 1)/(log t + c)^2 by log t, so that lambda = t E[K] + sqrt((m - 1) slope): m = 1 and m = 2
    bound the bracket, and a power law lambda - b t^-a where three show one. As such values rise to
    their limit, higher ones at lower t are in the bracket too: chains at the highest are the
    slowest to converge. All are widened by two standard errors. A multiplicity of 2 needs flat
    directions: without any the law is lambda - c / t.
    """
    value, error = float(values[0]), float(errors[0])
    if len(values) == 1:
        nan, bracket = float("nan"), (value - 2 * error, value + 2 * error)
        return Extrapolation(nan, nan, nan, nan, nan, nan, nan, False, bracket)
    span = math.log(inverse_temperatures[0] / inverse_temperatures[-1])
    slope = float(values[0] - values[-1]) / span
    slope_error = math.hypot(error, errors[-1]) / span
    rises = -np.diff(values) / -np.diff(np.log(inverse_temperatures))
    last = min(slope, float(rises[0]))  # the rise flattens towards the limit
    corrected = value + math.sqrt(max(last, 0.0))
    steepest = value + math.sqrt(max(last + 2 * slope_error, 0.0))
    ratio = inverse_temperatures[0] / inverse_temperatures[1]
    bias = -float(values[0] - values[1]) / (ratio - 1)
    if not has_flats:
        steepest = value - bias + 2 * math.hypot(error, errors[1]) / (ratio - 1)
    power = power_law_limit(values, errors)
    highest = float((values + 2 * errors).max())
    return Extrapolation(
        slope=slope,
        slope_error=slope_error,
        bias=float(bias),
        multiplicity_corrected=corrected,
        line_limit=float(ratio * values[1] - values[0]) / (ratio - 1),
        line_error=math.hypot(ratio * errors[1], errors[0]) / (ratio - 1),
        rises_to=power if rises[0] < 0.5 * rises[-1] else corrected,
        convex=bool(rises[0] > rises[-1] and slope > 0),
        bracket=(min(value, power) - 2 * error, max(max(steepest, power) + 2 * error, highest)),
    )


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
