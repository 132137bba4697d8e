"""Regressors' held-out forecasts of the rows of a report, beside the ceiling."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import r2_score
from sklearn.utils.validation import has_fit_parameter

from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers, nats_per_unit, warn
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.metrics._forecasts import (
    forecast_of,
    has_distributions,
    one_a_row,
    predictions_of,
    scores_of_location,
)
from sklearn_learnability.metrics._mutual_information import InformationOfRows
from sklearn_learnability.metrics._regression_efficiency import (
    efficiency_of_information,
    forecast_information,
    warn_of_regression_efficiency,
)
from sklearn_learnability.metrics._target_bins import TargetBins
from sklearn_learnability.report._html import cell
from sklearn_learnability.report._regression_report import AssessedRegressor
from sklearn_learnability.report._scored import N_SURPRISES, TableRows, not_fitted

MOST_SHOWN = 400  # rows of a figure
FEWEST_IN_SEGMENT = 10


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a model says of the rows: locations, and the information of each row in nats."""

    location: Floats
    rows: InformationOfRows | None

    @property
    def information(self) -> Floats:
        """The information of every row, NaN of too few."""
        return np.full(len(self.location), np.nan) if self.rows is None else self.rows.information


@dataclass(frozen=True, eq=False)
class ForecastRows:
    """The rows that the ceiling and all models predict, at `places` among all.

    `known` is what the ceiling tells of each, in its units.
    """

    ceiling: GoldenModelCeilingRegressor
    data: TableRows
    folds: list[tuple[Integers, Integers]]
    places: Integers
    y: Floats
    weight: Floats
    groups: Any
    known: Floats
    bins: TargetBins

    @classmethod
    def of(
        cls, ceiling: GoldenModelCeilingRegressor, data: TableRows, folds: list[Any]
    ) -> "ForecastRows":
        """Return the rows that folds test and the ceiling predicted."""
        tested = np.zeros(len(data.y), dtype=bool)
        for _, test in folds:
            tested[test] = True
        places = np.flatnonzero(tested & np.isfinite(ceiling.oof_information_))
        y = np.asarray(data.y, dtype=np.float64)[places]
        weight = np.ones(len(y)) if data.sample_weight is None else data.sample_weight[places]
        units = ceiling.independent_units_
        groups = None if units is None else units[places]
        known = ceiling.oof_information_[places]
        bins = TargetBins.of(y, weight)
        return cls(ceiling, data, folds, places, y, weight, groups, known, bins)

    def of_models(self, named: Mapping[str, BaseEstimator]) -> Iterator[tuple[str, Forecast]]:
        """Yield the held-out forecasts of models; one that fails is left out, unless all do."""
        failed = 0
        for name, model in named.items():
            try:
                yield name, self._predicted(model)
            except Exception as error:
                failed += 1
                if failed == len(named):
                    raise not_fitted(name, error) from error
                warn(f"{name} failed and is left out: {error}", FitFailedWarning)

    def of_predictions(
        self, predictions: Mapping[str, ArrayLike], order: Integers
    ) -> dict[str, Forecast]:
        """Return forecasts that were given, one a row as the rows were given."""
        found = {}
        for name, given in predictions.items():
            values = np.asarray(given)
            if values.shape not in ((len(order),), (len(order), 1)):
                raise ValueError(
                    f"Expected forecasts of {name} of shape ({len(order)},), got {values.shape}."
                )
            if values.dtype.kind not in "biufO":
                raise ValueError(f"Expected forecasts of {name} as numbers, got {values.dtype}.")
            numbers = values.astype(np.float64).reshape(len(order))
            n_wrong = int((~np.isfinite(numbers)).sum())
            if n_wrong:
                raise ValueError(
                    f"Expected finite forecasts of {name} in every row, got NaN or infinity in "
                    f"{n_wrong} of {len(numbers)}."
                )
            location = numbers[order][self.places]
            unit = np.full(len(location), np.log(self.bins.scale))
            found[str(name)] = self._forecast(location, np.column_stack([location, unit]))
        return found

    def _predicted(self, model: BaseEstimator) -> Forecast:
        """Return what a model says of every row, fitted on the others."""
        X, y, weight = self.data.X, np.asarray(self.data.y, np.float64), self.data.fit_weight
        takes = weight is not None and has_fit_parameter(model, "sample_weight")
        location, scores = np.full(len(y), np.nan), None
        for train, test in self.folds:
            params = {"sample_weight": weight[train]} if takes and weight is not None else {}
            fitted = clone(model).fit(take_rows(X, train), y[train], **params)
            inputs = take_rows(X, test)
            said = forecast_of(fitted, inputs, self.bins.edges, self.bins.scale)
            scores = np.full((len(y), said.shape[1]), np.nan) if scores is None else scores
            scores[test] = said
            location[test] = one_a_row(fitted, inputs, predictions_of(fitted, inputs)[0])
        assert scores is not None
        return self._forecast(location[self.places], scores[self.places], has_distributions(model))

    def _forecast(self, location: Floats, said: Floats, is_distribution: bool = False) -> Forecast:
        """Return a forecast with the information of its rows."""
        scores = said if is_distribution else scores_of_location(said, self.bins.edges)
        rows = forecast_information(self.y, scores, self.bins, self.weight, self.groups)
        return Forecast(location, rows)

    def assess(self, name: str, forecast: Forecast) -> AssessedRegressor:
        """Return what is known of a model."""
        found = efficiency_of_information(
            forecast.rows,
            self.known * nats_per_unit(self.ceiling.units_),
            self.weight,
            self.groups,
            units=self.ceiling.units_,
            confidence=0.95,
        )
        warn_of_regression_efficiency(found)
        return AssessedRegressor(name=name, efficiency=found, r2=self.r2(forecast.location))

    def r2(self, location: Floats) -> float:
        """Return R² of forecasts."""
        return float(r2_score(self.y, location, sample_weight=self.weight))

    def segments(
        self, forecast: Forecast, names: Sequence[str]
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the mean information in every level of columns, of ceiling and model."""
        own = forecast.information / nats_per_unit(self.ceiling.units_)
        for name in names:
            levels = self.data.X[name].iloc[self.places].astype(object).reset_index(drop=True)
            table = []
            for level, places in levels.groupby(levels, dropna=False).indices.items():
                shown = cell(level) or "missing"
                row: dict[str, Any] = {"segment": shown, "n_samples": len(places)}
                if len(places) >= FEWEST_IN_SEGMENT:
                    weight = self.weight[places]
                    row["ceiling"] = np.average(self.known[places], weights=weight)
                    row["model"] = np.average(own[places], weights=weight)
                table.append(row)
            yield str(name), pd.DataFrame(table)

    def surprises(self, forecast: Forecast, order: Integers) -> pd.DataFrame:
        """Return the rows of the least information, their positions as given."""
        own = forecast.information / nats_per_unit(self.ceiling.units_)
        counted = np.where(self.weight > 0, own, np.inf)  # rows of no weight surprise nobody
        most = np.argsort(counted, kind="stable")[: min(N_SURPRISES, int((self.weight > 0).sum()))]
        return pd.DataFrame(
            {
                "position": order[self.places[most]],
                "actual": self.y[most],
                "forecast": forecast.location[most],
                "information": own[most],
                "ceiling": self.known[most],
            }
        )

    def shown(self, forecast: Forecast) -> pd.DataFrame:
        """Return some rows, spread evenly, for a figure."""
        some = np.unique(np.linspace(0, len(self.y) - 1, MOST_SHOWN).astype(int))
        return pd.DataFrame({"actual": self.y[some], "forecast": forecast.location[some]})
