"""Which columns pay: what groups of columns add alone, on top of the others, and in shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Integers, check_count, names_of_columns
from sklearn_learnability.ceilings._column_subsets import (
    Columns,
    PairedRows,
    check_fitted,
    find_columns,
    loss_on,
    take_columns,
)
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.metrics._resampling import Estimate, two_sided_quantile
from sklearn_learnability.metrics._shapley import ShapleyPlan, plan_shapley, smallest_budget

#: The group of the columns that no group names.
OTHERS = "other columns"


@dataclass(frozen=True, eq=False)
class FeatureGroupAssessment(Result):
    """What one group of columns adds, in shares of H(Y).

    Attributes
    ----------
    group : str
        Name of the group.
    columns : tuple
        Names of its columns, or their positions where there are no names.
    alone : Estimate
        The learnability found with these columns and no others.
    on_top : Estimate
        What is lost without them.
    overlap : Estimate
        What is found alone less what is lost without: above 0 the other columns say some of it
        too, below 0 the group says more together with them.
    shapley : Estimate
        What the group adds to the groups before it, on average over all orders of the groups.
    sampling_error : float
        Standard error of the Shapley value for the orders that were drawn; 0 where all coalitions
        were fitted. The interval takes the mean of its square over the groups where that is larger,
        since few orders may agree by chance.
    """

    group: str
    columns: tuple[Any, ...]
    alone: Estimate
    on_top: Estimate
    overlap: Estimate
    shapley: Estimate
    sampling_error: float

    def to_frame(self) -> pd.DataFrame:
        """Return the assessment as a table of one row."""
        row: dict[str, object] = {"group": self.group, "n_columns": len(self.columns)}
        for name in ("alone", "on_top", "overlap", "shapley"):
            part: Estimate = getattr(self, name)
            row |= {name: part.value, f"{name}_lower": part.lower, f"{name}_upper": part.upper}
        return pd.DataFrame([row | {"sampling_error": self.sampling_error}])


@dataclass(frozen=True, eq=False)
class FeatureGroupReport(Result):
    """What groups of columns add to a ceiling.

    Attributes
    ----------
    learnability : Estimate
        That of the ceiling, with all columns; the sum of the Shapley values.
    groups : tuple of FeatureGroupAssessment
        The groups, in the order given.
    label_entropy : float
        H(Y) of the scored rows, in `units`: a share times it is information in `units`.
    units : str
        Unit of the label entropy.
    is_exact : bool
        Whether all coalitions of groups were fitted.
    n_fits : int
        Fits of the family.
    n_orders : int
        Orders of the groups that were drawn; 0 where all coalitions were fitted.
    """

    learnability: Estimate
    groups: tuple[FeatureGroupAssessment, ...]
    label_entropy: float
    units: str
    is_exact: bool
    n_fits: int
    n_orders: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row a group."""
        return pd.concat([group.to_frame() for group in self.groups], ignore_index=True)


