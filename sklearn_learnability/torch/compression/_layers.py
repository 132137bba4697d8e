"""Which parameters of a model a scheme compresses."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from torch import Tensor, nn

from sklearn_learnability.torch.compression._compression import float_parameters


def checked_layers(layers: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names sorted, each once, so that two lists of the same names are one setting.

    Raises
    ------
    ValueError
        If layers are neither None nor a list of names.
    """
    if layers is None:
        return None
    listed = isinstance(layers, Sequence) and not isinstance(layers, str) and len(layers) > 0
    if not listed or not all(isinstance(name, str) for name in layers):
        raise ValueError(f"Expected layers as a list of names, got {layers!r}.")
    return tuple(sorted({str(name) for name in layers}))


def chosen_parameters(model: nn.Module, layers: Sequence[str] | None) -> list[Tensor]:
    """Return the floating parameters of layers, each once, in the order of the model."""
    tensors = float_parameters(model)
    if layers is None:
        spared = frozen_beside_trained(model)
        chosen = {id(p) for p in model.parameters()} - spared
    else:
        chosen = held_in(
            model, layers, lambda module: map(id, _floats_of(module)), "floating parameters"
        )
    pairs = zip(_floats_of(model), tensors, strict=True)
    found = [tensor for p, tensor in pairs if id(p) in chosen]
    if not found:
        raise ValueError(
            "Expected floating parameters that are trained, got a model where all are frozen and "
            "others are not. Name the layers to compress."
        )
    return found


def held_in(
    model: nn.Module,
    layers: Sequence[str],
    held: Callable[[nn.Module], Iterable[int]],
    what: str,
) -> set[int]:
    """Return the ids of what layers hold that a scheme compresses; each must hold something."""
    chosen: set[int] = set()
    for name, modules in named_layers(model, layers).items():
        found = {parameter for module in modules for parameter in held(module)}
        if not found:
            raise ValueError(f"Expected layers with {what}, got {name!r}, which has none.")
        chosen |= found
    return chosen


def named_layers(model: nn.Module, layers: Sequence[str]) -> dict[str, list[nn.Module]]:
    """Return the modules that each name or pattern stands for."""
    modules = dict(model.named_modules(remove_duplicate=False))
    found = {}
    for name in layers:
        exact = [modules[name]] if name in modules else []
        found[name] = exact or [m for path, m in modules.items() if fnmatchcase(path, name)]
        if not found[name]:
            raise ValueError(
                f"Expected names of modules of the model, got {name!r}. There are "
                f"{', '.join(path for path in modules if path)}."
            )
    return found


def frozen_beside_trained(model: nn.Module) -> set[int]:
    """Return the ids of frozen parameters, none where all are, as in a model to be evaluated."""
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    return frozen if any(p.requires_grad for p in model.parameters()) else set()


def _floats_of(module: nn.Module) -> list[nn.Parameter]:
    return [p for p in module.parameters() if p.is_floating_point()]
