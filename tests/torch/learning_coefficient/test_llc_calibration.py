"""Automatic settings and standard errors of chains on batches, over fresh data and seeds."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.torch import LocalLearningCoefficient


def half_squared_error(model, batch):
    return (model(batch[0]) - batch[1]).square().mean(1) / 2


def estimate_regression(seed, d=50, n=5000):
    """Estimate the coefficient of a linear regression at its minimum, d / 2."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, d, generator=generator)
    y = X.sum(1, keepdim=True) + torch.randn(n, 1, generator=generator)
    model = nn.Linear(d, 1, bias=False)
    model.weight.data = torch.linalg.lstsq(X, y).solution.T.contiguous()
    llc = LocalLearningCoefficient(
        half_squared_error, sampler="leimkuhler-matthews", random_state=seed, progress=False
    )
    return llc.estimate(model, (X, y))


@pytest.mark.slow
def test_regressions_are_close_and_their_spread_is_the_standard_error():
    found = [estimate_regression(seed) for seed in range(10)]
    values = np.array([one.value for one in found])
    errors = np.array([one.standard_error for one in found])
    # the pull and the noise of gradients are allowed to move a value by some per cent
    np.testing.assert_allclose(values, 25.0, rtol=0.05)
    assert 0.5 < values.std(ddof=1) / errors.mean() < 1.8
    assert all(one.trusted for one in found)
