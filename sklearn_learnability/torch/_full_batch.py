"""Loss and gradient of all rows, at many positions, without the overhead of tracing anew."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from sklearn_learnability.torch._flat_loss import FlatLoss
from sklearn_learnability.torch._hamiltonian import LossAndGradient


def full_batch_loss(flat: FlatLoss) -> LossAndGradient:
    """Return a function of positions (n_chains, d): losses (n_chains,), gradients (n_chains, d).

    Small models spend most of their time in torch.func's bookkeeping. One recorded graph for each
    number of chains spares it; a model that cannot be recorded, or whose graph gives other
    numbers elsewhere, is called as it is.
    """
    batch = flat.surface.batch(torch.arange(flat.surface.rows.n))

    def direct(positions: Tensor) -> tuple[Tensor, Tensor]:
        losses, gradients = flat.values_and_gradients(positions, batch)
        return losses, gradients

    if flat.vectorised:
        try:
            direct(flat.start.repeat(2, 1))
        except Exception:  # whatever a model does that torch.func cannot vectorise
            flat.vectorised = False
    graphs: dict[int, LossAndGradient] = {}

    def recorded(positions: Tensor) -> tuple[Tensor, Tensor]:
        n_chains = len(positions)
        if n_chains not in graphs:
            graphs[n_chains] = record(direct, positions) if flat.vectorised else direct
        losses, gradients = graphs[n_chains](positions)
        return losses, gradients

    return recorded


def record(function: LossAndGradient, example: Tensor) -> LossAndGradient:
    """Return the function as a graph, or as it is where it cannot be one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph: Callable[[Tensor], tuple[Tensor, Tensor]] = make_fx(function)(example)
    except Exception:  # whatever a model does that cannot be recorded
        return function
    generator = torch.Generator(example.device).manual_seed(0)
    for width in (0.1, 3.0):
        noise = torch.empty_like(example).normal_(std=width, generator=generator)
        pairs = zip(graph(example + noise), function(example + noise), strict=True)
        if not all(torch.allclose(a, b, rtol=1e-4, atol=1e-8, equal_nan=True) for a, b in pairs):
            return function
    return graph
