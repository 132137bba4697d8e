"""Kernels of convolutions as matrices, against numpy and the rank of what comes out."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.torch import Factorization

KERNELS = {
    "1d": (nn.Conv1d(6, 8, 3), 8, 18),
    "1d grouped": (nn.Conv1d(6, 8, 5, groups=2), 8, 15),
    "2d": (nn.Conv2d(4, 9, (3, 2)), 9, 24),
    "2d, more outputs": (nn.Conv2d(1, 20, 3), 20, 9),
    "depthwise": (nn.Conv2d(12, 12, 3, groups=12), 12, 9),
    "3d": (nn.Conv3d(2, 7, 2), 7, 16),
    "1d transposed": (nn.ConvTranspose1d(6, 8, 3), 8, 18),
    "1d transposed, grouped": (nn.ConvTranspose1d(6, 8, 5, groups=2), 8, 15),
    "2d transposed, grouped": (nn.ConvTranspose2d(6, 9, (3, 2), groups=3), 9, 12),
    "3d transposed": (nn.ConvTranspose3d(2, 7, 2), 7, 16),
}
every = pytest.mark.parametrize("name", KERNELS)
SCHEME = Factorization([""])


def seeded(layer):
    generator = torch.Generator().manual_seed(0)
    layer = copy.deepcopy(layer)
    for p in layer.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    return layer


def by_hand(layer):
    """Return the matrix of a kernel, entry by entry."""
    weight = layer.weight.detach().double().numpy()
    if not layer.transposed:
        return weight.reshape(len(weight), -1)
    n_in, n_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    rows = [
        [weight[o // n_out * n_in + i, o % n_out] for i in range(n_in)]
        for o in range(layer.out_channels)
    ]
    return np.array(rows).reshape(layer.out_channels, -1)


@every
@pytest.mark.parametrize("channels_last", [False, True])
def test_best_approximation_of_the_matrix(name, channels_last):
    layer, n_rows, n_columns = KERNELS[name]
    layer = seeded(layer)
    if channels_last:
        layer.weight.data = layer.weight.data.transpose(0, -1).contiguous().transpose(0, -1)
    before = layer.weight.detach().clone()
    matrix = by_hand(layer)
    assert matrix.shape == (n_rows, n_columns)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    for rank in range(1, len(s)):
        with SCHEME(layer, rank / len(s)):
            found = by_hand(layer)
        np.testing.assert_allclose(found, (u[:, :rank] * s[:rank]) @ v[:rank], atol=2e-5)
        error = np.linalg.norm(found - matrix)
        assert error == pytest.approx(np.sqrt((s[rank:] ** 2).sum()), rel=1e-4)
    with SCHEME(layer, 1.0):
        assert torch.equal(layer.weight, before)
    assert torch.equal(layer.weight, before)


@every
def test_outputs_of_equal_groups_have_the_rank(name):
    """What all output channels say of the same inputs to every group spans that many dimensions."""
    layer = seeded(KERNELS[name][0]).double()
    layer.bias.data.zero_()
    generator = torch.Generator().manual_seed(1)
    size = (layer.in_channels // layer.groups, *[9] * (layer.weight.ndim - 2))
    one = torch.randn(size, generator=generator, dtype=torch.float64)
    x = one.repeat(layer.groups, *[1] * (one.ndim - 1))[None]
    with SCHEME(layer, 3 / min(KERNELS[name][1:])):
        out = layer(x)[0].flatten(1)
    assert int(torch.linalg.matrix_rank(out, rtol=1e-8)) == 3


@every
def test_size_counts_what_the_factors_take(name):
    layer, n_rows, n_columns = KERNELS[name]
    rank = round(0.5 * min(n_rows, n_columns))
    n_factors = n_rows * rank + rank + rank * n_columns
    n_bias = layer.out_channels
    wanted = (n_factors + n_bias) / (n_rows * n_columns + n_bias)
    assert SCHEME.size(layer, 0.5) == pytest.approx(wanted)


def test_every_second_convolution_of_a_network():
    parts = [m for _ in range(5) for m in (nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(6 * 16, 3))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with Factorization()(model, 0.5):
        changed = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    assert changed == ["2.weight", "6.weight"]


def test_computed_kernels_are_left():
    normed = nn.utils.parametrizations.weight_norm(nn.Conv1d(6, 8, 3))
    with pytest.raises(ValueError, match="a matrix, no embedding, that factors make smaller"):
        SCHEME(normed, 0.5)


class Tied(nn.Module):
    """A code of an image and the image again, by one kernel."""

    def __init__(self, order):
        super().__init__()
        weight = nn.Parameter(torch.randn(20, 3, 3, generator=torch.Generator().manual_seed(0)))
        for name in order:
            kind, n_in, n_out = {
                "code": (nn.Conv1d, 3, 20),
                "image": (nn.ConvTranspose1d, 20, 3),
            }[name]
            part = kind(n_in, n_out, 3, bias=False)
            part.weight = weight
            self.add_module(name, part)


@pytest.mark.parametrize("order", [("code", "image"), ("image", "code")])
def test_a_shared_kernel_is_the_matrix_of_the_first_that_is_compressed(order):
    """The code reads a kernel of 20 by 9, the image one of 3 by 60."""
    shapes = {"code": (20, 9), "image": (3, 60)}
    for layers, reader in [(["*"], order[0]), (["code"], "code"), (["image"], "image")]:
        model = Tied(order)
        before = model.code.weight.detach().clone()
        scheme = Factorization(layers)
        n_rows, n_columns = shapes[reader]
        rank = round(min(n_rows, n_columns) / 3)
        wanted = rank * (n_rows + 1 + n_columns) / before.numel()
        assert scheme.size(model, 1 / 3) == pytest.approx(wanted)
        with scheme(model, 1 / 3):
            found = by_hand(getattr(model, reader))
        assert found.shape == (n_rows, n_columns)
        assert np.linalg.matrix_rank(found, tol=1e-4) == rank
        assert torch.equal(model.image.weight, before)
