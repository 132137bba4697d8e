"""Which rows a prediction rests on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Influence(Result):
    r"""How much a loss would rise if a row were left out of the training data, to first order.

    .. math:: I_{ij} = \beta \, w_i \, \mathrm{Cov}(\ell_i(w), \ell_j(w))

    over the posterior, with :math:`\beta` the inverse temperature of one target and :math:`w_i` how
    many targets the row counts for, 1 for most losses. In the unit of what it is on: nats for
    losses. Positive: the row helps, and without it the loss would be higher. Negative: it harms.
    The published Bayesian influence is minus the covariance: the slope as the row's weight grows.

    Attributes
    ----------
    value, standard_error, drift : ndarray of shape (n_of, n_on)
        The influence of each row on each, its standard error, and that of the second half of the
        chains less that of the first.
    of_row, of_position : ndarray of shape (n_of,)
        Number of the row whose influence it is, and the token's position in it, 0 where all of the
        row counts at once.
    on_row, on_position : ndarray of shape (n_on,)
        The same of the rows that it is on; -1 where that is one number, a mean or an observable.
    """

    value: Floats
    standard_error: Floats
    drift: Floats
    of_row: NDArray[np.integer]
    of_position: NDArray[np.integer]
    on_row: NDArray[np.integer]
    on_position: NDArray[np.integer]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a pair."""
        n_of, n_on = self.value.shape
        return pd.DataFrame(
            {
                "of_row": np.repeat(self.of_row, n_on),
                "of_position": np.repeat(self.of_position, n_on),
                "on_row": np.tile(self.on_row, n_of),
                "on_position": np.tile(self.on_position, n_of),
                "value": self.value.ravel(),
                "standard_error": self.standard_error.ravel(),
                "drift": self.drift.ravel(),
            }
        )
