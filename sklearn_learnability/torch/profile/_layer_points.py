"""What the layers of a classifier keep of its inputs and tell of the labels, in one pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from sklearn_learnability._results import Result
from sklearn_learnability.exceptions import NotFiniteError
from sklearn_learnability.torch.models._devices import device_of, dtype_of
from sklearn_learnability.torch.models._held_still import held_still
from sklearn_learnability.torch.profile._classifier_rows import Rows, check_outputs, layers_of
from sklearn_learnability.torch.soft_information._soft_information import SoftInformation

N_POINTS = 100
AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class LayerPoint(Result):
    r"""What one layer keeps of the inputs, and tells of the labels.

    Attributes
    ----------
    layer : str
        Its name; of a module that is called again, with the number of the call.
    dim : int
        Numbers in its state of one row.
    complexity : float
        Information of input and state, :math:`I(X; Z)`, in bits: the most that any labels reach.
        Labels without meaning, one a row, reach it too.
    expressivity, expressivity_lower, expressivity_upper : float
        Information of label and state, :math:`I(Y; Z)`, in bits, and its 95 % interval over rows,
        which does not hold the bias.
    expressivity_null : float
        What labels as frequent as these, dealt out at random, would have given.
    """

    layer: str
    dim: int
    complexity: float
    expressivity: float
    expressivity_lower: float
    expressivity_upper: float
    expressivity_null: float


def predict_and_look(
    model: nn.Module, rows: Rows, beside: Rows, layers: Any, seed: int
) -> tuple[NDArray[np.float64], tuple[LayerPoint, ...]]:
    """Return the probabilities of rows, and what every layer makes of them.

    Labels are checked of rows and of those beside them.
    """
    dtype, device = dtype_of(model), device_of(model)
    information: dict[str, SoftInformation] = {}
    logits = []
    with held_still(model), torch.no_grad(), caught_states(model, layers) as caught:
        for start in range(0, len(rows.y), AT_ONCE):
            part = torch.as_tensor(rows.X[start : start + AT_ONCE].copy())
            part = part.to(device, dtype if part.is_floating_point() else part.dtype)
            output = model(part)
            check_outputs(output, (rows, beside))
            if not output.isfinite().all():
                raise NotFiniteError("Expected finite logits of the model, got some that are not.")
            logits.append(output.double().cpu().numpy())
            labels = rows.y[start : start + AT_ONCE]
            for name, state in numbered(caught, len(labels), layers == "all").items():
                of_layer = information.setdefault(
                    name, SoftInformation(state.shape[1], N_POINTS, random_state=seed)
                )
                of_layer.update(state.double(), labels)
    points = tuple(layer_point(name, found) for name, found in information.items())
    return softmax(np.concatenate(logits), axis=1), points


def layer_point(name: str, information: SoftInformation) -> LayerPoint:
    """Return the estimates of a layer, in bits."""
    (found,) = information.compute().estimates
    bits = log2(information.n_points)
    return LayerPoint(
        layer=name,
        dim=information.dim,
        complexity=bits * found.ceiling,
        expressivity=bits * found.information,
        expressivity_lower=bits * found.interval_lower,
        expressivity_upper=bits * found.interval_upper,
        expressivity_null=bits * found.null,
    )


@contextmanager
def caught_states(model: nn.Module, layers: Any) -> Iterator[dict[str, list[Any]]]:
    """Catch what layers return, call by call."""
    modules = layers_of(model)
    caught: dict[str, list[Any]] = {name: [] for name in chosen_layers(modules, layers)}

    def keep(name: str, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        caught[name].append(state.clone() if isinstance(state, Tensor) else state)

    hooks = [
        modules[name].register_forward_hook(lambda _m, _i, out, name=name: keep(name, out))
        for name in caught
    ]
    try:
        yield caught
    finally:
        for hook in hooks:
            hook.remove()


def chosen_layers(modules: dict[str, nn.Module], layers: Any) -> list[str]:
    """Return the names of the layers, by default those that hold no modules."""
    if isinstance(layers, str):
        if layers != "all":
            raise ValueError(f"Expected layers='all' or a list of module names, got {layers!r}.")
        return [name for name, module in modules.items() if not any(module.children())]
    names: Sequence[str] = list(layers)
    unknown = [name for name in names if name not in modules]
    if unknown:
        raise ValueError(
            f"Expected layers among {', '.join(modules) or 'none'}, got {unknown[0]!r}."
        )
    return list(names)


def numbered(caught: dict[str, list[Any]], n: int, of_all: bool) -> dict[str, Tensor]:
    """Return the states (n, dim) of a batch by layer and call, and empty what was caught."""
    found: dict[str, Tensor] = {}
    for layer, calls in caught.items():
        for i, state in enumerate(calls, 1):
            name = f"{layer}#{i}" if len(calls) > 1 else layer
            usable = isinstance(state, Tensor) and state.is_floating_point() and state.ndim > 0
            if usable and len(state) == n and state.numel() > n:
                found[name] = state.flatten(1)
            elif not of_all:
                got = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
                raise ValueError(
                    f"Expected layer {layer!r} to return a state of two numbers or more for each "
                    f"of {n} rows, got {got}."
                )
        if not calls and not of_all:
            raise ValueError(f"Expected the model to call layer {layer!r}, got no call.")
        calls.clear()
    return found
