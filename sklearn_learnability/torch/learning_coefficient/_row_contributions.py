"""What every row adds to the local learning coefficient."""

from dataclasses import dataclass

from sklearn_learnability.torch.learning_coefficient._row_values import RowValues


@dataclass(frozen=True, eq=False)
class RowContributions(RowValues):
    r"""What every row, or token, adds to the local learning coefficient.

    .. math:: \lambda_i = n\beta \, (E[\ell_i(w)] - \ell_i(w^*))

    Their mean, weighted as the rows count, is the coefficient: a row of a higher one is predicted
    by directions that the data hardly fix. No unit. The estimate's own value is of all draws and
    less noise where more is known of it, so the two agree within their errors only. It holds what
    the penalty of a weight decay adds too, which is no loss of a row.

    Attributes
    ----------
    value, standard_error, drift : ndarray of shape (n_rows,)
        The contribution of each, its standard error, and that of the second half of the chains less
        that of the first.
    row, position : ndarray of shape (n_rows,)
        Number of the row, and the token's position in it, 0 where all of the row counts at once.
    total, total_error, total_drift : float
        Their mean, weighted as the rows count; its standard error and drift.
    """
