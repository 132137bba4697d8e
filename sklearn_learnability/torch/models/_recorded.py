"""A function of tensors recorded as a graph, which spares a small model most of its time."""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_flatten, tree_unflatten

Function = Callable[[Tensor, Any], tuple[Tensor, Tensor]]
CALLS_BEFORE, CALLS_COMPARED = 25, 3


class Recorded:
    """Calls a graph of the function once it has been called with arguments of a shape some times.

    At first the graph's results are compared with the function's. A function that cannot be
    recorded, or whose graph gives other numbers, is called as it is.
    """

    def __init__(self) -> None:
        self.graphs: dict[Any, Function | None] = {}
        self.calls: Counter[Any] = Counter()

    def __call__(self, function: Function, positions: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
        """Return what the function returns, always the same one; no reference to it is kept."""
        leaves = tree_flatten(batch)[0]
        if not all(isinstance(leaf, Tensor) for leaf in leaves):
            return function(positions, batch)
        key = (positions.shape, *((leaf.shape, leaf.dtype) for leaf in leaves))
        self.calls[key] += 1
        n_calls = self.calls[key] - CALLS_BEFORE
        if n_calls == 1:
            self.graphs[key] = record(function, positions, batch)
        graph = self.graphs.get(key)
        if graph is None:
            return function(positions, batch)
        with torch.no_grad():
            found = graph(positions, batch)
        if n_calls <= CALLS_COMPARED:
            expected = function(positions, batch)
            pairs = zip(found, expected, strict=True)
            if not all(torch.allclose(a, b, 1e-4, 1e-7, equal_nan=True) for a, b in pairs):
                self.graphs[key] = None
                return expected
        return found


def record(function: Function, positions: Tensor, batch: Any) -> Function | None:
    """Return the graph of a function, None if it cannot be recorded."""
    leaves, structure = tree_flatten(batch)

    def of_leaves(positions: Tensor, *leaves: Tensor) -> tuple[Tensor, Tensor]:
        return function(positions, tree_unflatten(leaves, structure))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recorded = make_fx(of_leaves)(positions, *leaves)
            drop_detached(recorded)
            with torch.no_grad():  # the graph in Python costs twice what it does in C++
                graph = torch.jit.trace(recorded, (positions, *leaves), check_trace=False)
    except Exception:  # whatever a model does that cannot be recorded
        return None
    return lambda positions, batch: graph(positions, *tree_flatten(batch)[0])


def drop_detached(recorded: GraphModule) -> None:
    """Take out what means nothing without autograd."""
    for node in recorded.graph.nodes:
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
    recorded.graph.eliminate_dead_code()
    recorded.recompile()
