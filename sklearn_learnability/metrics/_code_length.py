"""Two-part code lengths: what a model costs, and what it leaves to tell of the data."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Units, is_finite_number, nats_per_unit, warn
from sklearn_learnability.exceptions import AsymptoticFormulaWarning


@dataclass(frozen=True, eq=False)
class CodeLength(Result):
    """Length of a two-part code: the model, then the data by it.

    Attributes
    ----------
    total : float
        What both parts take.
    data : float
        Code of the data: their summed negative log-likelihood.
    redundancy : float
        R_n, what telling the model takes, up to a constant.
    n_samples : float
        Number of rows coded.
    units : str
        Unit of information; that of the lengths.
    """

    total: float
    data: float
    redundancy: float
    n_samples: float
    units: str

    def to_frame(self) -> pd.DataFrame:
        """Return the lengths as a table of one row."""
        return pd.DataFrame([vars(self)])


def two_part_code_length(
    nll_sum: float,
    llc: float,
    n: float,
    multiplicity: int = 1,
    *,
    units: Units = "bits",
) -> CodeLength:
    r"""Length of a two-part code of n rows by a singular model.

    .. math:: n L_n(w^*) + R_n, \qquad R_n = \lambda \log n - (m - 1) \log \log n

    with :math:`\lambda` the local learning coefficient and m its multiplicity. Shorter is better.
    A regular model of d parameters has :math:`\lambda = d/2` and m = 1, which gives the BIC as a
    code length, half of the BIC that is written with a factor of 2. The formula leaves out a
    constant, so only differences count, and only those that are large beside a few units.

    Parameters
    ----------
    nll_sum : float
        Summed negative log-likelihood of the rows, in `units`.
    llc : float
        Local learning coefficient, at least 0.
    n : float
        Number of rows; above 1, and at least 3 where the multiplicity is above 1.
    multiplicity : int, default=1
        Multiplicity of the coefficient, at least 1.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of the lengths. The inner logarithm of log log n is natural in
        either.

    Returns
    -------
    CodeLength
        The total, and its two parts.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.

    Warns
    -----
    AsymptoticFormulaWarning
        If the redundancy comes out negative: n is too small for the formula.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory, 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    G. Schwarz. Estimating the dimension of a model. Annals of Statistics, 1978.
    https://doi.org/10.1214/aos/1176344136

    Examples
    --------
    >>> from sklearn_learnability.metrics import two_part_code_length
    >>> code = two_part_code_length(700.0, llc=2.5, n=1024)
    >>> code.total, code.redundancy
    (725.0, 25.0)
    """
    if not is_finite_number(nll_sum):
        raise ValueError(f"Expected a finite nll_sum, got {nll_sum!r}.")
    check_rows(n, multiplicity)
    redundancy = asymptotic_redundancy(llc, n, multiplicity) / nats_per_unit(units)
    if not np.isfinite(nll_sum + redundancy):
        raise ValueError(
            f"Expected a code whose length a float can hold, got nll_sum={nll_sum:g} and "
            f"llc={llc:g}."
        )
    if redundancy < 0:
        warn_too_few_rows("the code", n)
    return CodeLength(float(nll_sum + redundancy), float(nll_sum), redundancy, n, units)


def asymptotic_redundancy(llc: float, n: float, multiplicity: int) -> float:
    """Return lambda log n - (m - 1) log log n in nats."""
    check_coefficient(llc)
    log_n = math.log(n)
    return float(llc) * log_n - ((multiplicity - 1) * math.log(log_n) if multiplicity > 1 else 0.0)


def check_rows(n: float, multiplicity: int) -> None:
    """Refuse numbers of rows that the formula is not defined at."""
    whole = is_finite_number(multiplicity) and float(multiplicity).is_integer()
    if not whole or multiplicity < 1:
        raise ValueError(f"Expected a whole multiplicity of at least 1, got {multiplicity!r}.")
    least = 3 if multiplicity > 1 else 1
    if not is_finite_number(n) or n < least:
        raise ValueError(f"Expected n of at least {least}, got {n!r}.")


def check_coefficient(llc: float) -> None:
    """Refuse what is no learning coefficient."""
    if not is_finite_number(llc) or llc < 0:
        raise ValueError(f"Expected a finite llc of at least 0, got {llc!r}.")


def warn_too_few_rows(name: str, n: float) -> None:
    """Warn that the redundancy is negative."""
    warn(
        f"The redundancy of {name} at n={n:g} is negative: the formula holds for large n, where "
        "lambda log n exceeds (m - 1) log log n.",
        AsymptoticFormulaWarning,
    )


def or_nan(value: float | None) -> float:
    """Return a number that may be missing as a float."""
    return float("nan") if value is None else float(value)
