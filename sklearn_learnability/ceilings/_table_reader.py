"""What inputs a family of candidates reads."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from joblib import Memory
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, get_tags

from sklearn_learnability._tables import clean_table, pass_table
from sklearn_learnability._validation import RandomState, check_random_state
from sklearn_learnability.ceilings._family import Member
from sklearn_learnability.ceilings._kept_fits import hash_of_rows


class TableReader(BaseEstimator):
    """An estimator with candidates: named ones read a clean table, own ones X as it is."""

    candidates: str | Sequence[Member]
    memory: str | PathLike[str] | Memory | None
    random_state: RandomState

    def __sklearn_tags__(self) -> Tags:
        """Missing values are taken by the default family, and what else any own candidate takes."""
        tags = super().__sklearn_tags__()
        if self._has_named_candidates:
            tags.input_tags.allow_nan = True
        else:
            own = [get_tags(member[1]).input_tags for member in self.candidates]
            tags.input_tags.allow_nan = any(tag.allow_nan for tag in own)
            tags.input_tags.sparse = any(tag.sparse for tag in own)
        return tags

    @property
    def _has_named_candidates(self) -> bool:
        given = self.candidates
        return isinstance(given, str) or any(isinstance(member, str) for member in given)

    def _check_table(self, X: Any, *, reset: bool) -> Any:
        if reset:
            self._reads_tables = self._has_named_candidates
        read = clean_table if self._reads_tables else pass_table
        return read(self, X, reset=reset)

    def _seeds(self, data: Any) -> np.random.RandomState:
        """Return what seeds folds and fits: kept fits are found again only under the same seeds."""
        if self.memory is not None and self.random_state is None:
            return np.random.RandomState(int(hash_of_rows(data), 16) % 2**32)
        return check_random_state(self.random_state)
