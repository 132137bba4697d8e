"""Rows drawn from a counted population, whose posterior is a ratio of counts."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import entr

from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    check_choice,
    check_count,
    check_random_state,
)
from sklearn_learnability.datasets._truth import ClassificationTruth

#: What of the wrong cells an error shows.
N_SHOWN = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class CellTruth(ClassificationTruth):
    r"""Truth of rows drawn with replacement from a population that is counted cell by cell.

    .. math:: p(y \mid x) = n_{xy} / n_x, \qquad
              H(Y \mid X) = -\sum_{x, y} \frac{n_{xy}}{n} \log \frac{n_{xy}}{n_x}

    The population is the distribution, so that posterior and entropies are exact.

    Attributes
    ----------
    cells : DataFrame of shape (n_cells, n_features)
        The distinct rows of features.
    counts : ndarray of shape (n_cells, n_classes)
        Members of the population in each cell, by class.
    labels : ndarray of shape (n_classes,)
        Class labels, sorted.
    """

    cells: pd.DataFrame
    counts: Integers
    labels: NDArray[Any]

    @classmethod
    def from_table(cls, table: pd.DataFrame, target: str) -> Self:
        """Return the truth about one column of a table of cells, whose counts are its column n."""
        features = [name for name in table.columns if name not in (target, "n")]
        counts = table.pivot_table(
            index=features, columns=target, values="n", aggfunc="sum", fill_value=0, observed=True
        )
        cells = counts.index.to_frame(index=False)
        for name in features:
            if not pd.api.types.is_numeric_dtype(cells[name]):
                cells[name] = cells[name].astype("category")
        numbers = counts.to_numpy(dtype=np.int64)
        total, of_class, of_cell = numbers.sum(), numbers.sum(axis=0), numbers.sum(axis=1)
        within = entr(numbers / of_cell[:, None]).sum(axis=1)
        return cls(
            class_frequencies=of_class / total,
            conditional_entropy_nats=float(of_cell @ within / total),
            cells=cells,
            counts=numbers,
            labels=counts.columns.to_numpy(),
        )

    @property
    def classes(self) -> NDArray[Any]:
        """Class labels in the order of the columns of the posterior."""
        return self.labels

    def sample_features(self, n_samples: int, rng: np.random.RandomState) -> pd.DataFrame:
        """Draw `n_samples` rows of features."""
        share = self.counts.sum(axis=1) / self.counts.sum()
        drawn = rng.choice(len(self.cells), size=n_samples, p=share)
        return self.cells.iloc[drawn].reset_index(drop=True)

    def predict_proba(self, X: Any) -> Floats:
        """Return the exact posterior p(y | x), of shape (n_samples, n_classes).

        The columns of the data frame `X` are found by name. A row that is in no cell of the
        population is a ValueError.
        """
        names = list(self.cells.columns)
        if not isinstance(X, pd.DataFrame):
            raise TypeError(f"Expected X as a data frame, got {type(X).__name__}.")
        missing = [name for name in names if name not in X.columns]
        if missing:
            raise ValueError(f"Expected X with the columns {names}, got none named {missing}.")
        known = pd.MultiIndex.from_frame(self.cells.astype(object))
        cell = known.get_indexer(pd.MultiIndex.from_frame(X[names].astype(object)))
        if (cell < 0).any():
            strange = X.loc[cell < 0, names].drop_duplicates().head(N_SHOWN)
            raise ValueError(
                f"Expected rows of the population, got {int((cell < 0).sum())} in no cell of it, "
                f"such as {strange.to_dict('records')}."
            )
        return self.counts[cell] / self.counts[cell].sum(axis=1, keepdims=True)


def draw_from_cells(
    file: str,
    target: str,
    targets: tuple[str, ...],
    n_samples: int,
    random_state: RandomState,
    return_truth: bool,
) -> Any:
    """Draw rows of a counted table of the package, with one of its columns as the target."""
    check_choice("target", target, targets)
    check_count("n_samples", n_samples)
    path = files("sklearn_learnability.datasets") / "data" / file
    truth = CellTruth.from_table(pd.read_csv(str(path)), target)
    X, labels = truth.sample(n_samples, check_random_state(random_state))
    y = pd.Series(labels, name=target)
    return (X, y, truth) if return_truth else (X, y)
