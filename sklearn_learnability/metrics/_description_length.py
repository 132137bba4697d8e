"""Singular description length: what a model and the data it codes cost together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Units, is_finite_number, nats_per_unit
from sklearn_learnability.metrics._code_length import (
    asymptotic_redundancy,
    check_coefficient,
    check_rows,
    or_nan,
    warn_too_few_rows,
)
from sklearn_learnability.metrics._phases import Phase, find_phases


@dataclass(frozen=True, eq=False)
class Minimum(Result):
    """A model as description length sees it: a minimum of the loss and its geometry.

    Attributes
    ----------
    nll : float
        Mean negative log-likelihood of a row, in the units asked for.
    llc : float
        Local learning coefficient.
    multiplicity : int
        Its multiplicity.
    n_parameters : int or None
        Number of parameters, for the classical BIC.
    tempered_nll : float or None
        Mean over the posterior at n beta = n / log n of the mean loss of a row, for the WBIC. It
        belongs to the n it was sampled at.
    """

    nll: float
    llc: float
    multiplicity: int = 1
    n_parameters: int | None = None
    tempered_nll: float | None = None


@dataclass(frozen=True, eq=False)
class DescriptionLengthSelection(Result):
    """Models compared by description length, at one number of rows and over all.

    Attributes
    ----------
    best : str
        Name of the model with the shortest code at `n_samples`.
    n_samples : float
        Number of rows.
    models : dict of str to Minimum
        The models, in the order given.
    phases : tuple of Phase
        The winners from few rows to many, with the exact numbers of rows where they change.
    units : str
        Unit of losses and lengths.
    """

    best: str
    n_samples: float
    models: Mapping[str, Minimum]
    phases: tuple[Phase, ...]
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row a model: code length, redundancy, BIC and WBIC at `n_samples`."""
        n, unit = self.n_samples, nats_per_unit(self.units)
        rows = []
        for name, model in self.models.items():
            redundancy = asymptotic_redundancy(model.llc, n, model.multiplicity) / unit
            bic = or_nan(model.n_parameters) / 2 * np.log(n) / unit + n * model.nll
            rows.append(
                {
                    "model": name,
                    "nll": model.nll,
                    "llc": model.llc,
                    "multiplicity": model.multiplicity,
                    "n_parameters": or_nan(model.n_parameters),
                    "code_length": n * model.nll + redundancy,
                    "redundancy": redundancy,
                    "bic": bic,
                    "wbic": n * or_nan(model.tempered_nll),
                    "best": name == self.best,
                }
            )
        return pd.DataFrame(rows)

    def lengths_per_row(self, n: ArrayLike) -> Floats:
        """Return code lengths a row above the lowest loss: models by numbers of rows."""
        n = np.asarray(n, dtype=np.float64)
        lowest = min(model.nll for model in self.models.values())
        unit = nats_per_unit(self.units)
        return np.array(
            [
                model.nll
                - lowest
                + (model.llc * np.log(n) - (model.multiplicity - 1) * np.log(np.log(n))) / n / unit
                for model in self.models.values()
            ]
        )

    def phases_to_frame(self) -> pd.DataFrame:
        """Return one row a phase: who wins from which number of rows to which."""
        return pd.DataFrame([vars(phase) for phase in self.phases])


