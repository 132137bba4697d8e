"""Members of the US armed forces, counted by grade, branch, gender, race, origin and rank."""

from typing import Literal

import pandas as pd

from sklearn_learnability._validation import RandomState
from sklearn_learnability.datasets._cell_truth import CellTruth, draw_from_cells


def load_military(
    n_samples: int = 10_000,
    *,
    target: Literal["grade", "branch", "rank"] = "grade",
    random_state: RandomState = None,
    return_truth: bool = False,
) -> tuple[pd.DataFrame, pd.Series] | tuple[pd.DataFrame, pd.Series, CellTruth]:
    r"""Draw members of the US armed forces: a real table whose learnability is known exactly.

    All 1,414,593 members of army, navy, air force and marine corps fall into 1,646 cells of six
    columns. One column is the target, the other five are the inputs. Rows are drawn from the
    population with replacement, so that :math:`p(y \mid x)` is a ratio of counts.

    ========  =========  ==============  ============
    target    classes    H(Y), bits      learnability
    ========  =========  ==============  ============
    grade     3          0.7090          0.1733
    branch    4          1.9091          0.0718
    rank      11         2.7578          0.0526
    ========  =========  ==============  ============

    Parameters
    ----------
    n_samples : int, default=10000
        Number of rows.
    target : {"grade", "branch", "rank"}, default="grade"
        The column to predict: enlisted, officer or warrant officer; the branch; the pay grade
        within these.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It draws the rows.
    return_truth : bool, default=False
        Whether to return the truth as well.

    Returns
    -------
    X : DataFrame of shape (n_samples, 5)
        The other columns, of `grade`, `branch`, `gender`, `race`, `hispanic` and `rank`.
        Categories are of dtype `category`, `hispanic` is boolean, `rank` an integer.
    y : Series of shape (n_samples,)
        Labels.
    truth : CellTruth
        Exact posterior, entropies and divergences; only with ``return_truth=True``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    US Department of Defense. Personnel Trends by Gender and Race. data.gov, retrieved in February
    2012 for the table `military` of OpenIntro, which the counts are taken from. The coast guard is
    not among them.

    Examples
    --------
    >>> from sklearn_learnability.datasets import load_military
    >>> X, y, truth = load_military(target="branch", random_state=0, return_truth=True)
    >>> X.shape, round(truth.label_entropy(), 4), round(truth.learnability, 4)
    ((10000, 5), 1.9091, 0.0718)
    """
    targets = ("grade", "branch", "rank")
    return draw_from_cells(
        "military.csv.gz", target, targets, n_samples, random_state, return_truth
    )
