"""The rows of a report, and models scored on them beside the ceiling."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers, nats_per_unit
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.metrics._comparison import ModelComparison, compare_models
from sklearn_learnability.metrics._information import log_loss_per_sample
from sklearn_learnability.metrics._nll_decomposition import nll_decomposition
from sklearn_learnability.metrics._segments import SegmentReport, information_by_segment
from sklearn_learnability.report._default_models import as_frame
from sklearn_learnability.report._finding import AssessedModel

#: Columns of so few levels are segments, and so many of them are taken.
MOST_LEVELS, MOST_SEGMENTATIONS = 10, 3
N_SURPRISES = 10


class TableRows(NamedTuple):
    """What a ceiling is fitted on, in the order of its arguments."""

    X: pd.DataFrame
    y: NDArray[Any]
    sample_weight: Floats | None
    groups: NDArray[Any] | None

    @property
    def fit_weight(self) -> Floats | None:
        """The weights with a mean of 1, as their scale is no matter of penalized models."""
        weight = self.sample_weight
        return None if weight is None else weight / weight[weight > 0].mean()

    @classmethod
    def of(
        cls,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        order: Integers,
    ) -> Self:
        """Return the rows in an order."""
        frame = as_frame(X)
        if len(frame) != len(order):
            raise ValueError(f"Expected as many labels as rows, {len(frame)}, got {len(order)}.")
        one_a_row = {"weights": sample_weight, "groups": groups}
        given = {
            name: None if part is None else np.asarray(part) for name, part in one_a_row.items()
        }
        for name, part in given.items():
            if part is not None and part.shape != (len(order),):
                raise ValueError(
                    f"Expected {name} of shape ({len(order)},), one a row, got {part.shape}."
                )
        weight, units = (None if part is None else part[order] for part in given.values())
        labels = np.asarray(y)
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        return cls(take_rows(frame, order).reset_index(drop=True), labels[order], weight, units)


class Scored(NamedTuple):
    """Rows that the ceiling and all models predicted.

    `places` are their positions among the rows, `groups` what they are counted in.
    """

    ceiling: GoldenModelCeiling
    X: pd.DataFrame
    y: NDArray[Any]
    weight: Floats | None
    groups: NDArray[Any] | None
    reference: Floats
    probas: dict[str, Floats]
    places: Integers

    @classmethod
    def of(cls, ceiling: GoldenModelCeiling, data: TableRows, probas: Mapping[str, Floats]) -> Self:
        """Return the rows that all predicted."""
        known = np.isfinite(ceiling.oof_nll_)
        for proba in probas.values():
            known = known & np.isfinite(proba).all(axis=1)
        places = np.flatnonzero(known)
        units = ceiling.independent_units_
        return cls(
            ceiling,
            take_rows(data.X, places),
            data.y[places],
            None if data.sample_weight is None else data.sample_weight[places],
            None if units is None else units[places],
            ceiling.oof_nll_[places],
            {name: proba[places] for name, proba in probas.items()},
            places,
        )

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "sample_weight": self.weight,
            "groups": self.groups,
            "labels": self.ceiling.classes_,
        }

    def compare(self) -> ModelComparison:
        """Return all models against the ceiling."""
        return compare_models(
            self.y,
            self.probas,
            reference_nll=self.reference,
            bracket=self.ceiling.shortfall_,
            units=self.ceiling.units_,
            **self._options,
        )

    def assess(self, name: str) -> AssessedModel:
        """Return the verdict on one model, and its loss in parts."""
        proba, options = self.probas[name], self._options
        return AssessedModel(
            name=name,
            verdict=self.ceiling.shortfall_.verdict(
                self.y, proba, reference_nll=self.reference, **options
            ),
            decomposition=nll_decomposition(
                self.y, proba, units=self.ceiling.units_, random_state=0, **options
            ),
        )

    def segments(self, names: Sequence[str] | None) -> Iterator[tuple[str, SegmentReport]]:
        """Yield what can be learned in levels of columns, and what the first model makes of it."""
        proba = next(iter(self.probas.values()))
        for name in segmentations(self.X, names):
            yield (
                str(name),
                information_by_segment(
                    self.y,
                    proba,
                    self.X[name],
                    reference_nll=self.reference,
                    units=self.ceiling.units_,
                    **self._options,
                ),
            )

    def surprises(self, order: Integers) -> pd.DataFrame:
        """Return the rows that the first model was most surprised by, their positions as given."""
        proba, units = next(iter(self.probas.values())), self.ceiling.units_
        surprise = log_loss_per_sample(self.y, proba, labels=self.ceiling.classes_, units=units)
        weight = np.ones(len(surprise)) if self.weight is None else self.weight
        counted = np.where(weight > 0, surprise, -np.inf)  # rows of no weight surprise nobody
        most = np.argsort(-counted, kind="stable")[: min(N_SURPRISES, int((weight > 0).sum()))]
        return pd.DataFrame(
            {
                "position": order[self.places[most]],
                "label": self.y[most],
                "probability": np.exp(-surprise[most] * nats_per_unit(units)),
                "surprise": surprise[most],
                "ceiling": self.reference[most],
            }
        )


def not_fitted(name: str, error: Exception) -> ValueError:
    """Return the error of a table that none of the models can be fitted to."""
    return ValueError(
        f"Expected a model that can be fitted to this table, got {type(error).__name__} from "
        f"{name}: {error}"
    )


def segmentations(X: pd.DataFrame, names: Sequence[str] | None) -> list[str]:
    """Return the columns to segment by."""
    if isinstance(names, str):
        names = [names]
    if names is not None:
        unknown = [name for name in names if name not in X.columns]
        if unknown:
            raise ValueError(
                f"Expected columns to segment by among {list(X.columns)}, got {unknown}."
            )
        return list(names)
    levels = {name: X[name].nunique(dropna=False) for name in X.columns}
    few = [name for name, count in levels.items() if 2 <= count <= MOST_LEVELS]
    return few[:MOST_SEGMENTATIONS]
