"""Rank correlations, alone and given other quantities, by the orders that chance could have."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._validation import as_numbers, check_count, check_random_state
from sklearn_learnability.metrics._arrangements import lay_out
from sklearn_learnability.metrics._rank_association import RankAssociation
from sklearn_learnability.metrics._rank_comparison import (
    Quantities,
    check_columns,
    check_indices,
    compare,
    warn_if_undefined,
)
from sklearn_learnability.metrics._resampling import check_confidence


def spearman(
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    runs: ArrayLike | None = None,
    steps: ArrayLike | None = None,
    n_permutations: int = 9999,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> RankAssociation:
    r"""Correlate the ranks of two quantities, of points or over runs, within groups.

    .. math:: \rho = r_{R(x), R(y)}

    with the ranks of a point among those of its group, and of its step, divided by their number
    plus one. 1 is the same order, -1 the reverse. The p-value is the share of the orders of y
    within groups in which :math:`|\rho|` is at least as large; where there are more orders than
    `n_permutations`, as many are drawn. It is exact: independent quantities have a p-value of 0.05
    or less in at most 5 % of cases, whatever their distributions, ties and number.

    Checkpoints of a run depend on each other, and two independent random walks look associated.
    Give `runs` and `steps`: ranks are those among the runs at each step, and whole runs change
    places. Fewer than 4 runs give no p-value below 0.05.

    Parameters
    ----------
    x, y : array-like of shape (n_points,)
        The two quantities.
    groups : array-like of shape (n_points,), optional
        The group of each point, such as the family of a model. Only points of one group are
        compared; one that stands alone in its group says nothing.
    runs : array-like of shape (n_points,), optional
        The run that each point is a checkpoint of. None: all points are independent.
    steps : array-like of shape (n_points,), optional
        The step at which each point was measured. None: all at the same, one point a run.
    n_permutations : int, default=9999
        How often to permute, where there are more orders.
    confidence : float, default=0.95
        Level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Source of randomness. Draws the orders.

    Returns
    -------
    RankAssociation
        The correlation, its interval and p-value, or the reason why there is none.

    Raises
    ------
    ValueError
        If there are fewer than 3 points, lengths or the indices of tables differ, a value is not
        finite, a run has two points at one step or is of two groups, or the orders do not fit into
        memory.

    Warns
    -----
    UndefinedAssociationWarning
        If a quantity is constant within groups and steps: the correlation is NaN.

    See Also
    --------
    partial_spearman : The same given other quantities.
    relate_to_performance : Several measures of models, and scores, with a reading.

    References
    ----------
    C. Spearman. The proof and measurement of association between two things. American Journal of
    Psychology, 1904. https://doi.org/10.2307/1412159

    Examples
    --------
    >>> from sklearn_learnability.metrics import spearman
    >>> found = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(found.rho, 3), round(found.p_value, 3), found.n_orders
    (0.8, 0.133, 120)
    """
    return partial_spearman(
        x,
        y,
        np.empty((as_numbers("x", x).size, 0)),
        groups,
        runs=runs,
        steps=steps,
        n_permutations=n_permutations,
        confidence=confidence,
        random_state=random_state,
    )


def partial_spearman(
    x: ArrayLike,
    y: ArrayLike,
    covariates: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    degree: int = 1,
    runs: ArrayLike | None = None,
    steps: ArrayLike | None = None,
    n_permutations: int = 9999,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> RankAssociation:
    r"""Correlate what covariates leave of the ranks of two quantities.

    .. math:: \rho_{xy \cdot z} = r_{e_x, e_y}, \qquad e_x = R(x) - \hat R_x(z)

    with :math:`\hat R_x(z)` the least-squares fit on the ranks of the covariates, and on powers of
    them up to `degree`. At 1 it is the partial Spearman correlation of textbooks, which takes out
    straight lines of ranks only: where both quantities follow a covariate along a curve, such as a
    score that rises late or saturates, it calls them associated. At 3 it does so less often.

    The p-value is Freedman and Lane's: the residuals of y change places within groups, and the
    covariates are taken out again. Orders are compared by :math:`\rho` over its standard error by
    White's formula, so that it also holds where both quantities vary more among large models than
    among small ones; of runs, by :math:`|\rho|`. The interval of independent points is Bonett and
    Wright's, with Student's quantile; over runs it leaves out one run at a time.

    Parameters
    ----------
    x, y : array-like of shape (n_points,)
        The two quantities.
    covariates : array-like of shape (n_points,) or (n_points, n_covariates)
        What is to be taken out, such as parameters, tokens of training and loss. Only their order
        matters: logarithms change nothing. One that is constant takes out nothing.
    groups : array-like of shape (n_points,), optional
        The group of each point, such as the family of a model. Only points of one group are
        compared; one that stands alone in its group says nothing.
    degree : int, default=1
        Highest power of the ranks of the covariates, from 1 to 5.
    runs : array-like of shape (n_points,), optional
        The run that each point is a checkpoint of. None: all points are independent.
    steps : array-like of shape (n_points,), optional
        The step at which each point was measured. None: all at the same, one point a run.
    n_permutations : int, default=9999
        How often to permute, where there are more orders.
    confidence : float, default=0.95
        Level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Source of randomness. Draws the orders.

    Returns
    -------
    RankAssociation
        The correlation, its interval and p-value, or the reason why there is none.

    Raises
    ------
    ValueError
        If there are fewer than 3 points, lengths or the indices of tables differ, a value is not
        finite, a run has two points at one step or is of two groups, or the orders do not fit into
        memory.

    Warns
    -----
    UndefinedAssociationWarning
        If a quantity is constant within groups and steps: the correlation is NaN.
    DeterminedByCovariatesWarning
        If the covariates determine the ranks of a quantity: nothing is left to correlate.

    See Also
    --------
    spearman : The same without covariates.
    relate_to_performance : Several measures of models, and scores, with a reading.

    References
    ----------
    D. Freedman and D. Lane. A nonstochastic interpretation of reported significance levels. Journal
    of Business and Economic Statistics, 1983. https://doi.org/10.1080/07350015.1983.10509354

    C. J. DiCiccio and J. P. Romano. Robust permutation tests for correlation and regression
    coefficients. Journal of the American Statistical Association, 2017.
    https://doi.org/10.1080/01621459.2016.1202117

    Examples
    --------
    Both follow the size; what is left of them does not go together.

    >>> import numpy as np
    >>> from sklearn_learnability.metrics import partial_spearman, spearman
    >>> rng = np.random.default_rng(0)
    >>> size = rng.uniform(8, 11, size=40)
    >>> measure, score = size + 0.4 * rng.normal(size=(2, 40))
    >>> round(spearman(measure, score).rho, 2)
    0.86
    >>> found = partial_spearman(measure, score, size)
    >>> found.p_value > 0.05
    True
    """
    check_confidence(confidence)
    check_count("n_permutations", n_permutations)
    check_count("degree", degree, largest=5)
    rng = check_random_state(random_state)
    for name, values in (("x", x), ("y", y)):
        n_dimensions = as_numbers(name, values).ndim
        if n_dimensions != 1:
            raise ValueError(f"Expected {name} as a vector, got {n_dimensions} dimensions.")
    own = {"x": x, "y": y, "covariates": covariates}
    check_indices(own | {"groups": groups, "runs": runs, "steps": steps})
    one, other, given = check_columns(own)
    layout = lay_out(len(one), groups, runs, steps)
    names = (None,) if groups is None else tuple(pd.unique(np.asarray(groups)).tolist())
    compared = compare(Quantities(one, other, given, layout, names, degree), n_permutations, rng)
    if not compared.reason:
        warn_if_undefined(compared.residuals, ("x",), ("y",))
    return compared.association(0, 0, confidence)
