"""The local learning coefficient of a fitted skorch network."""

import os
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_learnability.torch.learning_coefficient._chance_loss import loss_by_chance
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.models._batch_loss import check_shapes
from sklearn_learnability.torch.models._data_rows import as_tensor, data_rows, map_floats
from sklearn_learnability.torch.models._devices import dtype_of


def estimate_llc(
    net: Any,
    X: Any,
    y: Any,
    *,
    store: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> LLCEstimate:
    """Estimate the local learning coefficient of a fitted skorch network.

    The loss is the one the network was trained with, its criterion, over the given rows.

    Parameters
    ----------
    net : skorch.NeuralNet
        A fitted network.
    X : array-like
        Inputs, as the network takes them.
    y : array-like
        Targets, of the shape of the network's outputs where they are numbers.
    store : path-like, default=None
        Where to keep what is done: a file of the chains. A killed run goes on from it.
    **settings : object
        Of :class:`LocalLearningCoefficient`, other than its loss.

    Returns
    -------
    LLCEstimate
        The value, its standard error, and what is needed to judge it.

    Raises
    ------
    NotFittedError
        If the network is not fitted.
    ValueError
        As in :meth:`LocalLearningCoefficient.estimate`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from sklearn_learnability.torch import estimate_llc
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3)).astype("float32")
    >>> y = X.sum(axis=1, keepdims=True) + rng.normal(size=(400, 1)).astype("float32")
    >>> module = torch.nn.Linear(3, 1)
    >>> net = NeuralNetRegressor(
    ...     module, lr=0.1, max_epochs=200, batch_size=-1, train_split=None, verbose=0
    ... ).fit(X, y)
    >>> found = estimate_llc(
    ...     net, X, y, sampler="leimkuhler-matthews", n_draws=600, random_state=0, progress=False
    ... )
    >>> print(f"about {found.value:.0f}, of {found.n_parameters} parameters")
    about 2, of 4 parameters
    """
    check_is_fitted(net, "module_")
    targets = y if isinstance(y, Tensor) else np.asarray(y)
    if isinstance(X, np.ndarray | Tensor):
        dtype = dtype_of(net.module_)
        data: Any = map_floats(as_tensor(X), lambda values: values.to(dtype)), targets
    else:
        data = net.get_dataset(X, targets)
    chance = loss_by_chance(net.criterion_, data_rows(data))
    llc = LocalLearningCoefficient(NetLoss(net), **settings)
    return llc.estimate(net.module_, data, chance_loss=chance, store=store)


class NetLoss(nn.Module):
    """The loss that a skorch network was trained with, as a criterion of outputs and targets."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.criterion = net.criterion_

    @property
    def store_key(self) -> Any:
        """What stands for it in stores: not the network, which holds times and histories."""
        return self.criterion, type(self.net).get_loss

    def forward(self, outputs: Any, targets: Tensor) -> Tensor:
        """Return the loss."""
        check_shapes(self.criterion, outputs, targets)
        return self.net.get_loss(outputs, targets)