def select_by_description_length(
    models: Mapping[str, Minimum],
    n: float,
    *,
    n_range: tuple[float, float] = (3.0, 1e12),
    units: Units = "bits",
) -> DescriptionLengthSelection:
    r"""Choose among models, or minima of one model, by the length of the two-part code.

    .. math:: f_j(n) = n L_j + \lambda_j \log n - (m_j - 1) \log \log n

    The shortest wins. With few rows that is a simple model with a larger loss; with more rows a
    lower loss pays for its coefficient. The numbers of rows where the winner changes are the phase
    transitions; they are found exactly, by root finding on every pair.

    Parameters
    ----------
    models : dict of str to Minimum
        What is known of every model.
    n : float
        Number of rows. To choose at, inside `n_range`.
    n_range : tuple of float, default=(3.0, 1e12)
        Numbers of rows over which the phases are found, from 3 on.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of the losses given and of the lengths.

    Returns
    -------
    DescriptionLengthSelection
        The best at n, a table with BIC and WBIC beside the code length, and the phases. Of equal
        models the first given wins.

    Raises
    ------
    ValueError
        If there is no model, a number is not finite or out of its range, or n is out of `n_range`.

    Warns
    -----
    AsymptoticFormulaWarning
        If a redundancy at n is negative: n is too small for the formula.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory, 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    S. Watanabe. A widely applicable Bayesian information criterion. Journal of Machine Learning
    Research, 2013. https://doi.org/10.48550/arXiv.1208.6338

    Examples
    --------
    >>> from sklearn_learnability.metrics import Minimum, select_by_description_length
    >>> chosen = select_by_description_length(
    ...     {"simple": Minimum(nll=0.9, llc=2), "rich": Minimum(nll=0.6, llc=20)}, n=200
    ... )
    >>> chosen.best
    'simple'
    >>> [(phase.model, round(phase.end, 1)) for phase in chosen.phases]
    [('simple', 545.5), ('rich', 1000000000000.0)]
    """
    if not isinstance(models, Mapping):
        raise TypeError(
            "Expected models as a mapping of names to Minimum, such as "
            f'{{"model": Minimum(nll=0.9, llc=2)}}, got {type(models).__name__}.'
        )
    if not models:
        raise ValueError("Expected at least one model, got none.")
    low, high = _check_range(n_range)
    if not is_finite_number(n) or not low <= n <= high:
        raise ValueError(f"Expected n inside n_range={n_range}, got n={n!r}.")
    unit = nats_per_unit(units)
    lines = {}
    for name, model in models.items():
        _check_minimum(name, model, high)
        lines[name] = (model.nll * unit, model.llc, model.multiplicity)
    phases = find_phases(lines, low, high)
    totals = {}
    for name, model in models.items():
        redundancy = asymptotic_redundancy(model.llc, n, model.multiplicity)
        totals[name] = n * model.nll * unit + redundancy
        if redundancy < 0:
            warn_too_few_rows(name, n)
    best = min(totals, key=lambda name: totals[name])
    return DescriptionLengthSelection(best, n, dict(models), phases, units)


def predicted_bits(llc: float, n_parameters: int, tolerance: float) -> float:
    r"""Predict the bits per parameter at which rounding raises the loss by a tolerance.

    .. math:: b^* = \frac{\lambda}{d} \log_2 \frac{1}{\epsilon}

    Fewer bits: a more compressible model. The formula leaves out a constant, among it the range of
    the parameters in natural units, so it is compared with the measured critical bits
    :math:`\log_2 n_q^*` by its slope over models or tolerances, not by its value.

    Parameters
    ----------
    llc : float
        Local learning coefficient, at least 0.
    n_parameters : int
        Number of parameters.
    tolerance : float
        Increase of the loss, inside (0, 1), in nats.

    Returns
    -------
    float
        Bits per parameter.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory, 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    Examples
    --------
    >>> from sklearn_learnability.metrics import predicted_bits
    >>> predicted_bits(llc=25.0, n_parameters=100, tolerance=2**-8)  # a regular model would need 4
    2.0
    """
    if not is_finite_number(tolerance) or not 0 < tolerance < 1:
        raise ValueError(f"Expected a tolerance inside (0, 1), got {tolerance!r}.")
    if not is_finite_number(n_parameters) or not n_parameters >= 1:
        raise ValueError(f"Expected n_parameters of at least 1, got {n_parameters!r}.")
    check_coefficient(llc)
    bits = float(llc / n_parameters * -np.log2(tolerance))
    if not np.isfinite(bits):
        raise ValueError(f"Expected a llc whose bits a float can hold, got {llc:g}.")
    return bits


def _check_range(n_range: tuple[float, float]) -> tuple[float, float]:
    """Return the smallest and the largest number of rows."""
    several = isinstance(n_range, tuple | list) and len(n_range) == 2
    if not several or not all(map(is_finite_number, n_range)) or not 3 <= n_range[0] < n_range[1]:
        raise ValueError(f"Expected n_range of two numbers, 3 <= low < high, got {n_range!r}.")
    return n_range[0], n_range[1]


def _check_minimum(name: str, model: Minimum, most_rows: float) -> None:
    """Refuse a model with numbers that are not finite, or whose code is not at some n."""
    if not isinstance(model, Minimum):
        raise TypeError(f"Expected a Minimum for {name!r}, got {type(model).__name__}.")
    check_rows(3, model.multiplicity)
    numbers = {"nll": model.nll, "llc": model.llc}
    optional = {"n_parameters": model.n_parameters, "tempered_nll": model.tempered_nll}
    numbers |= {key: value for key, value in optional.items() if value is not None}
    for key, value in numbers.items():
        if not is_finite_number(value) or (key != "nll" and key != "tempered_nll" and value < 0):
            least = "" if key.endswith("nll") else " of at least 0"
            raise ValueError(f"Expected a finite {key}{least} of {name!r}, got {value!r}.")
        if not np.isfinite(10 * float(value) * float(most_rows)):
            raise ValueError(
                f"Expected a {key} of {name!r} whose code a float can hold over n_range, got "
                f"{value:g} and up to {most_rows:g} rows."
            )
