"""Soft entropy: a loop over its definition, its gradient, its invariances."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from sklearn_learnability.torch import calibrate_temperature, soft_entropy


def by_loops(z, points, temperature):
    mean = np.zeros(len(points))
    for vector in z:
        cosines = [w @ vector / math.dist(vector, 0 * vector) / math.dist(w, 0 * w) for w in points]
        shares = [math.exp(c / temperature) for c in cosines]
        mean += np.array(shares) / sum(shares) / len(z)
    return -sum(p * math.log(p) for p in mean) / math.log(len(points))


def test_against_the_definition():
    rng = np.random.default_rng(0)
    z, points = rng.normal(size=(15, 6)), rng.normal(size=(9, 6))
    expected = by_loops(z, points, calibrate_temperature(6, 9))
    assert soft_entropy(z, reference_points=points) == pytest.approx(expected, rel=1e-12)
    assert soft_entropy(7 * z, reference_points=points) == pytest.approx(expected, rel=1e-12)
    found = soft_entropy(z.reshape(3, 5, 6), reference_points=points, temperature=0.3)
    assert found == pytest.approx(by_loops(z, points, 0.3), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e307])
def test_lengths_do_not_matter(scale):
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.uniform(-1, 1, size=(15, 6)), np.zeros((1, 6))])
    expected = soft_entropy(z, 9)
    assert soft_entropy(z * scale, 9) == pytest.approx(expected, rel=1e-12)
    single = torch.tensor(z * scale ** (38 / 308), dtype=torch.float32)
    assert soft_entropy(single, 9).item() == pytest.approx(expected, rel=1e-6)
    leaf = torch.tensor(z[:15] * scale, requires_grad=True)
    soft_entropy(leaf, 9).backward()
    unit = torch.tensor(z[:15], requires_grad=True)
    soft_entropy(unit, 9).backward()
    torch.testing.assert_close(leaf.grad * scale, unit.grad)


def test_rotation_with_the_points_changes_nothing():
    rng = np.random.default_rng(1)
    z, points = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    turn = ortho_group.rvs(8, random_state=0)
    turned = soft_entropy(z @ turn, reference_points=points @ turn)
    assert turned == pytest.approx(soft_entropy(z, reference_points=points), rel=1e-12)


def test_ends_of_the_scale():
    """Evenly spread directions are near 1; one direction is as low as a single assignment."""
    rng = np.random.default_rng(2)
    spread = soft_entropy(rng.normal(size=(20_000, 32)))
    narrow = soft_entropy(np.tile(rng.normal(size=32), (50, 1)))
    assert 0.98 < spread <= 1
    assert narrow < 0.75
    assert soft_entropy(np.zeros((3, 32))) == pytest.approx(1)


def test_gradient():
    z = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: soft_entropy(z, 12), z)


def test_gradient_is_finite_where_vectors_or_shares_vanish():
    z = torch.eye(4)[[0, 0, 1]].clone()
    z[1] = 0
    z.requires_grad_()
    soft_entropy(z, 30, temperature=1e-4).backward()
    assert torch.isfinite(z.grad).all()


def test_a_loss_spreads_directions():
    z = (torch.randn(40, 8, generator=torch.Generator().manual_seed(0)) + 2).requires_grad_()
    before = float(soft_entropy(z).detach())
    for _ in range(20):
        (gradient,) = torch.autograd.grad(soft_entropy(z), z)
        z = (z + 3 * gradient / gradient.std()).detach().requires_grad_()
    assert soft_entropy(z) > before + 0.1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    z = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
    assert soft_entropy(z.to(dtype)).dtype == torch.float32
    assert float(soft_entropy(z.to(dtype))) == pytest.approx(float(soft_entropy(z)), abs=1e-4)


@pytest.mark.parametrize(
    ("z", "arguments", "message"),
    [
        (np.array([[1.0, np.nan], [0.0, 1.0]]), {}, "vector 0"),
        (np.zeros((0, 3)), {}, r"got \(0, 3\)"),
        (torch.ones((2, 3), dtype=torch.int64), {}, "int64"),
        (np.ones((2, 3)), {"reference_points": np.ones((4, 2))}, r"\(n_points, 3\)"),
        (np.ones((2, 3)), {"reference_points": np.eye(3, k=1)}, "not zero, .* at row 2"),
        (np.ones((2, 3)), {"reference_points": np.diag([1, np.inf, 1])}, "finite.* at row 1"),
        (np.ones((2, 3)), {"temperature": 0.0}, "got 0.0"),
        (np.ones((2, 3)), {"temperature": 1e-320}, "at least 1e-12"),
    ],
)
def test_errors(z, arguments, message):
    with pytest.raises(ValueError, match=message):
        soft_entropy(z, **arguments)
