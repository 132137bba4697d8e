"""Would more rows help? The ceiling as a function of the training rows, and beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._dependence import independent_units
from sklearn_learnability._folds import Folds
from sklearn_learnability._results import Result
from sklearn_learnability._validation import Floats, Integers, check_number, nats_per_unit
from sklearn_learnability.ceilings._evidence import groups_of, nested_rows
from sklearn_learnability.ceilings._extrapolation import Curve, Extrapolation, limit_extrapolation
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._out_of_fold import TrainingData, gather_log_proba
from sklearn_learnability.ceilings._refit import data_of_fit, refit, weights_of
from sklearn_learnability.ceilings._shortfall import Shortfall, measure_shortfall
from sklearn_learnability.metrics._blending import cross_fit_pool
from sklearn_learnability.metrics._information import surprisal_of_frequencies
from sklearn_learnability.metrics._resampling import Estimate

Answer = Literal["more rows", "other columns", "cannot tell"]

#: Multiples of the rows that the curve is carried on to.
FACTORS = (2.0, 10.0)


@dataclass(frozen=True, eq=False)
class LearnabilityCurve(Result):
    """The ceiling as a function of the training rows, and what more rows may bring.

    Attributes
    ----------
    answer : {"more rows", "other columns", "cannot tell"}
        Whether ten times the rows raise the ceiling by more than `negligible`, by less, or cannot
        be told.
    reason : str
        Why the curve cannot be carried on; else empty.
    n_train : tuple of int
        Training rows of a fold, from few to all.
    learnability : tuple of Estimate
        What the ceiling finds with so many, all scored on the same rows.
    more_rows : tuple of Extrapolation
        What it may find in multiples of the rows.
    shortfall : Shortfall
        Where the learnability itself may lie, which no number of rows exceeds.
    negligible : float
        Share of H(Y) that is not worth more rows.
    """

    answer: Answer
    reason: str
    n_train: tuple[int, ...]
    learnability: tuple[Estimate, ...]
    more_rows: tuple[Extrapolation, ...]
    shortfall: Shortfall
    negligible: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row a size: measured ones, extrapolations, and any number of rows."""
        rows = [
            {"n_train": n, "learnability": part.value, "lower": part.lower, "upper": part.upper}
            for n, part in zip(self.n_train, self.learnability, strict=True)
        ]
        missing = {"learnability": float("nan")}
        rows += [
            missing
            | {"n_train": part.factor * self.n_train[-1], "lower": part.lower, "upper": part.upper}
            for part in self.more_rows
        ]
        ends = {"lower": self.shortfall.lower, "upper": self.shortfall.upper}
        rows.append(missing | {"n_train": float("inf")} | ends)
        return pd.DataFrame(rows)[["n_train", "learnability", "lower", "upper"]]


def learnability_curve(
    golden_model: GoldenModelCeiling,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    shares: Sequence[float] = (0.125, 0.25, 0.5),
    negligible: float = 0.05,
) -> LearnabilityCurve:
    r"""Say whether more rows would raise a ceiling, or other columns are needed.

    .. math:: L_G(fn) - L_G(n) = \big(L_G(n) - L_G(n/2)\big) \frac{1 - f^{-c}}{2^c - 1},
              \qquad 0 \le c \le 1

    The family is fitted again on nested shares of the training rows of every fold and scored on the
    same rows as the ceiling, so that the noise of the labels cancels in what it gained. The curve
    is carried on from its two largest sizes by power laws: at the lower end with the lower 95 %
    limit of c = 1, at the upper end with the upper limit of c = 0, by which each doubling brings as
    much as the last. Where nothing was found yet, or the curve falls or rises faster and faster, no
    such law describes it and nothing is said. For any number of rows the bracket is that of
    :meth:`~sklearn_learnability.GoldenModelCeiling.shortfall`.

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
    shares : sequence of float, default=(0.125, 0.25, 0.5)
        Shares of the training rows, rising, two or more. The sum is the price, in fits of the
        ceiling; the bracket costs about half of one more, unless the ceiling has it.
    negligible : float, default=0.05
        Share that counts as nothing: of H(Y), not worth more rows.

    Returns
    -------
    LearnabilityCurve
        The answer, the curve and its continuation, with `to_frame()`.

    Raises
    ------
    ValueError
        If rows, weights or groups are others than those of `fit`, a candidate is frozen or cannot
        be fitted on the smallest share, or the shares do not rise from above 0 to below 1.
    TypeError
        If the golden model is no GoldenModelCeiling.

    References
    ----------
    T. Viering and M. Loog. The shape of learning curves: a review. IEEE Transactions on Pattern
    Analysis and Machine Intelligence, 2023. https://doi.org/10.1109/TPAMI.2022.3220744

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling, learnability_curve
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y = make_learnability_classification(4000, learnability=0.3, random_state=0)
    >>> family = [("logistic", LogisticRegression())]
    >>> ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
    >>> learnability_curve(ceiling, X, y).answer
    'other columns'
    """
    if not isinstance(golden_model, GoldenModelCeiling):
        raise TypeError(f"Expected a fitted GoldenModelCeiling, got {type(golden_model).__name__}.")
    check_number("negligible", negligible, 0.0, 1.0)
    shares = check_shares(shares)
    data = data_of_fit(golden_model, X, y, sample_weight, groups)
    shortfall = (
        golden_model.shortfall_
        if golden_model._record.has_bracket
        else measure_shortfall(golden_model, data, groups)
    )

    n_train = tuple(
        round(np.mean([size_of(share, train) for train, _ in golden_model._record.folds.splits]))
        for share in (*shares, 1.0)
    )
    if len(set(n_train)) < len(n_train):
        raise ValueError(f"Expected shares of different numbers of rows, got {list(n_train)}.")
    curve = measure_curve(golden_model, data, groups, shares)
    nothing = shortfall.reason if golden_model.learnability_lower_limit_ <= 0 else ""
    reason = nothing or curve.why_not_carried_on()
    more_rows = tuple(
        limit_extrapolation(curve.carry_on(factor), shortfall)
        if not reason
        else Extrapolation(factor, *[float("nan")] * 4)
        for factor in FACTORS
    )
    return LearnabilityCurve(
        answer=answer_of(more_rows[-1], negligible),
        reason=reason,
        n_train=n_train,
        learnability=tuple(curve.level(column) for column in curve.losses.T),
        more_rows=more_rows,
        shortfall=shortfall,
        negligible=negligible,
    )


