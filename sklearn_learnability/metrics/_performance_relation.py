"""Whether measures of models say more of their scores than scale does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    check_count,
    check_random_state,
    names_of_columns,
)
from sklearn_learnability.metrics._arrangements import Layout, lay_out
from sklearn_learnability.metrics._max_statistic import adjusted_p_values
from sklearn_learnability.metrics._rank_association import RankAssociation
from sklearn_learnability.metrics._rank_comparison import (
    Comparison,
    Quantities,
    check_columns,
    check_indices,
    compare,
    warn_if_undefined,
)
from sklearn_learnability.metrics._relation_verdict import reading, verdict
from sklearn_learnability.metrics._resampling import check_confidence
from sklearn_learnability.metrics._size_groups import size_groups

#: Highest power of the ranks of covariates that is taken out where there are points enough.
HIGHEST_DEGREE = 3


@dataclass(frozen=True, eq=False)
class MeasureRelation(Result):
    """What one measure says of one score.

    Attributes
    ----------
    measure, score : object
        Their names.
    raw : RankAssociation
        The association as it is.
    controlled : RankAssociation
        The association given the covariates, within families.
    size_matched : RankAssociation or None
        The association among models of about equal size; None where no sizes are given.
    raw_p_value, p_value : float
        P-values of the first two, corrected for the number of measures and scores.
    verdict : str
        What they say together, in two to four words.
    reading : str
        The same in sentences, with numbers.
    """

    measure: object
    score: object
    raw: RankAssociation
    controlled: RankAssociation
    size_matched: RankAssociation | None
    raw_p_value: float
    p_value: float
    verdict: str
    reading: str

    def to_frame(self) -> pd.DataFrame:
        """Return the relation as a table of one row."""
        raw, given = self.raw, self.controlled.to_frame().iloc[0]
        row = {
            "measure": self.measure,
            "score": self.score,
            "verdict": self.verdict,
            "raw": raw.rho,
            "raw_lower": raw.lower,
            "raw_upper": raw.upper,
            "raw_p_value": self.raw_p_value,
            "controlled": given["rho"],
            "controlled_lower": given["lower"],
            "controlled_upper": given["upper"],
            "p_value": self.p_value,
            "detectable": given["detectable"],
            "left_of_measure": given["x_left"],
            "left_of_score": given["y_left"],
            "lowest_without_a_family": given["lowest_without_a_group"],
            "highest_without_a_family": given["highest_without_a_group"],
        }
        if self.size_matched is not None:
            row["size_matched"] = self.size_matched.rho
            row["size_matched_lower"] = self.size_matched.lower
            row["size_matched_upper"] = self.size_matched.upper
            row["size_matched_p_value"] = self.size_matched.p_value
            row["n_size_matched"] = self.size_matched.n_points
        row["n_points"] = given["n_points"]
        return pd.DataFrame([row | {"reading": self.reading}])


@dataclass(frozen=True, eq=False)
class PerformanceRelation(Result):
    """What measures of models say of their scores, raw and beyond scale.

    Attributes
    ----------
    relations : tuple of MeasureRelation
        Each measure with each score, in the order given.
    covariates : tuple of object
        Names of what was taken out.
    degree : int
        Highest power of their ranks.
    confidence : float
        Level of the intervals, of single associations, and of the verdicts, of all together.
    """

    relations: tuple[MeasureRelation, ...]
    covariates: tuple[object, ...]
    degree: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each measure and score."""
        return pd.concat([part.to_frame() for part in self.relations], ignore_index=True)


