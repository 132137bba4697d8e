import pytest
import torch
from torch import nn

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    next_token_loss,
    self_divergence_loss,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)


def test_self_divergence_is_that_of_the_predictions():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 3)).eval()
    X, y = torch.randn(300, 4), torch.randint(3, (300,))
    loss = self_divergence_loss(model)
    expected = model(X).softmax(1).detach()
    model[0].weight.data += 0.3
    found = model(X).softmax(1)
    truth = (expected * (expected / found).log()).sum(1)
    torch.testing.assert_close(loss(model, (X, y)), truth, rtol=1e-4, atol=1e-6)


def test_self_divergence_of_a_language_model_is_positive_away_from_a_minimum():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7))
    tokens = torch.randint(7, (60, 6))
    settings = {"inverse_temperature": 200.0, "localization": 5.0, "n_draws": 60, "n_chains": 2}
    settings |= {"sampler": "leimkuhler-matthews", "batch_size": 16, "random_state": 0}
    settings |= {"progress": False}
    labels = LocalLearningCoefficient(next_token_loss, **settings).estimate(model, tokens)
    itself = LocalLearningCoefficient(self_divergence_loss(model), **settings).estimate(
        model, tokens
    )
    assert labels.value < 0 < itself.value
    assert itself.initial_loss == pytest.approx(0.0, abs=1e-6)
    assert itself.gradient_norm == pytest.approx(0.0, abs=1e-5)


def test_the_reference_stays_as_it_was_whatever_becomes_of_the_model():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    loss = self_divergence_loss(model)
    batch = (torch.randn(5, 3), torch.zeros(5, dtype=torch.long))
    assert float(loss(model, batch).detach().abs().max()) < 1e-6
    model.weight.data.zero_()
    model.bias.data.zero_()
    assert float(loss(model, batch).detach().min()) > 0
    assert loss(model.double(), (batch[0].double(), batch[1])).dtype == torch.float64


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("normalised", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_a_model_with_a_graph_in_its_attributes_is_copied(normalised):
    torch.manual_seed(0)
    model = normalised(nn.Linear(3, 2))
    X = torch.randn(5, 3)
    model(X)  # leaves a weight with a graph
    before = model.weight
    loss = self_divergence_loss(model)
    assert model.weight is before
    model.eval()
    assert loss(model, (X, torch.zeros(5))).abs().max() < 1e-6
