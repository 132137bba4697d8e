"""Where models and their weights are, of which type, and which may not be moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters, the first that is in memory."""
    return next((p.device for p in model.parameters() if not p.is_meta), torch.device("cpu"))


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the type of a model's floating parameters."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


def is_dispatched(model: nn.Module) -> bool:
    """Return whether parts of a model are on devices of their own, or offloaded."""
    spread = any(getattr(module, "hf_device_map", None) for module in model.modules())
    return spread or any(p.is_meta for p in model.parameters())


def move_model(model: nn.Module, device: Any) -> torch.device:
    """Move a model to a device, if one is given and it stands on one; return where inputs go."""
    if device is None or is_dispatched(model):
        return device_of(model)
    model.to(device)
    return torch.device(device)


def check_in_memory(model: nn.Module) -> None:
    """Refuse a model some of whose weights are elsewhere, where nothing can read or change them."""
    away = [name for name, p in model.named_parameters() if p.is_meta]
    if away:
        raise ValueError(
            f"Expected a model whose weights are in memory, got one whose {away[0]} is not: it is "
            "offloaded, or was never loaded. Load it without offloading."
        )


@contextmanager
def weights_in_memory(module: nn.Module) -> Iterator[bool]:
    """Hold the offloaded weights of a module, less those of modules in it, in the host's memory.

    Yields whether there are any.
    """
    held: Any = module._parameters, module._buffers
    hook: Any = getattr(module, "_hf_hook", None)
    tensors = [t for of_kind in held for t in of_kind.values() if t is not None]
    if not getattr(hook, "offload", False) or not any(t.is_meta for t in tensors):
        yield False
        return
    from accelerate.utils import align_module_device  # what has offloaded them

    kept = [dict(of_kind) for of_kind in held]
    try:
        with align_module_device(module, torch.device("cpu")):
            yield True
    finally:
        for of_kind, before in zip(held, kept, strict=True):
            of_kind.update(before)  # shapes alone again, and the same objects


def inner_tensors(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that a quantized tensor, or another that wraps some, is made of."""
    if not is_traceable_wrapper_subclass(tensor):
        return []
    return [getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]]


def has_float64(device: torch.device) -> bool:
    """Return whether a device computes in float64."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return False
    return True


@contextmanager
def gradients_of(model: nn.Module) -> Iterator[None]:
    """Let gradients be taken of a model in evaluation mode, whatever the caller has turned off.

    cuDNN has no gradients of recurrent nets in evaluation mode, torch's own kernels have.
    """
    flags = torch.backends.cudnn
    enabled = flags.enabled
    recurrent = any(isinstance(m, nn.RNNBase) for m in model.modules())
    with torch.inference_mode(False), torch.enable_grad():
        try:
            flags.enabled = enabled and not recurrent
            yield
        finally:
            flags.enabled = enabled
