"""NetworkClassifier: a bag of small neural networks, as scikit-learn expects a classifier."""

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.torch.candidates._network_bag import NetworkBag
from sklearn_learnability.torch.candidates._periodic_network import (
    WeightedNetClassifier,
    make_network,
)


class NetworkClassifier(NetworkBag):
    """Bag of networks on periodic embeddings, averaged in the logarithm.

    Every member has its own seed and sees all rows. Needs torch and skorch. Inputs should be
    scaled.

    Parameters
    ----------
    n_members : int, default=2
        Number of networks.
    width : int, default=256
        Units of each hidden layer.
    depth : int, default=2
        Number of hidden layers.
    max_epochs : int, optional
        Passes over the rows; by default 14 over 8,000, and more over fewer.
    training : float, default=1.0
        What the default number of passes is multiplied by.
    random_state : int, RandomState instance or None, default=None
        Seeds the networks.
    """

    def __init__(
        self,
        n_members: int = 2,
        *,
        width: int = 256,
        depth: int = 2,
        max_epochs: int | None = None,
        training: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_members = n_members
        self.width = width
        self.depth = depth
        self.max_epochs = max_epochs
        self.training = training
        self.random_state = random_state

    def _make_network(
        self, X: NDArray[np.float32], n_classes: int, seed: int
    ) -> WeightedNetClassifier:
        return make_network(
            X,
            n_classes,
            width=self.width,
            depth=self.depth,
            max_epochs=self.max_epochs,
            training=self.training,
            seed=seed,
        )
