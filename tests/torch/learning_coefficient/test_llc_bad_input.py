"""What the local learning coefficient refuses."""

import math

import pytest
import torch
from sklearn.base import clone
from torch import nn
from torch.utils.data import IterableDataset

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_regression_model,
)


def squares(model, batch):
    return model(batch[0]).square().mean() / 2


def regression():
    known = make_linear_regression_model(5, n_samples=50, noise=1.0, random_state=0)
    return known.model, known.data


def quick(loss=half_squared_error, **settings):
    """Few steps, all settings given."""
    given = {"n_draws": 12, "n_chains": 2, "inverse_temperature": 20.0, "localization": 5.0}
    given |= {"step_size": 1e-3, "batch_size": 16, "sampler": "leimkuhler-matthews"}
    return LocalLearningCoefficient(loss, random_state=0, progress=False, **given | settings)


def test_parameters_are_stored_as_given_and_cloned():
    llc = quick(n_draws=7, inverse_temperature=3)
    assert llc.get_params()["n_draws"] == 7
    assert clone(llc).get_params() == llc.get_params()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "metropolis"}, "sampler to be one of .* got 'metropolis'"),
        ({"n_chains": 0}, "n_chains to be a positive integer, got 0"),
        ({"n_draws": 2.5}, "n_draws to be a positive integer, got 2.5"),
        ({"batch_size": -1}, "batch_size to be a positive integer, got -1"),
        ({"inverse_temperature": 0.0}, "temperature to be a positive number"),
        ({"localization": math.inf}, "localization to be a positive number"),
        ({"step_size": "large"}, "step_size to be a positive number"),
        ({"parameters": ["nowhere"]}, "name of a parameter or module"),
        ({"parameters": {"weight": torch.zeros(1, 5, dtype=torch.bool)}}, "at least one parameter"),
    ],
)
def test_settings_out_of_range(settings, message):
    model, data = regression()
    with pytest.raises(ValueError, match=message):
        quick(**settings).estimate(model, data)


def test_frozen_and_integer_parameters_cannot_vary():
    model, data = regression()
    model.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="at least one parameter that can vary, got none"):
        quick().estimate(model, data)


def test_a_loss_that_is_a_sum():
    model, data = regression()
    with pytest.raises(ValueError, match="loss that is a mean over rows"):
        quick(nn.MSELoss(reduction="sum")).estimate(model, data)


class Rows(IterableDataset):
    def __iter__(self):
        yield from ()


def test_data_of_unknown_length():
    with pytest.raises(TypeError, match="data of known length"):
        quick().estimate(regression()[0], Rows())


class Random(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.weight + torch.randn_like(x)


def test_outputs_that_are_random_in_evaluation_mode():
    with pytest.raises(ValueError, match="random even in evaluation mode"):
        quick(squares).estimate(Random(), (torch.ones(50, 1),))


def test_a_loss_that_is_not_finite_at_the_start():
    model, data = regression()
    model.weight.data[:] = torch.nan
    with pytest.raises(ValueError, match="finite loss at the given parameters, got nan"):
        quick().estimate(model, data)
