"""Whose code something is, and what code reads."""

import dis
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sklearn_learnability._validation import PACKAGE

INSTALLED = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
LIBRARIES = (PACKAGE, *(f"{path}{os.sep}" for at in INSTALLED for path in (at, at.resolve())))
#: Of a class: without bearing on what its instances do.
NOT_BEHAVIOUR = {
    *("__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__qualname__"),
    *("__firstlineno__", "__static_attributes__", "__slots__", "__match_args__", "_abc_impl"),
    *("__dataclass_fields__", "__dataclass_params__", "__abstractmethods__", "__parameters__"),
    *("__orig_bases__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
}


def globals_read(code: CodeType, held: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what code reads from its module, and from other modules that are no libraries."""
    codes = [code]
    for inner in codes:
        codes += [constant for constant in inner.co_consts if isinstance(constant, CodeType)]
        read = {i.argval for i in dis.get_instructions(inner) if i.opname == "LOAD_GLOBAL"}
        for name in sorted(read & held.keys()):
            value = held[name]
            yield name, value
            if isinstance(value, ModuleType) and not is_library(value):
                for attribute in sorted(set(inner.co_names) & vars(value).keys()):
                    yield attribute, getattr(value, attribute)


def is_behaviour(name: str, part: Any) -> bool:
    """Return whether a part of a class bears on what its instances do."""
    generated = isinstance(part, FunctionType) and part.__code__.co_filename == "<string>"
    descriptor = type(part).__name__ in ("member_descriptor", "getset_descriptor")
    return name not in NOT_BEHAVIOUR and not generated and not descriptor


def full_name(value: Any) -> str:
    """Return the module and name of a function, class or module."""
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    return f"{getattr(value, '__module__', None)}.{name}"


def is_library(module: ModuleType) -> bool:
    """Return whether a module is installed, or built into Python, and not the user's own."""
    file = getattr(module, "__file__", None)
    return module.__name__ != "__main__" and (file is None or is_library_file(file))


def is_library_file(name: str) -> bool:
    """Return whether a file is of a package that is installed, not of the user's own code."""
    return name.startswith(LIBRARIES) or name.startswith("<frozen")


def is_of_library(value: Any) -> bool:
    """Return whether a library holds a function or class under its name."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    found: Any = module
    for name in getattr(value, "__qualname__", "<none>").split("."):
        found = getattr(found, name, None)
    return module is not None and found is value and is_library(module)
