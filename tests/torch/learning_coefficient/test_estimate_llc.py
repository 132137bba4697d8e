"""The coefficient of fitted skorch networks."""

import math

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_learnability.torch import (
    estimate_llc,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)
X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


def fitted(**settings):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2), nn.Softmax(dim=1))
    net = NeuralNetClassifier(module, max_epochs=3, lr=0.5, train_split=None, verbose=0, **settings)
    return net.fit(X.numpy(), Y.numpy())


def test_skorch_loss_is_that_of_its_criterion():
    net = fitted()
    found = estimate_llc(
        net, X.numpy(), Y.numpy(), sampler="sgld", n_draws=10, random_state=0, progress=False
    )
    probabilities = net.predict_proba(X.numpy())[np.arange(200), Y.numpy()]
    assert found.initial_loss == pytest.approx(-np.log(probabilities).mean(), rel=1e-4)
    share = Y.double().mean()
    assert found.chance_loss == pytest.approx(
        float(-(share * share.log() + (1 - share) * (1 - share).log()))
    )


def test_chance_of_a_regressor_is_the_variance_of_its_targets():
    targets = X.sum(1, keepdim=True).numpy()
    net = NeuralNetRegressor(nn.Linear(4, 1), max_epochs=1, train_split=None, verbose=0)
    net.fit(X.numpy(), targets)
    found = estimate_llc(
        net, X.numpy(), targets, sampler="sgld", n_draws=10, random_state=0, progress=False
    )
    assert found.chance_loss == pytest.approx(targets.var(), rel=1e-5)


def test_skorch_inputs_in_double_precision_are_taken():
    inputs = X.numpy().astype(np.float64)
    found = estimate_llc(
        fitted(), inputs, Y.numpy(), sampler="sgld", n_draws=10, random_state=0, progress=False
    )
    assert math.isfinite(found.value)


def test_skorch_network_that_is_not_fitted():
    from sklearn.exceptions import NotFittedError

    net = NeuralNetClassifier(nn.Linear(4, 2))
    with pytest.raises(NotFittedError):
        estimate_llc(net, X.numpy(), Y.numpy())
