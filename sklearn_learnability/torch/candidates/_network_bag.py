"""NetworkBag: what the ceiling's networks have in common, as scikit-learn expects a classifier."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from sklearn_learnability._shared_context import SharedContext
from sklearn_learnability._validation import check_random_state, check_weights, encode_labels
from sklearn_learnability.torch.candidates._periodic_network import (
    Interrupted,
    WeightedNetClassifier,
)


@contextmanager
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


ONE_THREAD = SharedContext(_one_thread)


class NetworkBag(ClassifierMixin, BaseEstimator, ABC):
    """Networks with a seed each on the same rows, averaged in the logarithm."""

    n_members: int
    random_state: int | np.random.RandomState | None

    @abstractmethod
    def _make_network(
        self, X: NDArray[np.float32], n_classes: int, seed: int
    ) -> WeightedNetClassifier:
        """Return an unfitted member for the given rows; its module has `trained()`."""

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit every member on one thread; the caller's random state of torch is left alone."""
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_min_samples=2)
        self.classes_, codes = encode_labels(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Expected at least two classes, got one class ({self.classes_[0]!r})."
            )
        weight = check_weights(sample_weight, len(X)).astype(np.float32)
        counts = weight > 0
        weight, codes = weight[counts], codes[counts]
        inputs = {"X": X[counts], "sample_weight": weight / weight.mean()}
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_members)
        with ONE_THREAD:
            torch.set_num_threads(1)  # the number of OpenMP's threads belongs to this thread
            self.members_ = [self._fit_member(int(seed), inputs, codes) for seed in seeds]
        return self

    def _fit_member(
        self, seed: int, inputs: dict[str, NDArray[np.float32]], codes: NDArray
    ) -> nn.Module:
        network = self._make_network(inputs["X"], len(self.classes_), seed)
        try:
            network.fit(inputs, codes.astype(np.int64))
        except Interrupted:
            raise KeyboardInterrupt from None
        return network.module_.trained()

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = torch.from_numpy(validate_data(self, X, dtype=np.float64, reset=False, copy=True))
        with torch.inference_mode():
            logits = [
                torch.cat([member(batch) for batch in X.split(8192)]).numpy()
                for member in self.members_
            ]
        mean = np.mean([log_softmax(member, axis=1) for member in logits], axis=0)
        return np.exp(log_softmax(mean, axis=1))

    def predict(self, X: Any) -> NDArray:
        """Return the most probable class of every row."""
        columns = self.predict_proba(X).argmax(axis=1)
        return self.classes_[columns]
