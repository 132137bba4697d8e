"""How a quantity answers to a change of the data."""

from dataclasses import dataclass

from sklearn_learnability.torch.learning_coefficient._row_values import RowValues


@dataclass(frozen=True, eq=False)
class Susceptibility(RowValues):
    r"""How the mean of a quantity changes as the data change, per share of the data that does.

    .. math:: \chi_i = -n\beta \, \mathrm{Cov}(O(w), \ell_i(w) - L(w))

    the slope of :math:`E[O]` as the data become a mixture of themselves, of loss :math:`L`, and of
    copies of row i. In the unit of the quantity. Negative: with more such rows it falls; of a loss
    of a part of the model, that part serves them. The published per-sample value is minus the
    covariance, without :math:`n\beta`.

    Attributes
    ----------
    value, standard_error, drift : ndarray of shape (n_rows,)
        The susceptibility to each row, its standard error, and that of the second half of the
        chains less that of the first.
    row, position : ndarray of shape (n_rows,)
        Number of the row, and the token's position in it, 0 where all of the row counts at once.
    total, total_error, total_drift : float
        The susceptibility to all these rows together, weighted as they count: the mean of the
        values; its standard error and drift.
    """
