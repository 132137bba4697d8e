"""What a random split of rows in order of time finds, and what a forward split does."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from sklearn_learnability._folds import Folds, make_folds
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Integers,
    Units,
    check_groups,
    encode_labels,
    readable,
    warn,
)
from sklearn_learnability.ceilings._column_subsets import PairedRows
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._refit import check_refittable
from sklearn_learnability.exceptions import (
    DependentRowsWarning,
    DuplicateRowsWarning,
    OptimisticSplitWarning,
)
from sklearn_learnability.metrics._resampling import Estimate

#: Blocks of test rows at the end, a tenth of all rows each; the first serves calibration alone.
N_BLOCKS, ROWS_PER_BLOCK = 4, 10
#: A block is predicted in so many parts, each with the others among its possible training rows.
N_PARTS = 2
#: The smallest excess of a random split that is warned of, as a share of H(Y).
SMALLEST_EXCESS = 0.02

Splits = list[tuple[Integers, Integers]]


@dataclass(frozen=True, eq=False)
class RandomVersusForward(Result):
    """Ceilings of the same test rows, trained on random rows and on earlier ones.

    Attributes
    ----------
    random, forward : Estimate
        Learnability by training rows drawn at random, and by as many earlier ones.
    difference : Estimate
        The first less the second, from the losses of the same rows.
    random_groups : Estimate or None
        Learnability by training rows of groups drawn at random, where there are groups.
    sharing, drift : Estimate or None
        The two parts of the difference: random rows less random groups, what rows of one group tell
        of each other; and random groups less earlier rows, what later rows have of their own.
    label_entropy : float
        H(Y) of the test rows, in `units`.
    n_test : int
        Number of test rows.
    is_optimistic : bool
        True where the difference is at least .02 and its 95 % interval above 0.
    units : {"bits", "nats"}
        Unit of information.
    """

    random: Estimate
    forward: Estimate
    difference: Estimate
    random_groups: Estimate | None
    sharing: Estimate | None
    drift: Estimate | None
    label_entropy: float
    n_test: int
    is_optimistic: bool
    units: Units

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each learnability and for each difference of two."""
        names = ("random", "random_groups", "forward", "difference", "sharing", "drift")
        found = {name: getattr(self, name) for name in names}
        return pd.DataFrame(
            [{"what": name} | asdict(one) for name, one in found.items() if one is not None]
        )


def random_versus_forward(
    ceiling: GoldenModelCeiling,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    cv: Any = None,
) -> RandomVersusForward:
    r"""Compare what a random split finds with what a forward split finds on the same rows.

    .. math:: L_{random} - L_{forward} = \underbrace{L_{random} - L_{groups}}_{\text{sharing}}
              + \underbrace{L_{groups} - L_{forward}}_{\text{drift}}

    Rows are in order of time. Every block of test rows is predicted three times, from as many
    training rows each time: from those before it; from rows drawn at random, before, after and
    between those that are predicted; and, where there are `groups` such as days, from groups drawn
    at random. The last two terms are there with groups alone. A random split is too good for a
    forecast as far as rows close in time tell of each other, and as far as the law drifts; higher
    differences are worse. A forward ceiling is calibrated on the blocks before each one, a random
    one on all others: of few rows, some hundreds, that alone makes a difference.

    Where the difference is at least .02, with a 95 % interval above 0, a warning says so. The
    ceiling is fitted two or three times, on 12 or 20 sets of training rows by default.

    Parameters
    ----------
    ceiling : GoldenModelCeiling
        Unfitted ceiling. Its `cv` and `bracket` are not used.
    X : array-like of shape (n_samples, n_features)
        Inputs. Rows in the order of time.
    y : array-like of shape (n_samples,)
        Class labels.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other. Spans of time such as days, by which intervals
        are clustered; without them by 20 blocks of neighbouring rows.
    cv : cross-validation splitter or iterable, default=None
        Forward folds, two or more; the first serves calibration alone. By default four blocks at
        the end, each of a tenth of the rows.

    Returns
    -------
    RandomVersusForward
        The learnabilities and their differences with intervals, with `to_frame()`.

    Raises
    ------
    ValueError
        If folds are not trained on earlier rows alone, a test block holds fewer than two groups, a
        candidate is frozen, or one is left out of some of the fits alone.
    TypeError
        If `ceiling` is no GoldenModelCeiling.

    Warns
    -----
    OptimisticSplitWarning
        If the random split finds much more.
    UndefinedInformationWarning
        If the predicted rows are of one class: all is NaN.

    See Also
    --------
    PurgedKFold : Folds of neighbouring rows with gaps.

    References
    ----------
    C. Bergmeir, J. M. Benítez. On the use of cross-validation for time series predictor
    evaluation. Information Sciences, 2012. https://doi.org/10.1016/j.ins.2011.12.028

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling, random_versus_forward
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 1))
    >>> y = rng.random(2000) < 1 / (1 + np.exp(-2 * X[:, 0]))
    >>> ceiling = GoldenModelCeiling([("logistic", LogisticRegression())], random_state=0)
    >>> found = random_versus_forward(ceiling, X, y)
    >>> print(f"{found.difference.value:.2f}", found.is_optimistic)
    0.00 False
    """
    if not isinstance(ceiling, GoldenModelCeiling):
        raise TypeError(f"Expected ceiling as a GoldenModelCeiling, got {type(ceiling).__name__}.")
    check_refittable(ceiling.candidates)
    labels = column_or_1d(readable("y", y), warn=True)
    check_consistent_length(X, labels, groups)
    codes = encode_labels(labels)[1]
    units = None if groups is None else check_groups(groups, len(codes))
    forward = forward_folds(cv, X, codes, units)
    rng = ceiling._seeds((X, labels, sample_weight, groups))
    kinds = {"forward": forward.splits, "random": random_splits(forward, None, rng)}
    if units is not None:
        kinds["random_groups"] = random_splits(forward, units, rng)
    fitted = {
        name: fit_on(ceiling, splits, X, labels, sample_weight, units)
        for name, splits in kinds.items()
    }
    check_same_family(fitted)
    found = compare(fitted)
    if found.is_optimistic:
        warn(
            f"Trained on random rows the ceiling is {found.random.value:.3f}, and "
            f"{found.forward.value:.3f} trained on as many earlier rows: of rows to come "
            f"{found.difference.value:.3f} of the label entropy less is known than a random split "
            "says. Take cv=TimeSeriesSplit(5) for rows to come.",
            OptimisticSplitWarning,
        )
    return found


