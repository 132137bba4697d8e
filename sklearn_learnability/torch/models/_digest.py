"""Digests of what a result depends on: models, rows, losses, settings, down to the last byte."""

import copyreg
import hashlib
import inspect
import json
import weakref
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from sklearn_learnability.torch.models._data_rows import DataRows, data_rows
from sklearn_learnability.torch.models._devices import inner_tensors, weights_in_memory
from sklearn_learnability.torch.models._whose_code import (
    attribute,
    codes_in,
    full_name,
    globals_read,
    is_behaviour,
    is_library,
    is_library_file,
    is_of_library,
)

ROWS_AT_ONCE = 1024
PLAIN = (type(None), bool, int, float, complex, str, bytes)
WEIGHTS = (Tensor, torch.ScriptObject)
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
#: Of a module: kept elsewhere, told in another way, or without bearing on what it returns.
NOT_STATE = {
    *("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "training"),
    *("_non_persistent_buffers_set", "_backward_pre_hooks", "_backward_hooks"),
    *("_is_full_backward_hook", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    *("_forward_pre_hooks_with_kwargs", "_state_dict_hooks", "_state_dict_pre_hooks"),
    *("_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_compiled_call_impl"),
    *("generation_config", "name_or_path", "warnings_issued", "hf_device_map"),
    *("_hf_hook", "_old_forward", "_is_hf_initialized", "_weight_conversions", "_use_kernels"),
    "store_key",
}
#: What accelerate puts in the place of a module's own methods, as it calls them elsewhere.
DISPATCHED = {"forward", "to", "cuda", "npu", "xpu", "mlu", "sdaa", "musa"}
CONFIGURATIONS = ("transformers.configuration_utils", "transformers.generation.configuration_utils")
#: Of a configuration of transformers: where it lay and who wrote it.
NOT_CONFIGURED = {
    *("_name_or_path", "name_or_path", "_commit_hash", "transformers_version"),
    *("architectures", "dtype"),  # told by the model
}


def digest(value: Any, what: str, still: Collection[int] = ()) -> str:
    """Return a digest of a value, of the same kind in every process and on every device.

    Tensors and arrays are told by their type, shape and bytes; data sets and data loaders by all
    their rows, in order; modules by their class, parameters, buffers and attributes; functions by
    their code, defaults, closures and the globals they read; modules of the user's own by what
    the code that was met reads of them; what a library defines by its name; other objects by what
    pickle keeps of them. An attribute `store_key` stands for the object that has it, of a module
    for all but its parameters and buffers. The mode of a module counts, but not of the value itself
    and of those whose ids are in `still`, which are held in evaluation mode.

    Raises
    ------
    ValueError
        If something in the value cannot be told from others of its kind.
    """
    of_value = map(id, value.modules()) if isinstance(value, nn.Module) else ()
    walk = Walk(what, {*still, *of_value})
    try:
        return walk.whole(value).hex()
    except RecursionError:
        walk.refuse(value, "what it holds is nested too deeply")


class Walk:
    """One walk through a value and all it holds; what is met twice is described once."""

    def __init__(self, what: str, still: Collection[int] = ()) -> None:
        self.what, self.still = what, still
        self.known: dict[int, tuple[Any, bytes]] = {}  # with the value, or its id could be reused
        self.above: list[int] = []
        self.modules_above = 0
        self.names: list[str] = []  # the way from the value to what is being described
        self.own: dict[str, ModuleType] = {}  # the user's modules that were met
        self.read: set[str] = set()  # names that the code met reads, of whatever

    def whole(self, value: Any) -> bytes:
        """Return the digest of a value and of what its code reads of the user's modules."""
        found = [self.of(value)]
        seen: set[tuple[str, str]] = set()
        while new := sorted(
            {(at, name) for at, own in self.own.items() for name in self.read & vars(own).keys()}
            - seen
        ):
            seen.update(new)
            found += [combined(at, *self._named(n, vars(self.own[at])[n])) for at, n in new]
        return combined(*found)

    def of(self, value: Any) -> bytes:
        """Return the digest of a value."""
        if isinstance(value, np.generic):
            value = value.item()
        if type(value) in PLAIN:
            return combined(type(value).__name__, repr(value))
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.above:
            return combined("above", str(len(self.above) - self.above.index(id(value))))
        self.above.append(id(value))
        found = combined(*self._parts(value))
        self.above.pop()
        self.known[id(value)] = value, found
        return found

    def _parts(self, value: Any) -> Iterator[Any]:
        """Yield texts, bytes and digests that tell a value from others."""
        named = attribute(value, "store_key") if not isinstance(value, type) else None
        if isinstance(value, nn.Module):
            yield from self._module(value, named)
        elif named is not None:
            yield from ("key", self.of(named))
        elif isinstance(value, Tensor):
            yield from self._tensor(value)
        elif isinstance(value, np.ndarray):
            yield from self._array(value)
        elif isinstance(value, DataRows | Dataset | DataLoader):
            yield from self._rows(value)
        elif isinstance(value, Mapping) and type(value).__module__ in ("builtins", "collections"):
            yield from (type(value).__name__, *map(self.of, value.items()))
            yield self.of(attribute(value, "default_factory"))
        elif type(value) in (list, tuple, deque):
            yield from (type(value).__name__, *map(self.of, value))
        elif type(value) in (set, frozenset):
            yield from (type(value).__name__, *sorted(map(self.of, value)))
        elif isinstance(value, type):
            yield from self._class(value)
        else:
            yield from self._other(value)

    def _tensor(self, value: Tensor) -> Iterator[Any]:
        if value.is_meta:
            self.refuse(value, "its values are not in memory")
        if inner := inner_tensors(value):
            yield from ("wrapped", self.of(type(value)), str(value.dtype), str(tuple(value.shape)))
            yield from map(self.of, inner)
            return
        if value.is_nested:
            yield from ("nested", *map(self.of, value.unbind()))
            return
        strided = value.detach() if value.layout is torch.strided else value.detach().to_dense()
        strided = strided.dequantize() if strided.is_quantized else strided
        host = strided.cpu().resolve_conj().resolve_neg().contiguous()
        yield from ("tensor", str(value.dtype), str(tuple(value.shape)))
        yield host.flatten().view(torch.uint8).numpy().data

    def _array(self, value: np.ndarray) -> Iterator[Any]:
        yield from ("array", repr(value.dtype.descr), str(value.shape))
        if isinstance(value, np.ma.MaskedArray):
            yield self.of(np.ma.getmaskarray(value))
        if value.dtype.hasobject:
            yield from map(self.of, value.ravel().tolist())
        else:
            yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data

    def _rows(self, value: Any) -> Iterator[Any]:
        rows = value if isinstance(value, DataRows) else data_rows(value)
        size = ROWS_AT_ONCE if rows.in_memory else rows.batch_size or 64
        yield from ("rows", str(rows.n))
        for part in torch.arange(rows.n).split(size):
            yield Walk(self.what).of(rows.take(part))  # a walk of its own keeps no batch

    def _module(self, value: nn.Module, named: Any) -> Iterator[Any]:
        value = getattr(value, "_orig_mod", value)  # what torch.compile holds
        if not self.modules_above:
            yield from shared_tensors(value)
        self.modules_above += 1
        yield "module"
        with weights_in_memory(value) as offloaded:
            for name, tensor in [*value._parameters.items(), *value._buffers.items()]:
                if offloaded:  # a walk of its own keeps no weight
                    yield from (name, Walk(self.what).of(tensor))
                else:
                    yield from self._named(name, tensor)
        for name, child in value._modules.items():
            yield from self._named(name, child)
        if named is not None:
            yield self.of(named)
        elif isinstance(value, torch.jit.ScriptModule):
            yield from self._script(value)
        else:
            yield self.of(type(value))
            yield str(value.training and id(value) not in self.still)
            yield from self._attributes(self._module_state(value))
            hooks = [hook for kind in HOOKS for hook in getattr(value, kind).values()]
            codes = [getattr(hook, "__code__", None) for hook in hooks]
            for hook, code in zip(hooks, codes, strict=True):
                if code is None or not is_library_file(code.co_filename):
                    yield self.of(hook)
        self.modules_above -= 1

    def _script(self, value: torch.jit.ScriptModule) -> Iterator[Any]:
        """Yield the code of every method, its constants, and the attributes that it reads."""
        compiled: Any = value._c
        read: set[str] = set()
        for name in sorted(compiled._method_names()):
            method = compiled._get_method(name)
            code, constants = method.code_with_constants
            yield from (name, code, self.of(constants))
            read.update(n.s("name") for n in method.graph.findAllNodes("prim::GetAttr"))
        held: tuple[Any, ...] = (value._parameters, value._buffers, value._modules)
        elsewhere = {"training", *(name for kind in held for name, _ in kind.items())}
        for name in sorted(name for name in read - elsewhere if compiled.hasattr(name)):
            yield from self._named(name, compiled.getattr(name))

    def _module_state(self, value: nn.Module) -> dict[str, Any]:
        try:
            state = value.__getstate__()
        except Exception:  # of a module that can be saved by its state_dict alone
            state = vars(value)
        held = dict(state) if isinstance(state, Mapping) else {"state": state}
        dispatched = "_hf_hook" in held
        private = is_of_library(type(value))  # notes that a library makes as it goes along
        return {
            name: held[name]
            for name in held
            if name not in NOT_STATE
            and not (dispatched and name in DISPATCHED)
            and not (private and name.startswith("_") and not isinstance(held[name], WEIGHTS))
        }

    def _attributes(self, state: Mapping[Any, Any]) -> Iterator[Any]:
        for name in sorted(state, key=str):
            yield from self._named(str(name), state[name])

    def _class(self, value: type) -> Iterator[Any]:
        yield from ("class", value.__module__ if is_of_library(value) else "", value.__qualname__)
        if not is_of_library(value):
            yield from map(self.of, value.__bases__)
            yield from self._attributes(
                {name: part for name, part in vars(value).items() if is_behaviour(name, part)}
            )

    def _function(self, value: FunctionType) -> Iterator[Any]:
        yield "function"
        self.read.update(name for code in codes_in(value.__code__) for name in code.co_names)
        yield from self._code(value.__code__)
        yield self.of(value.__defaults__)
        yield self.of(value.__kwdefaults__)
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:  # a name that is bound later
                yield "empty"
            else:
                yield from self._named(name, held)
        yield from self._attributes({k: v for k, v in vars(value).items() if k != "__wrapped__"})
        if not is_library_file(value.__code__.co_filename):
            for name, held in globals_read(value.__code__, value.__globals__):
                yield from self._named(name, held)

    def _code(self, value: CodeType) -> Iterator[Any]:
        n_named = value.co_argcount + value.co_kwonlyargcount
        counts = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)
        stars = value.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        yield from (value.co_code, value.co_exceptiontable, repr(value.co_names))
        yield repr((counts, stars, value.co_varnames[:n_named]))
        for constant in value.co_consts:
            if isinstance(constant, CodeType):
                yield combined(*self._code(constant))
            else:
                yield self.of(constant)

    def _other(self, value: Any) -> Iterator[Any]:
        if isinstance(value, BuiltinFunctionType) and not isinstance(
            value.__self__, ModuleType | type(None)
        ):
            yield from ("method", self.of(value.__self__), value.__name__)
        elif isinstance(value, ModuleType):
            if not is_library(value):
                self.own[value.__name__] = value
            yield from ("name", value.__name__)
        elif is_of_library(value) or isinstance(value, BuiltinFunctionType):
            yield from ("name", full_name(value))
        elif type(value).__module__ == "torch._ops":  # an operator
            yield from ("name", str(value))
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, MethodType):
            yield from ("method", self.of(value.__self__), self.of(value.__func__))
        elif isinstance(value, partial):
            yield from ("partial", self.of(value.func), self.of(value.args))
            yield self.of(value.keywords)
        elif isinstance(value, staticmethod | classmethod):
            yield from (type(value).__name__, self.of(value.__func__))
        elif isinstance(value, property):
            yield from ("property", *map(self.of, (value.fget, value.fset, value.fdel)))
        elif isinstance(value, torch.device):
            yield "device"  # another device is no other result
        elif isinstance(value, torch.Generator):
            yield from ("generator", self.of(value.get_state()))
        elif attribute(value, "__wrapped__") is not None:  # a cache
            yield from ("wrapped", self.of(value.__wrapped__))
        elif isinstance(value, weakref.ref):
            yield from ("reference", self.of(value()))
        elif isinstance(value, Path):
            yield from ("path", str(value.absolute()))
        elif any(base.__module__ in CONFIGURATIONS for base in type(value).__mro__):
            held = {k: v for k, v in value.to_dict().items() if k not in NOT_CONFIGURED}
            yield from ("configuration", self.of(type(value)))
            yield json.dumps(held, sort_keys=True, default=lambda part: self.of(part).hex())
        else:
            yield from self._pickled(value)

    def _pickled(self, value: Any) -> Iterator[Any]:
        """Describe an object by what pickle keeps of it."""
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            reduced = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception as error:  # whatever an object raises that cannot be copied
            self.refuse(value, str(error))
        if isinstance(reduced, str):
            yield from ("name", full_name(type(value)), reduced)
            return
        make, arguments, *rest = reduced
        state, items, pairs = [*rest, None, None, None][:3]
        yield from ("object", self.of(type(value)), self.of(make), self.of(arguments))
        if isinstance(state, Mapping):
            yield from self._attributes(state)
        else:
            yield self.of(state)
        yield from map(self.of, items or ())
        yield from map(self.of, pairs or ())

    def _named(self, name: str, value: Any) -> tuple[str, bytes]:
        """Return a name and the digest of what it stands for."""
        self.names.append(name)
        found = self.of(value)
        self.names.pop()
        return name, found

    def refuse(self, value: Any, reason: str) -> NoReturn:
        """Raise the error for what cannot be told from others, with the way to it."""
        kind = type(value).__qualname__
        what = f"one whose {'.'.join(self.names[:5])} is a {kind}" if self.names else f"a {kind}"
        raise ValueError(
            f"Expected a {self.what} that a store can tell from others, got {what}: {reason}. Give "
            f"the {self.what} an attribute store_key, a text that you change whenever it changes, "
            "or pass no store."
        )


def combined(*parts: Any) -> bytes:
    """Return one digest of texts and bytes, where each begins and ends included."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.digest()


def shared_tensors(module: nn.Module) -> Iterator[str]:
    """Yield the names under which a module holds a tensor that it holds under others before."""
    first: dict[int, str] = {}
    named: Iterable[tuple[str, Tensor]] = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    for name, tensor in named:
        if first.setdefault(id(tensor), name) != name:
            yield from (first[id(tensor)], name)
