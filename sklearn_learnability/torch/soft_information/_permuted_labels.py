"""Labels dealt out again, many times, to the places that have one."""

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.soft_information._ngrams import IGNORED

Ints = NDArray[np.int64]


class PermutedLabels:
    """Labels of places under each permutation, and the rows in which their sums stand.

    A place is all the positions that have their label together: those of a text, or a single one.
    The labels of a permutation that have several positions have a row each, one after the other.
    Those of one position have a row together, which stands after the rows of all permutations.

    Parameters
    ----------
    places : ndarray of int64
        Place of each position, of any shape; -1 where there is no label.
    codes : ndarray of int of shape (n_permutations, n_places)
        Label of each place, from 0.
    """

    def __init__(self, places: Ints, codes: NDArray[np.integer]) -> None:
        n_labels = int(codes.max(initial=0)) + 1
        self.places = places
        self.n_positions = int((places != IGNORED).sum())
        self.codes = codes.astype(np.min_scalar_type(-n_labels))  # many, so of a small type
        sizes = np.bincount(places[places != IGNORED], minlength=codes.shape[1])
        of_each = [np.bincount(of, weights=sizes, minlength=n_labels) for of in self.codes]
        counts = np.array(of_each, dtype=np.int64).reshape(-1, n_labels)
        several = counts > 1
        self.counts = counts[several]  # of each row with a label of its own
        self.permutation = np.nonzero(several)[0]  # the same
        once = len(self.counts) + np.arange(len(codes))
        self._row_of = np.where(
            several, np.cumsum(several).reshape(several.shape) - 1, once[:, None]
        )

    @property
    def n_permutations(self) -> int:
        """Number of permutations."""
        return len(self.codes)

    @property
    def n_rows(self) -> int:
        """Number of rows of sums."""
        return len(self.counts) + self.n_permutations

    def rows_of(self, places: Ints) -> Ints:
        """Return the row of each of some places under each permutation (n_permutations, k)."""
        return np.take_along_axis(self._row_of, self.codes[:, places].astype(np.int64), axis=1)