def learnability_by_feature_group(
    golden_model: GoldenModelCeiling,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    feature_groups: Mapping[str, Columns] | None = None,
    budget: int = 64,
) -> FeatureGroupReport:
    r"""Split a ceiling into what groups of columns add: alone, on top of the others, and in shares.

    .. math:: \text{alone} = L_G(g), \qquad
              \text{on top} = L_G(\text{all}) - L_G(\text{all} \setminus g), \qquad
              \varphi_g = \sum_{S \not\ni g} \frac{|S|!\,(G - |S| - 1)!}{G!}
              \big(L_G(S \cup g) - L_G(S)\big)

    Higher is more. The Shapley values :math:`\varphi` sum to the learnability of the ceiling. The
    family is fitted on the columns of coalitions S of groups, on the folds of the ceiling, so that
    every difference is one of losses of the same rows, with an interval clustered as that of the
    ceiling. All these fits have the same seeds; that of all columns is the ceiling's own.

    Every number is that of this family at this number of rows. Each :math:`L_G(S)` is a lower bound
    of what the columns S hold; a difference of two is no bound, and may exceed the truth where the
    family needs the group to say what the other columns say as well.
    :func:`conditional_contribution` tells these apart.

    Parameters
    ----------
    golden_model : GoldenModelCeiling
        Fitted ceiling.
    X : array-like of shape (n_samples, n_features)
        Inputs. Those of its `fit`.
    y : array-like of shape (n_samples,)
        Class labels. Those of its `fit`.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Those of its `fit`.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. Those of its `fit`.
    feature_groups : mapping of str to column or iterable of columns, optional
        Columns by the name of their group. Names of columns, or positions, an integer that is a
        name being the name; no column is in two groups. Columns that are in none form one more,
        "other columns". By default every column is a group.
    budget : int, default=64
        Most fits of the family; each costs about as much as that of the ceiling. With G groups,
        2^G - 2 give exact Shapley values, so that six groups fit into 64. With fewer, orders of the
        groups are drawn, each with its reverse, and how far these scatter is in the interval. At
        least 2G + 4(G - 3) are needed.

    Returns
    -------
    FeatureGroupReport
        With `to_frame()`, one row a group.

    Raises
    ------
    ValueError
        If there is no such column, a column is in two groups, a group is empty, there is one group
        only, the budget is too small, rows, weights or groups are others than those of `fit`, the
        predicted rows are of one class, or a candidate is frozen or cannot be fitted on some of the
        columns.
    TypeError
        If the golden model is no GoldenModelCeiling, or `feature_groups` no mapping.

    See Also
    --------
    conditional_contribution : Tests whether one group says what the others do not.

    References
    ----------
    I. Covert, S. Lundberg, S.-I. Lee. Understanding global feature contributions with additive
    importance measures. Advances in Neural Information Processing Systems, 2020.
    https://doi.org/10.48550/arXiv.2004.00668
    B. D. Williamson, P. B. Gilbert, N. R. Simon, M. Carone. A general framework for inference on
    algorithm-agnostic variable importance. Journal of the American Statistical Association, 2023.
    https://doi.org/10.1080/01621459.2021.2003200

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling, learnability_by_feature_group
    >>> from sklearn_learnability.datasets import load_military
    >>> X, y = load_military(4000, target="grade", random_state=0)
    >>> ceiling = GoldenModelCeiling(["prior", "logistic"], random_state=0).fit(X, y)
    >>> report = learnability_by_feature_group(
    ...     ceiling, X, y, feature_groups={"person": ["gender", "race", "hispanic"],
    ...                                    "service": ["branch", "rank"]})
    >>> service, person = sorted(report.groups, key=lambda group: -group.shapley.value)
    >>> service.group, service.on_top.lower > 0
    ('service', True)
    >>> total = sum(group.shapley.value for group in report.groups)
    >>> abs(total - ceiling.learnability_) < 1e-9
    True
    """
    data = check_fitted(golden_model, X, y, sample_weight, groups)
    parts = check_feature_groups(X, data.X.shape[1], feature_groups)
    budget = check_budget(budget, len(parts))
    order = sorted(parts, key=lambda name: parts[name][0])  # not that of the mapping
    rng = np.random.RandomState(golden_model._record.seed)
    plan = plan_shapley(len(parts), budget, rng)
    rows = PairedRows.of_ceiling(golden_model)
    scored = np.isfinite(golden_model.oof_nll_)
    losses = np.empty((scored.sum(), len(plan.members)))
    losses[:, 0], losses[:, -1] = rows.surprisal, golden_model.oof_nll_[scored]
    for at, members in enumerate(plan.members[1:-1], start=1):
        inside = [parts[name] for name, is_in in zip(order, members, strict=True) if is_in]
        table = take_columns(data.X, sorted(np.concatenate(inside)))
        losses[:, at] = loss_on(golden_model, data, table)
    names = names_of_columns(X)
    assessed = {
        name: assess_group(
            name,
            tuple(at if names is None else names[at] for at in parts[name]),
            player,
            plan,
            losses,
            rows,
        )
        for player, name in enumerate(order)
    }
    return FeatureGroupReport(
        learnability=rows.level(losses[:, -1]),
        groups=tuple(assessed[name] for name in parts),
        label_entropy=golden_model.label_entropy_,
        units=golden_model.units_,
        is_exact=plan.is_exact,
        n_fits=len(plan.members) - 2,
        n_orders=0 if plan.is_exact else 2 * len(plan.weights),
    )


