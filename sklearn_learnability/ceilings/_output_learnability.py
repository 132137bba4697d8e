"""Ceilings of several outputs, such as the labels of a multi-label task, each by itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from sklearn_learnability._dependence import N_BLOCKS
from sklearn_learnability._results import Result
from sklearn_learnability._tables import is_sparse, take_rows
from sklearn_learnability._validation import (
    Floats,
    Integers,
    Units,
    check_groups,
    check_weights,
    nats_per_unit,
    warn,
)
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics._information import surprisal_of_frequencies
from sklearn_learnability.metrics._information_estimate import information_estimate
from sklearn_learnability.metrics._resampling import UNDEFINED_ENDS, Estimate

CONFIDENCE = 0.95
UNDEFINED = Estimate(float("nan"), **UNDEFINED_ENDS, confidence=CONFIDENCE)


@dataclass(frozen=True, eq=False)
class OutputLearnability(Result):
    """How much the inputs say of each of several outputs, and of all together.

    Attributes
    ----------
    total : Estimate
        Explained part of the sum of the outputs' entropies, with its 95 % interval.
    outputs : tuple
        Names of the outputs: those of the columns, else their positions.
    learnability : tuple of Estimate
        That of each output; NaN where it has one class.
    label_entropy : tuple of float
        Entropy of each output, in `units`.
    n_rows : tuple of int
        Rows with a value of each output.
    ceilings : tuple of GoldenModelCeiling or None
        The fitted ceilings; None where an output has one class.
    units : {"bits", "nats"}
        Unit of the entropies.
    """

    total: Estimate
    outputs: tuple[Any, ...]
    learnability: tuple[Estimate, ...]
    label_entropy: tuple[float, ...]
    n_rows: tuple[int, ...]
    ceilings: tuple[GoldenModelCeiling | None, ...] = field(compare=False)
    units: Units

    def to_frame(self) -> pd.DataFrame:
        """Return a row each output, and one for the total."""
        rows = [
            {"output": name, "n_rows": n_rows, "label_entropy": entropy, **asdict(found)}
            for name, n_rows, entropy, found in zip(
                self.outputs, self.n_rows, self.label_entropy, self.learnability, strict=True
            )
        ]
        whole = {"output": "total", "label_entropy": sum(self.label_entropy)}
        return pd.DataFrame([*rows, {**whole, **asdict(self.total)}])


def learnability_by_output(
    ceiling: GoldenModelCeiling,
    X: Any,
    Y: Any,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> OutputLearnability:
    r"""Learnability of several outputs, each by a ceiling of its own, and of all together.

    .. math:: L = 1 - \frac{\sum_j \mathrm{NLL}_j}{\sum_j H(Y_j)}

    Higher is more to learn. Outputs are taken one by one: what one of them says of another is not
    counted, so that the total is no learnability of their joint distribution. It says how much of
    all bits that are to be predicted the inputs explain, output by output. Its interval takes the
    outputs of one row as dependent.

    Parameters
    ----------
    ceiling : GoldenModelCeiling
        Unfitted ceiling: its settings serve for every output.
    X : array-like of shape (n_samples, n_features)
        Inputs.
    Y : array-like or sparse matrix of shape (n_samples, n_outputs)
        Class labels of every output, such as the 0 and 1 of a multi-label task. Where one is
        missing (None, NaN), the row is left out of that output.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other; intervals are clustered by group.

    Returns
    -------
    OutputLearnability
        The outputs' learnabilities and their total, with `to_frame()`.

    Raises
    ------
    TypeError
        If the ceiling is no GoldenModelCeiling, or X no table.
    ValueError
        If Y has not two axes, an output has labels of strings and others, no output has two
        classes, or a ceiling cannot be fitted.

    Warns
    -----
    UndefinedInformationWarning
        If an output has one class: its learnability is NaN and it adds no bits to the total.

    See Also
    --------
    GoldenModelCeiling : The ceiling of one output.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_learnability import GoldenModelCeiling, learnability_by_output
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y = make_learnability_classification(3000, learnability=0.4, random_state=0)
    >>> coin = np.random.default_rng(0).integers(2, size=3000)
    >>> ceiling = GoldenModelCeiling([("logistic", LogisticRegression())], random_state=0)
    >>> found = learnability_by_output(ceiling, X, np.column_stack([y, coin]))
    >>> [round(one.value, 1) + 0.0 for one in found.learnability], round(found.total.value, 1)
    ([0.4, 0.0], 0.2)
    """
    if not isinstance(ceiling, GoldenModelCeiling):
        raise TypeError(f"Expected a GoldenModelCeiling, got {type(ceiling).__name__}.")
    names, columns = _check_outputs(Y)
    if not (hasattr(X, "shape") or isinstance(X, Sequence)):
        raise TypeError(f"Expected X of shape (n_samples, n_features), got {type(X).__name__}.")
    X = X.tocsr() if is_sparse(X) else X
    check_consistent_length(X, columns[0], groups)
    weight = check_weights(sample_weight, len(columns[0]))
    cluster = None if groups is None else check_groups(groups, len(weight))
    found = [_fit(ceiling, X, column, sample_weight, groups) for column in columns]
    single = [name for name, one in zip(names, found, strict=True) if one is None]
    if len(single) == len(names):
        raise ValueError(f"Expected an output with two classes or more, got one class in {single}.")
    if single:
        warn(
            f"Outputs {single} have one class: their learnability is NaN.",
            UndefinedInformationWarning,
        )
    fitted = [one for one in found if one is not None]
    return OutputLearnability(
        total=_total(fitted, columns, weight, cluster),
        outputs=names,
        learnability=tuple(UNDEFINED if one is None else _estimate(one.ceiling) for one in found),
        label_entropy=tuple(0.0 if one is None else one.ceiling.label_entropy_ for one in found),
        n_rows=tuple(int((~pd.isna(column)).sum()) for column in columns),
        ceilings=tuple(None if one is None else one.ceiling for one in found),
        units=ceiling.units,
    )


@dataclass(frozen=True, eq=False)
class _Output:
    """A fitted ceiling, the rows it was fitted on, and their labels."""

    ceiling: GoldenModelCeiling
    rows: Integers
    labels: NDArray[Any]


def _check_outputs(Y: Any) -> tuple[tuple[Any, ...], list[NDArray[Any]]]:
    """Return the names of the outputs and their labels."""
    table = Y.toarray() if is_sparse(Y) else Y
    if hasattr(table, "to_pandas"):
        table = table.to_pandas()
    try:
        shape = np.shape(table)
    except ValueError:
        raise ValueError(
            "Expected Y of shape (n_samples, n_outputs), got rows of several lengths."
        ) from None
    if len(shape) != 2 or not shape[0] or not shape[1]:
        raise ValueError(
            f"Expected Y of shape (n_samples, n_outputs), with rows and outputs, got shape {shape}."
        )
    frame = pd.DataFrame(table)
    names = tuple(frame.columns)
    return names, [frame.iloc[:, j].to_numpy() for j in range(len(names))]


def _fit(
    ceiling: GoldenModelCeiling,
    X: Any,
    column: NDArray[Any],
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
) -> _Output | None:
    """Return the ceiling fitted on the rows with a label, or None where there is one class."""
    rows = np.flatnonzero(~pd.isna(column))
    labels = _of_one_type(column[rows])
    counted = rows if sample_weight is None else rows[np.asarray(sample_weight)[rows] > 0]
    if len(pd.unique(column[counted])) < 2:
        return None
    fitted = clone(ceiling).fit(
        take_rows(X, rows),
        labels,
        sample_weight=None if sample_weight is None else np.asarray(sample_weight)[rows],
        groups=None if groups is None else np.asarray(groups)[rows],
    )
    return _Output(fitted, rows, labels)


def _of_one_type(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels as an array of their type, refusing strings among others.

    numpy would write the others as strings, and make one class of 1 and "1".
    """
    values = labels.tolist()
    if 0 < sum(isinstance(value, str) for value in values) < len(values):
        kinds = sorted({type(value).__name__ for value in values})
        raise ValueError(
            f"Expected labels of one type in every output, got {' and '.join(kinds)}. Unknown "
            "label type: convert them, as by Y.astype(str)."
        )
    return np.array(values)


