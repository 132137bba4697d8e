"""Models whose coefficient is known stand at a minimum, and are what their truth is of."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_learnability.torch import (
    half_squared_error,
    make_linear_network_model,
    make_linear_regression_model,
    make_normal_crossing_model,
    make_rotated_linear_network_model,
    make_tanh_network_model,
)

MAKERS = {
    "regression": partial(make_linear_regression_model, 5, n_samples=40),
    "scaled regression": partial(make_linear_regression_model, 5, n_samples=40, condition=100.0),
    "noisy regression": partial(make_linear_regression_model, 5, n_samples=40, noise=1.0),
    "powers": partial(make_normal_crossing_model, [[2], [1, 3]], n_samples=40),
    "linear network": partial(make_linear_network_model, [5, 4, 6, 5], 2, n_samples=40),
    "noisy network": partial(make_linear_network_model, [5, 3, 5], 1, n_samples=40, noise=1.0),
    "rotated network": partial(make_rotated_linear_network_model, 6, 4),
    "tanh": partial(make_tanh_network_model, 3, n_samples=40),
}


def mean_loss(known):
    return half_squared_error(known.model, known.data).mean()


@pytest.mark.parametrize("name", MAKERS)
def test_models_stand_at_a_minimum(name):
    known = MAKERS[name](random_state=0)
    loss = mean_loss(known)
    loss.backward()
    for parameter in known.model.parameters():
        assert_allclose(parameter.grad, 0.0, atol=1e-10)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        with torch.no_grad():
            moves = [
                0.01 * torch.randn(p.shape, generator=generator) for p in known.model.parameters()
            ]
            for parameter, move in zip(known.model.parameters(), moves, strict=True):
                parameter += move
            assert mean_loss(known) > loss
            for parameter, move in zip(known.model.parameters(), moves, strict=True):
                parameter -= move


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_gives_the_same_model(name):
    def tensors(seed):
        known = MAKERS[name](random_state=seed)
        return [*known.model.parameters(), *known.data]

    for one, other in zip(tensors(3), tensors(3), strict=True):
        torch.testing.assert_close(one, other)
    assert any(not torch.equal(*pair) for pair in zip(tensors(3), tensors(4), strict=True)) or (
        name == "rotated network"
    )


def test_a_random_state_moves_on():
    rng = np.random.RandomState(0)
    first, second = (
        make_tanh_network_model(2, n_samples=5, random_state=rng).data[0] for _ in range(2)
    )
    assert not torch.equal(first, second)


def test_the_truth_of_a_regression_is_half_the_rank_of_its_hessian():
    known = MAKERS["scaled regression"](random_state=0)
    inputs = known.data[0].numpy()
    assert known.truth.value == np.linalg.matrix_rank(inputs) / 2
    variances = inputs.var(axis=0)
    assert 20 < variances[0] / variances[-1] < 500


def test_powers_of_parameters_are_twice_as_high_in_the_loss():
    known = make_normal_crossing_model([[2], [1, 3]], n_samples=40, random_state=0)
    a, b, c = 0.3, -0.2, 0.7
    known.model.w.data = torch.tensor([a, b, c], dtype=torch.float64)
    x = known.data[0].numpy()
    expected = (x @ [a**2, b * c**3]) ** 2 / 2
    assert_allclose(half_squared_error(known.model, known.data).detach(), expected)
    assert known.truth.value == pytest.approx(1 / 4 + 1 / 6)


@pytest.mark.parametrize(("widths", "rank"), [([5, 4, 6, 5], 2), ([3, 2, 3], 0), ([4, 1, 3], 1)])
def test_linear_networks_are_balanced_factors_of_a_matrix_of_the_rank(widths, rank):
    known = make_linear_network_model(widths, rank, n_samples=40, random_state=0)
    factors = [layer.weight.detach().numpy() for layer in known.model]
    product = np.linalg.multi_dot(factors[::-1])
    assert np.linalg.matrix_rank(product) == rank
    assert_allclose(known.data[0].numpy() @ product.T, known.data[1], atol=1e-12)
    for lower, upper in pairwise(factors):
        assert_allclose(upper.T @ upper, lower @ lower.T, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 4, 10])
def test_rotated_networks_are_balanced_too_and_have_no_zero(rank):
    known = make_rotated_linear_network_model(10, rank, random_state=0)
    first, second = (layer.weight.detach().numpy() for layer in known.model)
    assert np.linalg.matrix_rank(second @ first) == rank
    assert_allclose(second.T @ second, first @ first.T, atol=1e-12)
    assert (np.abs(first) > 1e-6).mean() > 0.99
    inputs = known.data[0]
    assert_allclose(inputs.T @ inputs / len(inputs), np.eye(10), atol=1e-12)


def test_targets_of_another_shape_are_not_broadcast():
    known = MAKERS["regression"](random_state=0)
    inputs, targets = known.data
    with pytest.raises(ValueError, match=r"outputs' shape \(40, 1\), got \(40,\)"):
        half_squared_error(known.model, (inputs, targets[:, 0]))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (partial(make_linear_regression_model, 5, n_samples=4), "n_samples of at least 5, got 4"),
        (partial(make_linear_regression_model, 0, n_samples=4), "positive integers"),
        (partial(make_linear_regression_model, 2, n_samples=4, noise=-1.0), "noise of at least 0"),
        (partial(make_linear_regression_model, 2, n_samples=4, condition=0.5), "condition"),
        (partial(make_normal_crossing_model, [], n_samples=4), "at least one term"),
        (partial(make_normal_crossing_model, [[0]], n_samples=4), "positive exponents"),
        (partial(make_normal_crossing_model, [[1.5]], n_samples=4), "positive integers"),
        (partial(make_linear_network_model, [2, 2], 3, n_samples=4), "rank"),
        (partial(make_rotated_linear_network_model, 3, 4), "rank"),
        (partial(make_tanh_network_model, 0, n_samples=4), "n_hidden"),
    ],
)
def test_bad_input_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
