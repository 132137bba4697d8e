"""The coefficient of fitted skorch networks."""

import math

import numpy as np
import pandas as pd
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


def test_skorch_inputs_that_may_not_be_written_are_copied():
    """Pandas 3 gives such arrays, and torch warns of them, by itself once a process."""
    inputs = X.numpy().copy()
    inputs.flags.writeable = False
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        found = estimate_llc(
            fitted(), inputs, Y.numpy(), sampler="sgld", n_draws=10, random_state=0, progress=False
        )
    finally:
        torch.set_warn_always(before)
    assert math.isfinite(found.value)


def test_a_store_tells_skorch_networks_by_their_parameters_and_criterion(tmp_path):
    """Not by their histories, in which two fits of one network differ."""
    settings = {"sampler": "sgld", "n_draws": 10, "random_state": 0, "progress": False}
    settings["store"] = tmp_path / "chains.pt"
    first = estimate_llc(fitted(), X.numpy(), Y.numpy(), **settings)
    assert estimate_llc(fitted(), X.numpy(), Y.numpy(), **settings).value == first.value
    weighted = fitted(criterion__weight=torch.ones(2))
    with pytest.raises(ValueError, match="differs in loss"):
        estimate_llc(weighted, X.numpy(), Y.numpy(), **settings)


def test_skorch_network_that_is_not_fitted():
    from sklearn.exceptions import NotFittedError

    net = NeuralNetClassifier(nn.Linear(4, 2))
    with pytest.raises(NotFittedError):
        estimate_llc(net, X.numpy(), Y.numpy())


QUICK = {
    "sampler": "sgld",
    "n_draws": 10,
    "inverse_temperature": 10.0,
    "localization": 1.0,
    "step_size": 1e-4,
    "random_state": 0,
    "progress": False,
}


class Columns(nn.Module):
    """Takes the columns of a data frame by name."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, first, second):
        return self.linear(torch.cat([first, second], dim=1))


# skorch gives torch what pandas does not want to be written to
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_targets_of_a_regression_in_every_shape():
    inputs, targets = X[:, :2].numpy(), X[:, 2:3].numpy()
    frame = pd.DataFrame(inputs, columns=["first", "second"])
    torch.manual_seed(0)
    settings = {"max_epochs": 2, "train_split": None, "verbose": 0}
    plain = NeuralNetRegressor(nn.Linear(2, 1), **settings).fit(inputs, targets)
    named = NeuralNetRegressor(Columns, **settings).fit(frame, targets)
    for net, given in ((plain, inputs), (plain, X[:, :2].double()), (named, frame)):
        truth = ((net.predict(frame if net is named else inputs) - targets) ** 2).mean()
        for y in (targets, torch.from_numpy(targets), pd.DataFrame(targets)):
            found = estimate_llc(net, given, y, **QUICK)
            assert found.initial_loss == pytest.approx(truth, rel=1e-5)
    with pytest.raises(ValueError, match=r"shape of the outputs, \(8, 1\), got \(8,\)"):
        estimate_llc(plain, inputs, targets[:, 0], **QUICK)


def test_a_series_of_labels_is_taken():
    net = fitted()
    wanted = estimate_llc(net, X.numpy(), Y.numpy(), **QUICK)
    found = estimate_llc(net, X.numpy(), pd.Series(Y.numpy(), index=range(200, 400)), **QUICK)
    assert found.value == wanted.value


def test_the_weights_of_a_criterion_are_cast_with_the_network():
    net = fitted(criterion=nn.NLLLoss, criterion__weight=torch.tensor([1.0, 3.0]))
    settings = QUICK | {"sampler": "hamiltonian", "step_size": 0.05, "n_draws": 3, "n_chains": 2}
    assert math.isfinite(estimate_llc(net, X.numpy(), Y.numpy(), **settings).value)
    assert net.criterion_.weight.dtype == torch.float32
