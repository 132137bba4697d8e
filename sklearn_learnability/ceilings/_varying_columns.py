"""Columns that vary, of tables in which perhaps none does."""

from typing import Any, Self

from sklearn.feature_selection import VarianceThreshold


class VaryingColumns(VarianceThreshold):
    """Leaves out columns that do not vary, all but the first where none does.

    So that a model of nothing but constants is one of the mean, and no error.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn which columns vary."""
        try:
            super().fit(X, y)
        except ValueError as error:
            if "variance threshold" not in str(error):
                raise
        return self

    def _get_support_mask(self) -> Any:
        mask = super()._get_support_mask()
        if not mask.any():
            mask[0] = True
        return mask
