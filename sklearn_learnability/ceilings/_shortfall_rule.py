"""The rule that turns evidence into a bound of the shortfall, fitted where the truth is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from sklearn_learnability.ceilings._evidence import ShortfallEvidence


@dataclass(frozen=True)
class ShortfallRule:
    r"""Bound of a shortfall: what of the unexplained, by the evidence, could be explained.

    .. math:: s(e) = (1 - L_G)\, f \Big(\frac{r}{\sqrt n} + \sum_j c_j \max(e_j, 0)\Big),
              \qquad r, c_j \ge 0

    The sum is a share of what the ceiling :math:`L_G` leaves unexplained, and more evidence of any
    kind never lowers it. The bound is a multiple of it, and the upper end of the learnability adds
    a multiple of the standard error; both are those that held in generated tasks, in families that
    had been left out of the fit.

    Attributes
    ----------
    budgets : tuple of str
        The families of candidates it was fitted with, the first, or tested with.
    n_tasks : int
        Tasks it was fitted on.
    coefficients : mapping of str to float
        What each kind of evidence counts.
    rows : float
        What few rows count, r.
    factor, errors : float
        Multiples f of the sum, and of the ceiling's standard error.
    confidence : float
        Share of the left-out tasks in which the bound held.
    ranges : mapping of str to pair of float
        Smallest and largest value seen of each kind of evidence.
    """

    budgets: tuple[str, ...]
    n_tasks: int
    coefficients: Mapping[str, float]
    rows: float
    factor: float
    errors: float
    confidence: float
    ranges: Mapping[str, tuple[float, float]]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the rule that a file holds."""
        found = json.loads(text)
        ranges = {name: (low, high) for name, (low, high) in found["ranges"].items()}
        return cls(**found | {"budgets": tuple(found["budgets"]), "ranges": ranges})

    def largest_gap(self, evidence: ShortfallEvidence, learnability: float) -> float:
        """Return the bound of the noise-free shortfall of a ceiling, as a share of H(Y)."""
        counted = self.coefficients.items()
        total = sum(c * max(getattr(evidence, name), 0.0) for name, c in counted)
        few = self.rows / evidence.n_samples**0.5
        return (1 - learnability) * self.factor * float(few + total)

    def strange(self, evidence: ShortfallEvidence) -> tuple[str, ...]:
        """Return the names of the evidence outside of what the rule was fitted on."""
        return tuple(
            name
            for name, (low, high) in self.ranges.items()
            if not low <= getattr(evidence, name) <= high
        )


@cache
def shortfall_rule() -> ShortfallRule:
    """Return the rule that comes with the package."""
    path = files("sklearn_learnability.ceilings") / "data" / "shortfall_fast.json"
    return ShortfallRule.from_json(path.read_text())
