"""Holding a model still: whatever is done with it, it comes back exactly as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from weakref import ReferenceType

import torch
from torch import Tensor, nn

CONTAINERS = (dict, list, set, tuple)
TORCH_OWN = frozenset(vars(nn.Module()))  # names of the attributes that every module has


class ModelState:
    """What modules are made of, kept to be written back.

    A submodule counts once, however many paths lead to it. Kept are what torch keeps of it (mode,
    hooks, submodules, parameters and buffers as objects), its attributes that hold tensors or are
    true or false, where tensors lie, whether they need gradients and those they have, and copies of
    the buffers and of tensors in attributes, also in their lists, dicts and sets. Other attributes
    are the model's own: one that counts its calls goes on counting.

    Parameters
    ----------
    *roots : Module
        The modules.
    weights : bool, default=False
        Whether to keep copies of the parameters too; for what changes them in place. Copies of
        those on a card are in the memory of the host.
    """

    def __init__(self, *roots: nn.Module, weights: bool = False) -> None:
        modules = list({id(m): m for root in roots for m in root.modules()}.values())
        self.attributes = [(vars(module), dict(vars(module))) for module in modules]
        attributes = [value for _, before in self.attributes for value in before.values()]
        self.contents = [
            (name, value, _items(value))
            for _, before in self.attributes
            for name, value in before.items()
            if isinstance(value, CONTAINERS) and not isinstance(value, tuple)
        ]
        parameters = _each_once(p for m in modules for p in m._parameters.values())
        self.parameters = [(p, p.data, p.requires_grad, p.grad) for p in parameters]
        self.weights = [p.detach().to("cpu", copy=True) for p in parameters] if weights else []
        plain = [value for value in attributes if isinstance(value, Tensor)]
        plain += [
            part
            for name, _, content in self.contents
            if name not in TORCH_OWN
            for part in _parts(content)
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter)
        ]
        buffers = _each_once([*(b for m in modules for b in m._buffers.values()), *plain])
        self.buffers = [(b, b.data, b.detach().clone()) for b in buffers]
        for p in parameters:
            p.grad = None  # what is added to a gradient meanwhile, is added to another

    def restore(self) -> None:
        """Write everything back."""
        for now, before in self.attributes:
            for name in [name for name in now if name not in before]:
                if _is_kept(name, now[name]):
                    del now[name]
            for name, value in before.items():
                if name not in now or _is_kept(name, now[name], value):
                    now[name] = value
        for name, container, content in self.contents:
            if _is_kept(name, container, content):
                _refill(container, content)
        for p, data, requires_grad, _ in self.parameters:
            if type(p) is nn.Parameter or p.device != data.device:
                _point_to(p, data)  # a quantized one may have packed itself, and noted it elsewhere
            p.requires_grad = requires_grad
        self.restore_gradients()
        with torch.no_grad():
            for (p, *_), kept in zip(self.parameters, self.weights, strict=bool(self.weights)):
                p.copy_(kept)
        self.restore_buffers()

    def restore_gradients(self) -> None:
        """Give the parameters the gradients they had, alone."""
        for p, _, _, grad in self.parameters:
            p.grad = grad

    def changed_weight(self) -> bool:
        """Return whether a parameter differs from the copy kept of it."""
        now = [p for p, *_ in self.parameters]
        return not all(map(_same_bits, now, self.weights))

    def restore_buffers(self) -> None:
        """Write back the buffers, and tensors that are attributes, alone."""
        for buffer, data, kept in self.buffers:
            _point_to(buffer, data)
            if not _same_bits(data, kept):
                data.copy_(kept)


@contextmanager
def held_still(*modules: nn.Module, weights: bool = False) -> Iterator[ModelState]:
    """Hold modules in evaluation mode; at the end all of them, and torch's random state, are back.

    After an error or an interrupt as well. Parameters are taken to be changed by nobody unless
    `weights` is true.
    """
    cards = {p.device.index or 0 for m in modules for p in m.parameters() if p.is_cuda}
    state = ModelState(*modules, weights=weights)
    with torch.random.fork_rng(devices=sorted(cards)):
        try:
            for module in modules:
                module.eval()
            yield state
        finally:
            try:
                state.restore()
            except BaseException:  # an interrupt meanwhile: nothing may be left half done
                state.restore()
                raise


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of a model, also of one whose attributes hold tensors with a graph."""
    held = [part for m in model.modules() for value in vars(m).values() for part in _parts([value])]
    graphs = [part for part in held if isinstance(part, Tensor) and not part.is_leaf]
    return deepcopy(model, {id(part): part.detach().clone() for part in graphs})


def _each_once(tensors: Any) -> list[Tensor]:
    return list({id(t): t for t in tensors if t is not None}.values())


def _is_kept(name: str, *values: Any) -> bool:
    """Return whether an attribute is torch's own, a flag, or is, was or holds a tensor."""
    if name in TORCH_OWN or any(isinstance(value, bool) for value in values):
        return True
    held = (v.values() if isinstance(v, dict) else v for v in values if isinstance(v, CONTAINERS))
    parts = [*values, *(part for container in held for part in container)]
    return any(isinstance(part, Tensor | ReferenceType) for part in parts)


def _parts(values: Any) -> Iterator[Any]:
    """Yield values; of containers what is in them, each container once."""
    waiting, seen = list(values), set()
    while waiting:
        value = waiting.pop()
        if not isinstance(value, CONTAINERS):
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _items(container: Any) -> list[Any]:
    return list(container.items() if isinstance(container, dict) else container)


def _refill(container: Any, content: list[Any]) -> None:
    """Give a dict, list or set the content it had, in its order."""
    now = _items(container)
    if len(now) == len(content) and all(map(_is_same, now, content)):
        return
    container.clear()
    (container.extend if isinstance(container, list) else container.update)(content)


def _is_same(now: Any, before: Any) -> bool:
    if isinstance(now, tuple) and isinstance(before, tuple) and len(now) == len(before):
        return all(a is b for a, b in zip(now, before, strict=True))
    return now is before


def _point_to(tensor: Tensor, data: Tensor) -> None:
    """Let a tensor lie where it lay."""
    if _place(tensor) != _place(data):
        tensor.data = data


def _place(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.dtype, tensor.device, tensor.shape, tensor.data_ptr()


def _same_bits(first: Tensor, second: Tensor) -> bool:
    if first.is_meta or first.layout != torch.strided:
        return True
    flat = [
        t.detach().to(second.device).flatten().contiguous().view(torch.uint8)
        for t in (first, second)
    ]
    return torch.equal(*flat)
