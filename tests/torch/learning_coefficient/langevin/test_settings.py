"""What settings are chosen by, on a quadratic of known curvature."""

import pytest
import torch
from torch import nn

from sklearn_learnability.torch.learning_coefficient.langevin._neighbourhood import look_around
from sklearn_learnability.torch.learning_coefficient.langevin._settings import (
    ChainSettings,
    gradient_bias,
    noise_share,
)
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._flat_loss import FlatLoss
from sklearn_learnability.torch.models._held_still import held_still


class Quadratic(nn.Module):
    """A parameter whose loss on row x is (w - x)' H (w - x) / 2."""

    def __init__(self, position):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(position))


CURVATURES = torch.linspace(4.0, 0.1, 40)
ROWS = torch.randn(4000, 40, generator=torch.Generator().manual_seed(1))


def quadratic_loss(model, batch):
    return (CURVATURES * (model.weight - batch).square()).sum(1) / 2


SHIFT = torch.zeros(40)
SHIFT[0] = 0.5


def around(position, batch_size=50):
    model = Quadratic(position)
    with held_still(model):
        flat = FlatLoss(EmpiricalLoss(model, quadratic_loss, ROWS))
        return look_around(flat, batch_size, 400, torch.Generator().manual_seed(0))


def test_curvature_gradient_and_noise_of_a_quadratic():
    position = ROWS.mean(0) + SHIFT
    found = around(position)
    assert found.curvature == pytest.approx(4.0, rel=0.02)
    assert found.curvature_along_gradient == pytest.approx(4.0, rel=0.1)
    assert found.squared_gradient == pytest.approx((4 * 0.5) ** 2, rel=0.3)
    trace = float((CURVATURES**2 * ROWS.var(0)).sum()) / 50
    assert found.noise == pytest.approx(trace, rel=0.2)


def settings(**changes):
    values = {"inverse_temperature": 100.0, "localization": 10.0, "step_size": 1e-3}
    fixed = {"sampler": "sgld", "n_chains": 1, "n_draws": 1, "n_discarded": 0, "batch_size": 50}
    return ChainSettings(**fixed | values | changes)


def test_bias_of_a_slope_is_that_of_the_quadratic():
    found = around(ROWS.mean(0) + SHIFT, batch_size=250)  # all rows are seen
    t, gamma, h = 100.0, 10.0, 4.0
    mean = gamma / (t * h + gamma) * 0.5  # of the posterior, from the minimum
    expected = t * h / 2 * (mean**2 - 0.5**2)
    assert gradient_bias(settings(), found) == pytest.approx(expected, rel=0.05)


def test_noise_adds_no_more_than_the_bound_and_not_much_less():
    found = around(ROWS.mean(0))
    t, gamma, step = 100.0, 10.0, 1e-3
    variances = step * t**2 * (CURVATURES**2 * ROWS.var(0) / 50) / (4 * (t * CURVATURES + gamma))
    truth = float((CURVATURES * variances).sum() / 2)
    share = noise_share(settings(), found, found.noise)
    assert 0.8 * truth < share < 1.6 * truth