def relate_to_performance(
    measures: Any,
    scores: Any,
    covariates: Any,
    family: ArrayLike | None = None,
    *,
    size: ArrayLike | None = None,
    runs: ArrayLike | None = None,
    steps: ArrayLike | None = None,
    n_permutations: int = 9999,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> PerformanceRelation:
    r"""Say of each measure of models whether it goes with their scores beyond scale.

    Each measure has two rank correlations with each score: the raw one, and the one given the
    covariates within families, :func:`~sklearn_learnability.metrics.partial_spearman`. The ranks of
    the covariates are taken out with their squares and cubes, or, where these would cost more than
    half of the models, with fewer powers. P-values are corrected for the number of measures and
    scores by the largest statistic in the same orders, step by step (Westfall and Young). Verdicts
    are given at one minus `confidence`:

    - "related beyond scale": an association raw and given the covariates, in the same direction;
      "turned round by scale": in the other; "masked by scale": given them only;
    - "not surely beyond scale": an association given the covariates that may be what these miss,
      as its interval reaches down to the correlation that 2 % of the variance of both ranks make;
    - "hangs on one family": without it less than half of the association is left;
    - "explained by scale alone", or "explained by scale and family": an association raw, none given
      the covariates, and its interval ends below half of the raw one;
    - "no relation found": neither, and the interval is inside -0.5 to 0.5;
    - "cannot tell": neither of these two, as the interval is too wide;
    - "no verdict": one run, too few runs or models, or covariates that determine a measure.

    Parameters
    ----------
    measures : DataFrame, Series or array-like of shape (n_points,) or (n_points, n_measures)
        What was measured of each model, such as its optimality at several widths.
    scores : DataFrame, Series or array-like of shape (n_points,) or (n_points, n_scores)
        How well each model does, on one task or several; higher is better.
    covariates : array-like of shape (n_points,) or (n_points, n_covariates)
        What is to be taken out, such as parameters, tokens of training and loss. Only their order
        matters: logarithms change nothing. One that is constant takes out nothing.
    family : array-like of shape (n_points,), optional
        The family of each model. Models are then compared within families; one that is alone in its
        family says nothing.
    size : array-like of shape (n_points,), optional
        Size of each model, such as its number of parameters; above 0. Then models of about equal
        size are also compared among each other, :func:`~sklearn_learnability.metrics.size_groups`.
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
    PerformanceRelation
        Associations, verdicts and readings; a table by `to_frame`.

    Raises
    ------
    ValueError
        If lengths or the indices of tables differ, a value is not finite, a run has two points at
        one step or is of two families, or the orders do not fit into memory.

    Warns
    -----
    UndefinedAssociationWarning
        If a measure or score is the same for all models that are compared.
    DeterminedByCovariatesWarning
        If the covariates determine the ranks of a measure or score.

    See Also
    --------
    partial_spearman : One measure and one score.
    linear_association : Runs of training at the same steps, in numbers instead of ranks.

    References
    ----------
    D. Freedman and D. Lane. A nonstochastic interpretation of reported significance levels. Journal
    of Business and Economic Statistics, 1983. https://doi.org/10.1080/07350015.1983.10509354

    P. H. Westfall and S. S. Young. Resampling-Based Multiple Testing. Wiley, 1993.

    Examples
    --------
    Two measures grow with the models. One of them says no more than that.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_learnability.metrics import relate_to_performance
    >>> rng = np.random.default_rng(0)
    >>> scale = pd.Series(rng.uniform(8, 11, size=60), name="log_parameters")
    >>> skill = rng.normal(size=60)
    >>> measures = pd.DataFrame(
    ...     {
    ...         "optimality": scale + 0.5 * skill,
    ...         "width": scale + 0.5 * rng.normal(size=60),
    ...     }
    ... )
    >>> score = pd.Series(scale + 0.5 * skill + 0.3 * rng.normal(size=60), name="score")
    >>> relation = relate_to_performance(measures, score, scale)
    >>> relation.to_frame()[["measure", "raw", "controlled", "verdict"]].round(2)
          measure   raw  controlled                   verdict
    0  optimality  0.95        0.82      related beyond scale
    1       width  0.75        0.03  explained by scale alone
    >>> print(relation.relations[1].reading[:46])
    width goes with score as log_parameters do; le
    """
    check_confidence(confidence)
    check_count("n_permutations", n_permutations)
    rng = check_random_state(random_state)
    tables = {"measures": measures, "scores": scores, "covariates": covariates}
    check_indices(tables | {"family": family, "size": size, "runs": runs, "steps": steps})
    x, y, given = check_columns(tables)
    if not (x.shape[1] and y.shape[1] and given.shape[1]):
        raise ValueError(
            "Expected a measure, a score and a covariate at least, got a table of none."
        )
    layout = lay_out(len(x), family, runs, steps, "family")
    names = (None,) if family is None else tuple(pd.unique(np.asarray(family)).tolist())
    degree = degree_for(given.shape[1], layout)
    nothing = np.empty((len(x), 0))
    raw = compare(
        Quantities(x, y, nothing, lay_out(len(x), None, runs, steps), (None,), 1),
        n_permutations,
        rng,
    )
    controlled = compare(Quantities(x, y, given, layout, names, degree), n_permutations, rng)
    matched = None
    if size is not None:
        of_size = lay_out(len(x), size_groups(size), runs, steps)
        matched = compare(
            Quantities(x, y, nothing, of_size, (None,) * len(x), 1), n_permutations, rng
        )
    columns = [names_for(name, table) for name, table in tables.items()]
    if not controlled.reason:
        warn_if_undefined(controlled.residuals, columns[0], columns[1])
    of_family = [] if family is None else [getattr(family, "name", None) or "family"]
    return PerformanceRelation(
        tuple(relations(columns, [*columns[2], *of_family], raw, controlled, matched, confidence)),
        columns[2],
        degree,
        confidence,
    )


def relations(
    columns: list[tuple[Any, ...]],
    given: list[Any],
    raw: Comparison,
    controlled: Comparison,
    matched: Comparison | None,
    confidence: float,
) -> Iterator[MeasureRelation]:
    """Yield the relation of each measure with each score."""
    raw_p_values, p_values = corrected(raw.found), corrected(controlled.found)
    for i, measure in enumerate(columns[0]):
        for j, score in enumerate(columns[1]):
            one, two = (
                part.association(i, j, confidence, raw_p_values.size) for part in (raw, controlled)
            )
            p_value = float(p_values[i, j])
            said = verdict(one, two, float(raw_p_values[i, j]), p_value)
            yield MeasureRelation(
                measure=measure,
                score=score,
                raw=one,
                controlled=two,
                size_matched=None if matched is None else matched.association(i, j, confidence),
                raw_p_value=float(raw_p_values[i, j]),
                p_value=p_value,
                verdict=said,
                reading=reading(said, measure, score, given, one, two, p_value),
            )


def corrected(found: Floats) -> Floats:
    """Return corrected p-values (n_measures, n_scores)."""
    return adjusted_p_values(found.reshape(len(found), -1)).reshape(found.shape[1:])


def degree_for(n_covariates: int, layout: Layout) -> int:
    """Return the highest power of the covariates that leaves half of the units, and 1 at least."""
    room = layout.n_units / 2 - layout.n_groups
    return int(np.clip(room // n_covariates, 1, HIGHEST_DEGREE))


def names_for(name: str, table: Any) -> tuple[Any, ...]:
    """Return the names of the columns of a table; made of what it is where it has none."""
    names = names_of_columns(table)
    if names is not None:
        return tuple(names)
    shape = np.shape(table)
    if len(shape) == 1:
        own = getattr(table, "name", None)
        return (name.removesuffix("s") if own is None or own == "" else own,)
    return tuple(f"{name.removesuffix('s')} {column}" for column in range(shape[1]))
