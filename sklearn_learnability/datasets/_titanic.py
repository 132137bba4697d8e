"""People on board the Titanic, counted by class, sex, age and survival."""

import pandas as pd

from sklearn_learnability._validation import RandomState
from sklearn_learnability.datasets._cell_truth import CellTruth, draw_from_cells


def load_titanic(
    n_samples: int = 1000,
    *,
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[pd.DataFrame, pd.Series] | tuple[pd.DataFrame, pd.Series, CellTruth]:
    r"""Draw people on board the Titanic: who survived, with a learnability known exactly.

    All 2,201 people fall into 14 cells of class, sex and age. Rows are drawn from them with
    replacement, so that :math:`p(y \mid x)` is a ratio of counts: H(Y) is 0.9077 bits and the
    learnability 0.2426.

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
    X : DataFrame of shape (n_samples, 3)
        The categories `class`, `sex` and `age`.
    y : Series of shape (n_samples,)
        Labels "no" and "yes", whether the person survived.
    truth : CellTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    R. J. MacG. Dawson. The "unusual episode" data revisited. Journal of Statistics Education, 1995.
    https://doi.org/10.1080/10691898.1995.11910499

    Examples
    --------
    >>> from sklearn_learnability.datasets import load_titanic
    >>> X, y, truth = load_titanic(random_state=0, return_truth=True)
    >>> X.shape, round(truth.label_entropy(), 4), round(truth.learnability, 4)
    ((1000, 3), 0.9077, 0.2426)
    """
    return draw_from_cells(
        "titanic.csv", "survived", ("survived",), n_samples, random_state, return_truth
    )