def _estimate(ceiling: GoldenModelCeiling) -> Estimate:
    return Estimate(
        ceiling.learnability_,
        ceiling.learnability_standard_error_,
        *ceiling.learnability_interval_,
        CONFIDENCE,
    )


def _total(
    found: list[_Output], columns: list[NDArray[Any]], weight: Floats, groups: Integers | None
) -> Estimate:
    """Return the share of the outputs' bits that is explained, clustered by row or group."""
    n_rows = len(columns[0])
    units = np.arange(n_rows) if groups is None else groups
    if groups is None and any(one.ceiling._record.folds.along_rows for one in found):
        units = np.arange(n_rows) * min(N_BLOCKS, n_rows) // n_rows
    surprisals, losses, rows = [], [], []
    for one in found:
        ceiling = one.ceiling
        scored = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
        codes = np.searchsorted(ceiling.classes_, one.labels[scored])
        own = weight[one.rows[scored]]
        surprisal = surprisal_of_frequencies(codes, own, len(ceiling.classes_))[codes]
        surprisals.append(surprisal)
        losses.append(ceiling.oof_nll_[scored] * nats_per_unit(ceiling.units_))
        rows.append(one.rows[scored])
    positions = np.concatenate(rows)
    return information_estimate(
        np.concatenate(surprisals),
        np.concatenate(losses),
        units="nats",
        calibrated=True,
        sample_weight=weight[positions],
        groups=units[positions],
        confidence=CONFIDENCE,
    )