def forward_folds(cv: Any, X: Any, codes: Integers, groups: Integers | None) -> Folds:
    """Return forward folds without training rows of a group that is tested."""
    if cv is None:
        cv = TimeSeriesSplit(N_BLOCKS, test_size=max(1, len(codes) // ROWS_PER_BLOCK))
    folds = make_folds(cv, X, codes, groups)
    if not folds.ordered:
        raise ValueError(
            "Expected a cv of two or more folds, each trained on earlier rows alone, got "
            f"{len(folds.splits)} of {type(cv).__name__}."
        )
    if groups is None:
        return folds
    kept: Splits = [
        (train[~np.isin(groups[train], groups[test])], test) for train, test in folds.splits
    ]
    return Folds.from_splits(kept, len(codes))


def random_splits(forward: Folds, groups: Integers | None, rng: np.random.RandomState) -> Splits:
    """Return splits of the same test rows, with as many training rows from anywhere else.

    Units, which are rows or groups, stand on one side each.
    """
    units = np.arange(len(forward.fold_of)) if groups is None else groups
    splits: Splits = []
    for train, test in forward.splits:
        tested = rng.permutation(np.unique(units[test]))
        if len(tested) < N_PARTS:
            raise ValueError(
                f"Expected {N_PARTS} rows or groups, or more, in every block, got {len(tested)}."
            )
        for part in np.array_split(tested, N_PARTS):
            place = rng.permutation(units.max() + 1).astype(np.float64)
            place[part] = np.inf
            order = np.argsort(place[units], kind="stable")
            n_outside = np.isfinite(place[units]).sum()
            chosen = np.sort(order[: min(len(train), n_outside)])
            splits.append((chosen, test[np.isin(units[test], part)]))
    return splits


def fit_on(
    ceiling: GoldenModelCeiling,
    splits: Splits,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    groups: Integers | None,
) -> GoldenModelCeiling:
    """Return the ceiling fitted on some splits, without warnings of what is measured here."""
    fresh = clone(ceiling).set_params(cv=splits, bracket=False)
    with warnings.catch_warnings():
        for category in (DependentRowsWarning, DuplicateRowsWarning):
            warnings.simplefilter("ignore", category)
        return fresh.fit(X, y, sample_weight, groups)


def check_same_family(fitted: dict[str, GoldenModelCeiling]) -> None:
    """Refuse fits of different candidates, whose difference would be that of the families."""
    families = {name: set(one.candidates_["candidate"]) for name, one in fitted.items()}
    common = set.intersection(*families.values())
    extra = {name: sorted(own - common) for name, own in families.items() if own > common}
    if extra:
        raise ValueError(
            "Expected the same candidates in every fit, got some that were left out elsewhere, for "
            f"an error or for want of time: {extra}. Leave them out of all."
        )


def compare(fitted: dict[str, GoldenModelCeiling]) -> RandomVersusForward:
    """Return the learnabilities of the rows that forward folds score, and their differences."""
    forward = fitted["forward"]
    rows = PairedRows.of_ceiling(forward)
    scored = np.isfinite(forward.oof_nll_)
    losses: dict[str, Floats] = {name: one.oof_nll_[scored] for name, one in fitted.items()}
    difference = rows.difference(losses["forward"] - losses["random"])
    of_groups = losses.get("random_groups")
    return RandomVersusForward(
        random=rows.level(losses["random"]),
        forward=rows.level(losses["forward"]),
        difference=difference,
        random_groups=None if of_groups is None else rows.level(of_groups),
        sharing=None if of_groups is None else rows.difference(of_groups - losses["random"]),
        drift=None if of_groups is None else rows.difference(losses["forward"] - of_groups),
        label_entropy=forward.label_entropy_,
        n_test=int(scored.sum()),
        is_optimistic=bool(difference.lower > 0 and difference.value >= SMALLEST_EXCESS),
        units=forward.units_,
    )
