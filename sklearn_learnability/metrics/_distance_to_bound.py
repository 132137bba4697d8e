"""Where measured models lie against an information-bottleneck curve."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, as_numbers
from sklearn_learnability.metrics._information_bottleneck import ROUNDING, InformationBottleneck


@dataclass(frozen=True, eq=False)
class DistanceToBound(Result):
    """Where measured models lie against an information-bottleneck curve.

    Attributes
    ----------
    complexity, expressivity : ndarray of shape (n_models,)
        What was measured.
    frontier : ndarray of shape (n_models,)
        The largest expressivity that is known to be achievable at that complexity.
    upper_bound : ndarray of shape (n_models,)
        What no model of that complexity exceeds (:meth:`InformationBottleneck.limit`).
    shortfall : ndarray of shape (n_models,)
        Frontier less expressivity. Lower is better; below 0 the model is better than any encoder
        that was found.
    excess_complexity : ndarray of shape (n_models,)
        Complexity less the smallest that is known to be enough for that expressivity. Lower is
        better.
    optimality : ndarray of shape (n_models,)
        Expressivity over min(complexity, I(X;Y)), as in the information plane; NaN where that is 0.
    is_possible : ndarray of shape (n_models,)
        Whether the expressivity is at most the upper bound. Where it is not, the informations are
        not of one X, Y and unit, or the estimates are biased.
    units : str
        Unit of all informations.
    """

    complexity: Floats
    expressivity: Floats
    frontier: Floats
    upper_bound: Floats
    shortfall: Floats
    excess_complexity: Floats
    optimality: Floats
    is_possible: np.ndarray
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a model."""
        return pd.DataFrame(
            {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "units"}
        )


def distance_to_bound(
    bottleneck: InformationBottleneck, complexity: ArrayLike, expressivity: ArrayLike
) -> DistanceToBound:
    r"""Say where measured models lie against the information-bottleneck curve.

    .. math:: \text{shortfall} = F(I(X;Z)) - I(Z;Y)

    with F the frontier of the curve. The comparison is legitimate where X, Y and their joint
    distribution are those of the curve, and the representation Z depends on Y through X alone. The
    soft-entropy information of hidden states is a lower bound of I(X;Z) and of I(Z;Y): a model may
    lie to the right of where it was measured, and above.

    Parameters
    ----------
    bottleneck : InformationBottleneck
        The curve.
    complexity : float or array-like of shape (n_models,)
        I(X;Z), in the units of the curve.
    expressivity : float or array-like of shape (n_models,)
        I(Z;Y), in the units of the curve.

    Returns
    -------
    DistanceToBound
        One row a model.

    Raises
    ------
    TypeError
        If the bottleneck is no result of :func:`information_bottleneck`.
    ValueError
        If an information is negative or not finite, or there are not as many of one as of the
        other.

    References
    ----------
    N. Tishby and N. Zaslavsky. Deep learning and the information bottleneck principle. IEEE
    Information Theory Workshop, 2015. https://doi.org/10.1109/ITW.2015.7133169

    Examples
    --------
    >>> from sklearn_learnability.metrics import distance_to_bound, information_bottleneck
    >>> curve = information_bottleneck([[0.45, 0.05], [0.05, 0.45]])
    >>> distance_to_bound(curve, [0.9, 0.9], [0.3, 0.5]).to_frame()[
    ...     ["frontier", "shortfall", "optimality"]].round(2)
       frontier  shortfall  optimality
    0       0.5        0.2        0.56
    1       0.5       -0.0        0.94
    """
    if not isinstance(bottleneck, InformationBottleneck):
        raise TypeError(
            "Expected bottleneck as what information_bottleneck returns, got "
            f"{type(bottleneck).__name__}."
        )
    measured = []
    for name, values in (("complexity", complexity), ("expressivity", expressivity)):
        numbers = np.atleast_1d(as_numbers(name, values))
        if numbers.ndim != 1 or not (np.isfinite(numbers) & (numbers >= 0)).all():
            raise ValueError(f"Expected {name} as finite informations >= 0, got {values!r}.")
        measured.append(numbers)
    if len(measured[0]) != len(measured[1]):
        raise ValueError(
            f"Expected one expressivity for each of {len(measured[0])} complexities, got "
            f"{len(measured[1])}."
        )
    rate, kept = measured
    frontier = bottleneck.frontier(rate)
    upper = bottleneck.limit(rate)
    most = np.minimum(rate, bottleneck.information)
    with np.errstate(invalid="ignore", divide="ignore"):
        optimality = np.where(most > 0, kept / most, np.nan)
    return DistanceToBound(
        complexity=rate,
        expressivity=kept,
        frontier=frontier,
        upper_bound=upper,
        shortfall=frontier - kept,
        excess_complexity=rate - bottleneck.complexity_needed(kept),
        optimality=optimality,
        is_possible=kept <= upper + ROUNDING,
        units=bottleneck.units,
    )
