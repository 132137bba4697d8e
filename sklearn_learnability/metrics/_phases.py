"""Which of several code lengths is the shortest at which number of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.optimize import brentq

from sklearn_learnability._results import Result

#: Loss in nats a row, coefficient, multiplicity.
Line = tuple[float, float, int]


@dataclass(frozen=True, eq=False)
class Phase(Result):
    """Numbers of rows over which one model has the shortest code.

    Attributes
    ----------
    model : str
        Its name.
    start, end : float
        From which number of rows on it wins, and up to which.
    """

    model: str
    start: float
    end: float


def find_phases(lines: Mapping[str, Line], low: float, high: float) -> tuple[Phase, ...]:
    """Return the winners from `low` to `high` rows; where codes are equal, the first given."""
    start, end = float(np.log(low)), float(np.log(high))
    found = {
        x
        for one, other in combinations(lines.values(), 2)
        for x in crossings(one, other, start, end)
    }
    edges = [start, *sorted(found), end]
    phases: list[Phase] = []
    for left, right in pairwise(edges):
        winner = _shortest(lines, (left + right) / 2)
        # low and high as given, not as the exponential of their logarithm
        first = low if left == start else float(np.exp(left))
        last = high if right == end else float(np.exp(right))
        if phases and phases[-1].model == winner:
            phases[-1] = Phase(winner, phases[-1].start, last)
        else:
            phases.append(Phase(winner, first, last))
    return tuple(phases)


def crossings(one: Line, other: Line, start: float, end: float) -> list[float]:
    r"""Return every x = log n inside (start, end) where two code lengths are equal.

    Their difference is :math:`D(x) = a e^x + b x - c \log x` for x >= 1. :math:`x D'(x)` has a
    monotone derivative, so that the zeros of each function cut the next into monotone pieces.
    """
    a, b, c = (p - q for p, q in zip(one, other, strict=True))

    def difference(x: float) -> float:
        return a * np.exp(x) + b * x - c * np.log(x)

    def slope(x: float) -> float:
        return a * x * np.exp(x) + b * x - c

    def bend(x: float) -> float:
        return a * (1 + x) * np.exp(x) + b

    edges = [start, end]
    for function in (bend, slope, difference):
        edges = [start, *_roots(function, edges), end]
    return edges[1:-1]


def _roots(function: Callable[[float], float], edges: list[float]) -> list[float]:
    """Return the roots of a function that is monotone between neighbouring edges."""
    roots = [edge for edge in edges[1:-1] if function(edge) == 0]
    for left, right in pairwise(edges):
        if np.sign(function(left)) * np.sign(function(right)) < 0:
            roots.append(float(brentq(function, left, right, xtol=1e-13, rtol=1e-14)))
    return sorted(roots)


def _shortest(lines: Mapping[str, Line], x: float) -> str:
    """Return whose code is the shortest at n = exp(x)."""

    def length(name: str) -> float:
        loss, llc, multiplicity = lines[name]
        return loss * np.exp(x) + llc * x - (multiplicity - 1) * np.log(x)

    return min(lines, key=length)