def assess_group(
    name: str,
    columns: tuple[Any, ...],
    player: int,
    plan: ShapleyPlan,
    losses: Floats,
    rows: PairedRows,
) -> FeatureGroupAssessment:
    """Return what a group adds, from the losses of the rows in every coalition."""
    only = np.arange(plan.members.shape[1]) == player
    alone, without = losses[:, plan.find(only)], losses[:, plan.find(~only)]
    gained, lost = rows.surprisal - alone, without - losses[:, -1]
    own, widening, inflation = 0.0, 0.0, 1.0
    if not plan.is_exact:
        draws = -plan.weights @ (rows.weight @ losses / rows.weight.sum())
        variances = draws.var(axis=0, ddof=1) / len(draws)
        own = float(variances[player])
        widening = max(own, float(variances.mean()))  # few orders may agree by chance
        inflation = (two_sided_quantile(0.95, len(draws) - 1) / two_sided_quantile(0.95)) ** 2
    entropy = float(rows.weight @ rows.surprisal / rows.weight.sum())
    values = -losses @ plan.weights[:, player].mean(axis=0)
    return FeatureGroupAssessment(
        group=name,
        columns=columns,
        alone=rows.level(alone),
        on_top=rows.difference(lost),
        overlap=rows.difference(gained - lost),
        shapley=rows.difference(values, widening, inflation),
        sampling_error=float(np.sqrt(own)) / entropy,
    )


def check_feature_groups(
    X: Any, n_columns: int, feature_groups: Mapping[str, Columns] | None
) -> dict[str, Integers]:
    """Return the positions of every group's columns, and of those that are in none."""
    if feature_groups is None:
        names = names_of_columns(X) or list(range(n_columns))
        feature_groups = {str(name): name for name in names}
    elif not isinstance(feature_groups, Mapping):
        raise TypeError(
            "Expected feature_groups as a mapping of names to columns, such as "
            f'{{"weather": ["rain", "wind"]}}, got {type(feature_groups).__name__}.'
        )
    parts: dict[str, Integers] = {}
    owner: dict[int, str] = {}
    for name, columns in feature_groups.items():
        positions = find_columns(X, n_columns, columns, f" in group {name!r}")
        for at in positions:
            if at in owner:
                raise ValueError(
                    f"Expected every column in one group, got column {at} in {owner[at]!r} and in "
                    f"{name!r}."
                )
            owner[at] = name
        parts[name] = np.array(positions)
    others = np.setdiff1d(np.arange(n_columns), list(owner))
    if len(others):
        if OTHERS in parts:
            raise ValueError(
                f"Expected no group named {OTHERS!r} where columns are in no group, got one."
            )
        parts[OTHERS] = others
    if len(parts) < 2:
        raise ValueError(f"Expected at least two groups of columns, got {list(parts)}.")
    return parts


def check_budget(budget: int, n_groups: int) -> int:
    """Return the budget, refusing one that does not reach for so many groups."""
    budget, least = check_count("budget", budget), smallest_budget(n_groups)
    if budget < least:
        raise ValueError(
            f"Expected a budget of at least {least} fits for {n_groups} groups, got {budget}. Put "
            "columns together, or allow more."
        )
    return budget
