"""Estimates of layers by name, of their means, and of ratios of two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sklearn_learnability.torch.soft_information._influences import Influences, Interval

MEAN = "mean"
MEAN_WITHOUT_EMBEDDING = "mean without embedding"


@dataclass(frozen=True, eq=False)
class LayerEstimates:
    """A row for each layer, by its name, and set of labels, and what their errors are made of."""

    table: pd.DataFrame
    influences: Mapping[tuple[Any, str], Influences]

    def with_means(self) -> "LayerEstimates":
        """Return the estimates with those of means of layers after them."""
        layers = list(dict.fromkeys(self.table["layer"]))
        tables, influences = [self.table], dict(self.influences)
        for name, chosen in layer_means(layers).items():
            rows = self.table[self.table["layer"].isin(chosen)].drop(columns="layer")
            mean = rows.groupby("labels", sort=False).mean().reset_index()
            mean.insert(0, "layer", name)
            for labels in mean["labels"]:
                of_layers = [self.influences[layer, labels] for layer in chosen]
                influences[name, labels] = Influences.of_mean(of_layers)
            tables.append(self._with_intervals(mean, influences))
        table = pd.concat(tables, ignore_index=True)
        counts = ["n_labels", "n_positions"]
        return LayerEstimates(table.astype(dict.fromkeys(counts, int)), influences)

    @staticmethod
    def _with_intervals(mean: pd.DataFrame, influences: Mapping[Any, Influences]) -> pd.DataFrame:
        """Return means with errors of their own, not the means of errors."""
        keys = list(zip(mean["layer"], mean["labels"], strict=True))
        for name, columns in (
            ("information", ("standard_error", "interval_lower", "interval_upper")),
            ("quadratic", ("quadratic_error", "quadratic_lower", "quadratic_upper")),
        ):
            found = [
                influences[key].interval(name, value)
                for key, value in zip(keys, mean[name], strict=True)
            ]
            mean[list(columns)] = found
        return mean

    def rows(self) -> dict[tuple[Any, str], Any]:
        """Return the rows by layer and set of labels."""
        found: Any = self.table.itertuples()
        return {(row.layer, row.labels): row for row in found}

    def ratio(self, name: str, above: Any, below: Any) -> Interval:
        """Return the interval of the ratio of two estimates, given by their rows."""
        return self.influences[above.layer, above.labels].ratio_interval(
            name,
            getattr(above, name),
            self.influences[below.layer, below.labels],
            getattr(below, name),
        )


def layer_means(layers: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the layers of each mean: all, and all but hidden state 0, if that is among them."""
    rest = [layer for layer in layers if layer != 0]
    means = {MEAN: list(layers), MEAN_WITHOUT_EMBEDDING: rest}
    return means if 0 < len(rest) < len(layers) else {MEAN: list(layers)}