def measure_curve(
    ceiling: GoldenModelCeiling,
    data: TrainingData,
    groups: ArrayLike | None,
    shares: Sequence[float],
) -> Curve:
    """Return the losses of the same rows by the family fitted on shares of them, and on all."""
    folds, rng = ceiling._record.folds, np.random.RandomState(ceiling._record.seed)
    orders = [
        train[nested_rows(data.codes[train], groups_of(groups, train), rng)]
        for train, _ in folds.splits
    ]
    columns = [loss_at_share(ceiling, data, orders, share, rng) for share in shares]
    losses = np.column_stack([*columns, ceiling.oof_nll_])
    scored = np.flatnonzero(np.isfinite(losses).all(axis=1))
    codes, weight = data.codes[scored], weights_of(data)[scored]
    surprisal = surprisal_of_frequencies(codes, weight, len(data.classes))[codes]
    return Curve(
        sizes=np.array([*shares, 1.0]),
        losses=losses[scored],
        surprisal=surprisal / nats_per_unit(ceiling.units_),
        weight=weight,
        groups=independent_units(groups, folds, scored),
        units=ceiling.units_,
    )


def loss_at_share(
    ceiling: GoldenModelCeiling,
    data: TrainingData,
    orders: list[Integers],
    share: float,
    rng: np.random.RandomState,
) -> Floats:
    """Return the out-of-fold loss of every row by the family fitted on a share of each fold."""
    folds = ceiling._record.folds
    splits = [
        (np.sort(order[: size_of(share, order)]), test)
        for order, (_, test) in zip(orders, folds.splits, strict=True)
    ]
    fits = refit(ceiling, data, splits, size_of(share, data.codes), rng)
    nested = Folds.from_splits(splits, len(data.codes))
    pooled = cross_fit_pool(
        data.codes,
        np.stack([gather_log_proba(own, nested, len(data.classes)) for own in fits]),
        weights_of(data),
        folds.tuning_rows(weights_of(data)),
        calibration=ceiling._record.calibration,
        blend=ceiling._record.blend,
    )[1]
    loss: Floats = -pooled[np.arange(len(data.codes)), data.codes] / nats_per_unit(ceiling.units_)
    return loss


def answer_of(most_rows: Extrapolation, negligible: float) -> Answer:
    """Return whether the gain of the most rows is worth it."""
    if most_rows.gain_lower > negligible:
        return "more rows"
    return "other columns" if most_rows.gain_upper <= negligible else "cannot tell"


def size_of(share: float, rows: Integers) -> int:
    """Return how many rows a share is."""
    return int(np.ceil(share * len(rows)))


def check_shares(shares: Sequence[float]) -> list[float]:
    """Return the shares, refusing those that do not rise between 0 and 1."""
    try:
        found = [float(share) for share in shares]
    except (TypeError, ValueError):
        found = []
    if len(found) < 2 or not all(0 < share < 1 for share in found) or np.any(np.diff(found) <= 0):
        raise ValueError(
            f"Expected two or more shares that rise from above 0 to below 1, got {shares!r}."
        )
    return found
