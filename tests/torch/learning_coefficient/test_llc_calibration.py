"""Automatic settings and standard errors of chains on batches, over fresh data and seeds."""

import numpy as np
import pytest

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_regression_model,
)


def estimate_regression(seed):
    """Estimate the coefficient of a linear regression at its minimum, 25."""
    known = make_linear_regression_model(50, n_samples=5000, noise=1.0, random_state=seed)
    llc = LocalLearningCoefficient(
        half_squared_error, sampler="leimkuhler-matthews", random_state=seed, progress=False
    )
    return llc.estimate(known.model.float(), [part.float() for part in known.data])


@pytest.mark.slow
def test_regressions_are_close_and_their_spread_is_the_standard_error():
    found = [estimate_regression(seed) for seed in range(10)]
    values = np.array([one.value for one in found])
    errors = np.array([one.standard_error for one in found])
    # the pull and the noise of gradients are allowed to move a value by some per cent
    np.testing.assert_allclose(values, 25.0, rtol=0.05)
    assert 0.5 < values.std(ddof=1) / errors.mean() < 1.8
    assert all(one.trusted for one in found)
