"""Applicants to the graduate school of Berkeley in 1973, counted by department and gender."""

import pandas as pd

from sklearn_learnability._validation import RandomState
from sklearn_learnability.datasets._cell_truth import CellTruth, draw_from_cells


def load_berkeley(
    n_samples: int = 1000,
    *,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[pd.DataFrame, pd.Series] | tuple[pd.DataFrame, pd.Series, CellTruth]:
    r"""Draw applicants to Berkeley in 1973: who was admitted, with a learnability known exactly.

    The 4,526 applicants to the six largest departments fall into 12 cells of department and gender.
    Rows are drawn from them with replacement, so that :math:`p(y \mid x)` is a ratio of counts:
    H(Y) is 0.9633 bits and the learnability 0.1451.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the rows.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : DataFrame of shape (n_samples, 2)
        The categories `department` and `gender`.
    y : Series of shape (n_samples,)
        Labels "no" and "yes", whether the applicant was admitted.
    truth : CellTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    P. J. Bickel, E. A. Hammel and J. W. O'Connell. Sex bias in graduate admissions: data from
    Berkeley. Science, 1975. https://doi.org/10.1126/science.187.4175.398

    Examples
    --------
    >>> from sklearn_learnability.datasets import load_berkeley
    >>> X, y, truth = load_berkeley(random_state=0, return_truth=True)
    >>> X.shape, round(truth.label_entropy(), 4), round(truth.learnability, 4)
    ((1000, 2), 0.9633, 0.1451)
    """
    return draw_from_cells(
        "berkeley.csv", "admitted", ("admitted",), n_samples, random_state, return_truth
    )
