"""Does a data source earn its price? What columns say that the others do not, with a test."""

from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._folds import make_folds
from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, check_groups, check_number, names_of_columns
from sklearn_learnability.ceilings._column_subsets import (
    Columns,
    PairedRows,
    check_fitted,
    find_columns,
    loss_on,
    take_columns,
)
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._predicted_columns import as_frame, predict_columns
from sklearn_learnability.metrics._resampling import Estimate

Answer = Literal["says more", "says the same more simply", "nothing found"]


@dataclass(frozen=True, eq=False)
class ConditionalContribution(Result):
    """What columns add to a ceiling on top of all others, and how much of that only they say.

    Attributes
    ----------
    answer : {"says more", "says the same more simply", "nothing found"}
        Whether the columns say of the labels what the others do not; or, where that is not found,
        whether both what is lost without them and `restated` are above 0; or neither was found.
    p_value : float
        Of the hypothesis that they say nothing that the others do not, I(X_g; Y | others) = 0; NaN,
        and nothing is found, where all scored rows are of one group.
    on_top : Estimate
        What the ceiling loses without the columns, as a share of H(Y).
    new : Estimate
        The same where the others come with their own predictions of the columns.
    restated : Estimate
        The difference of the two: what the family gained because the columns put into simple words
        what the others say as well.
    predictable : float
        Share of the variance of the columns that the others predict.
    columns : tuple
        Names of the columns, or their positions where there are no names.
    level : float
        Level of the test.
    """

    answer: Answer
    p_value: float
    on_top: Estimate
    new: Estimate
    restated: Estimate
    predictable: float
    columns: tuple[Any, ...]
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return the contribution as a table of one row."""
        row: dict[str, object] = {"answer": self.answer, "p_value": self.p_value}
        for name in ("on_top", "new", "restated"):
            part: Estimate = getattr(self, name)
            row |= {name: part.value, f"{name}_lower": part.lower, f"{name}_upper": part.upper}
        return pd.DataFrame([row | {"predictable": self.predictable}])


def conditional_contribution(
    golden_model: GoldenModelCeiling,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    columns: Columns,
    level: float = 0.05,
) -> ConditionalContribution:
    r"""Test whether columns say of the labels what all others do not.

    .. math:: \text{new} = L_G(X, \hat X_g) - L_G(X_{-g}, \hat X_g), \qquad
              \hat X_g = \hat E[X_g \mid X_{-g}]

    What a ceiling loses without some columns is not yet information that only they hold: they may
    say in simple words what the others say in a way that the family does not find. Here the others
    are given their own predictions of these columns, which are functions of the others and hold
    nothing new. What is lost then, from the same rows and folds, is tested: the hypothesis is that
    given the others the columns and the labels are independent. Higher is more.

    The test is one-sided, from the paired losses of rows, clustered by `groups`. No test of
    conditional independence holds its level for every law; this one rests on the family, or the
    predictions of the columns, being good: what both miss is taken for new, as where the
    columns are a function of many others that neither finds. The predictions are of the
    columns' means. `predictable` tells how much the others say of the columns: where that is
    nearly all, a small contribution is doubtful.

    Parameters
    ----------
    golden_model : GoldenModelCeiling
        Fitted ceiling.
    X : array-like of shape (n_samples, n_features)
        Inputs. Those of its `fit`; a dense table.
    y : array-like of shape (n_samples,)
        Class labels. Those of its `fit`.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Those of its `fit`.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. Those of its `fit`.
    columns : str, int or iterable of them
        Columns to test; names, or positions. Not all of them.
    level : float, default=0.05
        Level of the test, and of those that tell "says the same more simply".

    Returns
    -------
    ConditionalContribution
        The answer, the p-value and the parts, with `to_frame()`. The family is fitted three times,
        and each of the columns is predicted.

    Raises
    ------
    ValueError
        If there is no such column, no other is left, rows, weights or groups are others than those
        of `fit`, the predicted rows are of one class, or a candidate is frozen or cannot be fitted
        on some of the columns.
    TypeError
        If the golden model is no GoldenModelCeiling, or the table is sparse or holds dates.

    See Also
    --------
    learnability_by_feature_group : What every group adds alone, on top of the others, and in
        shares.

    References
    ----------
    R. D. Shah, J. Peters. The hardness of conditional independence testing and the generalised
    covariance measure. Annals of Statistics, 2020. https://doi.org/10.1214/19-AOS1857
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman. Distribution-free predictive
    inference for regression. Journal of the American Statistical Association, 2018.
    https://doi.org/10.1080/01621459.2017.1307116

    Examples
    --------
    The second column says nothing new: it is the sine of the first, on which the labels depend.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling, conditional_contribution
    >>> rng = np.random.RandomState(0)
    >>> x, other = rng.standard_normal((2, 1500))
    >>> y = rng.uniform(size=1500) < 1 / (1 + np.exp(-3 * np.sin(2 * x) - other))
    >>> X = np.column_stack([x, np.sin(2 * x), other])
    >>> family = [("logistic", LogisticRegression())]
    >>> ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
    >>> conditional_contribution(ceiling, X, y, columns=1).answer
    'says the same more simply'
    >>> conditional_contribution(ceiling, X, y, columns=2).answer
    'says more'
    """
    level = check_number("level", level, 0.0, 1.0)
    data = check_fitted(golden_model, X, y, sample_weight, groups)
    n_columns = data.X.shape[1]
    wanted = find_columns(X, n_columns, columns)
    rest = [at for at in range(n_columns) if at not in wanted]
    if not rest:
        raise ValueError(f"Expected columns beside those to test, got all {n_columns}.")
    seed = golden_model._record.seed
    frame = as_frame(X)
    n_units = (
        len(data.codes) if groups is None else len(np.unique(check_groups(groups, len(frame))))
    )
    folds = make_folds(min(5, n_units), frame, data.codes, groups, np.random.RandomState(seed))
    predicted, predictable = predict_columns(frame, wanted, folds, seed)
    others = take_columns(data.X, rest)
    without = loss_on(golden_model, data, others)
    given = loss_on(golden_model, data, add_columns(others, predicted))
    both = loss_on(golden_model, data, add_columns(data.X, predicted))
    everything = golden_model.oof_nll_[np.isfinite(golden_model.oof_nll_)]
    rows = PairedRows.of_ceiling(golden_model)
    on_top, new = without - everything, given - both
    p_value = rows.p_value(new)
    answer: Answer = "nothing found"
    if p_value <= level:
        answer = "says more"
    elif max(rows.p_value(on_top), rows.p_value(on_top - new)) <= level:
        answer = "says the same more simply"
    names = names_of_columns(X)
    return ConditionalContribution(
        answer=answer,
        p_value=p_value,
        on_top=rows.difference(on_top),
        new=rows.difference(new),
        restated=rows.difference(on_top - new),
        predictable=predictable,
        columns=tuple(at if names is None else names[at] for at in wanted),
        level=level,
    )


def add_columns(table: Any, values: Floats) -> Any:
    """Return a table with further columns of numbers, named apart from its own."""
    if not hasattr(table, "columns"):
        return np.column_stack([table, values])
    names = names_of_columns(table) or []
    if not all(isinstance(name, str) for name in names):  # beside which none may be a string
        free = (number for number in range(len(names) + values.shape[1]) if number not in names)
        numbered = pd.DataFrame(values, columns=list(islice(free, values.shape[1])))
        return pd.concat([table, numbered.set_index(table.index)], axis=1)
    named = {f"predicted {at}": column for at, column in enumerate(values.T)}
    while set(named) & set(names):
        named = {f"{name}_": column for name, column in named.items()}
    if isinstance(table, pd.DataFrame):
        return pd.concat([table, pd.DataFrame(named, index=table.index)], axis=1)
    if hasattr(table, "with_columns"):  # polars
        return table.with_columns(**named)
    for name, column in named.items():  # pyarrow
        table = table.append_column(name, [column])
    return table
