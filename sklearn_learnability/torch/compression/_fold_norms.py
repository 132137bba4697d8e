"""Weights of normalisation layers folded into the linear layers that follow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.compression._compression import check_model, memory_of
from sklearn_learnability.torch.models._data_rows import Batch, map_floats
from sklearn_learnability.torch.models._devices import dtype_of
from sklearn_learnability.torch.models._held_still import ModelState, copied, held_still


@dataclass(frozen=True)
class FoldedNorms:
    """Which normalisation layers were folded.

    Attributes
    ----------
    folded : dict of str to tuple of str
        Names of the layers folded, and of the linear layers that took their weights.
    left : dict of str to str
        Names of the layers left as they were, and why.
    """

    folded: dict[str, tuple[str, ...]]
    left: dict[str, str]


def fold_norms(model: nn.Module, inputs: Batch) -> FoldedNorms:
    r"""Fold the weights of LayerNorm and RMSNorm into the next linear layers, in place.

    .. math::

        A (\gamma \odot \hat x + \beta) + b = (A\,\mathrm{diag}(\gamma)) \hat x + (b + A \beta)

    The outputs stay the same to float error, and there are fewer parameters to compress: afterwards
    the weight and bias of a folded layer are buffers, ones and zeros. Where a linear layer has no
    bias to take :math:`A \beta`, the normalisation keeps :math:`\beta / \gamma` as its bias.

    Which linear layers follow is seen in one pass; then each normalisation is folded on trial, and
    those are folded that leave the outputs as they are. A model in halves is tried in a copy in
    float32, as rounding would hide what changes. After an error nothing is folded. Left as it is,
    is a normalisation that something else reads too, whose linear layer reads something else too,
    or whose matrix is used elsewhere (a tied embedding): it cannot take the weights for one of its
    uses alone, and a copy of it would be more to compress, not less. Untie it first if that is what
    you want: ``model.lm_head.weight = Parameter(model.lm_head.weight.detach().clone())``.

    Parameters
    ----------
    model : Module
        The model. It is changed in place for good; fold a copy to keep the original.
    inputs : Tensor, tuple or dict
        A small example of what the model is called with: its only argument, its positional
        arguments, or its keyword arguments.

    Returns
    -------
    FoldedNorms
        What was folded and what was left.

    Raises
    ------
    ValueError
        If the model gives no floating numbers to judge by, or its weights are not in memory.

    References
    ----------
    N. Nanda and J. Bloom. TransformerLens. 2022.
    https://github.com/TransformerLensOrg/TransformerLens

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import fold_norms
    >>> model = torch.nn.Sequential(torch.nn.LayerNorm(3), torch.nn.Linear(3, 2))
    >>> fold_norms(model, torch.randn(4, 3)).folded
    {'0': ('1',)}
    >>> [name for name, _ in model.named_parameters()]
    ['1.weight', '1.bias']
    """
    judged, given = _in_full(model, inputs)
    shared = _used_twice(model)
    norms = {name: m for name, m in judged.named_modules() if _is_norm(m)}
    folded: dict[str, tuple[str, ...]] = {}
    left: dict[str, str] = {}
    with held_still(judged), torch.no_grad():
        readers, outputs = _readers(judged, norms, given)
        if not any(output.numel() for output in outputs):
            raise ValueError(
                "Expected inputs for which the model gives numbers, by which foldings are judged, "
                "got none among its outputs."
            )
        for name, norm in norms.items():
            reason = _obstacle(name, norm, readers[name], shared)
            if not reason and not _is_same_folded(judged, norm, readers[name], given, outputs):
                reason = "more than linear layers read it"
            if reason:
                left[name] = reason
            else:
                folded[name] = tuple(readers[name])
    modules = dict(model.named_modules())
    _fold_all([(modules[n], {r: modules[r] for r in of}) for n, of in folded.items()])
    return FoldedNorms(folded, left)


def _in_full(model: nn.Module, inputs: Batch) -> tuple[nn.Module, Batch]:
    """Return a model and inputs in which outputs can be compared: copies in float32 of halves."""
    check_model(model)
    if dtype_of(model) not in (torch.float16, torch.bfloat16):
        return model, inputs
    return copied(model).float(), map_floats(inputs, lambda value: value.float())


def _is_norm(module: nn.Module) -> bool:
    named = type(module).__name__.endswith(("LayerNorm", "RMSNorm"))
    weight = module._parameters.get("weight")
    return named and weight is not None and weight.ndim == 1


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def _call(model: nn.Module, inputs: Batch) -> list[Tensor]:
    """Return the floating tensors a model gives."""
    if isinstance(inputs, Mapping):
        found = model(**inputs)
    else:
        found = model(*inputs) if isinstance(inputs, tuple | list) else model(inputs)
    found = getattr(found, "logits", getattr(found, "last_hidden_state", found))
    return list(_numbers(found))


def _numbers(outputs: Any) -> Iterator[Tensor]:
    """Yield the tensors of numbers in what a model gives, however it is nested."""
    if isinstance(outputs, Tensor):
        if outputs.is_floating_point() or outputs.is_complex():
            yield outputs
    elif isinstance(outputs, Mapping | tuple | list):
        for part in outputs.values() if isinstance(outputs, Mapping) else outputs:
            yield from _numbers(part)
    elif hasattr(outputs, "__dict__"):
        yield from _numbers(vars(outputs))


def _readers(
    model: nn.Module, norms: Mapping[str, nn.Module], inputs: Batch
) -> tuple[dict[str, dict[str, nn.Module]], list[Tensor]]:
    """Return the linear layers that read nothing but a normalisation, and the model's outputs."""
    written: dict[int, str] = {}  # where the output of a normalisation lies in memory
    alive: list[Tensor] = []  # so that no memory is used twice
    read: dict[str, set[str | None]] = {}

    def note_written(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            alive.append(output)
            written[output.untyped_storage().data_ptr()] = name

        return hook

    def note_read(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            alive.append(given[0])
            source = written.get(given[0].untyped_storage().data_ptr())
            read.setdefault(name, set()).add(source)

        return hook

    linears = {name: m for name, m in model.named_modules() if _is_linear(m)}
    hooks = [m.register_forward_hook(note_written(name)) for name, m in norms.items()]
    hooks += [m.register_forward_pre_hook(note_read(name)) for name, m in linears.items()]
    try:
        outputs = [x.clone() for x in _call(model, inputs)]
    finally:
        for hook in hooks:
            hook.remove()
    readers: dict[str, dict[str, nn.Module]] = {name: {} for name in norms}
    for linear, sources in read.items():
        for source in sources - {None}:
            readers[str(source)][linear] = linears[linear]
    for sources in read.values():
        if len(sources) > 1:
            for source in sources - {None}:
                readers[str(source)] = {}
    return readers, outputs


def _used_twice(model: nn.Module) -> set[str]:
    """Return the names of parameters whose memory is that of another name too."""
    places = {n: memory_of(p) for n, p in model.named_parameters(remove_duplicate=False)}
    found: set[str] = set()
    farthest = ""  # the name whose memory ends last of those that begin before
    for name in sorted(places, key=lambda name: places[name]):
        device, start, end = places[name]
        before = places.get(farthest, ("", 0, 0))
        if before[0] == device and start < before[2] and start < end:
            found |= {name, farthest}
        if before[0] != device or end > before[2]:
            farthest = name
    return found


def _obstacle(
    name: str, norm: nn.Module, readers: Mapping[str, nn.Module], shared: set[str]
) -> str:
    """Return why a normalisation cannot be folded, an empty text if it can."""
    if not readers:
        return "no linear layer reads it alone"
    tied = [reader for reader in readers if f"{reader}.weight" in shared]
    if tied:
        return f"the matrix of {tied[0]} is used elsewhere"
    if f"{name}.weight" in shared:
        return "its weight is used elsewhere"
    if _keeps_bias(norm, readers) and bool((norm.weight == 0).any()):  # type: ignore[union-attr]
        return "its bias can be moved nowhere"
    return ""


def _keeps_bias(norm: nn.Module, readers: Mapping[str, nn.Module]) -> bool:
    """Return whether a normalisation has a bias that some linear layer cannot take."""
    has_bias = norm._parameters.get("bias") is not None
    return has_bias and any(m._parameters.get("bias") is None for m in readers.values())


def _is_same_folded(
    model: nn.Module,
    norm: nn.Module,
    readers: Mapping[str, nn.Module],
    inputs: Batch,
    outputs: list[Tensor],
) -> bool:
    """Return whether the model's outputs stay the same when a normalisation is folded."""
    with held_still(norm, *readers.values(), weights=True):
        _fold(norm, readers)
        return all(map(_same, _call(model, inputs), outputs))


@torch.no_grad()
def _fold_all(pairs: Sequence[tuple[nn.Module, Mapping[str, nn.Module]]]) -> None:
    """Fold normalisations, all of them or, if something comes between, none."""
    touched = [module for norm, readers in pairs for module in (norm, *readers.values())]
    state = ModelState(*touched, weights=True)
    try:
        for norm, readers in pairs:
            _fold(norm, readers)
    except BaseException:
        state.restore()
        raise
    state.restore_gradients()


def _fold(norm: nn.Module, readers: Mapping[str, nn.Module]) -> None:
    weight: Tensor = norm.weight.data  # type: ignore[assignment]
    given = norm._parameters.get("bias")
    keeps = _keeps_bias(norm, readers)
    for module in readers.values():
        # (outputs, inputs), a view
        matrix: Tensor = module.weight.data  # type: ignore[assignment]
        matrix = matrix if isinstance(module, nn.Linear) else matrix.T
        if given is not None and not keeps:
            module.bias.data.add_(matrix @ given.data)  # type: ignore[operator]
        matrix.mul_(weight)
    if given is not None:
        del norm.bias
        if keeps:
            norm.register_parameter("bias", nn.Parameter(given.data / weight))
        else:
            norm.register_buffer("bias", torch.zeros_like(given.data))
    del norm.weight
    norm.register_buffer("weight", torch.ones_like(weight))


def _same(found: Tensor, wanted: Tensor) -> bool:
    """Return whether outputs are equal to float error."""
    if not wanted.numel():
        return True
    eps = torch.finfo(wanted.dtype).eps
    error = (found - wanted).abs().max()
    # halves that a model in float32 gives are rounded once, at their end
    return bool(error <= (8 if eps > 1e-4 else 1e3) * eps * wanted.abs().max())
